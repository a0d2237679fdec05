# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · The user study
#
# > "we randomly select eight audio samples to drive the 3D face animations. [...] We invite 14 participants to rate the
# > facial motion naturalness and audio-visual synchronization. [...] Participants rate the mean opinion score (MOS) using a
# > 1-5 scale, with higher scores indicating better results. Figure 5 reports the results of user studies." (section 5.3,
# > shortened)
#
# A program cannot be a participant, so there are no scores here until people have given some. What is here is what they
# need: the films, a page that shows them in random order without saying what made them, a file that loses no answer, and
# the analysis. **To rate**, run this notebook in JupyterLab: the page then appears in place of the picture below.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"
rater = None  # who rates, a name or pseudonym; the page asks for it if there is none
ratings = None  # the file of ratings; None is ratings.csv in the run's own folder

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="11_user_study", extra=["rater", "ratings"])
session

# %% [markdown]
# ## The films
# Eight sentences that no method was trained on, each by the three methods of Fig. 5, by ours, and as recorded. The networks
# are those of Table 1, first seed. Where a method reads a talking style, it is shown another sentence of the same speaker in
# the same mode. A film is named by a hash and drawn once.

# %%
from a2f.ratings import choose_clips, plan_films, rated_methods

config, dataset = session.preset, session.dataset
root = None if session.data_root is None else str(session.data_root)
methods = rated_methods(config, dataset, session.runs, seed=session.seed, root=root, progress=session.progress)
sentences = {clip.sentence for clip in dataset.split("test")}
clips = choose_clips(dataset, 2 if session.preset_name == "smoke" else min(8, len(sentences)), session.seed)
films = plan_films(methods, clips, session.out / "rating_films")
print(f"{len(films)} films: {len(clips)} sentences by {', '.join(methods)}; {session.data_label}")
print(f"{min(clip.duration for clip in clips):.1f} to {max(clip.duration for clip in clips):.1f} s each")

# %% [markdown]
# ## Rate
# Every film comes once, and is asked about twice. Seed and rater decide the order, so each rater has another. An answer is
# on the disk before the next question appears: whoever stops, or whose kernel dies, goes on from there under the same name.
# Where no one can press a button, this shows the first frames of the first two films of one rater, as the page has them.

# %%
from pathlib import Path

from IPython.display import Image

from a2f.ratings import RatingTool, draw_films, places, still

path = session.out / "ratings.csv" if ratings is None else Path(ratings)
order = places(films, rater or "first rater", session.seed)
if session.progress:
    draw_films(films, methods, dataset, seed=session.seed)
    shown = RatingTool(films, path, seed=session.seed, rater=rater)
else:
    first_two = list(dict.fromkeys(place.film for place in order))[:2]
    draw_films(first_two, methods, dataset, seed=session.seed, progress=False)
    caption = "What a rater sees at the first two films, before they are played: nothing says which method made them."
    session.save_figure(still(order), "rating_page", {"films": len(films), "questions": len(order)}, caption)
    shown = Image(session.figures / "rating_page.png")
shown

# %% [markdown]
# ## What the ratings say
# A method's score is the mean over raters of each rater's mean, with the 95 % interval of Student's t over raters. Methods
# are compared on the sentences that a rater rated for both: by Wilcoxon's signed-rank test on the raters' mean differences,
# or, with fewer than six raters, where that test could not find anything, by a sign test over sentences, which tells of
# these raters only. Run this cell again after rating.

# %%
from a2f.plotting.opinions import plot_opinions
from a2f.ratings import CRITERIA, analyse, as_text

figure = None
if path.is_file():
    analysis = analyse(path)
    print(as_text(analysis))
    scores = {
        criterion: {one.method: (one.mean, one.low, one.high) for one in analysis.opinions if one.criterion == criterion}
        for criterion in CRITERIA
    }
    figure = plot_opinions({name: found for name, found in scores.items() if found}, len(analysis.raters))
    caption = f"Mean opinion scores and 95 % intervals over raters ({len(analysis.raters)}), {session.data_label}."
    # who the raters are stays in their file
    numbers = {"raters": len(analysis.raters), "opinions": analysis.opinions, "comparisons": analysis.comparisons}
    session.save_figure(figure, "user_study", numbers, caption)
else:
    print("no ratings yet: nobody has rated these films")
    numbers = {"raters": 0, "opinions": [], "comparisons": []}
session.save_result("user_study", numbers)
figure

# %% [markdown]
# ## Check
# Every film and criterion has exactly one place, raters get different orders, and nothing that a rater sees names a method.

# %%
import re

from a2f.ratings import SCALE, page_texts

raters = [f"rater {number}" for number in range(1, 15)]  # as many as the paper had
orders = [places(films, name, session.seed) for name in raters]
for one in orders:
    asked = {(place.film.sentence, place.film.method, place.criterion) for place in one}
    assert len(one) == len(asked) == len(clips) * len(methods) * len(CRITERIA)
    assert [place.position for place in one] == list(range(1, len(one) + 1))
firsts = {tuple(place.film.clip for place in one) for one in orders}
assert len(firsts) == len(raters)
seen = {text for one in orders for place in one for text in (*page_texts(place, len(one)), place.film.path.name)}
named = [name for name in methods for text in (*seen, *SCALE.values()) if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
assert not named, named
print(f"{len(orders[0])} questions a rater; {len(firsts)} raters, {len(firsts)} orders; no method is named")

# %% [markdown]
# ## What differs from the paper
# The paper does not give its films, its sentences or its raters' answers, nor does it say whether the recorded motion was
# among the films; here it is, as the score that could be reached. Its films were made with the style of the input audio,
# which could be the recorded motion itself; here the style is another sentence's. MeshTalk gets it through its expression
# encoder, as section 5.1 of the paper describes it. VOCA and FaceFormer were conditioned on training identities, and a new
# speaker gets the mean over them. The paper reports averages; intervals and tests are added here, p-values adjusted over the
# comparisons of a criterion (Benjamini and Hochberg). The demo corpus is synthetic: even with raters, scores of these films
# would tell nothing of those in Fig. 5.

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
# # 07 · Faces beside each other
#
# > "Mainly, our method exhibits more significant mouth opening and closing movements for pronouncing /b/ and /p/ and more
# > evident pouting movements for pronouncing /w/ and /v/. [...] We observe that our and FaceFormer methods synthesize more
# > intense movements for the lip region and the other facial regions. In contrast, the VOCA and MeshTalk methods tend to
# > synthesize over smooth movements with little variation in intensity." (section 5.3, Fig. 4)
#
# Fig. 4 beside the ground truth, and what it lets one see counted over all test clips.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="07_qualitative")
session

# %% [markdown]
# ## The methods
# The runs of notebook 05, one seed. As in Table 1 the style is another sentence of the same speaker in the same mode: ours
# reads it, and so does MeshTalk through its expression encoder, the path that section 5.1 describes. VOCA and FaceFormer
# know training identities only, and give a new speaker the mean of the faces under all of them.

# %%
from a2f.methods import ExpressionPath, load_method
from a2f.study import Entry, run_study, variants

config, dataset = session.preset, session.dataset
names = {"ours": "Ours", "voca": "VOCA", "meshtalk": "MeshTalk", "faceformer": "FaceFormer"}
entries = {name: Entry(name, variants(config)[name], session.seed) for name in names}
root = None if session.data_root is None else str(session.data_root)
run_study(list(entries.values()), session.runs, root=root, progress=session.progress)
methods = {
    label: load_method(session.runs / entries[name].folder, dataset, session.runs / "features")
    for name, label in names.items()
}
trained = dict(methods)
methods["MeshTalk"] = ExpressionPath(methods["MeshTalk"])


def predicted(method):
    return lambda clip: method.predict(clip, dataset.style_partner(clip, session.seed))


# %% [markdown]
# ## Fig. 4
# The test clip and its frames are chosen by a rule: the first clip with the most of /b/, /p/, /w/, /v/ and an open vowel,
# and the middle of each of them; where a data set has no phones, where the lips are furthest from the neutral face.

# %%
import numpy as np

from a2f.observations import motion_std
from a2f.qualitative import choose_clip, choose_moments, lip_errors, region_std

test, unit = dataset.split("test"), dataset.topology.unit
clip = choose_clip(test)
moments = choose_moments(clip)
print(f"{clip.name}, {clip.text or 'text not known'}: {moments.how}, frames {moments.frames.tolist()}")
faces = {"Ground truth": clip.vertices} | {label: predicted(method)(clip) for label, method in methods.items()}
errors = {label: lip_errors(faces[label], clip, moments.frames) for label in methods}
shown = {label: region_std(motion_std(own), dataset.topology) for label, own in faces.items()}
for label, own in errors.items():
    print(f"{label:13s} lip error " + "  ".join(f"{name} {one:.3g}" for name, one in zip(moments.labels, own, strict=True)))

# %%
from a2f.plotting import plot_faces_and_std

share = {label: own["lips"] / shown["Ground truth"]["lips"] for label, own in shown.items()}
notes = {"Ground truth": [""] * len(moments.frames)}
notes |= {label: [f"{one:.2g} {unit}" for one in own] for label, own in errors.items()}
notes = {label: [*own, f"lips {100 * share[label]:.0f} %"] for label, own in notes.items()}
figure = plot_faces_and_std(faces, clip.topology, moments.frames, moments.labels, clip.template, notes, closeup=True)
session.save_figure(
    figure,
    "fig4_qualitative",
    {
        "clip": clip.name, "text": clip.text, "unit": unit, "frames": moments.frames, "labels": moments.labels,
        "lip error": errors, "standard deviation": shown,
    },
    f"Frames of one test sentence, {session.data_label}: {clip.text or clip.name} Under each its lip error; at the right how "
    "far each vertex strays over time, on one scale, and the lips' movement as a share of the truth's.",
)  # fmt: skip
figure

# %% [markdown]
# ## Over all test clips
# `std` is the standard deviation over time, mean over the vertices of a region. Where phones are known: `gap` is how far the
# lips stay apart at p, b and m (0 and below: they touch), `stroke` how far they open from there within 0.2 s, `forward` how
# far they come forward at w.

# %%
from a2f.qualitative import observe, observed_means

rows = {"Ground truth": observe(lambda clip: clip.vertices, test)}
rows |= {label: observe(predicted(method), test) for label, method in methods.items()}
observed = {label: observed_means(own) for label, own in rows.items()}
titles = {"lips": "std lips", "upper_face": "std upper", "face": "std face"}
print(f"{'in ' + unit:13s}" + "".join(f"{titles.get(name, name):>11s}" for name in observed["Ground truth"]))
for label, own in observed.items():
    print(f"{label:13s}" + "".join(f"{value:11.3g}" for value in own.values()))
still = [label for label, own in observed.items() if own["lips"] < 0.05 * observed["Ground truth"]["lips"]]
print(f"held still, with less than a twentieth of the truth's movement: {', '.join(still) or 'none'}")

# %% [markdown]
# Part of what VOCA and FaceFormer lose may be lost in the mean over identities, so the same under each identity by itself
# (mean over identities, this clip).

# %%
from a2f.methods import OneIdentity

single = {}
for label in ("VOCA", "FaceFormer"):
    alone = [OneIdentity(trained[label], i) for i in range(len(trained[label].model.subjects))]
    maps = [region_std(motion_std(one.predict(clip, clip)), dataset.topology) for one in alone]
    single[label] = {region: float(np.mean([one[region] for one in maps])) for region in maps[0]}
    print(f"{label:11s} std of the lips: {single[label]['lips']:.3g} {unit} under one identity, {shown[label]['lips']:.3g} under all")

# %% [markdown]
# ## What section 5.3 says, here
# First minus second, mean over the test clips with its 95 % interval. It is one seed: what is close may turn with another.

# %%
from dataclasses import asdict

from a2f.qualitative import section_5_3

claims = section_5_3(rows)
for seen in claims:
    print(f"{seen.verdict:14s} {seen.claim} ({seen.measure}, {unit})")
    for pair, (mean, half_width) in seen.pairs.items():
        print(f"{'':14s}    {pair:23s} {mean:+.3g} ± {half_width:.2g}")
numbers = {"observed": observed, "one identity": single, "unit": unit, "held still": still, "claims": [asdict(seen) for seen in claims]}
session.save_result("qualitative", numbers)

# %% [markdown]
# ## Check
# Every method moves. On the demo corpus the truth's lips touch at p, b and m, ours has the smallest lip error in this clip, and
# moves lips and face more nearly as much as the truth than FaceFormer and MeshTalk do; VOCA is too near for one seed.

# %%
assert all(own["face"] > 0 for own in observed.values())
if session.preset_name == "demo" and session.dataset_name == "demo":
    assert observed["Ground truth"]["gap"] < 0.5
    every = {label: lip_errors(faces[label], clip, np.arange(clip.num_frames)).mean() for label in methods}
    for label in ("VOCA", "MeshTalk", "FaceFormer"):
        assert every["Ours"] < every[label], label
    for label in ("MeshTalk", "FaceFormer"):
        for region in ("lips", "face"):
            off = {name: abs(np.log(observed[name][region] / observed["Ground truth"][region])) for name in ("Ours", label)}
            assert off["Ours"] < off[label], (label, region)

# %% [markdown]
# ## What differs from the paper
# The paper shows other data, chosen frames and no numbers, and neither says which sentence it shows nor which identity VOCA
# and FaceFormer were given. The ground truth stands beside the methods here, since more movement is better only up to what
# the truth has. A network that learns distances shrinks what it is unsure of, so on the
# demo corpus every row moves less than the truth, the upper face most. "Jaw flapping" is not measured.

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
# # 00 · Quickstart: a wav becomes a talking face
#
# > "This task takes three inputs: a template 3D face of the target person, the driven speech [...], and the driven 3D face
# > sequence. The objective is to synthesize a sequence of 3D face animations." (section 4.1)
#
# The package holds a trained model. Give it a sound, a face and a motion to take the style from; nothing is trained and
# nothing is downloaded here. The sound is of a synthetic voice that the model never heard, the face one that it never
# met. To animate your own wav, put its path in `wav` below, or call `a2f animate speech.wav --out films`.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"
wav = None  # your own recording; None: the sample sentence that comes with the package

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="00_quickstart", extra=["wav"])
session.use_demo_corpus()
session

# %% [markdown]
# ## Animate
# The sentence of the sample has everything to look at: lips that meet (m, p), wide open vowels (*behind*, *house*), a
# rounded one (the oo of *mushrooms*).

# %%
import a2f
from a2f.data.sample import open_sample

animator = a2f.load("demo")
sample = open_sample(fps=animator.config.data.fps)
waveform, rate = (sample.waveform, sample.sample_rate) if wav is None else a2f.read_audio(wav)
# any motion of this topology will do; this one is a calm sentence of a speaker who was in no training
style = next(clip for clip in session.dataset.split("test") if clip.style == "neutral")
animation = animator(waveform, sample.template, style, sample_rate=rate, name="from the sound")
print(f"{animation.num_frames} frames at {animation.fps:g} fps, {animation.vertices.shape[1]} vertices, style {style.name}")
animation

# %% [markdown]
# ## The film, with its sound
# Beside it, for the sample, what the corpus' motion rules want for the aligned phones of the sentence: a synthetic target,
# not a recording. `animation.to_npz(...)` keeps vertices, faces, sound and the blendshape weights.

# %%
from a2f.animation import Animation
from a2f.export.video import write_gif


def every_other(one):
    return Animation(one.vertices[::2], one.fps / 2, one.topology, one.audio, one.sample_rate, name=one.name)


target = Animation(
    sample.vertices, sample.fps, sample.topology, sample.waveform, sample.sample_rate, name="wanted (synthetic rules)"
)
pair = [every_other(one) for one in ([animation] if wav else [animation, target])]
shown = pair[0].side_by_side(pair[1:]) if pair[1:] else pair[0]
film = session.out / "talking.mp4"
shown.to_mp4(film, progress=session.progress)
if wav is None:
    small = session.out / "talking.gif"
    few = [every_other(one) for one in pair]
    write_gif(small, few[0].side_by_side(few[1:]).frames(size=240), few[0].fps, width=480)
    caption = f"The shipped model, an unseen voice and face, beside the synthetic target: {sample.text}"
    session.save_file(film, "talking.mp4", caption=caption)
    session.save_file(small, "talking.gif", caption=caption)

# %% [markdown]
# ## A closure, an open vowel, a rounded one

# %%
from a2f.plotting import plot_frames_strip

first = {phone.symbol: phone for phone in reversed(sample.phones)}
spoken = [first[symbol] for symbol in ("m", "uw", "p", "ao", "ay", "aw")]
times = [(phone.start + phone.end) / 2 for phone in spoken]
rows = {animation.name: animation.vertices, target.name: target.vertices}
if wav is None:
    strip = plot_frames_strip(rows, sample.topology, times, animation.fps, labels=[phone.symbol for phone in spoken])
    session.save_figure(
        strip, "quickstart_faces", {"text": sample.text, "times": times}, f"Frames of: {sample.text} An unseen voice and face."
    )
else:
    strip = animation
strip

# %% [markdown]
# ## The mouth over time

# %%
from a2f.observations import closure_share, mouth_area, mouth_opening
from a2f.plotting import plot_mouth_opening

frames = min(animation.num_frames, sample.num_frames)
opening = {name: mouth_opening(faces[:frames], sample.topology) for name, faces in rows.items()}
figure = plot_mouth_opening(opening, sample) if wav is None else None
figure

# %% [markdown]
# ## The same sentence, other styles
# The style comes from a motion, here one sentence each of a test speaker in four moods. What moves, and how much, changes;
# where the lips must meet, they meet.

# %%
from a2f.observations import motion_std
from a2f.plotting import plot_heat_maps

speaker = style.subject
styles = {clip.style: clip for clip in session.dataset.split("test") if clip.subject == speaker}
moods = {mood: animator(waveform, sample.template, clip, sample_rate=rate) for mood, clip in styles.items()}
maps = {mood: motion_std(one.vertices) for mood, one in moods.items()}
heat = plot_heat_maps(maps, sample.template, sample.topology, "mm", "standard deviation of the movement")
session.save_figure(
    heat,
    "quickstart_styles",
    {mood: {"mean std, mm": float(value.mean())} for mood, value in maps.items()},
    f"The same sentence in the style of four moods of one speaker: how far each part of the face moves. {sample.text}",
)
heat

# %% [markdown]
# ## Check
# The opening follows the target on a voice and a face that were in no training, the lips meet at p, b and m in every mood,
# and silence is silent.

# %%
import numpy as np

if wav is None:
    area = [mouth_area(faces[:frames], sample.topology) for faces in rows.values()]
    correlation = float(np.corrcoef(*area)[0, 1])
    closed = {mood: closure_share(mouth_opening(one.vertices, sample.topology), sample) for mood, one in moods.items()}
    silence = animator(np.zeros(2 * rate, np.float32), sample.template, style, sample_rate=rate)
    rest = float(mouth_area(silence.vertices, sample.topology).max() / area[0].max())
    numbers = {"correlation of the opening area": correlation, "p, b, m closed": closed, "opening in silence": rest}
    session.save_figure(
        figure, "quickstart_mouth", numbers, "How far the lips are apart, from the sound and as the rules want it."
    )
    print(f"correlation {correlation:.2f}; p, b, m closed {closed}; opening in silence {rest:.3f} of the largest")
    assert correlation > 0.8 and min(closed.values()) > 0.8 and rest < 0.02
assert np.isfinite(animation.vertices).all() and animation.vertices.std(axis=0).max() > 0

# %% [markdown]
# ## How good is it?
# Measured on four voices that stay out of training, one of them of a family of its own; the whole table, the limits and
# what the model must not be used for are in its [model card](../a2f/assets/model/README.md).

# %%
from a2f.data.assets import asset
from a2f.files import read_json

for row in read_json(asset("model/evaluation.json"))["rows"]:
    if row["demand"]:
        print(f"{row['quantity']:<52} {row['value']:>7.3f}   asked for {row['demand']:<12} {'holds' if row['holds'] else 'DOES NOT HOLD'}")

# %% [markdown]
# ## What differs from the paper
# The network is the paper's, on the bundled audio encoder (two layers of Whisper tiny.en instead of HuBERT-large), narrower,
# trained on synthetic voices and motion at 60 frames a second. Further choices of its own: the template is only added and
# not embedded, audio features are standardised and in part hidden in training, normalised over the batch as in the released
# code, and the height between the lips has a term of its own in the loss.

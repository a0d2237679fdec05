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
# This notebook trains the paper's model for a short while on the embedded demo corpus, gives it a sound file, a face and
# a motion to take the style from, and draws what comes out. The corpus is **synthetic**: twelve speakers with generated
# motion and synthesised speech. Nothing is downloaded.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="00_quickstart")
session

# %% [markdown]
# ## Train
# A third of the preset's epochs: the lips follow the speech, but do not yet close on every p, b and m. Notebook 04
# trains in full, and notebook 05 shows what comes of it.

# %%
from a2f.training import train

dataset = session.dataset
config = session.preset.replace(name="quickstart", epochs=max(1, session.preset.training.epochs // 3))
run = train(
    config,
    dataset,
    session.runs / "quickstart",
    seed=session.seed,
    cache=session.runs / "features",
    progress=session.progress,
)
print(f"{len(dataset.split('train'))} training clips of {len({c.subject for c in dataset.split('train')})} speakers")

# %% [markdown]
# ## Animate
# A sound file, a face that the model has not met, and another sentence of that speaker to take the style from: these are
# all that `a2f animate speech.wav --style ... --template ...` uses, too.

# %%
import a2f
from a2f.audio import write_wav

clip = dataset.split("test")[0]
wav = session.out / "speech.wav"
write_wav(wav, clip.waveform, clip.sample_rate)

animator = a2f.load(run)
waveform, rate = a2f.read_audio(wav)
animation = animator(waveform, clip.template, dataset.style_partner(clip, session.seed), name="predicted")
print(f"{clip.text!r} ({clip.style}): {animation.num_frames} frames at {animation.fps:g} fps")
animation

# %% [markdown]
# ## Beside the ground truth
# The film has the sound in it. `animation.to_npz(...)` keeps vertices, faces, sound and the blendshape weights.

# %%
from a2f.animation import Animation
from a2f.plotting import plot_frames_strip

truth = Animation(
    clip.vertices, clip.fps, clip.topology, clip.waveform, clip.sample_rate, name="ground truth (synthetic)"
)
film = session.out / "quickstart.mp4"
animation.side_by_side([truth]).to_mp4(film, progress=session.progress)
session.save_file(
    film, "quickstart.mp4", caption=f"After a short training, beside the synthetic ground truth: {clip.text}"
)

middle = {phone.symbol: (phone.start + phone.end) / 2 for phone in clip.phones if phone.symbol != "_"}
rows = {"predicted": animation.vertices, "ground truth (synthetic)": clip.vertices}
times = sorted(middle.values())[:: max(1, len(middle) // 6)][:6]
labels = [next(s for s, t in middle.items() if t == time) for time in times]
strip = plot_frames_strip(rows, clip.topology, times, clip.fps, labels=labels)
strip

# %% [markdown]
# ## The mouth over time

# %%
from a2f.observations import mouth_opening
from a2f.plotting import plot_mouth_opening

opening = {
    "predicted": mouth_opening(animation.vertices, clip.topology),
    "ground truth (synthetic)": mouth_opening(clip.vertices, clip.topology),
}
figure = plot_mouth_opening(opening, clip)
figure

# %% [markdown]
# ## Check
# The mouth opens when that of the ground truth does, on a voice and a face that were not in training.

# %%
import numpy as np

frames = min(len(curve) for curve in opening.values())
correlation = float(np.corrcoef(*(curve[:frames] for curve in opening.values()))[0, 1])
session.save_figure(
    figure,
    "quickstart_mouth",
    {"correlation": correlation},
    "How far the lips are apart, predicted and in the synthetic ground truth, over the sound.",
)
print(f"correlation of the mouth opening: {correlation:.2f}")
if session.preset_name == "demo":
    assert correlation > 0.6
assert np.isfinite(animation.vertices).all() and animation.vertices.std(axis=0).max() > 0

# %% [markdown]
# ## What differs from the paper
# The audio encoder is the bundled first two layers of Whisper tiny.en, not HuBERT-large, which needs a model hub
# (`preset("paper")` asks for it). The network is narrower and trained for minutes, on synthetic data.

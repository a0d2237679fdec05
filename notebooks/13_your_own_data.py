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
# # 13 · Your own data, VOCASET, BIWI and Multiface
#
# > "VOCASET contains 480 3D face sequences obtained from 12 individuals. [...] We adopt the same training, validation, and
# > testing splits for fair comparisons as VOCA." (section 5.1)
#
# Neither VOCASET nor BIWI nor the MeshTalk data may be handed on, so none is embedded. Whoever holds one of them, or recordings of their own, trains and
# measures on them with the same two commands. First, recordings of one's own, on a small example; then the three.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="13_your_own_data")
session.use_demo_corpus()
session

# %% [markdown]
# ## A folder that describes itself
# A template and clips a subject, sound beside the clips, and `a2f.json` for what files cannot say. The example is cut from
# the synthetic corpus: three speakers, the front of their heads, clips of each kind. The documentation of `a2f.data.folder`
# has the layout in full.

# %%
import shutil

from a2f.data.folder_example import write_example

own = session.out / "own_recordings"
shutil.rmtree(own, ignore_errors=True)
write_example(own)
for path in sorted(own.rglob("*")):
    depth = len(path.relative_to(own).parts) - 1
    if depth < 2 or path.suffix in (".npy", ".wav", ".npz"):
        print("    " * depth + path.name)
print("\n" + (own / "a2f.json").read_text())

# %% [markdown]
# ## Is it whole?
# `a2f validate-data folder PATH` on the command line. Every frame is read once: what is missing is named, lengths of sound
# and faces are compared, coordinates that are not finite and faces far from their template are found.

# %%
from a2f.data import survey_folder
from a2f.data.validate import validate

report = validate(survey_folder("folder", own), progress=session.progress)
print(report)
assert report.ok

# %% [markdown]
# ## Where are the lips?
# Errors are taken over regions, and nobody's lips are marked in a new topology. Where no file says where they are, they are
# drawn from the shape of the head; here the example's file is taken away, to see what the shape alone gives. Look before
# you trust a lip error: `--regions FILE` takes index lists, masks or FLAME_masks.pkl instead.

# %%
from a2f.data import open_dataset
from a2f.plotting.region_maps import plot_region_maps

(own / "regions.json").unlink()
data = open_dataset("folder", own, fps=None)
face = data.split("train")[0].template
figure = plot_region_maps(face, data.topology)
sizes = {name: len(ids) for name, ids in data.topology.regions.items()}
session.save_figure(figure, "drawn_regions", sizes, "Lips and upper face as drawn from the shape of a head without marks.")
print(data.topology.region_source)
figure

# %% [markdown]
# ## Train and measure
# `a2f train --preset smoke --dataset folder --data-root PATH --out build/mine` and `a2f evaluate build/mine ...` on the
# command line. Seconds of training on nine clips: enough to see that everything fits, not to speak well.

# %%
from a2f.config import PAPER, SMOKE, on_dataset
from a2f.data import described, limit
from a2f.evaluation import evaluate, means
from a2f.methods import floors, load_method
from a2f.training import train

config = on_dataset(SMOKE, "folder", data.fps)
config = config.replace(batch_size=2, epochs=4 if session.preset_name == "smoke" else 24)
run = train(config, limit(data, config.data), session.runs / "own_recordings", seed=session.seed, progress=session.progress)
found = {"trained": means(evaluate(load_method(run, data, session.runs / "features"), data))}
found |= {floor.name: means(evaluate(floor, data)) for floor in floors(data)}
for name, row in found.items():
    print(f"{name:28s} lip {row['lip_mean']:.2f}, face {row['face']:.2f} {data.topology.unit}")
session.save_result("own_recordings", {"data": described(data), "errors": found})

# %% [markdown]
# ## Animate and take it away
# The run is a model like the one in the box. What leaves: a film, a page that plays offline in any browser, blendshapes
# with animated weights for Blender or an engine (the decoder is linear in W, Eq. 3, so W is a blendshape basis), and numbers.

# %%
import a2f

animator = a2f.load(run)
clip = data.split("test")[0]
animation = animator(clip.waveform, clip.template, clip, sample_rate=clip.sample_rate, name="own recordings")
folder = session.out / "own_files"
error = animation.to_glb(folder / "own.glb")
animation.to_usd(folder / "own.usdc", progress=session.progress)
animation.to_npz(folder / "own.npz")
animation.to_html(folder / "own.html")
for path in sorted(folder.iterdir()):
    print(f"{path.name:12s}{path.stat().st_size / 1e6:7.2f} MB")
print(f"glb: at most {error:.4f} {data.topology.unit} from the vertices; the others hold the numbers themselves")
animation

# %% [markdown]
# ## VOCASET
# 1. Register at voca.is.tue.mpg.de and fetch *Training Data (8 GB)*; put `FLAME_sample.ply` (from the VOCA repository's
#    `template` folder, for the triangles) and `FLAME_masks.pkl` (from the FLAME site, for the lips) beside its files. The
#    exports that FaceFormer and the paper's released code use are read as well.
# 2. `a2f validate-data vocaset /data/vocaset` names what is missing. Two sentences are missing in everybody's copy.
# 3. The two commands:
#
# ```
# hf download facebook/hubert-large-ll60k
# .venv/bin/a2f reproduce --preset paper --dataset vocaset --data-root /data/vocaset
# ```
#
# Or one run on a GPU, with the CUDA build of torch installed: `a2f train --preset paper --dataset vocaset --data-root
# /data/vocaset --out build/vocaset --device cuda`, then `a2f evaluate build/vocaset --dataset vocaset --data-root ...`.
# `--preset demo` does all of it on the bundled audio encoder, without a hub and on a CPU.
#
# ## BIWI and Multiface
# `--dataset biwi` takes the files as ETH delivers them (`faces/`, `audio/`, `rigid_scans/`) or the export that CodeTalker's
# scripts make; `--dataset multiface` takes `tracked_mesh` and `audio` as its downloader leaves them, or arrays and `.obj` as
# the paper's code wants them. Where lips and upper face are is drawn from the template unless a file says so
# (`--regions`). Coordinates come out in millimetres, those of BIWI, whose scale is arbitrary, in thousandths of the head.
#
# ## What the paper's own training takes
# Counted, not measured: operations on shapes alone, and a guess of what one GPU reaches. No GPU has run it here.

# %%
from a2f.estimates import estimate

for name, vertices, clips, seconds, fps in (
    ("vocaset", 5023, 314, 3.6, 30.0),
    ("biwi", 23370, 190, 5.0, 25.0),
    ("multiface", 6172, 412, 3.4, 30.0),
):
    print(f"{name:10s} {estimate(on_dataset(PAPER, name, fps), vertices, clips, seconds)}")

# %% [markdown]
# Faces are read from disk crop by crop and never as a whole: `tools/measure_memory.py` trains an epoch on a generated
# data set of VOCASET's size and prints what it held.

# %% [markdown]
# ## Text against release: what is a setting, and what is not

# %%
from a2f.differences import DIFFERENCES

for one in DIFFERENCES:
    print(f"{one.number:2d} {one.topic:44s} {one.field or 'no setting: ' + one.reason}")

# %% [markdown]
# ## Check

# %%
import numpy as np

again = a2f.Animation.from_npz(folder / "own.npz")
assert np.array_equal(again.vertices, animation.vertices)
assert error < 1e-4 * np.ptp(clip.template, axis=0).max()
assert animation.vertices.std(axis=0).max() > 0
assert found["trained"]["face"] < 3 * found["Neutral face"]["face"]

# %% [markdown]
# ## What differs from the paper
# The paper does not say how its data were read. Splits are the published ones, each with its source; normalisation comes
# from the training split alone; BIWI gets one centre and one scale a subject, not one a frame, unless `scaling=frame` is
# set; recordings whose sound ends early are cut to it instead of being stretched. The readers were written from the formats'
# descriptions and tested on small files of exactly that format; the real files were never at hand.

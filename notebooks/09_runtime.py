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
# # 09 · Runtime
#
# > "Our method takes 0.007 seconds to synthesize 1-second 3D face sequences during inference, while the FaceFormer method
# > takes 0.1 seconds." (section 5.2)
#
# That is a ratio of 14. The paper does not say on what machine, for what length of speech, on what mesh, or whether the
# audio encoder counts. Here: by part and by method, on one CPU thread and on a GPU, with networks of the published sizes.
# Time does not depend on a weight's value, so all but the bundled encoder have random ones.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="09_runtime")
session.use_demo_corpus()
session

# %% [markdown]
# ## What is compared
# Three ways to faces, each with all its parts: this package; the same network computed as the released code computes it
# (style branch at every call, vertices written in several passes); and FaceFormer, whose loop over frames is there twice:
# as published, where every step draws all past frames anew, and with nothing done twice, which gives the same faces.
#
# First the bench in small: does every part of it run. Its times are not printed, since small networks say nothing about
# large ones.

# %%
from a2f.bench.ratios import METHODS, PAPER_RATIO, a_second, lengths, sizes, summary
from a2f.bench.rows import PARTS, measure

quick = measure(quick=True, parts=[part for part in PARTS if part != "runtimes"])  # an extra, which may not be installed
quick["summary"] = summary(quick)
print(f"{len(quick['rows'])} rows: {', '.join(quick['parts'])}")
print(f"meshes of {', '.join(map(str, sizes(quick)))} vertices; {', '.join(map(str, lengths(quick)))} s of speech")

# %% [markdown]
# ## What was measured
# `a2f bench --out figures/studies` writes it, on a machine that should do nothing else meanwhile. Each part has a process of
# its own. Drawn is the first of these; what other machines gave (`--name`) is said below.

# %%
from a2f.bench.stored import stored_benches
from a2f.bench.table import place, reached
from a2f.studies import STORED

benches = stored_benches(STORED)
full = benches.get("bench")
if full is None:
    print("no full measurement is stored; `a2f bench --out figures/studies` makes one. Drawn below: the small networks")
else:
    for one in benches.values():
        others = max(row["others"] for row in one["rows"])
        print(f"{place(one['machine'])}: {reached(one['machine'])}\n   {', '.join(one['parts'])}\n"
              f"   other processes took at most {100 * others:.0f} % of the machine")  # fmt: skip

# %%
from a2f.plotting.runtime import plot_seconds

shown = full or quick
middle = lengths(shown)[len(lengths(shown)) // 2]
figure = plot_seconds(a_second(shown, middle))
if full is not None:
    session.save_figure(
        figure,
        "runtime",
        {"machine": place(full["machine"]), "speech": middle, "methods": a_second(full, middle), "faceformer": full["summary"]["faceformer"]},
        f"Seconds for a second of speech, of {middle:g} s, on {place(full['machine'])}, networks of random weights.",
    )
figure

# %% [markdown]
# ## Does "0.007 against 0.1" hold?
# The paper's ratio is reached where FaceFormer takes 14 times as long.

# %%
from a2f.bench.ratios import on_gpu
from a2f.bench.table import against_faceformer

timed = {place(one["machine"]): one for one in benches.values() if one["summary"]["faceformer"]}
gpus = {name: one for name, one in timed.items() if on_gpu(one)}
processors = {name: one for name, one in timed.items() if not on_gpu(one)}
for name, one in processors.items():
    print(f"{name}\n{against_faceformer(one['summary']['faceformer'], PAPER_RATIO)}\n")

# %% [markdown]
# ## On a GPU
# The paper's times are likely those of a GPU. `a2f bench --device cuda` times training and synthesis there, all methods in
# whole float32 (cuDNN would round to ten bits), faces left on the GPU. Its small networks and single sequences keep a GPU of
# this size waiting for the next call most of the time: time hardly grows with the mesh, and what FaceFormer does frame by
# frame is what takes long.

# %%
for name, one in gpus.items():
    print(f"{name}, torch {one['origin']['versions']['torch']}")
    print(against_faceformer(one["summary"]["faceformer"], PAPER_RATIO))
    session.save_figure(
        plot_seconds(a_second(one, middle)),
        "runtime_gpu",
        {"gpu": name, "speech": middle, "methods": a_second(one, middle), "faceformer": one["summary"]["faceformer"]},
        f"Seconds for a second of speech, of {middle:g} s, on {name} with networks of random weights.",
    )
plot_seconds(a_second(next(iter(gpus.values())), middle)) if gpus else None

# %% [markdown]
# ## A training step
# With the audio encoder frozen: heard anew at every step, as released; with features kept; and as it is done here.

# %%
from a2f.plotting.runtime import plot_training_step

steps = [row for row in shown["rows"] if row["part"] == "training"]
figure = plot_training_step(steps)
if full is not None:
    keys = ("vertices", "method", "median", "memory_mb", "floor", "others")
    session.save_figure(
        figure,
        "runtime_training",
        {"machine": place(full["machine"]), "steps": [{key: row[key] for key in keys} for row in steps],
         "ratios": full["summary"]["ratios"]},
        f"Time and memory of a training step of 8 crops of 100 frames, audio encoder frozen, on {place(full['machine'])}.",
    )
figure

# %% [markdown]
# How many times a2f's time, or memory, the plain ways take, by number of vertices:

# %%
for name, one in processors.items():
    print(name)
    for ratio in one["summary"]["ratios"]:
        bound = "" if ratio["wanted"] is None else f", wanted {ratio['wanted']:g}: {'holds' if ratio['holds'] else 'missed'}"
        print(f"{ratio['what']:45s} {ratio['vertices']:7,d} {ratio['value']:5.1f}{bound}")

# %% [markdown]
# On this GPU the same step takes more than ten times as long as its products alone would: one small call follows the other.
# What saves operations on a processor saves memory there, and hardly any time; bfloat16, which `a2f train --precision
# bfloat16` asks for, adds calls and is slower at this size. On the processor that multiplies it (AVX-512 with bfloat16), it is
# quicker.

# %%
for name, one in gpus.items():
    for row in one["rows"]:
        if row["part"] == "training":
            print(f"{name}: {row['vertices']:7,d} vertices, {row['method']:25s} {1000 * row['median']:6.1f} ms, "
                  f"{row['memory_mb']:6.0f} MB")  # fmt: skip

# %% [markdown]
# ## Long and live sound, another runtime, F-DTW
# What has to stay below a bound, by the shipped model and its encoder; and HuBERT-large by OpenVINO and ONNX Runtime, which
# are an extra of this package. int8 deviates so that it may show, and random weights understate by how much, so `a2f animate`
# measures that on your own sound. How much quicker it is depends on the processor: with instructions made for it (VNNI, AMX)
# OpenVINO is the quickest, without them ONNX Runtime.

# %%
from a2f.bench.table import other_runtimes

for one in benches.values():
    if one["summary"]["limits"] or "runtimes" in one["parts"]:
        print(f"\n{place(one['machine'])}")
    for row in one["summary"]["limits"]:
        bound = "" if row["most"] is None else f", at most {row['most']:g} was wanted: {'holds' if row['holds'] else 'missed'}"
        print(f"{row['what']:75s} {row['value']:8.3g} {row['unit']:2s}{bound}")
    if "runtimes" in one["parts"]:
        print(other_runtimes(one))
session.save_result(
    "runtime",
    {"ratio": PAPER_RATIO, "machines": {name: one["summary"]["faceformer"] for name, one in timed.items()}} if timed else None,
)

# %% [markdown]
# ## A thousand hours of speech
# Recordings do not depend on each other, so that any number of processes may share them (the README says how). Then the bill is
# arithmetic: seconds measured above, times the speech. Put in what a core-hour costs you.

# %%
from a2f.bench.hours import of_speech

HOURS, CORES, PRICE = 1000, 128, 0.05  # of speech; at work; of a core-hour, in your currency
for vertices in sizes(shown) if full is not None else ():
    print(f"{vertices:,} vertices, {HOURS:,} hours of speech, files as npz")
    for one in of_speech(full, vertices, HOURS):
        print(f"   {one.name:32s} {one.core_hours:7,.0f} core-hours, {24 * one.days(CORES):5.1f} hours on {CORES} cores, "
              f"{PRICE * one.core_hours:6,.0f} at {PRICE} a core-hour; {one.gigabytes:6,.0f} GB")  # fmt: skip

# %% [markdown]
# ## Check
# The two ways that are timed compute the same: one objective, and one face. And the stored ratios are those of the
# stored times.

# %%
import torch

from a2f.bench import reference
from a2f.bench.setting import QUICK, audio2face, training_batch

model, batch = audio2face(QUICK.sizes[0], QUICK), training_batch(QUICK.sizes[0], QUICK)
with torch.no_grad():
    objective, _ = model.loss(batch, QUICK.config.training)
    torch.testing.assert_close(objective, reference.loss(model, batch, QUICK.config.training))
    features = model.features(batch.audio, batch.template, model.style(batch.style))
    plain = reference.project(model, features, batch.template).unflatten(-1, (-1, 3))
    torch.testing.assert_close(model.synthesise(features, batch.template), plain)
assert {name for name, _ in a_second(quick, lengths(quick)[0])[sizes(quick)[0]]} == set(METHODS)
assert all(summary(one) == one["summary"] for one in benches.values())

# %% [markdown]
# ## What differs from the paper
# The paper does not name its machine; these are one CPU thread and one GPU. FaceFormer is this package's, on features
# of wav2vec 2.0's size. In the plain path, features reach the mesh's frames before the 1 x 1 convolution and not behind
# it. A pretrained HuBERT takes as long as a random one, so no number here says anything about quality.

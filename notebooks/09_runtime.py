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
# audio encoder counts. Here: by part and by method, on one CPU thread, with networks of the published sizes. Time does
# not depend on a weight's value, so all but the bundled encoder have random ones.

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
# `a2f bench --out figures/studies` writes it, on a machine that should do nothing else meanwhile.

# %%
from a2f.files import read_json
from a2f.studies import STORED

path = STORED / "bench.json"
full = read_json(path) if path.is_file() else None
if full is None:
    print("no full measurement is stored; `a2f bench --out figures/studies` makes one. Drawn below: the small networks")
else:
    machine = full["machine"]
    best = max(row["per_second"] for row in machine["before"]["products"]) / 1e9
    others = max(row["others"] for row in full["rows"])
    print(f"{machine['processor']}, {machine['threads']} thread: {best:.0f} GFLOP/s, {machine['before']['copy'] / 1e9:.0f} GB/s")
    print(f"other processes took at most {100 * others:.0f} % of the machine during a row")

# %%
from a2f.plotting.runtime import plot_seconds

shown = full or quick
middle = lengths(shown)[len(lengths(shown)) // 2]
figure = plot_seconds(a_second(shown, middle))
if full is not None:
    session.save_figure(
        figure,
        "runtime",
        {"speech": middle, "methods": a_second(full, middle), "faceformer": full["summary"]["faceformer"]},
        f"Seconds for a second of speech, of {middle:g} s, on one CPU thread with networks of random weights.",
    )
figure

# %% [markdown]
# ## Does "0.007 against 0.1" hold?
# The paper's ratio is reached where FaceFormer takes 14 times as long.

# %%
VIEWS = {
    "end to end, HuBERT-large": "end_to_end",
    "end to end, bundled encoder": "bundled_encoder",
    "behind the audio encoder": "after_encoder",
}
rows = [] if full is None else full["summary"]["faceformer"]
for name in dict.fromkeys(row["faceformer"] for row in rows):
    print(f"{name} takes so many times as long")
    print(f"{'':37s}" + "".join(f"{length:>7g} s" for length in lengths(full)))
    for vertices in sizes(full):
        for view, key in VIEWS.items():
            own = [row for row in rows if row["faceformer"] == name and row["vertices"] == vertices]
            print(f"{vertices:7,d}  {view:28s}" + "".join(f"{row[key]:9.2f}" for row in own))
for view, key in VIEWS.items() if rows else ():
    reached = [f"{r['vertices']:,} vertices, {r['speech']:g} s" for r in rows
               if r["faceformer"] == "FaceFormer as published" and r[key] >= PAPER_RATIO]  # fmt: skip
    print(f"{view}: a ratio of {PAPER_RATIO:.0f} is reached " + (f"at {'; '.join(reached)}" if reached else "nowhere"))
if rows:
    fastest = min(rows, key=lambda row: row["seconds_a_second"])
    print(
        f"seconds for a second of speech, at best: {fastest['seconds_a_second']:.3f} end to end, "
        f"{min(row['after_encoder_a_second'] for row in rows):.4f} behind the encoder; the paper has 0.007"
    )

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
        {"steps": [{key: row[key] for key in keys} for row in steps], "ratios": full["summary"]["ratios"]},
        "Time and memory of a training step of 8 crops of 100 frames, audio encoder frozen, on one CPU thread.",
    )
    for ratio in full["summary"]["ratios"]:
        bound = "" if ratio["wanted"] is None else f", at least {ratio['wanted']:g} was wanted: "
        bound += "" if ratio["wanted"] is None else ("holds" if ratio["holds"] else "missed")
        print(f"{ratio['what']:45s} {ratio['vertices']:7,d} vertices {ratio['value']:6.1f} times{bound}")
figure

# %% [markdown]
# ## Long and live sound, another runtime, F-DTW
# What has to stay below a bound, by the shipped model and its encoder; and HuBERT-large by OpenVINO and ONNX Runtime, which
# are an extra of this package. int8 deviates so that it may show, and random weights understate by how much, so `a2f animate`
# measures that on your own sound. Without VNNI, a processor cannot multiply 8 bits three times as fast as it does 32.

# %%
for row in () if full is None else full["summary"]["limits"]:
    bound = "" if row["most"] is None else f", at most {row['most']:g} was wanted: {'holds' if row['holds'] else 'missed'}"
    print(f"{row['what']:75s} {row['value']:8.3g} {row['unit']:2s}{bound}")
for row in () if full is None else full["summary"].get("runtimes", ()):
    bound = "" if row["wanted"] is None else f", at least {row['wanted']:g} was wanted: {'holds' if row['holds'] else 'missed'}"
    print(f"{row['encoder']:>14s} by {row['runtime']:16s} {row['speech']:4g} s: {row['value']:5.2f} times as fast as by torch, "
          f"features {row['deviation']:.0e} apart{bound}")  # fmt: skip
session.save_result(
    "runtime",
    None if full is None else {"processor": machine["processor"], "ratio": PAPER_RATIO, "faceformer": rows},
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
if full is not None:
    assert summary(full) == full["summary"]

# %% [markdown]
# ## What differs from the paper
# The paper's times are of a GPU it does not name; these are of one CPU thread. FaceFormer is this package's, on features
# of wav2vec 2.0's size. In the plain path, features reach the mesh's frames before the 1 x 1 convolution and not behind
# it. A pretrained HuBERT takes as long as a random one, so no number here says anything about quality.

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
# # 12 · What Table 1 measures
#
# > "Our method outperforms baseline methods in terms of both speech-driven movements and speech-independent movements.
# > Notice that the scaling of metrics across different datasets is inconsistent due to variations in the scales of the
# > original data." (caption of Table 1)
# >
# > "[...] we took great care to ensure no information leakage between the synthesized 3D face sequences and the testing
# > 3D face sequences." (section 5.1)
#
# Which of the printed numbers can be set beside each other, and how much of an error belongs to the frame rate, to the
# protocol and to choices in which the paper's text and its released code differ. The studies were run once, by
# `make study`, on the synthetic demo corpus; one of their runs is repeated here.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="12_what_table1_measures")
session.use_demo_corpus()
session

# %% [markdown]
# ## The reported table
# As printed. The last column is not the paper's: F-DTW divided by the face error. Errors of different data sets have
# different units, and those of BIWI none (its meshes are scaled), so **only rows of one data set** can be compared.

# %%
from a2f import reported

for data, unit in reported.UNITS.items():
    print(f"{data} ({unit}; {reported.FPS[data]} frames a second in the released code)\n{reported.as_text(data)}\n")

# %% [markdown]
# The caption says that the full model is best throughout. Where it is not, by the printed digits:

# %%
for data, rows in reported.TABLE1.items():
    for metric, title in zip(reported.METRICS, reported.TITLES, strict=True):
        best = min(rows, key=lambda method: rows[method][metric])
        if rows[best][metric] < rows["Ours"][metric]:
            print(f"{data:9s} {title:9s} {best} {rows[best][metric]:g}, Ours {rows['Ours'][metric]:g}")

# %% [markdown]
# ## Why FaceFormer's F-DTW on VOCASET is not comparable
# The table betrays how many frames were summed. The face error is a mean over frames; F-DTW is the *sum* of frame errors
# along the best alignment, not divided by anything. Without gain from warping, F-DTW = frames x face error. So their
# ratio should be the mean length of a test sequence, and nearly the same for every row of a data set.

# %%
from a2f.plotting.studies import plot_implied_frames

frames = {data: {m: reported.implied_frames(data, m) for m in reported.METHODS} for data in reported.TABLE1}
figure = plot_implied_frames(frames)
session.save_figure(
    figure,
    "implied_frames",
    {data: {method: found._asdict() for method, found in rows.items()} for data, rows in frames.items()},
    "F-DTW over the face error in the paper's Table 1, with the range that rounding leaves: the frames behind a row.",
)
figure

# %% [markdown]
# One row stands out by a factor of two. VOCASET has 60 frames a second; FaceFormer's released loader keeps every second
# one. A face error does not mind, a sum does. What the cell would be on as many frames as its neighbours:

# %%
rows = frames["VOCASET"]
others = [rows[method] for method in rows if method != "FaceFormer"]
share = rows["FaceFormer"].value * len(others) / sum(one.value for one in others)
face, ours = reported.printed("VOCASET", "FaceFormer", "face"), reported.printed("VOCASET", "Ours", "f_dtw")
low, high = face.low * min(one.low for one in others), face.high * max(one.high for one in others)
order = "above" if low > ours.high else "below" if high < ours.low else "not apart from"
print(f"FaceFormer was scored on {100 * share:.0f} % of the frames of the other rows")
print(
    f"printed F-DTW {reported.TABLE1['VOCASET']['FaceFormer']['f_dtw']:g} against {ours.value:g} of the paper's model; "
    f"at equal rate {low:.3f} to {high:.3f}, {order} it"
)
faceformer = {"frames_share": share, "f_dtw_at_equal_rate": [low, high], "order_at_equal_rate": order}

# %% [markdown]
# BIWI has a lesser oddity: the paper's own rows imply fewer frames than the baselines'. Warping could gain more on one
# model than on another. The study of protocols below tells how much it gains here: F-DTW per frame over face error.

# %%
import numpy as np

from a2f.studies import expanded, load_study

protocols = load_study("protocols")["rows"]


def remains(runs, name="test"):
    """Return what warping leaves of the face error, mean over clips and rotations."""
    rows = [row for run in runs for row in expanded(run, name)["test"]]
    return float(np.mean([row["f_dtw_per_frame"] / row["face"] for row in rows]))


biwi = frames["BIWI"]
apart = biwi["Ours"].value / np.mean([biwi[m].value for m in ("VOCA", "MeshTalk", "FaceFormer")]) - 1
left = {"ours": remains(protocols["ours"]), "MeshTalk": remains(protocols["meshtalk"])}
gap = left["ours"] / left["MeshTalk"] - 1
print(f"BIWI: ours implies {100 * apart:+.0f} % frames against the baselines' mean")
print(
    f"here: warping leaves {100 * left['ours']:.0f} % for ours, {100 * left['MeshTalk']:.0f} % for MeshTalk, {100 * gap:+.0f} %"
)
print(f"warping alone {'can' if gap <= 0.8 * apart else 'does not'} explain it as far as this corpus tells")

# %% [markdown]
# ## The artefact, made here
# The shipped model speaks at 60 frames a second. The same animations are scored on all frames, then on every second one.

# %%
import a2f
from a2f.data import open_dataset
from a2f.evaluation import evaluate, means
from a2f.features import FeatureCache
from a2f.methods import TrainedModel

animator = a2f.load("demo")
fast = open_dataset("demo", fps=60.0)
shipped = TrainedModel("shipped", animator.model, FeatureCache(animator.encoder, session.runs / "features"))
count = 12 if session.preset_name == "demo" else 4
test = fast.split("test")
clips = test[:: len(test) // count][:count]
scored = {rate: evaluate(shipped, fast, clips=clips, every=int(60 / rate)) for rate in (60, 30)}
for rate, found in scored.items():
    mean = means(found)
    print(
        f"{rate} frames a second: lip {mean['lip_mean']:.2f} mm, face {mean['face']:.2f} mm, F-DTW {mean['f_dtw']:.0f} mm, "
        f"F-DTW per frame {mean['f_dtw_per_frame']:.2f} mm"
    )

# %%
ratio = {
    metric: [a[metric] / b[metric] for a, b in zip(scored[60], scored[30], strict=True)] for metric in ("face", "f_dtw")
}
print(f"60 over 30, {count} clips: face error {np.mean(ratio['face']):.2f}, F-DTW {np.mean(ratio['f_dtw']):.2f}")
print(f"F-DTW over face error: {means(scored[60])['f_dtw'] / means(scored[60])['face']:.0f} at 60, "
      f"{means(scored[30])['f_dtw'] / means(scored[30])['face']:.0f} at 30")  # fmt: skip

# %% [markdown]
# Same faces, same model: the F-DTW of a table says nothing until the frame rate is named. Divided by the number of frames
# it does not change, which is why this companion reports both.

# %% [markdown]
# ## What a protocol is worth
# The released script can take the style from the test clip itself, or try K motions and keep the result nearest to the
# ground truth. Which of them filled Table 1 is not said. Three rotations of the speakers' roles, so six speakers are
# tested on:

# %%
from a2f.protocols import PROTOCOLS

names = tuple(PROTOCOLS)
for name, meaning in PROTOCOLS.items():
    print(f"{name}: {meaning}")
tested = load_study("protocols")["tested"]
print(f"tested: {', '.join(speaker for speakers in tested.values() for speaker in speakers)}")

# %%
METRICS = {"lip_mean": "lip, mean", "upper": "upper face", "face": "face"}
titles = {
    "ours": "Ours",
    "ours, style is the target": "Ours, target as style",
    "meshtalk": "MeshTalk, expression path",
}


def under(row, protocol):
    """Return a row's runs under a protocol; what differs between protocols is the style clip, so it is left out."""
    headline = "expression_test" if row == "meshtalk" else "test"
    runs = [expanded(run, headline if protocol == names[0] else protocol) for run in protocols[row]]
    return [run | {"test": [clip | {"style_clip": ""} for clip in run["test"]]} for run in runs]


def values(runs):
    """Return each metric's value on every rotation."""
    return {metric: [run["test_means"][metric] for run in runs] for metric in METRICS}


groups = {title: {name: values(under(row, name)) for name in names} for row, title in titles.items()}
groups["MeshTalk, speech alone"] = {"any protocol": values([expanded(run) for run in protocols["meshtalk"]])}
print(f"{'mean of three rotations, mm':55s}" + "".join(f"{title:>12s}" for title in METRICS.values()))
for group, rows in groups.items():
    for name, found in rows.items():
        print(f"{group:27s}{name:28s}" + "".join(f"{np.mean(found[metric]):12.3f}" for metric in METRICS))

# %%
from a2f.plotting.studies import plot_rotations

figure = plot_rotations(groups, tuple(METRICS))
session.save_figure(
    figure, "protocols", groups, "The same networks under four protocols, on three rotations of the speakers."
)
figure

# %% [markdown]
# ## The leak as a number
# First protocol against second, paired clip by clip; interval of 95 % over the three rotations. *Self* sees the answer's
# statistics (MeshTalk's expression path the answer itself, frame by frame), the headline those of another sentence;
# *best-of-K* sees the ground truth when it chooses, *random-K* not.
# The K motions are of other speakers in any mode: most hold another expression than the test clip, and only the ground
# truth tells which does not.

# %%
from a2f.comparison import as_numbers, compare


def tell(found, head):
    """Print changes relative to the second error, with half-widths on the same scale and verdicts, a line a row."""
    print(f"{head:38s}" + "".join(f"{title:26s}" for title in METRICS.values()).rstrip())
    for row, own in found.items():
        cells = (f"{100 * d.relative:+6.1f} % ± {100 * d.half_width / d.second:4.1f} {d.verdict}" for d in own.values())
        print(f"{row:38s}" + "".join(f"{cell:26s}" for cell in cells).rstrip())


pairs = {"self": names[0], "best-of-K": "random-K"}
leak = {
    f"{title}: {first}": {metric: compare(under(row, first), under(row, second), metric) for metric in METRICS}
    for row, title in titles.items()
    for first, second in pairs.items()
}
print("; ".join(f"{first} against {second}" for first, second in pairs.items()))
tell(leak, "")

# %%
given = [
    np.concatenate([run["also"][name]["test"]["lip_mean"] for run in protocols["meshtalk"]])
    for name in ("self", "best-of-K")
]
if np.allclose(*given):
    print("MeshTalk gives the same faces whatever motion it is shown: at this budget its categories have collapsed to one")
    print("face, so its rows say nothing about protocols")

# %%
lowest = {name: min(titles, key=lambda row: np.mean(groups[titles[row]][name]["lip_mean"])) for name in names}
for name, row in lowest.items():
    print(f"{name:27s} lowest lip error: {titles[row]}")
spread = [np.mean(found["lip_mean"]) for found in groups["Ours"].values()]
ahead = np.mean(groups["MeshTalk, speech alone"]["any protocol"]["lip_mean"]) - np.mean(
    groups["Ours"][names[0]]["lip_mean"]
)
print(f"choosing the protocol moves Ours by {max(spread) - min(spread):.2f} mm of lip error;")
print(f"MeshTalk driven by speech alone minus Ours under the headline: {ahead:+.2f} mm")

# %% [markdown]
# A row of one protocol must not stand beside a row of another where the protocol moves an error as far as the methods
# are apart.

# %% [markdown]
# ## Text against release, one switch at a time
# The reference is the paper's text at the demo's size, with the demo's learning rate and beta: both were chosen for the
# squared error, which counts against the text's norm. Each row changes one thing to what
# the released code does; the last changes all. All are scored under the headline protocol, ordered by the mean size of
# the three changes.

# %%
release = {row: [expanded(run) for run in runs] for row, runs in load_study("release")["rows"].items()}
text = release["the text"]
effects = {
    row: {metric: compare(runs, text, metric) for metric in METRICS}
    for row, runs in release.items()
    if row != "the text"
}
together = effects.pop("all of them")
effects = dict(sorted(effects.items(), key=lambda item: -np.mean([abs(d.relative) for d in item[1].values()])))
tell(effects | {"all of them": together}, "against the text")

# %%
from a2f.plotting.studies import plot_effects


def drawn(found):
    """Return changes as the figure takes them."""
    return {
        row: {metric: (d.relative, d.half_width / d.second, d.verdict) for metric, d in own.items()}
        for row, own in found.items()
    }


figure = plot_effects(drawn(effects | {"all of them": together}), tuple(METRICS), "the text")
numbers = {row: {metric: as_numbers(d) for metric, d in own.items()} for row, own in effects.items()}
session.save_figure(
    figure, "text_against_release", numbers | {"all of them": {metric: as_numbers(d) for metric, d in together.items()}},
    "What each choice of the released code changes against the paper's text; 95 % interval over three rotations.",
)  # fmt: skip
figure

# %%
decided = [(row, metric) for row, own in effects.items() for metric, d in own.items() if d.verdict != "undecided"]
cells = sum(map(len, effects.values()))
print(
    f"{len(decided)} of {cells} changes of a single switch are beyond their interval; {0.05 * cells:.0f} would be by chance"
)
for row in dict.fromkeys(row for row, _ in decided):
    print(
        f"   {row}: {', '.join(f'{METRICS[metric]} {effects[row][metric].verdict}' for one, metric in decided if one == row)}"
    )
for metric in METRICS:
    summed = sum(own[metric].relative for own in effects.values())
    print(
        f"{METRICS[metric]:10s} single changes add up to {100 * summed:+.0f} %, all together make {100 * together[metric].relative:+.0f} %"
    )

# %% [markdown]
# The release keeps no best weights: it saves every 1000 steps, over one file. Here, for the text's configuration, the
# last weights against those of the best validation:

# %%
last = [expanded(run, "last") for run in load_study("release")["rows"]["the text"]]
checkpoint = {metric: compare(last, text, metric) for metric in METRICS}
tell({"last weights": checkpoint}, "against the best")
same = sum(one["test"] == other["test"] for one, other in zip(last, text, strict=True))
print(f"on {same} of {len(text)} rotations the last are the best")

# %% [markdown]
# ## All 48 differences
# Text, table and released code part in 48 points, by our count. **16 are measured or applied in this notebook**: the seven
# switches above; the checkpoint; the frame rate and the frames behind F-DTW; style from the target, by oracle, and how
# the oracle chooses; the template embedding and the size of beta, below; and the caption, above.
#
# **9 cannot matter here:**
#
# | Difference | Why not |
# |---|---|
# | 1x1 convolution on the audio before resampling, not after | a map of the channels and linear interpolation over time commute; only batch norm's training statistics see another rate |
# | dropout of the audio encoder in training | all its rates are zero |
# | options that no line reads (another quantiser, another L1 weight) | never read |
# | 400 epochs as default | the released scripts pass 120, as the text says |
# | style clips under nine frames give NaN with three statistics | the shortest clip here is several times as long |
# | no model selection, and the test set under the name of a validation set (two points) | nothing is chosen by it, only printed |
# | maximum over masked errors instead of over the mask | equal for masks of zeros and ones |
# | exported meshes scaled by 0.001 | after all metrics |
#
# **10 are left open by the text and done as released in every row here:** one joint linear map for scale and shift; the
# audio projected to K channels; the style encoder twice as wide as the decoder; the decoder's stages; the residual block;
# no stem and no head; the output's scale; normalisation by a mean per axis and one deviation; batch norm trained on crops
# and used on whole clips; unweighted means over sequences.
#
# **13 need other data, weights or budget:**
#
# | Difference | Needs |
# |---|---|
# | which HuBERT, and its last layer before or after the closing layer norm (two points) | HuBERT-large |
# | frozen for eleven epochs, not ten; then trained with its convolutions, at the full rate (two points) | HuBERT-large and a GPU |
# | the data term times 0.1 on BIWI; 190 sequences, not 192; a list of bad recordings that is not used (three points) | BIWI |
# | sentences 1-40 of VOCASET tested, not 21-40; sound stretched to the length of the mesh (two points) | VOCASET |
# | test speakers inside the validation speakers | the MeshTalk data |
# | batches cropped to their shortest sample | clips of very different length |
# | preprocessing, masks, baselines, user study | what was not released |
# | no switch for the ablations | rebuilt from the text in notebooks 05 and 06 |

# %% [markdown]
# ## Template embedding and mean face
# Eq. 1 subtracts the mean face of the style motion, the release the template; W times the template enters every frame,
# although training meets eight heads. Both switched, on six speakers whose heads were not trained on, with floors.

# %%
from a2f.data import limit
from a2f.methods import floors
from a2f.studies import BUDGET, ROTATIONS

corpus = open_dataset()
turned = [limit(corpus, BUDGET.replace(rotation=turn).data) for turn, _ in ROTATIONS]
step = 1 if session.preset_name == "demo" else 20  # clips left out in a smoke run
floor = {}
for turn in turned:
    for method in floors(turn):
        found = means(evaluate(method, turn, clips=turn.split("test")[::step]))
        for metric in METRICS:
            floor.setdefault(method.name, {}).setdefault(metric, []).append(found[metric])
template = {row: [expanded(run) for run in runs] for row, runs in load_study("template")["rows"].items()}
groups = {"trained": {row: values(runs) for row, runs in template.items()}, "without training": floor}
figure = plot_rotations(groups, tuple(METRICS))
session.save_figure(
    figure, "template_and_mean_face", groups, "Mean face and template embedding, and the floors, on unseen heads."
)
figure

# %%
paper = template["mean subtracted, with template"]
corners = {
    row: {metric: compare(runs, paper, metric) for metric in METRICS}
    for row, runs in template.items()
    if runs is not paper
}
tell(corners, "against the paper's own corner")

# %%
upper = {name: np.mean(found["upper"]) for name, found in (groups["trained"] | floor).items()}
for row in template:
    beaten = [name for name in floor if upper[row] < upper[name]] if step == 1 else ["(a smoke run: not compared)"]
    print(f"upper face, {row:37s} {upper[row]:.2f} mm, lower than {', '.join(beaten) or 'no floor'}")

# %% [markdown]
# ## Beta
# The paper gives 1e-4 and compares it with 0. Error and locality over beta, with and without the template embedding.
# Locality is the smallest share of the face that holds 90 % of a motion feature's energy, median over features.

# %%
from a2f.plotting.studies import plot_over_beta
from a2f.studies import BETAS

sparsity = load_study("sparsity")["rows"]
paths = ("with template", "without template")


def at(beta, path):
    """Return the runs of one beta."""
    return [expanded(run) for run in sparsity[f"beta {beta:g}, {path}"]]


curves = {
    path: {
        beta: values(at(beta, path))
        | {
            key: [run["locality"][key] for run in at(beta, path)]
            for key in ("share_of_vertices_90", "entries_below_1e_3", "live_features")
        }
        for beta in BETAS
    }
    for path in paths
}
print(
    f"{'':27s}{'lip, mm':>9s}{'upper, mm':>11s}{'face, mm':>10s}{'share for 90 %':>16s}{'small entries':>15s}{'live':>7s}"
)
for path, own in curves.items():
    for beta, found in own.items():
        cells = {key: np.mean(one) for key, one in found.items()}
        print(
            f"{path:18s}{beta:<9g}{cells['lip_mean']:9.3f}{cells['upper']:11.3f}{cells['face']:10.3f}"
            f"{100 * cells['share_of_vertices_90']:14.0f} %{100 * cells['entries_below_1e_3']:13.0f} %"
            f"{cells['live_features']:7.0f}"
        )

# %%
panels = {
    "face": ("face error", "mm"),
    "share_of_vertices_90": ("locality of the motion features", "share of the face holding 90 %"),
}
figure = plot_over_beta(curves, panels)
session.save_figure(
    figure, "sparsity_over_beta", {path: {f"{beta:g}": one for beta, one in own.items()} for path, own in curves.items()},
    "Face error and locality of the motion features over beta, with and without the template embedding.",
)  # fmt: skip
figure

# %%
from a2f.evaluation import interval

against_none = {
    f"{path}, beta {beta:g}": {metric: compare(at(beta, path), at(0.0, path), metric) for metric in METRICS}
    for path in paths
    for beta in BETAS[1:]
}
tell(against_none, "against beta 0")

# %% [markdown]
# Does sparsity help the faces, or the template path? The change from beta 0 to the demo's 1e-3, with the template path
# minus without it, rotation by rotation; below zero where the path is what gains.

# %%
through = {}
for metric in METRICS:
    change = {path: np.subtract(curves[path][1e-3][metric], curves[path][0.0][metric]) for path in paths}
    mean, half = interval(change[paths[0]] - change[paths[1]])
    verdict = (
        "undecided" if abs(mean) <= half else "through the template path" if mean < 0 else "without the template path"
    )
    through[metric] = {"mean": mean, "half_width": half, "verdict": verdict}
    print(f"{METRICS[metric]:10s} {mean:+.3f} ± {half:.3f} mm: {verdict}")
local = {
    path: all(np.less(own[1e-3]["share_of_vertices_90"], own[0.0]["share_of_vertices_90"]))
    for path, own in curves.items()
}
for path, found in local.items():
    print(f"{path}: features {'are' if found else 'are not'} more local with beta 1e-3 on every rotation")

# %% [markdown]
# ## One run again
# The switch "style is the target", first rotation, trained and measured anew.

# %%
from a2f.studies import get_study
from a2f.study import run_study

comparable = session.preset_name == "demo" and session.synthetic
entry = get_study("release", BUDGET if comparable else session.preset).entry("style is the target")
root = None if session.data_root is None else str(session.data_root)
again = run_study([entry], session.runs, root=root, progress=session.progress)[entry.method][0]["test_means"]
stored = load_study("release")["rows"]["style is the target"][0]["test_means"]
if comparable:
    change = {metric: abs(again[metric] / stored[metric] - 1) for metric in METRICS}
    for metric in METRICS:
        print(f"{METRICS[metric]:10s} {again[metric]:.2f} mm, stored {stored[metric]:.2f} mm")
        # another processor rounds otherwise, and training makes of that about what another seed does
        assert change[metric] < 0.15, (metric, again[metric], stored[metric])
    same = max(change.values()) < 1e-6
    print("equal to 1e-6" if same else "not equal to 1e-6: another processor or library")
else:
    print(
        f"preset {session.preset_name}, {again['lip_mean']:.2f} mm of lip error: not the study's size, so not compared"
    )

# %% [markdown]
# ## Check

# %%
assert reported.implied_frames("VOCASET", "FaceFormer").high < 0.55 * reported.implied_frames("VOCASET", "VOCA").low
assert all(1.8 < one < 2.2 for one in ratio["f_dtw"]) and all(abs(one - 1) < 0.05 for one in ratio["face"])
assert min(clip.num_frames for clip in corpus.clips) > 5 * 9  # no style clip is too short for three statistics
assert len(ROTATIONS) == 3 and len({speaker for speakers in tested.values() for speaker in speakers}) == 6
for study in ("protocols", "release", "template", "sparsity"):
    for row, runs in load_study(study)["rows"].items():
        assert [(run["rotation"], run["seed"]) for run in runs] == list(ROTATIONS), (study, row)
target = "ours, style is the target"
assert np.mean(values(under(target, "self"))["lip_mean"]) <= np.mean(values(under(target, names[0]))["lip_mean"])
for row in titles:
    best, drawn_at_random = values(under(row, "best-of-K"))["face"], values(under(row, "random-K"))["face"]
    assert all(one <= other for one, other in zip(best, drawn_at_random, strict=True)), row

# %%
# Every difference as `comparison.as_numbers` gives it, by row and metric. leak: "<method>: <first protocol>" against the
# honest twin. release: row against the text, in the order of their effect. template: against the paper's corner.
# sparsity: "<path>, beta <b>" against beta 0; through: whether its gain is the template path's.
result = {
    "faceformer_on_vocaset": faceformer,
    "rate": {metric: float(np.mean(found)) for metric, found in ratio.items()},  # 60 over 30 frames a second
    "leak": leak,
    "release": effects | {"all of them": together},
    "checkpoint": {"last against best": checkpoint},
    "template": corners,
    "sparsity": against_none,
}
for name in ("leak", "release", "checkpoint", "template", "sparsity"):
    result[name] = {row: {metric: as_numbers(d) for metric, d in own.items()} for row, own in result[name].items()}
session.save_result("what_table1_measures", result | {"through": through, "more_local": local})

# %% [markdown]
# ## What differs from the paper
# All but the reported table is measured on synthetic speech and faces, with a frozen, small audio encoder, at a
# fraction of the paper's training, and a corpus of 52 movements that all speakers share. It shows how large such effects
# can be and which way they go, not how large they are on VOCASET, BIWI or the MeshTalk data.
#
# Not decided here: which protocol filled Table 1; why the paper's rows imply fewer frames on BIWI; how VOCA and MeshTalk
# were ported to other topologies and rates. Three rotations give wide intervals, and with so many comparisons some
# exclude zero by chance, so a single verdict near its interval's end is weak evidence.

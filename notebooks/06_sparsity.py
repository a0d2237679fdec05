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
# # 06 · What W learns: sparsity and locality
#
# > "By incorporating this sparsity regularizer, our method can identify and extract interpretable regions for synthesizing
# > facial movements [...] when the sparsity regularizer is removed, the activated regions of motion features spread across
# > the face." (section 5.4, Fig. 7)
#
# Fig. 7, with a number for how local the features are.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="06_sparsity")
session

# %% [markdown]
# ## Fig. 7
# Each picture is one motion feature: how far it moves every vertex, from blue (not at all) to red. Features are drawn by
# a rule, equally spaced in the upper half of the ranking by strength, not picked by hand.

# %%
import numpy as np

from a2f.locality import locality
from a2f.models import load_model
from a2f.study import Entry, run_study, variants

config, dataset = session.preset, session.dataset
rows = {"with sparsity": "ours", "without sparsity (beta = 0)": "without-regional"}
seeds = range(session.seed, session.seed + config.seeds)
root = None if session.data_root is None else str(session.data_root)
entries = [Entry(name, variants(config)[name], seed) for name in rows.values() for seed in seeds]
results = run_study(entries, session.runs, root=root, progress=session.progress)

face = dataset.topology.region("face")
neutral = np.mean([clip.template for clip in dataset.split("train")], axis=0)
bases = {
    label: [load_model(session.runs / f"{name}-seed{seed}").blendshapes() for seed in seeds]
    for label, name in rows.items()
}
found = {label: [locality(basis, neutral, face) for basis in own] for label, own in bases.items()}
for label, runs in found.items():
    one = runs[0]
    print(
        f"{label:28s} live features {one.live_features} of {one.features}; half of them hold 90 % of their energy in at most "
        f"{100 * one.share_of_vertices_90:.0f} % of the face; Gini {one.gini:.2f}; "
        f"entries below a thousandth {100 * one.entries_below_1e_3:.0f} %"
    )

# %%
from dataclasses import asdict

from a2f.plotting import plot_activation_maps

figure = plot_activation_maps({label: own[0] for label, own in bases.items()}, neutral, dataset.topology, face)
session.save_figure(
    figure,
    "fig7_sparsity",
    {label: [asdict(one) for one in runs] for label, runs in found.items()},
    "The region that each motion feature moves, with and without the sparsity regulariser.",
)
figure

# %%
session.save_result("locality", {label: [asdict(one) for one in runs] for label, runs in found.items()})

# %% [markdown]
# ## Check
# With sparsity, features are more local, on every seed.

# %%
for with_sparsity, without in zip(*found.values(), strict=True):
    assert with_sparsity.entries_below_1e_3 >= without.entries_below_1e_3
    if session.preset_name == "demo" and session.dataset_name == "demo":
        assert with_sparsity.share_of_vertices_90 < 0.6 * without.share_of_vertices_90
        assert with_sparsity.gini > without.gini

# %% [markdown]
# ## What differs from the paper
# Fig. 7 shows pictures without a number and does not say how its features were chosen. Adam with an L1 penalty gives small
# entries, never exact zeros. The motion here lies in 52 face units, so part of the locality is the generator's; symmetric
# units move in pairs, so "local" means a handful of patches. What beta does to the errors, over a range of values, with and
# without W times the template, is in notebook 12.

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
# # 14 · Report: every claim, where it was tested, what was found
#
# > "Comprehensive experiments and user studies demonstrate that our method surpasses contemporary state-of-the-art
# > approaches both qualitatively and quantitatively." (abstract)
#
# The claims of sections 3 to 5 that this companion looks at, with the evidence from the result files of the other
# notebooks and a verdict that follows from them by a rule. The demo corpus is synthetic and decides nothing about
# VOCASET, BIWI or MeshTalk; it decides whether the method does what the paper says it does.

# %% tags=["parameters"]
preset = "demo"  # demo, smoke, paper or release
dataset = "demo"  # the embedded, synthetic corpus; or vocaset, biwi, multiface, folder
data_root = None  # folder of a data set that is not embedded
seed = 0
out_dir = "../build"

# %%
from a2f.session import Session

session = Session.from_parameters(globals(), notebook="14_report")
session

# %% [markdown]
# ## Evidence
# Nothing is computed here: these are the numbers beside the figures of notebooks 01, 02, 05 to 10 and 12.

# %%
from a2f.claims import build_claims

claims = build_claims(
    style_space=session.load_numbers("fig2_style_space"),
    region_graph=session.load_numbers("fig3_region_graph"),
    table1=session.load_result("table1"),
    sparsity=session.load_result("locality"),
    features=session.load_result("audio_features"),
    measured=session.load_result("what_table1_measures"),
    qualitative=session.load_result("qualitative"),
    styles=session.load_result("styles"),
    runtime=session.load_result("runtime"),
    data=session.data_label,
)

# %% [markdown]
# ## Claims and verdicts
# A comparison holds when the 95 % interval over seeds excludes zero for every metric it speaks of, and in part when it
# does for some.

# %%
from textwrap import fill

for number, claim in enumerate(claims, 1):
    print(f"{number}. {claim['claim']} (section {claim['section']}; notebook {claim['notebook']})")
    print(fill(f"paper: {claim['paper']}", 110, initial_indent="   ", subsequent_indent="          "))
    print(fill(f"here:  {claim['here']}", 110, initial_indent="   ", subsequent_indent="          "))
    print(f"   -> {claim['verdict']}\n")

# %%
session.save_report(claims)
verdicts = [claim["verdict"] for claim in claims]
print(", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts)))

# %% [markdown]
# ## Check
# Every claim has evidence and a verdict, and most could be tested here.

# %%
assert len(claims) >= 15 and all(claim["here"] for claim in claims)
assert verdicts.count("not tested here") <= 2 and verdicts.count("cannot be tested on this data") <= 2

# %% [markdown]
# ## What differs from the paper
# The paper gives one number a cell, without seeds, intervals or floors. Its running time is of a machine it does not name,
# this one's of a CPU and of a GPU. People were not asked.

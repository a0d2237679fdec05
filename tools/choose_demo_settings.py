"""Compare settings of the DEMO preset on the validation speakers, and write what was found beside this script.

The test speakers have no say here: only errors on the validation split are read. Run it after the demo corpus or the
model has changed: `python tools/choose_demo_settings.py`. It resumes where it stopped.
"""

from __future__ import annotations

from pathlib import Path

from a2f.config import DEMO
from a2f.files import read_json, write_json
from a2f.origin import commit, versions
from a2f.study import Entry, run_study

ROOT = Path(__file__).resolve().parent.parent
EPOCHS = 15  # a little less than the preset's own; enough to tell settings apart
CHOICES = {
    "the preset": {},
    "beta 0": {"sparsity_weight": 0.0},
    "beta 1e-4 (paper)": {"sparsity_weight": 1e-4},
    "beta 3e-4": {"sparsity_weight": 3e-4},
    "beta 3e-3": {"sparsity_weight": 3e-3},
    "twice the width, half the epochs": {
        "motion_dim": 128,
        "style_stages": ((256, 2, 2), (256, 2, 2)),
        "epochs": EPOCHS // 2,
    },
    "no template embedding": {"template_embedding": False},
}


def main() -> None:
    """Train each choice with one seed, print and store its validation errors."""
    folder = ROOT / "build" / "choose-demo-settings"
    names = {f"choice-{index}": label for index, label in enumerate(CHOICES)}
    entries = [
        Entry(name, DEMO.replace(name=f"demo:{name}", **({"epochs": EPOCHS} | CHOICES[label])), seed=0)
        for name, label in names.items()
    ]
    run_study(entries, folder)
    found = {}
    for entry in entries:
        last = read_json(folder / entry.folder / "history.json")[-1]
        found[names[entry.method]] = {key: value for key, value in last.items() if key.startswith(("val_", "small_"))}
    for label, errors in found.items():
        print(f"{label:34s}" + "".join(f"  {key} {value:.3f}" for key, value in errors.items()))
    described = {
        "synthetic": True,
        "split": "val",
        "seed": 0,
        "epochs": EPOCHS,
        "found": found,
        **commit(),
        "versions": versions(),
    }
    write_json(Path(__file__).with_name("demo_settings.json"), described)


if __name__ == "__main__":
    main()

"""Choose the learning rate of every method of Table 1 on the validation speakers: three rates, one seed, equal budgets.

The test speakers have no say here. What it finds is written beside this script and stands in `a2f.config`:
`python tools/choose_learning_rates.py`. It resumes where it stopped.
"""

from __future__ import annotations

from pathlib import Path

from a2f.config import DEMO
from a2f.files import read_json, write_json
from a2f.origin import commit, versions
from a2f.study import Entry, run_study, variants

ROOT = Path(__file__).resolve().parent.parent
RATES = (5e-4, 2e-3, 8e-3)
EPOCHS = 9  # half of the preset's own: enough to tell rates apart
METHODS = ("ours", "voca", "faceformer", "meshtalk")


def main() -> None:
    """Train each method at each rate, print and store its validation errors."""
    folder = ROOT / "build" / "choose-learning-rates"
    rows = {name: variants(DEMO)[name].replace(epochs=EPOCHS) for name in METHODS}
    entries = [
        Entry(f"{name}-{rate:g}", config.replace(name=f"{config.name}:{rate:g}", learning_rate=rate), seed=0)
        for name, config in rows.items()
        for rate in RATES
    ]
    run_study(entries, folder)
    found: dict[str, dict] = {}
    for entry in entries:
        name, _, rate = entry.method.partition("-")
        history = read_json(folder / entry.folder / "history.json")
        best = min((row for row in history if "val_loss" in row), key=lambda row: row["val_loss"])
        seconds = read_json(folder / entry.folder / "finished.json")["seconds"]
        errors = {key: value for key, value in best.items() if key.startswith("val_")}
        found.setdefault(name, {})[rate] = errors | {"seconds": seconds}
        shown = "".join(f"  {key} {value:.3f}" for key, value in errors.items())
        print(f"{name:12s} {rate:8s} {seconds:6.1f} s{shown}")
    chosen = {name: min(rates, key=lambda rate: rates[rate]["val_loss"]) for name, rates in found.items()}
    print("lowest validation loss:", ", ".join(f"{name} {rate}" for name, rate in chosen.items()))
    described = {
        "synthetic": True,
        "split": "val",
        "seed": 0,
        "epochs": EPOCHS,
        "found": found,
        "chosen": chosen,
        **commit(),
        "versions": versions(),
    }
    write_json(Path(__file__).with_name("learning_rates.json"), described)


if __name__ == "__main__":
    main()

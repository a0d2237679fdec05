"""The numbers of a complete run, held against those of a stored reference run, up to what a machine may change.

`figures/reference/<preset>.json` (written by `tools/write_reference.py` from a complete run, never by hand)::

    {"preset": "demo", "dataset": "demo", "seed": 0,
     "versions": {"torch": "2.13.0", ...},          what computed the reference
     "quantities": {"table1/Ours/lip_mean": {"value": 1.141, "tolerance": 0.171}, ...},
     "verdicts": {"People prefer its faces": "cannot be tested on this data", ...}}

On one machine a run gives the same digits again. Another processor rounds otherwise, and training makes of that, step
by step, at most what another seed makes. So a tolerance is a share of the value where something was trained, and close
to rounding where nothing was; `TRAINED`, `LONG` and `GIVEN` say how much and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from a2f.errors import BadInput, MissingData
from a2f.files import read_json, write_json

# At least, of a number that training decides, by preset. Measured by computing without any vector instruction newer
# than SSE4, as if on another processor: the smoke preset's 8 steps moved no number by more than 7e-5 of itself, a run
# of notebook 10 at the budget of its study by 0.4 %.
TRAINED = {"demo": 0.03, "smoke": 0.002}
# Presets that train long: roundings may have grown to another seed's worth, so a number may move by what its seeds
# differ, and the verdicts mean something and are compared too.
LONG = {"demo"}
# Of a number that is only computed, with room for another order of its sums.
GIVEN = 1e-3
# Below this a share is no measure: correlations near zero, shares of a few clips.
SMALL = 0.01
METRICS = ("lip_mean", "lip_max", "upper", "face", "f_dtw")


def check(folder: Path, root: Path, preset: str, dataset: str, seed: int) -> str:
    """Hold a complete run against the stored reference; write `drift.json` beside it and return what to show."""
    path = reference_path(root, preset)
    if not path.is_file():
        return f"no reference run is stored for preset {preset}: its numbers are not compared\n"
    stored = read_json(path)
    if (dataset, seed) != (stored["dataset"], stored["seed"]):
        return f"the reference is of data set {stored['dataset']}, seed {stored['seed']}: numbers are not compared\n"
    found = compare(folder, stored)
    write_json(folder / "drift.json", found)
    return described(found)


def reference_path(root: Path, preset: str) -> Path:
    """Return where a checkout keeps the reference of a preset."""
    return root / "figures" / "reference" / f"{preset}.json"


def reference(folder: Path, preset: str) -> dict[str, Any]:
    """Return what is stored of a complete run as the reference of its preset."""
    numbers, origin = quantities(folder, preset), read_json(folder / "figures" / "report.json")["origin"]
    if origin["preset"] != preset:
        raise BadInput(f"{folder} is a run of preset {origin['preset']}, not of {preset}")
    kept = {name: origin[name] for name in ("preset", "dataset", "seed", "versions")}
    return {**kept, "quantities": numbers, "verdicts": verdicts(folder, preset)}


def quantities(folder: Path, preset: str) -> dict[str, dict[str, float]]:
    """Return the numbers of a complete run that are compared, each with its tolerance.

    Parameters
    ----------
    folder : Path
        A run's folder, such as `build/demo-demo`.
    preset : str
        Decides how far trained numbers may move.

    Raises
    ------
    MissingData
        If the run is not complete.
    BadInput
        If there are no tolerances for that preset.
    """
    if preset not in TRAINED:
        raise BadInput(f"there are no tolerances for preset {preset!r}; there are some for {', '.join(TRAINED)}")
    found = {}
    for name, value, share in _numbers(folder, preset):
        found[name] = {"value": float(value), "tolerance": share * max(abs(value), SMALL)}
    return found


def verdicts(folder: Path, preset: str) -> dict[str, str]:
    """Return the verdict on every claim of a complete run; none where the preset trains too little for one."""
    if preset not in LONG:
        return {}
    return {claim["claim"]: claim["verdict"] for claim in read_json(folder / "figures" / "report.json")["claims"]}


def _numbers(folder: Path, preset: str) -> Iterator[tuple[str, float, float]]:
    """Yield name, value and the share of it that it may move by."""

    def trained(seeds: list[float], mean: float) -> float:
        apart = (max(seeds) - min(seeds)) / mean if preset in LONG else 0.0
        return max(TRAINED[preset], apart)

    def stored(figure: str) -> Any:
        path = folder / "figures" / f"{figure}.json"
        if not path.is_file():
            raise MissingData(f"{path} is not there: run all notebooks first, with `make reproduce`")
        return read_json(path)["numbers"]

    for row in stored("table1")["rows"]:
        for name in METRICS:
            cell = row["metrics"][name]
            share = trained(cell["seeds"], cell["mean"]) if row["trained"] else GIVEN
            yield f"table1/{row['method']}/{name}", cell["mean"], share
    for row, runs in stored("fig7_sparsity").items():
        shares = [run["share_of_vertices_90"] for run in runs]
        mean = sum(shares) / len(shares)
        yield f"fig7_sparsity/{row}/share_of_vertices_90", mean, trained(shares, mean)
    for name, found in stored("fig2_style_space").items():
        if not name.endswith("as drawn"):  # t-SNE makes another picture of another rounding
            yield f"fig2_style_space/{name}/purity", found["purity"], 0.06  # one of the smoke preset's 48 clips
    for name, value in stored("fig3_region_graph").items():
        yield f"fig3_region_graph/{name}", value, 0.02 if name.startswith("edges") else GIVEN
    mouth = stored("quickstart_mouth")
    yield "quickstart_mouth/correlation of the opening area", mouth["correlation of the opening area"], GIVEN
    for style, found in stored("quickstart_styles").items():
        yield f"quickstart_styles/{style}/mean std, mm", found["mean std, mm"], GIVEN


def compare(folder: Path, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Compare a complete run with the reference of its preset.

    Returns
    -------
    dict
        ``compared``, ``equal`` (to the last digit) and ``within`` (not equal, but in tolerance) count; ``moved`` lists
        what lies beyond: ``name``, ``reference``, ``here`` (None if it is gone) and ``tolerance`` (None for a verdict);
        ``new`` names what the reference does not have.
    """
    here = {name: entry["value"] for name, entry in quantities(folder, reference["preset"]).items()}
    here |= {f"verdict: {name}": found for name, found in verdicts(folder, reference["preset"]).items()}
    known = {name: (entry["value"], entry["tolerance"]) for name, entry in reference["quantities"].items()}
    known |= {f"verdict: {name}": (found, None) for name, found in reference["verdicts"].items()}
    equal, within, moved = 0, 0, []
    for name, (value, tolerance) in known.items():
        found = here.get(name)
        if found == value:
            equal += 1
        elif found is not None and tolerance is not None and abs(found - value) <= tolerance:
            within += 1
        else:
            moved.append({"name": name, "reference": value, "here": found, "tolerance": tolerance})
    new = [name for name in here if name not in known]
    return {"compared": len(known), "equal": equal, "within": within, "moved": moved, "new": new}


def described(found: Mapping[str, Any]) -> str:
    """Say in a few lines, ending in a newline, what `compare` found."""
    lines = [
        f"of {found['compared']} numbers and verdicts, {found['equal']} equal those of the reference run, "
        f"{found['within']} differ within tolerance, {len(found['moved'])} beyond it"
    ]
    for entry in found["moved"]:
        allowed = "" if entry["tolerance"] is None else f" (tolerance {entry['tolerance']:.3g})"
        first, second = (
            "gone" if value is None else value if isinstance(value, str) else f"{value:.4g}"
            for value in (entry["reference"], entry["here"])
        )
        lines.append(f"  moved: {entry['name']}: {first} in the reference, {second} here{allowed}")
    if found["new"]:
        lines.append(f"  not in the reference yet: {', '.join(found['new'])}")
    return "\n".join(lines) + "\n"

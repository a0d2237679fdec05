"""The rules by which a verdict on a claim follows from intervals, and how the evidence is worded."""

from __future__ import annotations

from collections.abc import Mapping

from a2f.errors import BadInput

NAMES = {"lip_mean": "mean lip", "lip_max": "maximal lip", "upper": "upper face", "face": "face", "f_dtw": "F-DTW"}


def change(differences: Mapping[str, Mapping], metrics: tuple[str, ...]) -> str:
    """Say how much lower or higher the first method is, metric by metric."""
    return ", ".join(
        f"{NAMES[name]} {100 * differences[name]['relative']:+.0f} % ({differences[name]['verdict']})"
        for name in metrics
    )


def verdict(differences: Mapping[str, Mapping], metrics: tuple[str, ...]) -> str:
    """A claim of lower errors holds where every interval says lower, and in part where only some do."""
    found = [differences[name]["verdict"] for name in metrics]
    if all(one == "lower" for one in found):
        return "holds"
    if any(one == "lower" for one in found):
        return "holds in part"
    return "does not hold" if any(one == "higher" for one in found) else "undecided"


def named(beaten: Mapping[str, bool], won: bool) -> str:
    return ", ".join(NAMES[name] for name, found in beaten.items() if found is won) or "none"


def row_of(rows: list[Mapping], method: str) -> Mapping[str, Mapping]:
    for row in rows:
        if row["method"] == method:
            return row["metrics"]
    raise BadInput(f"the table has no row {method!r}; it has {', '.join(row['method'] for row in rows)}")


def against_baselines(differences: Mapping[str, Mapping]) -> tuple[str, str]:
    """Say on how many metrics ours is lower than each other method, and what follows for "better than all three"."""
    told, found = [], []
    for method, name in (("voca", "VOCA"), ("meshtalk", "MeshTalk"), ("faceformer", "FaceFormer")):
        verdicts = [differences[method][metric]["verdict"] for metric in NAMES]
        relative = 100 * differences[method]["face"]["relative"]
        told.append(f"{name}: lower on {verdicts.count('lower')} of {len(verdicts)} metrics, face {relative:+.0f} %")
        found += verdicts
    if "lower" in found:
        return "; ".join(told), "holds" if set(found) == {"lower"} else "holds in part"
    return "; ".join(told), "does not hold" if "higher" in found else "undecided"


def apart(row: Mapping, others: list[Mapping]) -> str:
    """Say whether a row's face error is above those of others beyond all intervals."""
    mine, theirs = row["face"], [other["face"] for other in others]
    if all(mine["mean"] - mine["half_width"] > one["mean"] + one["half_width"] for one in theirs):
        return "holds"
    if any(mine["mean"] + mine["half_width"] < one["mean"] - one["half_width"] for one in theirs):
        return "does not hold"
    return "undecided"

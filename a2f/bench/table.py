"""A bench as text: a line a row, and the ratios below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from a2f.bench.machine import fastest, processor


def as_text(bench: Mapping[str, Any]) -> str:
    """Return the table of a bench that `rows.measure` made and `ratios.summary` added its ratios to."""
    lines = [
        f"{place(bench['machine'])}: {reached(bench['machine'])}",
        "",
        f"{'part':11s}{'step':30s}{'method':26s}{'vertices':>9s}{'speech':>8s}{'median':>11s}{'computing':>11s}{'floor':>11s}{'memory':>9s}"
        f"{'others':>8s}",
    ]
    for row in bench["rows"]:
        vertices = "" if row["vertices"] is None else f"{row['vertices']:,}"
        speech = "" if row["speech"] is None else f"{row['speech']:g} s"
        floor = "" if row["floor"] is None else _time(row["floor"])
        memory = "" if row["memory_mb"] is None else f"{row['memory_mb']:.0f} MB"
        lines.append(
            f"{row['part']:11s}{row['step']:30s}{row['method']:26s}{vertices:>9s}{speech:>8s}{_time(row['median']):>11s}"
            f"{_time(row['busy']):>11s}{floor:>11s}{memory:>9s}{row['others']:8.0%}"
        )
    for ratio in bench["summary"]["ratios"]:
        wanted = "" if ratio["wanted"] is None else f" (wanted {ratio['wanted']:g}: {_word(ratio['holds'])})"
        lines.append(f"{ratio['what']}, {ratio['vertices']:,} vertices: {ratio['value']:.1f} times a2f's{wanted}")
    for row in bench["summary"]["faceformer"]:
        lines.append(
            f"{row['faceformer']}, {row['vertices']:,} vertices, {row['speech']:g} s: {row['end_to_end']:.2f} times "
            f"a2f's time end to end, {row['after_encoder']:.1f} times behind the encoder"
        )
    if bench["summary"].get("runtimes"):
        lines.append(other_runtimes(bench))
    for row in bench["summary"]["limits"]:
        wanted = "" if row["most"] is None else f" (at most {row['most']:g}: {_word(row['holds'])})"
        lines.append(f"{row['what']}: {row['value']:.3g} {row['unit']}".rstrip() + wanted)
    return "\n".join(lines)


VIEWS = {"end to end, HuBERT-large": "end_to_end", "end to end, bundled encoder": "bundled_encoder",
         "behind the audio encoder": "after_encoder"}  # fmt: skip


def against_faceformer(rows: Sequence[Mapping[str, Any]], ratio: float) -> str:
    """Return how many times as long FaceFormer takes, by mesh and length, and where a ratio is reached, as text.

    Parameters
    ----------
    rows : sequence of mapping
        ``faceformer`` of a bench's summary.
    ratio : float
    """
    lengths, lines = sorted({row["speech"] for row in rows}), []
    for name in dict.fromkeys(row["faceformer"] for row in rows):
        lines.append(f"{name} takes so many times as long")
        lines.append(f"{'':37s}" + "".join(f"{length:>7g} s" for length in lengths))
        for vertices in sorted({row["vertices"] for row in rows}):
            for view, key in VIEWS.items():
                own = [row for row in rows if row["faceformer"] == name and row["vertices"] == vertices]
                lines.append(f"{vertices:7,d}  {view:28s}" + "".join(f"{row[key]:9.2f}" for row in own))
    published = [row for row in rows if row["faceformer"] == "FaceFormer as published"]
    for view, key in VIEWS.items():
        reached = {}
        for row in published:
            if row[key] >= ratio:
                reached.setdefault(row["vertices"], []).append(f"{row['speech']:g}")
        count = sum(map(len, reached.values()))
        listed = "; ".join(f"{vertices:,} vertices ({', '.join(at)} s)" for vertices, at in reached.items())
        where = "everywhere" if count == len(published) else f"at {listed}" if count else "nowhere"
        lines.append(f"{view}: a ratio of {ratio:.0f} is reached {where}")
    ours = sorted(row["seconds_a_second"] for row in published)
    theirs = sorted(row["seconds_a_second"] * row["end_to_end"] for row in published)
    lines.append(
        f"seconds for a second of speech, end to end: {ours[0]:.2g} to {ours[-1]:.2g} here, FaceFormer as published "
        f"{theirs[0]:.2g} to {theirs[-1]:.2g}; behind the encoder at best "
        f"{min(row['after_encoder_a_second'] for row in published):.2g} here"
    )
    return "\n".join(lines)


def other_runtimes(bench: Mapping[str, Any]) -> str:
    """Return how fast other runtimes than torch hear and how far off their features are, a line a length, as text."""
    lines = []
    for row in bench["summary"]["runtimes"]:
        bound = "" if row["wanted"] is None else f", at least {row['wanted']:g} was wanted: {_word(row['holds'])}"
        lines.append(
            f"{row['encoder']:>14s} by {row['runtime']:16s} {row['speech']:4g} s: {row['value']:5.2f} times as fast as "
            f"by torch, features {row['deviation']:.0e} apart{bound}"
        )
    return "\n".join(lines)


def place(machine: Mapping[str, Any]) -> str:
    """Return what computed: the GPU, or a thread of the processor."""
    gpu = machine.get("gpu")
    return f"one {gpu}" if gpu else f"one thread of {processor(machine)}"


def reached(machine: Mapping[str, Any]) -> str:
    """Return what a machine reached before a bench: in matrix products, by the fastest library, and in a copy."""
    before = machine["before"]
    best = fastest(before)
    library = best.get("library", "torch")  # older benches asked torch alone
    return f"{best['per_second'] / 1e9:.0f} GFLOP/s by {library}, {before['copy'] / 1e9:.0f} GB/s copied"


def _word(holds: bool) -> str:
    return "holds" if holds else "missed"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.2f} ms"

"""What a bench's rows say: how often faster, how much less memory, and whether "0.007 s against 0.1 s" holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from a2f.errors import MissingData
from a2f.models.encoder_base import BUNDLED

PAPER_OURS, PAPER_FACEFORMER = 0.007, 0.1  # seconds for a second of speech, on a GPU that the paper does not name (5.2)
PAPER_RATIO = PAPER_FACEFORMER / PAPER_OURS


def find(bench: Mapping[str, Any], **wanted: Any) -> dict[str, Any]:
    """Return the one row with these values.

    Raises
    ------
    MissingData
        If the bench holds none.
    """
    rows = [row for row in bench["rows"] if all(row[key] == value for key, value in wanted.items())]
    if len(rows) != 1:
        raise MissingData(f"the bench holds {len(rows)} rows with {wanted}, expected one; run all parts of `a2f bench`")
    return rows[0]


def sizes(bench: Mapping[str, Any]) -> list[int]:
    """Return the numbers of vertices that were timed."""
    return sorted({row["vertices"] for row in bench["rows"] if row["vertices"] is not None})


def lengths(bench: Mapping[str, Any]) -> list[float]:
    """Return the seconds of speech that were timed."""
    return sorted({row["speech"] for row in bench["rows"] if row["speech"] is not None and row["part"] != "long"})


@dataclass(frozen=True)
class Spent:
    """Seconds that a method takes for some seconds of speech, by part, in the order of work."""

    vertices: int
    speech: float
    method: str
    parts: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds, audio encoder included."""
        return sum(self.parts.values())

    @property
    def after_encoder(self) -> float:
        """Seconds without the audio encoder."""
        return self.total - self.parts["audio encoder"]


METHODS = {  # name: the rows' method behind the encoder, and the audio encoder
    "released path": ("reference", "hubert-large"),
    "a2f": ("a2f", "hubert-large"),
    "a2f, bundled encoder": ("a2f", BUNDLED),
    "FaceFormer as published": ("faceformer, as published", "wav2vec2-base"),
    "FaceFormer, nothing done twice": ("faceformer", "wav2vec2-base"),
}


def spent(bench: Mapping[str, Any], vertices: int, speech: float, name: str) -> Spent:
    """Return what one of `METHODS` takes, its medians by part."""
    method, encoder = METHODS[name]
    place = {"part": "inference", "speech": speech}
    found = {"audio encoder": find(bench, **place, step="audio encoder", method=encoder)["median"]}
    for step in ("loop",) if method.startswith("faceformer") else ("style", "decoder", "projection"):
        found[step] = find(bench, **place, step=step, method=method, vertices=vertices)["median"]
    return Spent(vertices, speech, name, found)


def a_second(bench: Mapping[str, Any], speech: float) -> dict[int, list[tuple[str, dict[str, float]]]]:
    """Return, for each size, every method's seconds for a second of speech by part, timed on `speech` seconds."""
    return {
        vertices: [
            (name, {part: value / speech for part, value in spent(bench, vertices, speech, name).parts.items()})
            for name in METHODS
        ]
        for vertices in sizes(bench)
    }


@dataclass(frozen=True)
class Ratio:
    """One comparison: how many times as much the first takes."""

    what: str
    vertices: int
    value: float
    wanted: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is at least what is wanted, where something is."""
        return self.wanted is None or self.value >= self.wanted


def speech_ratios(bench: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, for each size and length, how many times as long FaceFormer takes: end to end and behind the encoder."""
    found = []
    for vertices in sizes(bench):
        for speech in lengths(bench):
            by_name = {name: spent(bench, vertices, speech, name) for name in METHODS}
            ours, small = by_name["a2f"], by_name["a2f, bundled encoder"]
            for name in ("FaceFormer as published", "FaceFormer, nothing done twice"):
                other = by_name[name]
                found.append(
                    {"vertices": vertices, "speech": speech, "faceformer": name,
                     "end_to_end": other.total / ours.total, "bundled_encoder": other.total / small.total,
                     "after_encoder": other.after_encoder / ours.after_encoder,
                     "seconds_a_second": ours.total / speech, "after_encoder_a_second": ours.after_encoder / speech}
                )  # fmt: skip
    return found


# What a2f is compared with, in what, and the least ratio by number of vertices.
STEP = (("reference", "median", {5_023: 20.0, 23_370: 12.0}), ("reference, features kept", "median", {23_370: 2.3}),
        ("reference", "memory_mb", {23_370: 5.0}))  # fmt: skip
PROJECTION = {23_370: 1.6}


def on_gpu(bench: Mapping[str, Any]) -> bool:
    """Return whether a GPU was timed: what is wanted below, is wanted of one thread of a processor."""
    return bool(bench["machine"].get("gpu"))


def training_ratios(bench: Mapping[str, Any]) -> list[Ratio]:
    """Return how many times the time and the memory of a2f's training step the plain ones take."""
    found = []
    for vertices in sizes(bench):
        ours = find(bench, part="training", method="a2f", vertices=vertices)
        for method, key, wanted in STEP:
            other = find(bench, part="training", method=method, vertices=vertices)
            if other[key] is not None and ours[key]:
                what = f"training step, {method}, {'memory' if key == 'memory_mb' else 'time'}"
                least = None if on_gpu(bench) else wanted.get(vertices)
                found.append(Ratio(what, vertices, other[key] / ours[key], least))
    return found


def synthesis_ratios(bench: Mapping[str, Any]) -> list[Ratio]:
    """Return how many times a2f's time the plain way takes behind the audio encoder, at the longest speech."""
    longest = max(lengths(bench))
    found = []
    for vertices in sizes(bench):
        for what, step, method, wanted in (
            ("projection", "projection", "a2f", None if on_gpu(bench) else PROJECTION.get(vertices)),
            ("projection into memory used again", "projection", "a2f, memory used again", None),
            ("decoder with folded norms", "decoder", "a2f", None),
        ):
            place = {"part": "inference", "step": step, "vertices": vertices, "speech": longest}
            plain, ours = (find(bench, **place, method=name)["median"] for name in ("reference", method))
            found.append(Ratio(what, vertices, plain / ours, wanted))
    return found


# How many times as fast as torch another runtime should run HuBERT-large, and how far from torch's features it may be.
RUNTIME = {"openvino": (1.2, 1e-5), "onnxruntime": (1.2, 1e-5), "openvino-int8": (3.0, None),
           "onnxruntime-int8": (3.0, None)}  # fmt: skip


def runtime_ratios(bench: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, for each encoder and length, how many times the time of another runtime torch takes; none without rows.

    A ratio holds where it is reached, at a deviation that is no larger than allowed.
    """
    rows = [row for row in bench["rows"] if row["part"] == "runtimes"]
    found = []
    for row in rows:
        if row["method"] in RUNTIME:
            torch = find(bench, part="runtimes", step=row["step"], method="torch", speech=row["speech"])
            ratio, least = torch["median"] / row["median"], None
            within = True
            if row["step"] == "hubert-large":
                least, most = RUNTIME[row["method"]]
                within = most is None or row["deviation"] <= most
            found.append(
                {"encoder": row["step"], "runtime": row["method"], "speech": row["speech"], "value": ratio,
                 "deviation": row["deviation"], "wanted": least, "holds": within and (least is None or ratio >= least)}
            )  # fmt: skip
    return found


# The most that a measurement of these parts may be.
PIECES_MB, PIECES, LIVE = 300.0, 1e-4, 0.3  # MB above those of short sound; of the motion; of real time
WARPING, WARPING_MB, WARPED = 8.0, 250.0, 1e-6  # seconds, MB and relative, at the vertices below
WARPED_VERTICES = 23_370


def limits(bench: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what must stay below a bound, and where it does not: long and live sound, F-DTW."""
    found = []

    def add(what: str, value: float | None, most: float | None, unit: str = "") -> None:
        if value is not None:
            found.append({"what": what, "value": value, "unit": unit, "most": most,
                          "holds": most is None or value <= most})  # fmt: skip

    if "long" in bench["parts"]:
        pieces = [row for row in bench["rows"] if row["step"] == "pieces"]
        short, long = min(pieces, key=lambda row: row["speech"]), max(pieces, key=lambda row: row["speech"])
        more = None if long["memory_mb"] is None else long["memory_mb"] - short["memory_mb"]
        add(f"{long['speech']:g} s in pieces, memory above that of {short['speech']:g} s", more, PIECES_MB, "MB")
        for row in bench["rows"]:
            if row["step"] == "pieces against a pass at once":
                most = PIECES if row["method"].startswith("windows") else None
                add(f"pieces, {row['method']}: deviation from a pass at once", row["deviation"], most)
        live = find(bench, part="long", step="live")
        add("live sound, time of a hop over its length", live["real_time_factor"], LIVE)
        add("live sound, deviation from a pass at once", live["deviation"], None)
        add("live sound, latency", live["latency"], None, "s")
    if "f-dtw" in bench["parts"]:
        for vertices in sizes(bench):
            row, bounded = find(bench, part="f-dtw", method="a2f", vertices=vertices), vertices == WARPED_VERTICES
            name = f"F-DTW, {row['step']}, {vertices:,} vertices"
            add(f"{name}: time", row["median"], WARPING if bounded else None, "s")
            add(f"{name}: memory", row["memory_mb"], WARPING_MB if bounded else None, "MB")
            add(f"{name}: difference from the definition", row["deviation"], WARPED)
    return found


def summary(bench: Mapping[str, Any]) -> dict[str, Any]:
    """Return all ratios that the bench's parts allow, ready for JSON."""
    ratios: Sequence[Ratio] = []
    if "training" in bench["parts"]:
        ratios = [*ratios, *training_ratios(bench)]
    if "inference" in bench["parts"]:
        ratios = [*ratios, *synthesis_ratios(bench)]
    found = {
        "ratios": [asdict(ratio) | {"holds": ratio.holds} for ratio in ratios],
        "limits": limits(bench),
        "faceformer": speech_ratios(bench) if "inference" in bench["parts"] else [],
    }
    return found | ({"runtimes": runtime_ratios(bench)} if "runtimes" in bench["parts"] else {})

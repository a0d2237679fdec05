"""The numbers of the paper's Table 1 as printed, and what its F-DTW says about frames and frame rates.

They were measured on data sets that are not embedded here: only rows of one data set can be compared with each other,
and nothing of it with errors on the synthetic corpus.
"""

from __future__ import annotations

from typing import NamedTuple

from a2f.errors import BadInput

SOURCE = "Table 1, section 5.2, doi 10.1145/3581783.3611775"
METRICS = ("lip_mean", "lip_max", "upper", "face", "f_dtw")
TITLES = ("lip mean", "lip max", "upper", "face", "F-DTW")
# Kept as text: how many digits were printed says how exact a number is.
_PRINTED = {
    "VOCASET": {
        "VOCA": "0.00324 0.00630 0.00054 0.00091 0.207",
        "MeshTalk": "0.00350 0.00640 0.00055 0.00092 0.210",
        "FaceFormer": "0.00212 0.00438 0.00046 0.00077 0.091",
        "Ours w/o Composite": "0.00171 0.00470 0.00041 0.00064 0.145",
        "Ours w/o Regional": "0.00166 0.00451 0.00041 0.00063 0.142",
        "Ours": "0.00161 0.00447 0.00042 0.00065 0.147",
    },
    "MeshTalk": {
        "VOCA": "2.778 4.968 0.717 1.323 135.5",
        "MeshTalk": "2.516 4.556 0.776 1.268 129.3",
        "FaceFormer": "2.206 3.885 0.711 1.210 123.9",
        "Ours w/o Composite": "1.728 3.474 0.631 0.938 96.6",
        "Ours w/o Regional": "1.690 3.416 0.632 0.927 95.6",
        "Ours": "1.659 3.382 0.621 0.930 96.2",
    },
    "BIWI": {
        "VOCA": "0.0235 0.0429 0.0089 0.0136 1.948",
        "MeshTalk": "0.0227 0.0424 0.0082 0.0126 1.779",
        "FaceFormer": "0.0230 0.0402 0.0092 0.0143 2.047",
        "Ours w/o Composite": "0.0186 0.0381 0.0071 0.0120 1.491",
        "Ours w/o Regional": "0.0175 0.0366 0.0069 0.0107 1.376",
        "Ours": "0.0170 0.0353 0.0068 0.0105 1.330",
    },
}
TABLE1: dict[str, dict[str, dict[str, float]]] = {
    data: {method: dict(zip(METRICS, map(float, line.split()), strict=True)) for method, line in methods.items()}
    for data, methods in _PRINTED.items()
}
METHODS = tuple(TABLE1["BIWI"])
# The table names no unit: VOCASET comes in metres, MeshTalk's meshes in millimetres, and those of BIWI are scaled.
UNITS = {"VOCASET": "m", "MeshTalk": "mm", "BIWI": "no unit"}
# Frames a second at which the released code of the paper reads each data set; that of FaceFormer keeps every second
# frame of VOCASET.
FPS = {"VOCASET": 60, "MeshTalk": 30, "BIWI": 25}
FACEFORMER_FPS = FPS | {"VOCASET": 30}


class Range(NamedTuple):
    """A number and how far rounding lets it lie to either side."""

    value: float
    low: float
    high: float


def printed(data: str, method: str, metric: str) -> Range:
    """Return a cell of Table 1 with the range that rounds to it.

    Parameters
    ----------
    data : {"VOCASET", "MeshTalk", "BIWI"}
    method : str
        One of `METHODS`.
    metric : str
        One of `METRICS`.

    Raises
    ------
    BadInput
        If Table 1 has no such cell.
    """
    for kind, name, known in (("data set", data, TABLE1), ("method", method, METHODS), ("metric", metric, METRICS)):
        if name not in known:
            raise BadInput(f"Table 1 has no {kind} {name!r}; it has {', '.join(known)}")
    digits = _PRINTED[data][method].split()[METRICS.index(metric)]
    half = 0.5 * 10.0 ** -len(digits.partition(".")[2])
    return Range(float(digits), float(digits) - half, float(digits) + half)


def implied_frames(data: str, method: str) -> Range:
    """Return F-DTW over the face error: frames a test sequence, as far as Table 1 tells.

    F-DTW is a sum along the warping path and not divided by its length. The diagonal is a path, so F-DTW is at most
    frames times face error; warping lowers it somewhat. A ratio of means is not quite a mean of ratios: a few percent
    of difference mean nothing.
    """
    warped, face = printed(data, method, "f_dtw"), printed(data, method, "face")
    return Range(warped.value / face.value, warped.low / face.high, warped.high / face.low)


def as_text(data: str) -> str:
    """Return a data set's part of Table 1 with the printed digits, and the frames that each row implies."""
    width = max(map(len, METHODS))
    lines = [" " * width + "".join(f"{title:>10s}" for title in (*TITLES, "frames"))]
    for method, line in _PRINTED[data].items():
        cells = (*line.split(), f"{implied_frames(data, method).value:.0f}")
        lines.append(method.ljust(width) + "".join(f"{cell:>10s}" for cell in cells))
    return "\n".join(lines)

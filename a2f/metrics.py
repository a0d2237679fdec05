"""The five numbers of Table 1 (section 5.2), each as the released code computes it, and two that other papers report.

All are in the data set's unit; LVE and FDD, which are made of squared distances, in its square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from a2f.errors import BadInput
from a2f.mesh import Topology

# Vertices of the second sequence compared at once: five arrays of as many numbers are in use, which a cache holds.
TILE = 1 << 18


@dataclass(frozen=True)
class SequenceErrors:
    """The errors of one predicted sequence. All but `f_dtw` are means over its frames."""

    lip_mean: float  # L_mean^lip: mean over lip vertices of the Euclidean distance
    lip_max: float  # L_max^lip: largest distance among lip vertices
    upper: float  # L_mean^upper
    face: float  # L_mean^face
    f_dtw: float  # F-DTW: accumulated cost of the best warping path, so it grows with the number of frames
    f_dtw_per_frame: float  # the same divided by T of the ground truth
    lve: float  # lip vertex error: mean over frames of the largest squared distance among lip vertices
    fdd: float  # upper-face dynamics deviation: how much less the prediction's upper face varies, signed
    fdd_absolute: float  # its absolute value, which cannot cancel over sequences
    frames: int


def vertex_distance(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of corresponding vertices, (T, V), for two (T, V, 3) arrays."""
    if prediction.shape != target.shape or prediction.ndim != 3 or prediction.shape[-1] != 3:
        raise BadInput(f"prediction {prediction.shape} and target {target.shape} must have one shape (T, V, 3)")
    difference = prediction - target
    return np.sqrt(np.einsum("tvc,tvc->tv", difference, difference))  # several times as fast as linalg.norm


def frame_distances(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the cost of matching frame i of one sequence with frame j of the other: the mean distance over vertices.

    Works on a few frames of `target` at a time, on separate x, y and z planes: the memory of one copy of `prediction`,
    and 10 s of two faces with 23,370 vertices take seconds.

    Parameters
    ----------
    prediction : ndarray, (T1, V, 3)
    target : ndarray, (T2, V, 3)

    Returns
    -------
    ndarray, (T1, T2) float64
    """
    if prediction.shape[1:] != target.shape[1:]:
        raise BadInput(f"prediction {prediction.shape} and target {target.shape} differ in their vertices")
    rows = _planes(prediction)
    cost = torch.empty(len(prediction), len(target), dtype=torch.float64)
    step = max(1, TILE // max(1, target.shape[1]))
    for start in range(0, len(target), step):
        columns = slice(start, start + step)
        planes = _planes(target[columns])
        squared, difference = torch.empty_like(planes[0]), torch.empty_like(planes[0])
        for i in range(len(prediction)):
            torch.sub(planes[0], rows[0, i], out=squared)
            squared.square_()
            for axis in (1, 2):
                torch.sub(planes[axis], rows[axis, i], out=difference)
                squared.addcmul_(difference, difference)
            cost[i, columns] = squared.sqrt_().mean(1, dtype=torch.float64)
    return cost.numpy()


def _planes(motion: np.ndarray) -> torch.Tensor:
    """Return the x, y and z of a motion (T, V, 3) side by side, (3, T, V) float32."""
    return torch.from_numpy(np.ascontiguousarray(motion.transpose(2, 0, 1), dtype=np.float32))


def dtw(cost: np.ndarray) -> float:
    """Return the smallest accumulated cost of a warping path through a cost matrix.

    Steps are (1, 0), (0, 1) and (1, 1), all weighted one; nothing is divided by the path's length.

    Parameters
    ----------
    cost : ndarray, (T1, T2)
    """
    rows, columns = cost.shape
    # Anti-diagonal d of the accumulated matrix needs d - 1 and d - 2 only. Both are kept by row, one row of infinity
    # in front; the path enters cell (0, 0) through the zero in front of it.
    second_last, last = np.full(rows + 1, np.inf), np.full(rows + 1, np.inf)
    second_last[0] = 0.0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(diagonal + 1, rows))
        current = np.full(rows + 1, np.inf)
        current[i + 1] = cost[i, diagonal - i] + np.minimum(np.minimum(last[i], last[i + 1]), second_last[i])
        second_last, last = last, current
    return float(last[rows])


def dynamics(vertices: np.ndarray, template: np.ndarray) -> float:
    """Return how much vertices move: the mean over them of the deviation over time of their squared displacement.

    Parameters
    ----------
    vertices : ndarray, (T, V, 3)
    template : ndarray, (V, 3)
    """
    squared = np.square(np.asarray(vertices, dtype=np.float64) - template).sum(axis=-1)
    return float(squared.std(axis=0).mean())


def sequence_errors(
    prediction: np.ndarray, target: np.ndarray, template: np.ndarray, topology: Topology
) -> SequenceErrors:
    """Measure one predicted sequence against its ground truth.

    Parameters
    ----------
    prediction, target : ndarray, (T, N, 3) float32
    template : ndarray, (N, 3)
        The neutral face, from which FDD takes its displacements.
    topology : Topology
        With regions ``lips``, ``upper_face`` and ``face``. Errors and F-DTW of the whole face are taken over ``face``,
        so that scalp, neck, teeth and eyes, which hardly move or cannot be seen, do not dilute them.
    """
    distance = vertex_distance(prediction, target)
    if not np.isfinite(distance).all():
        raise BadInput("prediction or target holds coordinates that are not finite")
    lips, face, upper = (topology.region(name) for name in ("lips", "face", "upper_face"))
    wanted, found = (dynamics(motion[:, upper], template[upper]) for motion in (target, prediction))
    accumulated = dtw(frame_distances(prediction[:, face], target[:, face]))
    return SequenceErrors(
        lip_mean=float(distance[:, lips].mean()),
        lip_max=float(distance[:, lips].max(axis=1).mean()),
        upper=float(distance[:, upper].mean()),
        face=float(distance[:, face].mean()),
        f_dtw=accumulated,
        f_dtw_per_frame=accumulated / len(target),
        lve=float(np.square(distance[:, lips]).max(axis=1).mean()),
        fdd=wanted - found,
        fdd_absolute=abs(wanted - found),
        frames=len(target),
    )

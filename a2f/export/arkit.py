"""A motion as ARKit's 52 face shapes, solved frame by frame and written as Live Link Face writes them."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

import numpy as np

from a2f.arrays import read_npz
from a2f.errors import BadInput
from a2f.files import atomic_path

# Apple's names (ARFaceAnchor.BlendShapeLocation) in the order of the columns in the Live Link Face app's files.
ARKIT_SHAPES = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft"),
    *("eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight"),
    *("eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel"),
    *("mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft"),
    *("mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft"),
    *("browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft"),
    *("cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
# The app's last columns. No head or eyeball is turned here, so they stay zero.
ROTATIONS = tuple(f"{what}{axis}" for what in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll"))


def arkit_shapes(unit: str) -> tuple[str, ...]:
    """Return the ARKit shapes that a face unit drives.

    The demo corpus' units carry ARKit's own names. A unit of both sides, say ``mouthSmile``, drives left and right.

    Raises
    ------
    BadInput
        If ARKit has no such shape.
    """
    sides = tuple(f"{unit}{side}" for side in ("Left", "Right"))
    # mouthLeft and jawLeft are directions, so "mouth" and "jaw" are no units of both sides
    if unit not in ("mouth", "jaw") and set(sides) <= set(ARKIT_SHAPES):
        return sides
    if unit not in ARKIT_SHAPES:
        raise BadInput(
            f"{unit!r} is no ARKit shape; expected one of {', '.join(ARKIT_SHAPES)}, or a name of both sides such as "
            "mouthSmile"
        )
    return (unit,)


def read_units(path: str | os.PathLike) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read face units from an ``.npz``: ``basis`` (R, N, 3), displacements at full strength, and R ``names``.

    Raises
    ------
    MissingData, BadInput
        If the file is not there or holds something else.
    """
    arrays = read_npz(path)
    missing = {"basis", "names"} - arrays.keys()
    if missing:
        raise BadInput(f"{path} has no array {sorted(missing)[0]!r}; face units are basis (R, N, 3) and R names")
    if arrays["basis"].dtype.kind not in "fiu":
        raise BadInput(f"{path}: basis holds {arrays['basis'].dtype}, expected numbers (R, N, 3)")
    return arrays["basis"], tuple(str(name) for name in arrays["names"].reshape(-1))


def fit_blendshapes(
    vertices: np.ndarray, template: np.ndarray, basis: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Find the strengths in [0, 1] of face units that come nearest to a motion: bounded least squares for each frame.

    Parameters
    ----------
    vertices : ndarray, (T, N, 3)
    template : ndarray, (N, 3)
        The same face at rest.
    basis : ndarray, (R, N, 3)
        Displacement of each unit at full strength, in the unit of the vertices.
    names : sequence of str
        R of them.

    Returns
    -------
    weights : ndarray, (T, R) float32
    residual : ndarray, (T, N) float32
        How far each vertex stays from where it should be, in the unit of the vertices.

    Raises
    ------
    BadInput
        If shapes do not fit together or numbers are not finite.
    """
    from scipy.optimize import lsq_linear

    vertices, template, basis = (np.asarray(values, dtype=np.float64) for values in (vertices, template, basis))
    if vertices.ndim != 3 or template.shape != vertices.shape[1:] or basis.shape != (len(names), *template.shape):
        raise BadInput(
            f"vertices {vertices.shape}, template {template.shape}, basis {basis.shape} and {len(names)} names do not "
            "fit together; expected (T, N, 3), (N, 3), (R, N, 3) and R"
        )
    if not all(np.isfinite(values).all() for values in (vertices, template, basis)):
        raise BadInput("vertices, template or basis hold numbers that are not finite")
    if not len(names):
        raise BadInput("no face unit was given")
    motion = vertices - template
    # one QR for all frames: what lies outside the units' span adds the same to every choice of weights
    q, r = np.linalg.qr(basis.reshape(len(basis), -1).T)
    within = motion.reshape(len(motion), -1) @ q
    weights = np.stack([lsq_linear(r, frame, (0, 1), method="bvls", max_iter=10 * len(basis)).x for frame in within])
    weights = np.clip(weights, 0, 1).astype(np.float32)
    residual = [
        np.linalg.norm(moved - np.tensordot(w, basis, axes=1), axis=-1)
        for moved, w in zip(motion, weights, strict=True)
    ]
    return weights, np.stack(residual).astype(np.float32)


def write_arkit_csv(path: str | os.PathLike, weights: np.ndarray, names: Sequence[str], fps: float) -> None:
    """Write strengths as the Live Link Face app does: a timecode, a count, 52 shapes and 9 rotations a row.

    Unreal itself imports no such file: MotionBuilder, Blender and Maya tools do, or it is replayed to Live Link.

    Parameters
    ----------
    path : path-like
    weights : ndarray, (T, R)
        In [0, 1]. Where two units drive one shape they add up, to 1 at most.
    names : sequence of str
        R units; each must be an ARKit shape, or one of both sides. Shapes without a unit stay zero.
    fps : float
        Also the frames that a second of the timecode has.

    Raises
    ------
    BadInput
        If a name is no ARKit shape, or weights do not fit.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != len(names) or not len(weights):
        raise BadInput(f"weights have shape {weights.shape}, expected (T, {len(names)}) with T of at least 1")
    if not ((weights >= 0) & (weights <= 1)).all():
        raise BadInput("weights must lie within 0 and 1")
    if not 0 < fps < np.inf:
        raise BadInput(f"fps is {fps}, expected a positive number")
    columns = np.zeros((len(weights), len(ARKIT_SHAPES)))
    for unit, strengths in zip(names, weights.T, strict=True):
        for shape in arkit_shapes(unit):
            columns[:, ARKIT_SHAPES.index(shape)] += strengths
    columns = np.minimum(columns, 1)
    count = len(ARKIT_SHAPES) + len(ROTATIONS)
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="ascii") as file:
        rows = csv.writer(file, lineterminator="\n")
        header = [name[0].upper() + name[1:] for name in ARKIT_SHAPES]
        rows.writerow(["Timecode", "BlendshapeCount", *header, *ROTATIONS])
        for frame, strengths in enumerate(columns):
            zeros = ["0"] * len(ROTATIONS)
            rows.writerow([_timecode(frame, fps), count, *(f"{value:.6f}" for value in strengths), *zeros])


def _timecode(frame: int, fps: float) -> str:
    """Return hours:minutes:seconds:frames with thousandths of a frame, which only rates such as 29.97 need."""
    seconds = int(frame / fps + 1e-9)
    within = max(0.0, frame - seconds * fps)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{within:06.3f}"

"""What follows synthesis, timed: files for other programs, and F-DTW."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from a2f.animation import Animation
from a2f.bench.clock import Timing, interleaved
from a2f.bench.setting import KEPT, Setting, Size, audio2face, draw, head
from a2f.metrics import dtw, frame_distances

ROWS = 4  # frames of which the plain distances are computed, to be scaled to all


def export(size: Size, seconds: float, setting: Setting) -> tuple[dict[str, Timing], dict[str, int]]:
    """Time the writing of a GLB and an npz of T frames; returns that and the files' sizes in bytes.

    The GLB carries every feature as a blendshape. Of W the largest tenth is kept, as of one trained with the L1 term.
    """
    frames = round(seconds * size.fps)
    neutral, topology = head(size)
    basis = audio2face(size, setting).blendshapes()
    basis[np.abs(basis) < np.quantile(np.abs(basis[:8]), 1 - KEPT)] = 0
    weights = draw(frames, len(basis)).numpy()
    vertices = neutral + np.einsum("tk,knc->tnc", weights, basis, optimize=True)
    animation = Animation(vertices, size.fps, topology, basis=basis, weights=weights)
    with tempfile.TemporaryDirectory() as folder:
        glb, npz = Path(folder, "face.glb"), Path(folder, "face.npz")
        cases = {"glb": lambda: animation.to_glb(glb), "npz": lambda: animation.to_npz(npz)}
        found = interleaved(cases, setting.repeats)
        return found, {"glb": glb.stat().st_size, "npz": npz.stat().st_size}


def warping(size: Size, setting: Setting) -> tuple[dict[str, Timing], float]:
    """Time F-DTW of two sequences over all N vertices, and return by how much it differs from the definition.

    The plain path and the difference, relative to the distances, are those of `ROWS` rows; its time is scaled to all.
    """
    first, second = (draw(setting.warped, size.vertices, 3, seed=seed).numpy() for seed in (0, 1))

    def plain() -> np.ndarray:
        return np.stack([np.sqrt(np.square(second - face).sum(-1)).mean(-1) for face in first[:ROWS]])

    found = interleaved(
        {"a2f": lambda: dtw(frame_distances(first, second)), "reference": plain}, setting.repeats, memory=True
    )
    exact = np.stack([np.sqrt(np.square(second.astype(np.float64) - face).sum(-1)).mean(-1) for face in first[:ROWS]])
    apart = float(np.abs(frame_distances(first[:ROWS], second) / exact - 1).max())
    rows, plain_timing = setting.warped / ROWS, found["reference"]
    scaled = (tuple(value * rows for value in values) for values in (plain_timing.seconds, plain_timing.busy))
    return found | {"reference": Timing(*scaled, plain_timing.others, plain_timing.operations)}, apart

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


def warping(size: Size, seconds: float, setting: Setting) -> dict[str, Timing]:
    """Time F-DTW of two sequences of T frames over all N vertices; the plain path is scaled from `ROWS` rows."""
    frames = round(seconds * size.fps)
    first, second = (draw(frames, size.vertices, 3, seed=seed).numpy() for seed in (0, 1))
    rows = min(ROWS, frames)
    found = interleaved(
        {
            "a2f": lambda: dtw(frame_distances(first, second)),
            "reference": lambda: [np.sqrt(np.square(second - face).sum(-1)).mean(-1) for face in first[:rows]],
        },
        setting.repeats,
    )
    plain = found["reference"]
    scaled = (tuple(value * frames / rows for value in values) for values in (plain.seconds, plain.busy))
    return found | {"reference": Timing(*scaled, plain.others, plain.operations)}

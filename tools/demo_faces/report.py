"""Measure a built face asset: counts, gaps, openings, reach of each unit."""

from __future__ import annotations

import numpy as np


def report(arrays: dict[str, np.ndarray], held_out: float, size: int, draws: int = 200, seed: int = 5) -> str:
    """A plain text report; all lengths in mm."""
    mean = arrays["mean"].astype(np.float64)
    identity = arrays["identity_basis"] * arrays["identity_scale"][:, None, None].astype(np.float64)
    units = arrays["unit_basis"] * arrays["unit_scale"][:, None, None].astype(np.float64)
    names = arrays["unit_names"].tolist()
    upper, lower = arrays["landmark_upper_lip_inner"], arrays["landmark_lower_lip_inner"]
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(draws, len(identity)))
    rim = mean[np.r_[upper, lower]] + np.einsum("sk,knc->snc", codes, identity[:, np.r_[upper, lower]])
    difference = rim[:, : len(upper)] - rim[:, len(upper) :]
    middle = difference[:, len(upper) // 2]
    lines = [
        f"{size} bytes, {len(mean)} vertices, {len(arrays['faces'])} triangles, held-out RMS {held_out:.2f}"
    ]
    lines += [f"{key}: {len(ids)}" for key, ids in arrays.items() if key.startswith(("region_", "landmark_"))]
    for label, values in (
        ("mid-line gap (vertical)", middle[:, 1]),
        ("mid-line gap (3D)", np.linalg.norm(middle, axis=1)),
        ("largest |gap| along the rim (vertical)", np.abs(difference[:, :, 1]).max(1)),
    ):
        lines.append(
            f"{label}: median {np.median(values):.3f} p95 {np.quantile(values, 0.95):.3f} "
            f"max {values.max():.3f}"
        )

    def gap(**weights: float) -> float:
        shape = mean + sum(value * units[names.index(name)] for name, value in weights.items())
        return float((shape[upper] - shape[lower])[len(upper) // 2, 1])

    jaw = units[names.index("jawOpen")]
    lip, tooth = lower[len(lower) // 2], arrays["landmark_lower_incisor"]
    lines.append(
        f"jawOpen=1: mid gap {gap(jawOpen=1):.2f}, lower lip {-jaw[lip, 1]:.2f} down, incisors "
        f"{-jaw[tooth, 1].mean():.2f} down, jaw share {jaw[tooth, 1].mean() / jaw[lip, 1]:.2f}"
    )
    for amount in (0.3, 0.6, 1.0):
        lines.append(
            f"jawOpen={amount} mouthClose={amount}: mid gap {gap(jawOpen=amount, mouthClose=amount):.3f}"
        )
    for name, unit in zip(names, units, strict=True):
        where = np.linalg.norm(unit, axis=-1)
        lines.append(f"{name:18s} most {where.max():6.2f}  mid gap {gap(**{name: 1.0}):6.2f}")
    return "\n".join(lines)

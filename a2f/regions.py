"""Cutting a face into small connected regions of about one size, and calling them by their place (section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from a2f.errors import BadInput
from a2f.mesh import Topology

PLACES = ("mouth", "chin", "nose", "cheek", "upper")
ROUNDS = 10  # of moving the centres of regions to their middles


def edge_graph(vertices: np.ndarray, faces: np.ndarray, ids: np.ndarray):
    """Return the edges among some vertices, as a sparse (V, V) matrix of lengths; vertex i of it is `ids[i]`."""
    from scipy.sparse import csr_matrix

    place = np.full(len(vertices), -1)
    place[ids] = np.arange(len(ids))
    corners = place[np.asarray(faces)]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    edges = np.sort(edges[(edges >= 0).all(axis=1)], axis=1)
    # an edge belongs to two triangles, and a sparse matrix adds up what it is given twice
    edges = np.unique(edges, axis=0)
    points = np.asarray(vertices, dtype=np.float64)[ids]
    # an edge of length zero would be no edge
    lengths = np.maximum(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1), 1e-9)
    return csr_matrix((lengths, (edges[:, 0], edges[:, 1])), shape=(len(ids), len(ids)))


def partition_regions(
    vertices: np.ndarray, faces: np.ndarray, ids: np.ndarray, n_regions: int = 32, seed: int = 0
) -> np.ndarray:
    """Cut a part of a mesh into connected regions, smaller where the mesh is finer.

    The first centre is drawn by chance, each next one is the vertex farthest from all centres so far, and every
    vertex goes to its nearest centre. Centres are then moved to the middle of their regions, a few times, since
    the first ones crowd the border. Distances run along the edges, so that no region reaches across the gap
    between the lips.

    Parameters
    ----------
    vertices : ndarray, (N, 3)
        One face, the mean for example.
    faces : ndarray, (F, 3) int
    ids : ndarray, (V,) int
        The vertices to cut up, each once.
    n_regions : int
    seed : int
        Decides the first centre.

    Returns
    -------
    ndarray, (V,) int64
        The region of each of `ids`, 0..n_regions-1. Each is connected by edges among its own vertices.

    Raises
    ------
    BadInput
        If there are fewer vertices, or more separate pieces, than regions.
    """
    from scipy.sparse.csgraph import connected_components, dijkstra

    ids = np.asarray(ids)
    if len(np.unique(ids)) != len(ids) or not 1 <= n_regions <= len(ids):
        raise BadInput(
            f"{n_regions} regions cannot be made of {len(ids)} ids, {len(np.unique(ids))} of them different; "
            "give each vertex once, and at least one a region"
        )
    graph = edge_graph(vertices, faces, ids)
    pieces = connected_components(graph, directed=False)[0]
    if pieces > n_regions:
        raise BadInput(f"the {len(ids)} vertices lie in {pieces} separate pieces, more than {n_regions} regions")
    centres = [int(np.random.default_rng(seed).integers(len(ids)))]
    nearest = dijkstra(graph, directed=False, indices=centres[0])
    while len(centres) < n_regions:
        # infinite in a piece without a centre, which is thus served first
        centres.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, dijkstra(graph, directed=False, indices=centres[-1]))
    points = np.asarray(vertices, dtype=np.float64)[ids]
    labels = _nearest_centre(graph, centres)
    for _ in range(ROUNDS):
        centres = [_middle(points, np.flatnonzero(labels == region)) for region in range(n_regions)]
        labels = _nearest_centre(graph, centres)
    return labels


def _nearest_centre(graph, centres: list[int]) -> np.ndarray:
    """Return the index of the centre that each vertex is nearest to, (V,) int64."""
    from scipy.sparse.csgraph import dijkstra

    # One search from all centres grows trees that do not cross: that keeps regions connected even at ties.
    _, _, sources = dijkstra(graph, directed=False, indices=centres, min_only=True, return_predecessors=True)
    labels = np.empty(graph.shape[0], dtype=np.int64)
    for region, centre in enumerate(centres):
        labels[sources == centre] = region
    return labels


def _middle(points: np.ndarray, own: np.ndarray) -> int:
    """Return which of the vertices `own` lies nearest to their mean."""
    return int(own[np.linalg.norm(points[own] - points[own].mean(axis=0), axis=1).argmin()])


def vertex_places(ids: np.ndarray, vertices: np.ndarray, topology: Topology) -> np.ndarray:
    """Return the place of each vertex, (V,) str of `PLACES`.

    The mouth is the region ``lips`` and what lies within a tenth of the mouth's width of it; upper is the region
    ``upper_face``. The rest is told by where it lies: below the corners of the mouth, and no farther from the mid-line
    than the mouth is wide, it is the chin; above them, and within half that, the nose; else the cheek.
    """
    from scipy.spatial import cKDTree

    points = np.asarray(vertices, dtype=np.float64)
    lips = points[topology.region("lips")]
    width, middle = np.ptp(lips[:, 0]), (lips[:, 0].max() + lips[:, 0].min()) / 2
    corners = lips[[lips[:, 0].argmin(), lips[:, 0].argmax()], 1].mean()
    own = points[ids]
    aside = np.abs(own[:, 0] - middle)
    places = np.full(len(ids), "cheek", dtype="<U5")
    places[(own[:, 1] >= corners) & (aside <= width / 2)] = "nose"
    places[(own[:, 1] < corners) & (aside <= width)] = "chin"
    places[cKDTree(lips).query(own)[0] <= width / 10] = "mouth"
    places[np.isin(ids, topology.region("upper_face"))] = "upper"
    return places


def name_regions(labels: np.ndarray, ids: np.ndarray, vertices: np.ndarray, topology: Topology) -> list[str]:
    """Return the place of each region: the one that most of its vertices have.

    Parameters
    ----------
    labels : ndarray, (V,) int
        As `partition_regions` returns them.
    ids : ndarray, (V,) int
    vertices : ndarray, (N, 3)
        The face that was cut up, y up and x across.
    topology : Topology
        With regions ``lips`` and ``upper_face``.

    Returns
    -------
    list of R str
        ``"mouth"``, ``"chin"``, ``"nose"``, ``"cheek"`` or ``"upper"``; several regions share a place.
    """
    places = vertex_places(ids, vertices, topology)
    counts = np.array(
        [[(places[labels == region] == place).sum() for place in PLACES] for region in range(max(labels) + 1)]
    )
    return [PLACES[best] for best in counts.argmax(axis=1)]


def named_partition(
    vertices: np.ndarray, topology: Topology, ids: np.ndarray, n_regions: int = 32, seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """Cut a part of a mesh into regions of which some are the mouth's and some the chin's, and name them.

    Where scalp and neck are cut up too, 32 regions are too coarse for a mouth: they are doubled until it has its own.

    Returns
    -------
    labels : ndarray, (V,) int64
        As of `partition_regions`.
    places : list of str
        As of `name_regions`.

    Raises
    ------
    BadInput
        If regions of a hundredth of the part, or of four vertices, are still too coarse.
    """
    wanted = {"mouth", "chin", "upper"}
    for count in (n_regions * 2**doubling for doubling in range(4)):
        if 4 * count > len(ids):
            break
        labels = partition_regions(vertices, topology.faces, ids, count, seed)
        places = name_regions(labels, ids, vertices, topology)
        if wanted <= set(places):
            return labels, places
    raise BadInput(
        f"no cut of the {len(ids)} vertices into {n_regions} to {8 * n_regions} regions gives mouth, chin and upper "
        f"face regions of their own; lips have {len(topology.region('lips'))} vertices ({topology.region_source}): "
        "are they there?"
    )


def region_centres(labels: np.ndarray, ids: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Return the mean position of each region's vertices, (R, 3)."""
    own = np.asarray(vertices, dtype=np.float64)[ids]
    return np.stack([own[labels == region].mean(axis=0) for region in range(max(labels) + 1)])


def places_in_order(places: Sequence[str]) -> list[str]:
    """Return the places that occur, from the mouth outwards."""
    return [place for place in PLACES if place in places]

"""Section 3's statistics against slow loops, enumeration and motions whose answer is known."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from a2f.data import Phone
from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.observations import (
    RegionCorrelation,
    closure_share,
    embed_tsne,
    motion_std,
    mouth_area,
    mouth_opening,
    name_regions,
    neighbour_purity,
    partition_regions,
    region_correlation,
)
from a2f.regions import edge_graph, region_centres, vertex_places


def grid(rows: int, columns: int, slit: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A sheet of unit squares, cut in two halves where `slit`, one half only for its middle third of columns."""
    y, x = np.mgrid[:rows, :columns]
    vertices = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3).astype(float)
    faces = []
    for row, column in itertools.product(range(rows - 1), range(columns - 1)):
        if slit and row == rows // 2 - 1 and columns // 3 <= column < 2 * columns // 3:
            continue
        a = row * columns + column
        faces += [[a, a + 1, a + columns], [a + 1, a + columns + 1, a + columns]]
    return vertices, np.array(faces)


def connected(members: set[int], faces: np.ndarray) -> bool:
    """Whether one can walk between all members along edges among them."""
    neighbours: dict[int, set[int]] = {member: set() for member in members}
    for face in faces.tolist():
        for a, b in itertools.permutations(face, 2):
            if a in members and b in members:
                neighbours[a].add(b)
    reached, queue = set(), [next(iter(members))]
    while queue:
        vertex = queue.pop()
        if vertex not in reached:
            reached.add(vertex)
            queue += neighbours[vertex]
    return reached == members


# --- motion statistics -------------------------------------------------------------------------------------------


def test_motion_std_against_a_loop():
    vertices = np.random.default_rng(0).normal(size=(9, 5, 3))
    loop = [np.sqrt(sum(np.std(vertices[:, v, axis]) ** 2 for axis in range(3))) for v in range(5)]
    np.testing.assert_allclose(motion_std(vertices), loop, rtol=1e-12)


def test_motion_std_sees_motion_only():
    rng = np.random.default_rng(0)
    face, motion = 100 * rng.normal(size=(5, 3)), rng.normal(size=(9, 5, 3))
    np.testing.assert_allclose(motion_std(face + motion), motion_std(motion), rtol=1e-9)
    np.testing.assert_allclose(motion_std(3 * motion), 3 * motion_std(motion), rtol=1e-12)
    still = motion_std(np.tile(face.astype(np.float32), (9, 1, 1)))
    np.testing.assert_array_equal(still, np.zeros(5))


@pytest.mark.parametrize("shape", [(9, 5), (9, 5, 2), (0, 5, 3)])
def test_motion_std_names_a_wrong_shape(shape):
    with pytest.raises(BadInput, match=r"expected \(T, V, 3\)"):
        motion_std(np.zeros(shape))


# --- t-SNE and purity --------------------------------------------------------------------------------------------


def test_tsne_keeps_far_groups_apart_and_repeats():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], 12)
    stds = np.repeat(10 * rng.normal(size=(3, 80)), 12, axis=0) + rng.normal(size=(36, 80))
    points = embed_tsne(stds, seed=0, perplexity=8)
    assert points.shape == (36, 2)
    assert neighbour_purity(points, labels).value == 1
    np.testing.assert_array_equal(points, embed_tsne(stds, seed=0, perplexity=8))


def test_tsne_of_few_clips_lowers_its_perplexity():
    points = embed_tsne(np.random.default_rng(0).random((5, 30)), seed=0)
    assert points.shape == (5, 2) and np.isfinite(points).all()


@pytest.mark.parametrize(
    "stds, named",
    [
        (np.ones((3, 4)), "at least 4 clips"),
        (np.full((6, 4), np.nan), "finite"),
        (np.ones((6, 4)), "same statistics"),
        (np.ones((6, 70)), "same statistics"),
    ],
)
def test_tsne_refuses_what_it_cannot_lay_out(stds, named):
    with pytest.raises(BadInput, match=named):
        embed_tsne(stds, seed=0)


@pytest.mark.parametrize("k", [1, 3])
def test_purity_against_a_loop(k):
    rng = np.random.default_rng(1)
    points, labels = rng.normal(size=(20, 4)), rng.integers(3, size=20)
    hits = []
    for i in range(20):
        others = sorted((j for j in range(20) if j != i), key=lambda j: np.linalg.norm(points[i] - points[j]))
        hits += [labels[i] == labels[j] for j in others[:k]]
    assert neighbour_purity(points, labels, k).value == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("k", [1, 2])
def test_chance_is_the_mean_over_all_ways_to_deal_the_labels(k):
    points = np.random.default_rng(2).normal(size=(6, 2))
    labels = ["a", "a", "a", "b", "b", "c"]
    dealt = [neighbour_purity(points, order, k).value for order in itertools.permutations(labels)]
    assert neighbour_purity(points, labels, k).chance == pytest.approx(np.mean(dealt))


def test_purity_does_not_depend_on_the_order_of_clips():
    rng = np.random.default_rng(3)
    points, labels, order = rng.normal(size=(15, 3)), rng.integers(3, size=15), rng.permutation(15)
    assert neighbour_purity(points, labels) == neighbour_purity(points[order], labels[order])


def test_pairs_of_speaker_and_mode_are_labels_too():
    points = np.array([[0.0], [1], [10], [11]])
    assert neighbour_purity(points, [("s1", "sad")] * 2 + [("s1", None)] * 2).value == 1


@pytest.mark.parametrize("points, labels, k", [(3, 2, 1), (3, 3, 3), (3, 3, 0)])
def test_purity_refuses_missing_labels_and_neighbours(points, labels, k):
    with pytest.raises(BadInput, match="labels|k is"):
        neighbour_purity(np.zeros((points, 2)), list(range(labels)), k)


# --- regions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("slit", [False, True])
def test_regions_cover_and_are_connected(seed, slit):
    vertices, faces = grid(10, 15, slit)
    ids = np.random.default_rng(seed).permutation(150)[:140]
    ids = ids[np.isin(ids, np.unique(faces))]
    labels = partition_regions(vertices, faces, ids, 8, seed)
    assert labels.shape == ids.shape and set(labels) == set(range(8))
    for region in range(8):
        assert connected(set(ids[labels == region].tolist()), faces)
    np.testing.assert_array_equal(labels, partition_regions(vertices, faces, ids, 8, seed))


def test_regions_of_an_even_mesh_are_of_similar_size():
    vertices, faces = grid(20, 20)
    sizes = np.bincount(partition_regions(vertices, faces, np.arange(400), 16, seed=0))
    assert sizes.max() <= 3 * sizes.min()


def test_a_region_does_not_reach_into_another_piece():
    one, faces = grid(3, 3)
    vertices, faces = np.concatenate([one, one + [0, 0, 0.01]]), np.concatenate([faces, faces + 9])
    labels = partition_regions(vertices, faces, np.arange(18), 2, seed=0)
    assert len(set(labels[:9])) == len(set(labels[9:])) == 1 and labels[0] != labels[-1]
    with pytest.raises(BadInput, match="2 separate pieces"):
        partition_regions(vertices, faces, np.arange(18), 1)


def test_as_many_regions_as_vertices_is_the_limit():
    vertices, faces = grid(3, 3)
    assert sorted(partition_regions(vertices, faces, np.arange(9), 9)) == list(range(9))
    for ids, count in ((np.arange(9), 10), (np.arange(9), 0), (np.array([0, 1, 1]), 2)):
        with pytest.raises(BadInput, match="regions cannot be made"):
            partition_regions(vertices, faces, ids, count)


def test_edge_lengths_are_counted_once():
    vertices, faces = grid(2, 2)
    graph = edge_graph(vertices, faces, np.arange(4))
    np.testing.assert_allclose(sorted(graph.data), [1, 1, 1, 1, np.sqrt(2)])


def test_places_on_the_demo_face():
    faces = load_faces()
    topology, ids = faces.topology, faces.topology.region("face")
    place = dict(zip(ids.tolist(), vertex_places(ids, faces.mean, topology), strict=True))
    assert place[int(topology.landmarks["jaw"][0])] == "chin"
    assert place[int(ids[faces.mean[ids, 2].argmax()])] == "nose", "its tip"
    assert {place[int(vertex)] for vertex in topology.region("lips")} == {"mouth"}
    assert {place[int(vertex)] for vertex in topology.region("upper_face")} == {"upper"}
    sides = [v for v in ids.tolist() if -40 < faces.mean[v, 1] < -20 and abs(faces.mean[v, 0]) > 40]
    assert sides and {place[v] for v in sides} == {"cheek"}


def test_a_region_is_called_by_most_of_its_vertices():
    faces = load_faces()
    topology, ids = faces.topology, faces.topology.region("face")
    labels = partition_regions(faces.mean, topology.faces, ids, 32, seed=0)
    names, places = name_regions(labels, ids, faces.mean, topology), vertex_places(ids, faces.mean, topology)
    assert len(names) == 32 and set(names) == {"mouth", "chin", "nose", "cheek", "upper"}
    for region, name in enumerate(names):
        own = places[labels == region].tolist()
        assert own.count(name) == max(own.count(place) for place in set(own))


def test_region_centres_against_a_loop():
    rng = np.random.default_rng(0)
    vertices, ids, labels = rng.normal(size=(9, 3)), np.array([5, 2, 8, 0]), np.array([1, 0, 1, 0])
    np.testing.assert_allclose(
        region_centres(labels, ids, vertices), [vertices[[2, 0]].mean(0), vertices[[5, 8]].mean(0)]
    )


# --- correlation -------------------------------------------------------------------------------------------------


def test_correlation_against_loops():
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 0, 2, 1, 1, 0])
    motions = [rng.normal(size=(frames, 7, 3)) + rng.normal(size=3) for frames in (20, 11)]
    found = region_correlation((motion for motion in motions), labels)
    lengths = np.concatenate([np.linalg.norm(motion, axis=-1) for motion in motions])
    means = [lengths[:, labels == region].mean(axis=1) for region in range(3)]
    np.testing.assert_allclose(found.matrix, np.corrcoef(means), atol=1e-6)
    for region in (0, 1):
        pairs = itertools.combinations(np.flatnonzero(labels == region), 2)
        loop = np.mean([np.corrcoef(lengths[:, a], lengths[:, b])[0, 1] for a, b in pairs])
        assert found.self_correlation[region] == pytest.approx(loop, abs=1e-6)
    assert found.self_correlation[2] == pytest.approx(1), "a single vertex moves with itself"
    assert found.frames == 31


def test_the_order_of_vertices_does_not_matter():
    rng = np.random.default_rng(0)
    labels, order = np.repeat([0, 1, 2], 4), rng.permutation(12)
    motion = rng.normal(size=(30, 12, 3))
    one, other = region_correlation([motion], labels), region_correlation([motion[:, order]], labels[order])
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-12)
    np.testing.assert_allclose(one.self_correlation, other.self_correlation, atol=1e-12)


def test_what_stands_still_correlates_with_nothing():
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(30, 6, 3))
    motion[:, 4:] = [1.3, 0.1, -0.7]  # displaced, but never moving
    found = region_correlation([motion], np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_array_equal(found.matrix[2], 0)
    assert found.self_correlation[2] == 0
    assert found.matrix[0, 0] == pytest.approx(1)
    nothing = region_correlation([np.zeros((5, 6, 3))], np.array([0, 0, 1, 1, 2, 2]))
    assert not nothing.matrix.any() and not nothing.self_correlation.any()


@pytest.mark.parametrize(
    "shape, labels, named",
    [
        ((5, 3, 3), [0, 1], "a motion has shape"),
        ((1, 2, 3), [0, 1], "1 frames"),
        ((5, 2, 3), [0, 2], "every number"),
        ((5, 2, 3), [-1, 0], "every number"),
    ],
)
def test_correlation_refuses_what_does_not_fit(shape, labels, named):
    with pytest.raises(BadInput, match=named):
        region_correlation([np.zeros(shape)], np.array(labels))


def test_summary_by_hand():
    matrix = np.array(
        [
            [1.0, 0.9, 0.7, 0.1, 0.3],
            [0.9, 1.0, 0.5, 0.2, 0.0],
            [0.7, 0.5, 1.0, 0.4, -0.2],
            [0.1, 0.2, 0.4, 1.0, 0.8],
            [0.3, 0.0, -0.2, 0.8, 1.0],
        ]
    )
    found = RegionCorrelation(matrix, np.array([0.9, 0.8, 0.7, 0.6, 0.5]), 10)
    assert found.summary(["mouth", "chin", "chin", "cheek", "upper"]) == pytest.approx(
        {
            "mouth-chin": 0.8,
            "upper-lower": (0.3 + 0.0 - 0.2) / 3,
            "all pairs": 3.7 / 10,
            "within regions": 0.7,
            "edges at 0.5": 0.4,
        }
    )
    with pytest.raises(BadInput, match="no region is called chin, upper"):
        found.summary(["mouth"] * 5)
    with pytest.raises(BadInput, match="4 places"):
        found.summary(["mouth"] * 4)


# --- mouth -------------------------------------------------------------------------------------------------------


def mouth(heights: list[float]) -> tuple[np.ndarray, Topology]:
    """One frame of a mouth 10 wide with these heights from corner to corner, tilted in depth."""
    count = len(heights)
    across = np.linspace(-5, 5, count)
    upper = np.stack([across, np.array(heights), across**2], axis=1)
    lower = np.stack([across, np.zeros(count), across**2 - 3], axis=1)
    topology = Topology(
        "mouth",
        2 * count,
        np.array([[0, 1, 2]]),
        {},
        landmarks={"upper_lip_inner": np.arange(count), "lower_lip_inner": np.arange(count, 2 * count)},
    )
    return np.concatenate([upper, lower])[None], topology


@pytest.mark.parametrize(
    "heights, opening, area",
    [
        ([0, 4, 0], 4, 20),  # two triangles
        ([2, 2, 2, 2, 2], 2, 20),  # a rectangle
        ([0, -1, 0], -1, 0),  # lips pressed together
        ([4, -4, -4, -4, 4], -4, 10),  # parts that overlap do not cancel parts that are open
    ],
)
def test_opening_and_area_of_plain_shapes(heights, opening, area):
    vertices, topology = mouth(heights)
    np.testing.assert_allclose(mouth_opening(vertices, topology), [opening], atol=1e-12)
    np.testing.assert_allclose(mouth_area(vertices, topology), [area], atol=1e-12)
    np.testing.assert_allclose(mouth_area(vertices + [3, -7, 20], topology), [area], atol=1e-9)


def test_the_demo_jaw_opens_the_demo_mouth():
    faces = load_faces()
    jaw = faces.unit_basis[faces.unit("jawOpen")]
    frames = np.stack([faces.mean + strength * jaw for strength in (0, 0.25, 0.5, 1)])
    opening, area = mouth_opening(frames, faces.topology), mouth_area(frames, faces.topology)
    assert abs(opening[0]) < 1 < opening[1] and np.all(np.diff(opening) > 0) and np.all(np.diff(area) > 0)


def test_a_mouth_without_landmarks_or_with_other_vertices_is_named():
    vertices, topology = mouth([0, 1, 0])
    with pytest.raises(BadInput, match=r"expected \(T, 6, 3\)"):
        mouth_opening(vertices[0], topology)
    bare = Topology("bare", 6, topology.faces, {})
    with pytest.raises(BadInput, match="no landmark upper_lip_inner, lower_lip_inner"):
        mouth_area(vertices, bare)


def test_lips_that_come_together_during_p_b_m_are_counted(dataset):
    clip = dataclasses.replace(
        dataset.clips[0],
        phones=(Phone("p", 0.1, 0.2), Phone("aa", 0.2, 0.5), Phone("m", 0.5, 0.6), Phone("b", 0.9, 1.0)),
    )
    opening = np.full(clip.num_frames, 5.0)
    assert closure_share(opening, clip) == 0.0
    opening[round(0.15 * clip.fps)] = 0.2  # in the p
    opening[round(0.35 * clip.fps)] = 0.2  # in a vowel, which does not count
    assert closure_share(opening, clip) == pytest.approx(1 / 3)
    assert closure_share(opening, clip, limit=0.1) == 0.0
    assert closure_share(opening[: round(0.1 * clip.fps)], clip) == 0.0
    assert closure_share(opening, dataclasses.replace(clip, phones=())) is None


def test_a_cut_gets_finer_until_the_mouth_has_regions_of_its_own():
    from a2f.data import open_dataset
    from a2f.regions import named_partition

    clip = open_dataset().split("train")[0]
    topology, everything = clip.topology, np.arange(clip.topology.num_vertices)
    labels, places = named_partition(clip.template, topology, topology.region("face"), 32, seed=0)
    np.testing.assert_array_equal(
        labels, partition_regions(clip.template, topology.faces, topology.region("face"), 32, 0)
    )
    coarse, named = named_partition(clip.template, topology, everything, 12, seed=0)
    assert {"mouth", "chin", "upper"} <= set(named) and len(named) == coarse.max() + 1 >= 12
    with pytest.raises(BadInput, match="8 to 64 regions.*are they there"):
        named_partition(clip.template, topology, topology.region("upper_face"), 8)

"""The numbers of Table 1 and of other papers against loops and another warping library; what must not change them."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from resident import megabytes_above

from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.metrics import TILE, dtw, dynamics, frame_distances, sequence_errors, vertex_distance

T, N = 9, 12
REST = np.random.default_rng(9).normal(size=(N, 3)).astype(np.float32)  # the neutral face


@pytest.fixture
def small() -> Topology:
    faces = np.array([[i, i + 1, i + 2] for i in range(N - 2)])
    regions = {
        "lips": np.array([1, 2, 5]),
        "upper_face": np.array([3, 4]),
        "face": np.array([1, 2, 3, 4, 5, 7]),
    }
    return Topology("small", N, faces, regions)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    target = rng.normal(size=(T, N, 3)).cumsum(0).astype(np.float32)
    return (target + rng.normal(size=target.shape)).astype(np.float32), target


def slow_dtw(cost: np.ndarray) -> float:
    accumulated = np.full((cost.shape[0] + 1, cost.shape[1] + 1), np.inf)
    accumulated[0, 0] = 0
    for i, j in itertools.product(range(cost.shape[0]), range(cost.shape[1])):
        before = min(accumulated[i, j], accumulated[i, j + 1], accumulated[i + 1, j])
        accumulated[i + 1, j + 1] = cost[i, j] + before
    return accumulated[-1, -1]


def test_every_metric_against_loops(pair, small):
    prediction, target = (array.astype(np.float64) for array in pair)
    found = sequence_errors(*pair, REST, small)

    def distance(t, v, u=None):
        return math.dist(prediction[t, v], target[t if u is None else u, v])

    def mean(ids):
        return sum(distance(t, v) for t in range(T) for v in ids) / (T * len(ids))

    lips, upper, face = (small.regions[name].tolist() for name in ("lips", "upper_face", "face"))
    assert found.lip_mean == pytest.approx(mean(lips), rel=1e-5)
    assert found.upper == pytest.approx(mean(upper), rel=1e-5)
    assert found.face == pytest.approx(mean(face), rel=1e-5)
    assert found.lip_max == pytest.approx(sum(max(distance(t, v) for v in lips) for t in range(T)) / T, rel=1e-5)
    cost = np.array([[np.mean([distance(t, v, u) for v in face]) for u in range(T)] for t in range(T)])
    assert found.f_dtw == pytest.approx(slow_dtw(cost), rel=1e-5)
    assert found.f_dtw_per_frame == pytest.approx(found.f_dtw / T) and found.frames == T
    largest = [max(distance(t, v) ** 2 for v in lips) for t in range(T)]
    assert found.lve == pytest.approx(sum(largest) / T, rel=1e-5)

    def deviation(motion):
        found = 0.0
        for v in upper:
            sizes = [math.dist(motion[t, v], REST[v]) ** 2 for t in range(T)]
            middle = sum(sizes) / T
            found += math.sqrt(sum((size - middle) ** 2 for size in sizes) / T)
        return found / len(upper)

    assert found.fdd == pytest.approx(deviation(target) - deviation(prediction), rel=1e-5)
    assert found.fdd_absolute == abs(found.fdd) > 0


def test_lve_is_at_least_the_square_of_the_largest_lip_error(pair, small):
    """A mean of squares is no less than the square of the mean; equal only where every frame errs alike."""
    found = sequence_errors(*pair, REST, small)
    assert found.lve > found.lip_max**2
    shifted = sequence_errors(pair[1] + np.float32([3, 4, 0]), pair[1], REST, small)
    assert shifted.lve == pytest.approx(25, rel=1e-4) and shifted.lip_max == pytest.approx(5, rel=1e-5)


def test_fdd_is_positive_for_a_face_that_moves_too_little_and_negative_for_one_that_moves_too_much(small):
    moving = REST + np.float32(np.sin(0.4 * np.arange(60)))[:, None, None] * np.ones((60, N, 3), np.float32)
    wanted = dynamics(moving[:, small.regions["upper_face"]], REST[small.regions["upper_face"]])
    for share in (0.0, 0.5, 2.0):
        found = sequence_errors(REST + share * (moving - REST), moving, REST, small)
        # squared displacements, so half the motion has a quarter of the dynamics
        assert found.fdd == pytest.approx((1 - share**2) * wanted, rel=1e-4)
        assert found.fdd_absolute == abs(found.fdd)
    late = sequence_errors(np.roll(moving, 7, axis=0), moving, REST, small)
    assert late.fdd == pytest.approx(0, abs=1e-6) and late.upper > 0, "it does not see when something moves"


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (5, 9), (9, 5), (40, 40), (30, 53)])
def test_dtw_against_a_slow_loop_and_dtw_python(shape):
    from dtw import dtw as reference
    from dtw import symmetric1  # steps (1, 0), (0, 1), (1, 1), each of weight one

    for seed in range(5):
        cost = np.random.default_rng(seed).exponential(size=shape)
        assert dtw(cost) == pytest.approx(slow_dtw(cost), rel=1e-12)
        assert dtw(cost) == pytest.approx(reference(cost, step_pattern=symmetric1).distance, rel=1e-12)


def test_dtw_is_the_cheapest_of_all_paths():
    cost = np.random.default_rng(1).exponential(size=(4, 5))

    def paths(i, j):
        if (i, j) == (0, 0):
            yield cost[0, 0]
        for di, dj in ((1, 0), (0, 1), (1, 1)):
            if i >= di and j >= dj:
                yield from (before + cost[i, j] for before in paths(i - di, j - dj))

    assert dtw(cost) == pytest.approx(min(paths(3, 4)))


def test_dtw_is_not_divided_by_anything():
    """So it grows with the frames: a constant error d over T frames costs T d."""
    assert dtw(np.full((6, 6), 2.0)) == 12.0


@pytest.mark.parametrize("seed", range(5))
def test_dtw_is_at_most_frames_times_the_face_error(seed, small):
    rng = np.random.default_rng(seed)
    prediction, target = rng.normal(size=(2, T, N, 3)).astype(np.float32)
    found = sequence_errors(prediction, target, REST, small)
    assert found.f_dtw <= T * found.face * (1 + 1e-6)
    assert found.f_dtw_per_frame <= found.face * (1 + 1e-6)


def test_dtw_of_a_sequence_with_itself_is_zero_and_a_delay_costs_less_than_it_does_frame_by_frame(small):
    phase = np.sin(0.4 * np.arange(60))[:, None, None]
    moving = (phase * np.ones((60, N, 3))).astype(np.float32)
    assert dtw(frame_distances(moving, moving)) == 0
    found = sequence_errors(moving[3:-3], moving[:-6], REST, small)
    assert 0 < found.f_dtw_per_frame < 0.3 * found.face


def test_frame_distances_are_mean_vertex_distances_for_other_lengths_too():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(5, N, 3)).astype(np.float32), rng.normal(size=(8, N, 3)).astype(np.float32)
    found = frame_distances(one, other)
    assert found.shape == (5, 8) and found.dtype == np.float64
    for i, j in itertools.product(range(5), range(8)):
        expected = np.mean([math.dist(one[i, v], other[j, v]) for v in range(N)])
        assert found[i, j] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("frames", [(2, 11), (3, 24), (1, 1)])
def test_frame_distances_of_many_vertices_against_one_broadcast_in_double_precision(frames):
    """At 23,370 vertices, Multiface's, the second sequence is divided; its last part may be a single frame."""
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(count, 23_370, 3)).astype(np.float32) for count in frames)
    assert TILE // 23_370 == 11
    expected = np.linalg.norm(one[:, None].astype(np.float64) - other, axis=-1).mean(-1)
    np.testing.assert_allclose(frame_distances(one, other), expected, rtol=1e-6)


@pytest.mark.parametrize("frames, limit", [((300, 12), 130), ((12, 300), 60)])
def test_frame_distances_need_the_memory_of_one_copy_of_the_first_sequence(frames, limit):
    """300 frames of 23,370 vertices are 84 MB; with 300 in both sequences it is one copy as well."""
    setup = f"""
    import numpy as np
    from a2f.metrics import frame_distances
    rng = np.random.default_rng(0)
    one, other = (rng.random((count, 23370, 3), dtype=np.float32) for count in {frames})
    frame_distances(one[:2, :50], other[:2, :50])
    """
    assert megabytes_above(setup, "frame_distances(one, other)") < limit


def test_no_error_without_a_difference(pair, small):
    found = dataclasses.asdict(sequence_errors(pair[1], pair[1].copy(), REST, small))
    assert found.pop("frames") == T
    assert set(found.values()) == {0.0}


def test_a_still_face_that_stays_still_has_no_error(small):
    still = np.broadcast_to(np.float32(np.arange(3 * N).reshape(N, 3)), (T, N, 3))
    assert sequence_errors(still, still, REST, small).f_dtw == 0


@pytest.mark.parametrize(
    "region, touched",
    [
        (None, set()),
        ("lips", {"lip_mean", "lip_max", "lve", "face", "f_dtw", "f_dtw_per_frame"}),
        ("upper_face", {"upper", "fdd", "fdd_absolute", "face", "f_dtw", "f_dtw_per_frame"}),
        ("face", {"face", "f_dtw", "f_dtw_per_frame"}),
    ],
)
def test_each_metric_sees_its_region_and_nothing_else(pair, small, region, touched):
    """Vertex 9 lies in no region, 7 in the face only; both move far away."""
    moved = pair[0].copy()
    vertex = {None: 9, "face": 7, "lips": 2, "upper_face": 3}[region]
    moved[:, vertex] += 1000
    before = dataclasses.asdict(sequence_errors(*pair, REST, small))
    after = dataclasses.asdict(sequence_errors(moved, pair[1], REST, small))
    assert {name for name in before if before[name] != after[name]} == touched


def test_numbering_the_vertices_anew_changes_nothing(pair, small):
    order = np.random.default_rng(2).permutation(N)  # new vertex i is old vertex order[i]
    place = np.argsort(order)
    regions = {name: place[ids] for name, ids in small.regions.items()}
    renumbered = Topology("small", N, place[small.faces], regions)
    before = dataclasses.asdict(sequence_errors(*pair, REST, small))
    after = dataclasses.asdict(sequence_errors(pair[0][:, order], pair[1][:, order], REST[order], renumbered))
    assert after == pytest.approx(before, rel=1e-6)


def test_errors_scale_with_the_unit_and_ignore_where_the_head_is(pair, small):
    before = dataclasses.asdict(sequence_errors(*pair, REST, small))
    scaled = dataclasses.asdict(sequence_errors(pair[0] * 8, pair[1] * 8, REST * 8, small))
    factor = {"frames": 1, "lve": 64, "fdd": 64, "fdd_absolute": 64}  # the last three are made of squares
    assert scaled == pytest.approx({k: v * factor.get(k, 8) for k, v in before.items()}, rel=1e-6)
    moved = dataclasses.asdict(sequence_errors(pair[0] + 2, pair[1] + 2, REST + 2, small))
    assert moved == pytest.approx(before, rel=1e-4)


def test_arrays_that_do_not_fit_are_refused(pair, small):
    prediction, target = pair
    with pytest.raises(BadInput, match=r"\(8, 12, 3\).*\(9, 12, 3\)"):
        sequence_errors(prediction[:-1], target, REST, small)
    with pytest.raises(BadInput, match="one shape"):
        vertex_distance(prediction[..., :2], target[..., :2])
    with pytest.raises(BadInput, match="differ in their vertices"):
        frame_distances(prediction[:, :-1], target)
    broken = prediction.copy()
    broken[3, 9, 1] = np.nan  # in no region
    with pytest.raises(BadInput, match="not finite"):
        sequence_errors(broken, target, REST, small)

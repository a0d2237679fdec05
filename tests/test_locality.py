"""Locality of features whose answer is known, and against slow loops."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from a2f.errors import BadInput
from a2f.locality import activation, gini, live_features, locality, radius_holding, share_holding, top_features

COUNT = 40
IDS = np.arange(5, 35)


@pytest.fixture
def neutral() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(COUNT, 3)) * 50


def single(vertices: list[int]) -> np.ndarray:
    """A basis whose feature k moves one vertex only."""
    basis = np.zeros((len(vertices), COUNT, 3))
    basis[np.arange(len(vertices)), vertices] = [0, 3, 4]
    return basis


def test_activation_is_the_length_of_the_displacement():
    basis = np.random.default_rng(0).normal(size=(3, 4, 3))
    loop = [[np.sqrt(sum(basis[k, v, axis] ** 2 for axis in range(3))) for v in range(4)] for k in range(3)]
    np.testing.assert_allclose(activation(basis), loop)


def test_one_vertex_against_the_whole_face(neutral):
    local = locality(single([7, 9, 20]), neutral, IDS)
    whole = locality(np.ones((3, COUNT, 3)), neutral, IDS)
    assert (local.features, local.live_features) == (whole.features, whole.live_features) == (3, 3)
    assert local.share_of_vertices_90 == pytest.approx(1 / 30) and whole.share_of_vertices_90 == pytest.approx(0.9)
    assert local.radius_90 == pytest.approx(0) and 0.2 < whole.radius_90 < 0.8
    assert local.gini == pytest.approx(29 / 30) and whole.gini == pytest.approx(0)
    assert local.entries_below_1e_3 == pytest.approx(1 - 2 / 90) and whole.entries_below_1e_3 == 0


def test_against_loops():
    rng = np.random.default_rng(0)
    for _ in range(20):
        energy, points = rng.random(12) ** 4, rng.normal(size=(12, 3))
        largest = sorted(energy, reverse=True)
        count = next(n for n in range(1, 13) if sum(largest[:n]) >= 0.9 * sum(energy))
        assert share_holding(energy) == pytest.approx(count / 12)
        centre = sum(e * p for e, p in zip(energy, points, strict=True)) / sum(energy)
        distance = [np.linalg.norm(p - centre) for p in points]
        inside = [r for r in sorted(distance) if sum(energy[np.array(distance) <= r]) >= 0.9 * sum(energy)]
        assert radius_holding(energy, points) == pytest.approx(inside[0])
        gaps = sum(abs(a - b) for a, b in itertools.product(energy, energy))
        assert gini(energy) == pytest.approx(gaps / (2 * 12 * sum(energy)))


def test_small_entries_are_counted_against_the_largest(neutral):
    basis = np.ones((1, COUNT, 3))
    basis[0, 5:20] = 5e-3
    basis[0, 20:23] = -5e-4
    found = locality(basis, neutral, IDS)
    assert found.entries_below_1e_2 == pytest.approx(18 / 30)
    assert found.entries_below_1e_3 == pytest.approx(3 / 30)


def test_features_of_almost_no_strength_are_dead(neutral):
    basis = single([7, 8, 9, 0])  # vertex 0 is not looked at
    basis[1] *= 0.051
    basis[2] *= 0.049
    assert live_features(basis, IDS).tolist() == [0, 1]
    assert locality(basis, neutral, IDS).live_features == 2
    assert locality(basis, neutral, IDS).features == 4


def test_neither_unit_nor_order_matters(neutral):
    rng = np.random.default_rng(1)
    basis = rng.normal(size=(6, COUNT, 3)) * rng.random((6, COUNT, 1)) ** 5
    found = dataclasses.astuple(locality(basis, neutral, IDS))
    order = rng.permutation(IDS)
    moved = locality(1000 * basis[rng.permutation(6)], 1000 * neutral + 5, order)
    assert dataclasses.astuple(moved) == pytest.approx(found)


def test_features_to_draw_are_spaced_over_the_upper_half():
    basis = single([10] * 20) * np.linspace(0.2, 1, 20)[::-1, None, None]
    basis = basis[np.random.default_rng(0).permutation(20)]
    rank = np.argsort(-activation(basis)[:, 10])
    chosen = top_features(basis, IDS, 4)
    assert chosen.tolist() == rank[[0, 3, 6, 9]].tolist()
    assert top_features(basis, IDS, 1).tolist() == rank[:1].tolist()
    assert top_features(basis, IDS, 15).tolist() == rank[:15].tolist(), "the upper half reaches down where it must"
    assert top_features(basis, IDS, 99).tolist() == rank.tolist()


def test_what_cannot_be_measured_is_named(neutral):
    with pytest.raises(BadInput, match="no feature moves them"):
        locality(np.zeros((2, COUNT, 3)), neutral, IDS)
    with pytest.raises(BadInput, match=r"expected \(K, N, 3\)"):
        activation(np.zeros((2, COUNT)))
    with pytest.raises(BadInput, match="not finite"):
        activation(np.full((2, COUNT, 3), np.nan))
    with pytest.raises(BadInput, match="neutral has shape"):
        locality(single([7]), neutral[1:], IDS)
    with pytest.raises(BadInput, match="in one place"):
        locality(single([7]), np.zeros((COUNT, 3)), IDS)
    with pytest.raises(BadInput, match="count is 0"):
        top_features(single([7]), IDS, 0)

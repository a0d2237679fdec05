"""Motions: coefficients of a basis mean the same as the displacements they stand for; Eq. 1."""

from __future__ import annotations

import pytest
import torch

from a2f.errors import BadInput
from a2f.models import Motion

B, T, R, N, K = 2, 7, 3, 5, 4


@pytest.fixture
def factored() -> Motion:
    torch.manual_seed(0)
    return Motion(torch.randn(B, T, R, dtype=torch.float64), torch.randn(R, 3 * N, dtype=torch.float64))


@pytest.fixture
def weight() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(K, 3 * N, dtype=torch.float64)  # W transposed


def test_dense_is_the_sum_of_coefficients_times_basis_rows(factored):
    dense = factored.dense()
    for b in range(B):
        for t in range(T):
            expected = sum(factored.values[b, t, r] * factored.basis[r] for r in range(R))
            torch.testing.assert_close(dense[b, t], expected)


def test_embedding_is_w_times_each_frame_factored_or_dense(factored, weight):
    dense = factored.dense()
    expected = torch.zeros(B, T, K, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            for k in range(K):
                expected[b, t, k] = sum(weight[k, i] * dense[b, t, i] for i in range(3 * N))
    torch.testing.assert_close(factored.embed(weight), expected)
    torch.testing.assert_close(Motion(dense).embed(weight), expected)


def test_squared_norm_is_the_sum_over_all_coordinates_factored_or_dense(factored):
    dense = factored.dense()
    expected = torch.tensor([[sum(x * x for x in frame) for frame in clip] for clip in dense.tolist()])
    torch.testing.assert_close(factored.squared_norm(), expected.double())
    torch.testing.assert_close(Motion(dense).squared_norm(), expected.double())


def test_eq_1_subtracts_the_mean_face_of_the_sequence(factored):
    """Faces, not displacements: the template that a motion leaves out drops out of Eq. 1."""
    template = torch.randn(B, 1, 3 * N, dtype=torch.float64)
    faces = template + factored.dense()
    for motion in (factored, Motion(factored.dense())):
        found = motion.minus_mean().dense()
        for b in range(B):
            mean_face = sum(faces[b, i] for i in range(T)) / T
            for i in range(T):
                torch.testing.assert_close(found[b, i], faces[b, i] - mean_face)


def test_a_motion_of_one_frame_is_nothing_but_its_mean(factored):
    one = Motion(factored.values[:, :1], factored.basis)
    assert one.num_frames == 1 and not one.minus_mean().dense().any()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match=r"\(7, 3\), expected \(batch, frames, values\)"):
        Motion(torch.zeros(T, R))
    with pytest.raises(BadInput, match="3 coefficients a frame do not fit a basis of 4 rows"):
        Motion(torch.zeros(B, T, 3), torch.zeros(4, 3 * N))

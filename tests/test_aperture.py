"""The height between the lips as a training target: read off W, it is what the finished faces show."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from a2f.config import SMOKE
from a2f.errors import BadInput
from a2f.models import Audio2Face, LipAperture, Motion
from a2f.models.aperture import SOFTNESS

UPPER, LOWER = [0, 1, 2, 3], [4, 5, 6, 7]


@pytest.fixture
def topology(topology):
    rims = {"upper_lip_inner": np.array(UPPER), "lower_lip_inner": np.array(LOWER)}
    return dataclasses.replace(topology, landmarks=rims, metres_per_unit=0.01)  # centimetres


@pytest.fixture
def model(topology) -> Audio2Face:
    torch.manual_seed(0)
    made = Audio2Face(SMOKE.model, topology.num_vertices, 5).double().eval()
    made.data_std.fill_(3.0)
    return made


@pytest.fixture
def template() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 30, 3, dtype=torch.float64)


def heights(faces: torch.Tensor) -> torch.Tensor:
    return 10 * (faces[..., UPPER[1:-1], 1] - faces[..., LOWER[1:-1], 1])  # mm


def test_heights_of_features_are_those_of_the_synthesised_faces(model, topology, template):
    features = torch.randn(2, 7, SMOKE.model.motion_dim, dtype=torch.float64)
    faces = model.synthesise(features, template)
    change = heights(faces) - heights(template).unsqueeze(1)
    assert torch.allclose(LipAperture(topology).of_features(model, features), change)


@pytest.mark.parametrize("dense", [False, True])
def test_heights_of_a_motion_are_those_of_its_vertices(model, topology, template, dense):
    basis = torch.randn(4, 30, 3, dtype=torch.float64)
    motion = model.motion_in_basis(torch.randn(2, 7, 4, dtype=torch.float64), basis)
    faces = template.unsqueeze(1) + 3.0 * motion.dense().view(2, 7, 30, 3)
    if dense:
        motion = Motion(motion.dense())
    change = heights(faces) - heights(template).unsqueeze(1)
    assert torch.allclose(LipAperture(topology).of_motion(model, motion), change)


def test_the_loss_is_the_weighted_error_summed_by_hand(model, topology, template):
    features = torch.randn(2, 3, SMOKE.model.motion_dim, dtype=torch.float64)
    motion = Motion(torch.randn(2, 3, 90, dtype=torch.float64))
    true = heights(template.unsqueeze(1) + 3.0 * motion.values.view(2, 3, 30, 3))
    predicted = heights(model.synthesise(features, template))
    terms = [
        (predicted[b, t, p] - true[b, t, p]) ** 2 / (max(float(true[b, t, p]), 0) + SOFTNESS)
        for b in range(2) for t in range(3) for p in range(2)
    ]  # fmt: skip
    found = LipAperture(topology).loss(model, features, motion, template)
    assert float(found.detach()) == pytest.approx(float(torch.stack(terms).mean().detach()))


def test_a_millimetre_costs_more_at_a_closure_than_in_a_yawn(model, topology, template):
    template[:, LOWER] = template[:, UPPER]  # lips that touch
    shut = torch.zeros(2, 1, SMOKE.model.motion_dim, dtype=torch.float64)

    def cost_of_staying_shut(height: float) -> float:
        values = torch.zeros(2, 1, 30, 3, dtype=torch.float64)
        values[:, :, LOWER, 1] = -height / 10 / 3.0
        return float(LipAperture(topology).loss(model, shut, Motion(values.flatten(2)), template).detach())

    assert cost_of_staying_shut(1.0) / 1.0**2 > 4 * cost_of_staying_shut(10.0) / 10.0**2
    assert cost_of_staying_shut(0.0) == 0


@pytest.mark.parametrize(
    ("change", "named"), [({"landmarks": {}}, "upper_lip_inner"), ({"metres_per_unit": None}, "unit")]
)
def test_a_topology_that_cannot_be_measured_is_refused(topology, change, named):
    with pytest.raises(BadInput, match=named):
        LipAperture(dataclasses.replace(topology, **change))


def test_training_uses_it(tmp_path, tiny_config, dataset, feature_cache, topology):
    import json

    from a2f.training import train

    clips = tuple(dataclasses.replace(clip, topology=topology) for clip in dataset.clips)
    marked = dataclasses.replace(dataset, topology=topology, clips=clips)
    config = tiny_config.replace(freeze_epochs=None, epochs=2, validate_every=2)
    losses = {}
    for weight in (0.0, 5.0):
        weighted = config.replace(aperture_weight=weight)
        run = train(weighted, marked, tmp_path / str(weight), cache=feature_cache, progress=False)
        losses[weight] = [row["train_loss"] for row in json.loads((run / "history.json").read_text())]
    assert losses[0.0] != losses[5.0]
    with pytest.raises(BadInput, match="aperture_weight"):
        train(config.replace(aperture_weight=1.0), dataset, tmp_path / "none", cache=feature_cache, progress=False)

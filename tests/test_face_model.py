"""The base of all methods: units in and out, what is taken from training, and what a method has to define."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from a2f.config import SMOKE, TrainingConfig, baseline
from a2f.errors import BadInput
from a2f.model_config import METHODS, EncoderConfig
from a2f.models import Batch, FaceModel, Motion, TrainingFaces, build_model
from a2f.training import training_faces

B, T, N, C, R = 2, 5, 30, 9, 4


@pytest.fixture
def model() -> FaceModel:
    model = FaceModel(EncoderConfig(), N, C, ("ann", "bob", "cy")).double()
    model.data_mean.copy_(torch.tensor([1.0, -2, 3]))
    model.data_std.fill_(2.5)
    return model


@pytest.fixture
def given() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {"template": 10 * draw(B, N, 3), "coefficients": draw(B, T, R), "basis": draw(R, N, 3)}


def faces_of(given) -> torch.Tensor:
    moved = torch.einsum("btr,rnc->btnc", given["coefficients"], given["basis"])
    return given["template"][:, None] + moved


def test_centre_and_size_are_those_of_the_training_heads_alone(topology):
    templates = torch.randn(3, N, 3, generator=torch.Generator().manual_seed(1)) * 7 + 100
    faces = 1000 + torch.randn(8, N, 3, generator=torch.Generator().manual_seed(2))
    model = FaceModel(EncoderConfig(), N, C)
    model.prepare(TrainingFaces(topology, templates, faces, faces), TrainingConfig())
    points = templates.reshape(-1, 3).tolist()
    mean = [sum(point[axis] for point in points) / len(points) for axis in range(3)]
    squares = [(point[axis] - mean[axis]) ** 2 for point in points for axis in range(3)]
    np.testing.assert_allclose(model.data_mean, mean, rtol=1e-5)
    assert float(model.data_std) == pytest.approx(math.sqrt(sum(squares) / len(squares)), rel=1e-5)
    normalised = model.normalise_template(templates)
    torch.testing.assert_close(normalised.mean((0, 1)), torch.zeros(3), atol=1e-4, rtol=0)
    assert float(normalised.square().mean()) == pytest.approx(1, rel=1e-4)


def test_motion_is_the_displacement_over_the_deviation_and_faces_bring_it_back(model, given):
    faces = faces_of(given)
    motion = model.motion(faces, given["template"])
    for t in range(T):
        expected = (faces[:, t] - given["template"]) / 2.5
        torch.testing.assert_close(motion.values[:, t].view(B, N, 3), expected)
    torch.testing.assert_close(model.faces(motion.dense(), given["template"]), faces)


def test_motion_in_a_basis_is_the_motion_of_the_faces_it_makes(model, given):
    factored = model.motion_in_basis(given["coefficients"], given["basis"])
    assert factored.basis is not None
    torch.testing.assert_close(factored.dense(), model.motion(faces_of(given), given["template"]).dense())
    torch.testing.assert_close(model.faces(factored.dense(), given["template"]), faces_of(given))


def test_identities_are_one_hot_in_the_order_of_the_training_subjects(model):
    found = model.one_hot(torch.tensor([2, 0]))
    assert found.tolist() == [[0, 0, 1], [1, 0, 0]] and found.dtype == model.data_std.dtype
    for wrong in (-1, 3):
        with pytest.raises(BadInput, match=f"subjects are .{wrong}., expected 0 to 2"):
            model.one_hot(torch.tensor([wrong]))
    with pytest.raises(BadInput, match="FaceModel was made without training subjects"):
        FaceModel(EncoderConfig(), N, C).one_hot(torch.tensor([0]))


def test_a_method_has_to_say_what_it_minimises_and_how_it_animates(model, given):
    motion = Motion(torch.zeros(B, T, 3 * N, dtype=torch.float64))
    batch = Batch(torch.zeros(B, T, C), given["template"], motion, motion, torch.zeros(B, dtype=torch.int64))
    with pytest.raises(TypeError, match="FaceModel has to define loss"):
        model.loss(batch, TrainingConfig())
    with pytest.raises(TypeError, match="FaceModel has to define animate"):
        model.animate(batch.audio, given["template"])
    assert model.measures(True) == model.measures(False) == {}


# ---- what every method keeps of these promises


def built(method: str, dataset) -> FaceModel:
    """A network prepared for the data set, with nothing at its starting value: some output layers start at zero."""
    config = SMOKE if method == "audio2face" else baseline(SMOKE, method)
    if method == "meshtalk":
        config = config.replace(heads=2, classes=4, samples=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(config, N, C, ("s0", "s1"))
        model.prepare(training_faces(dataset), config.training)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def a_batch(model: FaceModel, dataset) -> Batch:
    clips = dataset.split("train")[:4:2] + dataset.split("train")[6:8]
    coefficients = torch.from_numpy(np.stack([clip.coefficients[:T] for clip in clips]))
    motion = model.motion_in_basis(coefficients, torch.from_numpy(clips[0].basis))
    audio = torch.randn(len(clips), T, C, generator=torch.Generator().manual_seed(1))
    templates = torch.from_numpy(np.stack([clip.template for clip in clips]))
    return Batch(audio, templates, motion, motion, torch.tensor([0, 0, 1, 1]))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_loss_that_reaches_its_weights(method, dataset):
    model = built(method, dataset).train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        objective, data = model.loss(a_batch(model, dataset), SMOKE.training)
    assert objective.shape == data.shape == () and 0 <= float(data.detach()) <= float(objective.detach())
    objective.backward()
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert not unused


@pytest.mark.parametrize("method", METHODS)
def test_another_unit_gives_the_same_animation_in_that_unit(method, dataset):
    scale = 1024.0  # a power of two, so that no digit changes
    model, larger = (built(method, data) for data in (dataset, scaled(dataset, scale)))
    batch = a_batch(model, dataset)
    model.eval(), larger.eval()
    batch = dataclasses.replace(batch, audio=batch.audio[:1], template=batch.template[:1])
    style = model.motion_in_basis(torch.ones(1, 16, R), torch.from_numpy(dataset.clips[0].basis))
    with torch.no_grad():
        faces = model.animate(batch.audio, batch.template, style)
        again = larger.animate(batch.audio, batch.template * scale, style)
    moved = faces - batch.template
    assert float(moved.std(dim=1).max()) > 0
    tolerance = 1e-3 * float(moved.abs().max())
    torch.testing.assert_close(again / scale - batch.template, moved, rtol=0, atol=tolerance)


def scaled(dataset, scale: float):
    clips = tuple(
        dataclasses.replace(clip, template=clip.template * scale, basis=clip.basis * scale) for clip in dataset.clips
    )
    return dataclasses.replace(dataset, clips=clips)

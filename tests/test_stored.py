"""Networks in folders: every method comes back bit for bit; what is damaged or belongs elsewhere is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from a2f.config import SMOKE, Config, baseline
from a2f.errors import BadInput, MissingData
from a2f.model_config import METHODS, ModelConfig
from a2f.models import (
    Audio2Face,
    FaceModel,
    Motion,
    build_model,
    load_audio_encoder,
    load_encoder,
    load_model,
    read_run_config,
    read_weights,
    save_model,
)
from a2f.models.stored import NETWORKS, TUNED

B, T, N, C = 2, 10, 7, 9
SUBJECTS = ("ann", "bob", "ann b")


def config_of(method: str) -> Config:
    return SMOKE if method == "audio2face" else baseline(SMOKE, method)


def build(config: Config = SMOKE, vertices: int = N, seed: int = 0) -> FaceModel:
    """A network with nothing at its starting value, as training leaves it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(config, vertices, C, SUBJECTS)
        with torch.no_grad():
            for tensor in model.state_dict().values():
                if tensor.is_floating_point():
                    tensor.add_(0.1 * torch.rand(tensor.shape))
    return model.eval()


def faces(model: FaceModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    audio, template = torch.randn(B, T, C, generator=generator), torch.randn(B, N, 3, generator=generator)
    style = Motion(torch.randn(B, 13, 3 * N, generator=generator))
    with torch.no_grad():
        return model.animate(audio, template, style)


@pytest.fixture
def folder(tmp_path):
    save_model(build(), tmp_path, SMOKE)
    return tmp_path


def test_every_method_has_a_network():
    assert NETWORKS.keys() == METHODS.keys()
    for method in METHODS:
        assert type(build(config_of(method))) is NETWORKS[method]


@pytest.mark.parametrize("method", METHODS)
def test_a_saved_model_comes_back_bit_for_bit_and_ready_to_run(method, tmp_path):
    config = config_of(method).replace(name="mine")
    model = build(config)
    tuned = {TUNED + "x": torch.arange(3.0)}
    save_model(model, tmp_path, config, seed=3, extra=tuned)
    again = load_model(tmp_path)
    assert type(again) is type(model) and not again.training
    assert (again.config, again.subjects, again.num_vertices, again.audio_dim) == (config.model, SUBJECTS, N, C)
    assert torch.equal(faces(again), faces(model)) and faces(model).std() > 0
    found, described = read_run_config(tmp_path)
    assert found == config and found.method == method and described["seed"] == 3
    assert torch.equal(read_weights(tmp_path)[TUNED + "x"], tuned[TUNED + "x"])


@pytest.mark.parametrize("method", METHODS)
def test_half_precision_leaves_vectors_exact_and_hardly_moves_a_face(method, tmp_path):
    config = config_of(method)
    model = build(config)
    save_model(model, tmp_path, config, half=True)
    stored = load_file(tmp_path / "best.safetensors")
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            assert stored[key].dtype == (torch.float16 if value.ndim > 1 else torch.float32), key
    again = load_model(tmp_path)
    assert all(p.dtype == torch.float32 for p in again.parameters())
    if method != "meshtalk":  # whose categories may fall otherwise after the last digit
        torch.testing.assert_close(faces(again), faces(model), rtol=0, atol=0.02 * float(faces(model).std()))


def test_a_tuned_encoders_vectors_are_halved_only_where_that_is_exact(tmp_path):
    extra = {TUNED + "came.bias": torch.tensor([0.5, -0.25]), TUNED + "moved.bias": torch.tensor([0.5, 0.1])}
    save_model(build(), tmp_path, SMOKE, extra=extra, half=True)
    stored = load_file(tmp_path / "best.safetensors")
    assert [stored[key].dtype for key in extra] == [torch.float16, torch.float32]
    assert all(torch.equal(stored[key].float(), value) for key, value in extra.items())


def test_weights_of_several_names_lie_side_by_side(folder):
    save_model(build(seed=5), folder, SMOKE, "last")
    assert not torch.equal(faces(load_model(folder, "last")), faces(load_model(folder)))


def test_a_failed_save_leaves_what_was_there(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    broken = build()
    with torch.no_grad():
        broken.embedding.weight[0, 0] = 1e6
    with pytest.raises(BadInput, match="embedding.weight reaches 1e.06"):
        save_model(broken, folder, SMOKE, half=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# ---- what cannot be loaded


def test_what_is_no_trained_model_is_refused_by_name(tmp_path):
    with pytest.raises(MissingData, match="holds no config.json.*a2f train"):
        load_model(tmp_path)
    save_model(build(), tmp_path, SMOKE)
    with pytest.raises(MissingData, match="last.safetensors is not there"):
        load_model(tmp_path, "last")
    weights = (tmp_path / "best.safetensors").read_bytes()
    (tmp_path / "best.safetensors").write_bytes(weights[:-100])
    with pytest.raises(BadInput, match="best.safetensors is not a whole safetensors file"):
        load_model(tmp_path)
    save_model(build(vertices=N + 1), tmp_path, SMOKE)
    (tmp_path / "best.safetensors").write_bytes(weights)
    with pytest.raises(BadInput, match="does not fit its config.json"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadInput, match="not the configuration of a trained a2f model"):
        load_model(tmp_path)


@pytest.mark.parametrize("method", ["voca", "meshtalk", "faceformer"])
def test_the_weights_of_another_method_are_refused(method, folder):
    """Only config.json says which network the weights are of."""
    other = config_of(method)
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(described | {"config": other.to_dict()}))
    with pytest.raises(BadInput, match="best.safetensors does not fit its config.json"):
        load_model(folder)


def test_a_weight_that_is_not_finite_is_damage(folder):
    stored = load_file(folder / "best.safetensors")
    stored["data_mean"][0] = np.nan
    save_file(stored, folder / "best.safetensors")
    with pytest.raises(BadInput, match="best.safetensors is damaged: data_mean is not finite"):
        load_model(folder)


@pytest.mark.parametrize(
    "change, named",
    [
        ({"num_vertices": "many"}, "num_vertices is 'many'"),
        ({"num_vertices": 0}, "num_vertices is 0"),
        ({"audio_dim": -1}, "audio_dim is -1"),
        ({"audio_dim": 1.5}, "audio_dim is 1.5"),
        ({"subjects": "ann"}, "subjects is 'ann', expected a list of names"),
        ({"config": {"name": "x", "colour": 1}}, "unknown key 'colour'"),
        ({"config": {"name": "x", "method": "codetalker"}}, "'codetalker'.*audio2face.*voca.*meshtalk.*faceformer"),
        ({"config": {"name": "x", "method": "voca", "model": {"motion_dim": 8}}}, "unknown key 'motion_dim'"),
        ({"config": []}, "configuration is list"),
    ],
)
def test_a_config_that_says_what_cannot_be_is_refused_by_name(folder, change, named):
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(described | change))
    with pytest.raises(BadInput, match=named):
        load_model(folder)


def test_a_config_from_before_there_were_other_methods_still_loads(tmp_path):
    """It named neither method nor subjects nor rotation."""
    model = Audio2Face(SMOKE.model, N, C).eval()
    save_model(model, tmp_path, SMOKE)
    described = json.loads((tmp_path / "config.json").read_text())
    del described["subjects"], described["config"]["method"], described["config"]["data"]["rotation"]
    (tmp_path / "config.json").write_text(json.dumps(described))
    again = load_model(tmp_path)
    assert isinstance(again, Audio2Face) and again.subjects == ()
    assert torch.equal(faces(again), faces(model))
    assert read_run_config(tmp_path)[0] == SMOKE


def test_identities_are_needed_only_where_they_are_used():
    model = Audio2Face(ModelConfig(motion_dim=8, style_stages=((8, 1, 4),), decoder_blocks=1), N, C).eval()
    assert faces(model).isfinite().all()
    with pytest.raises(BadInput, match="Audio2Face was made without training subjects"):
        model.one_hot(torch.zeros(1, dtype=torch.int64))


# ---- the audio encoder beside the network


def test_a_frozen_encoder_comes_by_its_name_and_a_tuned_one_from_the_folder(tmp_path):
    plain = load_audio_encoder(SMOKE.model)
    save_model(build(), tmp_path, SMOKE)
    encoder, tuned = load_encoder(tmp_path, SMOKE)
    assert not tuned and encoder.identity == plain.identity
    changed = {TUNED + key: value + 0.5 for key, value in plain.state_dict().items()}
    save_model(build(), tmp_path, SMOKE, "last", extra=changed)
    encoder, tuned = load_encoder(tmp_path, SMOKE, "last")
    assert tuned and encoder.identity.startswith(plain.identity + ":tuned-")
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, changed[TUNED + key]), key


def test_a_part_of_an_encoder_is_refused(tmp_path):
    state = load_audio_encoder(SMOKE.model).state_dict()
    first = next(iter(state))
    part = {TUNED + key: value.contiguous() for key, value in state.items() if key != first}
    save_model(build(), tmp_path, SMOKE, extra=part)
    with pytest.raises(BadInput, match="best.safetensors holds no whole whisper-tiny-2 as audio encoder"):
        load_encoder(tmp_path, SMOKE)

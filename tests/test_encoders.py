"""Audio encoders: frozen ones build no graph, features are the model's own, and come at the mesh's times."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import torch

from a2f.config import ModelConfig
from a2f.errors import BadInput, MissingData
from a2f.models import load_audio_encoder, resample_features
from a2f.models.encoder_base import unit_level

RATE = 16_000


def hubert(folder, **changes):
    return load_audio_encoder(ModelConfig(audio_encoder=str(folder), **changes))


@pytest.fixture(scope="module")
def bundled():
    return load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2"))


@pytest.fixture(scope="module")
def log_mel():
    return load_audio_encoder(ModelConfig(audio_encoder="log-mel"))


@pytest.fixture
def sound() -> torch.Tensor:
    """Two seconds of something with pitch, formant-like colour and pauses, twice."""
    t = torch.arange(2 * RATE) / RATE
    voice = sum(torch.sin(2 * torch.pi * 120 * k * t) / k for k in range(1, 12))
    noise = torch.randn(2, len(t), generator=torch.Generator().manual_seed(0))
    return 0.1 * voice * (torch.sin(2 * torch.pi * 3 * t) > 0) + 0.02 * noise


@pytest.mark.parametrize("train_mode", [False, True])
def test_a_frozen_hubert_builds_no_graph_and_gathers_no_gradient(hubert_folder, sound, train_mode):
    """transformers' front end asks for gradients of its own accord in train() mode; freezing stops that."""
    encoder = hubert(hubert_folder)
    encoder.train(train_mode)
    features = encoder(sound)
    assert not features.requires_grad and features.grad_fn is None
    head = torch.nn.Linear(encoder.feature_dim, 1)
    head(features).sum().backward()
    assert head.weight.grad.any()
    assert all(p.grad is None for p in encoder.parameters())


def test_a_frozen_bundled_encoder_builds_no_graph(bundled, sound):
    features = bundled(sound)
    assert not features.requires_grad
    assert all(not p.requires_grad for p in bundled.parameters())


def test_unfreezing_lets_gradients_into_every_layer_and_freezing_shuts_them_out_again(hubert_folder, sound):
    encoder = hubert(hubert_folder)
    encoder.freeze(False)
    encoder(sound).square().sum().backward()
    for name, parameter in encoder.network.named_parameters():
        # the vector that stands for masked spans is not in use without masking
        assert name == "masked_spec_embed" or parameter.grad.any(), name
    assert encoder.network.feature_extractor.conv_layers[0].conv.weight.grad.any()
    encoder.freeze()
    assert not encoder(sound).requires_grad


def test_unfreezing_the_bundled_encoder_lets_gradients_in(sound):
    encoder = load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2"))
    encoder.freeze(False)
    encoder(sound).square().sum().backward()
    for name in ("conv1.weight", "conv2.weight", "layers.0.fc1.weight", "layers.1.fc2.weight"):
        assert encoder.network.get_parameter(name).grad.any(), name


def test_fine_tuning_is_without_dropout_or_masking(hubert_folder, sound):
    """Nothing that a run's seed does not decide: the unfrozen encoder gives the same features each time."""
    encoder = hubert(hubert_folder)
    frozen = encoder(sound)
    encoder.freeze(False)
    assert torch.equal(encoder(sound), frozen) and torch.equal(encoder(sound), frozen)


def test_final_norm_features_are_those_transformers_gives(hubert_folder, sound):
    from transformers import HubertModel

    reference = HubertModel.from_pretrained(hubert_folder).eval()
    with torch.no_grad():
        outputs = reference(unit_level(sound), output_hidden_states=True)
        last = reference.encoder.layers[-1](outputs.hidden_states[-2])
    before_norm = last[0] if isinstance(last, tuple) else last
    after = hubert(hubert_folder, audio_final_norm=True)(sound)
    before = hubert(hubert_folder, audio_final_norm=False)(sound)
    torch.testing.assert_close(after, outputs.last_hidden_state)
    torch.testing.assert_close(before, before_norm)
    torch.testing.assert_close(reference.encoder.layer_norm(before), after)
    assert (after - before).abs().max() > 0.1


def test_raw_waveforms_reach_the_encoder_unless_they_are_to_be_normalised(hubert_folder, sound):
    from transformers import HubertModel

    with torch.no_grad():
        raw = HubertModel.from_pretrained(hubert_folder).eval()(sound).last_hidden_state
    torch.testing.assert_close(hubert(hubert_folder, normalise_waveform=False)(sound), raw)


def test_weights_stored_in_half_precision_run_in_single(hubert_folder, sound, tmp_path):
    from transformers import HubertModel

    HubertModel.from_pretrained(hubert_folder).half().save_pretrained(tmp_path)
    features = hubert(tmp_path)(sound)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, hubert(hubert_folder)(sound), rtol=0.05, atol=0.05)


def test_identity_names_weights_and_settings(hubert_folder, tmp_path):
    """The feature cache is keyed by it: same folder name with other weights must not give old features."""
    plain = hubert(hubert_folder)
    copied = tmp_path / "encoder"
    shutil.copytree(hubert_folder, copied)
    assert hubert(copied).identity == plain.identity == hubert(hubert_folder).identity
    others = {
        hubert(hubert_folder, audio_final_norm=False).identity,
        hubert(hubert_folder, normalise_waveform=False).identity,
        load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2")).identity,
    }
    with torch.no_grad():
        plain.network.encoder.layers[0].attention.k_proj.bias[0] += 1e-3
    plain.network.save_pretrained(copied)
    others.add(hubert(copied).identity)
    assert len(others) == 4 and hubert(hubert_folder).identity not in others


@pytest.mark.parametrize("name", ["hubert-large", "nobody/no-such-model", "no/such/folder", "bad name!"])
def test_a_model_that_is_not_here_is_named_with_what_to_do_and_no_network(name, monkeypatch, tmp_path, no_network):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingData, match="hf download .*audio_encoder.*whisper-tiny-2"):
        load_audio_encoder(ModelConfig(audio_encoder=name))


def test_a_hub_name_in_the_local_cache_is_loaded_without_a_network(
    hubert_folder, sound, monkeypatch, tmp_path, no_network
):
    model = tmp_path / "models--someone--tiny"
    shutil.copytree(hubert_folder, model / "snapshots" / "abc")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert torch.equal(hubert("someone/tiny")(sound), hubert(hubert_folder)(sound))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(MissingData, match="neither a local folder nor in the local model cache"):
        load_audio_encoder(ModelConfig(audio_encoder=str(tmp_path)))


@pytest.mark.parametrize("loudness", [0.1, 0.5, 4.0])
def test_features_hardly_know_how_loud_the_recording_is(bundled, hubert_folder, sound, loudness):
    for encoder in (bundled, hubert(hubert_folder)):
        usual, other = encoder(sound), encoder(loudness * sound)
        assert (usual - other).norm() < 1e-3 * usual.norm()


def test_log_mel_features_are_whispers_bands_in_pairs(log_mel, bundled, sound):
    """80 bands at 0, 20, 40 ms... and beside them those 10 ms later; nothing to train."""
    features = log_mel(sound)
    assert features.shape == (2, 100, 160) and not list(log_mel.parameters())
    bands = bundled.mel(sound).transpose(1, 2)
    assert torch.equal(features[..., :80], bands[:, ::2]) and torch.equal(features[..., 80:], bands[:, 1::2])
    assert log_mel(sound[:, : 320 * 9 + 319]).shape[1] == 9
    raw = load_audio_encoder(ModelConfig(audio_encoder="log-mel", normalise_waveform=False))
    assert len({log_mel.identity, raw.identity, bundled.identity}) == 3
    assert (features - log_mel(0.1 * sound)).norm() < 1e-3 * features.norm()
    assert (raw(sound) - raw(0.1 * sound)).norm() > 0.05 * features.norm()


def test_a_click_is_where_log_mel_features_say_it_is(log_mel):
    """`first_centre` is the middle of a pair of frames."""
    faint = 1e-3 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(0))
    click = faint.clone()
    click[0, RATE] += 0.5
    distance = (log_mel(click) - log_mel(faint)).clamp_min(0)[0].sum(1).numpy()[40:60]
    times = log_mel.first_centre + np.arange(40, 60) / log_mel.feature_rate
    assert (distance * times).sum() / distance.sum() == pytest.approx(1.0, abs=0.004)


def test_a_hubert_that_lacks_weights_is_refused_instead_of_filled_with_random_ones(hubert_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(hubert_folder, tmp_path / "cut")
    tensors = load_file(tmp_path / "cut" / "model.safetensors")
    gone = next(name for name in tensors if "k_proj.weight" in name)
    save_file({k: v for k, v in tensors.items() if k != gone}, tmp_path / "cut" / "model.safetensors")
    with pytest.raises(BadInput, match="lack 1 tensors.*k_proj"):
        hubert(tmp_path / "cut")


def test_without_normalisation_features_know_the_level(sound):
    encoder = load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2", normalise_waveform=False))
    usual, quiet = encoder(sound), encoder(0.1 * sound)
    assert (usual - quiet).norm() > 0.05 * usual.norm()


def test_clips_of_a_batch_give_the_features_they_give_alone(bundled, hubert_folder, sound):
    for encoder in (bundled, hubert(hubert_folder)):
        together = encoder(sound)
        for index in range(2):
            alone = encoder(sound[index : index + 1])
            torch.testing.assert_close(alone[0], together[index], rtol=1e-4, atol=1e-4)


def test_silence_behind_a_clip_hardly_changes_its_features(bundled, sound):
    """Within reach of the level, which the silence lowers."""
    padded = torch.nn.functional.pad(sound, (0, RATE // 2))
    usual, other = bundled(sound), bundled(padded)
    cosine = torch.nn.functional.cosine_similarity(usual[:, :-10], other[:, : usual.shape[1] - 10], dim=-1)
    assert cosine.min() > 0.9 and cosine.mean() > 0.98


@pytest.mark.parametrize("which", ["whisper-tiny-2", "log-mel", "hubert"])
def test_features_come_at_the_rate_and_width_the_encoder_says(hubert_folder, sound, which):
    encoder = hubert(hubert_folder if which == "hubert" else which)
    features = encoder(sound)
    assert features.shape[0] == 2 and features.shape[2] == encoder.feature_dim
    assert abs(features.shape[1] - 2 * encoder.feature_rate) <= 1


@pytest.mark.parametrize("which", ["whisper-tiny-2", "log-mel", "hubert"])
def test_silence_and_fifty_milliseconds_give_finite_features(hubert_folder, which):
    encoder = hubert(hubert_folder if which == "hubert" else which)
    for samples in (800, RATE):
        features = encoder(torch.zeros(1, samples))
        assert features.shape[1] >= 1 and features.isfinite().all()


def test_unit_level_removes_offset_and_level_and_leaves_silence():
    wave = torch.tensor([[1.0, 2, 3, 4], [5, 5, 5, 5]])
    levelled = unit_level(wave)
    assert levelled[0].mean().item() == pytest.approx(0, abs=1e-6)
    assert levelled[0].square().mean().item() == pytest.approx(1, rel=1e-6)
    assert not levelled[1].any()


@pytest.mark.parametrize("frames", [1, 2, 30, 77, 200])
@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
@pytest.mark.parametrize("first_centre", [0.0, 200 / RATE])
def test_resampling_is_linear_interpolation_in_time(frames, fps, first_centre):
    torch.manual_seed(0)
    features = torch.randn(2, 80, 3, dtype=torch.float64)
    found = resample_features(features, frames, fps, 50.0, first_centre)
    times, centres = np.arange(frames) / fps, first_centre + np.arange(80) / 50.0
    for b in range(2):
        for c in range(3):
            expected = np.interp(times, centres, features[b, :, c].numpy())
            np.testing.assert_allclose(found[b, :, c], expected, rtol=0, atol=1e-9)


def test_a_single_feature_is_repeated_and_none_is_refused():
    found = resample_features(torch.full((1, 1, 2), 3.0), 5, 30.0, 50.0)
    assert torch.equal(found, torch.full((1, 5, 2), 3.0))
    with pytest.raises(BadInput, match="too short"):
        resample_features(torch.zeros(1, 0, 2), 5, 30.0, 50.0)


def test_loading_an_encoder_moves_nobody_elses_random_numbers(hubert_folder):
    before = torch.get_rng_state()
    hubert(hubert_folder)
    load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2"))
    assert torch.equal(torch.get_rng_state(), before)


# ---- wav2vec 2.0


@pytest.fixture(scope="module")
def wav2vec2_folder(tmp_path_factory):
    """A random wav2vec 2.0 of base's make (group-normed front end, norms behind layers), stored with its readout."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        vocab_size=32,
        mask_time_prob=0.05,
    )
    folder = tmp_path_factory.mktemp("wav2vec2")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Wav2Vec2ForCTC(config).eval().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("final_norm", [False, True])
def test_wav2vec2_features_are_those_transformers_gives(wav2vec2_folder, sound, final_norm):
    """A base model has its norms behind the layers: what the last layer gives is what the model gives."""
    from transformers import Wav2Vec2Model

    encoder = hubert(wav2vec2_folder, audio_final_norm=final_norm)
    with torch.no_grad():
        expected = Wav2Vec2Model.from_pretrained(wav2vec2_folder).eval()(unit_level(sound)).last_hidden_state
    features = encoder(sound)
    torch.testing.assert_close(features, expected)
    assert not features.requires_grad and encoder.identity.startswith("wav2vec2:")
    assert features.shape[2] == encoder.feature_dim and abs(features.shape[1] - 2 * encoder.feature_rate) <= 1
    encoder.freeze(False)
    assert encoder(sound).requires_grad and torch.equal(encoder(sound), features)


def test_wav2vec2_is_read_as_the_hub_stores_it(wav2vec2_folder, sound, tmp_path):
    """Older files name the halves of the normed weight otherwise and have no vector for masked spans."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(wav2vec2_folder, tmp_path / "old")
    renamed = {}
    for name, tensor in load_file(tmp_path / "old" / "model.safetensors").items():
        name = name.replace("parametrizations.weight.original0", "weight_g")
        renamed[name.replace("parametrizations.weight.original1", "weight_v")] = tensor
    del renamed["wav2vec2.masked_spec_embed"]
    assert sum(name.endswith(("weight_g", "weight_v")) for name in renamed) == 2
    save_file(renamed, tmp_path / "old" / "model.safetensors", metadata={"format": "pt"})
    assert torch.equal(hubert(tmp_path / "old")(sound), hubert(wav2vec2_folder)(sound))


def test_a_wav2vec2_that_lacks_weights_and_a_model_of_another_kind_are_refused(wav2vec2_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(wav2vec2_folder, tmp_path / "cut")
    tensors = load_file(tmp_path / "cut" / "model.safetensors")
    gone = next(name for name in tensors if "k_proj.weight" in name)
    save_file({k: v for k, v in tensors.items() if k != gone}, tmp_path / "cut" / "model.safetensors")
    with pytest.raises(BadInput, match="lack 1 tensors of a wav2vec2.*k_proj"):
        hubert(tmp_path / "cut")
    settings = (tmp_path / "cut" / "config.json").read_text()
    (tmp_path / "cut" / "config.json").write_text(settings.replace('"model_type": "wav2vec2"', '"model_type": "wavlm"'))
    with pytest.raises(BadInput, match="model_type 'wavlm', expected one of .'hubert', 'wav2vec2'."):
        hubert(tmp_path / "cut")


def test_a_wav2vec2_that_is_not_here_is_named_with_what_to_do(monkeypatch, tmp_path, no_network):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingData, match="hf download facebook/wav2vec2-base-960h.*audio_encoder.*whisper-tiny-2"):
        load_audio_encoder(ModelConfig(audio_encoder="wav2vec2-base"))


def test_weights_with_code_in_them_are_refused_and_the_code_is_not_run(tmp_path, hubert_folder):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'witness'}",)

    folder = shutil.copytree(hubert_folder, tmp_path / "encoder")
    (folder / "model.safetensors").unlink()
    torch.save({"a": Attack()}, folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="the weights of audio encoder .* cannot be read, and nothing in them was run"):
        hubert(folder)
    assert not (tmp_path / "witness").exists()

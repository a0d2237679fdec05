"""Saved models: self-contained, whole, exact or in half precision; what does not fit is refused by name."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import a2f
from a2f.animator import Animator, load
from a2f.config import ModelConfig, baseline
from a2f.errors import BadInput, MissingData
from a2f.models import build_model, load_audio_encoder, load_model, save_model

FACTS = {"name": "Tiny", "license": "mit", "limits": ["It is tiny."]}


@pytest.fixture
def folder(animator, tmp_path):
    return animator.save_pretrained(tmp_path / "tiny", FACTS)


def with_bundled_encoder(animator, tuned: bool, kind: str = "whisper-tiny-2") -> Animator:
    """The same faces moved by another encoder, its weights changed a little if tuned."""
    config = animator.config.replace(audio_encoder=kind)
    encoder = load_audio_encoder(config.model)
    if tuned:
        with torch.no_grad():
            encoder.network.conv1.bias += 0.1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = a2f.Audio2Face(config.model, 30, encoder.feature_dim)
    return Animator(model, encoder, animator.topology, config, tuned=tuned)


def test_load_and_from_pretrained_are_one(tiny_run, animator):
    assert a2f.load is load and a2f.Animator is Animator
    assert Animator.from_pretrained(tiny_run, "best").encoder.identity == animator.encoder.identity


def test_loading_names_what_is_missing(tmp_path, tiny_run, folder):
    with pytest.raises(MissingData, match="holds no config.json"):
        load(tmp_path)
    with pytest.raises(MissingData, match="third.safetensors"):
        load(tiny_run, "third")
    (folder / "topology.npz").unlink()
    with pytest.raises(MissingData, match="topology.npz is not a file"):
        load(folder)


def test_last_and_best_are_loaded_with_their_own_tuned_encoder(tiny_run):
    for name in ("best", "last"):
        stored = load_file(tiny_run / f"{name}.safetensors")
        state = load(tiny_run, name).encoder.state_dict()
        for key, value in stored.items():
            if key.startswith("audio_encoder."):
                assert torch.equal(state[key.removeprefix("audio_encoder.")], value), key


@pytest.mark.parametrize("half", [False, True])
def test_a_saved_model_is_whole_without_the_places_it_was_made_from(animator, clip, tmp_path, half, monkeypatch):
    """The tuned HuBERT goes with it: nothing of the run or of the encoder's own folder is read again."""
    folder = animator.save_pretrained(tmp_path / "a", FACTS, half=half)
    moved = tmp_path / "elsewhere" / "b"
    shutil.copytree(folder, moved)
    shutil.rmtree(folder)
    written = {path.relative_to(moved).as_posix() for path in moved.rglob("*") if path.is_file()}
    assert written == {
        "config.json", "model.safetensors", "topology.npz", "README.md", "card.json",
        "encoder/config.json", "encoder/model.safetensors",
    }  # fmt: skip
    assert animator.config.model.audio_encoder not in (moved / "config.json").read_text()
    assert animator.config.model.audio_encoder not in (moved / "README.md").read_text()
    found, usual = (a(clip.waveform, clip.template, clip).vertices for a in (load(moved), animator))
    size = np.abs(usual - clip.template).max()
    np.testing.assert_allclose(found, usual, rtol=0, atol=0.01 * size if half else 0)
    assert all(p.dtype == torch.float32 for p in [*load(moved).model.parameters(), *load(moved).encoder.parameters()])


def test_half_precision_halves_the_matrices_and_leaves_vectors_exact(animator, tmp_path):
    whole, half = (load_file(animator.save_pretrained(tmp_path / n, half=h) / "model.safetensors")
                   for n, h in (("w", False), ("h", True)))  # fmt: skip
    assert whole.keys() == half.keys() and torch.equal(whole["data_mean"], half["data_mean"])
    assert {half[k].dtype for k in half if half[k].ndim > 1 and half[k].is_floating_point()} == {torch.float16}
    again = load(tmp_path / "h").save_pretrained(tmp_path / "again", half=True)
    assert (again / "model.safetensors").read_bytes() == (tmp_path / "h" / "model.safetensors").read_bytes()


def test_what_is_too_large_for_half_precision_is_refused(tiny_run, tmp_path):
    animator = load(tiny_run)
    with torch.no_grad():
        animator.model.embedding.weight[0, 0] = 1e6
    with pytest.raises(BadInput, match="embedding.weight reaches 1e.06"):
        animator.save_pretrained(tmp_path / "x", half=True)


@pytest.mark.parametrize("tuned", [False, True])
def test_the_bundled_encoder_goes_with_the_model_only_if_it_was_tuned(animator, clip, tmp_path, tuned):
    made = with_bundled_encoder(animator, tuned)
    folder = made.save_pretrained(tmp_path / "a", half=True)
    stored = load_file(folder / "model.safetensors")
    assert any(key.startswith("audio_encoder.") for key in stored) is tuned and not (folder / "encoder").exists()
    fetched = load(folder)
    assert fetched.tuned is tuned and fetched.config == made.config
    torch.testing.assert_close(
        fetched.encoder.network.conv1.bias, made.encoder.network.conv1.bias, rtol=0, atol=0
    )
    assert fetched.save_pretrained(tmp_path / "b").is_dir() and load(tmp_path / "b").tuned is tuned


def test_a_model_on_log_mel_features_is_saved_like_any(animator, clip, tmp_path):
    made = with_bundled_encoder(animator, False, "log-mel")
    found = load(made.save_pretrained(tmp_path / "a"))(clip.waveform, clip.template, clip).vertices
    np.testing.assert_array_equal(found, made(clip.waveform, clip.template, clip).vertices)


def test_a_tuned_encoder_that_does_not_fit_is_bad_input(animator, tmp_path):
    folder = with_bundled_encoder(animator, True).save_pretrained(tmp_path / "a")
    stored = load_file(folder / "model.safetensors")
    lacking = {k: v for k, v in stored.items() if k != "audio_encoder.network.conv1.bias"}
    cut = stored | {"audio_encoder.network.conv1.bias": torch.zeros(7)}
    for tensors in (lacking, cut):
        save_file(tensors, folder / "model.safetensors")
        with pytest.raises(BadInput, match=r"model.safetensors holds no whole whisper-tiny-2"):
            load(folder)


def test_damaged_files_are_bad_input_that_names_them(folder, tmp_path):
    def damaged(name: str, change) -> None:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        (copy / name).write_bytes(change((copy / name).read_bytes()))
        with pytest.raises(BadInput, match=name):
            load(copy)

    def changed(**values):
        return lambda data: json.dumps(json.loads(data) | values).encode()

    for name in ("config.json", "model.safetensors", "topology.npz"):
        damaged(name, lambda data: data[: len(data) // 2])
    for key, value in (("num_vertices", "many"), ("audio_dim", -1), ("config", {"name": "x", "colour": 1})):
        damaged("config.json", changed(**{key: value}))
    damaged("config.json", changed(config={"name": "x", "model": {"style_stages": "ab"}}))
    damaged("card.json", lambda data: b"[]")
    stored = load_file(folder / "model.safetensors")
    stored["embedding.weight"][0, 0] = torch.nan
    save_file(stored, tmp_path / "nan.safetensors")
    damaged("model.safetensors", lambda data: (tmp_path / "nan.safetensors").read_bytes())


@pytest.mark.parametrize("method", ["voca", "meshtalk", "faceformer"])
def test_the_folder_of_another_method_is_refused_with_what_can_be_done(method, animator, tmp_path):
    """It is a run like any other, but it has neither style nor blendshapes."""
    config = baseline(animator.config, method)
    save_model(build_model(config, 30, 16, ("s0", "s1")), tmp_path, config)
    animator.topology.save(tmp_path / "topology.npz")
    with pytest.raises(BadInput, match=f"holds a {method} network; only the paper's.*`a2f evaluate` measures"):
        load(tmp_path)
    assert load_model(tmp_path).config == config.model


def test_parts_of_different_models_are_not_put_together(animator):
    with pytest.raises(BadInput, match="takes 16 audio features, .* gives 384"):
        Animator(animator.model, load_audio_encoder(ModelConfig(audio_encoder="whisper-tiny-2")), animator.topology,
                 animator.config)  # fmt: skip
    face = a2f.Topology("other", 4, np.array([[0, 1, 2]]), {"face": np.arange(4)})
    with pytest.raises(BadInput, match="moves 30 vertices, its topology has 4"):
        Animator(animator.model, animator.encoder, face, animator.config)


def test_the_card_says_what_was_given_and_what_the_model_knows_itself(animator, folder):
    text = (folder / "README.md").read_text()
    assert text.startswith("---\n") and "# Tiny" in text and 'license: "mit"' in text and "It is tiny." in text
    assert "hubert" in text and "fine-tuned" in text and "| training | epochs | 6 |" in text
    assert "Not measured" in text and "synthetic" in text


def test_card_and_evaluation_stay_with_the_model_and_not_with_the_place(animator, tmp_path):
    result = {"about": "Made up.", "rows": [{"quantity": "r", "value": 0.9}]}
    facts = FACTS | {"model_id": "someone/tiny"}
    first = animator.save_pretrained(tmp_path / "a", facts, evaluation=result)
    again = load(first).save_pretrained(tmp_path / "b")
    assert load(again).evaluation == result and load(again).card["name"] == "Tiny"
    assert "someone/tiny" in (first / "README.md").read_text()
    assert "someone/tiny" not in (again / "README.md").read_text()
    assert (again / "README.md").read_text().count("| r | 0.9 |") == 1


def test_results_of_another_model_do_not_stay_behind(animator, tmp_path):
    animator.save_pretrained(tmp_path / "a", evaluation={"rows": [{"quantity": "r", "value": 0.9}]})
    animator.save_pretrained(tmp_path / "a")
    assert load(tmp_path / "a").evaluation is None


def test_a_wrong_fact_is_found_before_anything_is_written(animator, tmp_path):
    with pytest.raises(BadInput, match="no fact called 'licence'"):
        animator.save_pretrained(tmp_path / "a", {"licence": "mit"})
    assert not (tmp_path / "a").exists()

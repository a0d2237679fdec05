"""On a GPU: faces and losses of the processor to rounding, the same digits each time; skipped where there is none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from torch import nn

import a2f
from a2f.bench.rows import measure
from a2f.bench.setting import QUICK, audio2face, training_batch
from a2f.config import baseline
from a2f.determinism import same_digits
from a2f.errors import BadInput
from a2f.global_norm import share_statistics
from a2f.models import Motion
from a2f.models.products import products
from a2f.precision import computes_bfloat16
from a2f.training import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch can use no GPU here")
SCRIPT = Path(__file__).with_name("shared_training.py")


def rows(run: Path) -> list[dict]:
    return json.loads((run / "history.json").read_text())


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "last.safetensors")


# ---- faces


@pytest.fixture(scope="module")
def both(tiny_run) -> tuple:
    """One model on the processor and on the GPU."""
    return a2f.load(tiny_run), a2f.load(tiny_run).to("cuda")


def test_faces_are_those_of_the_processor_to_rounding(both, clip):
    here, there = both
    assert there.device.type == "cuda" and there.encoder.device.type == "cuda"
    faces = [one(clip.waveform, clip.template, clip) for one in both]
    motion = np.abs(faces[0].vertices - clip.template).max()
    np.testing.assert_allclose(faces[1].vertices, faces[0].vertices, atol=1e-4 * motion)
    np.testing.assert_allclose(faces[1].weights, faces[0].weights, atol=1e-4 * np.abs(faces[0].weights).max())
    again = there(clip.waveform, clip.template, clip)
    assert np.array_equal(again.vertices, faces[1].vertices)
    moved = there(clip.waveform, clip.template, here.style(clip))  # a style from elsewhere
    np.testing.assert_allclose(moved.vertices, faces[1].vertices, atol=1e-4 * motion)


def test_styles_of_any_kind_and_the_way_back(both, clip, tiny_run):
    here, there = both
    motion = here(clip.waveform, clip.template, clip)
    for style in (None, motion):
        torch.testing.assert_close(there.style(style).cpu(), here.style(style), rtol=1e-3, atol=1e-4)
    back = a2f.load(tiny_run).to("cuda").to("cpu")
    assert np.array_equal(back(clip.waveform, clip.template, clip).vertices, motion.vertices)


def test_pieces_and_live_faces_are_those_of_the_processor(both, clip):
    sound = np.tile(clip.waveform, 3)
    found = []
    for one in both:
        pieces = np.concatenate([piece.copy() for piece in one.frames(sound, clip.template, clip, reuse=True)])
        live = np.concatenate(list(one.stream(np.array_split(sound, 7), clip.template, clip)))
        found.append((pieces, live))
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, atol=2e-4 * np.abs(here - clip.template).max())


def test_a_folder_of_sounds_is_animated(tiny_run, both, clip, topology, tmp_path):
    soundfile.write(tmp_path / "speech.wav", clip.waveform, clip.sample_rate, subtype="FLOAT")
    motion = both[0](clip.waveform, clip.template, clip)
    style, face = tmp_path / "style.npz", tmp_path / "face.npy"
    motion.to_npz(style)
    np.save(face, clip.template)
    given = {"checkpoint": tiny_run, "style": str(style), "template": str(face), "progress": False}
    found = []
    for device in ("cpu", "cuda"):
        (made,) = a2f.animate([tmp_path / "speech.wav"], tmp_path / device, ["npz"], device=device, **given)
        found.append(a2f.Animation.from_npz(made).vertices)
    np.testing.assert_allclose(*found, atol=1e-4 * np.abs(found[0] - clip.template).max())


def test_another_runtime_and_a_gpu_are_not_for_the_same_encoder(both, tmp_path):
    with pytest.raises(BadInput, match="runs the audio encoder on the processor"):
        both[1].with_runtime("onnxruntime")


# ---- training


@pytest.mark.parametrize("method", ["a2f", "a2f-paper", "voca", "faceformer", "meshtalk"])
def test_losses_are_those_of_the_processor(method, tiny_config, dataset, feature_cache, tmp_path):
    config = tiny_config.replace(epochs=2, freeze_epochs=1 if method.startswith("a2f") else None, validate_every=1)
    if method == "a2f-paper":
        config = config.replace(audio_normalisation="instance", style_normalisation="mean", loss="norm",
                                sparsity_step="proximal")  # fmt: skip
    elif method != "a2f":
        config = baseline(config, method)
    if method == "meshtalk":  # its Gumbel noise is drawn on the device
        config = config.replace(epochs=1)
    here = train(config, dataset, tmp_path / "cpu", seed=1, cache=feature_cache, progress=False)
    there = train(config, dataset, tmp_path / "gpu", seed=1, progress=False, device="cuda")
    tolerance = 0.2 if method == "meshtalk" else 0.05 if method == "faceformer" else 2e-3  # FaceFormer's dropout too
    for one, two in zip(rows(here), rows(there), strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=tolerance)
        assert np.isfinite(two["val_loss"])


def test_the_same_seed_gives_the_same_digits(tiny_config, dense_dataset, tmp_path):
    runs = [train(tiny_config, dense_dataset, tmp_path / name, seed=3, progress=False, device="cuda") for name in "ab"]
    assert rows(runs[0]) == rows(runs[1])
    for one, two in zip(weights(runs[0]).values(), weights(runs[1]).values(), strict=True):
        assert torch.equal(one, two)


def test_a_run_goes_on_on_the_other_device(tiny_config, dataset, feature_cache, tmp_path):
    class Stopped(Exception):
        pass

    def stop(row: dict) -> None:
        if row["epoch"] == 2:
            raise Stopped

    whole = train(tiny_config, dataset, tmp_path / "whole", seed=1, cache=feature_cache, progress=False)
    for first, second in (("cpu", "cuda"), ("cuda", "cpu")):
        run = tmp_path / first
        with pytest.raises(Stopped):
            train(tiny_config, dataset, run, seed=1, progress=False, device=first, on_epoch=stop)
        train(tiny_config, dataset, run, seed=1, progress=False, device=second)
        assert rows(run)[-1]["train_loss"] == pytest.approx(rows(whole)[-1]["train_loss"], rel=5e-3)


def test_bfloat16_rounds_and_learns_the_same(tiny_config, dataset, tmp_path):
    if not computes_bfloat16(torch.device("cuda")):
        pytest.skip("this GPU does not compute in bfloat16")
    config = tiny_config.replace(epochs=2, freeze_epochs=1, validate_every=1)
    whole, rounded = (
        rows(train(config, dataset, tmp_path / name, progress=False, device="cuda", precision=name))[-1]
        for name in ("float32", "bfloat16")
    )
    assert whole["train_loss"] != rounded["train_loss"] == pytest.approx(whole["train_loss"], rel=0.05)


@pytest.mark.parametrize("style", ["target", "another"])
def test_the_quick_terms_have_the_gradient_of_the_processor(style):
    size = QUICK.sizes[0]
    found = []
    for device in ("cpu", "cuda"):
        model, batch = audio2face(size, QUICK).train().to(device), training_batch(size, QUICK)
        target = Motion(batch.target.values.to(device))
        other = target if style == "target" else Motion(target.values.clone())
        batch = type(batch)(batch.audio.to(device), batch.template.to(device), target, other, batch.subject.to(device))
        with same_digits():
            objective, _ = model.loss(batch, QUICK.config.training)
            objective.backward()
        found.append((objective, model.embedding.weight.grad))
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=1e-3, atol=1e-5 * float(here.detach().abs().max()))


def test_products_are_made_at_once_and_equal_those_of_the_processor():
    generator = torch.Generator().manual_seed(0)
    weight, rows_ = (torch.randn(6, 5000, generator=generator, dtype=torch.float64) for _ in range(2))
    results = []
    for device in ("cpu", "cuda"):
        leaf = weight.to(device, copy=True).requires_grad_()
        gram, total, (read,) = products(leaf, rows_.to(device))
        (gram.sum() + total + read.sin().sum()).backward()
        results.append([value.detach().cpu() for value in (gram, total, read, leaf.grad)])
    for here, there in zip(*results, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-12, atol=1e-10)


# ---- processes


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
def nccl(monkeypatch):
    """The environment of a group of one process; what was connected is closed."""
    for name, value in {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_ADDR": "127.0.0.1",
                        "MASTER_PORT": free_port()}.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_gradients_that_went_through_nccl_train_to_the_same_losses(tiny_config, dataset, tmp_path, monkeypatch, nccl):
    config = tiny_config.replace(freeze_epochs=2, epochs=3, validate_every=1)
    alone = train(config, dataset, tmp_path / "alone", seed=1, progress=False, device="cuda")
    with monkeypatch.context() as patched:
        patched.setattr("a2f.processes.launched", lambda: (0, 2))  # as if there were another one
        shared = train(config, dataset, tmp_path / "shared", seed=1, progress=False, device="cuda")
    assert torch.distributed.get_backend() == "nccl" or "nccl" in str(torch.distributed.get_backend_config())
    for one, two in zip(rows(alone), rows(shared), strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def test_the_shared_norm_over_nccl_is_torchs(nccl):
    torch.manual_seed(0)
    plain, other = (nn.Sequential(nn.BatchNorm1d(4)).cuda() for _ in range(2))
    share_statistics(other)
    torch.distributed.init_process_group("nccl")
    values = (3 + 2 * torch.randn(6, 4, 10)).cuda().requires_grad_()
    same = values.detach().clone().requires_grad_()
    factor = torch.randn(6, 4, 10).cuda()
    (plain(values) * factor).sum().backward()
    (other(same) * factor).sum().backward()
    torch.testing.assert_close(same.grad, values.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.state_dict(), plain.state_dict(), atol=1e-5, rtol=1e-5)


def test_processes_beyond_the_gpus_are_refused_or_train_together(tiny_config, dataset, tmp_path):
    """Two processes: with two GPUs they train to the losses of one, with one the second is told so."""
    config = tiny_config.replace(epochs=3, freeze_epochs=None, validate_every=1).replace(name="gpu")
    (tmp_path / "cases.json").write_text(json.dumps([config.to_dict()]))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", SCRIPT, tmp_path]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "A2F_TEST_DEVICE": "cuda"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, timeout=300)
    if torch.cuda.device_count() < 2:
        assert done.returncode != 0 and "has no GPU, of which there are 1" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    alone = train(config, dataset, tmp_path / "alone", seed=1, progress=False, device="cuda")
    for one, two in zip(rows(alone), rows(tmp_path / "gpu"), strict=True):
        assert two == pytest.approx(one, rel=1e-3)


# ---- the bench


def test_the_bench_times_training_and_synthesis():
    found = measure(quick=True, device="cuda")
    assert found["device"] == "cuda" and found["parts"] == ["training", "inference"]
    assert found["machine"]["gpu"] == torch.cuda.get_device_name()
    steps = [row for row in found["rows"] if row["part"] == "training"]
    assert len(steps) == (3 + computes_bfloat16(torch.device("cuda"))) * len(QUICK.sizes)
    assert all(row["memory_mb"] >= 0 and row["median"] > 0 for row in steps)
    with pytest.raises(BadInput, match="no part 'export' on cuda"):
        measure(quick=True, device="cuda", parts=["export"])

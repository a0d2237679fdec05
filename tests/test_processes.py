"""Several processes train what one does: the same losses, statistics of the whole batch, and one end for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from a2f.config import baseline
from a2f.errors import BadInput
from a2f.global_norm import GlobalBatchNorm, share_statistics
from a2f.precision import lower
from a2f.processes import Processes, launched, usable_device
from a2f.runs import FINISHED, STATE
from a2f.training import train

SCRIPT = Path(__file__).with_name("shared_training.py")


@pytest.fixture(scope="module")
def cases(tiny_config) -> dict:
    """Tiny runs of every method, with whatever a process draws for itself switched off where there is a switch."""
    short = tiny_config.replace(epochs=3, freeze_epochs=None, validate_every=1)
    released = {
        "audio_normalisation": "batch", "style_statistics": ("mean", "std", "difference_std"), "loss": "squared",
        "style_source": "target",
    }  # fmt: skip
    written = {"audio_normalisation": "instance", "style_normalisation": "mean", "loss": "norm"}
    made = {
        "release": short.replace(**released, freeze_epochs=2),
        "paper": short.replace(**written, batch_size=5, feature_dropout=0.3, sparsity_step="proximal"),
        "voca": baseline(short, "voca").replace(epochs=2),
        "faceformer": baseline(short, "faceformer").replace(epochs=1, crop_frames=8, dropout=0.0),
        "meshtalk": baseline(short, "meshtalk").replace(epochs=1),
        "stopped": short.replace(**released),
        "diverged": short,
        "one-fails": short,
    }
    return {name: config.replace(name=name) for name, config in made.items()}


@pytest.fixture(scope="module")
def started(cases, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """All of them in two processes, one after the other; in the last, one of the two fails."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "cases.json").write_text(json.dumps([config.to_dict() for config in cases.values()]))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", SCRIPT, folder]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, timeout=300)
    assert (folder / "rank1.json").is_file(), done.stderr
    return folder, done


@pytest.fixture(scope="module")
def shared(started) -> Path:
    return started[0]


@pytest.fixture(scope="module")
def notes(shared) -> list[dict]:
    return [json.loads((shared / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def rows(run: Path) -> list[dict]:
    return json.loads((run / "history.json").read_text())


@pytest.mark.parametrize("name", ["release", "paper", "voca", "faceformer"])
def test_two_processes_train_to_the_losses_of_one(name, cases, shared, dataset, feature_cache, tmp_path):
    alone = train(cases[name], dataset, tmp_path / "alone", seed=1, cache=feature_cache, progress=False)
    for one, two in zip(rows(alone), rows(shared / name), strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    assert [json.loads((run / FINISHED).read_text())["processes"] for run in (alone, shared / name)] == [1, 2]
    kept = [load_file(run / "best.safetensors") for run in (alone, shared / name)]
    assert {k: v.shape for k, v in kept[0].items()} == {k: v.shape for k, v in kept[1].items()}


@pytest.mark.parametrize("name", ["release", "paper", "voca", "faceformer", "meshtalk"])
def test_both_processes_had_their_share_of_every_batch_and_end_with_the_same_weights(name, cases, notes):
    one, two = (note[name] for note in notes)
    assert (one["rank"], two["rank"]) == (0, 1) and one["processes"] == two["processes"] == 2
    assert one["pid"] != two["pid"] and one["weights"] == two["weights"]
    size = cases[name].training.batch_size
    assert set(one["items"]) == {size // 2} and set(two["items"]) == {size - size // 2}


def test_a_run_of_two_goes_on_alone(cases, shared, dataset, feature_cache, tmp_path):
    alone = train(cases["stopped"], dataset, tmp_path / "alone", seed=1, cache=feature_cache, progress=False)
    assert (shared / "stopped" / STATE).is_file() and len(rows(shared / "stopped")) == 2
    train(cases["stopped"], dataset, shared / "stopped", seed=1, cache=feature_cache, progress=False)
    for one, two in zip(rows(alone), rows(shared / "stopped"), strict=True):
        assert two == pytest.approx(one, rel=1e-4)


def test_a_loss_that_is_not_finite_in_one_share_stops_all(notes):
    one, two = (note["diverged"]["error"] for note in notes)
    assert one == two and "the loss is nan at step" in one


def test_where_one_process_fails_all_end_and_its_error_is_shown(started):
    folder, done = started
    assert done.returncode != 0 and "ValueError: only this process fails" in done.stderr
    assert not (folder / "one-fails" / FINISHED).exists()


# ---- one process


@pytest.mark.parametrize("rank", ["", "2", "x", "-1"])
def test_an_environment_that_names_no_place_is_refused(rank, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(BadInput, match="expected two numbers as torchrun"):
        launched()


def test_a_launcher_that_starts_fewer_processes_than_asked_for_is_found_out(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    for name in ("ACCELERATE_USE_CPU", "MASTER_PORT"):  # what `accelerate launch --cpu --num_processes 2` leaves
        monkeypatch.setenv(name, "1")
    with pytest.raises(BadInput, match="of which it starts one; start them with torchrun"):
        launched()


def test_shares_follow_each_other_and_differ_by_one_at_most():
    for length in range(9):
        for count in (1, 2, 3, 8):
            found = []
            for index in range(count):
                processes = Processes()
                processes.index, processes.count = index, count
                found.append(list(range(length))[processes.share(length)])
            assert sum(found, []) == list(range(length))
            assert max(map(len, found)) - min(map(len, found)) <= 1


def test_a_device_or_precision_that_is_not_there_is_refused(tiny_config, dataset, tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="device is 'tpu', expected 'cpu' or 'cuda'"):
        usable_device("tpu")
    monkeypatch.setattr("a2f.precision.computes_bfloat16", lambda device: False)
    for precision, said in (("bfloat16", "not compute in bfloat16"), ("half", "expected one of float32, bfloat16")):
        with pytest.raises(BadInput, match=said):
            train(tiny_config, dataset, tmp_path / "run", precision=precision)
    assert not (tmp_path / "run").exists()


def test_in_bfloat16_layers_are_rounded_in_training_only(tiny_config, dataset, feature_cache, tmp_path, monkeypatch):
    monkeypatch.setattr("a2f.precision.computes_bfloat16", lambda device: True)
    config = tiny_config.replace(epochs=2, freeze_epochs=1, validate_every=1)
    runs = {
        name: train(config, dataset, tmp_path / name, cache=feature_cache, progress=False, precision=name)
        for name in ("float32", "bfloat16")
    }
    whole, rounded = (rows(run)[-1] for run in runs.values())
    assert whole["train_loss"] != rounded["train_loss"] == pytest.approx(whole["train_loss"], rel=0.05)
    assert all(value.dtype != torch.bfloat16 for value in load_file(runs["bfloat16"] / "last.safetensors").values())
    layer = nn.Sequential(nn.Linear(8, 8))
    values = torch.linspace(0, 1, 8)
    expected = layer(values)
    lower(layer, torch.device("cpu"))
    assert not torch.equal(layer(values), expected) and layer(values).dtype == torch.float32
    assert torch.equal(layer.eval()(values), expected)


@pytest.mark.parametrize("shape", [(6, 4, 10), (5, 1, 3, 7)])
def test_the_shared_norm_of_one_process_is_torchs(shape, tmp_path):
    """Values, gradients and running statistics; torch's own all-reduce with one process."""
    torch.manual_seed(0)
    plain = nn.Sequential((nn.BatchNorm1d if len(shape) == 3 else nn.BatchNorm2d)(shape[1]))
    other = nn.Sequential((nn.BatchNorm1d if len(shape) == 3 else nn.BatchNorm2d)(shape[1]))
    share_statistics(other)
    assert isinstance(other[0], GlobalBatchNorm) and other.state_dict().keys() == plain.state_dict().keys()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        for _ in range(3):
            values = (3 + 2 * torch.randn(shape)).requires_grad_()
            same = values.detach().clone().requires_grad_()
            factor = torch.randn(shape)
            (plain(values) * factor).sum().backward()
            (other(same) * factor).sum().backward()
            torch.testing.assert_close(same.grad, values.grad, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(other.state_dict(), plain.state_dict(), atol=1e-5, rtol=1e-5)
        for one, two in zip(other.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(one.grad, two.grad, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(other.eval()(values), plain.eval()(values))
    finally:
        torch.distributed.destroy_process_group()

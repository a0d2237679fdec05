"""A run between two steps, and its folder: weights, history, and the state that an interrupted one goes on from."""

from __future__ import annotations

import hashlib
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from a2f.config import Config
from a2f.errors import BadInput
from a2f.files import atomic_path, sha256, write_json
from a2f.models import AudioEncoder, FaceModel, read_run_config, save_model
from a2f.models.stored import describe_model
from a2f.processes import Processes

STATE, FINISHED, HISTORY = "state.pt", "finished.json", "history.json"
SHARE = 20  # between validations, the state is written where that takes at most one part in so many of the time


@dataclass
class Run:
    """The moving parts of a run between two steps."""

    model: FaceModel
    encoder: AudioEncoder
    optimizer: torch.optim.Optimizer
    epoch: int
    history: list[dict]
    best: float
    unfrozen: bool
    processes: Processes
    precision: str
    objective: nn.Module | None = None  # model and learning encoder, as `_wrap` made one module of them
    step: int = 0  # of the epoch that is under way, how many are taken; their losses, and what is drawn next
    losses: list[float] = field(default_factory=list)
    random: torch.Tensor | None = None
    every: float = 30.0  # seconds after which the state is written within an epoch; 0 for each step
    saved: float = 0.0  # when the state was written, in seconds of the clock that `_save_state` reads
    saving: float = 0.0  # how many seconds that took


def holds_finished_run(out: Path, config: Config, seed: int) -> bool:
    """Return whether a folder holds this run, finished.

    Raises
    ------
    BadInput
        If it holds a run with other settings or another seed.
    """
    if not (out / "config.json").is_file():
        return False
    found, described = read_run_config(out)
    if found != config or described.get("seed") != seed:
        raise BadInput(
            f"{out} already holds run {found.name!r} with seed {described.get('seed')}, which differs "
            f"in its settings or seed from run {config.name!r} with seed {seed}; give another folder or remove "
            "that one (`a2f reproduce --fresh` does)"
        )
    finished = (out / FINISHED).is_file()
    if finished:
        (out / STATE).unlink(missing_ok=True)  # it was killed when all but this was done
    return finished


def write(run: Run, out: Path, config: Config, seed: int, validated: bool, better: bool) -> None:
    """Write the history, after a validated epoch the weights, and the state if it is cheap or the epoch was validated.

    What a killed run has to compute again is what came after its last state; it comes to the same digits.
    """
    if validated:
        learned = run.encoder.state_dict() if run.unfrozen else {}
        extra = {f"audio_encoder.{key}": value.contiguous() for key, value in learned.items()}
        for name in ("last", "best") if better else ("last",):
            save_model(run.model, out, config, name, seed, extra)
    write_json(out / HISTORY, run.history)
    # without a validation nobody has seen yet that the epoch left usable weights
    if validated or (_due(run) and all(value.isfinite().all() for value in run.model.state_dict().values())):
        describe_model(run.model, out, config, seed)
        _save_state(run, out / STATE)


def keep_step(run: Run, out: Path, config: Config, seed: int) -> None:
    """Write the state within an epoch, where the last one is `run.every` seconds old or older.

    It is left out where writing would take more than its share of the time, and where a weight is not finite: then the
    last state is the one to go on from.
    """
    if _due(run, run.every) and all(value.isfinite().all() for value in run.model.state_dict().values()):
        run.random = torch.get_rng_state()
        describe_model(run.model, out, config, seed)
        _save_state(run, out / STATE)


def _due(run: Run, after: float = 0.0) -> bool:
    passed = time.perf_counter() - run.saved
    return not run.every or passed > max(after, SHARE * run.saving)


def _save_state(run: Run, path: Path) -> None:
    began = time.perf_counter()
    state = {
        "model": run.model.state_dict(),
        "encoder": run.encoder.state_dict() if run.unfrozen else None,
        "optimizer": run.optimizer.state_dict(),
        "epoch": run.epoch,
        "history": run.history,
        "best": run.best,
        "step": run.step,
        "losses": run.losses,
        "random": run.random,
    }
    state["sha256"] = _digest(state)
    with atomic_path(path) as temporary:
        torch.save(state, temporary)
    run.saved = time.perf_counter()
    run.saving = run.saved - began


def _digest(state: dict) -> str:
    """Return one SHA-256 of all that a state holds: a bit may flip in its values, or in where the file has them."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        elif isinstance(value, dict):
            add(list(value))
            add(list(value.values()))
        elif isinstance(value, (list, tuple)):
            digest.update(f"{len(value)} of ".encode())
            for item in value:
                add(item)
        else:
            digest.update(repr(value).encode())

    add(state)
    return digest.hexdigest()


def _read_state(path: Path) -> dict:
    """Return a state that is as it was written; torch does not compare the checksums that it stores.

    Tensors, numbers and plain containers are all that torch makes of it; what asks for more is not run.
    """
    damaged = f"{path} is damaged, and the run cannot go on from it; remove {path.parent} to train it anew"
    try:
        with zipfile.ZipFile(path) as stored:
            if (part := stored.testzip()) is not None:
                raise BadInput(f"{damaged} (the checksum of {part} is wrong)")
        state = torch.load(path, weights_only=True, map_location="cpu")
    except BadInput:
        raise
    except Exception as error:  # zipfile, its decoders and torch raise whatever a flipped bit leads to
        told = str(error).partition(chr(10))[0][:200] or type(error).__name__
        raise BadInput(f"{damaged} ({told})") from None
    kinds = {"model": dict, "encoder": (dict, type(None)), "optimizer": dict, "epoch": int, "history": list}
    kinds |= {"best": float, "step": int, "losses": list, "random": (torch.Tensor, type(None))}
    if not isinstance(state, dict) or any(not isinstance(state.get(key), kind) for key, kind in kinds.items()):
        raise BadInput(f"{damaged} (it holds something else than a run's state)")
    if state.pop("sha256", None) != _digest(state):
        raise BadInput(f"{damaged} (its SHA-256 is not the one that it was written with)")
    return state


def unfreeze(run: Run) -> None:
    """Let gradients into the audio encoder too."""
    run.encoder.freeze(False)
    run.optimizer.add_param_group({"params": list(run.encoder.parameters())})
    run.unfrozen = True


def restore(run: Run, path: Path) -> None:
    """Bring a run back to where its state was written, by any number of processes.

    Raises
    ------
    BadInput
        If the state is damaged, or of another network.
    """
    state = _read_state(path)
    try:
        if state["encoder"] is not None:
            run.encoder.load_state_dict(state["encoder"])
            unfreeze(run)
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        if state["random"] is not None:
            torch.Generator().set_state(state["random"])  # is it one?
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        told = str(error).partition(chr(10))[0][:200]
        raise BadInput(f"{path} is not the state of this run ({told}); remove {path.parent} to train it anew") from None
    run.epoch, run.history, run.best = state["epoch"], state["history"], state["best"]
    run.step, run.losses, run.random = state["step"], state["losses"], state["random"]


def finish(run: Run, out: Path, seconds: float, steps: int) -> None:
    """Write that a run is finished, and remove its state."""
    write_json(
        out / FINISHED,
        {
            "seconds": seconds,
            "steps": steps,
            "epochs": run.epoch,
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "best_val_loss": run.best,
            "processes": run.processes.count,
            "precision": run.precision,
            "sha256": {path.name: sha256(path) for path in sorted(out.glob("*.safetensors"))},
        },
    )
    (out / STATE).unlink()

"""The training loop: Eq. 4 minimised with Adam, a frozen start, validation, checkpoints, exact resume (section 4.5)."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2f.audio import SAMPLE_RATE, resample
from a2f.batches import Batches, templates, whole_motion
from a2f.config import Config, TrainingConfig
from a2f.data import Clip, Dataset, limit, spread
from a2f.determinism import one_thread
from a2f.errors import BadInput, TrainingDiverged
from a2f.features import FeatureCache, encode
from a2f.files import atomic_path, write_json
from a2f.models import (
    AudioEncoder,
    Batch,
    FaceModel,
    TrainingFaces,
    build_model,
    data_loss,
    load_audio_encoder,
    read_run_config,
    resample_features,
    save_model,
)

STATE, FINISHED, HISTORY = "state.pt", "finished.json", "history.json"
SAMPLED = 1500  # training frames that a model sees before its first step


def learning_rate(config: TrainingConfig, step: int, total: int) -> float:
    """Return the learning rate of a step, counted from zero, of `total` steps."""
    if config.schedule == "constant":
        return config.learning_rate
    warmup = max(1, total // 10)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


@dataclass
class _Run:
    """The moving parts of a run between two steps."""

    model: FaceModel
    encoder: AudioEncoder
    optimizer: torch.optim.Optimizer
    epoch: int
    history: list[dict]
    best: float
    unfrozen: bool


@one_thread()
def train(
    config: Config,
    dataset: Dataset,
    out: str | os.PathLike,
    *,
    seed: int = 0,
    cache: str | os.PathLike | None = None,
    progress: bool = True,
    device: str = "cpu",
    on_epoch: Callable[[dict], None] | None = None,
) -> Path:
    """Train a model, or go on with one that was interrupted.

    Parameters
    ----------
    config : Config
    dataset : Dataset
    out : path-like
        The run's folder: ``config.json``, ``best.safetensors`` (lowest validation loss), ``last.safetensors``,
        ``history.json``, ``topology.npz``, and ``finished.json`` once it is done. A finished run is left as it is.
    seed : int
        Decides the initial weights and every crop. The same seed on the same machine gives the same digits.
    cache : path-like, optional
        Folder of the audio features, ``out/../features`` by default.
    progress : bool
        Show a bar on standard error.
    device : {"cpu", "cuda"}
        Where model and encoder compute. A run may go on elsewhere; only on one CPU are its digits the same.
    on_epoch : callable, optional
        Is given each epoch's row of the history.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    BadInput
        If `out` holds a run of another configuration or seed, or the device is not there.
    TrainingDiverged
        If the loss is not finite; the last checkpoint stays.
    """
    from tqdm.auto import tqdm

    out = Path(out)
    dataset = limit(dataset, config.data)
    if holds_finished_run(out, config, seed):
        return out
    started = time.perf_counter()
    where = usable_device(device)
    encoder = load_audio_encoder(config.model).to(where)
    features = FeatureCache(encoder, cache or out.parent / "features")
    batches = Batches(dataset.split("train"), config.training, seed)
    validation = spread(dataset.split("val"), config.training.validation_clips)
    features.prepare([*batches.clips, *validation], progress)
    dataset.topology.save(out / "topology.npz")
    run = _start(config, dataset, features, seed, where)
    if (out / STATE).is_file():
        _restore(run, out / STATE)
    total = config.training.epochs * len(batches)
    with tqdm(total=total, initial=run.epoch * len(batches), desc=out.name, unit="step", disable=not progress) as bar:
        while run.epoch < config.training.epochs:
            row = _epoch(run, batches, features, config, seed, total, bar.update)
            last = run.epoch == config.training.epochs
            if last or run.epoch % config.training.validate_every == 0:
                row |= validate(run.model, run.encoder, dataset, validation, features, config, seed, run.unfrozen)
                if not math.isfinite(row["val_loss"]):
                    raise TrainingDiverged(
                        f"the validation loss is {row['val_loss']} after epoch {run.epoch}; the last good checkpoint "
                        "is last.safetensors in the run's folder. Lower learning_rate"
                    )
                better = row["val_loss"] < run.best
                run.best = min(run.best, row["val_loss"])
                _save(run, out, config, seed, better)
            run.history.append(row)
            write_json(out / HISTORY, run.history)
            if last or run.epoch % config.training.validate_every == 0:
                _save_state(run, out / STATE)
            if on_epoch is not None:
                on_epoch(row)
    write_json(
        out / FINISHED,
        {
            "seconds": round(time.perf_counter() - started, 2),
            "steps": total,
            "epochs": run.epoch,
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "best_val_loss": run.best,
        },
    )
    (out / STATE).unlink()
    return out


def usable_device(name: str) -> torch.device:
    """Return a device by name, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    BadInput
        If it is another, or there is none on this machine.
    """
    if name not in ("cpu", "cuda"):
        raise BadInput(f"device is {name!r}, expected 'cpu' or 'cuda'")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            f"there is no CUDA device that torch {torch.__version__} can use here; give device 'cpu', or install the "
            "CUDA build of torch"
        )
    return torch.device(name)


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
    return (out / FINISHED).is_file()


def _start(config: Config, dataset: Dataset, features: FeatureCache, seed: int, device: torch.device) -> _Run:
    encoder = features.encoder
    with torch.random.fork_rng(devices=[]):  # the initial weights follow the seed, and nobody else's numbers move
        torch.manual_seed(seed)
        training = dataset.split("train")
        subjects = tuple(dict.fromkeys(clip.subject for clip in training))
        model = build_model(config, dataset.topology.num_vertices, encoder.feature_dim, subjects)
    model.prepare(training_faces(dataset), config.training)
    if model.audio_mean is not None:
        for name, value in zip(("audio_mean", "audio_std"), features.moments(training), strict=True):
            getattr(model, name).copy_(torch.from_numpy(value))
    model.to(device)
    # no weight decay: it contradicts the sparsity regulariser (section 4.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.training.learning_rate, weight_decay=0, fused=True)
    return _Run(model, encoder, optimizer, 0, [], math.inf, False)


def training_faces(dataset: Dataset) -> TrainingFaces:
    """Return the heads and a sample of the frames of a data set's training split, as many from each clip."""
    clips = dataset.split("train")
    heads = {clip.subject: clip.template for clip in clips}
    chosen = spread(clips, SAMPLED)
    each = max(1, SAMPLED // len(chosen))
    faces = []
    for clip in chosen:
        frames = np.linspace(0, clip.num_frames - 1, min(each, clip.num_frames)).round().astype(int)
        faces.append(clip.vertices_at(frames))
    neutral = np.concatenate([np.repeat(c.template[None], len(f), 0) for c, f in zip(chosen, faces, strict=True)])
    return TrainingFaces(
        dataset.topology,
        torch.from_numpy(np.stack(list(heads.values())).astype(np.float32)),
        torch.from_numpy(np.concatenate(faces).astype(np.float32)),
        torch.from_numpy(neutral.astype(np.float32)),
    )


def _unfreeze_when_due(run: _Run, config: TrainingConfig) -> None:
    """After the warm-up, let gradients into the audio encoder too (section 4.4)."""
    if run.unfrozen or config.freeze_epochs is None or run.epoch < config.freeze_epochs:
        return
    run.encoder.freeze(False)
    run.optimizer.add_param_group({"params": list(run.encoder.parameters())})
    run.unfrozen = True


def audio_at_frames(encoder: AudioEncoder, waveform: Tensor, frames: int, fps: float) -> Tensor:
    """Return the features of waveforms (B, S) at their mesh frames, (B, T, C)."""
    return resample_features(encoder(waveform), frames, fps, encoder.feature_rate, encoder.first_centre)


def _epoch(
    run: _Run, batches: Batches, features: FeatureCache, config: Config, seed: int, total: int, tick: Callable
) -> dict:
    _unfreeze_when_due(run, config.training)
    run.model.train()
    # drawn for each epoch anew: a resumed run drops out what an undisturbed one does, and nobody else's numbers move
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence([seed, run.epoch]).generate_state(1)[0]))
        return _steps(run, batches, features, config, total, tick)


def _steps(run: _Run, batches: Batches, features: FeatureCache, config: Config, total: int, tick: Callable) -> dict:
    losses, first_step = [], run.epoch * len(batches)
    for index, batch in enumerate(batches.epoch(run.epoch, run.model, features, run.unfrozen)):
        rate = learning_rate(config.training, first_step + index, total)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        loss = _step(run, batch, config)
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss} at step {first_step + index} (epoch {run.epoch}, batch {index}); the last good "
                "checkpoint is last.safetensors in the run's folder. Lower learning_rate"
            )
        losses.append(loss)
        tick()
    run.epoch += 1
    return {"epoch": run.epoch, "step": first_step + len(batches), "train_loss": float(np.mean(losses)),
            "learning_rate": rate, "encoder_frozen": not run.unfrozen} | run.model.measures(False)  # fmt: skip


def _step(run: _Run, batch: Batch, config: Config) -> float:
    """Take one optimiser step and return the data term."""
    if run.unfrozen:
        audio = audio_at_frames(run.encoder, batch.audio, batch.target.num_frames, config.data.fps)
        batch = dataclasses.replace(batch, audio=audio)
    objective, data = run.model.loss(batch, config.training)
    run.optimizer.zero_grad()
    objective.backward()
    run.optimizer.step()
    return float(data.detach())


@torch.no_grad()
def validate(
    model: FaceModel,
    encoder: AudioEncoder,
    dataset: Dataset,
    clips: list[Clip],
    features: FeatureCache,
    config: Config,
    seed: int,
    unfrozen: bool = False,
) -> dict[str, float]:
    """Return the mean data term and the lip, upper-face and face errors over whole clips, style from another clip."""
    model.eval()
    encoder.eval()
    rows = []
    regions = {k: dataset.topology.region(r) for k, r in (("lip", "lips"), ("upper", "upper_face"), ("face", "face"))}
    for clip in clips:
        if unfrozen:
            found = torch.from_numpy(encode(encoder, resample(clip.waveform, clip.sample_rate, SAMPLE_RATE)))[None]
            audio = resample_features(found, clip.num_frames, clip.fps, encoder.feature_rate, encoder.first_centre)
        else:
            audio = features.at_frames(clip)
        style = whole_motion(model, dataset.style_partner(clip, seed))
        guess = model.animate(audio.to(model.data_std.device), templates([clip], model.data_std.device), style)
        guess = guess[0].cpu().numpy()
        truth = clip.vertices
        squared = np.square((guess - truth) / float(model.data_std)).sum(axis=(1, 2), dtype=np.float64)
        row = {"val_loss": float(data_loss(torch.from_numpy(squared), config.training.loss))}
        for key, ids in regions.items():
            row[f"val_{key}"] = float(np.linalg.norm(guess[:, ids] - truth[:, ids], axis=-1).mean())
        rows.append(row)
    return model.measures(True) | {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _save(run: _Run, out: Path, config: Config, seed: int, better: bool) -> None:
    extra = {f"audio_encoder.{k}": v.contiguous() for k, v in run.encoder.state_dict().items()} if run.unfrozen else {}
    for name in ("last", "best") if better else ("last",):
        save_model(run.model, out, config, name, seed, extra)


def _save_state(run: _Run, path: Path) -> None:
    state = {
        "model": run.model.state_dict(),
        "encoder": run.encoder.state_dict() if run.unfrozen else None,
        "optimizer": run.optimizer.state_dict(),
        "epoch": run.epoch,
        "history": run.history,
        "best": run.best,
    }
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def _restore(run: _Run, path: Path) -> None:
    state = torch.load(path, weights_only=True, map_location="cpu")
    if state["encoder"] is not None:
        run.encoder.load_state_dict(state["encoder"])
        run.encoder.freeze(False)
        run.optimizer.add_param_group({"params": list(run.encoder.parameters())})
        run.unfrozen = True
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.epoch, run.history, run.best = state["epoch"], state["history"], state["best"]

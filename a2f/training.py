"""The training loop: Eq. 4 minimised with Adam, a frozen start, validation, checkpoints, exact resume (section 4.5)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from a2f.batches import Batches
from a2f.config import Config, TrainingConfig
from a2f.data import Clip, Dataset, limit, spread
from a2f.determinism import same_digits
from a2f.divergence import diverged
from a2f.errors import BadInput
from a2f.features import FeatureCache
from a2f.global_norm import share_statistics
from a2f.locks import alone_in
from a2f.models import Batch, TrainingFaces, build_model, load_audio_encoder
from a2f.objective import Objective, thresholded
from a2f.precision import check_precision, lower
from a2f.processes import Processes, together, usable_device
from a2f.proximal import threshold
from a2f.runs import FINISHED, STATE, Run, finish, holds_finished_run, keep_step, restore, unfreeze, write
from a2f.validation import validate

SAMPLED = 1500  # training frames that a model sees before its first step


def learning_rate(config: TrainingConfig, step: int, total: int) -> float:
    """Return the learning rate of a step, counted from zero, of `total` steps."""
    if config.schedule == "constant":
        return config.learning_rate
    warmup = max(1, total // 10)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


@same_digits()
def train(
    config: Config,
    dataset: Dataset,
    out: str | os.PathLike,
    *,
    seed: int = 0,
    cache: str | os.PathLike | None = None,
    progress: bool = True,
    device: str = "cpu",
    precision: str = "float32",
    save_seconds: float = 30.0,
    on_epoch: Callable[[dict], None] | None = None,
) -> Path:
    """Train a model, or go on with one that was interrupted.

    Started by torchrun or `accelerate launch`, its processes share each batch of the configuration: the gradient of a
    step is that of the whole batch, and so are the statistics of batch norm and the features hidden from the model.
    What differs from one process: units that drop out (MeshTalk, FaceFormer) and MeshTalk's Gumbel noise are drawn by
    each process for its own items, and the other item of MeshTalk's cross-modality loss is one of the same process.
    A run may go on with another number of processes.

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
        Where model and encoder compute. A run may go on elsewhere; only on the same one are its digits the same.
    precision : {"float32", "bfloat16"}
        Of convolutions and linear layers, see `a2f.precision`.
    save_seconds : float
        Within an epoch, the state that a killed run goes on from is written each time so many seconds have passed; 0
        writes it after every step. Several processes write it after epochs only.
    on_epoch : callable, optional
        Is given each epoch's row of the history, in the main process.

    Returns
    -------
    Path
        The run's folder.

    Raises
    ------
    BadInput
        If `save_seconds` is negative, `out` holds a run of another configuration or seed, another process trains there,
        the device is not there or lacks the precision, or the batch is too small for the processes.
    TrainingDiverged
        If the loss is not finite; the last checkpoint stays.
    CannotWrite
        If the disk is full or the folder read-only; the last checkpoint stays.
    """
    if not save_seconds >= 0:
        raise BadInput(f"save_seconds is {save_seconds}, expected 0 or more")
    out = Path(out)
    dataset = limit(dataset, config.data)
    where = usable_device(device)
    check_precision(precision, where)
    processes = together(where)
    # a finished run is only read; where even that is not allowed, alone_in says so
    alone = alone_in(out, "training") if processes.main and not os.path.isfile(out / FINISHED) else nullcontext()
    with alone:
        _train(config, dataset, out, seed, cache, progress, where, precision, save_seconds, on_epoch, processes)
    return out


def _train(
    config: Config,
    dataset: Dataset,
    out: Path,
    seed: int,
    cache: str | os.PathLike | None,
    progress: bool,
    where: torch.device,
    precision: str,
    save_seconds: float,
    on_epoch: Callable[[dict], None] | None,
    processes: Processes,
) -> None:
    from tqdm.auto import tqdm

    finished = holds_finished_run(out, config, seed)
    processes.agree(finished, "a finished run:")
    if finished:
        return
    started, progress = time.perf_counter(), progress and processes.main
    encoder = load_audio_encoder(config.model).to(where)
    features = FeatureCache(encoder, cache or out.parent / "features")
    batches = Batches(dataset.split("train"), config.training, seed)
    _check_shares(config, processes)
    validation = spread(dataset.split("val"), config.training.validation_clips)
    _prepare(features, [*batches.clips, *validation], processes, progress)
    run = _start(config, dataset, features, seed, where, processes, precision)
    if (out / STATE).is_file():
        restore(run, out / STATE)
    processes.agree(run.epoch, "epochs done:")
    if processes.main:
        dataset.topology.save(out / "topology.npz")
    _wrap(run, config)
    total = config.training.epochs * len(batches)
    run.every, run.saved = save_seconds, time.perf_counter()

    def keep() -> None:
        if processes.count == 1:
            keep_step(run, out, config, seed)

    began = run.epoch * len(batches) + run.step
    with tqdm(total=total, initial=began, desc=out.name, unit="step", disable=not progress) as bar:
        while run.epoch < config.training.epochs:
            row = _epoch(run, batches, features, config, seed, total, bar.update, keep)
            last = run.epoch == config.training.epochs
            validated = last or run.epoch % config.training.validate_every == 0
            better = False
            if validated:
                row |= validate(
                    run.model, encoder, dataset, validation, features, config, seed, run.unfrozen, processes
                )
                if not math.isfinite(row["val_loss"]):
                    what = f"the validation loss is {row['val_loss']} after epoch {run.epoch}"
                    raise diverged(what, [], [*validation, *batches.clips], _weights(run), run.history)
                better = row["val_loss"] < run.best
                run.best = min(run.best, row["val_loss"])
            run.history.append(row)
            if processes.main:
                write(run, out, config, seed, validated, better)
                if on_epoch is not None:
                    on_epoch(row)
    if processes.main:
        finish(run, out, round(time.perf_counter() - started, 2), total)
    processes.wait()  # else one could look for a finished run before it is there


def _check_shares(config: Config, processes: Processes) -> None:
    """Refuse more processes than a batch has room for."""
    size, least = config.training.batch_size, 2 if config.method == "meshtalk" else 1
    if processes.count > 1 and size // processes.count < least:
        raise BadInput(
            f"{processes.count} processes cannot share a batch of {size}, each needs {least} or more of its items; "
            f"start {max(1, size // least)} processes at most, or set a larger batch_size"
        )


def _prepare(features: FeatureCache, clips: list[Clip], processes: Processes, progress: bool) -> None:
    """Compute the features of all clips, each in one of the processes."""
    features.prepare(clips[processes.share(len(clips))], progress)
    processes.wait()
    features.prepare(clips, False)  # read what the others wrote; computed anew on a disk that does not have it


def _start(
    config: Config,
    dataset: Dataset,
    features: FeatureCache,
    seed: int,
    device: torch.device,
    processes: Processes,
    precision: str,
) -> Run:
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
    if processes.count > 1:
        share_statistics(model)
    if precision == "bfloat16":
        lower(model, device)
    # no weight decay: it contradicts the sparsity regulariser (section 4.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.training.learning_rate, weight_decay=0, fused=True)
    return Run(model, encoder, optimizer, 0, [], math.inf, False, processes, precision)


def _wrap(run: Run, config: Config) -> None:
    """Make the objective of what learns now."""
    encoder = run.encoder if run.unfrozen else None
    # a part of FaceFormer's attention gets no gradient, and HuBERT has a vector for spans that are masked
    all_learn = encoder is None and config.method != "faceformer"
    run.objective = run.processes.wrap(Objective(run.model, encoder, config, run.precision), all_learn)


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
        if not (np.isfinite(faces[-1]).all() and np.isfinite(clip.template).all()):
            raise BadInput(f"clip {clip.name} holds faces that are not finite; `a2f validate-data` names all such")
    neutral = np.concatenate([np.repeat(c.template[None], len(f), 0) for c, f in zip(chosen, faces, strict=True)])
    return TrainingFaces(
        dataset.topology,
        torch.from_numpy(np.stack(list(heads.values())).astype(np.float32)),
        torch.from_numpy(np.concatenate(faces).astype(np.float32)),
        torch.from_numpy(neutral.astype(np.float32)),
    )


def _unfreeze_when_due(run: Run, config: Config) -> None:
    """After the warm-up, let gradients into the audio encoder too (section 4.4)."""
    after = config.training.freeze_epochs
    if run.unfrozen or after is None or run.epoch < after:
        return
    unfreeze(run)
    _wrap(run, config)


def _epoch(
    run: Run,
    batches: Batches,
    features: FeatureCache,
    config: Config,
    seed: int,
    total: int,
    tick: Callable,
    keep: Callable,
) -> dict:
    _unfreeze_when_due(run, config)
    run.model.train()
    # drawn for each epoch anew: a resumed run drops out what an undisturbed one does, and nobody else's numbers move
    with torch.random.fork_rng(devices=[]):
        others = [] if run.processes.main else [run.processes.index]  # each draws for its own items
        torch.manual_seed(int(np.random.SeedSequence([seed, run.epoch, *others]).generate_state(1)[0]))
        if run.random is not None and run.processes.main:  # it was stopped within this epoch
            torch.set_rng_state(run.random)
        return _steps(run, batches, features, config, total, tick, keep)


def _steps(
    run: Run,
    batches: Batches,
    features: FeatureCache,
    config: Config,
    total: int,
    tick: Callable,
    keep: Callable,
) -> dict:
    first_step = run.epoch * len(batches)
    shares = batches.epoch(run.epoch, run.model, features, run.unfrozen, run.processes, run.step)
    for index, batch in enumerate(shares, run.step):
        rate = learning_rate(config.training, first_step + index, total)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        loss = _step(run, batch, config)
        if not math.isfinite(loss):
            what = f"the loss is {loss} at step {first_step + index} (epoch {run.epoch}, batch {index})"
            raise diverged(what, batches.clips_of(run.epoch, index), batches.clips, _weights(run), run.history)
        run.losses.append(loss)
        run.step += 1
        tick()
        if run.step < len(batches):  # the last step's state is written with the epoch
            keep()
    mean = float(np.mean(run.losses))
    run.epoch, run.step, run.losses, run.random = run.epoch + 1, 0, [], None
    return {"epoch": run.epoch, "step": first_step + len(batches), "train_loss": mean,
            "learning_rate": rate, "encoder_frozen": not run.unfrozen} | run.model.measures(False)  # fmt: skip


def _weights(run: Run) -> dict[str, torch.Tensor]:
    learned = run.encoder.state_dict() if run.unfrozen else {}
    return run.model.state_dict() | {f"audio_encoder.{key}": value for key, value in learned.items()}


def _step(run: Run, batch: Batch, config: Config) -> float:
    """Take one optimiser step and return the data term."""
    objective, data = run.objective(batch)
    if run.processes.count > 1:  # gradients are averaged over processes, whose shares may differ by an item
        share = len(batch.template) / config.training.batch_size
        objective, data = objective * (share * run.processes.count), data * share
    run.optimizer.zero_grad()
    objective.backward()
    loss = run.processes.sum(float(data))
    if not math.isfinite(loss):
        return loss  # the weights stay, so that one can see whether they were broken before
    run.optimizer.step()
    if thresholded(run.model, config.training):
        threshold(run.optimizer, run.model.embedding.weight, config.training.sparsity_weight)
    return loss

"""The last stage of training: in noise, encoder and decoder learn to do what they do without, taught by themselves.

The paper, too, trains its audio encoder in a second stage (section 4.5). Here the trained model's own features and
movement for the clean sound are what its copy has to find in the noise.
"""

from __future__ import annotations

import copy
import math
import multiprocessing
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import a2f
from a2f.animator import Animator
from a2f.data import open_dataset
from a2f.determinism import same_digits
from a2f.files import read_json, sha256, write_json
from a2f.models import AudioEncoder, FaceModel, LipAperture, resample_features, save_model
from a2f.models.stored import TUNED

KEPT = ("modulation", "embedding")  # what a style and a blendshape mean is not learned anew
EDGE = 16  # frames at a clip's ends, of which the decoder sees one side only


@dataclass(frozen=True)
class Hardening:
    """How long, and how fast: Adam under a linear rise and a cosine fall; and what keeps it from learning by heart.

    Weights between the old and the new do better on voices that are new to both than either, and the mean of several
    runs better than one.
    """

    steps: int = 400
    batch_size: int = 8
    unspoilt: float = 0.25  # share of a batch that has no noise, so that nothing else is unlearned
    encoder_rate: float = 1e-4
    decoder_rate: float = 3e-4
    feature_weight: float = 0.3
    share: float = 0.75  # of the way from the old weights to the mean of the new
    warmup: int = 30
    largest_gradient: float = 1.0
    styles: int = 16
    seeds: tuple[int, ...] = (0, 1)


class _Lesson:
    """What the trained model makes of the clean clips, and how far from it a copy is.

    Features are counted in their standard deviations, Z_pred by the vertices and the heights between the lips that it
    moves: the differences' squares over the movement's variance.
    """

    def __init__(
        self, animator: Animator, pairs: np.ndarray, held: np.ndarray, recipe: Hardening, rng: np.random.Generator
    ) -> None:
        self.pairs, self.fps, self.weight = pairs, animator.config.data.fps, recipe.feature_weight
        self.encoder, self.model = (copy.deepcopy(part).requires_grad_(False) for part in _parts(animator))
        clips = open_dataset("demo", fps=self.fps).split("train")
        drawn = [animator.style(clip) for clip in clips[:: max(1, len(clips) // recipe.styles)]]
        self.styles = torch.cat(drawn)[torch.from_numpy(rng.integers(len(drawn), size=len(pairs)))]
        basis = self.model.embedding.weight
        self.metric = torch.linalg.cholesky(
            basis @ basis.T + 1e-4 * basis.square().sum(1).mean() * torch.eye(len(basis))
        )
        self.lips = LipAperture(animator.topology)
        wanted = torch.cat([self.moved(self.encoder, self.model, part, 1)[1] for part in _eights(held)])
        self.sizes = [(wanted @ self.metric).var((0, 1)).sum(), self._heights(wanted).var((0, 1)).sum()]

    def _heights(self, weights: Tensor) -> Tensor:
        return self.lips.of_features(self.model, weights)

    def moved(
        self, encoder: AudioEncoder, model: FaceModel, clips: np.ndarray, side: np.ndarray | int
    ) -> tuple[Tensor, Tensor]:
        """Return features and Z_pred of clips; `side` is 0 in noise, 1 without."""
        features = encoder.compute(torch.from_numpy(self.pairs[clips, side].astype(np.float32)))
        frames = int(features.shape[1] * self.fps / encoder.feature_rate)
        audio = resample_features(features, frames, self.fps, encoder.feature_rate, encoder.first_centre)
        face = torch.zeros(len(clips), model.num_vertices, 3)  # not looked at by a model without template embedding
        return features, model.features(audio, face, self.styles[clips])

    def errors(
        self, encoder: AudioEncoder, model: FaceModel, clips: np.ndarray, side: np.ndarray | int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the errors of vertices, lip heights and features."""
        with torch.no_grad():
            wanted, target = self.moved(self.encoder, self.model, clips, 1)
        heard, found = self.moved(encoder, model, clips, side)
        apart = (found - target)[:, EDGE:-EDGE]
        vertices, heights = (
            part.square().sum(-1).mean() / size
            for part, size in zip((apart @ self.metric, self._heights(apart)), self.sizes, strict=True)
        )
        return vertices, heights, ((heard - wanted) / self.model.audio_std).square().mean()

    def loss(self, *errors: Tensor) -> Tensor:
        """Return one number of the three errors."""
        vertices, heights, features = errors
        return vertices + heights + self.weight * features


def _parts(animator: Animator) -> tuple[AudioEncoder, FaceModel]:
    return animator.encoder, animator.model


def _eights(clips: np.ndarray) -> list[np.ndarray]:
    return [clips[start : start + 8] for start in range(0, len(clips), 8)]


def hardened(run: Path) -> Path:
    """Return where `harden` puts what it makes of a run."""
    return run.with_name(f"{run.name}-hardened")


def _measured(
    lesson: _Lesson, encoder: AudioEncoder, model: FaceModel, clips: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return the errors on clips that were not trained on, in noise and without."""
    found = {}
    with torch.no_grad():
        for name, side in (("in noise", 0), ("without", 1)):
            parts = [lesson.errors(encoder, model, part, side) for part in _eights(clips)]
            means = torch.tensor(parts).mean(0)
            found[name] = {k: round(float(v), 4) for k, v in zip(("vertices", "lips", "features"), means, strict=True)}
    return found


def harden(run: Path, pairs: np.ndarray, held: int, recipe: Hardening, workers: int = 1) -> Path:
    """Go on with a trained model until it hears and moves in noise as it did without.

    Parameters
    ----------
    run : Path
        A finished run of a model without template embedding, left as it is.
    pairs : ndarray, (clips, 2, 80, T)
        Bands of training clips in noise and without, from `noisy.paired_bands`.
    held : int
        So many of them, the first, are not learned but measured on.
    recipe : Hardening
    workers : int
        Processes, one for each of the seeds at most.

    Returns
    -------
    Path
        `hardened(run)`, of the same form, with the encoder's weights; one that is there already is made anew.
    """
    began, out = time.perf_counter(), hardened(run)
    jobs = [(run, pairs, held, recipe, seed) for seed in recipe.seeds]
    if min(workers, len(jobs)) == 1:
        found = [_student(job) for job in jobs]
    else:
        os.environ["OMP_NUM_THREADS"] = "1"
        with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs))) as pool:
            found = pool.map(_student, jobs, 1)
    with same_digits():
        animator = a2f.load(run)
        lesson = _Lesson(animator, pairs, np.arange(held), recipe, np.random.default_rng(recipe.seeds[0]))
        encoder, model = _parts(animator)
        errors = {"before": _measured(lesson, encoder, model, np.arange(held))}
        for name, part in (("encoder", encoder), ("model", model)):
            _move(part, [end[name] for end in found], recipe.share)
        errors["after"] = _measured(lesson, encoder, model, np.arange(held))
    for when, measured in errors.items():
        print(f"clips that were not learned, {when}: {measured}")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "topology.npz", out / "topology.npz")
    finished = read_json(run / "finished.json")
    (out / "finished.json").unlink(missing_ok=True)  # its digest is of the weights that are replaced now
    # vectors are rounded to half precision, in which the encoder came: so they take no more room than before
    state = encoder.state_dict()
    learned = {TUNED + k: (v if v.ndim > 1 else v.half().float()).contiguous() for k, v in state.items()}
    save_model(model, out, animator.config, "best", animator.seed, learned)
    told = {
        "seconds": round(finished["seconds"] + time.perf_counter() - began, 2),
        "sha256": {"best.safetensors": sha256(out / "best.safetensors")},
        "hardening": {"steps": recipe.steps, "runs": len(jobs), "errors": errors},
    }
    write_json(out / "finished.json", finished | told)
    return out


@same_digits()
def _student(job: tuple) -> dict[str, dict[str, np.ndarray]]:
    """Return the weights that one seed comes to."""
    run, pairs, held, recipe, seed = job
    animator, rng = a2f.load(run), np.random.default_rng(seed)
    lesson = _Lesson(animator, pairs, np.arange(held), recipe, rng)
    encoder, model = _parts(animator)
    _learn(lesson, encoder, model, np.arange(held, len(pairs)), recipe, rng)
    parts = {"encoder": encoder, "model": model}
    return {name: {k: v.numpy() for k, v in part.state_dict().items()} for name, part in parts.items()}


def _move(part: torch.nn.Module, ends: list[dict[str, np.ndarray]], share: float) -> None:
    """Move weights towards the mean of others."""
    state = part.state_dict()
    for key, value in state.items():
        if value.is_floating_point():
            mean = torch.stack([torch.from_numpy(end[key]) for end in ends]).mean(0)
            state[key] = torch.lerp(value, mean, share)
    part.load_state_dict(state)


def _learn(
    lesson: _Lesson,
    encoder: AudioEncoder,
    model: FaceModel,
    clips: np.ndarray,
    recipe: Hardening,
    rng: np.random.Generator,
) -> None:
    """Take the steps; encoder and model stay in evaluation mode, so that the norms keep the statistics they have."""
    for name, values in model.named_parameters():
        values.requires_grad_(not name.startswith(KEPT))
    for name, values in encoder.named_parameters():
        values.requires_grad_("embed_positions" not in name)
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": rate, "rate": rate}
        for part, rate in ((encoder, recipe.encoder_rate), (model, recipe.decoder_rate))
    ]
    optimizer = torch.optim.Adam(groups)
    every = [p for group in groups for p in group["params"]]
    side = (np.arange(recipe.batch_size) >= (1 - recipe.unspoilt) * recipe.batch_size).astype(int)
    bar = tqdm(range(recipe.steps), "in noise", unit="step")
    for step in bar:
        share = min(1.0, (step + 1) / recipe.warmup) * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * share
        drawn = rng.choice(clips, size=recipe.batch_size)
        loss = lesson.loss(*lesson.errors(encoder, model, drawn, side))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(every, recipe.largest_gradient)
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")

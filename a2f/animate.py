"""A trained model applied to sound: a wav, a face and a style motion in, an animation out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from a2f.animation import Animation
from a2f.audio import SAMPLE_RATE, read_audio, resample, to_mono_float
from a2f.batches import whole_motion
from a2f.config import Config
from a2f.data import Clip, open_dataset
from a2f.errors import A2FError, BadInput, MissingData
from a2f.features import encode, frame_count
from a2f.files import sha256
from a2f.mesh import Topology
from a2f.models import (
    Audio2Face,
    AudioEncoder,
    Motion,
    load_audio_encoder,
    read_run_config,
    read_weights,
    resample_features,
)


class Animator:
    """A model, its audio encoder and its topology, ready for sound.

    Parameters
    ----------
    model : Audio2Face
    encoder : AudioEncoder
    topology : Topology
    config : Config
    """

    def __init__(self, model: Audio2Face, encoder: AudioEncoder, topology: Topology, config: Config) -> None:
        self.model, self.encoder, self.topology, self.config = model.eval(), encoder.eval(), topology, config

    @torch.no_grad()
    def style(self, motion: Clip | Animation | None) -> torch.Tensor | None:
        """Return the style vector of a motion, to be used for any number of animations.

        Parameters
        ----------
        motion : Clip, Animation or None
            Any facial motion on this topology. An `Animation`'s first frame is taken as its neutral face. None is the
            motionless face.
        """
        if motion is None:
            still = torch.zeros(1, 16, 3 * self.model.num_vertices)
            return self.model.style(Motion(still))
        if isinstance(motion, Clip):
            return self.model.style(whole_motion(self.model, motion))
        vertices = torch.from_numpy(self.topology.check_vertices(motion.vertices, "the style motion"))[None]
        return self.model.style(self.model.motion(vertices, vertices[:, 0]))

    @torch.no_grad()
    def __call__(
        self,
        waveform: np.ndarray,
        template: np.ndarray,
        style: torch.Tensor | Clip | Animation | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        name: str = "",
    ) -> Animation:
        """Animate a face.

        Parameters
        ----------
        waveform : ndarray, (S,) or (S, channels), float or integer
        template : ndarray, (N, 3)
            The face to move, in the topology's unit.
        style : Tensor, Clip, Animation or None
            What `style` returned, or a motion to take the style from.
        sample_rate : int
        name : str

        Returns
        -------
        Animation
            With the exact blendshape basis and its weights.
        """
        template = self.topology.check_vertices(template, "the template")
        if template.ndim != 2:
            raise BadInput(f"the template has shape {template.shape}, expected ({self.topology.num_vertices}, 3)")
        if not isinstance(style, torch.Tensor):
            style = self.style(style)
        sound = resample(to_mono_float(waveform), sample_rate, SAMPLE_RATE)
        fps = self.config.data.fps
        found = torch.from_numpy(encode(self.encoder, sound))[None]
        frames = frame_count(sound, fps)
        audio = resample_features(found, frames, fps, self.encoder.feature_rate, self.encoder.first_centre)
        face = torch.from_numpy(template)[None]
        weights = self.model.features(audio, face, style)
        return Animation(
            vertices=self.model.synthesise(weights, face)[0].numpy(),
            fps=fps,
            topology=self.topology,
            audio=sound,
            sample_rate=SAMPLE_RATE,
            name=name,
            basis=self.model.blendshapes(),
            weights=weights[0].numpy(),
            config=self.config.to_dict(),
        )


def load(run: str | os.PathLike, name: str = "best") -> Animator:
    """Load a trained run's folder.

    Parameters
    ----------
    run : path-like
    name : {"best", "last"}
        Which checkpoint.

    Raises
    ------
    MissingData, BadInput
        If the folder is not a trained run, or its audio encoder is not on this machine.
    """
    config, _ = read_run_config(run)
    encoder = load_audio_encoder(config.model)
    tuned = {
        k.removeprefix("audio_encoder."): v
        for k, v in read_weights(run, name).items()
        if k.startswith("audio_encoder.")
    }
    if tuned:
        encoder.load_state_dict(tuned)
        encoder.identity += f":tuned-{sha256(Path(run) / f'{name}.safetensors')[:16]}"
    return Animator(Audio2Face.from_pretrained(run, name), encoder, Topology.load(Path(run) / "topology.npz"), config)


def newest_run(root: str | os.PathLike = "build") -> Path:
    """Return the newest finished run of the full model that ``make reproduce`` or ``a2f train`` left under a folder.

    Raises
    ------
    MissingData
        If there is none.
    """
    runs = []
    for marker in Path(root).glob("**/finished.json"):
        config, _ = read_run_config(marker.parent)
        preset, _, row = config.name.partition(":")
        if row in ("", "ours") and preset != "quickstart":
            runs.append((preset != "smoke", marker.stat().st_mtime, marker.parent))
    if not runs:
        raise MissingData(
            f"no trained model is under {root}; run `make reproduce`, or `a2f train --out {root}/mine`, or name "
            "one with --checkpoint"
        )
    return max(runs)[2]


def _template(source: str | None, animator: Animator) -> np.ndarray:
    """Return the face to move: a mesh file, an .npy of vertices, or the data set's first test subject."""
    if source is None:
        return _dataset(animator).split("test")[0].template
    path = Path(source)
    if not path.is_file():
        raise MissingData(
            f"template {source} is not a file; give an .obj, .ply or .npy with {animator.model.num_vertices} vertices"
        )
    if path.suffix == ".npy":
        try:
            vertices = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise BadInput(f"template {source} cannot be read: {error}") from None
    else:
        import trimesh

        try:
            vertices = trimesh.load(path, process=False, force="mesh").vertices
        except Exception as error:  # trimesh raises whatever its many loaders raise
            raise BadInput(f"template {source} cannot be read as a mesh: {error}") from None
    return animator.topology.check_vertices(vertices, f"template {source}")


def _style(source: str | None, animator: Animator) -> Clip | Animation:
    """Return the motion to take the style from: an .npz animation, a clip's name, or a neutral test clip."""
    if source is None:
        clips = _dataset(animator).split("test")
        return next((clip for clip in clips if clip.style == "neutral"), clips[0])
    if source.endswith(".npz"):
        return Animation.from_npz(source)
    return _dataset(animator).clip(source)


def _dataset(animator: Animator):
    return open_dataset(animator.config.data.dataset, fps=animator.config.data.fps)


def animate(
    wavs: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    formats: Sequence[str] = ("mp4", "npz"),
    *,
    checkpoint: str | os.PathLike | None = None,
    style: str | None = None,
    template: str | None = None,
    progress: bool = True,
) -> list[Path]:
    """Animate sound files and write the animations.

    Parameters
    ----------
    wavs : sequence of path-like
    out : path-like
        Folder of the results, ``<wav's stem>.<format>``.
    formats : sequence of str
        ``"mp4"`` with sound, ``"npz"``.
    checkpoint : path-like, optional
        A trained run; the newest under ``build`` by default.
    style : str, optional
        A clip's name or an ``.npz`` animation; the data set's first neutral test clip by default, or its first.
    template : str, optional
        A mesh file or ``.npy``; the data set's first test subject by default.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    A2FError
        After all other files were done, when any could not be; the text names each.
    """
    from tqdm.auto import tqdm

    if not wavs:
        raise BadInput("no sound file was given")
    stems = [Path(wav).stem for wav in wavs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise BadInput(
            f"several sound files are called {twice[0]!r}; their results would overwrite each other in {out}"
        )
    animator = load(checkpoint or newest_run())
    face, vector = _template(template, animator), animator.style(_style(style, animator))
    written: list[Path] = []
    failed: list[str] = []
    for wav in tqdm(list(wavs), desc="animate", unit="file", disable=not progress):
        try:
            waveform, _ = read_audio(wav)
            animation = animator(waveform, face, vector, name=Path(wav).stem)
            written += animation.export(formats, out, Path(wav).stem)
        except (A2FError, OSError) as error:
            failed.append(f"{wav}: {error}")
            print(f"a2f: {failed[-1]}", file=sys.stderr)
    if failed:
        raise A2FError(f"{len(failed)} of {len(wavs)} sound files could not be animated: " + "; ".join(failed))
    return written

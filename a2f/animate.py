"""Sound files in, animations out, with a face and a way of moving for who names none."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from a2f.animation import Animation
from a2f.animator import Animator, load
from a2f.audio import read_audio
from a2f.data import Clip, Dataset, open_dataset
from a2f.errors import A2FError, BadInput, MissingData

__all__ = ["Animator", "animate", "load"]


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


def _dataset(animator: Animator) -> Dataset:
    return open_dataset(animator.config.data.dataset, fps=animator.config.data.fps)


def animate(
    wavs: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    formats: Sequence[str] = ("mp4", "npz"),
    *,
    checkpoint: str | os.PathLike = "demo",
    style: str | None = None,
    template: str | None = None,
    download: bool = False,
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
    checkpoint : str or path-like
        The model: ``"demo"``, the shipped one; the folder of a trained or saved one; or a hub name.
    style : str, optional
        A clip's name or an ``.npz`` animation; the data set's first neutral test clip by default, or its first.
    template : str, optional
        A mesh file or ``.npy``; the data set's first test subject by default.
    download : bool
        Fetch a hub name first; without it no network is used.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    BadInput
        After all other files were done, when some are missing or no sound; the text names each.
    A2FError
        The same, when something else hindered any.
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
    animator = load(checkpoint, download=download)
    face, vector = _template(template, animator), animator.style(_style(style, animator))
    written: list[Path] = []
    failed: list[str] = []
    kind: type[A2FError] = BadInput
    for wav in tqdm(list(wavs), desc="animate", unit="file", disable=not progress):
        try:
            waveform, _ = read_audio(wav)
            animation = animator(waveform, face, vector, name=Path(wav).stem)
            written += animation.export(formats, out, Path(wav).stem)
        except (A2FError, OSError) as error:
            failed.append(f"{wav}: {error}")
            kind = kind if isinstance(error, (BadInput, MissingData)) else A2FError
            tqdm.write(f"a2f: {failed[-1]}", file=sys.stderr)
    if failed:
        raise kind(f"{len(failed)} of {len(wavs)} sound files could not be animated: " + "; ".join(failed))
    return written

"""Sound files in, animations out, with a face and a way of moving for who names none."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

import a2f
from a2f.animation import Animation
from a2f.animator import Animator, load
from a2f.arrays import read_npy
from a2f.audio import read_audio, sound_size
from a2f.data import Clip, Dataset, open_dataset
from a2f.data.mesh_files import read_mesh
from a2f.errors import A2FError, BadInput, MissingData
from a2f.jobs import Job, Outcome, animate_one, plan
from a2f.long_recordings import InPieces
from a2f.processes import usable_device
from a2f.receipts import digest
from a2f.recordings import Shard, SoundPieces
from a2f.runtimes import CALIBRATED, TORCH, check_place, check_runtime

__all__ = ["Animator", "animate", "animate_each", "load"]

# A face this many times larger or smaller than the model's own is in another unit: heads differ by a factor of 2.
OTHER_UNIT = 20.0


def _template(source: str | None, animator: Animator, dataset: Callable[[], Dataset]) -> np.ndarray:
    """Return the face to move: a mesh file, an .npy of vertices, or the data set's first test subject."""
    if source is None:
        return dataset().split("test")[0].template
    path = Path(source)
    if not path.is_file():
        raise MissingData(
            f"template {source} is not a file; give an .obj, .ply or .npy with {animator.model.num_vertices} vertices"
        )
    if path.suffix == ".npy":
        vertices = read_npy(path)
        if vertices.dtype.kind not in "fiu":
            raise BadInput(f"template {source} holds no array of numbers; expected vertices (N, 3)")
    else:
        vertices, _ = read_mesh(path)
    vertices = animator.topology.check_vertices(vertices, f"template {source}")
    if vertices.ndim != 2:
        raise BadInput(f"template {source} has shape {vertices.shape}, expected ({animator.topology.num_vertices}, 3)")
    _check_size(vertices, animator, f"template {source}")
    return vertices


def _check_size(vertices: np.ndarray, animator: Animator, what: str) -> None:
    """Refuse a face (N, 3) in another unit than the model's, metres where it learned from millimetres."""
    found = float((vertices - vertices.mean(axis=0)).std(dtype=np.float64))
    own, unit = float(animator.model.data_std), animator.topology.unit
    if found == 0:
        raise BadInput(f"{what} has all of its vertices in one place")
    if not own / OTHER_UNIT <= found <= own * OTHER_UNIT:
        raise BadInput(
            f"{what} has coordinates that spread by {found:.3g} about their centre, the faces that the model learned "
            f"from by {own:.3g} {unit} (standard deviation): it is in another unit. Scale it to {unit}, by about "
            f"{10.0 ** round(np.log10(own / found)):g}"
        )


def _style(source: str | None, animator: Animator, dataset: Callable[[], Dataset]) -> Clip | Animation:
    """Return the motion to take the style from: an .npz animation, a clip's name, or a neutral test clip."""
    if source is None:
        clips = dataset().split("test")
        return next((clip for clip in clips if clip.style == "neutral"), clips[0])
    if not source.endswith(".npz"):
        if Path(source).exists():
            raise BadInput(f"style {source} is not an .npz that a2f wrote; give one, or the name of a clip")
        return dataset().clip(source)
    motion = Animation.from_npz(source)
    animator.topology.check_vertices(motion.vertices, f"style {source}")
    _check_size(motion.vertices[0], animator, f"style {source}")
    return motion


def _dataset(animator: Animator) -> Dataset:
    name = animator.config.data.dataset
    try:
        return open_dataset(name, fps=animator.config.data.fps)
    except MissingData:
        raise MissingData(
            f"the model learned from {name}, which is not shipped: name a face and a motion of your own, --template "
            "with a mesh or .npy and --style with an .npz"
        ) from None


def _made_from(animator: Animator, face: np.ndarray, motion: Clip | Animation) -> dict[str, str]:
    """Return digests of all that the animation of a sound depends on, of numbers rather than of files' names."""
    if isinstance(motion, Clip) and motion.coefficients is not None:
        moved = (motion.coefficients, motion.basis)  # on which its vertices depend beside the template
    else:
        moved = (motion.vertices,)
    neutral = motion.template if isinstance(motion, Clip) else motion.vertices[0]
    weights = [part for name, value in animator.model.state_dict().items() for part in (name, value.cpu().numpy())]
    arrays = [part for pair in sorted(animator.topology.to_arrays().items()) for part in pair]
    settings = json.dumps(animator.config.to_dict(), sort_keys=True)
    return {
        "a2f": a2f.__version__,
        "model": digest(settings, animator.encoder.identity, animator.topology.name, *arrays, *weights),
        "style": digest(neutral, motion.fps, *moved),
        "template": digest(face),
    }


def _first_sound(jobs: Sequence[Job]) -> np.ndarray | None:
    """Return the first recording that two encoders can be compared on; faults are told when it is a file's turn."""
    for job in jobs:
        try:
            sound, rate = read_audio(job.wav)
        except (A2FError, OSError):
            continue
        if len(sound) >= 0.1 * rate:
            return sound
    return None


def animate_each(
    jobs: Sequence[Job],
    *,
    checkpoint: str | os.PathLike = "demo",
    style: str | None = None,
    template: str | None = None,
    download: bool = False,
    force: bool = False,
    progress: bool = True,
    runtime: str = TORCH,
    calibration: str | os.PathLike | None = None,
    device: str = "cpu",
    report: Callable[[str], object] = print,
) -> Iterator[Outcome]:
    """Load a model, and animate one file after another as outcomes are asked for; see `animate`.

    What another runtime than torch changes is measured on the first recording, and told to `report`.

    Raises
    ------
    A2FError
        If model, style or template cannot be used. What goes wrong with a sound file is in its outcome.
    """
    from tqdm.auto import tqdm

    check_runtime(runtime)
    if calibration is not None and runtime != CALIBRATED:
        raise BadInput(f"calibration is for the runtime {CALIBRATED}; the runtime is {runtime}")
    check_place(runtime, usable_device(device))  # before anything is fetched
    animator = load(checkpoint, download=download).to(device)
    dataset = cache(lambda: _dataset(animator))
    face, motion = _template(template, animator, dataset), _style(style, animator, dataset)
    vector = animator.style(motion)
    if runtime != TORCH:
        animator = animator.with_runtime(
            runtime,
            _first_sound(jobs),
            template=face,
            style=vector,
            calibration=None if calibration is None else read_audio(calibration)[0],
            report=report,
        )
    made_from = _made_from(animator, face, motion)

    def speak(waveform: np.ndarray, name: str) -> Animation:
        return animator(waveform, face, vector, name=name)

    def faces(wav: Path) -> Iterator[np.ndarray]:
        rate = sound_size(wav, longest=None)[1]
        return animator.frames(SoundPieces(wav), face, vector, sample_rate=rate)

    pieces = InPieces(faces, animator.topology, animator.config.data.fps)
    bar = tqdm(jobs, desc="animate", unit="file", disable=not progress)
    return (animate_one(job, speak, made_from, pieces=pieces, force=force, progress=progress) for job in bar)


def animate(
    wavs: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    formats: Sequence[str] = ("mp4", "npz"),
    *,
    checkpoint: str | os.PathLike = "demo",
    style: str | None = None,
    template: str | None = None,
    download: bool = False,
    force: bool = False,
    progress: bool = True,
    runtime: str = TORCH,
    calibration: str | os.PathLike | None = None,
    shard: str = "1/1",
    device: str = "cpu",
) -> list[Path]:
    """Animate sound files and write the animations; what an earlier call made from the same is kept.

    Processes that torchrun or `accelerate launch` started divide the files among themselves.

    Parameters
    ----------
    wavs : sequence of path-like
        Files, and folders that are searched through; the results keep the names of the folders in those.
    out : path-like
        Folder of the results, ``<wav's stem>.<format>``, and of ``<wav's stem>.a2f.json``, by which a later call knows
        what they were made from.
    formats : sequence of str
        ``"mp4"``, a film with sound; ``"npz"``, everything, exactly; ``"html"``, a page that plays it; ``"glb"``,
        ``"usd"`` and ``"pc2"`` (Blender's mesh cache) for 3D programs; ``"ply"`` and ``"obj"``, a folder
        ``<stem>-<format>`` with a mesh for each frame; ``"csv"``, ARKit's 52 strengths.
    checkpoint : str or path-like
        The model: ``"demo"``, the shipped one; the folder of a trained or saved one; or a hub name.
    style : str, optional
        A clip's name or an ``.npz`` animation; the data set's first neutral test clip by default, or its first.
    template : str, optional
        An ``.obj``, ``.ply`` or ``.npy`` in the model's topology and unit; the first test subject by default.
    download : bool
        Fetch a hub name first; without it no network is used.
    force : bool
        Make also what is there already.
    progress : bool
    runtime : {"torch", "openvino", "openvino-int8", "onnxruntime", "onnxruntime-int8"}
        What runs the audio encoder, see `Animator.with_runtime`; what it changes is measured and told.
    calibration : path-like, optional
        Speech that the ranges of openvino-int8 are taken from; sentences of the demo corpus by default.
    shard : str
        Which share of the files to animate, such as ``"3/16"``, the third of sixteen.
    device : {"cpu", "cuda"}
        Where faces are computed; several processes of one machine take a GPU each.

    Returns
    -------
    list of Path
        The files and folders that are there now, new or kept.

    Raises
    ------
    BadInput, MissingData
        Before anything is made, if the call cannot be carried out: none of the files is there, a format is unknown,
        results would overwrite each other or an input, the template or the style does not fit the model.
    A2FError
        After all other files were done, when some could not be animated; the text names each.
    """
    from tqdm.auto import tqdm

    jobs = Shard.parse(shard).within().of(plan(wavs, out, formats, (style, template, calibration)))
    if not jobs:  # fewer files than shares
        return []
    found: list[Path] = []
    failed: list[str] = []
    each = animate_each(
        jobs,
        checkpoint=checkpoint,
        style=style,
        template=template,
        download=download,
        force=force,
        progress=progress,
        runtime=runtime,
        calibration=calibration,
        device=device,
        report=lambda text: tqdm.write(f"a2f: {text}", file=sys.stderr),
    )
    for outcome in each:
        found += [result.path for result in outcome.results]
        for failure in outcome.failures:
            tqdm.write(f"a2f: {failure}", file=sys.stderr)
        if outcome.failures:
            failed.append("; ".join(outcome.failures))
    if failed:
        raise A2FError(f"{len(failed)} of {len(jobs)} sound files could not be animated: " + "; ".join(failed))
    return found

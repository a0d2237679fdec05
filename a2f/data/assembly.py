"""From what a reader found to a data set: frame rate, split, and recordings that are long enough."""

from __future__ import annotations

import math

import numpy as np

from a2f.data.clip import SPLITS, Clip, Dataset
from a2f.data.splits import Split, named_split, split_by_subject
from a2f.data.survey import PROBLEM, Recording, Survey
from a2f.errors import BadInput

SHORTEST = 12  # frames: statistics of T/4 latent steps, and of their differences, need three of them


def highest_rate(recorded: float, wanted: float) -> float:
    """Return the highest whole fraction of a recorded frame rate that is not above the wanted one."""
    return recorded / max(1, math.ceil(recorded / wanted - 1e-9))


def assemble(survey: Survey, fps: float | None = None, split: str | None = None) -> Dataset:
    """Make a data set of a survey.

    Parameters
    ----------
    survey : Survey
    fps : float, optional
        The recorded rate or a whole fraction of it: frames between are left out, never invented. The recorded one by
        default.
    split : str, optional
        A name in `a2f.data.splits`; the data set's first by default. A user's own folder divides itself.

    Returns
    -------
    Dataset
        Faces that outlast their sound are cut; recordings of fewer than `SHORTEST` frames are left out.

    Raises
    ------
    BadInput
        If the data cannot be used, the rate does not divide the recorded one, or a split has no recording.
    """
    if not survey.usable:
        reasons = survey.of(PROBLEM) or [f"no whole recording was found ({len(survey.findings)} findings)"]
        raise BadInput(
            f"{survey.name} cannot be used: {'; '.join(reasons[:3])}. `a2f validate-data {survey.name} PATH` lists all"
        )
    fps = survey.fps if fps is None else fps
    step = round(survey.fps / fps)
    if step < 1 or abs(step * fps - survey.fps) > 1e-6:
        raise BadInput(
            f"{survey.name} was recorded at {survey.fps:g} frames a second; {fps:g} does not divide it, give "
            f"{highest_rate(survey.fps, fps):g}"
        )
    division = _division(survey, split)
    clips: dict[str, list[Clip]] = {role: [] for role in SPLITS}
    for recording in survey.recordings:
        roles = division.roles(recording.subject, recording.sentence, recording.style)
        for place, role in enumerate(roles):
            clip = _clip(survey, recording, role, step, recording.name + (f"@{role}" if place else ""))
            if clip is not None:
                clips[role].append(clip)
    empty = [role for role in SPLITS if not clips[role]]
    if empty:
        raise BadInput(
            f"{survey.name} has no recording of at least {SHORTEST} frames for {' and '.join(empty)}, divided as in "
            f"{division.source}; its subjects are {', '.join(sorted({r.subject for r in survey.recordings}))}"
        )
    return Dataset(
        survey.name,
        survey.topology,
        fps,
        tuple(clip for role in SPLITS for clip in clips[role]),
        synthetic=survey.synthetic,
        split_source=division.source,
    )


def _division(survey: Survey, name: str | None) -> Split:
    if survey.name != "folder":
        return named_split(survey.name, name)
    if name is not None:
        raise BadInput(f"split is {name!r}, but a folder of one's own has no named ones: write them into its a2f.json")
    return split_by_subject(sorted({recording.subject for recording in survey.recordings}), survey.splits)


def frames_with_sound(recording: Recording, fps: float) -> int:
    """Return how many frames, from the start, have both a face and sound; half a frame of sound may be missing."""
    heard = recording.num_samples * fps / recording.sample_rate
    return min(recording.num_frames, int(heard + 0.5))


def _clip(survey: Survey, recording: Recording, role: str, step: int, name: str) -> Clip | None:
    usable = frames_with_sound(recording, survey.fps)
    frames = np.arange(0, usable, step)
    if len(frames) < SHORTEST:
        return None

    def read_vertices(wanted: slice | np.ndarray, recording: Recording = recording, last: int = usable) -> np.ndarray:
        if isinstance(wanted, slice):
            start, stop, stride = wanted.indices(math.ceil(last / step))
            return recording.read_vertices(slice(start * step, min(stop * step, last), stride * step))
        return recording.read_vertices(frames[wanted])

    return Clip(
        name=name,
        subject=recording.subject,
        sentence=recording.sentence,
        split=role,
        topology=survey.topology,
        template=survey.templates[recording.subject],
        fps=survey.fps / step,
        num_frames=len(frames),
        sample_rate=recording.sample_rate,
        read_waveform=recording.read_waveform,
        read_vertices=read_vertices,
        style=recording.style,
        text=recording.text,
    )


def described(dataset: Dataset) -> dict:
    """Return what stands beside every result on a data set: its regions' sizes and origin, its split and its sizes."""
    topology = dataset.topology
    return {
        "vertices": topology.num_vertices,
        "unit": topology.unit,
        "fps": dataset.fps,
        "regions": {name: len(ids) for name, ids in sorted(topology.regions.items())},
        "region_source": topology.region_source,
        "split": dataset.split_source,
        "clips": {role: len(dataset.split(role)) for role in SPLITS},
    }

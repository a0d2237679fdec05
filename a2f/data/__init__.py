"""Data sets behind one interface: clips of one topology in three splits."""

from __future__ import annotations

import dataclasses
import importlib
import os
from pathlib import Path

from a2f.config import DataConfig
from a2f.data.assembly import assemble, described, highest_rate
from a2f.data.clip import SPLITS, Clip, Dataset, Phone
from a2f.data.survey import Survey
from a2f.errors import BadInput, MissingData

__all__ = [
    "DATASETS",
    "SPLITS",
    "Clip",
    "Dataset",
    "Phone",
    "described",
    "limit",
    "open_configured",
    "open_dataset",
    "rotate",
    "spread",
    "survey_folder",
    "usable_rate",
]

DATASETS = ("demo", "vocaset", "biwi", "multiface", "folder")
SCALINGS = ("subject", "frame")


def survey_folder(
    name: str, root: str | os.PathLike | None, regions: str | os.PathLike | None = None, scaling: str = "subject"
) -> Survey:
    """Look into the folder of a data set.

    Parameters
    ----------
    name : {"vocaset", "biwi", "multiface", "folder"}
    root : path-like
        The data set as its authors deliver it, or in one of the layouts in common use; see the reader of that name.
    regions : path-like, optional
        Where lips and upper face are (`a2f.data.region_files`); what lies in `root` under its usual name otherwise.
    scaling : {"subject", "frame"}
        BIWI only: one centre and scale a subject, or one a frame as much published work has it.

    Raises
    ------
    BadInput, MissingData
        If there is no such data set, no folder was given, or none of its layouts is in there.
    """
    if name not in DATASETS[1:]:
        raise BadInput(f"no data set is called {name!r}; there are {', '.join(DATASETS)}")
    if root is None:
        raise MissingData(f"data set {name} is not shipped: give the folder that holds it as data_root (--data-root)")
    if not Path(root).is_dir():
        raise MissingData(f"data_root {str(root)!r} is not a folder; give the one that holds {name}")
    if scaling not in SCALINGS:
        raise BadInput(f"scaling is {scaling!r}, expected one of {', '.join(SCALINGS)}")
    given = None if regions is None else Path(regions)
    if name == "biwi":
        from a2f.data import biwi

        return biwi.survey(Path(root), regions=given, scaling=scaling)
    if scaling != "subject":
        raise BadInput(f"scaling={scaling!r} is for biwi; {name} comes in its own unit")
    reader = importlib.import_module(f"a2f.data.{name}")
    return reader.survey(Path(root), regions=given)


def open_dataset(
    name: str = "demo",
    root: str | os.PathLike | None = None,
    fps: float | None = 30.0,
    *,
    split: str | None = None,
    regions: str | os.PathLike | None = None,
    scaling: str = "subject",
) -> Dataset:
    """Open a data set by name.

    Parameters
    ----------
    name : {"demo", "vocaset", "biwi", "multiface", "folder"}
        "folder" is one's own recordings (`a2f.data.folder`).
    root : path-like, optional
        The folder that holds it; the demo corpus is shipped and takes none.
    fps : float, optional
        The recorded frame rate or a whole fraction of it; None is the recorded one.
    split : str, optional
        A name in `a2f.data.splits`; the data set's first by default.
    regions, scaling
        As for `survey_folder`.

    Raises
    ------
    BadInput, MissingData
        If there is no such data set, it is not in the folder, or it cannot be used as asked for.
    """
    if name != "demo":
        return assemble(survey_folder(name, root, regions, scaling), fps, split)
    wrong = {"data_root": root, "split": split, "regions": regions}
    for what, value in wrong.items():
        if value:
            raise BadInput(f"the demo corpus is shipped with a2f and takes no {what}, but {str(value)!r} was given")
    from a2f.data.demo import open_demo

    return open_demo(60.0 if fps is None else fps)


def open_configured(config: DataConfig, root: str | os.PathLike | None = None) -> Dataset:
    """Open the data set that a configuration names, with its frame rate, split, regions and size."""
    opened = open_dataset(
        config.dataset, root, config.fps, split=config.split, regions=config.regions, scaling=config.scaling
    )
    return limit(opened, config)


def usable_rate(name: str, root: str | os.PathLike | None, wanted: float) -> float:
    """Return the highest frame rate that a data set offers and that is not above the wanted one.

    Frames are left out and never invented: 30 of VOCASET's 60, all 25 of BIWI's where 30 are wanted.
    """
    return highest_rate(60.0 if name == "demo" else survey_folder(name, root).fps, wanted)


def limit(dataset: Dataset, config: DataConfig) -> Dataset:
    """Return the data set with the subjects' roles, and as many subjects and clips, as a configuration asks for.

    The clips that stay are spread over a subject's styles, so that every style keeps as many.
    """
    dataset = rotate(dataset, config.rotation)
    kept: list[Clip] = []
    for split in SPLITS:
        clips = dataset.split(split)
        subjects = list(dict.fromkeys(clip.subject for clip in clips))[: config.subjects_per_split]
        for subject in subjects:
            own = [clip for clip in clips if clip.subject == subject]
            kept.extend(spread(own, config.clips_per_subject))
    return dataclasses.replace(dataset, clips=tuple(kept))


def rotate(dataset: Dataset, rotation: int) -> Dataset:
    """Return the data set with other subjects in the test split, as many as before in every split.

    Subjects stand in a ring, training, validation, test; a rotation moves every role on by the number of test
    subjects. Training clips whose sentence is tested are left out, so that no text is in training and test; validation,
    which only chooses weights, keeps all of its clips.

    Parameters
    ----------
    dataset : Dataset
    rotation : int
        Counted from the data set's own splits; 0 leaves all as it is, and so does the rotation that it already has.

    Raises
    ------
    BadInput
        If the data set has another rotation already, so that its own splits cannot be told any more, or a subject has
        several roles.
    """
    if rotation == dataset.rotation:
        return dataset
    if dataset.rotation:
        raise BadInput(
            f"data set {dataset.name} has rotation {dataset.rotation} and cannot be given {rotation}; open it anew"
        )
    for subject in dataset.subjects:
        own = [split for split in SPLITS if any(c.subject == subject for c in dataset.split(split))]
        if len(own) > 1:
            raise BadInput(
                f"data set {dataset.name} cannot be rotated: subject {subject} stands in {' and '.join(own)}, and a "
                "rotation gives every subject one role"
            )
    ring = [(subject, split) for split in SPLITS for subject in dict.fromkeys(c.subject for c in dataset.split(split))]
    step = rotation * sum(split == SPLITS[-1] for _, split in ring)
    roles = {ring[(place + step) % len(ring)][0]: split for place, (_, split) in enumerate(ring)}
    clips = [dataclasses.replace(clip, split=roles[clip.subject]) for clip in dataset.clips]
    tested = {clip.sentence for clip in clips if clip.split == "test"}
    kept = tuple(clip for clip in clips if clip.split != "train" or clip.sentence not in tested)
    return dataclasses.replace(dataset, clips=kept, rotation=rotation)


def spread(clips: list[Clip], count: int | None) -> list[Clip]:
    """Return `count` of the clips, taken from subjects and styles in turn; all of them for None."""
    if count is None or count >= len(clips):
        return list(clips)
    groups: dict[tuple, list[Clip]] = {}
    for clip in clips:
        groups.setdefault((clip.subject, clip.style), []).append(clip)
    # round-robin: the first clip of every group, then the second of every group, ...
    ranked = sorted(
        (rank, place, clip.name) for place, group in enumerate(groups.values()) for rank, clip in enumerate(group)
    )
    chosen = {name for _, _, name in ranked[:count]}
    return [clip for clip in clips if clip.name in chosen]

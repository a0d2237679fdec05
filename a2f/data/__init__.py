"""Data sets behind one interface: clips of one topology in three splits."""

from __future__ import annotations

import dataclasses

from a2f.config import DataConfig
from a2f.data.clip import SPLITS, Clip, Dataset, Phone
from a2f.errors import BadInput

__all__ = ["SPLITS", "Clip", "Dataset", "Phone", "limit", "open_dataset", "rotate", "spread"]

DATASETS = ("demo",)


def open_dataset(name: str = "demo", root: str | None = None, fps: float = 30.0) -> Dataset:
    """Open a data set by name.

    Parameters
    ----------
    name : {"demo"}
    root : str, optional
        The folder that holds it; the demo corpus is shipped and takes none.
    fps : float

    Raises
    ------
    BadInput
        If there is no such data set, or the demo corpus is given a folder.
    """
    if name not in DATASETS:
        raise BadInput(f"no data set is called {name!r}; there are {', '.join(DATASETS)}")
    if root:
        raise BadInput(f"the demo corpus is shipped with a2f and takes no data_root, but {root!r} was given")
    from a2f.data.demo import open_demo

    return open_demo(fps)


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
        If the data set has another rotation already: its own splits cannot be told any more.
    """
    if rotation == dataset.rotation:
        return dataset
    if dataset.rotation:
        raise BadInput(
            f"data set {dataset.name} has rotation {dataset.rotation} and cannot be given {rotation}; open it anew"
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

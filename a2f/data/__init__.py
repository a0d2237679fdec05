"""Data sets behind one interface: clips of one topology in three splits."""

from __future__ import annotations

import dataclasses

from a2f.config import DataConfig
from a2f.data.clip import SPLITS, Clip, Dataset, Phone
from a2f.errors import BadInput

__all__ = ["SPLITS", "Clip", "Dataset", "Phone", "limit", "open_dataset"]

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
    """Return the data set with as many subjects and clips as a configuration asks for.

    The clips that stay are spread over a subject's styles, so that every style keeps as many.
    """
    kept: list[Clip] = []
    for split in SPLITS:
        clips = dataset.split(split)
        subjects = list(dict.fromkeys(clip.subject for clip in clips))[: config.subjects_per_split]
        for subject in subjects:
            own = [clip for clip in clips if clip.subject == subject]
            kept.extend(spread(own, config.clips_per_subject))
    return dataclasses.replace(dataset, clips=tuple(kept))


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

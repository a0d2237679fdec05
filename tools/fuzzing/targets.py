"""Every reader with its maker of inputs, and its share of a run."""

from __future__ import annotations

import importlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fuzzing.outcome import Case


@dataclass(frozen=True)
class Target:
    """A reader, or several of one kind.

    Parameters
    ----------
    module, function : str
        In this package; called with a generator and an empty folder it gives a `Case`.
    share : int
        Of a run's inputs, in parts.
    text : str
    """

    module: str
    function: str
    share: int
    text: str


TARGETS = {
    "sounds": Target("sounds", "make", 8, "wav, flac, ogg, mp3, aiff, w64, rf64, caf, au"),
    "meshes": Target("meshes", "make", 6, "obj, ply"),
    "npy": Target("arrays", "make_npy", 5, "faces over time, templates, regions"),
    "npz": Target("arrays", "make_npz", 6, "animations, topologies, clips, archives that swell"),
    "pickles": Target("pickles", "make", 6, "damaged and hostile ones"),
    "configurations": Target("settings", "make_config", 4, "config.json"),
    "folder settings": Target("settings", "make_folder_settings", 2, "a2f.json"),
    "regions": Target("settings", "make_regions", 3, "regions.json, lists, masks"),
    "ratings": Target("settings", "make_ratings", 3, "ratings.csv, read and gone on with"),
    "receipts": Target("settings", "make_receipt", 2, "<name>.a2f.json"),
    "notebook states": Target("settings", "make_state", 2, "<notebook>.state.json"),
    "notebook parameters": Target("settings", "make_parameters", 4, "texts, through papermill's own translator"),
    "models": Target("models", "make", 4, "config.json, safetensors, topology, card; loaded and spoken with"),
    "training states": Target("models", "make_state", 3, "state.pt"),
    "data sets": Target("folders", "make", 8, "BIWI, VOCASET, Multiface, one's own folder; tars"),
    "command lines": Target("calls", "make", 6, "all subcommands"),
}


def case_of(name: str, seed: int, folder: Path) -> Case:
    """Make an input of a target; name and seed decide it.

    Parameters
    ----------
    name : str
        A key of `TARGETS`.
    seed : int
    folder : Path
        New and empty; what is shared by the inputs of a process lies beside it.
    """
    target = TARGETS[name]
    make = getattr(importlib.import_module(f"fuzzing.{target.module}"), target.function)
    return make(np.random.default_rng([seed, zlib.crc32(name.encode())]), folder)


def plan(count: int, seed: int) -> list[tuple[str, int]]:
    """Return about so many inputs as pairs of target and seed, at least one of each target."""
    parts = sum(target.share for target in TARGETS.values())
    shares = {name: max(1, round(count * target.share / parts)) for name, target in TARGETS.items()}
    return [(name, seed + number) for name, share in shares.items() for number in range(share)]

"""An audio encoder's network as another runtime has it: made once, compared with torch's, kept in a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from a2f.audio import SAMPLE_RATE
from a2f.errors import A2FError
from a2f.files import cannot_write, read_json, sha256, temporary_folder, write_json
from a2f.models.encoder_base import AudioEncoder
from a2f.models.runtime_package import package_version, quietly, unreported

CACHE = "A2F_CACHE"  # an environment variable
TRUE = 1e-4  # a float32 network that is further from torch's, relatively, was not converted right
ABOUT = "about.json"

Run = Callable[[np.ndarray], np.ndarray]  # what the network is given (B, ...) to features (B, T_a, C_audio)


def cache_folder() -> Path:
    """Return where converted networks are kept: what ``A2F_CACHE`` names, else ``~/.cache/a2f``."""
    named = os.environ.get(CACHE)
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "a2f"


def kept_network(
    encoder: AudioEncoder,
    packages: Iterable[str],
    settings: dict[str, Any],
    folder: Path,
    make: Callable[[Path], object],
) -> Path:
    """Return the folder of an encoder's network, made if it is not there yet or not whole.

    Parameters
    ----------
    encoder : AudioEncoder
        One that has a network in torch.
    packages : iterable of str
        Those, besides torch and transformers, on whose version the network depends.
    settings : dict
        What else it depends on.
    folder : Path
        Of all networks kept. Each has a folder of its own, named by all that it depends on.
    make : callable
        Writes the network's files into a new folder.
    """
    weights = hashlib.sha256()
    for name, tensor in sorted(encoder.network.state_dict().items()):
        weights.update(name.encode() + tensor.numpy().tobytes())
    used = {
        "encoder": encoder.identity,
        "weights": weights.hexdigest(),  # which change under one identity while they are trained
        **settings,
        "versions": {name: package_version(name) for name in (*packages, "torch", "transformers")},
    }
    place = folder / hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:32]
    if not _whole(place):
        with unreported(), quietly(), temporary_folder(folder) as temporary:
            new = temporary / "new"
            new.mkdir()
            make(new)
            files = {path.name: sha256(path) for path in sorted(new.iterdir())}
            write_json(new / ABOUT, {"made_from": used, "files": files})
            _put(new, place)
    return place


class Network(nn.Module):
    """What is converted: an encoder behind its preparation."""

    def __init__(self, encoder: AudioEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, prepared: Tensor) -> Tensor:
        """Map what `AudioEncoder.prepare` returns to features (B, T_a, C_audio)."""
        return self.encoder.compute(prepared)


def examples(encoder: AudioEncoder) -> tuple[Tensor, Tensor]:
    """Return what the network is given for 1 and 2 noises of 2 and 3 s; sizes in which they differ are free."""
    generator = torch.Generator().manual_seed(0)
    one, two = (
        encoder.prepare(0.1 * torch.randn(*size, generator=generator))
        for size in ((1, 2 * SAMPLE_RATE), (2, 3 * SAMPLE_RATE))
    )
    return one, two


@torch.no_grad()
def check(run: Run, encoder: AudioEncoder, runtime: str) -> None:
    """Refuse a network that a length or a number of sounds was frozen into, or that computes something else."""
    for example in examples(encoder):
        expected = encoder.compute(example)
        found = torch.from_numpy(run(example.numpy()))
        apart = float("inf")
        if found.shape == expected.shape:
            apart = float((found - expected).norm() / expected.norm())
        if not apart < TRUE:
            raise A2FError(
                f"the audio encoder {encoder.identity} was not converted right: {runtime}'s features, of shape "
                f"{tuple(found.shape)}, are {apart:.1g} from torch's, {tuple(expected.shape)}, relatively; use the "
                "runtime torch"
            )


def _whole(place: Path) -> bool:
    """True if a network is there byte by byte as it was written."""
    try:
        files = read_json(place / ABOUT)["files"]
        return all(sha256(place / name) == digest for name, digest in files.items())
    except (A2FError, OSError, KeyError, TypeError, AttributeError):
        return False


def _put(new: Path, place: Path) -> None:
    """Give a whole network its place, instead of one that is not whole."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        os.rename(new, place)
    except OSError as error:
        if not _whole(place):  # else another process has just made it
            raise cannot_write(place, error) from None

"""The films of a user study: the same sentences by every method, under names that tell nothing, drawn once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from a2f.config import Config
from a2f.data import Clip, Dataset
from a2f.errors import BadInput
from a2f.export.video import write_mp4
from a2f.methods import ExpressionPath, Method, TrainedModel, load_method
from a2f.ratings.places import Film
from a2f.study import Entry, run_study, variants

SIZE = 256  # pixels
STRIP = 48  # pixels below the face, where a browser lays its controls over the film
ROWS = {"Ours": "ours", "VOCA": "voca", "MeshTalk": "meshtalk", "FaceFormer": "faceformer"}


class GroundTruth:
    """The recorded motion itself, as a method."""

    name = "Ground truth"

    def predict(self, clip: Clip, style: Clip) -> np.ndarray:
        """Return the clip's own faces (T, N, 3)."""
        return clip.vertices


def rated_methods(
    config: Config,
    dataset: Dataset,
    runs: str | os.PathLike,
    *,
    seed: int,
    root: str | None = None,
    progress: bool = True,
) -> dict[str, Method]:
    """Return the ground truth and the four methods of Fig. 5, by name; runs of Table 1 are not trained again.

    All see the same style clip where they read a style at all; MeshTalk so through its expression encoder.

    Parameters
    ----------
    config : Config
        The preset.
    dataset : Dataset
    runs : path-like
        Folder of Table 1's runs.
    seed : int
        Whose run is taken.
    root : str, optional
        The data set's folder.
    progress : bool
    """
    rows = variants(config)
    entries = {name: Entry(row, rows[row], seed) for name, row in ROWS.items()}
    run_study(list(entries.values()), runs, root=root, progress=progress)
    found: dict[str, Method] = {"Ground truth": GroundTruth()}
    for name, entry in entries.items():
        found[name] = load_method(Path(runs) / entry.folder, dataset, Path(runs) / "features")
    found["MeshTalk"] = ExpressionPath(found["MeshTalk"])
    return found


def choose_clips(dataset: Dataset, count: int, seed: int) -> list[Clip]:
    """Return test clips drawn at random, no two with the same words.

    Raises
    ------
    BadInput
        If the test split has fewer sentences.
    """
    test = dataset.split("test")
    chosen: dict[str, Clip] = {}
    for index in np.random.default_rng(seed).permutation(len(test)):
        chosen.setdefault(test[index].sentence, test[index])
    if not 1 <= count <= len(chosen):
        raise BadInput(f"{count} sentences were asked for; the test split of {dataset.name} has {len(chosen)}")
    return list(chosen.values())[:count]


def plan_films(methods: Mapping[str, Method], clips: Sequence[Clip], folder: str | os.PathLike) -> list[Film]:
    """Return a film for each clip and method; nothing is drawn yet.

    A film is named by a hash of what it shows, the network's weights included: after a new training there are new
    films, and old ratings are not taken for theirs.

    Parameters
    ----------
    methods : mapping of str to Method
    clips : sequence of Clip
    folder : path-like
        Where the films go.
    """
    weights = {name: _weights(method) for name, method in methods.items()}
    films = []
    for clip in clips:
        for name in methods:
            text = f"{name}\n{clip.name}\n{clip.num_frames}\n{clip.fps}\n{SIZE}+{STRIP}\n{weights[name]}"
            own = hashlib.sha256(text.encode()).hexdigest()[:12]
            films.append(Film(own, clip.name, name, Path(folder) / f"{own}.mp4"))
    return films


def draw_films(
    films: Sequence[Film], methods: Mapping[str, Method], dataset: Dataset, *, seed: int, progress: bool = True
) -> int:
    """Draw the films that are not there yet, and return how many these were.

    Parameters
    ----------
    films : sequence of Film
        Of `plan_films`.
    methods : mapping of str to Method
    dataset : Dataset
    seed : int
        Decides which other sentence of the speaker gives the style.
    progress : bool
    """
    from tqdm.auto import tqdm

    from a2f.animation import Animation

    missing = [film for film in films if not film.path.is_file()]
    for film in tqdm(missing, desc="films", unit="film", disable=not progress or not missing, leave=False):
        clip = dataset.clip(film.sentence)
        faces = methods[film.method].predict(clip, dataset.style_partner(clip, seed))
        animation = Animation(faces, clip.fps, clip.topology, clip.waveform, clip.sample_rate)
        below = ((0, STRIP), (0, 0), (0, 0))
        frames = (np.pad(frame, below, constant_values=255) for frame in animation.frames(SIZE))
        write_mp4(film.path, frames, clip.fps, animation.audio, animation.sample_rate, progress=False)
    return len(missing)


def _weights(method: Method) -> str:
    """Return what tells two trainings of a method apart."""
    trained = method.trained if isinstance(method, ExpressionPath) else method
    if not isinstance(trained, TrainedModel):
        return type(trained).__name__
    digest = hashlib.sha256(trained.features.encoder.identity.encode())
    for name, value in sorted(trained.model.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()

"""A network in a folder: config.json and safetensors, of any method, written whole and read without running code."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from a2f.config import Config
from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json, sha256, write_json
from a2f.models.audio2face import Audio2Face
from a2f.models.encoders import AudioEncoder, load_audio_encoder
from a2f.models.face_model import FaceModel
from a2f.models.faceformer import FaceFormer
from a2f.models.half import half_precision
from a2f.models.meshtalk import MeshTalk
from a2f.models.voca import Voca

NETWORKS = {"audio2face": Audio2Face, "voca": Voca, "meshtalk": MeshTalk, "faceformer": FaceFormer}
TUNED = "audio_encoder."  # before the names of a fine-tuned audio encoder's tensors


def build_model(config: Config, num_vertices: int, audio_dim: int, subjects: tuple[str, ...] = ()) -> FaceModel:
    """Return the network of a configuration's method with its initial weights, drawn from torch's generator."""
    return NETWORKS[config.method](config.model, num_vertices, audio_dim, subjects)


def save_model(
    model: FaceModel,
    folder: str | os.PathLike,
    config: Config,
    name: str = "best",
    seed: int | None = None,
    extra: dict[str, Tensor] | None = None,
    half: bool = False,
) -> None:
    """Write ``config.json`` and ``<name>.safetensors`` to a folder.

    Parameters
    ----------
    model : FaceModel
    folder : path-like
    config : Config
        The whole run's configuration.
    name : str
        ``"best"`` or ``"last"`` of a run, ``"model"`` of a model to be handed on.
    seed : int, optional
        Of the run that made it.
    extra : dict of str to Tensor, optional
        Further tensors, such as a fine-tuned audio encoder's under ``audio_encoder.``.
    half : bool
        Keep the weights in half precision; vectors, such as the mean that vertices are centred by, stay exact.

    Raises
    ------
    BadInput
        If a weight is too large for half precision.
    """
    from safetensors.torch import save_file

    tensors = {key: value.detach().contiguous() for key, value in model.state_dict().items()} | (extra or {})
    if half:
        tensors = half_precision(tensors, TUNED)
    with atomic_path(Path(folder) / f"{name}.safetensors") as temporary:
        save_file(tensors, temporary)
    describe_model(model, folder, config, seed)


def describe_model(model: FaceModel, folder: str | os.PathLike, config: Config, seed: int | None = None) -> None:
    """Write the ``config.json`` of a network, by which its weights are read and its run is told from others."""
    described = {
        "config": config.to_dict(),
        "num_vertices": model.num_vertices,
        "audio_dim": model.audio_dim,
        "subjects": list(model.subjects),
        "seed": seed,
    }
    write_json(Path(folder) / "config.json", described)


def load_model(folder: str | os.PathLike, name: str = "best") -> FaceModel:
    """Read a network that `save_model` wrote, in evaluation mode.

    Raises
    ------
    MissingData
        If the folder or its weights are not there.
    BadInput
        If the weights do not fit the configuration.
    """
    config, described = read_run_config(folder)
    subjects = tuple(str(subject) for subject in described.get("subjects", ()))
    sizes = int(described["num_vertices"]), int(described["audio_dim"])
    tensors = {k: v for k, v in read_weights(folder, name).items() if not k.startswith(TUNED)}
    # a network without memory tells first whether the weights are its own: settings may ask for any size
    with torch.device("meta"):
        expected = {key: value.shape for key, value in build_model(config, *sizes, subjects).state_dict().items()}
    if wrong := sorted(key for key, shape in expected.items() if key not in tensors or tensors[key].shape != shape):
        found = f"is {tuple(tensors[wrong[0]].shape)}" if wrong[0] in tensors else "is not there"
        raise BadInput(
            f"{Path(folder) / name}.safetensors does not fit its config.json: {wrong[0]} {found}, expected "
            f"{tuple(expected[wrong[0]])}"
        )
    model = build_model(config, *sizes, subjects)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadInput(f"{Path(folder) / name}.safetensors does not fit its config.json: {error}") from None
    broken = [key for key, value in tensors.items() if not value.isfinite().all()]
    if broken:
        raise BadInput(f"{Path(folder) / name}.safetensors is damaged: {broken[0]} is not finite")
    return model.eval()


def load_encoder(folder: str | os.PathLike, config: Config, name: str = "best") -> tuple[AudioEncoder, bool]:
    """Return the audio encoder of a stored network, and whether it was tuned with it.

    Raises
    ------
    BadInput
        If the folder's weights hold part of an encoder only.
    """
    encoder = load_audio_encoder(config.model)
    tuned = {k.removeprefix(TUNED): v for k, v in read_weights(folder, name).items() if k.startswith(TUNED)}
    if tuned:
        path = Path(folder) / f"{name}.safetensors"
        try:
            encoder.load_state_dict(tuned)
        except RuntimeError as error:
            kind = config.model.audio_encoder
            raise BadInput(f"{path} holds no whole {kind} as audio encoder: {error}") from None
        encoder.identity += f":tuned-{sha256(path)[:16]}"
    return encoder, bool(tuned)


def read_run_config(folder: str | os.PathLike) -> tuple[Config, dict]:
    """Return the configuration of a run folder and the whole of its ``config.json``."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise MissingData(
            f"{folder} holds no config.json; give the folder of a trained model (`a2f train --out FOLDER`)"
        )
    described = read_json(path)
    if not isinstance(described, dict) or not {"config", "num_vertices", "audio_dim"} <= set(described):
        raise BadInput(f"{path} is not the configuration of a trained a2f model")
    for key in ("num_vertices", "audio_dim"):
        if not isinstance(described[key], int) or described[key] < 1:
            raise BadInput(f"{path}: {key} is {described[key]!r}, expected a whole positive number")
    if not isinstance(described.get("subjects", []), list):
        raise BadInput(f"{path}: subjects is {described['subjects']!r}, expected a list of names")
    try:
        return Config.from_dict(described["config"]), described
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path} is not a configuration of this version of a2f: {error}") from None


def read_weights(folder: str | os.PathLike, name: str = "best") -> dict[str, Tensor]:
    """Return the tensors of ``<name>.safetensors`` in a run folder.

    Raises
    ------
    MissingData
        If they are not there.
    BadInput
        If they are not as the run left them, or no such file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / f"{name}.safetensors"
    if not path.is_file():
        raise MissingData(f"{path} is not there; the run was not trained so far, or the copy is not whole")
    if not _is_as_finished(path):
        raise BadInput(f"{path} is damaged: its SHA-256 is not that in finished.json. Train it anew or copy it again")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise BadInput(f"{path} is not a whole safetensors file: {error}") from None


def _is_as_finished(path: Path) -> bool:
    """Return whether weights are those that the finished run left; safetensors have no checksum of their own."""
    finished = path.with_name("finished.json")
    noted = read_json(finished) if finished.is_file() else None
    digests = noted.get("sha256") if isinstance(noted, dict) else None
    return not isinstance(digests, dict) or path.name not in digests or digests[path.name] == sha256(path)

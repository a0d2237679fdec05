"""Saved models by name: the shipped one, a folder, or one of a model hub, which is asked only when told to."""

from __future__ import annotations

import os
import re
from pathlib import Path

from a2f.data.assets import asset, manifest
from a2f.errors import A2FError, BadInput, MissingData

DEMO = "demo"
CONFIG, WEIGHTS, TOPOLOGY = "config.json", "model.safetensors", "topology.npz"
CARD, EVALUATION, README = "card.json", "evaluation.json", "README.md"
ENCODER = "encoder"  # folder of an audio encoder that comes with the model
# Numbers and text only: nothing that a download brings may be run when it is opened.
PATTERNS = ["*.json", "*.safetensors", "*.npz", README]
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def model_folder(
    source: str | os.PathLike = DEMO,
    *,
    download: bool = False,
    revision: str | None = None,
    endpoint: str | None = None,
) -> Path:
    """Return the folder of a saved model.

    Parameters
    ----------
    source : str or path-like
        ``"demo"``, the shipped model, whose files are checked against their SHA-256; a folder; or a hub name
        ``"owner/name"``, where there is no such folder.
    download : bool
        Fetch a hub name, or what is new of it. Without it only the local cache is looked at and no network is used.
    revision : str, optional
        Branch, tag or commit of a hub name; ``main`` by default.
    endpoint : str, optional
        Address of the hub; that of ``HF_ENDPOINT``, or huggingface.co, by default.

    Raises
    ------
    MissingData
        If there is no such model here; the text says how to fetch it.
    BadInput
        If a shipped file is damaged.
    A2FError
        If the hub cannot be reached or refuses.
    """
    if source == DEMO:
        return _shipped()
    if Path(source).is_dir():
        return Path(source)
    if isinstance(source, str) and _HUB_NAME.fullmatch(source):
        return _download(source, revision, endpoint) if download else _cached(source, revision)
    raise MissingData(
        f"no model is at {str(source)!r}; give {DEMO!r} for the shipped one, the folder of a trained or saved one, or "
        "a hub name like 'owner/name'"
    )


def _shipped() -> Path:
    names = [name for name in manifest() if name.startswith("model/")]
    return [asset(name) for name in dict.fromkeys([f"model/{CONFIG}", *names])][0].parent


def _cached(name: str, revision: str | None) -> Path:
    """Return the folder of a hub name in the local cache, looked up without its client's network calls."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(name, file, revision=revision) for file in (CONFIG, WEIGHTS, TOPOLOGY)]
    if not all(isinstance(path, str) for path in found):
        state = "only a part of it is" if any(isinstance(path, str) for path in found) else "it is not"
        at = f" at revision {revision}" if revision else ""
        raise MissingData(
            f"{name!r} is no folder here; as a hub name{at}, {state} in the local cache. Fetch it with "
            f"a2f.load({name!r}, download=True) or `a2f animate --checkpoint {name} --download`"
        )
    return Path(found[0]).parent


def _download(name: str, revision: str | None, endpoint: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=PATTERNS, endpoint=endpoint))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise MissingData(
            f"the hub has no model {name!r} at revision {revision or 'main'} that it would show you "
            f"({_first_line(error)}). Check the name; for a private one, log in with `hf auth login`"
        ) from None
    except Exception as error:  # the client lets through whatever its HTTP library raises
        raise A2FError(f"{name!r} could not be fetched from the hub: {_first_line(error)}") from error


def check_hub_name(repo_id: str) -> None:
    """Raise BadInput if a name is not ``"owner/name"``."""
    if not _HUB_NAME.fullmatch(repo_id):
        raise BadInput(f"repo_id is {repo_id!r}, expected 'owner/name' of letters, digits, '-', '_' and '.'")


def upload(
    folder: Path, repo_id: str, *, token: str | None, private: bool, message: str, endpoint: str | None
) -> str:
    """Put a saved model on a hub and return its address; a repository that is there already gets a further commit.

    Raises
    ------
    A2FError
        If the hub cannot be reached or refuses; the text says why.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token)
    try:
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        api.upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=PATTERNS, commit_message=message)
    except Exception as error:  # the client lets through whatever its HTTP library raises
        raise A2FError(
            f"{repo_id!r} could not be written to the hub: {_first_line(error)}. It takes a token that may write: give "
            "token, or log in with `hf auth login`"
        ) from error
    return str(address)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"

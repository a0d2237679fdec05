"""Packages that run networks instead of torch, an extra: imported when needed, silent, and sending nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import ModuleType

from a2f.errors import MissingData

_TELEMETRY = "openvino_telemetry"


@contextmanager
def unreported() -> Iterator[None]:
    """Keep OpenVINO and NNCF from telling their maker over the network that they are in use.

    They do so as soon as they are imported, unless their telemetry package is not there; here it is not. Who imported
    it before has decided otherwise.
    """
    hidden = _TELEMETRY not in sys.modules
    if hidden:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            sys.modules.pop(_TELEMETRY, None)


def load_package(name: str) -> ModuleType:
    """Import a module of a runtime's package; nothing is sent anywhere.

    Raises
    ------
    MissingData
        If it is not installed.
    """
    package = name.partition(".")[0]
    try:
        with unreported():
            loaded = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingData(
            f'this runtime of the audio encoder needs {package}, which is not installed; run '
            '`pip install "a2f[runtime]"` or use the runtime torch'
        ) from None
    if name == "onnxruntime":
        loaded.disable_telemetry_events()  # its build for Windows has some
    return loaded


def package_version(name: str) -> str:
    """Return the version of a package that is installed, as `load_package` finds it."""
    load_package(name)
    return importlib.metadata.version(name)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep warnings, notes and bars of torch's tracing, transformers and quantisers to themselves."""
    from transformers.utils import logging as notes

    shown = notes.get_verbosity()
    notes.set_verbosity_error()
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        notes.set_verbosity(shown)

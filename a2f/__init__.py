"""Speech-driven 3D face animation with composite and regional facial movements, reproducible end to end."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and the modules they live in; loaded on first use, so that `import a2f` stays under a second.
_PUBLIC = {
    "Animation": "a2f.animation",
    "Animator": "a2f.animator",
    "Audio2Face": "a2f.models",
    "Clip": "a2f.data",
    "Config": "a2f.config",
    "Topology": "a2f.mesh",
    "animate": "a2f.animating",
    "load": "a2f.animator",
    "open_dataset": "a2f.data",
    "preset": "a2f.config",
    "read_audio": "a2f.audio",
    "train": "a2f.training",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'a2f' has no attribute {name!r}; it offers {', '.join(sorted(_PUBLIC))}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

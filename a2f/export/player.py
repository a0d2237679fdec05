"""One self-contained page that plays animations with their sound, offline, in any browser.

The page is our own WebGL2 rather than a library's: no Python package carries three.js or a player that follows an
audio clock, a page must work without a network, and nothing is copied into this repository. Frames follow the sound's
clock, so picture and sound cannot drift apart; between two frames it interpolates linearly.

Motion is stored as a mean face and the fewest components that keep every vertex within a tolerance, in
16-bit steps, gzipped. A model's own blendshapes would be stored with more columns than a sentence needs.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from a2f.errors import BadInput
from a2f.export.render import VIEWS, vertex_colours
from a2f.export.shapes import face_size, largest_error, reduce_basis
from a2f.files import atomic_path
from a2f.mesh import Topology

TOLERANCE = 1e-4  # of the face's largest extent: a twentieth of a pixel on a face of 480


class Moving(Protocol):
    """What a page needs of an animation; `a2f.Animation` has it."""

    vertices: np.ndarray
    fps: float
    topology: Topology
    audio: np.ndarray | None
    sample_rate: int | None
    name: str


class Player:
    """A page inside a notebook; it puts the whole page, 0.2 to 4 MB, into the notebook's output.

    Parameters
    ----------
    animations : Animation or sequence of Animation
    size : int
        Of each face, in pixels.
    view : {"front", "three-quarter", "left"}
    """

    def __init__(self, animations: Moving | Sequence[Moving], size: int = 480, view: str = "front") -> None:
        self._page = player_html(animations, size=size, view=view)
        # the rest is for names, controls and two lines of text
        self._width, self._height = size * len(_several(animations)) + 16, size + 150

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self._page)}" width="{self._width}" height="{self._height}" '
            'style="border:0; max-width:100%" title="a2f player"></iframe>'
        )


def player_html(animations: Moving | Sequence[Moving], *, size: int = 480, view: str = "front") -> str:
    """Return a page that plays one animation, or several side by side or by turns.

    Parameters
    ----------
    animations : Animation or sequence of Animation
        The sound is that of the one shown; side by side, of the first that has one.
    size : int
        Of each face, in pixels.
    view : {"front", "three-quarter", "left"}
        Where the camera is at first.

    Returns
    -------
    str
        HTML that loads nothing from anywhere.

    Raises
    ------
    BadInput
        If no animation is given, or the view is unknown.
    """
    return _page(_several(animations), size, view)[0]


def _page(animations: list[Moving], size: int, view: str) -> tuple[str, float]:
    """Return the page, and the largest distance of a vertex in it from the original."""
    from a2f.data.assets import asset

    if view not in VIEWS:
        raise BadInput(f"view is {view!r}, expected one of {', '.join(VIEWS)}")
    block = _Block()
    duration = max(len(animation.vertices) / animation.fps for animation in animations)
    sounds = [animation for animation in animations if animation.audio is not None]
    duration = max([duration, *(len(animation.audio) / animation.sample_rate for animation in sounds)])
    topologies: list[Topology] = []
    entries, notes, errors = [], [], []
    for animation in animations:
        if not any(animation.topology is known for known in topologies):
            topologies.append(animation.topology)
        motion, error = _motion(animation.vertices, block)
        unit = animation.topology.unit
        errors.append(error)
        notes.append(f"{animation.name or 'motion'} within {error:.2g} {unit} of the original")
        entries.append(
            {
                "name": animation.name,
                "fps": animation.fps,
                "frames": len(animation.vertices),
                "topology": next(i for i, known in enumerate(topologies) if known is animation.topology),
                "sound": next((i for i, other in enumerate(sounds) if other is animation), None),
                **motion,
                **_camera(animation.vertices[0], animation.topology),
            }
        )
    header = {
        "size": size,
        "view": [float(np.radians(angle)) for angle in VIEWS[view]],
        "duration": duration,
        "animations": entries,
        "topologies": [
            {
                "faces": block.add(topology.faces.astype(np.uint32)),
                "colours": block.add(np.round(255 * vertex_colours(topology)).astype(np.uint8)),
            }
            for topology in topologies
        ],
        "sounds": [block.add(_sound(sound.audio, sound.sample_rate, duration)) for sound in sounds],
        "note": "; ".join(notes) + ". Drag to turn, wheel to zoom, double click to start over.",
    }
    title = ", ".join(animation.name for animation in animations if animation.name) or "a2f"
    # a "<" in a name must not end the script element that holds the header
    text = json.dumps(header, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    page = asset("player.html").read_text(encoding="utf-8")
    parts = {"TITLE": html.escape(title), "HEADER": text, "PAYLOAD": block.packed()}
    return re.sub("__(TITLE|HEADER|PAYLOAD)__", lambda mark: parts[mark[1]], page), max(errors)


def write_html(
    path: str | os.PathLike, animations: Moving | Sequence[Moving], *, size: int = 480, view: str = "front"
) -> float:
    """Write `player_html` of these animations to a file.

    Returns
    -------
    float
        The largest distance of a vertex in the page from the original, in the topology's unit.
    """
    page, error = _page(_several(animations), size, view)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return error


def open_in_browser(animations: Moving | Sequence[Moving], **options: Any) -> Path:
    """Write the page to a temporary file, open it in the user's browser, and return its path, which is printed too.

    The page is a local file and no server runs, so on another machine copy the file or forward nothing.
    """
    import tempfile
    import webbrowser

    path = Path(tempfile.mkdtemp(prefix="a2f-")) / "player.html"
    write_html(path, animations, **options)
    print(path)
    webbrowser.open(path.as_uri())
    return path


class _Block:
    """Arrays one after the other, each at a multiple of four bytes."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()

    def add(self, array: np.ndarray) -> dict[str, Any]:
        """Append an array and return where it lies."""
        offset = self._bytes.tell()
        self._bytes.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        self._bytes.write(bytes(-self._bytes.tell() % 4))
        return {"kind": array.dtype.name, "offset": offset, "length": array.size}

    def packed(self) -> str:
        """Return everything gzipped, as base64; without a date, so that equal content gives equal pages."""
        return base64.b64encode(gzip.compress(self._bytes.getvalue(), mtime=0)).decode()


def _several(animations: Moving | Sequence[Moving]) -> list[Moving]:
    animations = list(animations) if isinstance(animations, Sequence) else [animations]
    if not animations:
        raise BadInput("no animation was given to play")
    return animations


def _motion(vertices: np.ndarray, block: _Block) -> tuple[dict[str, Any], float]:
    """Store a motion (T, N, 3); returns what the page needs to rebuild it, and the largest distance from the original.

    Half of the tolerance is for components left out, half for rounding.
    """
    mean = vertices.mean(axis=0, dtype=np.float64)
    low = mean.min(axis=0)
    unit = np.maximum(np.ptp(mean, axis=0), np.finfo(np.float32).tiny) / 65535
    stored_mean = np.round((mean - low) / unit).astype(np.uint16)
    template = (low + unit * stored_mean).astype(np.float32)
    components, weights, _ = reduce_basis(vertices, template, None, tolerance=TOLERANCE / 2)
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    # the sum of a coordinate's rounding errors is at most half a step times the sum of weights
    most = max(float(np.abs(weights).sum(axis=1).max()), 1.0)
    step = TOLERANCE * max(face_size(template), np.finfo(np.float32).tiny) / (np.sqrt(3) * most)
    step = max(step, float(np.abs(components).max()) / 32767)
    stored = np.round(components / step).astype(np.int16)
    entry = {
        "mean": block.add(stored_mean),
        "low": low.tolist(),
        "unit": unit.tolist(),
        "components": block.add(stored),
        "weights": block.add(weights),
        "rank": len(stored),
        "step": step,
    }
    return entry, largest_error(vertices, template, step * stored.astype(np.float32), weights)


def _camera(points: np.ndarray, topology: Topology) -> dict[str, Any]:
    """Frame the face as the films do; `depth` keeps the head between the clipping planes however it is turned."""
    whole = "face" in topology.regions
    framed = points[topology.region("face")] if whole else points
    centre = (framed.min(0) + framed.max(0)) / 2
    extent = np.ptp(framed, axis=0)
    return {
        "centre": centre.tolist(),
        "height": float((0.72 if whole else 0.53) * max(extent[1], extent[0], 1e-30)),
        "depth": float(1.5 * max(np.linalg.norm(points - centre, axis=1).max(), 1e-30)),
    }


def _sound(audio: np.ndarray, sample_rate: int, duration: float) -> np.ndarray:
    """Return sound as the bytes of a 16-bit wav, uint8, filled with silence up to `duration` seconds.

    Every browser plays it and finds each moment in it exactly; in FLAC and MP3 Chromium hangs when it seeks to the end.
    """
    import soundfile

    padded = np.zeros(max(len(audio), round(duration * sample_rate)), np.float32)
    padded[: len(audio)] = np.clip(audio, -1, 1)
    buffer = io.BytesIO()
    soundfile.write(buffer, padded, sample_rate, format="WAV", subtype="PCM_16")
    return np.frombuffer(buffer.getvalue(), np.uint8)

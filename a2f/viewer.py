"""Faces in motion in a live notebook: turned with the mouse, compared by name, coloured by what moves.

Pictures are drawn off screen by the kernel and sent over the widget's own channel, so no port is opened and a proxy
does no harm; jupyter_rfb holds back new pictures until the browser has shown the last. JupyterLab runs widget callbacks
in another thread of the kernel, where the drawing library must not be called: callbacks only note what is wanted, and
the kernel's main loop draws the latest of it. For sound there is `a2f.export.player`.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from a2f.errors import MissingData
from a2f.export.player import Moving
from a2f.export.render import ensure_rendering
from a2f.export.shown import COLOURINGS, Scene, Shown

_SPEEDS = (0.25, 0.5, 1.0, 2.0)


def view(
    animations: Moving | Sequence[Moving] | Mapping[str, Moving],
    *,
    size: int = 480,
    colouring: str = "skin",
    column: int = 0,
) -> Viewer | Still:
    """Show animations: a viewer in a live notebook, else a still picture of a few frames of each.

    Parameters
    ----------
    animations : Animation, sequence of Animation, or dict of str to Animation
        Of one topology and frame rate. A sequence is listed by the animations' own names.
    size : int
        Of the picture, in pixels.
    colouring : {"skin", "displacement", "std", "column"}
        What colours show at first: the parts of the face, the distance from the face at rest in each frame, how much a
        vertex moves over time, or how far one blendshape (a column of W) moves it. The scale is one for all animations.
    column : int
        The blendshape that "column" shows.

    Returns
    -------
    Viewer or Still
        A `Still` where no one can press a button: with `A2F_STATIC=1` or `CI` in the environment, in `a2f reproduce`,
        and outside a notebook.

    Raises
    ------
    BadInput
        If the animations do not belong together, or the colouring or column does not exist.
    RenderingUnavailable
        If this machine cannot draw in 3D.
    MissingData
        If a live notebook lacks the packages for its widgets.
    """
    shown = Shown(animations)
    shown.check(colouring, column)
    return Viewer(shown, size, colouring, column) if _is_live() else Still(shown, colouring, column)


class Still:
    """A few frames of each animation, as a picture that notebooks show and keep."""

    def __init__(self, shown: Shown, colouring: str = "skin", column: int = 0, count: int = 6, size: int = 200) -> None:
        frames = np.unique(np.linspace(0, shown.num_frames - 1, count).round().astype(int))
        rows = []
        with Scene(shown, size) as scene:
            for name in shown.by_name:
                pictures = [scene.picture(name, int(frame), colouring, column) for frame in frames]
                rows.append(_named(np.concatenate(pictures, axis=1), name))
        self.picture = np.concatenate(rows)

    def _repr_png_(self) -> bytes:
        return _png(self.picture)


class Viewer:
    """The live viewer: a picture to turn (drag), bring nearer (wheel) and put back (double click), and its controls.

    Attributes
    ----------
    slider, play, speed, choice, colouring, column : ipywidgets
        They can be set from other cells too, such as ``viewer.slider.value = 30``.
    canvas : jupyter_rfb.RemoteFrameBuffer
    """

    def __init__(self, shown: Shown, size: int, colouring: str, column: int) -> None:
        try:
            import ipywidgets as widgets
            from jupyter_rfb import RemoteFrameBuffer
        except ImportError as error:
            raise MissingData(f'the viewer needs {error.name}: run `pip install "a2f[notebooks]"`') from None
        ensure_rendering()
        self._loop = asyncio.get_running_loop()
        self._shown, self._scene, self._asked = shown, Scene(shown, size), False
        self._camera, self._pointer = [0.0, 0.0, 1.0], (0.0, 0.0)
        self.canvas = RemoteFrameBuffer(
            css_width=f"{size}px", css_height=f"{size}px", resizable=False, cursor="grab", quality=85
        )
        self.canvas.get_frame, self.canvas.handle_event = self._ask, self._on_event
        last, interval = shown.num_frames - 1, 1000 / shown.first.fps
        self.play = widgets.Play(max=last, interval=round(interval), show_repeat=True)
        self.slider = widgets.IntSlider(max=last, description="Frame", layout=widgets.Layout(width="300px"))
        widgets.jslink((self.play, "value"), (self.slider, "value"))

        def select(values: Sequence[Any], value: Any, text: str) -> widgets.Dropdown:
            style = {"description_width": "initial"}
            return widgets.Dropdown(
                options=values, value=value, description=text, style=style, layout={"width": "auto"}
            )

        self.speed = select([(f"{speed:g}", speed) for speed in _SPEEDS], 1.0, "Speed")
        self.choice = select(list(shown.by_name), next(iter(shown.by_name)), "Show")
        possible = [name for name in COLOURINGS if name != "column" or shown.columns]
        self.colouring = select(possible, colouring, "Colours")
        self.column = widgets.BoundedIntText(
            value=column, max=max(shown.columns - 1, 0), description="Column", layout={"width": "150px"}
        )
        self._legend = widgets.HTML()
        for widget in (self.slider, self.choice, self.colouring, self.column):
            widget.observe(self._changed, "value")
        self.speed.observe(lambda change: setattr(self.play, "interval", round(interval / change["new"])), "value")
        self._controls = (self.play, self.slider, self.speed, self.choice, self.colouring, self.column)
        controls = widgets.HBox(self._controls, layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([self.canvas, controls, self._legend])
        self._changed()

    def picture(self) -> np.ndarray:
        """Return the picture of what the controls say now, (size, size, 3) uint8; call it from a cell only."""
        self._scene.look(*self._camera)
        return self._scene.picture(self.choice.value, self.slider.value, self.colouring.value, self.column.value)

    def close(self) -> None:
        """Give the window's memory back and take the controls off the page."""
        for widget in (*self._controls, self._legend, self.canvas, self.widget):
            widget.close()
        self._scene.close()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Return the widget, and a picture for readers of the stored notebook."""
        bundle = self.widget._repr_mimebundle_(**options)
        return bundle | {"image/png": base64.b64encode(_png(self.picture())).decode()}

    def _changed(self, *_: Any) -> None:
        """Ask for a new picture; called in any thread."""
        self._loop.call_soon_threadsafe(self._request)

    def _request(self) -> None:
        self.column.disabled = self.colouring.value != "column"
        self._legend.value = self._shown.legend(self.choice.value, self.colouring.value, self.column.value)
        self.canvas.request_draw()

    def _ask(self) -> None:
        """Have the main loop draw: the browser is ready for a picture, which is noticed in any thread."""
        if not self._asked:
            self._asked = True
            self._loop.call_soon_threadsafe(self._draw)

    def _draw(self) -> None:
        self._asked = False  # from here on a change asks again; what came before is in this picture
        self.canvas.send_frame(self.picture())

    def _on_event(self, event: dict[str, Any]) -> None:
        """Turn, zoom or put back; called in any thread, so it only notes where the camera shall be."""
        kind, (around, up, zoom) = event["type"], self._camera
        if kind == "pointer_down":
            self._pointer = (event["x"], event["y"])
        elif kind == "pointer_move" and event["buttons"]:
            dx, dy = event["x"] - self._pointer[0], event["y"] - self._pointer[1]
            self._pointer = (event["x"], event["y"])
            self._camera = [around - 0.01 * dx, float(np.clip(up + 0.01 * dy, -1.5, 1.5)), zoom]
        elif kind == "wheel":
            self._camera = [around, up, float(np.clip(zoom * np.exp(-0.001 * event["dy"]), 0.2, 12))]
        elif kind == "double_click":
            self._camera = [0.0, 0.0, 1.0]
        else:
            return
        self._changed()


def _is_live() -> bool:
    """Return whether someone may sit before a running notebook."""
    if os.environ.get("A2F_STATIC") == "1" or "A2F_NOTEBOOK" in os.environ or "CI" in os.environ:
        return False
    try:
        from IPython import get_ipython

        asyncio.get_running_loop()
    except (ImportError, RuntimeError):
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def _named(picture: np.ndarray, name: str) -> np.ndarray:
    """Write a name into a picture's corner."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((6, 4), name, fill=(40, 40, 40), font=ImageFont.load_default(14))
    return np.asarray(image)


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()

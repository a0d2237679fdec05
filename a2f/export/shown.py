"""Animations that are looked at together: their names, what their colours mean, and their pictures from any side."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from a2f.errors import BadInput
from a2f.export.player import Moving
from a2f.export.render import Renderer

COLOURINGS = ("skin", "displacement", "std", "column")
_COLORMAP = "jet"  # as in the paper's figures


class Shown:
    """Animations that are looked at together, and what their colours can mean.

    Parameters
    ----------
    animations : as for `view`

    Attributes
    ----------
    by_name : dict of str to Animation
    """

    def __init__(self, animations: Moving | Sequence[Moving] | Mapping[str, Moving]) -> None:
        if isinstance(animations, Mapping):
            self.by_name = dict(animations)
        else:
            listed = list(animations) if isinstance(animations, Sequence) else [animations]
            names = [animation.name or f"animation {index + 1}" for index, animation in enumerate(listed)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise BadInput(f"several animations are called {twice[0]!r}; give a dict of names to animations")
            self.by_name = dict(zip(names, listed, strict=True))
        if not self.by_name:
            raise BadInput("no animation was given to view")
        self.first = next(iter(self.by_name.values()))
        for name, animation in self.by_name.items():
            if not np.array_equal(animation.topology.faces, self.first.topology.faces):
                raise BadInput(f"animation {name!r} has other triangles than the first; view them one after the other")
            if animation.fps != self.first.fps:
                raise BadInput(
                    f"animation {name!r} has {animation.fps:g} frames a second, the first {self.first.fps:g}"
                )
        self.num_frames = max(len(animation.vertices) for animation in self.by_name.values())
        self.columns = max(0 if a.basis is None else len(a.basis) for a in self.by_name.values())
        self._known: dict[tuple, np.ndarray] = {}

    def check(self, colouring: str, column: int) -> None:
        """Refuse a colouring or column that no animation has."""
        if colouring not in COLOURINGS:
            raise BadInput(f"colouring is {colouring!r}, expected one of {', '.join(COLOURINGS)}")
        if colouring == "column" and not 0 <= column < self.columns:
            have = f"0 to {self.columns - 1}" if self.columns else "none, since no animation has a basis"
            raise BadInput(f"column is {column}; there is {have}")

    def vertices(self, name: str, frame: int) -> np.ndarray:
        """Return the face (N, 3) at a frame; the last one stays."""
        vertices = self.by_name[name].vertices
        return vertices[min(frame, len(vertices) - 1)]

    def values(self, name: str, colouring: str, column: int) -> np.ndarray | None:
        """Return what colours show of an animation: (N,), (T, N) for the displacement, None for the skin."""
        key = (name, colouring, column if colouring == "column" else None)
        if key not in self._known:
            animation = self.by_name[name]
            if colouring == "displacement":
                self._known[key] = np.linalg.norm(animation.vertices - animation.template, axis=-1)
            elif colouring == "std":
                self._known[key] = np.sqrt(np.square(animation.vertices.std(axis=0)).sum(axis=-1))
            elif colouring == "column" and animation.basis is not None and column < len(animation.basis):
                self._known[key] = np.linalg.norm(animation.basis[column], axis=-1)
            else:
                return None
        return self._known[key]

    def limit(self, colouring: str, column: int) -> float:
        """Return the value at the colour scale's upper end, the largest of all animations; its lower end is zero."""
        found = [self.values(name, colouring, column) for name in self.by_name]
        return max((float(values.max()) for values in found if values is not None), default=0.0)

    def colours(self, name: str, frame: int, colouring: str, column: int) -> np.ndarray | None:
        """Return each vertex' colour (N, 3), or None where the face's own are to be drawn."""
        values = self.values(name, colouring, column)
        if values is None:
            return None
        from matplotlib import colormaps

        if values.ndim == 2:
            values = values[min(frame, len(values) - 1)]
        return colormaps[_COLORMAP](values / (self.limit(colouring, column) or 1.0))[:, :3].astype(np.float32)

    def legend(self, name: str, colouring: str, column: int) -> str:
        """Return the colour scale as HTML."""
        if colouring == "skin":
            return ""
        if self.values(name, colouring, column) is None:
            return f"{html.escape(name)} has no column {column}"
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        stops = ", ".join(to_hex(colormaps[_COLORMAP](x)) for x in np.linspace(0, 1, 9))
        unit = html.escape(self.first.topology.unit)
        what = {"displacement": "from rest", "std": "standard deviation over time", "column": f"column {column} of W"}
        return (
            f'0 <span style="display:inline-block; width:120px; height:0.8em; background:linear-gradient(to right, '
            f'{stops})"></span> {self.limit(colouring, column):.3g} {unit}, {what[colouring]}'
        )


class Scene(Renderer):
    """A renderer whose camera moves around the first face that it was placed by."""

    def __init__(self, shown: Shown, size: int) -> None:
        super().__init__(shown.first.vertices[0], shown.first.topology, size)
        self._shown = shown
        camera = self._plotter.camera
        self._centre, self._distance = np.array(camera.focal_point), camera.distance
        self._scale, self._own = camera.parallel_scale, np.array(self._mesh["colours"])

    def look(self, around: float, up: float, zoom: float) -> None:
        """Put the camera so many radians to the subject's left and above, `zoom` times as near as at first."""
        direction = np.array([np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)])
        camera = self._plotter.camera
        camera.position = self._centre + self._distance * direction
        camera.parallel_scale = self._scale / zoom
        self._plotter.reset_camera_clipping_range()

    def picture(self, name: str, frame: int, colouring: str = "skin", column: int = 0) -> np.ndarray:
        """Return one animation's frame, (size, size, 3) uint8."""
        colours = self._shown.colours(name, frame, colouring, column)
        material = next(iter(self._plotter.actors.values())).prop
        # colours that are read off a scale must not be darkened by shadows
        material.ambient, material.diffuse, material.specular = (
            (0.26, 0.78, 0.12) if colours is None else (0.45, 0.55, 0)
        )
        return self.draw(self._shown.vertices(name, frame), self._own if colours is None else colours)

"""Faces at some moments with the map of their movement at the end of each row, and faces between two styles."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from a2f.errors import BadInput
from a2f.export.render import render_faces, render_heat
from a2f.mesh import Topology
from a2f.observations import motion_std
from a2f.plotting.faces import ASPECT, HEAT, SHARPNESS
from a2f.plotting.style import COLOURS, GREY, LINES, MARKERS, SMALL, WIDTH, bare, picture, tidy

LARGEST, MARGIN = 1.7, 1.1  # inches: a face's width, what names and scale take
INLINE_DPI = 110  # of the copy that a notebook stores: dozens of rendered faces take much room
LONGEST = 20  # characters of a name on one line
NEAR = 0.8  # of a map's width and height, the middle that is kept


def _pixels(cell: float, kept: float = 1.0) -> tuple[int, int]:
    return round(cell * SHARPNESS / kept), round(cell * SHARPNESS / ASPECT / kept)


def _middle(image: np.ndarray) -> np.ndarray:
    """Return the middle of a picture, so that the face fills it."""
    top, left = (round(size * (1 - NEAR) / 2) for size in image.shape[:2])
    return image[top : image.shape[0] - top, left : image.shape[1] - left]


def _pictures(
    vertices: np.ndarray, template: np.ndarray, topology: Topology, cell: float, closeup: bool
) -> list[np.ndarray]:
    """Draw faces (M, N, 3), or from the nose to the chin, with one camera that the template places."""
    motion = np.concatenate([template[None], vertices])
    if not closeup:
        return [_middle(image) for image in render_faces(motion, topology, _pixels(cell, NEAR))][1:]
    lips = template[topology.region("lips")]
    centre, width = (lips.min(0) + lips.max(0)) / 2, np.ptp(lips[:, 0])
    across, up = (template - centre)[:, 0] / width, (template - centre)[:, 1] / width
    near = np.flatnonzero((np.abs(across) < 0.6) & (up > -0.7) & (up < 0.65))
    # the camera frames what is called the face
    closer = dataclasses.replace(topology, regions=topology.regions | {"face": near})
    return list(render_faces(motion, closer, _pixels(cell)))[1:]


def plot_faces_and_std(
    faces: Mapping[str, np.ndarray],
    topology: Topology,
    frames: Sequence[int],
    labels: Sequence[str],
    template: np.ndarray,
    notes: Mapping[str, Sequence[str]] | None = None,
    closeup: bool = False,
) -> Figure:
    """Draw some frames of each motion and, at the end of its row, how far each vertex strays (Figs. 4 and 6).

    All maps have one colour scale, from zero to the largest deviation among all rows.

    Parameters
    ----------
    faces : dict of str to ndarray, (T, N, 3)
        A row each.
    topology : Topology
    frames : sequence of M int
    labels : sequence of M str
        What to write over the columns.
    template : ndarray, (N, 3)
        The face without motion: it places the camera, and the maps are drawn on it.
    notes : dict of str to sequence of M + 1 str, optional
        What to write under the pictures of a row, the last under its map.
    closeup : bool
        Draw the mouth, from the nose to the chin, instead of the face.
    """
    frames = np.asarray(frames, dtype=int)
    if not faces or not len(frames) or len(labels) != len(frames):
        raise BadInput(
            f"{len(faces)} motions, {len(frames)} frames and {len(labels)} labels were given: nothing to draw"
        )
    for name, vertices in faces.items():
        if frames.min() < 0 or frames.max() >= len(vertices):
            raise BadInput(f"{name}: frames {frames.min()} to {frames.max()} were asked for, it has {len(vertices)}")
        if notes and len(notes[name]) != len(frames) + 1:
            raise BadInput(f"{name}: {len(notes[name])} notes were given for {len(frames)} frames and a map")
    maps = {name: motion_std(vertices) for name, vertices in faces.items()}
    seen = topology.region("face") if "face" in topology.regions else slice(None)
    top = max(float(values[seen].max()) for values in maps.values()) or 1.0  # a scale even where nothing moves
    cell = min((WIDTH - MARGIN) / (len(frames) + 1), LARGEST)
    height = 0.3 + len(faces) * (cell / ASPECT + (0.2 if notes else 0.05))
    figure = picture(max(height, 3.0), MARGIN + cell * (len(frames) + 1))  # the scale's name needs 3 inches
    figure.set_dpi(INLINE_DPI)
    grid = figure.subplots(len(faces), len(frames) + 1, squeeze=False)
    for row, (line, (name, vertices)) in enumerate(zip(grid, faces.items(), strict=True)):
        images = _pictures(np.asarray(vertices)[frames], template, topology, cell, closeup)
        heat = render_heat(template, topology, maps[name], limits=(0.0, top), size=_pixels(cell, NEAR), colormap=HEAT)
        images.append(_middle(heat))
        for column, (axes, image) in enumerate(zip(line, images, strict=True)):
            bare(axes).imshow(image, interpolation="antialiased")
            if row == 0:
                axes.set_title([*labels, "movement"][column], fontsize=10)
            if notes:
                axes.set_xlabel(notes[name][column], fontsize=SMALL, labelpad=1)
        line[0].set_ylabel(fill(name, LONGEST), fontsize=10)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0.0, top), HEAT), ax=list(grid[:, -1]), shrink=0.6, pad=0.02, aspect=35
    )
    bar.set_label(f"standard deviation over time ({topology.unit})", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def plot_interpolation(
    faces: np.ndarray,
    template: np.ndarray,
    topology: Topology,
    weights: Sequence[float],
    ends: tuple[str, str],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
) -> Figure:
    """Draw one moment in styles between two, and what changes on the way.

    Parameters
    ----------
    faces : ndarray, (P, N, 3)
        The same moment at each weight.
    template : ndarray, (N, 3)
        The face without motion, which places the camera.
    topology : Topology
    weights : sequence of P float
        0 is the first style, 1 the second.
    ends : (str, str)
        Names of the two styles.
    panels : dict of str to dict of str to sequence of P float
        For each panel its axis' name and its curves.
    """
    if len(faces) != len(weights) or len(weights) < 2 or not panels:
        raise BadInput(f"{len(faces)} faces, {len(weights)} weights and {len(panels)} panels were given")
    for curves in panels.values():
        for name, values in curves.items():
            if len(values) != len(weights):
                raise BadInput(f"curve {name!r} has {len(values)} values, expected {len(weights)}")
    cell = min(WIDTH / len(weights), LARGEST)
    figure = picture(cell / ASPECT + 0.7 + 2.9)
    upper, lower = figure.subfigures(2, 1, height_ratios=[cell / ASPECT + 0.7, 2.9])
    images = _pictures(np.asarray(faces), template, topology, cell, closeup=False)
    line = upper.subplots(1, len(weights), squeeze=False)[0]
    for axes, weight, image in zip(line, weights, images, strict=True):
        bare(axes).imshow(image, interpolation="antialiased")
        title = {weights[0]: ends[0], weights[-1]: ends[1]}.get(weight, f"{100 * weight:.0f} %")
        axes.set_title(fill(title, LONGEST), fontsize=10)
    for axes, (title, curves) in zip(lower.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for index, (name, values) in enumerate(curves.items()):
            place = index % len(COLOURS)
            axes.plot(weights, values, LINES[index % 4], color=COLOURS[place], marker=MARKERS[place], label=name)
        tidy(axes, "y").set_xlabel(f"weight of {ends[1]}", fontsize=SMALL)
        axes.set_ylabel(title, fontsize=SMALL)
        if len(curves) > 1:
            axes.legend(fontsize=SMALL, frameon=False)
        else:
            axes.plot([weights[0], weights[-1]], [values[0], values[-1]], color=GREY, linewidth=0.8, zorder=0)
    return figure

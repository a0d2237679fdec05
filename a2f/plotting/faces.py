"""Figures made of rendered faces: where features act (Fig. 7), frames side by side (Figs. 4, 6), heat maps (Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from a2f.errors import BadInput
from a2f.export.render import render_faces, render_heat
from a2f.locality import activation, top_features
from a2f.mesh import Topology
from a2f.plotting.style import SMALL, WIDTH, bare, picture

# Blue to red as in the paper's figures, but over pale instead of green, which not everybody tells from red.
HEAT = "RdYlBu_r"
LARGEST, MARGIN = 2.6, 1.2  # inches: an image's width, what names and scale take
ASPECT = 0.8  # of an image, width over height: a head
SHARPNESS = 200  # pixels an inch, more than any page shows


def _grid(rows: int, columns: int, names: Sequence[str]) -> tuple[Figure, np.ndarray, tuple[int, int]]:
    """Return a figure with a grid of image axes, rows named at the left, and the images' width and height."""
    cell = min((WIDTH - MARGIN) / columns, LARGEST)
    figure = picture(0.4 + rows * (cell / ASPECT + 0.3), MARGIN + columns * cell)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, name in zip(grid[:, 0], names, strict=True):
        axes.set_ylabel(name, fontsize=10)
    for axes in grid.flat:
        bare(axes)
    return figure, grid, (round(cell * SHARPNESS), round(cell * SHARPNESS / ASPECT))


def _scale(figure: Figure, grid: np.ndarray, limits: tuple[float, float], text: str) -> None:
    bar = figure.colorbar(ScalarMappable(Normalize(*limits), HEAT), ax=list(grid.flat), shrink=0.8, pad=0.01, aspect=30)
    bar.set_label(text, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)


def _show(axes: Axes, image: np.ndarray, title: str = "") -> None:
    axes.imshow(image, interpolation="antialiased")
    axes.set_title(title, fontsize=SMALL)


def plot_activation_maps(
    bases: Mapping[str, np.ndarray], neutral: np.ndarray, topology: Topology, ids: np.ndarray, count: int = 6
) -> Figure:
    """Draw where motion features move the face (Fig. 7), one row a model.

    Each picture has its own scale, from zero to the largest displacement of its feature among `ids`, since features
    differ in strength by orders of magnitude. Which are drawn is decided by `locality.top_features`.

    Parameters
    ----------
    bases : dict of str to ndarray, (K, N, 3)
        W of each model.
    neutral : ndarray, (N, 3)
    topology : Topology
    ids : ndarray, (V,) int
        The vertices that decide which features are drawn and how they are scaled, the region ``face`` for example.
    count : int
        Pictures a row; a model with fewer live features leaves the rest empty.
    """
    if not bases:
        raise BadInput("there is no basis to draw")
    figure, grid, size = _grid(len(bases), count, list(bases))
    for line, basis in zip(grid, bases.values(), strict=True):
        moved = activation(basis)
        for axes, feature in zip(line, top_features(basis, ids, count), strict=False):
            share = moved[feature] / moved[feature, ids].max()
            image = render_heat(neutral, topology, share, limits=(0.0, 1.0), size=size, colormap=HEAT)
            _show(axes, image, f"feature {feature}")
    _scale(figure, grid, (0.0, 1.0), "share of the feature's largest displacement")
    return figure


def plot_frames_strip(
    faces: Mapping[str, np.ndarray],
    topology: Topology,
    times: Sequence[float],
    fps: float,
    labels: Sequence[str] | None = None,
    view: str = "front",
) -> Figure:
    """Draw faces at some moments, one row a method and one column a moment.

    Parameters
    ----------
    faces : dict of str to ndarray, (T, N, 3)
    topology : Topology
    times : sequence of float
        Seconds; the nearest frame is drawn.
    fps : float
    labels : sequence of str, optional
        What to write over the columns, for example the phone; the time by default.
    view : str
        As `render_faces` knows it.
    """
    if not faces or not len(times):
        raise BadInput("there are no faces or no times to draw")
    labels = [f"{time:.2f} s" for time in times] if labels is None else labels
    if len(labels) != len(times):
        raise BadInput(f"{len(labels)} labels were given for {len(times)} times")
    frames = np.rint(np.asarray(times, dtype=np.float64) * fps).astype(int)
    for name, vertices in faces.items():
        if frames.min() < 0 or frames.max() >= len(vertices):
            raise BadInput(
                f"{name}: times {min(times):g} to {max(times):g} s are frames {frames.min()} to {frames.max()}, "
                f"but there are frames 0 to {len(vertices) - 1}"
            )
    figure, grid, size = _grid(len(faces), len(times), list(faces))
    for row, (line, vertices) in enumerate(zip(grid, faces.values(), strict=True)):
        for column, image in enumerate(render_faces(np.asarray(vertices)[frames], topology, size, view)):
            _show(line[column], image, labels[column] if row == 0 else "")
    return figure


def plot_heat_maps(
    maps: Mapping[str, np.ndarray],
    vertices: np.ndarray,
    topology: Topology,
    unit: str,
    what: str = "",
    columns: int = 4,
) -> Figure:
    """Draw one number a vertex for several methods on one face, all with one scale from zero.

    Parameters
    ----------
    maps : dict of str to ndarray, (N,)
        Numbers that are not negative, for example `observations.motion_std` of each method's motion.
    vertices : ndarray, (N, 3)
        The face to draw them on.
    topology : Topology
    unit : str
        Of the numbers.
    what : str
        What the numbers are, for the colour bar.
    columns : int
        At most so many faces a row.
    """
    if not maps:
        raise BadInput("there is no map to draw")
    for name, values in maps.items():
        if np.shape(values) != (topology.num_vertices,) or not np.isfinite(values).all() or np.min(values) < 0:
            raise BadInput(
                f"map {name!r} has shape {np.shape(values)}, expected {topology.num_vertices} finite numbers "
                "that are not negative"
            )
    seen = topology.region("face") if "face" in topology.regions else slice(None)
    top = (
        max(float(np.asarray(values)[seen].max()) for values in maps.values()) or 1.0
    )  # a scale even where nothing moves
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    figure, grid, size = _grid(rows, columns, [""] * rows)
    for axes, (name, values) in zip(grid[:, :columns].flat, maps.items(), strict=False):
        image = render_heat(vertices, topology, values, limits=(0.0, top), size=size, colormap=HEAT)
        _show(axes, image, name)
    _scale(figure, grid, (0.0, top), f"{what} ({unit})" if what else unit)
    return figure

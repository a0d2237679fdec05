"""Figs. 2 and 3: clips by their motion statistics, and which regions of the face move together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from a2f.errors import BadInput
from a2f.mesh import Topology
from a2f.observations import EDGE, RegionCorrelation
from a2f.plotting.style import BLACK, COLOURS, GREY, MARKERS, SMALL, picture, tidy
from a2f.regions import name_regions, places_in_order, region_centres

PLACE_COLOURS = {"mouth": "#D55E00", "chin": "#E69F00", "nose": "#CC79A7", "cheek": "#009E73", "upper": "#0072B2"}


def _title(kind: str, purity: float | None, chance: float | None) -> str:
    title = f"colour and marker: {kind}"
    if purity is not None:
        title += f"\nnearest neighbour alike: {100 * purity:.0f} %"
        title += "" if chance is None else f" (chance {100 * chance:.0f} %)"
    return title


def _scatter(axes: Axes, points: np.ndarray, labels: Sequence[str], kind: str) -> None:
    """Draw one group a label; after six groups the colours come again with another marker."""
    labels = np.array([str(label) for label in labels])
    names = sorted(set(labels.tolist()))
    for index, name in enumerate(names):
        marker = MARKERS[index // len(COLOURS) % len(MARKERS)] if len(names) > len(COLOURS) else MARKERS[index]
        own = points[labels == name]
        axes.scatter(
            *own.T, s=20, color=COLOURS[index % len(COLOURS)], marker=marker, linewidths=0, alpha=0.8, label=name
        )
    tidy(axes).set(xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(
        title=kind, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=min(6, len(names)), fontsize=SMALL,
        title_fontsize=SMALL, frameon=False, handletextpad=0.2, columnspacing=1.0,
    )  # fmt: skip


def plot_style_space(
    points: np.ndarray,
    speakers: Sequence[str],
    modes: Sequence[str | None] | None = None,
    *,
    purity: float | None = None,
    chance: float | None = None,
    mode_purity: float | None = None,
    mode_chance: float | None = None,
) -> Figure:
    """Draw clips by their motion statistics (Fig. 2), coloured by speaker and once more by mode.

    Parameters
    ----------
    points : ndarray, (C, 2)
        As `observations.embed_tsne` returns them.
    speakers, modes : sequence of C str
        Without modes, only the panel of the speakers is drawn.
    purity, chance : float, optional
        `Purity.value` and `.chance` of the speakers, for the title.
    mode_purity, mode_chance : float, optional
        The same of the modes.
    """
    points = np.asarray(points)
    if points.shape != (len(speakers), 2) or (modes is not None and len(modes) != len(points)):
        raise BadInput(
            f"points have shape {points.shape}, expected two coordinates for each of {len(speakers)} speakers"
            + ("" if modes is None else f" and {len(modes)} modes")
        )
    figure = picture(5.2)
    panels = figure.subplots(1, 1 if modes is None else 2, squeeze=False)[0]
    _scatter(panels[0], points, speakers, "speaker")
    panels[0].set_title(_title("speaker", purity, chance), fontsize=10)
    if modes is not None:
        _scatter(panels[1], points, modes, "mode")
        panels[1].set_title(_title("mode", mode_purity, mode_chance), fontsize=10)
    return figure


def _region_colours(places: Sequence[str]) -> np.ndarray:
    """Return one colour a region, (R, 3): the place's colour, lighter and darker in turn."""
    seen: dict[str, int] = {}
    colours = []
    for place in places:
        turn = seen[place] = seen.get(place, -1) + 1
        colours.append(np.array(to_rgb(PLACE_COLOURS[place])) * 0.6 + 0.4 * (turn % 4) / 3)
    return np.clip(colours, 0, 1)


def _draw_surface(axes: Axes, points: np.ndarray, triangles: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Draw triangles from the front, the rear ones first, lit from the viewer's side.

    Each triangle is cut into three quads, one at each corner in the colour of that corner.

    Parameters
    ----------
    colours : ndarray, (F, 3, 3)
        One colour for each corner of each triangle.

    Returns
    -------
    ndarray, (F, 3, 2, 2)
        The inner sides of the quads: side k lies between corners k and k + 1.
    """
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.abs(normals[:, 2]) / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
    lit = (colours * (0.6 + 0.4 * facing[:, None, None])).reshape(-1, 3)
    sides = (corners + np.roll(corners, -1, axis=1)) / 2
    centres = np.broadcast_to(corners.mean(axis=1, keepdims=True), corners.shape)
    quads = np.stack([corners, sides, centres, np.roll(sides, 1, axis=1)], axis=2)[..., :2].reshape(-1, 4, 2)
    order = np.argsort(np.repeat(corners[:, :, 2].mean(axis=1), 3), kind="stable")
    # the edges are drawn too, or the page shows through between quads
    axes.add_collection(PolyCollection(quads[order], facecolors=lit[order], edgecolors=lit[order], linewidths=0.3))
    axes.set_aspect("equal")
    axes.autoscale_view()
    return np.stack([sides, centres], axis=2)[..., :2]


def plot_region_graph(
    neutral: np.ndarray,
    topology: Topology,
    ids: np.ndarray,
    labels: np.ndarray,
    correlation: RegionCorrelation,
    threshold: float = EDGE,
) -> Figure:
    """Draw the regions of a face and the graph of those that move together (Fig. 3).

    Parameters
    ----------
    neutral : ndarray, (N, 3)
    topology : Topology
    ids, labels : ndarray, (V,) int
        The vertices that were cut up, and their regions.
    correlation : RegionCorrelation
    threshold : float
        Edges below this correlation are left out.
    """
    neutral = np.asarray(neutral, dtype=np.float64)
    region = np.full(len(neutral), -1)
    region[ids] = labels
    triangles = topology.faces[(region[topology.faces] >= 0).all(axis=1)]
    of_corners = region[triangles]
    places = name_regions(labels, ids, neutral, topology)
    if len(places) != len(correlation.matrix):
        raise BadInput(f"labels name {len(places)} regions, the correlation has {len(correlation.matrix)}")

    figure = picture(5.6)
    left, right = figure.subplots(1, 2)
    sides = _draw_surface(left, neutral, triangles, _region_colours(places)[of_corners])
    borders = sides[of_corners != np.roll(of_corners, -1, axis=1)]
    left.add_collection(LineCollection(borders, colors="white", linewidths=1.0))
    left.set_title(f"{len(places)} regions of the face", fontsize=10)
    keys = [
        Line2D(
            [],
            [],
            marker="s",
            markersize=8,
            linestyle="",
            color=PLACE_COLOURS[place],
            label=f"{place} ({places.count(place)})",
        )
        for place in places_in_order(places)
    ]
    left.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, fontsize=SMALL, frameon=False,
                handletextpad=0.1, columnspacing=0.8)  # fmt: skip

    _draw_surface(right, neutral, triangles, np.full((len(triangles), 3, 3), 0.95))
    centres = region_centres(labels, ids, neutral)
    rows, columns = np.triu_indices(len(places), 1)
    weights = correlation.matrix[rows, columns]
    drawn = np.flatnonzero(weights >= threshold)
    drawn = drawn[np.argsort(weights[drawn])]
    lower, upper = np.isin(places, ["mouth", "chin"]), np.array(places) == "upper"
    across = (lower[rows] & upper[columns]) | (upper[rows] & lower[columns])
    strength = (weights[drawn] - threshold) / max(1.0 - threshold, 1e-9)
    right.add_collection(
        LineCollection(
            np.stack([centres[rows[drawn], :2], centres[columns[drawn], :2]], axis=1),
            linewidths=0.4 + 2.6 * strength,
            colors=[
                (*to_rgb(COLOURS[5] if across[k] else BLACK), 0.25 + 0.55 * s)
                for k, s in zip(drawn, strength, strict=True)
            ],
            zorder=2,
        )
    )
    nodes = right.scatter(*centres[:, :2].T, c=correlation.self_correlation, cmap="viridis", vmin=0, vmax=1, s=60,
                          edgecolors="white", linewidths=0.8, zorder=3)  # fmt: skip
    bar = figure.colorbar(nodes, ax=right, shrink=0.7, pad=0.02)
    bar.set_label("correlation within the region (Cov_self)", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    right.set_title(f"{len(drawn)} of {len(weights)} pairs correlate at {threshold:g} or more", fontsize=10)
    keys = [
        Line2D([], [], color=BLACK, linewidth=1.5, label="edge, wider where more correlated"),
        Line2D(
            [],
            [],
            color=COLOURS[5],
            linewidth=1.5,
            label=f"upper to mouth or chin ({int(across[drawn].sum())} of {int(across.sum())})",
        ),
    ]
    right.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=SMALL, frameon=False)
    for axes in (left, right):
        tidy(axes).set(xlabel=f"x, to the subject's left ({topology.unit})", ylabel=f"y, up ({topology.unit})")
        axes.spines[["left", "bottom"]].set_color(GREY)
    return figure

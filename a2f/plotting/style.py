"""How figures look: width, text that can be read on a web page, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 9.0  # inches; with DPI and the text sizes, what stays legible where a page scales a figure to 900 pixels
DPI = 130
SMALL = 9.0  # points, the smallest text

# Okabe and Ito's palette without black and its yellow, which is too pale for lines on white
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
BLACK, GREY, PALE = "#222222", "#8C8C8C", "#D9D9D9"
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")


class Picture(Figure):
    """A figure that a notebook shows by itself, whatever backend is set; it is not registered with pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        return buffer.getvalue()


def picture(height: float, width: float = WIDTH) -> Picture:
    """Return an empty figure, sizes in inches."""
    figure = Picture(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, grid: str | None = None) -> Axes:
    """Remove the frame's upper and right side, and draw a faint grid along one axis or both."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)
    if grid is not None:
        axes.grid(axis=grid, color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
    return axes


def bare(axes: Axes) -> Axes:
    """Remove ticks and frame, for axes that hold an image."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes

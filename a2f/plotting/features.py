"""What audio encoders make of a clip, under the phones that were spoken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from a2f.data.clip import Clip
from a2f.errors import BadInput
from a2f.plotting.style import SMALL, picture, tidy

ROW = 0.2  # inches that a named feature needs


@dataclass(frozen=True, eq=False)
class FeatureImage:
    """One encoder's features of a clip, or some of them, as they are drawn.

    Parameters
    ----------
    values : ndarray, (T_a, C)
        Feature j is centred on ``first_centre + j / rate`` seconds.
    rate : float
        Features a second.
    first_centre : float
        Seconds.
    quantity : str
        What a colour stands for, with its unit.
    axis : str
        What the C features are.
    names : sequence of C str, optional
        Of the features, the first on top; without names the first is at the bottom.
    limits : (float, float), optional
        Of the colours; without them 1 % of the values lie beyond either end.
    """

    values: np.ndarray
    rate: float
    first_centre: float
    quantity: str
    axis: str
    names: Sequence[str] = ()
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if np.ndim(self.values) != 2 or 0 in np.shape(self.values):
            raise BadInput(f"features have shape {np.shape(self.values)}, expected (T_a, C)")
        if len(self.names) not in (0, self.values.shape[1]):
            raise BadInput(f"{len(self.names)} names were given for {self.values.shape[1]} features")


def plot_features(images: Mapping[str, FeatureImage], clip: Clip) -> Figure:
    """Draw features over time, one panel an encoder, below the phones of the clip.

    Parameters
    ----------
    images : dict of str to FeatureImage
        By the panel's title.
    clip : Clip
        For its phones, whose boundaries are drawn as white lines, and its duration.
    """
    if not images:
        raise BadInput("there are no features to draw")
    spoken = [phone for phone in clip.phones if phone.symbol != "_"]
    heights = [0.5, *(max(1.4, ROW * len(image.names)) for image in images.values())]
    figure = picture(sum(heights) + 0.45 * len(heights))
    grid = figure.subplots(len(heights), 2, squeeze=False, height_ratios=heights, width_ratios=[1, 0.02])
    (top, corner), *panels = grid
    corner.remove()
    for index, phone in enumerate(spoken):
        top.axvspan(phone.start, phone.end, facecolor="#F0F0F0", edgecolor="white", linewidth=1.0)
        # two heights, so that the names of short phones do not touch
        place = (phone.start + phone.end) / 2, (0.72, 0.28)[index % 2]
        top.text(*place, phone.symbol, ha="center", va="center", fontsize=SMALL)
    tidy(top).set(yticks=[], xticks=[], xlim=(0, clip.duration), ylim=(0, 1))
    top.set_ylabel("phones", rotation=0, ha="right", va="center", fontsize=SMALL)
    top.spines[["left", "bottom"]].set_visible(False)
    for (axes, scale), (title, image) in zip(panels, images.items(), strict=True):
        low, high = image.limits or np.percentile(image.values, (1, 99))
        half, count = 0.5 / image.rate, image.values.shape[1]
        edges = image.first_centre - half, image.first_centre + len(image.values) / image.rate - half
        drawn = axes.imshow(
            image.values.T, aspect="auto", origin="upper" if image.names else "lower", cmap="viridis",
            interpolation="nearest", vmin=low, vmax=high, extent=(*edges, *((count, 0) if image.names else (0, count))),
        )  # fmt: skip
        for edge in {edge for phone in spoken for edge in (phone.start, phone.end)}:
            axes.axvline(edge, color="white", linewidth=0.6, alpha=0.7)
        if image.names:
            axes.set_yticks(np.arange(count) + 0.5, image.names)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_ylabel(image.axis, fontsize=SMALL)
        tidy(axes).set_xlim(0, clip.duration)
        axes.tick_params(labelbottom=axes is panels[-1][0])
        bar = figure.colorbar(drawn, cax=scale)
        bar.set_label(image.quantity, fontsize=SMALL)
        bar.ax.tick_params(labelsize=SMALL)
    panels[-1][0].set_xlabel("time (s)")
    return figure

"""A mouth over time, beside the sounds it makes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from a2f.data.clip import Clip
from a2f.errors import BadInput
from a2f.plotting.style import BLACK, COLOURS, GREY, LINES, SMALL, picture, tidy

CLOSURES = {"p", "b", "m"}  # the lips must touch
BAND = "#F6D5B5"


def plot_mouth_opening(openings: Mapping[str, np.ndarray], clip: Clip) -> Figure:
    """Draw how far the mouth opens over time, with the phones and the sound below.

    Parameters
    ----------
    openings : dict of str to ndarray, (T,)
        As `observations.mouth_opening` returns them, at the clip's rate. The first one is drawn in black.
    clip : Clip
        For its phones, its sound and its unit.
    """
    if not openings:
        raise BadInput("there is no mouth opening to draw")
    for name, opening in openings.items():
        if np.ndim(opening) != 1 or len(opening) == 0:
            raise BadInput(f"opening {name!r} has shape {np.shape(opening)}, expected (T,)")
    figure = picture(4.8)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": [5, 0.8, 1.4], "hspace": 0})
    for index, (name, opening) in enumerate(openings.items()):
        look = (
            {"color": BLACK, "linewidth": 1.8}
            if index == 0
            else {"color": COLOURS[(index - 1) % len(COLOURS)], "linewidth": 1.5}
        )
        top.plot(np.arange(len(opening)) / clip.fps, opening, label=name, linestyle=LINES[index % len(LINES)], **look)
    spoken = [phone for phone in clip.phones if phone.symbol != "_"]
    for index, phone in enumerate(spoken):
        closed = phone.symbol in CLOSURES
        if closed:
            for axes in (top, bottom):
                axes.axvspan(phone.start, phone.end, color=BAND, linewidth=0, zorder=0)
        middle.axvspan(
            phone.start, phone.end, facecolor=BAND if closed else "#F0F0F0", edgecolor="white", linewidth=1.0
        )
        # two heights, so that the names of short phones do not touch
        middle.text(
            (phone.start + phone.end) / 2,
            (0.72, 0.28)[index % 2],
            phone.symbol,
            ha="center",
            va="center",
            fontsize=SMALL,
        )
    top.axhline(0, color=GREY, linewidth=0.7)
    tidy(top, "y").set_ylabel(f"mouth opening ({clip.topology.unit})")
    handles = top.get_legend_handles_labels()[0]
    if any(phone.symbol in CLOSURES for phone in spoken):
        handles.append(Patch(facecolor=BAND, label="/p b m/: lips must touch"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=SMALL, frameon=False)
    tidy(middle).set(yticks=[], ylim=(0, 1))
    middle.set_ylabel("phones", rotation=0, ha="right", va="center", fontsize=SMALL)
    middle.spines[["left", "bottom"]].set_visible(False)
    waveform = clip.waveform
    bottom.plot(np.arange(len(waveform)) / clip.sample_rate, waveform, color=GREY, linewidth=0.4)
    tidy(bottom).set(xlabel="time (s)", xlim=(0, clip.duration), yticks=[])
    bottom.set_ylabel("sound", rotation=0, ha="right", va="center", fontsize=SMALL)
    for axes in (top, middle):
        axes.tick_params(axis="x", length=0)
    return figure

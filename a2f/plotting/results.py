"""Training curves and Table 1 as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from a2f.errors import BadInput
from a2f.plotting.style import BLACK, COLOURS, GREY, LINES, SMALL, picture, tidy

FLOOR = "#BFBFBF"
METRIC_TITLES = {
    "lip_mean": "lip, mean",
    "lip_max": "lip, maximum",
    "upper": "upper face",
    "face": "face",
    "f_dtw": "F-DTW, whole clip",
    "f_dtw_per_frame": "F-DTW per frame",
}


def _curve(axes: Axes, histories: Sequence[Sequence[Mapping]], key: str, **look) -> None:
    """Draw one value of the histories over steps, a line a seed; epochs without it are passed over."""
    for history in histories:
        rows = [row for row in history if key in row]
        axes.plot([row["step"] for row in rows], [row[key] for row in rows], **look)


def _unfrozen_at(history: Sequence[Mapping]) -> int | None:
    """Return the step at which the audio encoder began to be trained, if it did."""
    for index, row in enumerate(history):
        if not row["encoder_frozen"]:
            return history[index - 1]["step"] if index else 0
    return None


def plot_training_curves(runs: Mapping[str, Sequence[Sequence[Mapping]]], unit: str = "mm") -> Figure:
    """Draw what training wrote down: losses, validation error and how sparse W becomes.

    Parameters
    ----------
    runs : dict of str to list
        For each method one history a seed, as ``history.json`` holds it: dictionaries with ``step``, ``train_loss``,
        ``sparsity``, ``encoder_frozen`` and, at validated epochs, ``val_loss``, ``val_lip`` and ``small_entries``.
    unit : str
        Of the validation error.
    """
    if not runs or not all(histories and all(histories) for histories in runs.values()):
        raise BadInput("each method needs at least one history with at least one epoch")
    figure = picture(6.4)
    (loss, lip), (norm, small) = figure.subplots(2, 2, sharex=True)
    for index, histories in enumerate(runs.values()):
        look = {"color": COLOURS[index % len(COLOURS)], "linewidth": 1.1, "alpha": 0.85}
        style = LINES[index // len(COLOURS) % len(LINES)]
        _curve(loss, histories, "train_loss", **look | {"alpha": 0.4}, linestyle=":")
        _curve(loss, histories, "val_loss", **look, linestyle=style)
        for axes, key in ((lip, "val_lip"), (norm, "sparsity"), (small, "small_entries")):
            _curve(axes, histories, key, **look, linestyle=style)
        for step in {_unfrozen_at(history) for history in histories} - {None}:
            for axes in (loss, lip, norm, small):
                axes.axvline(step, color=GREY, linestyle="--", linewidth=0.8)
            loss.annotate("encoder\nunfrozen", (step, 0.98), xycoords=("data", "axes fraction"), xytext=(3, 0),
                          textcoords="offset points", va="top", fontsize=SMALL, color=GREY)  # fmt: skip
    loss.set(title="data loss (per frame, no unit)", ylabel="loss", yscale="log")
    lip.set(title="validation lip error", ylabel=unit, ylim=(0, None))
    norm.set(title="size of the embedding, ||W||$_1$", ylabel="sum of |W| (no unit)", xlabel="step", ylim=(0, None))
    small.set(title="entries of W below 1/1000 of its largest", ylabel="share of entries", xlabel="step", ylim=(0, 1))
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # 2, not 2 x 10^0
    loss.yaxis.set_minor_formatter(NullFormatter())
    for axes in (loss, lip, norm, small):
        axes.title.set_fontsize(10)
        tidy(axes, "both")
    loss.legend(
        handles=[
            Line2D([], [], color=BLACK, linewidth=1.1, label="validation"),
            Line2D([], [], color=BLACK, linewidth=1.1, linestyle=":", alpha=0.6, label="training"),
        ],
        fontsize=SMALL, frameon=False, loc="upper right",
    )  # fmt: skip
    names = []
    for index, (name, histories) in enumerate(runs.items()):
        look = {"color": COLOURS[index % len(COLOURS)], "linestyle": LINES[index // len(COLOURS) % len(LINES)]}
        count = f"{len(histories)} seed{'s' if len(histories) > 1 else ''}"
        names.append(Line2D([], [], linewidth=1.5, label=f"{name} ({count})", **look))
    figure.legend(handles=names, loc="outside lower center", ncols=min(3, len(names)), fontsize=SMALL, frameon=False)
    return figure


def plot_table(
    rows: Sequence[Mapping],
    metrics: Sequence[str] = ("lip_mean", "lip_max", "upper", "face", "f_dtw_per_frame"),
    unit: str = "mm",
) -> Figure:
    """Draw Table 1 as bars: methods downwards, one panel a metric, lower is better.

    Parameters
    ----------
    rows : sequence of dict
        As `comparison.trained_row` and `comparison.floor_row` return them. Whiskers are the 95 % intervals over seeds;
        rows without training are grey and have none.
    metrics : sequence of str
    unit : str
    """
    if not rows:
        raise BadInput("there are no rows to draw")
    for row in rows:
        missing = [metric for metric in metrics if metric not in row["metrics"]]
        if missing:
            raise BadInput(f"row {row['method']!r} has no {', '.join(missing)}; it has {', '.join(row['metrics'])}")
    figure = picture(1.6 + 0.36 * len(rows))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    places = range(len(rows))
    trained = [row["trained"] for row in rows]
    for axes, metric in zip(panels, metrics, strict=True):
        cells = [row["metrics"][metric] for row in rows]
        values = [cell["mean"] for cell in cells]
        axes.barh(places, values, height=0.7, color=[COLOURS[0] if yes else FLOOR for yes in trained])
        reach = max(cell["mean"] + cell["half_width"] for cell in cells)
        for place, cell in zip(places, cells, strict=True):
            if cell["half_width"] > 0:
                axes.errorbar(cell["mean"], place, xerr=cell["half_width"], color=BLACK, capsize=3, linewidth=1.2)
            axes.text(
                cell["mean"] + cell["half_width"] + 0.03 * reach,
                place,
                f"{cell['mean']:.2f}",
                va="center",
                fontsize=SMALL,
            )
        tidy(axes, "x")
        axes.set_xlim(0, 1.35 * reach)  # room for the numbers
        axes.set_title(METRIC_TITLES.get(metric, metric), fontsize=10)
        axes.set_xlabel(unit, fontsize=SMALL)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(places, [row["method"] for row in rows], fontsize=SMALL)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    kinds = {True: (COLOURS[0], "trained: mean and 95 % interval over seeds"), False: (FLOOR, "without training")}
    keys = [Patch(color=kinds[kind][0], label=kinds[kind][1]) for kind in (True, False) if kind in trained]
    figure.legend(handles=keys, loc="outside lower center", ncols=2, fontsize=SMALL, frameon=False)
    return figure

"""Every figure holds what it was given, names its axes, and can be read at the width of a web page."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from a2f.data import Clip, Phone
from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.observations import RegionCorrelation
from a2f.plotting import (
    faces as faces_module,
)
from a2f.plotting import (
    plot_activation_maps,
    plot_frames_strip,
    plot_heat_maps,
    plot_mouth_opening,
    plot_region_graph,
    plot_style_space,
    plot_table,
    plot_training_curves,
)
from a2f.plotting.features import FeatureImage, plot_features
from a2f.regions import partition_regions


def check(figure: Figure) -> Figure:
    """Draw a figure; nothing may stick out or be too small to read, and pyplot must not know it."""
    figure.set_dpi(60)  # everything scales with it
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    assert 3 < width <= 9
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    assert box.x0 > -0.02 and box.y0 > -0.02 and box.x1 < width + 0.02 and box.y1 < height + 0.02, "cut off"
    assert all(text.get_fontsize() >= 9 for text in figure.findobj(Text) if text.get_text())
    assert plt.get_fignums() == []
    return figure


def labels(axes) -> tuple[str, str]:
    return axes.get_xlabel(), axes.get_ylabel()


# --- Figs. 2 and 3 -----------------------------------------------------------------------------------------------


def test_style_space_draws_every_clip_by_speaker_and_by_mode():
    rng = np.random.default_rng(0)
    points, speakers = rng.normal(size=(48, 2)), [f"s{i % 12:02d}" for i in range(48)]
    modes = [("angry", "sad", None)[i % 3] for i in range(48)]
    figure = check(plot_style_space(points, speakers, modes, purity=0.654, chance=0.081))
    left, right = figure.axes
    for axes, names in ((left, speakers), (right, modes)):
        groups = [c for c in axes.collections if isinstance(c, PathCollection)]
        assert len(groups) == len(set(names))
        drawn = np.concatenate([group.get_offsets() for group in groups])
        np.testing.assert_allclose(sorted(drawn.tolist()), sorted(points.tolist()))
        looks = {(to_hex(g.get_facecolor()[0]), g.get_paths()[0].vertices.tobytes()) for g in groups}
        assert len(looks) == len(groups), "no two groups share colour and marker"
        assert all("t-SNE" in label for label in labels(axes))
    assert "65 %" in left.get_title() and "8 %" in left.get_title()
    assert len(check(plot_style_space(points, speakers)).axes) == 1
    with pytest.raises(BadInput, match="47 modes"):
        plot_style_space(points, speakers, modes[1:])


def test_region_graph_has_a_node_a_region_and_an_edge_a_correlated_pair():
    faces = load_faces()
    ids = faces.topology.region("face")
    regions = partition_regions(faces.mean, faces.topology.faces, ids, 24, seed=0)
    matrix = np.corrcoef(np.random.default_rng(0).normal(size=(24, 6)))
    found = RegionCorrelation(matrix, np.linspace(0, 1, 24), 6)
    figure = check(plot_region_graph(faces.mean, faces.topology, ids, regions, found, threshold=0.4))
    left, right, scale = figure.axes
    expected = int((matrix[np.triu_indices(24, 1)] >= 0.4).sum())
    (edges,) = (c for c in right.collections if isinstance(c, LineCollection))
    (nodes,) = (c for c in right.collections if isinstance(c, PathCollection))
    assert len(edges.get_segments()) == expected > 5
    widths = edges.get_linewidths()
    assert len(widths) == expected and np.all(np.diff(widths) >= 0), "the strongest edges are drawn last and widest"
    np.testing.assert_array_equal(nodes.get_array(), found.self_correlation)
    assert f"{expected} of 276" in right.get_title()
    assert "24 regions" in left.get_title()
    assert all("(mm)" in label for axes in (left, right) for label in labels(axes))
    assert "Cov_self" in scale.get_ylabel()
    with pytest.raises(BadInput, match="24 regions"):
        plot_region_graph(faces.mean, faces.topology, ids, regions, RegionCorrelation(np.eye(3), np.ones(3), 6))


# --- training and Table 1 ----------------------------------------------------------------------------------------


def history(unfreeze_after: int | None = None, epochs: int = 6) -> list[dict]:
    rows = []
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "step": 10 * epoch, "train_loss": 5 / epoch, "sparsity": 100.0 / epoch}
        row["encoder_frozen"] = unfreeze_after is None or epoch <= unfreeze_after
        if epoch % 2 == 0:
            row |= {"val_loss": 6 / epoch, "val_lip": 3 / epoch, "small_entries": epoch / 10}
        rows.append(row)
    return rows


def test_training_curves_have_a_line_a_seed_and_mark_the_unfreezing():
    runs = {"Ours": [history(3), history(3)], "Ours w/o Regional": [history()]}
    figure = check(plot_training_curves(runs))
    loss, lip, norm, small = figure.axes
    for axes, curves in ((loss, 6), (lip, 3), (norm, 3), (small, 3)):
        assert len(axes.lines) == curves + 1, "and one vertical line"
        assert [30, 30] in [list(line.get_xdata()) for line in axes.lines], "where the encoder was unfrozen"
        assert axes.get_title() and axes.get_ylabel()
    assert lip.get_ylabel() == "mm" and norm.get_xlabel() == small.get_xlabel() == "step"
    assert lip.lines[0].get_xdata().tolist() == [20, 40, 60], "epochs that were not validated are passed over"
    assert lip.lines[0].get_ydata().tolist() == pytest.approx([1.5, 0.75, 0.5])
    frozen = check(plot_training_curves({"Ours": [history()]}))
    assert len(frozen.axes[1].lines) == 1
    for empty in ({}, {"Ours": []}, {"Ours": [[]]}):
        with pytest.raises(BadInput, match="at least one"):
            plot_training_curves(empty)


def row(method: str, values: list[float], half_width: float | None) -> dict:
    names = ("lip_mean", "lip_max", "upper", "face", "f_dtw_per_frame")
    metrics = {
        name: {"mean": value, "half_width": half_width or 0.0, "seeds": [value]}
        for name, value in zip(names, values, strict=True)
    }
    return {"method": method, "trained": half_width is not None, "metrics": metrics, "budget": {}}


def test_table_has_a_bar_a_value_and_whiskers_where_seeds_vary():
    rows = [
        row("Ours", [1.6, 3.4, 0.6, 0.83, 0.79], 0.1),
        row("Ours w/o Composite", [2.6, 6.0, 0.7, 1.4, 1.3], 0.2),
        row("neutral face", [4.2, 10.0, 0.53, 1.95, 1.84], None),
    ]
    figure = check(plot_table(rows))
    assert len(figure.axes) == 5
    for axes, metric in zip(figure.axes, rows[0]["metrics"], strict=True):
        assert [bar.get_width() for bar in axes.patches] == [r["metrics"][metric]["mean"] for r in rows]
        assert [text.get_text() for text in axes.texts] == [f"{r['metrics'][metric]['mean']:.2f}" for r in rows]
        whiskers = [c for c in axes.collections if isinstance(c, LineCollection)]
        spans = [segment[:, 0].tolist() for w in whiskers for segment in w.get_segments()]
        expected = [rows[k]["metrics"][metric]["mean"] + np.array([-0.1, 0.1]) * (k + 1) for k in range(2)]
        np.testing.assert_allclose(spans, expected)
        assert axes.get_xlabel() == "mm" and axes.get_title()
        assert axes.patches[0].get_facecolor() != axes.patches[2].get_facecolor()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [r["method"] for r in rows]
    low, high = figure.axes[0].get_ylim()
    assert low > high, "the first row is on top"


def test_table_names_a_missing_metric():
    with pytest.raises(BadInput, match="row 'Ours' has no f_dtw;"):
        plot_table([row("Ours", [1, 2, 3, 4, 5], 0.1)], ("lip_mean", "f_dtw"))
    with pytest.raises(BadInput, match="no rows"):
        plot_table([])


# --- speech ------------------------------------------------------------------------------------------------------


@pytest.fixture
def clip(topology) -> Clip:
    phones = [("_", 0, 0.1), ("b", 0.1, 0.2), ("ah", 0.2, 0.5), ("m", 0.5, 0.6), ("_", 0.6, 1.0)]
    return Clip(
        name="c",
        subject="s",
        sentence="t",
        split="test",
        topology=topology,
        template=np.zeros((topology.num_vertices, 3), np.float32),
        fps=30.0,
        num_frames=30,
        sample_rate=1000,
        read_waveform=lambda: np.sin(np.arange(1000)).astype(np.float32),
        read_vertices=np.zeros((30, topology.num_vertices, 3), np.float32).__getitem__,
        phones=tuple(Phone(*phone) for phone in phones),
    )


def test_mouth_opening_beside_phones_and_sound(clip):
    truth, guess = np.linspace(0, 8, 30), np.linspace(8, 0, 29)
    figure = check(plot_mouth_opening({"ground truth": truth, "Ours": guess}, clip))
    top, phones, sound = figure.axes
    np.testing.assert_allclose(top.lines[0].get_data(), [np.arange(30) / 30, truth])
    np.testing.assert_allclose(top.lines[1].get_data(), [np.arange(29) / 30, guess])
    assert top.lines[0].get_color() != top.lines[1].get_color()
    assert top.lines[0].get_linestyle() != top.lines[1].get_linestyle()
    assert [text.get_text() for text in phones.texts] == ["b", "ah", "m"], "silence has no name"
    bands = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in top.patches]
    np.testing.assert_allclose(bands, [(0.1, 0.2), (0.5, 0.6)])
    np.testing.assert_allclose(sound.lines[0].get_ydata(), clip.waveform)
    assert top.get_ylabel() == "mouth opening (mm)" and sound.get_xlabel() == "time (s)"
    assert sound.get_xlim() == (0, 1)
    with pytest.raises(BadInput, match=r"'Ours' has shape \(3, 2\)"):
        plot_mouth_opening({"Ours": np.zeros((3, 2))}, clip)
    with pytest.raises(BadInput, match="no mouth opening"):
        plot_mouth_opening({}, clip)


# --- audio features ----------------------------------------------------------------------------------------------


def test_features_lie_under_their_phones(clip):
    rng = np.random.default_rng(0)
    bands, probabilities = rng.normal(size=(50, 30)), rng.uniform(size=(25, 3))
    figure = check(
        plot_features(
            {
                "log-mel": FeatureImage(bands, 50.0, 0.01, "log power", "30 bands"),
                "phones": FeatureImage(probabilities, 25.0, 0.1, "probability", "phones", ("b", "ah", "m"), (0, 1)),
            },
            clip,
        )
    )
    phones, mel, mel_scale, named, named_scale = figure.axes
    assert [text.get_text() for text in phones.texts] == ["b", "ah", "m"], "silence has no name"
    for axes, values, first, last in ((mel, bands, 0.0, 1.0), (named, probabilities, 0.08, 1.08)):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), values.T)
        np.testing.assert_allclose(image.get_extent()[:2], (first, last), err_msg="half a feature beyond centres")
        edges = sorted({line.get_xdata()[0] for line in axes.lines})
        assert edges == [0.1, 0.2, 0.5, 0.6] and axes.get_xlim() == phones.get_xlim() == (0, 1)
    assert mel.images[0].get_clim() == tuple(np.percentile(bands, (1, 99))) and named.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in named.get_yticklabels()] == ["b", "ah", "m"]
    low, high = named.get_ylim()
    assert low > high and mel.get_ylim() == (0, 30), "named features from the top, bands from the bottom"
    assert labels(named) == ("time (s)", "phones")
    assert (mel_scale.get_ylabel(), named_scale.get_ylabel()) == ("log power", "probability")
    with pytest.raises(BadInput, match="no features"):
        plot_features({}, clip)
    with pytest.raises(BadInput, match=r"shape \(0, 3\)"):
        FeatureImage(np.zeros((0, 3)), 50.0, 0.0, "q", "a")
    with pytest.raises(BadInput, match="2 names were given for 3 features"):
        FeatureImage(np.zeros((5, 3)), 50.0, 0.0, "q", "a", ("b", "m"))


# --- rendered faces ----------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch) -> list[dict]:
    """What is asked of the renderer, which is tested by itself and would take most of the time here."""
    calls: list[dict] = []

    def heat(vertices, topology, values, *, limits, size, **_):
        calls.append({"values": values, "limits": limits})
        return np.full((size[1], size[0], 3), len(calls), np.uint8)

    def faces(vertices, topology, size, view):
        for frame in vertices:
            calls.append({"frame": frame, "view": view})
            yield np.full((size[1], size[0], 3), len(calls), np.uint8)

    monkeypatch.setattr(faces_module, "render_heat", heat)
    monkeypatch.setattr(faces_module, "render_faces", faces)
    return calls


def images(figure: Figure) -> list[list[int]]:
    """The mark that the fake renderer left in each picture, row by row of the grid."""
    grid = figure.axes[0].get_gridspec()
    marks = [
        axes.images[0].get_array()[0, 0, 0] if axes.images else 0 for axes in figure.axes[: grid.nrows * grid.ncols]
    ]
    return np.reshape(marks, (grid.nrows, grid.ncols)).tolist()


def test_activation_maps_scale_each_feature_by_itself(topology, drawn):
    rng = np.random.default_rng(0)
    ids = topology.region("face")
    basis = rng.normal(size=(9, topology.num_vertices, 3)) * np.linspace(0.3, 1, 9)[:, None, None]
    few = np.zeros_like(basis)
    few[3, 2], few[4, 5] = 1, 0.5
    neutral = rng.normal(size=(topology.num_vertices, 3))
    figure = check(plot_activation_maps({"with": basis, "w/o": few}, neutral, topology, ids, count=3))
    assert images(figure) == [[1, 2, 3], [4, 5, 0]], "a model of two live features leaves one place empty"
    for call in drawn:
        assert call["values"][ids].max() == pytest.approx(1) and call["limits"] == (0, 1)
    assert [figure.axes[k].get_ylabel() for k in (0, 3)] == ["with", "w/o"]
    assert figure.axes[3].get_title() == "feature 3"
    assert figure.axes[-1].get_ylabel() == "share of the feature's largest displacement"
    with pytest.raises(BadInput, match="no basis"):
        plot_activation_maps({}, neutral, topology, ids)


def test_frames_strip_draws_the_nearest_frames(topology, drawn):
    truth = np.arange(12, dtype=float)[:, None, None] * np.ones((1, topology.num_vertices, 3))
    figure = check(
        plot_frames_strip({"truth": truth, "Ours": -truth[:10]}, topology, [0, 0.099, 0.3], 30.0, view="left")
    )
    assert images(figure) == [[1, 2, 3], [4, 5, 6]]
    assert [call["frame"][0, 0] for call in drawn] == [0, 3, 9, 0, -3, -9]
    assert {call["view"] for call in drawn} == {"left"}
    assert [figure.axes[k].get_title() for k in range(4)] == ["0.00 s", "0.10 s", "0.30 s", ""]
    assert [figure.axes[k].get_ylabel() for k in (0, 3)] == ["truth", "Ours"]
    named = plot_frames_strip({"truth": truth}, topology, [0.1], 30.0, labels=["/b/"])
    assert check(named).axes[0].get_title() == "/b/"


@pytest.mark.parametrize(
    "given, named",
    [
        ({"times": [0.1, 0.4]}, "Ours: times 0.1 to 0.4 s are frames 3 to 12, but there are frames 0 to 9"),
        ({"times": [-0.1]}, "frames -3"),
        ({"times": []}, "no times"),
        ({"labels": ["a", "b"]}, "2 labels were given for 1 times"),
    ],
)
def test_frames_strip_names_what_is_out_of_range(topology, drawn, given, named):
    faces = {"Ours": np.zeros((10, topology.num_vertices, 3))}
    with pytest.raises(BadInput, match=named):
        plot_frames_strip(faces, topology, given.get("times", [0.1]), 30.0, given.get("labels"))
    assert drawn == []


def test_heat_maps_share_one_scale(topology, drawn):
    count = topology.num_vertices
    small, large = np.full(count, 0.5), np.linspace(0, 3, count)
    top = large[topology.region("face")].max()
    figure = check(
        plot_heat_maps({"a": small, "b": large, "c": small}, np.zeros((count, 3)), topology, "mm", "motion", columns=2)
    )
    assert images(figure) == [[1, 2], [3, 0]]
    assert {call["limits"] for call in drawn} == {(0.0, top)}
    assert [axes.get_title() for axes in figure.axes[:4]] == ["a", "b", "c", ""]
    assert figure.axes[-1].get_ylabel() == "motion (mm)"
    still = check(plot_heat_maps({"still": np.zeros(count)}, np.zeros((count, 3)), topology, "mm"))
    assert still.axes[-1].get_ylabel() == "mm" and drawn[-1]["limits"] == (0.0, 1.0)
    for values in (np.zeros(3), np.full(count, -1.0), np.full(count, np.nan)):
        with pytest.raises(BadInput, match="map 'a' has shape"):
            plot_heat_maps({"a": values}, np.zeros((count, 3)), topology, "mm")


def test_a_rendered_feature_is_red_where_it_acts():
    """Through the renderer itself: the jaw's unit reddens the lower half of the picture and leaves the brow blue."""
    faces = load_faces()
    basis = faces.unit_basis[[faces.unit("jawOpen")]]
    figure = check(
        plot_activation_maps({"jaw": basis}, faces.mean, faces.topology, faces.topology.region("face"), count=1)
    )
    image = figure.axes[0].images[0].get_array().astype(int)
    red, blue = image[..., 0] - image[..., 2] > 90, image[..., 2] - image[..., 0] > 60
    rows = np.arange(len(image))[:, None]
    assert red.sum() > 500 and blue.sum() > 500
    assert (rows * red).sum() / red.sum() > (rows * blue).sum() / blue.sum() + 0.2 * len(image)


def test_a_figure_shows_itself_in_a_notebook():
    png = plot_table([row("Ours", [1, 2, 3, 4, 5], 0.1)])._repr_png_()
    assert png.startswith(b"\x89PNG\r\n")

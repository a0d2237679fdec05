"""Rows of faces with their maps on one scale, and the way between two styles, as drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from a2f.data.faces import load_faces
from a2f.errors import BadInput
from a2f.observations import motion_std
from a2f.plotting import plot_faces_and_std, plot_interpolation
from a2f.plotting import qualitative as module


@pytest.fixture
def drawn(monkeypatch) -> list[dict]:
    """What is asked of the renderer, which is tested by itself and would take most of the time here."""
    calls: list[dict] = []

    def heat(vertices, topology, values, *, limits, size, **_):
        calls.append({"values": values, "limits": limits})
        return np.full((size[1], size[0], 3), len(calls), np.uint8)

    def faces(vertices, topology, size, view="front"):
        for frame in vertices:
            calls.append({"frame": frame, "framed": topology.region("face")})
            yield np.full((size[1], size[0], 3), len(calls), np.uint8)

    monkeypatch.setattr(module, "render_heat", heat)
    monkeypatch.setattr(module, "render_faces", faces)
    return calls


def check(figure: Figure) -> Figure:
    """Draw a figure; nothing may stick out or be too small to read, and pyplot must not know it."""
    figure.set_dpi(60)
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox(figure.canvas.get_renderer())
    assert 3 < width <= 9
    assert box.x0 > -0.02 and box.y0 > -0.02 and box.x1 < width + 0.02 and box.y1 < height + 0.02, "cut off"
    assert all(text.get_fontsize() >= 9 for text in figure.findobj(Text) if text.get_text())
    assert plt.get_fignums() == []
    return figure


def test_rows_of_frames_end_with_maps_on_one_scale(topology, drawn):
    rng = np.random.default_rng(0)
    template = rng.normal(size=(topology.num_vertices, 3))
    faces = {"truth": template + rng.normal(size=(9, *template.shape)), "Ours": template + np.zeros((9, 1, 1))}
    notes = {"truth": ["", "", "100 %"], "Ours": ["1 mm", "2 mm", "0 %"]}
    figure = check(plot_faces_and_std(faces, topology, [2, 7], ["/b/", "/w/"], template, notes))
    grid = np.reshape(figure.axes[:6], (2, 3))
    assert [axes.get_title() for axes in grid[0]] == ["/b/", "/w/", "movement"]
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["truth", "Ours"]
    assert [axes.get_xlabel() for axes in grid[1]] == notes["Ours"]
    frames = [call["frame"] for call in drawn if "frame" in call]
    expected = [template, faces["truth"][2], faces["truth"][7], template, faces["Ours"][2], faces["Ours"][7]]
    np.testing.assert_array_equal(frames, expected, err_msg="each row's camera is placed by the template")
    maps = [call for call in drawn if "values" in call]
    std = motion_std(faces["truth"])
    np.testing.assert_allclose(maps[0]["values"], std)
    assert maps[0]["limits"] == maps[1]["limits"] == (0.0, std[topology.region("face")].max())
    marks = [[axes.images[0].get_array()[0, 0, 0] for axes in line] for line in grid]
    assert marks == [[2, 3, 4], [6, 7, 8]], "the template's picture is not shown"
    assert figure.axes[-1].get_ylabel() == "standard deviation over time (mm)"


def test_a_closeup_frames_the_mouth(drawn):
    faces = load_faces()
    still = np.repeat(faces.mean[None], 2, axis=0)
    check(plot_faces_and_std({"still": still}, faces.topology, [0], ["a"], faces.mean, closeup=True))
    framed = drawn[0]["framed"]
    low, high = faces.mean[framed].min(0), faces.mean[framed].max(0)
    lips = faces.mean[faces.topology.region("lips")]
    assert (low < lips.min(0))[:2].all() and (high > lips.max(0))[:2].all(), "all of the lips"
    assert high[1] < faces.mean[faces.topology.region("eyes"), 1].min(), "and no eyes"
    assert drawn[-1]["limits"] == (0.0, 1.0), "a scale even where nothing moves"


@pytest.mark.parametrize(
    "given, named",
    [
        ({"frames": [9]}, "Ours: frames 9 to 9 were asked for, it has 9"),
        ({"frames": [-1]}, "frames -1"),
        ({"frames": []}, "nothing to draw"),
        ({"labels": ["a", "b"]}, "1 frames and 2 labels"),
        ({"notes": {"Ours": ["a"]}}, "1 notes were given for 1 frames and a map"),
    ],
)
def test_what_cannot_be_drawn_is_named(topology, drawn, given, named):
    template = np.zeros((topology.num_vertices, 3))
    args = {"frames": [1], "labels": ["a"] * len(given.get("frames", [1])), "notes": None} | given
    with pytest.raises(BadInput, match=named):
        plot_faces_and_std(
            {"Ours": np.zeros((9, *template.shape))}, topology, args["frames"], args["labels"], template, args["notes"]
        )
    assert drawn == []


def test_between_two_styles_stand_faces_and_curves(topology, drawn):
    template = np.zeros((topology.num_vertices, 3))
    faces = np.arange(3.0)[:, None, None] + np.zeros((3, *template.shape))
    panels = {"share of the way": {"way": [0, 0.4, 1]}, "std (mm)": {"lips": [1, 2, 3], "upper face": [3, 2, 1]}}
    figure = check(plot_interpolation(faces, template, topology, [0, 0.5, 1], ("angry", "happy"), panels))
    *pictures, left, right = figure.axes
    assert [axes.get_title() for axes in pictures] == ["angry", "50 %", "happy"]
    assert [call["frame"][0, 0] for call in drawn] == [0, 0, 1, 2], "the template first, for the camera"
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [0, 0.4, 1])
    np.testing.assert_array_equal(left.lines[1].get_ydata(), [0, 1], err_msg="the straight way, to compare")
    assert [line.get_label() for line in right.lines] == ["lips", "upper face"]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in right.lines}
    assert len(looks) == 2 and right.get_ylabel() == "std (mm)" and left.get_xlabel() == "weight of happy"
    with pytest.raises(BadInput, match="curve 'way' has 2 values, expected 3"):
        plot_interpolation(faces, template, topology, [0, 0.5, 1], ("a", "b"), {"x": {"way": [0, 1]}})
    with pytest.raises(BadInput, match="3 faces, 2 weights"):
        plot_interpolation(faces, template, topology, [0, 1], ("a", "b"), panels)

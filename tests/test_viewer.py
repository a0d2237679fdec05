"""The viewer draws on the main loop whoever calls, draws only the latest, and shows what the films show; or a still."""

from __future__ import annotations

import asyncio
import sys
import threading

import numpy as np
import pytest

from a2f import viewer as module
from a2f.animation import Animation
from a2f.data.faces import load_faces
from a2f.errors import BadInput, MissingData, RenderingUnavailable
from a2f.export.render import Renderer
from a2f.export.shown import Scene, Shown
from a2f.viewer import Still, Viewer, view

SIZE, FRAMES = 120, 9


@pytest.fixture(scope="module")
def pair() -> dict[str, Animation]:
    """A synthetic face that opens its jaw, known by a basis, and one that does half of it, known by vertices only."""
    faces = load_faces()
    basis = faces.unit_basis[[faces.unit("jawOpen")]].astype(np.float32)
    weights = np.linspace(0, 0.8, FRAMES, dtype=np.float32)[:, None]
    opening = faces.mean + np.tensordot(weights, basis, axes=1)
    half = faces.mean + np.tensordot(0.5 * weights, basis, axes=1)
    return {
        "model": Animation(opening, 30, faces.topology, name="model", basis=basis, weights=weights),
        "truth": Animation(half[:-2], 30, faces.topology, name="truth"),
    }


class Drive:
    """A viewer whose page is shown, and every picture that it sent, with the thread that drew it."""

    def __init__(self, pair):
        self.viewer = Viewer(Shown(pair), SIZE, "skin", 0)
        self.sent: list[tuple[np.ndarray, int]] = []
        send = self.viewer.canvas.send_frame
        self.viewer.canvas.send_frame = lambda picture: (
            self.sent.append((picture, threading.get_ident())),
            send(picture),
        )
        self.viewer.canvas.max_buffered_frames = 1000  # no browser here that would confirm any
        self.viewer.canvas._has_visible_views = True

    async def settle(self) -> np.ndarray:
        """Let the loop do all it was asked for, and return the last picture."""
        for _ in range(10):
            await asyncio.sleep(0.01)
        return self.sent[-1][0]


def drive(pair, steps) -> Drive:
    """Run `await steps(drive)` on a loop, as a kernel runs its cells."""

    async def main():
        driven = Drive(pair)
        await driven.settle()
        try:
            await steps(driven)
        finally:
            driven.viewer.close()
        return driven

    return asyncio.run(main())


def in_another_thread(call) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def expected(animation: Animation, frame: int) -> np.ndarray:
    with Renderer(animation.vertices[0], animation.topology, SIZE) as renderer:
        return renderer.draw(animation.vertices[frame])


def test_callbacks_in_another_thread_are_drawn_by_the_main_loop(pair):
    async def steps(driven):
        def move():
            for frame in (3, 5, 8):
                driven.viewer.slider.value = frame

        before = len(driven.sent)
        in_another_thread(move)
        picture = await driven.settle()
        assert len(driven.sent) - before == 1, "what is stale is not drawn"
        np.testing.assert_array_equal(picture, expected(pair["model"], 8))

    driven = drive(pair, steps)
    assert {thread for _, thread in driven.sent} == {threading.get_ident()}


def test_a_browser_that_is_slow_gets_the_latest_picture_when_it_is_ready(pair):
    async def steps(driven):
        canvas = driven.viewer.canvas
        canvas.max_buffered_frames = 1
        before = len(driven.sent)
        for frame in range(1, FRAMES):
            driven.viewer.slider.value = frame
            await driven.settle()
        assert len(driven.sent) == before, "nothing was confirmed yet"
        feedback = {"index": canvas._rfb_frame_index, "timestamp": 0.0, "localtime": 0.0}
        # the browser's word comes in another thread that runs a loop, as a kernel's subshell does

        async def confirm():
            canvas._frame_feedback = feedback
            await asyncio.sleep(0.05)

        in_another_thread(lambda: asyncio.run(confirm()))
        picture = await driven.settle()
        assert len(driven.sent) == before + 1
        np.testing.assert_array_equal(picture, expected(pair["model"], FRAMES - 1))

    driven = drive(pair, steps)
    assert {thread for _, thread in driven.sent} == {threading.get_ident()}


def test_the_camera_stays_while_frames_and_choices_change(pair):
    async def steps(driven):
        viewer = driven.viewer
        at = {"event_type": "", "buttons": (1,), "y": 50}
        for kind, x in (("pointer_down", 50), ("pointer_move", 90)):
            in_another_thread(lambda kind=kind, x=x: viewer.canvas.handle_event(at | {"type": kind, "x": x}))
        turned = await driven.settle()
        assert np.abs(turned.astype(int) - expected(pair["model"], 0)).mean() > 3
        with Scene(Shown(pair), SIZE) as scene:
            scene.look(-0.4, 0.0, 1.0)
            np.testing.assert_array_equal(turned, scene.picture("model", 0))
            viewer.slider.value, viewer.choice.value = 4, "truth"
            np.testing.assert_array_equal(await driven.settle(), scene.picture("truth", 4))
            viewer.slider.value = FRAMES - 1
            np.testing.assert_array_equal(
                await driven.settle(), scene.picture("truth", FRAMES - 3), "the last one stays"
            )
            viewer.canvas.handle_event({"type": "wheel", "dy": -500})
            scene.look(-0.4, 0.0, np.exp(0.5))
            np.testing.assert_array_equal(await driven.settle(), scene.picture("truth", FRAMES - 3))
        viewer.canvas.handle_event({"type": "double_click"})
        np.testing.assert_array_equal(await driven.settle(), expected(pair["truth"], FRAMES - 3))

    drive(pair, steps)


def test_colours_come_and_go_on_one_scale(pair):
    async def steps(driven):
        viewer = driven.viewer
        skin = await driven.settle()
        seen = {"skin": skin}
        for name in ("displacement", "std", "column"):
            viewer.colouring.value = name
            seen[name] = await driven.settle()
            assert np.abs(seen[name].astype(int) - skin).mean() > 5
        assert "column 0 of W" in viewer._legend.value and not viewer.column.disabled
        viewer.choice.value = "truth"
        await driven.settle()
        assert viewer._legend.value == "truth has no column 0"
        viewer.choice.value, viewer.colouring.value = "model", "skin"
        np.testing.assert_array_equal(await driven.settle(), skin)

    drive(pair, steps)
    shown = Shown(pair)
    distance = np.linalg.norm(pair["model"].vertices - pair["model"].vertices[0], axis=-1)
    assert shown.limit("displacement", 0) == pytest.approx(distance.max(), rel=1e-4)
    spread = [np.sqrt(a.vertices.astype(float).var(axis=0).sum(axis=-1)).max() for a in pair.values()]
    assert shown.limit("std", 0) == pytest.approx(max(spread), rel=1e-4)
    furthest = np.unravel_index(distance.argmax(), distance.shape)
    assert tuple(np.round(shown.colours("model", furthest[0], "displacement", 0)[furthest[1]], 2)) == (0.5, 0, 0)
    assert shown.colours("truth", FRAMES, "displacement", 0)[furthest[1]][0] < 0.6, "half as far is not as red"


def test_playing_has_the_animations_pace(pair):
    async def steps(driven):
        viewer = driven.viewer
        assert (viewer.play.interval, viewer.play.max, viewer.slider.max) == (33, FRAMES - 1, FRAMES - 1)
        viewer.speed.value = 0.5
        assert viewer.play.interval == 67

    drive(pair, steps)


def test_the_stored_notebook_keeps_a_picture_beside_the_widget(pair):
    async def steps(driven):
        bundle = driven.viewer._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert bundle["image/png"].startswith("iVBOR")

    drive(pair, steps)


def test_without_a_live_notebook_there_is_a_still(pair, monkeypatch):
    still = view(pair)
    assert isinstance(still, Still) and still._repr_png_().startswith(b"\x89PNG")
    height, width, _ = still.picture.shape
    assert (height, width) == (2 * 200, 6 * 200)
    first, last = still.picture[:200, :200], still.picture[:200, -200:]
    assert np.abs(first[30:].astype(int) - last[30:]).max() > 50, "the jaw opens"


def test_animations_show_themselves(pair):
    one = pair["model"].show()
    both = pair["model"].side_by_side([pair["truth"]]).show(colouring="std")
    assert one.picture.shape[0] == 200 and both.picture.shape[0] == 400


@pytest.mark.parametrize("name, value", [("A2F_STATIC", "1"), ("A2F_NOTEBOOK", "01_composite"), ("CI", "true")])
def test_a_kernel_that_no_one_watches_is_not_live(monkeypatch, name, value):
    for other in ("A2F_STATIC", "A2F_NOTEBOOK", "CI"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": object()}))

    async def live():
        return module._is_live()

    assert asyncio.run(live())
    monkeypatch.setenv(name, value)
    assert not asyncio.run(live())


def test_what_does_not_belong_together_is_refused(pair):
    faces = pair["model"].topology
    slow = Animation(pair["model"].vertices, 25, faces, name="slow")
    with pytest.raises(BadInput, match="'slow' has 25 frames a second, the first 30"):
        view([pair["model"], slow])
    with pytest.raises(BadInput, match="called 'model'"):
        view([pair["model"], pair["model"]])
    with pytest.raises(BadInput, match="no animation"):
        view({})
    with pytest.raises(BadInput, match="skin, displacement, std, column"):
        view(pair, colouring="rainbow")
    with pytest.raises(BadInput, match="column is 1; there is 0 to 0"):
        view(pair, colouring="column", column=1)
    with pytest.raises(BadInput, match="no animation has a basis"):
        view(pair["truth"], colouring="column")


def test_a_missing_widget_package_is_named(pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyter_rfb", None)
    with pytest.raises(MissingData, match=r"jupyter_rfb: run `pip install \"a2f\[notebooks\]\"`"):
        drive(pair, None)


def test_a_machine_that_cannot_draw_says_so(pair, monkeypatch):
    def refuse():
        raise RenderingUnavailable("3D drawing does not work on this machine")

    monkeypatch.setattr("a2f.export.render.ensure_rendering", refuse)
    monkeypatch.setattr(module, "ensure_rendering", refuse)
    with pytest.raises(RenderingUnavailable):
        view(pair)
    with pytest.raises(RenderingUnavailable):
        drive(pair, None)

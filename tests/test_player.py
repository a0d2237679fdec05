"""The page plays what it was given: the frame shown is the sound's moment, offline, small, and fluent."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2f.animation import Animation
from a2f.data import open_dataset
from a2f.errors import BadInput
from a2f.export import player
from a2f.export.player import Player, open_in_browser, player_html, write_html
from a2f.export.render import Renderer
from a2f.mesh import Topology

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--autoplay-policy=no-user-gesture-required",
]


def header(page: str) -> dict:
    return json.loads(re.search(r'<script id="header"[^>]*>(.*?)</script>', page, re.S)[1])


@pytest.fixture(scope="module")
def spoken() -> Animation:
    """A synthetic sentence of the demo corpus."""
    clip = open_dataset("demo", fps=30).split("test")[0]
    return Animation(clip.vertices, 30, clip.topology, clip.read_waveform(), clip.sample_rate, "truth")


@pytest.fixture(scope="module")
def silent(spoken) -> Animation:
    """The same face without sound, moving half as much; its name would end the page's script if it could."""
    half = spoken.vertices[:1] + 0.5 * (spoken.vertices - spoken.vertices[:1])
    return Animation(half, 30, spoken.topology, name="</script><b>half & half __PAYLOAD__")


def test_three_seconds_of_noise_at_5023_vertices_stay_under_four_megabytes():
    """The worst case: motion that no few components hold."""
    rng = np.random.default_rng(0)
    vertices = 100 * rng.normal(size=(5023, 3)) + rng.normal(size=(90, 5023, 3))
    topology = Topology("noise", 5023, rng.integers(0, 5023, (10_000, 3)), {})
    sound = 0.3 * rng.normal(size=3 * 16_000).astype(np.float32)
    page = player_html(Animation(vertices, 30, topology, sound, 16_000))
    assert len(page.encode()) < 4e6
    assert header(page)["animations"][0]["rank"] <= 90


def test_speech_takes_few_components_and_little_room(spoken):
    page = player_html(spoken)
    assert header(page)["animations"][0]["rank"] < 30
    assert len(page.encode()) < 0.5e6


def test_the_page_names_no_address_and_is_the_same_each_time(spoken, silent):
    page = player_html([spoken, silent])
    assert not re.search(r"https?://|src=|@import", page)
    assert page == player_html([spoken, silent])
    assert page.count("</script>") == 3, "a name ended a script"


def test_stored_motion_keeps_its_tolerance_whatever_moves():
    rng = np.random.default_rng(0)
    still = np.repeat(rng.normal(size=(1, 40, 3)), 5, axis=0)
    noise = rng.normal(size=(40, 3)) + 0.1 * rng.normal(size=(200, 40, 3))
    for vertices in (still, still[:1], noise, 1e-3 * noise, 1e3 + noise):
        _, error = player._motion(vertices.astype(np.float32), player._Block())
        # 32-bit numbers far from the origin are themselves no finer
        finest = 4 * np.spacing(np.float32(np.abs(vertices).max()))
        assert error <= player.TOLERANCE * np.ptp(vertices[0], axis=0).max() + finest


def test_writing_returns_the_error_that_the_page_states(tmp_path, spoken):
    error = write_html(tmp_path / "page.html", spoken)
    assert 0 < error < 0.03
    assert f"truth within {error:.2g} mm of the original" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_wrong_input_is_refused(spoken):
    with pytest.raises(BadInput, match="no animation"):
        player_html([])
    with pytest.raises(BadInput, match="front, three-quarter, left"):
        player_html(spoken, view="behind")


def test_animations_write_themselves(tmp_path, spoken, silent):
    spoken.to_html(tmp_path / "one.html")
    assert (tmp_path / "one.html").read_text(encoding="utf-8") == player_html(spoken)
    assert spoken.export(["html"], tmp_path, "hello") == [tmp_path / "hello.html"]
    spoken.side_by_side([silent]).to_html(tmp_path / "two.html")
    assert len(header((tmp_path / "two.html").read_text(encoding="utf-8"))["animations"]) == 2


def test_in_a_notebook_the_page_is_a_frame_that_holds_all_of_it(spoken):
    shown = Player(spoken, size=300)._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and shown.count('"') == shown.count('="') * 2
    assert len(shown) > 0.9 * len(player_html(spoken))


def test_the_browser_is_given_a_local_file(spoken, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = open_in_browser(spoken)
    assert path.read_text(encoding="utf-8") == player_html(spoken)
    assert opened == [path.as_uri()] and opened[0].startswith("file://")
    assert capsys.readouterr().out == f"{path}\n"


# ---- in a browser, from the disk, without a network


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM}: the page itself is tested in Chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open animations in an offline page; whatever goes wrong in it fails the test."""
    context = browser.new_context(viewport={"width": 520, "height": 700})
    context.set_offline(True)
    wrong: list[str] = []

    def opener(animations, **options):
        write_html(tmp_path / "page.html", animations, **options)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
        page.goto((tmp_path / "page.html").as_uri())
        page.evaluate("a2f.ready")
        return page

    yield opener
    context.close()
    assert not wrong


def shown_vertices(page, index: int = 0) -> np.ndarray:
    return np.array(page.evaluate(f"Array.from(a2f.vertices({index}))"), np.float32).reshape(-1, 3)


def test_at_every_moment_of_the_sound_its_frame_is_shown(open_page, spoken):
    page = open_page(spoken)
    tolerance = 1e-4 * np.ptp(spoken.vertices[0], axis=0).max()
    for moment in (0.0, 0.5, 0.515, 1.7, spoken.duration):
        drawn = page.evaluate(f"a2f.seek({moment})")
        heard = page.evaluate("a2f.time")
        assert heard == pytest.approx(moment, abs=1e-3) and drawn["time"] == heard
        at = min(heard * spoken.fps, spoken.num_frames - 1)
        assert page.evaluate("a2f.frame") == pytest.approx(at)
        first, part = int(at), at - int(at)
        following = min(first + 1, spoken.num_frames - 1)
        expected = (1 - part) * spoken.vertices[first] + part * spoken.vertices[following]
        assert np.abs(shown_vertices(page) - expected).max() < tolerance


def test_the_picture_is_that_of_the_films(open_page, spoken):
    """Drawn by two programs, so edges and highlights differ; another frame or place would differ far more."""
    page = open_page(spoken, size=400)
    pixels = page.evaluate("a2f.seek(1).then(() => document.querySelector('canvas').toDataURL())")
    picture = Image.open(io.BytesIO(base64.b64decode(pixels.split(",")[1]))).convert("RGB")
    assert picture.size == (800, 800), "two pixels for one at rest"
    with Renderer(spoken.vertices[0], spoken.topology, 800) as renderer:
        frames = {k: renderer.draw(spoken.vertices[k]).astype(float) for k in (30, 34, 38)}
    off = {k: np.abs(np.asarray(picture, float) - frame).mean() for k, frame in frames.items()}
    print({k: round(value, 2) for k, value in off.items()})
    assert off[30] < 1 and min(off, key=off.get) == 30


def test_while_it_plays_frames_follow_the_sound_and_are_fluent(open_page, spoken):
    page = open_page(spoken, size=400)
    page.click("#play")
    page.wait_for_function("a2f.time > 0.2")
    for _ in range(8):
        # read between two drawings: the picture is never more than one drawing older than the sound
        late = page.evaluate("new Promise(done => requestAnimationFrame(() => done(a2f.time * 30 - a2f.frame)))")
        assert -1e-6 <= late < 6
    rate = page.evaluate("a2f.fps_measured")
    print(f"{rate:.0f} frames a second at fineness {page.evaluate('a2f.fineness')}")
    assert rate > 10, "28 to 34 on software GL while both cores had other work"
    page.wait_for_function("a2f.paused()", timeout=10_000)
    assert page.evaluate("a2f.frame") == spoken.num_frames - 1
    page.click("#play")
    page.wait_for_function("a2f.time > 0 && a2f.time < 1")


def test_speed_and_pause_act_on_the_clock_with_and_without_sound(open_page, spoken, silent):
    for animation in (spoken, silent):
        page = open_page(animation)
        page.select_option("#speed", "0.5")
        page.click("#play")
        page.wait_for_function("a2f.time > 0.05")
        took = page.evaluate(
            "new Promise(done => { const clock = performance.now(), time = a2f.time;"
            " setTimeout(() => done(1000 * (a2f.time - time) / (performance.now() - clock)), 800) })"
        )
        assert took == pytest.approx(0.5, abs=0.12)
        page.click("#play")
        assert page.evaluate("a2f.paused()")
        at = page.evaluate("a2f.time")
        page.wait_for_timeout(150)
        assert page.evaluate("a2f.time") == at


def test_several_are_shown_side_by_side_and_by_turns(open_page, spoken, silent):
    page = open_page([spoken, silent], size=250)
    assert page.locator("#names span").all_inner_texts() == ["truth", silent.name]
    page.evaluate("a2f.seek(1)")
    for index, animation in enumerate((spoken, silent)):
        assert np.abs(shown_vertices(page, index) - animation.vertices[30]).max() < 0.03
    page.select_option("#which", "1")
    assert page.evaluate("a2f.time") == 1, "the moment is kept"
    assert np.abs(shown_vertices(page) - silent.vertices[30]).max() < 0.03
    assert page.locator("#names span").all_inner_texts() == [silent.name]


def test_dragging_turns_the_head_and_the_wheel_brings_it_nearer(open_page, spoken):
    page = open_page(spoken)
    canvas = page.locator("canvas")
    before = canvas.screenshot()
    canvas.hover()
    page.mouse.down()
    page.mouse.move(330, 260, steps=4)
    page.mouse.up()
    turned = page.evaluate("a2f.camera.around")
    assert turned != 0 and canvas.screenshot() != before
    page.mouse.wheel(0, -500)
    page.wait_for_function("a2f.camera.zoom > 1")
    page.dblclick("canvas")
    assert page.evaluate("[a2f.camera.around, a2f.camera.zoom]") == [0, 1]


def test_a_browser_without_webgl_is_told_what_is_missing(browser, tmp_path, spoken):
    write_html(tmp_path / "page.html", spoken)
    page = browser.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("#note.bad")
    assert "WebGL2" in page.inner_text("#note")
    page.close()

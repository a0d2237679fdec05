"""Faces are drawn where they are, move when they move, and a machine that cannot draw says so."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from a2f.data.faces import load_faces
from a2f.errors import BadInput, MissingData, RenderingUnavailable
from a2f.export import render
from a2f.export.render import Renderer, render_faces, render_heat
from a2f.export.video import probe_mp4, write_gif, write_mp4
from a2f.mesh import Topology

SIZE = 96


@pytest.fixture(scope="module")
def faces():
    return load_faces()


@pytest.fixture(scope="module")
def opening(faces) -> np.ndarray:
    """The mean face opening its jaw over nine frames, (9, N, 3); synthetic."""
    unit = faces.unit_basis[faces.unit("jawOpen")]
    return faces.mean + np.linspace(0, 0.8, 9)[:, None, None].astype(np.float32) * unit


@pytest.fixture(scope="module")
def pictures(opening, faces) -> list[np.ndarray]:
    return list(render_faces(opening, faces.topology, SIZE))


def block(colours, frames: int = 1, size: tuple[int, int] = (32, 48)) -> list[np.ndarray]:
    """Frames of one colour each, as many of every colour."""
    return [np.full((*size, 3), colour, np.uint8) for colour in colours for _ in range(frames)]


def test_frames_differ_when_the_face_moves(pictures):
    """A screenshot without a new rendering would give the first frame nine times."""
    assert len(pictures) == 9
    for before, after in zip(pictures, pictures[1:], strict=False):
        assert (before != after).any()
    moved = (pictures[0] != pictures[8]).any(axis=-1)
    assert moved[SIZE // 2 :].mean() > 10 * moved[: SIZE // 4].mean(), "an opening jaw moves the lower half"


def test_a_face_that_returns_looks_as_before(opening, faces):
    """Nothing of a frame is left in the next one, its normals included."""
    first, _, last = render_faces(opening[[0, 8, 0]], faces.topology, SIZE)
    np.testing.assert_array_equal(first, last)


def test_shading_follows_the_motion(faces):
    """Normals of the first frame would leave a face that has turned lit from where it looked before."""
    turn = np.radians(40)
    matrix = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]], np.float32)
    turned = faces.mean @ matrix.T
    with Renderer(faces.mean, faces.topology, SIZE) as renderer:
        renderer.draw(faces.mean)
        after = renderer.draw(turned)
    with Renderer(turned, faces.topology, SIZE) as renderer:
        renderer._place_camera(faces.mean[faces.topology.region("face")], "front", 1.0, 0.72)
        alone = renderer.draw(turned)
    np.testing.assert_array_equal(after, alone)


@pytest.mark.parametrize("size, expected", [(SIZE, (96, 96)), (63, (64, 64)), ((81, 40), (40, 82))])
def test_pictures_are_uint8_of_even_size(faces, size, expected):
    (picture,) = render_faces(faces.mean[None], faces.topology, size)
    assert picture.shape == (*expected, 3) and picture.dtype == np.uint8


def test_the_face_is_upright_and_looks_at_us(faces):
    """Dark pupils left and right of the middle above red lips, on white ground."""
    (picture,) = render_faces(faces.mean[None], faces.topology, 256)
    assert (picture[0] == 255).all(), "white ground"
    red = picture.astype(int)[..., 0] - picture.astype(int)[..., 1]
    inside = slice(64, 192)
    lips = np.argwhere(red[inside, inside] > np.percentile(red[inside, inside], 99))[:, 0].mean()
    brightness = picture[inside, inside].sum(-1)
    dark = np.argwhere(brightness <= np.sort(brightness, axis=None)[30])
    eyes, across = dark[:, 0].mean(), dark[:, 1]
    assert eyes + 20 < lips, "eyes above lips"
    assert (across < 64).any() and (across > 64).any(), "an eye on either side"


def test_views_differ_and_left_is_the_subjects_left(faces):
    """From the subject's left the nose points to the picture's left."""
    front, turned, left = (next(render_faces(faces.mean[None], faces.topology, SIZE, v)) for v in render.VIEWS)
    assert (front != turned).any() and (turned != left).any()
    nose = faces.mean[:, 2].argmax()
    row = left[SIZE // 2 : SIZE // 2 + 10] < 250
    columns = np.flatnonzero(row.any(axis=(0, 2)))
    assert columns.min() < SIZE - 1 - columns.max() + SIZE // 2 and faces.mean[nose, 2] > 0
    assert columns.mean() > SIZE / 2, "the back of the head lies to the right"


def test_parts_have_their_colours(faces):
    colours = render.vertex_colours(faces.topology)
    assert colours.shape == (faces.topology.num_vertices, 3) and colours.dtype == np.float32
    for index, name in enumerate(faces.topology.part_names):
        own = colours[faces.topology.parts == index]
        np.testing.assert_allclose(own, np.tile(np.float32(render.COLOURS[name]), (len(own), 1)))
    plain = Topology("plain", 4, [[0, 1, 2]], {"lips": [0]})
    np.testing.assert_allclose(render.vertex_colours(plain), np.tile(np.float32(render.SKIN), (4, 1)))


def test_a_heat_map_runs_from_blue_to_red(faces):
    """The hot half is red, the cold half blue; values beyond the limits keep the end's colour."""
    values = np.where(faces.mean[:, 1] > 0, 5.0, -1.0)
    picture = render_heat(faces.mean, faces.topology, values, limits=(0.0, 2.0), size=SIZE).astype(int)
    drawn = picture.min(axis=-1) < 200
    redder = picture[..., 0] > picture[..., 2]
    assert redder[: SIZE // 4][drawn[: SIZE // 4]].mean() > 0.95
    assert redder[3 * SIZE // 4 :][drawn[3 * SIZE // 4 :]].mean() < 0.05


def test_a_heat_map_of_a_region_draws_that_region_only(faces):
    zero = np.zeros(faces.topology.num_vertices)
    ids = faces.topology.region("face")
    whole = render_heat(faces.mean, faces.topology, zero, limits=(0, 1), size=SIZE)
    face = render_heat(faces.mean, faces.topology, zero, limits=(0, 1), size=SIZE, ids=ids)
    # framed by what it draws, and open where the eyes are
    covered = (face < 250).any(axis=-1)
    rows = np.flatnonzero(covered.any(axis=1))
    assert rows.min() < 8 and rows.max() > SIZE - 8 and (whole != face).any()
    assert not covered.all(axis=1).any(), "an oval face leaves ground at either side"


@pytest.mark.parametrize(
    "draw, named",
    [
        (lambda f: list(render_faces(f.mean[None, :-1], f.topology, SIZE)), r"expected \(\.\.\., 4838, 3\)"),
        (lambda f: list(render_faces(f.mean, f.topology, SIZE)), r"expected \(T, N, 3\)"),
        (lambda f: list(render_faces(f.mean[None] * np.nan, f.topology, SIZE)), "not finite"),
        (lambda f: list(render_faces(f.mean[None], f.topology, SIZE, "above")), "'above'.*front, three-quarter"),
        (lambda f: render_heat(f.mean, f.topology, np.zeros(7), limits=(0, 1)), r"\(7,\), expected \(4838,\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(faces, draw, named):
    with pytest.raises(BadInput, match=named):
        draw(faces)


@pytest.fixture
def unproved():
    """Forget that this machine can draw, before and after."""
    render.ensure_rendering.cache_clear()
    yield
    render.ensure_rendering.cache_clear()


@pytest.mark.parametrize("code", ["import os; os.kill(os.getpid(), 11)", "import time; time.sleep(60)"])
def test_a_machine_that_cannot_draw_is_told_what_to_install(monkeypatch, unproved, faces, code):
    """The drawing library ends the process that tries, or hangs; ours lives on to say so."""
    monkeypatch.setattr(render, "_PROBE", code)
    monkeypatch.setattr(render, "_PATIENCE", 2.0)
    with pytest.raises(RenderingUnavailable, match="apt-get install libegl1 libgl1-mesa-dri"):
        next(render_faces(faces.mean[None], faces.topology, SIZE))


def test_the_machine_is_tried_once(monkeypatch, unproved):
    tried = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(render.subprocess, "run", lambda *a, **k: tried.append(a) or done)
    for _ in range(3):
        render.ensure_rendering()
    assert len(tried) == 1


@pytest.mark.parametrize("seconds, audio", [(1.0, True), (2.0, False)])
def test_a_film_has_its_streams_and_its_length(tmp_path, seconds, audio):
    frames = block(np.linspace(0, 255, round(25 * seconds)))
    tone = 0.3 * np.sin(np.arange(int(16_000 * seconds)) * 0.2).astype(np.float32)
    sound = {"audio": tone, "sample_rate": 16_000} if audio else {}
    write_mp4(tmp_path / "film.mp4", frames, 25, **sound, progress=False)
    found = probe_mp4(tmp_path / "film.mp4")
    assert (found.width, found.height, found.fps, found.video_codec) == (48, 32, 25.0, "h264")
    assert found.audio_codec == ("aac" if audio else None)
    assert found.seconds == pytest.approx(seconds, abs=0.1)
    head = (tmp_path / "film.mp4").read_bytes()
    assert head.index(b"moov") < head.index(b"mdat"), "a page can start it before it is all there"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"], "nothing temporary is left"


def test_a_film_shows_its_frames_in_order(tmp_path):
    """Read back, the colours are those written, up to the compression."""
    colours = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200)])
    write_mp4(tmp_path / "film.mp4", block(colours, frames=5), 25, progress=False)
    command = [get_ffmpeg_exe(), "-v", "error", "-i", tmp_path / "film.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    read = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout
    seen = np.frombuffer(read, np.uint8).reshape(15, 32 * 48, 3).mean(axis=1)
    np.testing.assert_allclose(seen, np.repeat(colours, 5, axis=0), atol=12)


@pytest.mark.parametrize(
    "frames, sound, named",
    [
        ([], {}, "no frames"),
        (block([0], size=(32, 47)), {}, "47 x 32.*even"),
        (block([0]) + block([0], size=(32, 50)), {}, "50 x 32 pixels, the first was 48 x 32"),
        (block([0]), {"audio": np.zeros(9, np.float32)}, "sample_rate"),
    ],
)
def test_a_film_that_cannot_be_is_refused_and_leaves_the_old_one(tmp_path, frames, sound, named):
    path = tmp_path / "film.mp4"
    path.write_text("the film before")
    with pytest.raises(BadInput, match=named):
        write_mp4(path, frames, 25, **sound, progress=False)
    assert path.read_text() == "the film before" and len(list(tmp_path.iterdir())) == 1


def test_a_broken_off_film_leaves_nothing(tmp_path):
    def frames():
        yield from block([0, 90])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mp4(tmp_path / "film.mp4", frames(), 25, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_progress_bar_only_where_it_is_wanted(tmp_path, capfd):
    write_mp4(tmp_path / "film.mp4", block([0, 90]), 25, progress=False)
    assert capfd.readouterr() == ("", "")
    write_mp4(tmp_path / "film.mp4", block([0, 90]), 25, total=2)
    out, err = capfd.readouterr()
    assert out == "" and "film.mp4" in err


def test_a_gif_moves_and_loops_and_has_its_width(tmp_path):
    from PIL import Image

    write_gif(tmp_path / "face.gif", block([0, 120, 240], frames=4), 10, width=24)
    with Image.open(tmp_path / "face.gif") as gif:
        assert gif.size == (24, 16) and gif.info["loop"] == 0
        lengths, levels = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            lengths.append(gif.info["duration"])
            levels.append(np.asarray(gif.convert("L")).mean())
    assert sum(lengths) == pytest.approx(1200, abs=120)
    assert levels[0] < 40 and levels[-1] > 200


def test_probing_what_is_no_film_says_so(tmp_path):
    with pytest.raises(MissingData, match="nowhere.mp4"):
        probe_mp4(tmp_path / "nowhere.mp4")
    (tmp_path / "text.mp4").write_text("not a film")
    with pytest.raises(BadInput, match="no video"):
        probe_mp4(tmp_path / "text.mp4")

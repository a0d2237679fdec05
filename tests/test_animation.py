"""An animation keeps what it is given, comes back from its file exactly, and refuses what does not fit together."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from a2f import animation as module
from a2f.animation import FOLDERS, FORMATS, Animation
from a2f.errors import BadInput, MissingData
from a2f.export.video import probe_mp4
from a2f.mesh import Topology
from a2f.side_by_side import SideBySide

FRAMES, FEATURES, RATE = 12, 3, 16_000


def grid(side: int = 6) -> Topology:
    """A square of triangles facing us, with every optional part of a topology."""
    at = np.arange(side * side).reshape(side, side)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel()
    return Topology(
        "grid",
        side * side,
        np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]),
        {"lips": np.arange(4), "face": np.arange(side * side)},
        unit="cm",
        metres_per_unit=1e-2,
        region_source="made up",
        landmarks={"jaw": np.array([5])},
        parts=(np.arange(side * side) % 2).astype(np.uint8),
        part_names=("skin", "lips"),
    )


def make(**changes) -> Animation:
    """A square that bends, synthetic: vertices = flat + weights @ basis."""
    rng = np.random.default_rng(0)
    topology = grid()
    flat = np.zeros((topology.num_vertices, 3), np.float32)
    flat[:, 0], flat[:, 1] = np.arange(len(flat)) % 6, -(np.arange(len(flat)) // 6)
    basis = rng.normal(size=(FEATURES, len(flat), 3)).astype(np.float32)
    weights = np.linspace(0, 0.5, FRAMES, dtype=np.float32)[:, None] * np.ones((1, FEATURES), np.float32)
    given = {
        "vertices": flat + np.tensordot(weights, basis, axes=1),
        "fps": 12.0,
        "topology": topology,
        "audio": (0.1 * rng.normal(size=RATE)).astype(np.float32),
        "sample_rate": RATE,
        "name": "bending",
        "basis": basis,
        "weights": weights,
        "config": {"motion_dim": FEATURES, "name": "ä"},
    }
    return Animation(**given | changes)


BARE = {"audio": None, "sample_rate": None, "basis": None, "weights": None, "config": None, "name": ""}


@pytest.fixture(scope="module")
def animation() -> Animation:
    return make()


@pytest.mark.parametrize("changes", [{}, BARE], ids=["with everything", "bare"])
def test_an_animation_comes_back_from_its_file_exactly(tmp_path, changes):
    saved = make(**changes)
    saved.to_npz(tmp_path / "a.npz")
    loaded = Animation.from_npz(tmp_path / "a.npz")
    for name in ("vertices", "audio", "basis", "weights"):
        before, after = getattr(saved, name), getattr(loaded, name)
        assert (before is None) == (after is None), name
        if before is not None:
            assert after.dtype == np.float32
            np.testing.assert_array_equal(before, after)
    for name in ("fps", "sample_rate", "name", "config", "duration", "num_frames"):
        assert getattr(saved, name) == getattr(loaded, name), name
    for name in ("name", "num_vertices", "unit", "metres_per_unit", "region_source", "part_names"):
        assert getattr(saved.topology, name) == getattr(loaded.topology, name), name
    for name in ("faces", "parts"):
        np.testing.assert_array_equal(getattr(saved.topology, name), getattr(loaded.topology, name))
    for name in ("regions", "landmarks"):
        before, after = getattr(saved.topology, name), getattr(loaded.topology, name)
        assert before.keys() == after.keys()
        for key in before:
            np.testing.assert_array_equal(before[key], after[key])


def test_the_file_can_be_read_without_a2f(tmp_path, animation):
    animation.to_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["vertices"].dtype == np.float32 and stored["vertices"].shape == (FRAMES, 36, 3)
        assert stored["faces"].dtype == np.int32 and float(stored["fps"]) == 12.0
        assert str(stored["unit"]) == "cm" and int(stored["sample_rate"]) == RATE
        assert json.loads(str(stored["config"])) == animation.config
        posed = np.tensordot(stored["weights"], stored["basis"], axes=1)
        motion = stored["vertices"] - stored["vertices"][0]
        np.testing.assert_allclose(posed - posed[0], motion, atol=1e-5)


def test_the_template_is_what_the_blendshapes_move(animation):
    drawn = animation.template + np.tensordot(animation.weights, animation.basis, axes=1)
    np.testing.assert_allclose(drawn, animation.vertices, atol=1e-5)
    assert animation.template.dtype == np.float32 and not animation.template[:, 2].any(), "flat"
    np.testing.assert_array_equal(make(**BARE).template, animation.vertices[0])


def test_weights_of_other_vertices_have_no_template(tmp_path, animation):
    wrong = make(weights=animation.weights[::-1])
    with pytest.raises(BadInput, match="not one template.*differs by .* cm; give the weights of these vertices"):
        wrong.to_glb(tmp_path / "a.glb")
    assert not list(tmp_path.iterdir())


def test_other_programs_files_say_how_far_off_they_are(tmp_path, animation):
    """Two shapes for a motion along one direction are exact; one for noise is not."""
    assert animation.to_glb(tmp_path / "a.glb") <= 1e-4 * 5 and animation.to_glb(tmp_path / "a.glb", "svd", 1) <= 1e-3
    noise = np.random.default_rng(0).normal(size=animation.vertices.shape).astype(np.float32)
    noisy = make(**BARE | {"vertices": animation.vertices + noise})
    assert noisy.to_glb(tmp_path / "a.glb", "svd", 1) > 1 > 1e-3 > noisy.to_glb(tmp_path / "a.glb")
    with pytest.raises(BadInput, match="basis is 'pca', expected 'exact' or 'svd'"):
        animation.to_glb(tmp_path / "b.glb", basis="pca")
    np.savez(tmp_path / "units.npz", basis=animation.basis[:1], names=["jawOpen"])
    assert animation.to_arkit_csv(tmp_path / "a.csv", units=tmp_path / "units.npz") > 0.1


def rewritten(path, **changes) -> None:
    """Replace arrays of an .npz, or drop those that are None."""
    with np.load(path) as stored:
        arrays = dict(stored) | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"vertices": None}, "vertices"),
        ({"vertices": np.zeros(3, np.float32)}, "is not an animation"),
        ({"vertices": np.full((1, 36, 3), np.nan, np.float32)}, "not finite"),
        ({"vertices": np.zeros((2, 35, 3), np.float32)}, "vertex 35|35"),
        ({"weights": np.zeros((2, 3), np.float32)}, "weights"),
        ({"config": np.array("{")}, "is not an animation"),
        ({"sample_rate": np.array("fast")}, "is not an animation"),
        ({"fps": np.zeros(2)}, "is not an animation"),
        ({"region_lips": np.array([99])}, "region 'lips'"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused_by_name(tmp_path, animation, changes, named):
    path = tmp_path / "wrong.npz"
    animation.to_npz(path)
    rewritten(path, **changes)
    with pytest.raises(BadInput, match=named) as error:
        Animation.from_npz(path)
    assert "wrong.npz" in str(error.value)


def test_pickles_are_refused_without_running_them(tmp_path, animation):
    class Trap:
        ran = []

        def __reduce__(self):
            return self.ran.append, (1,)

    path = tmp_path / "trap.npz"
    animation.to_npz(path)
    content = io.BytesIO()
    np.save(content, np.array([Trap()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("audio.npy", content.getvalue())
    with pytest.raises(BadInput, match="trap.npz"):
        Animation.from_npz(path)
    assert Trap.ran == []


def test_a_damaged_file_is_refused_or_unharmed(tmp_path, animation):
    """Cut anywhere, or with a byte changed anywhere, a file gives the same animation or an error that names it."""
    path = tmp_path / "damaged.npz"
    animation.to_npz(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(BadInput, match="damaged.npz"):
            Animation.from_npz(path)
    refused = 0
    for place in rng.integers(len(whole), size=60):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        try:
            loaded = Animation.from_npz(path)
        except BadInput as error:
            assert "damaged.npz" in str(error)
            refused += 1
        else:
            np.testing.assert_array_equal(loaded.vertices, animation.vertices)
    assert refused > 30
    with pytest.raises(MissingData, match="nowhere.npz"):
        Animation.from_npz(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"vertices": np.zeros((36, 3))}, r"\(36, 3\), expected \(T, N, 3\)"),
        ({"vertices": np.zeros((0, 36, 3))}, "T of at least 1"),
        ({"vertices": np.zeros((FRAMES, 35, 3))}, "36"),
        ({"vertices": np.full((FRAMES, 36, 3), np.inf)}, "not finite"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": np.nan}, "fps is nan"),
        ({"fps": np.inf}, "fps is inf"),
        ({"audio": None}, "together"),
        ({"sample_rate": None}, "together"),
        ({"sample_rate": -1}, "sample_rate is -1"),
        ({"audio": np.zeros((9, 2))}, r"audio has shape \(9, 2\), expected one channel"),
        ({"audio": np.zeros(0)}, r"audio has shape \(0,\)"),
        ({"audio": np.array([0.0, np.nan])}, "audio holds numbers that are not finite"),
        ({"weights": None}, "together"),
        ({"weights": np.zeros((FRAMES - 1, FEATURES))}, "do not fit"),
        ({"basis": np.zeros((FEATURES, 35, 3))}, "do not fit"),
        ({"basis": np.full((FEATURES, 36, 3), np.nan)}, "basis holds"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(changes, named):
    with pytest.raises(BadInput, match=named):
        make(**changes)


def test_lists_and_doubles_become_float32():
    vertices = np.zeros((2, 36, 3))
    made = make(vertices=vertices.tolist(), basis=vertices.tolist(), weights=[[0, 0], [0, 0]], audio=[0.0, 0.5])
    assert {made.vertices.dtype, made.basis.dtype, made.weights.dtype, made.audio.dtype} == {np.dtype(np.float32)}


def test_length_and_name_are_told(animation):
    assert animation.num_frames == FRAMES and animation.duration == 1.0
    assert repr(animation) == "Animation(bending: 12 frames at 12 fps, with sound)"
    assert repr(make(**BARE)) == "Animation(unnamed: 12 frames at 12 fps, without sound)"


def test_a_film_lasts_as_long_as_the_animation(tmp_path, animation):
    animation.to_mp4(tmp_path / "a.mp4", size=64, progress=False)
    found = probe_mp4(tmp_path / "a.mp4")
    assert (found.width, found.height, found.fps, found.audio_codec) == (64, 64, 12.0, "aac")
    assert found.seconds == pytest.approx(animation.duration, abs=0.1)


def test_films_side_by_side_are_as_wide_as_all_and_as_long_as_the_shortest(tmp_path, animation):
    short = make(vertices=animation.vertices[:6], weights=animation.weights[:6], name="short")
    pair = animation.side_by_side([short])
    frames = list(pair.frames(size=63))
    assert len(frames) == 6 and frames[0].shape == (28 + 64, 128, 3)
    own = list(animation.frames(size=64))
    for frame, alone in zip(frames, own[:6], strict=True):
        np.testing.assert_array_equal(frame[28:, :64], alone)
    assert (frames[0][:28, :64] != frames[0][:28, 64:]).any(), "each under its own name"
    pair.to_mp4(tmp_path / "pair.mp4", size=64, progress=False)
    found = probe_mp4(tmp_path / "pair.mp4")
    assert found.audio_codec == "aac" and found.seconds == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    "animations, named", [([], "no animations"), ([make(), make(fps=10)], r"share one frame rate.*10\.0, 12\.0")]
)
def test_what_cannot_stand_side_by_side_is_refused(animations, named):
    with pytest.raises(BadInput, match=named):
        SideBySide(animations)


def test_a_contact_sheet_shows_the_frames_of_its_times(animation):
    frames = list(animation.frames(size=64))
    sheet = animation.contact_sheet(times=[0.0, 0.49, 1.0], size=64)
    assert sheet.shape == (64, 192, 3)
    np.testing.assert_array_equal(sheet, np.concatenate([frames[0], frames[6], frames[-1]], axis=1))
    spread = animation.contact_sheet(count=3, size=64)
    assert spread.shape == (64, 192, 3)
    np.testing.assert_array_equal(spread[:, 128:], frames[-1])
    assert make(vertices=animation.vertices[:2], weights=animation.weights[:2]).contact_sheet(size=64).shape[1] == 128


@pytest.mark.parametrize("times", [[-0.1], [1.5], [np.nan], 0.5])
def test_a_contact_sheet_outside_the_animation_is_refused(animation, times):
    with pytest.raises(BadInput, match="expected seconds within 0 and 1"):
        animation.contact_sheet(times=times)


def test_notebooks_get_a_picture_drawn_once(animation, monkeypatch):
    from PIL import Image

    png = animation._repr_png_()
    assert Image.open(io.BytesIO(png)).size == (6 * 220, 220)
    monkeypatch.setattr(module, "render_faces", lambda *a: pytest.fail("drawn again"))
    assert animation._repr_png_() is png


def test_export_writes_each_format(tmp_path, animation, monkeypatch):
    monkeypatch.setattr(Animation, "frames", lambda self, *a: (np.zeros((16, 16, 3), np.uint8) for _ in range(12)))
    paths = animation.export(["npz", "mp4"], tmp_path / "new", "hello")
    assert [path.name for path in paths] == ["hello.npz", "hello.mp4"]
    np.testing.assert_array_equal(Animation.from_npz(paths[0]).vertices, animation.vertices)
    assert probe_mp4(paths[1]).audio_codec == "aac"


def test_every_format_writes_what_it_is_called(tmp_path):
    """Files `<stem>.<format>`, and a folder `<stem>-<format>` for sequences of meshes."""
    from a2f.data.faces import load_faces

    faces = load_faces()
    unit = faces.unit_basis[[faces.unit("jawOpen")]]
    weights = np.float32([[0], [0.5]])
    still = Animation(faces.mean + weights[..., None] * unit, 30, faces.topology, basis=unit, weights=weights)
    formats = [name for name in FORMATS if name != "mp4"]
    paths = still.export(formats, tmp_path, "hello")
    assert sorted(paths) == sorted(tmp_path.iterdir())
    for name, path in zip(formats, paths, strict=True):
        assert path.name == (f"hello-{name}" if name in FOLDERS else f"hello.{name}")
        assert path.is_dir() == (name in FOLDERS), name
        assert {file.name for file in path.glob("*")} == {f"frame_000{n}.{name}" for n in (1, 2)} or path.is_file()


@pytest.mark.parametrize(
    "formats, named", [(["npz", "fbx"], "'fbx' is unknown; there are mp4, npz, glb"), ([], "unknown")]
)
def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path, animation, formats, named):
    with pytest.raises(BadInput, match=named):
        animation.export(formats, tmp_path / "new", "hello")
    assert not (tmp_path / "new").exists()

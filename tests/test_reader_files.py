"""What the readers of real data share: meshes, sound, faces over time in one file, and frames with numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from a2f.data.mesh_files import read_mesh
from a2f.data.numbered_frames import FrameFile, longest_stretch, read_frame, read_stretch
from a2f.data.sound_files import sound_file
from a2f.data.subject_meshes import read_subject_meshes
from a2f.data.survey import GAP, PROBLEM
from a2f.data.vertex_files import vertex_file
from a2f.errors import BadInput, MissingData


def test_an_obj_keeps_every_vertex_in_its_place(tmp_path: Path):
    # vertex 3 is in no face, vertex 0 and 2 lie on a seam of the texture, the last face counts from the end
    text = """
    # made up
    v 0 0 0 1.0
    v 1 0 0
    v 1 1 0
    v 9 9 9
    v 0 1 0
    vt 0 0
    vt 1 1
    vn 0 0 1
    f 1/1/1 2/2/1 3/1/1 5/1
    f 3//1 2//1 1/2
    f -1 -2 -3
    """
    path = tmp_path / "mesh.obj"
    path.write_text("\n".join(line.strip() for line in text.splitlines()))
    vertices, faces = read_mesh(path)
    np.testing.assert_array_equal(vertices, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [9, 9, 9], [0, 1, 0]])
    np.testing.assert_array_equal(faces, [[0, 1, 2], [0, 2, 4], [2, 1, 0], [4, 3, 2]])
    assert vertices.dtype == np.float32 and faces.dtype == np.int32


@pytest.mark.parametrize("suffix", [".obj", ".ply"])
def test_meshes_are_those_that_another_library_wrote(tmp_path: Path, suffix: str):
    mesh = trimesh.creation.icosphere(2)
    mesh.export(tmp_path / f"mesh{suffix}")
    vertices, faces = read_mesh(tmp_path / f"mesh{suffix}")
    np.testing.assert_allclose(vertices, mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(faces, mesh.faces)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.obj", "v 0 0 0\nv 1 0\nf 1 2 1\n", "not a whole .obj"),
        ("a.obj", "v 0 0 0\nv 1 0 zero\nf 1 2 1\n", "not a whole .obj"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nf 1 2 x\n", "not a whole .obj"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nf 1 2 3\n", "names vertex 2, but there are 2"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nf 0 1 2\n", "names vertex -1"),
        ("a.obj", "v 0 0 0\nv 1 0 0\n", "2 vertices and 0 triangles"),
        ("a.obj", "v 0 0 0\nv nan 0 0\nf 1 2 1\n", "not finite"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 4\n", "not a whole .ply"),
        ("a.stl", "solid", "give an .obj or a .ply"),
    ],
)
def test_a_mesh_that_is_none_is_refused(tmp_path: Path, name: str, content: str, said: str):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=said):
        read_mesh(tmp_path / name)
    with pytest.raises(MissingData):
        read_mesh(tmp_path / f"other_{name}")


def test_subjects_share_the_mesh_of_the_first_that_can_be_read(tmp_path: Path):
    mesh = trimesh.creation.icosphere(1)
    for name in "bcd":
        mesh.export(tmp_path / f"{name}.obj")
    (tmp_path / "a.obj").write_text("v 0 0 0")
    trimesh.creation.icosphere(2).export(tmp_path / "c.obj")
    templates, faces, findings = read_subject_meshes(sorted(tmp_path.iterdir()))
    assert list(templates) == ["b", "d"]
    np.testing.assert_array_equal(faces, mesh.faces)
    assert [finding.kind for finding in findings] == [GAP, PROBLEM]
    assert "subject a" in findings[0].what and "c.obj" in findings[1].what
    assert read_subject_meshes([])[0] == {}


def test_sound_is_measured_without_reading_and_cut_by_time(tmp_path: Path):
    path = tmp_path / "a.wav"
    samples = np.linspace(-0.5, 0.5, 22_050, dtype=np.float32)
    soundfile.write(path, samples, 22_050, subtype="FLOAT")
    sound = sound_file(path)
    assert (sound.sample_rate, sound.num_samples) == (22_050, 22_050)
    np.testing.assert_array_equal(sound.read(), samples)
    piece = sound.piece(0.2, 0.6)
    np.testing.assert_array_equal(piece.read(), samples[4_410:13_230])
    assert piece.num_samples == 13_230 - 4_410
    late = sound.piece(0.9, 5.0)
    assert late.num_samples == len(late.read()) == 2_205
    assert sound.piece(2, 3).num_samples == 0


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 100])
def test_sound_that_is_none_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadInput, match="a.wav"):
        sound_file(tmp_path / "a.wav")
    with pytest.raises(MissingData, match="b.wav"):
        sound_file(tmp_path / "b.wav")


def test_sound_of_no_length_is_refused(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.zeros(10), 16_000)
    with pytest.raises(BadInput, match="is empty: 10 samples"):
        sound_file(tmp_path / "a.wav")


@pytest.mark.parametrize("shape", [(7, 5, 3), (7, 15)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_faces_in_one_file_are_read_in_either_shape(tmp_path: Path, shape: tuple, dtype):
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    frames, read = vertex_file(tmp_path / "a.npy", 5, factor=1000)
    expected = values.reshape(7, 5, 3).astype(np.float32) * 1000
    assert frames == 7
    for wanted in (slice(None), slice(2, 4), slice(None, None, -2), np.array([6, 0, 0]), slice(3, 3)):
        faces = read(wanted)
        assert faces.dtype == np.float32 and faces.dtype.isnative
        np.testing.assert_allclose(faces, expected[wanted], rtol=1e-6)


@pytest.mark.parametrize(
    "values",
    [np.zeros((7, 4, 3), np.float32), np.zeros((7, 15), int), np.zeros((0, 15)), np.zeros(15), np.float32(3)],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, values: np.ndarray):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(BadInput, match="a.npy holds"):
        vertex_file(tmp_path / "a.npy", 5)


def test_objects_in_an_npy_are_not_loaded(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="a.npy"):
        vertex_file(tmp_path / "a.npy", 5)


def test_a_file_that_changed_after_the_survey_is_refused(tmp_path: Path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((7, 15), np.float32))
    _, read = vertex_file(path, 5)
    np.save(path, np.zeros((6, 15), np.float32))
    with pytest.raises(BadInput, match="held 7 frames .* now holds 6"):
        read(slice(0, 1))
    path.unlink()
    with pytest.raises(MissingData, match="a.npy"):
        read(slice(0, 1))


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    path, frames, vertices = tmp_path / "a.npy", 4_000, 23_370
    with open(path, "wb") as file:  # 1.1 GB that take no room on the disk
        header = {"descr": "<f4", "fortran_order": False, "shape": (frames, vertices * 3)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + frames * vertices * 12)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    _, read = vertex_file(path, vertices)
    read(slice(0, 8))
    before = resident()
    for start in np.random.default_rng(0).integers(0, frames - 8, size=60):
        read(slice(start, start + 8))
    assert resident() - before < 30e6


def _numbered(folder: Path, numbers: list[int]) -> dict[int, FrameFile]:
    """Files whose one vertex is the frame's number, three times."""
    files = {}
    for number in numbers:
        path = folder / f"{number}.bin"
        path.write_bytes(b"head" + np.full(3, number, dtype="<f4").tobytes())
        files[number] = FrameFile(path, offset=4)
    return files


def _slow(numbers: list[int], step: int, fill: int) -> list[float]:
    """The frames of the longest stretch by walking from number to number."""
    runs = [[float(numbers[0])]]
    for last, number in zip(numbers, numbers[1:], strict=False):
        missing = (number - last) // step - 1
        if missing > fill:
            runs.append([])
        else:
            runs[-1] += [last + step * (i + 1) for i in range(missing)]
        runs[-1].append(float(number))
    return max(runs, key=len)


@settings(max_examples=60, deadline=None)
@given(step=st.sampled_from([1, 2, 3]), jumps=st.lists(st.sampled_from([1, 1, 1, 2, 3, 4, 9]), min_size=1, max_size=25))
def test_stretches_are_those_found_by_walking(tmp_path_factory: pytest.TempPathFactory, step: int, jumps: list[int]):
    jumps = jumps + [1] * (len(jumps) + 1)  # so that most distances are one frame
    numbers = [int(n) for n in 100 + step * np.cumsum([0, *jumps])]
    files = _numbered(tmp_path_factory.mktemp("frames"), numbers)
    stretch = longest_stretch(dict(reversed(files.items())), fill=2)
    expected = _slow(numbers, step, fill=2)
    faces = read_stretch(stretch, 1)(slice(None))
    # the vertex is the number, so that what is filled on a straight line is a whole step farther
    np.testing.assert_allclose(faces[:, 0, 0], expected, rtol=1e-6)
    assert len(stretch) == len(expected) and stretch.start == (expected[0] - 100) / step
    assert stretch.total == (numbers[-1] - numbers[0]) // step + 1
    assert sum(missed for _, missed in stretch.cut) == sum(jump - 1 for jump in jumps if jump > 3)


def test_a_number_off_the_beat_goes_to_the_nearer_frame(tmp_path: Path):
    files = _numbered(tmp_path, [30, 33, 36, 40, 42, 45])
    faces = read_stretch(longest_stretch(files), 1)(slice(None))
    np.testing.assert_array_equal(faces[:, 0, 0], [30, 33, 36, 40, 42, 45])


def test_one_frame_is_a_stretch(tmp_path: Path):
    stretch = longest_stretch(_numbered(tmp_path, [7]))
    assert (len(stretch), stretch.start, stretch.total, stretch.cut, stretch.filled) == (1, 0, 1, (), ())


def test_frames_are_adjusted_one_by_one_before_holes_are_filled(tmp_path: Path):
    stretch = longest_stretch(_numbered(tmp_path, [1, 2, 3, 5]))
    read = read_stretch(stretch, 1, lambda vertices: np.repeat(vertices**2, 2, axis=0))
    faces = read(slice(None))
    assert faces.shape == (5, 2, 3)
    np.testing.assert_allclose(faces[:, 1, 2], [1, 4, 9, 17, 25])


def test_a_frame_that_is_cut_or_gone_is_named(tmp_path: Path):
    file = _numbered(tmp_path, [1])[1]
    with pytest.raises(BadInput, match="1.bin ends after 1 vertices, expected 2"):
        read_frame(file, 2)
    file.path.unlink()
    with pytest.raises(MissingData, match="1.bin"):
        read_frame(file, 1)

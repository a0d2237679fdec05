"""A user's own folder: every kind of clip, every gap by name, and nothing read before it is asked for."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from layouts import head, motion, speech

from a2f.animation import Animation
from a2f.audio import write_wav
from a2f.data import folder_clips, open_dataset
from a2f.data.folder import survey
from a2f.data.folder_example import write_example
from a2f.data.survey import GAP, NOTE, PROBLEM
from a2f.data.validate import validate
from a2f.errors import BadInput, MissingData
from a2f.mesh import Topology

N, FRAMES, FPS, RATE = 800, 20, 25, 8000
SUBJECTS = ("anna", "ben")
FULL = {"fps": FPS, "unit": "mm", "metres_per_unit": 0.001}


def faces_of(subject: str, sentence: str) -> np.ndarray:
    return motion(head(N, SUBJECTS.index(subject))[0], FRAMES, seed=len(sentence), fps=FPS)


def mesh(path: Path, points: np.ndarray, triangles: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.Trimesh(points, triangles, process=False).export(path)


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """Two subjects with two clips each."""
    root = tmp_path_factory.mktemp("own")
    for number, subject in enumerate(SUBJECTS):
        mesh(root / "templates" / f"{subject}.obj", *head(N, number))
        folder = root / "clips" / subject
        folder.mkdir(parents=True)
        for sentence in ("hello", "goodbye"):
            np.save(folder / f"{sentence}.npy", faces_of(subject, sentence))
            write_wav(folder / f"{sentence}.wav", speech(FRAMES / FPS, RATE, seed=number), RATE)
    (root / "a2f.json").write_text(json.dumps(FULL))
    return root


@pytest.fixture
def root(whole, tmp_path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(whole, tmp_path / "own")


def settings(root: Path, **changes) -> None:
    """Write a2f.json with changes; a key whose value is None is left out."""
    kept = {key: value for key, value in (FULL | changes).items() if value is not None}
    (root / "a2f.json").write_text(json.dumps(kept))


def names(root: Path) -> list[str]:
    return sorted(recording.name for recording in survey(root).recordings)


def only(root: Path, kind: str) -> str:
    """Return the one finding of a kind."""
    (what,) = survey(root).of(kind)
    return what


# --- what a whole folder gives -------------------------------------------------------------------------------------


def test_a_whole_folder_has_no_findings(root):
    found = survey(root)
    assert found.usable and found.findings == ()
    assert (found.name, found.fps, found.synthetic, found.splits) == ("folder", FPS, False, None)
    assert names(root) == ["anna_goodbye", "anna_hello", "ben_goodbye", "ben_hello"]
    topology = found.topology
    assert (topology.num_vertices, topology.unit, topology.metres_per_unit) == (N, "mm", 0.001)
    np.testing.assert_array_equal(topology.faces, head(N, 0)[1])
    assert {"lips", "upper_face", "face"} <= set(topology.regions)
    assert topology.region_source.startswith("drawn geometrically: lips")


def test_a_recording_holds_faces_and_sound(root):
    (recording,) = [r for r in survey(root).recordings if r.name == "ben_hello"]
    assert (recording.subject, recording.sentence, recording.num_frames) == ("ben", "hello", FRAMES)
    assert (recording.sample_rate, recording.num_samples) == (RATE, FRAMES * RATE // FPS)
    np.testing.assert_array_equal(recording.read_vertices(slice(None)), faces_of("ben", "hello"))
    assert np.abs(recording.read_waveform() - speech(FRAMES / FPS, RATE, seed=1)).max() < 1e-4


def test_each_subject_has_the_template_of_its_name(root):
    for number, (subject, template) in enumerate(survey(root).templates.items()):
        assert subject == SUBJECTS[number]
        np.testing.assert_allclose(template, head(N, number)[0], atol=1e-4)


def as_flat(folder: Path, faces: np.ndarray) -> None:
    np.save(folder / "hello.npy", faces.reshape(FRAMES, -1))


def as_double(folder: Path, faces: np.ndarray) -> None:
    np.save(folder / "hello.npy", faces.astype(np.float64))


def as_npz(folder: Path, faces: np.ndarray) -> None:
    np.savez(folder / "hello.npz", vertices=faces)


def as_flat_npz(folder: Path, faces: np.ndarray) -> None:
    np.savez_compressed(folder / "hello.npz", vertices=faces.reshape(FRAMES, -1), fps=FPS)


def as_plys(folder: Path, faces: np.ndarray) -> None:
    """Frame 2 goes before frame 10."""
    for number, face in enumerate(faces):
        mesh(folder / "hello" / f"frame{number + 1}.ply", face, head(N, 0)[1])


def as_objs(folder: Path, faces: np.ndarray) -> None:
    for number, face in enumerate(faces):
        mesh(folder / "hello" / f"{number:03}.obj", face, head(N, 0)[1])


FORMS = [as_flat, as_double, as_npz, as_flat_npz, as_plys, as_objs]


@pytest.mark.parametrize("form", FORMS)
def test_faces_are_read_from_every_form_and_only_those_asked_for(root, form: Callable):
    expected = faces_of("anna", "hello")
    (root / "clips" / "anna" / "hello.npy").unlink()
    form(root / "clips" / "anna", expected)
    (recording,) = [r for r in survey(root).recordings if r.name == "anna_hello"]
    assert recording.num_frames == FRAMES
    for frames in (slice(None), slice(3, 7), slice(1, None, 5), np.array([4, 0, 4]), slice(5, 5)):
        read = recording.read_vertices(frames)
        assert read.dtype == np.float32 and not isinstance(read.base, np.memmap)
        np.testing.assert_allclose(read, expected[frames], atol=1e-4)


def test_a_survey_reads_headers_and_one_mesh_a_clip(root, monkeypatch):
    folder = root / "clips" / "anna"
    (folder / "hello.npy").unlink()
    as_plys(folder, faces_of("anna", "hello"))
    (folder / "goodbye.npy").unlink()
    np.savez(folder / "goodbye.npz", vertices=faces_of("anna", "goodbye"))
    meshes, read_mesh = [], folder_clips.read_mesh
    monkeypatch.setattr(folder_clips, "read_mesh", lambda path: meshes.append(path.name) or read_mesh(path))
    monkeypatch.setattr(folder_clips, "read_member", lambda path, name: pytest.fail(f"{name} of {path.name} was read"))
    assert len(names(root)) == 4 and meshes == ["frame1.ply"]


def test_an_archive_may_bring_its_sound_and_rate(root):
    folder = root / "clips" / "anna"
    sound = np.int16(1000 * np.sin(np.arange(RATE)))
    for suffix in (".npy", ".wav"):
        (folder / f"hello{suffix}").unlink()
    np.savez(folder / "hello.npz", vertices=faces_of("anna", "hello"), fps=FPS, audio=sound, sample_rate=RATE)
    (recording,) = [r for r in survey(root).recordings if r.name == "anna_hello"]
    assert (recording.sample_rate, recording.num_samples) == (RATE, RATE)
    np.testing.assert_allclose(recording.read_waveform(), sound / 32768, atol=1e-6)


def test_an_animation_that_a2f_wrote_is_a_clip(root):
    topology = Topology("own", N, head(N, 0)[1], {"face": np.arange(N)})
    sound = speech(FRAMES / FPS, RATE, seed=0)
    Animation(faces_of("anna", "more"), FPS, topology, sound, RATE).to_npz(root / "clips" / "anna" / "more.npz")
    (recording,) = [r for r in survey(root).recordings if r.name == "anna_more"]
    np.testing.assert_array_equal(recording.read_vertices(slice(2, 4)), faces_of("anna", "more")[2:4])
    np.testing.assert_array_equal(recording.read_waveform(), sound)


def test_the_rate_may_come_from_the_archives_alone(root):
    settings(root, fps=None)
    for path in root.glob("clips/*/*.npy"):
        np.savez(path.with_suffix(".npz"), vertices=np.load(path), fps=FPS)
        path.unlink()
    found = survey(root)
    assert found.usable and found.fps == FPS


def test_sound_may_be_flac_or_ogg(root):
    import soundfile

    folder = root / "clips" / "anna"
    for sentence, suffix in (("hello", ".flac"), ("goodbye", ".ogg")):
        sound, rate = soundfile.read(folder / f"{sentence}.wav")
        soundfile.write(folder / f"{sentence}{suffix}", sound, rate)
        (folder / f"{sentence}.wav").unlink()
    assert len(names(root)) == 4


# --- templates and triangles ---------------------------------------------------------------------------------------


def test_one_template_may_serve_all(root):
    (root / "templates" / "ben.obj").unlink()
    (root / "templates" / "anna.obj").rename(root / "template.obj")
    found = survey(root)
    assert found.usable
    np.testing.assert_array_equal(found.templates["anna"], found.templates["ben"])


def test_templates_may_be_arrays_with_the_triangles_beside(root):
    for number, subject in enumerate(SUBJECTS):
        (root / "templates" / f"{subject}.obj").unlink()
        np.save(root / "templates" / f"{subject}.npy", head(N, number)[0])
    assert "write faces.npy" in only(root, PROBLEM)
    assert survey(root).topology is None
    np.save(root / "faces.npy", head(N, 0)[1])
    found = survey(root)
    assert found.usable
    np.testing.assert_array_equal(found.topology.faces, head(N, 0)[1])


def test_one_mesh_gives_the_triangles_to_the_other_templates(root):
    (root / "templates" / "anna.obj").unlink()
    np.save(root / "templates" / "anna.npy", head(N, 0)[0])
    assert survey(root).usable


def test_a_subject_without_a_template_is_left_out_by_name(root):
    (root / "templates" / "ben.obj").unlink()
    assert "ben: no templates/ben.obj" in only(root, GAP)
    assert names(root) == ["anna_goodbye", "anna_hello"]


def test_a_cut_template_is_left_out_by_name(root):
    path = root / "templates" / "ben.obj"
    path.write_text(path.read_text()[: path.stat().st_size // 10])
    assert "ben" in only(root, GAP) and str(path) in only(root, GAP)


def test_no_template_at_all_is_a_problem(root):
    shutil.rmtree(root / "templates")
    found = survey(root)
    assert not found.usable and found.topology is None
    assert "no neutral face" in " ".join(found.of(PROBLEM)) and len(found.of(GAP)) == 2


def test_templates_of_different_sizes_are_a_problem(root):
    mesh(root / "templates" / "ben.obj", *head(N + 1, 1))
    assert f"anna {N}, ben {N + 1}" in only(root, PROBLEM)


def test_templates_of_different_triangles_are_a_problem(root):
    points, triangles = head(N, 1)
    mesh(root / "templates" / "ben.obj", points, np.roll(triangles, 1, axis=0))
    assert "ben.obj are not those of anna.obj" in only(root, PROBLEM)


@pytest.mark.parametrize("faces", [np.array([[0, 1, N]]), np.array([[0, 1, -1]]), np.array([[0, 1]]), np.array(["a"])])
def test_triangles_that_fit_no_vertices_are_a_problem(root, faces):
    np.save(root / "faces.npy", faces)
    assert "faces.npy" in only(root, PROBLEM)


# --- gaps ----------------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def nothing_in(path: Path) -> None:
    write_wav(path, np.zeros(0, np.float32), RATE)


@pytest.mark.parametrize(
    "suffix, damage, told",
    [
        (".npy", cut, "hello.npy is not a whole .npy"),
        (".npy", lambda path: path.write_bytes(b""), "hello.npy is not a whole .npy"),
        (".npy", lambda path: np.save(path, np.zeros((FRAMES, N + 1, 3), np.float32)), f"expected floats of .*{N}, 3"),
        (".npy", lambda path: np.save(path, np.zeros((0, N, 3), np.float32)), "no frame"),
        (".npy", lambda path: np.save(path, np.array({"a": 1}), allow_pickle=True), "hello.npy"),
        (".wav", Path.unlink, "hello.wav is not there"),
        (".wav", nothing_in, "hello.wav is empty"),
        (".wav", lambda path: path.write_bytes(b"RIFF"), "hello.wav cannot be read as a sound file"),
        (".npy", Path.unlink, "ben hello: sound without faces"),
    ],
)
def test_a_damaged_clip_is_left_out_by_name(root, suffix, damage, told):
    damage(root / "clips" / "ben" / f"hello{suffix}")
    what = only(root, GAP)
    assert what.startswith("ben hello: ") and re.search(told, what), what
    assert names(root) == ["anna_goodbye", "anna_hello", "ben_goodbye"] and survey(root).usable


@pytest.mark.parametrize(
    "arrays, told",
    [
        ({"points": np.zeros(3)}, "holds points; expected vertices"),
        ({"vertices": np.zeros((4, N - 1, 3), np.float32)}, rf"shape \(4, {N - 1}, 3\), expected floats"),
        ({"vertices": np.zeros((4, N, 3), int)}, "vertices of int64"),
        ({"vertices": np.zeros((0, N, 3), np.float32)}, "vertices of float32"),
        ({"vertices": np.zeros((4, N, 3), np.float32), "fps": 0}, "fps array.*expected one positive number"),
        ({"vertices": np.zeros((4, N, 3), np.float32), "audio": np.zeros(RATE)}, "audio but no sample_rate"),
        ({"vertices": np.zeros((4, N, 3), np.float32), "audio": np.zeros(9), "sample_rate": RATE}, "at least 0.05 s"),
    ],
)
def test_an_archive_of_something_else_is_left_out_by_name(root, arrays, told):
    np.savez(root / "clips" / "anna" / "third.npz", **arrays)
    shutil.copy(root / "clips" / "anna" / "hello.wav", root / "clips" / "anna" / "third.wav")
    what = only(root, GAP)
    assert what.startswith("anna third: ") and re.search(told, what), what


def test_a_cut_archive_is_left_out_by_name(root):
    path = root / "clips" / "anna" / "third.npz"
    np.savez(path, vertices=faces_of("anna", "hello"))
    cut(path)
    assert "third.npz is not a whole npz" in only(root, GAP)


def test_an_archive_of_pickles_runs_nothing(root, tmp_path):
    class Attack:
        def __reduce__(self):
            return (tmp_path / "ran").mkdir, ()

    np.savez(root / "clips" / "anna" / "third.npz", vertices=np.array(Attack(), dtype=object))
    assert "anna third" in only(root, GAP) and not (tmp_path / "ran").exists()


def test_meshes_with_a_hole_in_their_numbers_are_left_out_since_sound_would_drift(root):
    (root / "clips" / "anna" / "hello.npy").unlink()
    as_plys(root / "clips" / "anna", faces_of("anna", "hello"))
    (root / "clips" / "anna" / "hello" / "frame7.ply").unlink()
    assert "not numbered evenly, see after frame6.ply" in only(root, GAP)


def test_a_mesh_of_another_size_is_told_when_it_is_read(root):
    (root / "clips" / "anna" / "hello.npy").unlink()
    as_plys(root / "clips" / "anna", faces_of("anna", "hello"))
    mesh(root / "clips" / "anna" / "hello" / "frame5.ply", *head(N + 1, 0))
    (recording,) = [r for r in survey(root).recordings if r.name == "anna_hello"]
    assert len(recording.read_vertices(slice(0, 4))) == 4
    with pytest.raises(BadInput, match=f"frame5.ply has {N + 1} vertices, but the template has {N}"):
        recording.read_vertices(slice(None))


def test_a_folder_without_meshes_and_a_subject_without_clips_are_told(root):
    (root / "clips" / "anna" / "empty").mkdir()
    (root / "clips" / "carl").mkdir()
    mesh(root / "templates" / "carl.obj", *head(N, 2))
    first, second = sorted(survey(root).of(GAP))
    assert "empty holds no .obj or .ply" in first and first.startswith("anna empty")
    assert "carl" in second and "holds no clip" in second


def test_faces_that_are_there_twice_are_left_out(root):
    np.savez(root / "clips" / "anna" / "hello.npz", vertices=faces_of("anna", "hello"))
    assert only(root, GAP) == "anna hello: faces are there twice, hello.npy and hello.npz; left out"


def test_recordings_that_would_share_a_name_are_a_problem(root):
    for subject, sentence in (("a", "b_c"), ("a_b", "c")):
        (root / "clips" / subject).mkdir()
        mesh(root / "templates" / f"{subject}.obj", *head(N, 0))
        for suffix in (".npy", ".wav"):
            shutil.copy(root / "clips" / "anna" / f"hello{suffix}", root / "clips" / subject / f"{sentence}{suffix}")
    assert "two recordings would be called a_b_c" in only(root, PROBLEM)


def test_a_file_that_changed_since_is_told_when_it_is_read(root):
    np.savez(root / "clips" / "anna" / "third.npz", vertices=faces_of("anna", "hello"))
    shutil.copy(root / "clips" / "anna" / "hello.wav", root / "clips" / "anna" / "third.wav")
    (recording,) = [r for r in survey(root).recordings if r.name == "anna_third"]
    np.savez(root / "clips" / "anna" / "third.npz", vertices=faces_of("anna", "hello")[:5])
    with pytest.raises(BadInput, match="third.npz held vertices of shape"):
        recording.read_vertices(slice(None))


# --- a2f.json ------------------------------------------------------------------------------------------------------


def test_a_missing_rate_is_a_problem_that_says_what_to_write(root):
    settings(root, fps=None)
    assert re.search(r'write "fps": 30 .* into .*a2f.json', only(root, PROBLEM))
    assert not survey(root).usable
    (root / "a2f.json").unlink()
    assert "frames a second are not stated" in only(root, PROBLEM)


def test_rates_that_differ_are_a_problem(root):
    np.savez(root / "clips" / "anna" / "third.npz", vertices=faces_of("anna", "hello"), fps=60)
    shutil.copy(root / "clips" / "anna" / "hello.wav", root / "clips" / "anna" / "third.wav")
    assert "anna_third says 60 frames a second, all else 25" in only(root, PROBLEM)


def test_an_unstated_unit_is_not_guessed(root):
    settings(root, unit=None, metres_per_unit=None)
    found = survey(root)
    assert 'write "unit": "mm"' in only(root, NOTE) and found.usable
    assert (found.topology.unit, found.topology.metres_per_unit) == ("unit", None)


def test_splits_and_synthetic_are_handed_on(root):
    splits = {"train": ["anna"], "val": ["ben"], "test": ["ben"]}
    settings(root, splits=splits, synthetic=True)
    assert survey(root).splits == splits and survey(root).synthetic is True


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"fps": 0}, "fps is 0, expected a positive number"),
        ({"fps": "30"}, "fps is '30'"),
        ({"fps": True}, "fps is True"),
        ({"unit": 3}, "unit is 3"),
        ({"metres_per_unit": -1}, "metres_per_unit is -1"),
        ({"splits": ["anna"]}, "splits is"),
        ({"splits": {"train": "anna"}}, "splits is"),
        ({"synthetic": "yes"}, "synthetic is 'yes'"),
        ({"regions": 3}, "regions is 3"),
        ({"frames": 3}, "holds 'frames', expected any of fps, unit"),
    ],
)
def test_settings_are_checked_by_name(root, changes, told):
    settings(root, **changes)
    with pytest.raises(BadInput, match=rf"a2f.json.*{told}"):
        survey(root)


@pytest.mark.parametrize("text, told", [("{", "not a JSON file"), ("[]", "holds a list")])
def test_an_a2f_json_that_is_none_is_refused(root, text, told):
    (root / "a2f.json").write_text(text)
    with pytest.raises(BadInput, match=told):
        survey(root)


def test_regions_that_lie_there_are_found_and_those_the_user_names_go_before(root, tmp_path):
    (root / "regions.json").write_text(json.dumps({"lips": [1, 2, 3], "upper_face": [4, 5]}))
    assert survey(root).topology.region("lips").tolist() == [1, 2, 3]
    (tmp_path / "lips.txt").write_text("7 8 9")
    topology = survey(root, regions=tmp_path / "lips.txt").topology
    assert topology.region("lips").tolist() == [7, 8, 9] and topology.region("upper_face").tolist() == [4, 5]
    assert topology.region_source.startswith("lips.txt (")


def test_a_folder_of_regions_is_found_or_named_in_the_settings(root):
    for name in ("regions", "other"):
        (root / name).mkdir()
        (root / name / "lips.txt").write_text("1 2 3" if name == "regions" else "4 5 6")
    assert survey(root).topology.region("lips").tolist() == [1, 2, 3]
    settings(root, regions="other")
    assert survey(root).topology.region("lips").tolist() == [4, 5, 6]


@pytest.mark.parametrize("name", ["../lips.txt", "/etc/hostname"])
def test_settings_may_not_lead_out_of_the_folder(root, name):
    settings(root, regions=name)
    with pytest.raises(BadInput, match="leads out of"):
        survey(root)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_of_something_else_is_missing_data_that_says_what_was_looked_for(tmp_path, name):
    with pytest.raises(MissingData, match=r"holds no clips/<subject>/<sentence>.npy.*write_example"):
        survey(tmp_path / name)


# --- the example ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("example")
    write_example(root, clips_per_subject=2, seconds=1.0)
    return root


def test_the_example_is_whole_synthetic_and_of_every_kind(example):
    found = survey(example)
    assert found.usable and found.findings == () and found.synthetic
    assert len(found.templates) == 3 and len(found.recordings) == 6
    assert found.topology.region_source.startswith("regions.json (") and "lips 228" in found.topology.region_source
    kinds = {path.suffix for path in example.glob("clips/*/*")}
    assert kinds == {".npy", ".npz", ".wav", ""}


def test_the_example_validates_and_opens(example):
    report = validate(survey(example), progress=False)
    assert report.ok and report.findings == ()
    dataset = open_dataset("folder", example, fps=None)
    for role in ("train", "val", "test"):
        (subject,) = {clip.subject for clip in dataset.split(role)}
        assert len(dataset.split(role)) == 2
        assert dataset.style_partner(dataset.split(role)[0], seed=0).subject == subject


def test_the_example_is_the_same_each_time(example, tmp_path):
    write_example(tmp_path / "again", clips_per_subject=2, seconds=1.0)
    files = sorted(path.relative_to(example) for path in example.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    for file in files:
        assert (example / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_the_example_goes_into_an_empty_folder_only(root):
    before = sorted(root.rglob("*"))
    with pytest.raises(BadInput, match="is not empty"):
        write_example(root)
    assert sorted(root.rglob("*")) == before

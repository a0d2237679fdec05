"""BIWI is read as it is delivered, packed or not, and as other works exchange it; what is missing is named."""

from __future__ import annotations

import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from layouts import biwi as layout

from a2f.data import biwi
from a2f.data.assembly import assemble
from a2f.data.survey import GAP, KNOWN, NOTE, PROBLEM, Survey
from a2f.errors import BadInput, MissingData

FRAMES = 14


@pytest.fixture(scope="module")
def raw_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    layout.write_raw(folder, FRAMES)
    return folder


@pytest.fixture(scope="module")
def export_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    layout.write_export(folder, FRAMES)
    return folder


@pytest.fixture(scope="module")
def whole(raw_folder: Path, export_folder: Path) -> dict[str, Survey]:
    """The surveys of what nobody damaged."""
    return {
        "subject": biwi.survey(raw_folder),
        "frame": biwi.survey(raw_folder, scaling="frame"),
        "export": biwi.survey(export_folder),
    }


@pytest.fixture
def raw(raw_folder: Path, tmp_path: Path) -> Path:
    """A copy to damage; what a test writes to, it has to unlink first."""
    return Path(shutil.copytree(raw_folder, tmp_path / "raw", copy_function=_link))


@pytest.fixture
def export(export_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(export_folder, tmp_path / "export", copy_function=_link))


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _of(survey: Survey, name: str):
    return next(recording for recording in survey.recordings if recording.name == name)


def _expected(subject: str, name: str, by_frame: bool) -> np.ndarray:
    """The recording in thousandths of the head, by way of trimesh."""
    template, faces = layout.subjects()[subject]
    spoken = layout.recording(template, subject, name, FRAMES)
    if by_frame:
        return 1000 * np.stack([layout.scaled(face, faces) for face in spoken])
    area = trimesh.Trimesh(template, faces, process=False).area
    return 1000 * (spoken - template.mean(axis=0, dtype=np.float64)) / np.sqrt(area)


def test_as_delivered_everything_is_found(whole: dict[str, Survey]):
    survey = whole["subject"]
    assert survey.usable and survey.fps == 25 and survey.topology.num_vertices == 23_370
    assert [r.name for r in survey.recordings] == [f"{s}_{name}" for s, names in layout.NAMES.items() for name in names]
    assert survey.topology.unit == "1e-3 head" and survey.topology.metres_per_unit is None
    assert {"lips", "upper_face", "face"} <= set(survey.topology.regions)


def test_both_styles_of_a_text_are_one_sentence_under_two_names(whole: dict[str, Survey]):
    survey = whole["subject"]
    neutral, emotional = _of(survey, "F2_01"), _of(survey, "F2_e01")
    assert neutral.sentence == emotional.sentence == "01"
    assert (neutral.style, emotional.style) == ("neutral", "emotional")


@pytest.mark.parametrize("scaling", ["subject", "frame"])
def test_faces_are_turned_and_scaled(whole: dict[str, Survey], scaling: str):
    survey = whole[scaling]
    faces = _of(survey, "F1_e37").read_vertices(slice(None))
    assert faces.dtype == np.float32
    np.testing.assert_allclose(faces, _expected("F1", "e37", scaling == "frame"), atol=2e-3)
    template = survey.templates["F1"]
    size = np.sqrt(trimesh.Trimesh(template, survey.topology.faces, process=False).area)
    assert size == pytest.approx(1000, rel=1e-5) and np.abs(template.mean(axis=0)).max() < 1e-2
    assert template[:, 1].argmax() == 0  # the made-up head's crown comes first


def test_scaling_by_frame_moves_the_back_of_the_head_and_by_subject_does_not(whole: dict[str, Survey]):
    moved = {}
    for scaling in ("subject", "frame"):
        survey = whole[scaling]
        faces = _of(survey, "F1_e37").read_vertices(slice(None))
        back = survey.templates["F1"][:, 2].argmin()
        moved[scaling] = np.ptp(faces[:, back], axis=0).max()
    assert moved["frame"] > 100 * moved["subject"]


@pytest.mark.parametrize(("packed", "count"), [(True, "<I"), (False, "<Q")])
def test_tars_and_counts_of_eight_bytes_read_the_same(
    tmp_path: Path, whole: dict[str, Survey], packed: bool, count: str
):
    layout.write_raw(tmp_path, FRAMES, packed, count)
    plain, other = whole["subject"], biwi.survey(tmp_path)
    assert [r.name for r in other.recordings] == [r.name for r in plain.recordings]
    name = "F3_e33"
    wanted = np.array([2, 9, 9, 0])
    np.testing.assert_array_equal(_of(other, name).read_vertices(wanted), _of(plain, name).read_vertices(wanted))


@pytest.mark.parametrize("kind", ["subject", "frame", "export"])
def test_some_frames_are_those_of_the_whole(whole: dict[str, Survey], kind: str):
    recording = _of(whole[kind], "F2_e33")
    faces = recording.read_vertices(slice(None))
    assert faces.shape == (FRAMES, 23_370, 3) == (recording.num_frames, 23_370, 3)
    np.testing.assert_array_equal(recording.read_vertices(slice(3, 7)), faces[3:7])
    np.testing.assert_array_equal(recording.read_vertices(slice(12, 1, -4)), faces[12:1:-4])
    np.testing.assert_array_equal(recording.read_vertices(np.array([5, 5, 1])), faces[[5, 5, 1]])
    assert recording.read_vertices(slice(4, 4)).shape == (0, 23_370, 3)


def test_only_the_frames_asked_for_are_opened(raw: Path):
    recording = _of(biwi.survey(raw), "F1_e37")
    for path in sorted((raw / "faces" / "F1" / "e37").iterdir())[3:]:
        path.unlink()
    assert len(recording.read_vertices(slice(0, 3))) == 3
    with pytest.raises(MissingData, match="frame_004.vl"):
        recording.read_vertices(slice(0, 4))


def test_sound_is_native_and_read_late(raw: Path):
    recording = _of(biwi.survey(raw), "F1_e37")
    waveform = recording.read_waveform()
    assert recording.sample_rate == 44_100 and waveform.dtype == np.float32
    assert len(waveform) == recording.num_samples == round(FRAMES / 25 * 44_100)
    (raw / "audio" / "F1_e37_cut.wav").unlink()
    with pytest.raises(MissingData, match="F1_e37_cut.wav"):
        recording.read_waveform()


def test_sound_may_lack_its_ending(raw: Path):
    path = raw / "audio" / "F1_e37_cut.wav"
    path.rename(path.with_name("F1_e37.wav"))
    assert _of(biwi.survey(raw), "F1_e37")


@pytest.mark.parametrize("kind", ["subject", "export"])
def test_missing_recordings_are_named_and_the_two_that_nobody_has_are_known(whole: dict[str, Survey], kind: str):
    survey = whole[kind]
    gaps = survey.of(GAP)
    assert "F3_e04 is not there" in gaps and "no recording of subject M6" in gaps
    assert "no neutral recording of subject F3" in gaps
    assert not any("F3_e02" in gap or "F3_e03" in gap for gap in gaps)
    assert len(survey.of(KNOWN)) == 2
    wanted = [f"{s}_{x}{n:02d}" for s, styles in (("F1", "e"), ("F2", " e"), ("F3", "e")) for x in styles
              for n in range(1, 41)]  # fmt: skip
    named = sum(gap.endswith("is not there") for gap in gaps)
    assert named == len(wanted) - 8 - 2


def test_the_published_split_finds_its_clips(whole: dict[str, Survey]):
    dataset = assemble(whole["subject"])
    names = {role: sorted(clip.name for clip in dataset.split(role)) for role in ("train", "val", "test")}
    assert names == {"train": ["F2_e01", "F2_e02", "F3_e01"], "val": ["F2_e33", "F3_e33"], "test": ["F1_e37", "F1_e40"]}


def test_a_sequence_without_sound_or_with_an_empty_one_is_left_out(raw: Path):
    (raw / "audio" / "F1_e37_cut.wav").unlink()
    _replace(raw / "audio" / "F1_e40_cut.wav", (raw / "audio" / "F1_e40_cut.wav").read_bytes()[:44])
    _replace(raw / "audio" / "F2_e01_cut.wav", b"")
    survey = biwi.survey(raw)
    left = {r.name for r in survey.recordings}
    assert left == {"F2_01", "F2_e02", "F2_e33", "F3_e01", "F3_e33"}
    text = "\n".join(survey.of(GAP))
    for name in ("F1_e37", "F1_e40", "F2_e01"):
        assert f"{name} left out: " in text


def test_a_cut_frame_is_filled_from_its_neighbours(raw: Path):
    path = raw / "faces" / "F1" / "e37" / "frame_005.vl"
    _replace(path, path.read_bytes()[:1000])
    survey = biwi.survey(raw)
    assert any("F1_e37: frames 5 are cut" in gap for gap in survey.of(GAP))
    assert any("F1_e37: holes of one or two frames after 4 are filled" in note for note in survey.of(NOTE))
    faces = _of(survey, "F1_e37").read_vertices(slice(None))
    assert len(faces) == FRAMES
    np.testing.assert_allclose(faces[4], (faces[3] + faces[5]) / 2, atol=1e-4)


def test_a_long_hole_leaves_the_longest_stretch_with_its_sound(raw: Path, whole: dict[str, Survey]):
    before = _of(whole["subject"], "F1_e37")
    for number in (2, 3, 4):
        (raw / "faces" / "F1" / "e37" / f"frame_{number:03d}.vl").unlink()
    survey = biwi.survey(raw)
    after = _of(survey, "F1_e37")
    assert any("3 after frame 1" in gap and f"10 of {FRAMES} frames" in gap for gap in survey.of(GAP))
    np.testing.assert_array_equal(after.read_vertices(slice(None)), before.read_vertices(slice(4, None)))
    start = round(4 / 25 * 44_100)
    np.testing.assert_array_equal(after.read_waveform(), before.read_waveform()[start:])
    assert after.num_samples == before.num_samples - start


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_a_cut_tar_gives_what_is_before_the_cut(raw: Path, keep: float):
    path = layout.pack(raw / "faces" / "F1" / "e37")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    survey = biwi.survey(raw)
    names = [r.name for r in survey.recordings]
    if keep:
        # packed from the last frame to the first
        assert _of(survey, "F1_e37").num_frames < FRAMES
        assert any("F1_e37: frames" in gap and "cut" in gap for gap in survey.of(GAP))
    else:
        assert "F1_e37" not in names and any("F1_e37 left out" in gap for gap in survey.of(GAP))


def test_a_compressed_archive_is_named_and_not_read(raw: Path):
    path = raw / "faces" / "F1" / "e38.tar.gz"
    path.write_bytes(b"\x1f\x8b")
    (raw / "faces" / "faces01.tgz").write_bytes(b"\x1f\x8b")
    (raw / "faces" / "F1" / "e39.tar").write_bytes(b"\x1f\x8b" + bytes(2000))
    gaps = biwi.survey(raw).of(GAP)
    assert any("e38.tar.gz is not read: gunzip" in gap for gap in gaps)
    assert any("faces01.tgz is not read: unpack" in gap for gap in gaps)
    assert any("F1_e39 left out" in gap and "not a plain tar" in gap for gap in gaps)


def test_another_number_of_vertices_leaves_the_recording_out(raw: Path, export: Path):
    for path in (raw / "faces" / "F1" / "e37").iterdir():
        _replace(path, struct.pack("<I", 100) + bytes(1200))
    survey = biwi.survey(raw)
    assert any("F1_e37 left out" in gap and "100 vertices" in gap for gap in survey.of(GAP))
    path = export / "vertices_npy" / "F1_e37.npy"
    path.unlink()
    np.save(path, np.zeros((4, 300), dtype=np.float32))
    assert any("F1_e37 left out" in gap and "(4, 300)" in gap for gap in biwi.survey(export).of(GAP))


def test_a_missing_or_broken_scan_is_told_once_for_its_subject(raw: Path):
    (raw / "rigid_scans" / "F2.obj").unlink()
    _replace(raw / "rigid_scans" / "F3.obj", (raw / "rigid_scans" / "F3.obj").read_bytes()[:2000])
    survey = biwi.survey(raw)
    assert set(survey.templates) == {"F1"} == {r.subject for r in survey.recordings}
    assert sum("all recordings of F2 left out" in gap for gap in survey.of(GAP)) == 1
    assert any("subject F3 has no template" in gap for gap in survey.of(GAP))


def test_scans_of_different_meshes_are_a_problem(raw: Path):
    template, faces = layout.subjects()["F3"]
    (raw / "rigid_scans" / "F3.obj").unlink()
    layout.write_obj(raw / "rigid_scans" / "F3.obj", template[:-1], faces[(faces < len(template) - 1).all(axis=1)])
    survey = biwi.survey(raw)
    assert not survey.usable and "F3.obj has 23369 vertices" in survey.of(PROBLEM)[0]


def test_a_scan_in_another_frame_of_reference_is_a_problem(raw: Path):
    template, faces = layout.subjects()["F3"]
    (raw / "rigid_scans" / "F3.obj").unlink()
    layout.write_obj(raw / "rigid_scans" / "F3.obj", template, faces)
    survey = biwi.survey(raw)
    assert len(survey.of(PROBLEM)) == 1 and "F3_e01" in survey.of(PROBLEM)[0]


def test_without_any_scan_there_is_a_problem_and_no_crash(raw: Path):
    shutil.rmtree(raw / "rigid_scans")
    survey = biwi.survey(raw)
    assert survey.topology is None and not survey.usable and "rigid_scans" in survey.of(PROBLEM)[0]


def test_an_export_is_read_in_thousandths_of_the_head(whole: dict[str, Survey]):
    survey = whole["export"]
    assert survey.usable and survey.topology.num_vertices == 23_370
    faces = _of(survey, "F1_e37").read_vertices(slice(None))
    np.testing.assert_allclose(faces, _expected("F1", "e37", by_frame=True), atol=2e-3)
    template, triangles = layout.subjects()["F1"]
    np.testing.assert_allclose(survey.templates["F1"], 1000 * layout.scaled(template, triangles), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(survey.topology.faces, triangles)
    assert any("frame by frame" in note for note in survey.of(NOTE))


def test_an_export_and_the_original_scaled_by_frame_agree(whole: dict[str, Survey]):
    one, other = whole["export"], whole["frame"]
    for recording in one.recordings:
        same = _of(other, recording.name)
        assert (recording.sentence, recording.style) == (same.sentence, same.style)
        np.testing.assert_allclose(recording.read_vertices(slice(2)), same.read_vertices(slice(2)), atol=2e-3)


def test_a_truncated_export_is_left_out_and_one_cut_later_says_so(export: Path):
    path = export / "vertices_npy" / "F1_e37.npy"
    recording = _of(biwi.survey(export), "F1_e37")
    _replace(path, path.read_bytes()[:-1])
    assert any("F1_e37 left out" in gap for gap in biwi.survey(export).of(GAP))
    with pytest.raises(BadInput, match="F1_e37.npy"):
        recording.read_vertices(slice(0, 1))
    path.write_bytes(b"")
    assert any("F1_e37 left out" in gap for gap in biwi.survey(export).of(GAP))


def test_a_template_that_is_missing_leaves_its_subject_out(export: Path):
    path = export / "templates.pkl"
    templates = pickle.loads(path.read_bytes())
    del templates["F2"]
    _replace(path, pickle.dumps(templates, protocol=2))
    survey = biwi.survey(export)
    assert {r.subject for r in survey.recordings} == {"F1", "F3"}
    assert any("no template of subject F2" in gap for gap in survey.of(GAP))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t | {"F2": t["F2"][:-1]}, "F2 has 23369 vertices"),
        (lambda t: t | {"F2": t["F2"] * np.nan}, "not finite"),
        (lambda t: {s: v * 180 for s, v in t.items()}, "about 1 in an export"),
        (lambda t: {s: v * 0 for s, v in t.items()}, "no surface"),
        (lambda t: t | {"F2": "a face"}, "the template of F2"),
        (lambda t: list(t), "expected a dict"),
    ],
)
def test_templates_that_do_not_fit_are_a_problem(export: Path, spoil, said: str):
    path = export / "templates.pkl"
    templates = pickle.loads(path.read_bytes())
    _replace(path, pickle.dumps(spoil(templates), protocol=2))
    survey = biwi.survey(export)
    assert not survey.usable and said in survey.of(PROBLEM)[0]


class _Writes:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "run"))


def test_a_pickle_that_would_run_something_is_refused(export: Path, tmp_path: Path):
    _replace(export / "templates.pkl", pickle.dumps({"F1": _Writes(tmp_path / "ran")}, protocol=2))
    survey = biwi.survey(export)
    assert not survey.usable and "templates.pkl" in survey.of(PROBLEM)[0]
    assert not (tmp_path / "ran").exists()


def test_without_triangles_the_problem_says_what_to_fetch(export: Path):
    (export / "BIWI.ply").unlink()
    survey = biwi.survey(export)
    assert survey.topology is None and "BIWI.ply" in survey.of(PROBLEM)[0]


def test_regions_lie_with_the_data_or_are_named(export: Path, tmp_path: Path):
    (export / "regions").mkdir()
    for name, ids in (("lve", range(100, 200)), ("fdd", range(300, 350))):
        (export / "regions" / f"{name}.txt").write_text(", ".join(map(str, ids)))
    topology = biwi.survey(export).topology
    assert list(topology.region("lips")) == list(range(100, 200))
    assert list(topology.region("upper_face")) == list(range(300, 350))
    assert "lve.txt" in topology.region_source
    named = tmp_path / "lips.txt"
    named.write_text("5 6 7")
    assert list(biwi.survey(export, regions=named).topology.region("lips")) == [5, 6, 7]
    named.write_text("5 6 99999")
    with pytest.raises(BadInput, match="99999"):
        biwi.survey(export, regions=named)


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingData, match="frame_001.vl.*vertices_npy"):
            biwi.survey(folder)
    with pytest.raises(BadInput, match="by_eye"):
        biwi.survey(tmp_path, scaling="by_eye")

"""Multiface is read as downloaded, dropped frames and all, and as made ready; what is missing is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from layouts import multiface as layout

from a2f.data import multiface
from a2f.data.assembly import assemble
from a2f.data.multiface_names import SUBJECTS, missing
from a2f.data.survey import GAP, KNOWN, NOTE, PROBLEM, Survey
from a2f.errors import BadInput, MissingData

FRAMES = 14
SUBJECT, SENTENCE = layout.SUBJECTS[0], layout.SENTENCES[1]
NAME = f"{SUBJECT}_{SENTENCE}"


@pytest.fixture(scope="module")
def raw_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    layout.write_raw(folder, FRAMES)
    return folder


@pytest.fixture(scope="module")
def ready_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    layout.write_ready(folder, FRAMES)
    return folder


@pytest.fixture(scope="module")
def whole(raw_folder: Path, ready_folder: Path) -> dict[str, Survey]:
    """The surveys of what nobody damaged."""
    return {"raw": multiface.survey(raw_folder), "ready": multiface.survey(ready_folder)}


@pytest.fixture
def raw(raw_folder: Path, tmp_path: Path) -> Path:
    """A copy to damage; what a test writes to, it has to unlink first."""
    return Path(shutil.copytree(raw_folder, tmp_path / "raw", copy_function=_link))


@pytest.fixture
def ready(ready_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready_folder, tmp_path / "ready", copy_function=_link))


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _of(survey: Survey, name: str = NAME):
    return next(recording for recording in survey.recordings if recording.name == name)


def _frame(root: Path, place: int) -> Path:
    """The file of the recording's frame at that place."""
    number = layout.first(SENTENCE) + layout.STEP * place
    return root / SUBJECT / "tracked_mesh" / SENTENCE / f"{number:06d}.bin"


@pytest.mark.parametrize("kind", ["raw", "ready"])
def test_everything_is_found(whole: dict[str, Survey], kind: str):
    survey = whole[kind]
    assert survey.usable and survey.fps == 30
    assert {(r.subject, r.sentence) for r in survey.recordings} == {
        (subject, sentence) for subject in layout.SUBJECTS for sentence in layout.SENTENCES
    }
    assert survey.topology.num_vertices == 6_172
    assert (survey.topology.unit, survey.topology.metres_per_unit) == ("mm", 1e-3)
    assert {"lips", "upper_face", "face"} <= set(survey.topology.regions)
    np.testing.assert_array_equal(survey.topology.faces, layout.neutral(0)[1])
    assert _of(survey).text == "alfalfa is healthy for you"


@pytest.mark.parametrize("kind", ["raw", "ready"])
def test_faces_are_those_recorded_in_meshtalks_vertices(whole: dict[str, Survey], kind: str):
    for recording in whole[kind].recordings:
        faces = recording.read_vertices(slice(None))
        assert faces.dtype == np.float32
        np.testing.assert_array_equal(faces, layout.recording(recording.subject, recording.sentence, FRAMES))


def test_the_template_is_the_mean_of_the_neutral_frames(whole: dict[str, Survey], raw_folder: Path):
    files = sorted((raw_folder / SUBJECT / "tracked_mesh" / layout.NEUTRAL).glob("*.bin"))
    frames = [np.frombuffer(file.read_bytes(), dtype="<f4").reshape(-1, 3)[layout.kept()] for file in files]
    np.testing.assert_allclose(whole["raw"].templates[SUBJECT], np.mean(frames, axis=0, dtype=np.float64), atol=1e-5)
    np.testing.assert_allclose(whole["ready"].templates[SUBJECT], layout.neutral(0)[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["raw", "ready"])
def test_some_frames_are_those_of_the_whole(whole: dict[str, Survey], kind: str):
    recording = _of(whole[kind])
    faces = recording.read_vertices(slice(None))
    assert len(faces) == recording.num_frames == FRAMES
    np.testing.assert_array_equal(recording.read_vertices(slice(3, 7)), faces[3:7])
    np.testing.assert_array_equal(recording.read_vertices(np.array([5, 5, 1])), faces[[5, 5, 1]])
    assert recording.read_vertices(slice(4, 4)).shape == (0, 6_172, 3)


@pytest.mark.parametrize("kind", ["raw", "ready"])
def test_sound_is_native(whole: dict[str, Survey], kind: str):
    recording = _of(whole[kind])
    assert recording.sample_rate == 48_000
    assert len(recording.read_waveform()) == recording.num_samples == 1_600 * FRAMES


@pytest.mark.parametrize("kind", ["raw", "ready"])
def test_the_published_split_finds_its_clips(whole: dict[str, Survey], kind: str):
    dataset = assemble(whole[kind])
    for role, subject in zip(("train", "val", "test"), layout.SUBJECTS, strict=True):
        assert {clip.subject for clip in dataset.split(role)} == {subject}
        assert len(dataset.split(role)) == 3


def test_only_the_frames_asked_for_are_opened(raw: Path):
    recording = _of(multiface.survey(raw))
    for place in range(3, FRAMES):
        _frame(raw, place).unlink()
    assert len(recording.read_vertices(slice(0, 3))) == 3
    with pytest.raises(MissingData, match=_frame(raw, 3).name):
        recording.read_vertices(slice(0, 4))


def test_a_frame_cut_after_the_survey_is_refused(raw: Path):
    recording = _of(multiface.survey(raw))
    _replace(_frame(raw, 2), bytes(120))
    with pytest.raises(BadInput, match="ends after 10 vertices, expected 7306"):
        recording.read_vertices(slice(0, 4))


def test_short_holes_are_filled_on_a_straight_line_and_named(raw: Path, whole: dict[str, Survey]):
    for place in (4, 7, 8):
        _frame(raw, place).unlink()
    survey = multiface.survey(raw)
    faces, before = (_of(s).read_vertices(slice(None)) for s in (survey, whole["raw"]))
    assert len(faces) == FRAMES
    known = [place for place in range(FRAMES) if place not in (4, 7, 8)]
    np.testing.assert_array_equal(faces[known], before[known])
    np.testing.assert_allclose(faces[4], (before[3] + before[5]) / 2, atol=1e-4)
    np.testing.assert_allclose(faces[8], (before[6] + 2 * before[9]) / 3, atol=1e-4)
    np.testing.assert_array_equal(_of(survey).read_vertices(np.array([8, 2])), faces[[8, 2]])
    note = next(note for note in survey.of(NOTE) if "filled" in note)
    assert f"{SENTENCE} after {_frame(raw, 3).stem.lstrip('0')}, {_frame(raw, 6).stem.lstrip('0')}" in note


def test_a_long_hole_leaves_the_longest_stretch_with_its_sound(raw: Path, whole: dict[str, Survey]):
    for place in (2, 3, 4):
        _frame(raw, place).unlink()
    survey = multiface.survey(raw)
    before, after = _of(whole["raw"]), _of(survey)
    np.testing.assert_array_equal(after.read_vertices(slice(None)), before.read_vertices(slice(5, None)))
    np.testing.assert_array_equal(after.read_waveform(), before.read_waveform()[5 * 1_600 :])
    assert after.num_samples == (FRAMES - 5) * 1_600
    number = _frame(raw, 1).stem.lstrip("0")
    assert any(NAME in gap and f"3 after frame {number}" in gap and "9 of 14" in gap for gap in survey.of(GAP))


def test_the_end_of_the_sound_goes_with_a_stretch_that_ends_early(raw: Path, whole: dict[str, Survey]):
    for place in (10, 11, 12):
        _frame(raw, place).unlink()
    after = _of(multiface.survey(raw))
    assert (after.num_frames, after.num_samples) == (10, 16_000)
    np.testing.assert_array_equal(after.read_waveform(), _of(whole["raw"]).read_waveform()[:16_000])


def test_a_cut_frame_counts_as_missing(raw: Path):
    _replace(_frame(raw, 6), _frame(raw, 6).read_bytes()[:500])
    survey = multiface.survey(raw)
    assert _of(survey).num_frames == FRAMES
    assert any(f"{NAME}: frames {_frame(raw, 6).stem.lstrip('0')} are cut" in gap for gap in survey.of(GAP))


def test_frames_numbered_one_by_one_are_read_as_well(raw: Path, whole: dict[str, Survey]):
    for place in range(FRAMES):
        path = _frame(raw, place)
        path.rename(path.with_name(f"{500 + place:06d}.bin"))
    np.testing.assert_array_equal(
        _of(multiface.survey(raw)).read_vertices(slice(None)), _of(whole["raw"]).read_vertices(slice(None))
    )


def test_without_meshtalks_files_all_vertices_stay_and_the_note_says_what_to_fetch(raw: Path):
    (raw / "face_template.obj").unlink()
    survey = multiface.survey(raw)
    assert any("put face_template.obj of" in gap for gap in survey.of(GAP))
    (raw / "multiface2meshtalk.py").unlink()
    survey = multiface.survey(raw)
    assert survey.usable and survey.topology.num_vertices == 7_306
    assert any("multiface2meshtalk.py and face_template.obj" in note for note in survey.of(NOTE))
    np.testing.assert_array_equal(
        _of(survey).read_vertices(slice(2)), layout.raw(layout.recording(SUBJECT, SENTENCE, FRAMES)[:2])
    )
    np.testing.assert_array_equal(survey.topology.faces, layout.kept()[layout.neutral(0)[1]])
    for subject in layout.SUBJECTS[:2]:
        _replace(raw / subject / "tracked_mesh" / layout.NEUTRAL / "000102.obj", b"")
    assert multiface.survey(raw).usable
    _replace(raw / layout.SUBJECTS[2] / "tracked_mesh" / layout.NEUTRAL / "000102.obj", b"")
    survey = multiface.survey(raw)
    assert survey.topology is None and ".obj" in survey.of(PROBLEM)[0]


def test_meshtalks_files_may_lie_as_in_its_repository(raw: Path):
    for folder, name in (("utils", "multiface2meshtalk.py"), ("assets", "face_template.obj")):
        (raw / folder).mkdir()
        (raw / name).rename(raw / folder / name)
    assert multiface.survey(raw).topology.num_vertices == 6_172


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("ignore_vertices = {1, 2}", "keeps 7304 of 7306"),
        ("ignore_vertices = {99999}", "leaves out vertex 99999"),
        ("ignore_vertices = set(range(3))", "cannot be read"),
        ("ignore_vertices = {'a'}", "does not list whole numbers"),
        ("ignore = {1}", "does not list whole numbers"),
        ("ignore_vertices = {1", "cannot be read"),
    ],
)
def test_a_script_that_does_not_fit_is_a_problem_and_never_run(raw: Path, script: str, said: str):
    _replace(raw / "multiface2meshtalk.py", script.encode())
    survey = multiface.survey(raw)
    assert not survey.usable and said in survey.of(PROBLEM)[0]


def test_a_template_that_is_another_mesh_of_as_many_vertices_is_a_problem(raw: Path):
    template, faces = layout.neutral(7)
    order = np.random.default_rng(0).permutation(len(template))
    (raw / "face_template.obj").unlink()
    layout.write_obj(raw / "face_template.obj", template[order], np.argsort(order)[faces])
    survey = multiface.survey(raw)
    assert not survey.usable and "mm from face_template.obj" in survey.of(PROBLEM)[0]


def test_without_a_neutral_recording_a_mesh_put_there_is_the_template(raw: Path):
    shutil.rmtree(raw / SUBJECT / "tracked_mesh" / layout.NEUTRAL)
    survey = multiface.survey(raw)
    assert SUBJECT not in survey.templates and all(r.subject != SUBJECT for r in survey.recordings)
    assert sum(f"all recordings of {SUBJECT} left out" in gap for gap in survey.of(GAP)) == 1
    template, faces = layout.neutral(0)
    layout.write_obj(raw / "templates" / f"{SUBJECT}.obj", template, faces)
    survey = multiface.survey(raw)
    assert _of(survey) and any("the neutral face is" in note for note in survey.of(NOTE))
    np.testing.assert_allclose(survey.templates[SUBJECT], template, atol=1e-5)


def test_without_any_neutral_face_there_is_a_problem(raw: Path):
    for subject in layout.SUBJECTS:
        shutil.rmtree(raw / subject / "tracked_mesh" / layout.NEUTRAL)
    survey = multiface.survey(raw)
    assert not survey.usable and layout.NEUTRAL in survey.of(PROBLEM)[0]


def test_masks_of_meshtalk_are_taken_where_its_vertices_are(raw: Path):
    mask = np.zeros(6_172)
    mask[[10, 20, 30]] = 0.9, 0.4, 1
    np.savetxt(raw / "weighted_mouth_mask.txt", mask)
    np.savetxt(raw / "forehead_mask.txt", np.roll(mask, 100))
    np.savetxt(raw / "weighted_eye_mask.txt", np.roll(mask, 200))
    topology = multiface.survey(raw).topology
    assert list(topology.region("lips")) == [10, 30]
    assert list(topology.region("upper_face")) == [110, 130, 210, 230]
    assert "weighted_mouth_mask.txt" in topology.region_source
    (raw / "multiface2meshtalk.py").unlink()
    assert "geometrically" in multiface.survey(raw).topology.region_source


def test_recordings_without_sound_are_left_out_by_name(raw: Path, ready: Path):
    (raw / SUBJECT / "audio" / f"{SENTENCE}.wav").unlink()
    _replace(ready / "audio" / SUBJECT / f"{SENTENCE}.wav", b"")
    for survey in (multiface.survey(raw), multiface.survey(ready)):
        assert len(survey.recordings) == 8
        assert any(f"{NAME} left out" in gap and ".wav" in gap for gap in survey.of(GAP))


def test_another_number_of_vertices_leaves_a_recording_out(raw: Path, ready: Path):
    for place in range(FRAMES):
        _replace(_frame(raw, place), bytes(1200))
    assert any(f"{NAME} left out" in gap and "1200" in gap for gap in multiface.survey(raw).of(GAP))
    path = ready / "mesh_sequences" / SUBJECT / f"{SENTENCE}.npy"
    path.unlink()
    np.save(path, np.zeros((3, 100, 3), dtype=np.float32))
    assert any(f"{NAME} left out" in gap and "(3, 100, 3)" in gap for gap in multiface.survey(ready).of(GAP))


def test_a_truncated_sequence_is_left_out(ready: Path):
    path = ready / "mesh_sequences" / SUBJECT / f"{SENTENCE}.npy"
    _replace(path, path.read_bytes()[:-1])
    assert any(f"{NAME} left out" in gap for gap in multiface.survey(ready).of(GAP))


def test_templates_made_ready_are_checked(ready: Path):
    (ready / "template_regen" / f"{layout.SUBJECTS[1]}.obj").unlink()
    survey = multiface.survey(ready)
    assert sum(f"all recordings of {layout.SUBJECTS[1]} left out" in gap for gap in survey.of(GAP)) == 1
    template, faces = layout.neutral(1)
    layout.write_obj(ready / "template_regen" / f"{layout.SUBJECTS[1]}.obj", template, faces[:-1])
    survey = multiface.survey(ready)
    assert not survey.usable and "share one mesh" in survey.of(PROBLEM)[0]
    shutil.rmtree(ready / "template_regen")
    survey = multiface.survey(ready)
    assert survey.topology is None and "template_regen" in survey.of(PROBLEM)[0]


def test_missing_sentences_are_named_and_those_never_released_are_known():
    every = {f"SEN_{number}" for number in range(50)}
    found = {f"m--20180101--0000--{name}--GHS": set(every) for name in SUBJECTS if name != "6795937"}
    few = next(name for name in found if "002757580" in name)
    found[few] = {f"SEN_{number}" for number in range(12)}
    short = next(name for name in found if "5372021" in name)
    found[short] -= {"SEN_7"}
    findings = missing(found)
    gaps = [finding.what for finding in findings if finding.kind == GAP]
    assert gaps == ["no recording of subject 6795937", f"{short}: SEN_7 is not there"]
    known = [finding.what for finding in findings if finding.kind == KNOWN]
    assert len(known) == 1 and "12 of 50" in known[0]
    found[few] = {f"SEN_{number}" for number in range(11)}
    assert not any(finding.kind == KNOWN for finding in missing(found))


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingData, match="tracked_mesh.*mesh_sequences"):
            multiface.survey(folder)

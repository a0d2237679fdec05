"""VOCASET in three layouts: the same recordings out of each, frame by frame; what is missing or damaged is named."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from layouts.vocaset import (
    ABSENT,
    FPS,
    LAYOUTS,
    RATE,
    SENTENCES,
    SUBJECTS,
    VERTICES,
    heads,
    recordings,
    sequence,
    write_masks,
    write_pickle,
    write_ply,
)

from a2f.data.assembly import assemble
from a2f.data.safe_pickle import load_pickle
from a2f.data.splits import KNOWN_SPLITS, short
from a2f.data.validate import validate
from a2f.data.vocaset import SUBJECTS as ALL_SUBJECTS
from a2f.data.vocaset import survey
from a2f.errors import BadInput, MissingData

TEMPLATES, FACES = heads()
FIRST = f"{SUBJECTS[0]}_{SENTENCES[0]}"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Iterator[dict[str, Path]]:
    """Each layout once; tests that damage it do so to a copy."""
    roots = {name: tmp_path_factory.mktemp(name) for name in LAYOUTS}
    for name, write in LAYOUTS.items():
        write(roots[name])
    yield roots
    for root in roots.values():
        shutil.rmtree(root)


@pytest.fixture(params=list(LAYOUTS))
def root(request, written) -> Path:
    return written[request.param]


@pytest.fixture
def copy(written, tmp_path) -> Iterator[Callable[[str], Path]]:
    """Make a copy that may be damaged."""
    yield lambda name: Path(shutil.copytree(written[name], tmp_path / name))
    for name in written:
        shutil.rmtree(tmp_path / name, ignore_errors=True)


def found(root, kind, *words):
    """Return the findings of a kind that hold all the words."""
    return [what for what in survey(root).of(kind) if all(word in what for word in words)]


def names(surveyed):
    return [recording.name for recording in surveyed.recordings]


def change(path, alter):
    value = load_pickle(path)
    alter(value)
    write_pickle(path, value)


# --- whole ------------------------------------------------------------------------------------------------------------


def test_all_recordings_are_found_with_their_length_and_rate(root):
    surveyed = survey(root)
    expected = {f"{subject}_{sentence}" for subject, sentence in recordings(SUBJECTS, SENTENCES)}
    assert set(names(surveyed)) == expected and len(surveyed.recordings) == 14
    assert surveyed.usable and surveyed.fps == 60 and surveyed.name == "vocaset"
    for recording in surveyed.recordings:
        faces, sound = sequence(TEMPLATES[recording.subject], recording.subject, recording.sentence)
        assert (recording.num_frames, recording.num_samples, recording.sample_rate) == (len(faces), len(sound), RATE)


def test_faces_are_those_written_in_millimetres(root):
    surveyed = survey(root)
    for recording in surveyed.recordings[::5]:
        faces, _ = sequence(TEMPLATES[recording.subject], recording.subject, recording.sentence)
        read = recording.read_vertices(slice(None))
        assert read.dtype == np.float32 and read.shape == (recording.num_frames, VERTICES, 3)
        np.testing.assert_allclose(read, 1000 * faces, atol=1e-3)
        np.testing.assert_allclose(
            surveyed.templates[recording.subject], 1000 * TEMPLATES[recording.subject], atol=1e-3
        )
    topology = surveyed.topology
    assert (topology.unit, topology.metres_per_unit, topology.num_vertices) == ("mm", 1e-3, VERTICES)
    np.testing.assert_array_equal(topology.faces, FACES)
    # a head is some twenty centimetres high, and its nose points along z
    template = surveyed.templates[SUBJECTS[0]]
    assert 150 < np.ptp(template[:, 1]) < 300 and abs(template[template[:, 2].argmax(), 0]) < 5


def test_some_frames_are_read_as_they_are_in_the_whole(root):
    for recording in survey(root).recordings[:4]:
        whole = recording.read_vertices(slice(None))
        some = np.random.default_rng(0).permutation(recording.num_frames)[:5]
        for frames in (slice(3, 7), slice(None, None, 2), slice(5, None), slice(9, 2, -1), slice(4, 4), some, some[:1]):
            np.testing.assert_array_equal(recording.read_vertices(frames), whole[frames])


def test_rows_that_do_not_follow_one_another_are_put_in_the_order_of_frames(written):
    index = load_pickle(written["official"] / "subj_seq_to_idx.pkl")[SUBJECTS[0]][SENTENCES[0]]
    rows = [index[frame] for frame in sorted(index)]
    assert sorted(rows) != rows
    stored = np.load(written["official"] / "data_verts.npy")
    recording = next(r for r in survey(written["official"]).recordings if r.name == FIRST)
    slow = np.stack([1000 * stored[row] for row in rows])
    np.testing.assert_array_equal(recording.read_vertices(slice(None)), slow)


def test_what_is_read_may_be_written_to_without_reaching_the_file(root):
    recording = survey(root).recordings[0]
    before = recording.read_vertices(slice(0, 2))
    recording.read_vertices(slice(0, 2))[:] = 0
    np.testing.assert_array_equal(recording.read_vertices(slice(0, 2)), before)


def test_sound_is_that_written(root):
    recording = survey(root).recordings[-1]
    _, sound = sequence(TEMPLATES[recording.subject], recording.subject, recording.sentence)
    waveform = recording.read_waveform()
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, sound / 32768, atol=1e-6)


def test_no_layout_differs_from_another(written):
    surveys = [survey(path) for path in written.values()]
    assert len({tuple(names(s)) for s in surveys}) == 1 and len({s.layout for s in surveys}) == 3
    for one, *others in zip(*(s.recordings[::6] for s in surveys), strict=True):
        for other in others:
            np.testing.assert_allclose(one.read_vertices(slice(None)), other.read_vertices(slice(None)), atol=2e-4)


def test_the_subjects_are_those_of_the_published_splits(root):
    split = KNOWN_SPLITS["vocaset"]["voca"]
    assert len(ALL_SUBJECTS) == len(set(ALL_SUBJECTS)) == 12
    assert {short(name) for name in ALL_SUBJECTS} == {*split.train.subjects, *split.val.subjects, *split.test.subjects}
    dataset = assemble(survey(root), fps=30.0)
    # two subjects x four sentences train; sentences 21 to 40 of the others validate and test; two are nowhere
    assert [len(dataset.split(role)) for role in ("train", "val", "test")] == [7, 3, 2]
    clip = dataset.split("test")[0]
    assert clip.subject == SUBJECTS[3] and clip.vertices.shape == (clip.num_frames, VERTICES, 3)


def test_a_whole_check_finds_nothing_wrong(root):
    report = validate(survey(root), progress=False)
    assert report.ok and "usable" in str(report)


# --- regions ----------------------------------------------------------------------------------------------------------


def test_flame_masks_beside_the_data_give_the_regions(copy):
    root = copy("official")
    masks = write_masks(root)
    topology = survey(root).topology
    np.testing.assert_array_equal(topology.region("lips"), np.unique(masks["lips"]))
    upper = np.union1d(masks["forehead"], masks["eye_region"])
    upper = np.setdiff1d(upper, np.union1d(masks["left_eyeball"], masks["right_eyeball"]))
    np.testing.assert_array_equal(topology.region("upper_face"), upper)
    assert "FLAME_masks.pkl" in topology.region_source


def test_the_masks_of_the_papers_code_give_the_regions_where_flames_are_not(copy):
    root = copy("release")
    for name, role in (("mouth", "lips"), ("upper", "upper_face")):
        mask = np.load(root / f"{name}_weight_mask.npy")
        np.testing.assert_array_equal(survey(root).topology.region(role), np.flatnonzero(mask))
    masks = write_masks(root)
    np.testing.assert_array_equal(survey(root).topology.region("lips"), np.unique(masks["lips"]))


def test_regions_are_drawn_where_no_file_says(written):
    topology = survey(written["export"]).topology
    assert {"lips", "upper_face", "face"} <= set(topology.regions) and "drawn" in topology.region_source


def test_regions_that_the_user_names_come_first(copy, tmp_path):
    root = copy("official")
    write_masks(root)
    (tmp_path / "lips.txt").write_text("\n".join(map(str, range(40, 60))))
    topology = survey(root, regions=tmp_path / "lips.txt").topology
    np.testing.assert_array_equal(topology.region("lips"), np.arange(40, 60))
    with pytest.raises(MissingData, match="nowhere"):
        survey(root, regions=tmp_path / "nowhere.txt")


def test_damaged_masks_are_a_problem(copy):
    root = copy("official")
    write_pickle(root / "FLAME_masks.pkl", {"lips": np.array([1, 99_999]), "forehead": np.arange(3)})
    surveyed = survey(root)
    assert not surveyed.usable and surveyed.topology is None
    assert any("FLAME_masks.pkl" in what for what in surveyed.of("problem"))


# --- missing ----------------------------------------------------------------------------------------------------------


def test_what_nobody_has_is_known_and_everything_else_a_gap_by_name(root):
    known, gaps = survey(root).of("known"), survey(root).of("gap")
    assert len(known) == 2
    for subject, sentence in ABSENT:
        assert any(what.startswith(f"{subject}_{sentence} ") for what in known)
    assert f"{SUBJECTS[0]}_sentence02 is not there" in gaps
    assert sum(what.startswith("no recording of subject") for what in gaps) == 8
    # four subjects say 4 of 40 sentences; two of what they lack is known
    assert len(gaps) == 8 + 4 * 36


def test_one_more_missing_recording_is_named(copy):
    root = copy("export")
    (root / "vertices_npy" / f"{FIRST}.npy").unlink()
    assert found(root, "gap", FIRST, "not there")
    root = copy("release")
    (root / "audio" / SUBJECTS[0] / f"{SENTENCES[0]}.wav").unlink()
    assert found(root, "gap", FIRST, f"{SENTENCES[0]}.wav")
    assert len(survey(root).recordings) == 13
    root = copy("official")
    change(root / "subj_seq_to_idx.pkl", lambda index: index[SUBJECTS[0]].pop(SENTENCES[0]))
    assert found(root, "gap", FIRST) and len(survey(root).recordings) == 13


def test_missing_sound_is_named(copy):
    root = copy("official")
    change(root / "raw_audio_fixed.pkl", lambda sounds: sounds[SUBJECTS[0]].pop(SENTENCES[0]))
    assert found(root, "gap", FIRST, "raw_audio_fixed.pkl")
    change(root / "raw_audio_fixed.pkl", lambda sounds: sounds.pop(SUBJECTS[1]))
    told = found(root, "gap", SUBJECTS[1], "left out", "raw_audio_fixed.pkl")
    assert len(told) == 1 and "all 3 recordings" in told[0]


def test_a_folder_without_sound_is_told_subject_by_subject(copy):
    root = copy("export")
    shutil.rmtree(root / "wav")
    surveyed = survey(root)
    assert not surveyed.usable and len(found(root, "gap", "recordings of", "are left out", ".wav is not there")) == 4


def test_a_missing_template_leaves_its_subject_out(copy):
    for layout in ("official", "export"):
        root = copy(layout)
        change(root / "templates.pkl", lambda templates: templates.pop(SUBJECTS[0]))
        assert len(found(root, "gap", SUBJECTS[0], "no template", "4 recordings")) == 1
        assert survey(root).usable and len(survey(root).recordings) == 10
    root = copy("release")
    (root / "templates" / f"{SUBJECTS[0]}.ply").unlink()
    assert found(root, "gap", SUBJECTS[0], "no template", "4 recordings") and len(survey(root).recordings) == 10


@pytest.mark.parametrize(
    "layout, file, told",
    [
        ("official", "templates.pkl", "voca.is.tue.mpg.de"),
        ("official", "raw_audio_fixed.pkl", "voca.is.tue.mpg.de"),
        ("official", "templates/FLAME_sample.ply", "github.com/TimoBolkart/voca"),
        ("export", "templates.pkl", "voca.is.tue.mpg.de"),
        ("export", "FLAME_sample.ply", "github.com/TimoBolkart/voca"),
    ],
)
def test_without_a_file_that_all_recordings_need_there_is_a_problem_that_says_where_it_is(copy, layout, file, told):
    root = copy(layout)
    (root / file).unlink()
    assert found(root, "problem", Path(file).name, told)
    assert not survey(root).usable and survey(root).recordings == ()
    with pytest.raises(BadInput, match=Path(file).name):
        assemble(survey(root))


def test_several_problems_are_told_at_once(copy):
    root = copy("official")
    for file in ("templates.pkl", "raw_audio_fixed.pkl", "templates/FLAME_sample.ply"):
        (root / file).unlink()
    assert len(survey(root).of("problem")) == 3


def test_without_any_template_mesh_the_release_is_a_problem(copy):
    root = copy("release")
    shutil.rmtree(root / "templates")
    assert found(root, "problem", "templates", "no template")


def test_a_folder_without_a_known_layout_says_what_was_looked_for(tmp_path, written):
    (tmp_path / "data_verts.npy").write_bytes(b"")
    with pytest.raises(MissingData) as error:
        survey(tmp_path)
    for word in (
        "data_verts.npy (there)",
        "subj_seq_to_idx.pkl (not there)",
        "vertices_npy",
        "verts_data.pkl",
        "voca.is",
    ):
        assert word in str(error.value)
    with pytest.raises(MissingData, match="nowhere is not a folder"):
        survey(tmp_path / "nowhere")


def test_of_two_layouts_in_one_folder_the_official_is_read(copy, written):
    root = copy("official")
    shutil.copytree(written["export"] / "vertices_npy", root / "vertices_npy")
    assert "official" in survey(root).layout and found(root, "note", "also holds export")


# --- damaged ----------------------------------------------------------------------------------------------------------


def cut(path, share=0.6):
    with open(path, "r+b") as file:
        file.truncate(int(path.stat().st_size * share))


@pytest.mark.parametrize("file", ["data_verts.npy", "subj_seq_to_idx.pkl", "raw_audio_fixed.pkl", "templates.pkl"])
def test_a_cut_file_of_the_official_layout_is_a_problem(copy, file):
    root = copy("official")
    cut(root / file)
    assert found(root, "problem", file) and survey(root).recordings == ()


def test_a_cut_recording_is_a_gap(copy):
    root = copy("export")
    cut(root / "vertices_npy" / f"{FIRST}.npy")
    assert found(root, "gap", FIRST, "left out", "not a whole .npy") and len(survey(root).recordings) == 13


def test_a_cut_pickle_or_mesh_of_the_release_is_told(copy):
    root = copy("release")
    cut(root / "templates" / f"{SUBJECTS[0]}.ply")
    assert found(root, "gap", f"{SUBJECTS[0]}.ply") and len(survey(root).recordings) == 10
    cut(root / "verts_data.pkl")
    assert found(root, "problem", "verts_data.pkl")


def test_an_empty_or_unreadable_wav_is_a_gap(copy):
    root = copy("export")
    soundfile.write(root / "wav" / f"{FIRST}.wav", np.zeros(0), RATE)
    other = f"{SUBJECTS[1]}_{SENTENCES[0]}"
    (root / "wav" / f"{other}.wav").write_bytes(b"no sound")
    assert found(root, "gap", FIRST, "empty") and found(root, "gap", other, "cannot be read")
    root = copy("official")
    change(root / "raw_audio_fixed.pkl", lambda s: s[SUBJECTS[0]][SENTENCES[0]].update(audio=np.zeros(0, np.int16)))
    assert found(root, "gap", FIRST, "empty")


def test_a_recording_of_another_mesh_is_a_gap(copy):
    root = copy("export")
    np.save(root / "vertices_npy" / f"{FIRST}.npy", np.zeros((20, 6172 * 3), np.float32))
    assert found(root, "gap", FIRST, "5023", "18516")
    root = copy("release")
    import torch

    vertices = pickle.loads((root / "verts_data.pkl").read_bytes())
    vertices[SUBJECTS[0]][SENTENCES[0]] = torch.zeros(20, 6172, 3)
    (root / "verts_data.pkl").write_bytes(pickle.dumps(vertices))
    assert found(root, "gap", FIRST, "5023", "6172")


def test_templates_of_different_meshes_are_a_problem(copy):
    root = copy("official")
    change(root / "templates.pkl", lambda templates: templates.update({SUBJECTS[1]: np.ones((6172, 3))}))
    assert found(root, "problem", SUBJECTS[1], "6172", "5023")
    root = copy("release")
    write_ply(root / "templates" / f"{SUBJECTS[1]}.ply", TEMPLATES[SUBJECTS[1]], FACES[::-1])
    assert found(root, "problem", f"{SUBJECTS[1]}.ply", "different triangles")


def test_a_template_that_is_none_leaves_its_subject_out(copy):
    root = copy("official")
    nothing = np.full((VERTICES, 3), np.nan)
    change(root / "templates.pkl", lambda templates: templates.update({SUBJECTS[0]: nothing}))
    assert found(root, "gap", SUBJECTS[0], "finite") and found(root, "gap", SUBJECTS[0], "4 recordings")


def test_a_mesh_that_does_not_fit_gives_no_triangles(copy):
    root = copy("export")
    write_ply(root / "FLAME_sample.ply", TEMPLATES[SUBJECTS[0]][:4000], FACES[(FACES < 4000).all(axis=1)])
    assert found(root, "problem", "4000", "5023", "FLAME_sample.ply")
    write_ply(root / "other.ply", TEMPLATES[SUBJECTS[0]], FACES)
    assert survey(root).usable


def test_files_in_millimetres_are_told_from_the_size_of_the_heads(copy):
    root = copy("export")
    change(root / "templates.pkl", lambda templates: templates.update({k: 1000 * v for k, v in templates.items()}))
    assert found(root, "problem", "metres") and not survey(root).usable


def test_rows_that_are_not_there_are_a_gap(copy):
    root = copy("official")
    change(root / "subj_seq_to_idx.pkl", lambda index: index[SUBJECTS[0]][SENTENCES[0]].update({3: 10**6}))
    assert found(root, "gap", FIRST, "1000000")
    change(root / "subj_seq_to_idx.pkl", lambda index: index[SUBJECTS[0]].update({SENTENCES[0]: {}}))
    assert found(root, "gap", FIRST, "no frame")
    change(root / "subj_seq_to_idx.pkl", lambda index: index[SUBJECTS[0]].update({SENTENCES[0]: {"a": 1}}))
    assert found(root, "gap", FIRST, "{frame: row}")


def test_a_few_lacking_frames_are_noted_and_many_leave_the_recording_out(copy):
    root = copy("official")
    change(root / "subj_seq_to_idx.pkl", lambda index: index[SUBJECTS[0]][SENTENCES[0]].pop(4))
    assert found(root, "note", FIRST, "lacks 1 frame") and FIRST in names(survey(root))
    change(root / "subj_seq_to_idx.pkl", lambda i: [i[SUBJECTS[0]][SENTENCES[0]].pop(k) for k in (5, 6, 7)])
    assert found(root, "gap", FIRST, "lacks 4") and FIRST not in names(survey(root))


def test_sound_that_runs_apart_from_the_faces_is_counted_in_one_note(copy):
    root = copy("export")
    assert not found(root, "note", "differs")
    for name in (FIRST, f"{SUBJECTS[1]}_{SENTENCES[0]}"):
        samples, _ = soundfile.read(root / "wav" / f"{name}.wav")
        keep = 0.5 if name == FIRST else 0.9
        soundfile.write(root / "wav" / f"{name}.wav", samples[: int(keep * len(samples))], RATE)
    (told,) = found(root, "note", "differs")
    assert "in 2 of 14" in told and FIRST in told


def test_a_file_that_changes_after_the_survey_is_noticed(copy):
    for layout, file in (("official", "data_verts.npy"), ("export", f"vertices_npy/{FIRST}.npy")):
        root = copy(layout)
        recording = next(r for r in survey(root).recordings if r.name == FIRST)
        np.save(root / file, np.load(root / file)[:-2])
        with pytest.raises(BadInput, match=Path(file).name):
            recording.read_vertices(slice(0, 1))


def test_pickles_that_would_run_something_do_not(copy, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'witness'}",)

    for layout, file in (
        ("official", "raw_audio_fixed.pkl"),
        ("official", "subj_seq_to_idx.pkl"),
        ("export", "templates.pkl"),
        ("release", "verts_data.pkl"),
    ):
        root = copy(layout)
        (root / file).write_bytes(pickle.dumps({SUBJECTS[0]: {SENTENCES[0]: Attack()}}, 2))
        assert found(root, "problem", file, "system")
        shutil.rmtree(root)
    assert not (tmp_path / "witness").exists()


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory's size as Linux tells it")
def test_reading_a_file_of_the_real_size_does_not_fill_the_memory(copy):
    root = copy("official")
    rows = 100_000
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, VERTICES, 3), np.float32))
    header["shape"] = (rows, VERTICES, 3)
    with open(root / "data_verts.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        # a file with a hole: six gigabytes long, next to nothing on the disk
        file.truncate(file.tell() + rows * VERTICES * 12)
    index = {SUBJECTS[0]: {SENTENCES[0]: {frame: frame for frame in range(rows)}}}
    (root / "subj_seq_to_idx.pkl").write_bytes(pickle.dumps(index, 2))
    (recording,) = survey(root).recordings
    assert recording.num_frames == rows and os.path.getsize(root / "data_verts.npy") > 6e9

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    rng = np.random.default_rng(0)
    recording.read_vertices(slice(0, 30))
    before = resident()
    for start in rng.integers(rows - 30, size=25):
        recording.read_vertices(slice(start, start + 30))
        recording.read_vertices(np.sort(rng.integers(rows, size=30)))
    # the 1,500 frames that were read are 90 MB
    assert resident() - before < 20e6


def test_the_made_up_set_is_of_the_real_makes(written):
    official = written["official"]
    stored = np.load(official / "data_verts.npy", mmap_mode="r")
    assert stored.dtype == np.float32 and stored.shape[1:] == (5023, 3)
    sounds = pickle.loads((official / "raw_audio_fixed.pkl").read_bytes(), encoding="latin1")
    assert sounds[SUBJECTS[0]][SENTENCES[0]]["audio"].dtype == np.int16
    exported = np.load(written["export"] / "vertices_npy" / f"{FIRST}.npy", mmap_mode="r")
    assert exported.shape[1:] == (15069,) and FPS == 60

"""From a survey to clips: frame rates that divide, faces that end with their sound, roles, and what is said of it."""

import numpy as np
import pytest

from a2f.config import DataConfig
from a2f.data import described, limit, rotate
from a2f.data.assembly import SHORTEST, assemble, frames_with_sound, highest_rate
from a2f.data.survey import GAP, PROBLEM, Finding, Recording, Survey
from a2f.data.validate import validate
from a2f.errors import BadInput
from a2f.mesh import Topology

N, RATE = 12, 8000
FACES = np.array([[i, i + 1, i + 2] for i in range(N - 2)])
REGIONS = {"lips": np.arange(3), "upper_face": np.arange(3, 6), "face": np.arange(N)}
TEMPLATE = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32) * 50


def recording(subject, sentence, frames=40, seconds=None, fps=60.0, values=None, **more):
    faces = TEMPLATE + np.arange(frames, dtype=np.float32)[:, None, None] / 100 if values is None else values
    samples = int((frames / fps if seconds is None else seconds) * RATE)
    return Recording(subject, sentence, len(faces), faces.__getitem__, lambda: np.zeros(samples, np.float32), RATE,
                     samples, **more)  # fmt: skip


def make(recordings, fps=60.0, findings=(), splits=None, templates=None):
    topology = Topology("own", N, FACES, REGIONS, region_source="made up")
    templates = {r.subject: TEMPLATE for r in recordings} if templates is None else templates
    return Survey("folder", "made up", topology, fps, templates, tuple(recordings), tuple(findings), splits)


def three(**more):
    return make([recording(s, t, **more) for s in "abc" for t in ("1", "2")])


def test_frames_between_are_left_out_and_never_invented():
    whole, half = assemble(three(), 60.0), assemble(three(), 30.0)
    for dense, thin in zip(whole.clips, half.clips, strict=True):
        assert (dense.num_frames, thin.num_frames) == (40, 20) and thin.fps == 30
        assert np.array_equal(dense.vertices[::2], thin.vertices)
        assert np.array_equal(thin.vertices_at(slice(3, 9)), thin.vertices[3:9])
        assert np.array_equal(thin.vertices_at(slice(18, 50)), thin.vertices[18:])
        assert np.array_equal(thin.vertices_at(np.array([5, 2, 19])), thin.vertices[[5, 2, 19]])
    with pytest.raises(BadInput, match="recorded at 60 frames a second; 25 does not divide it, give 20"):
        assemble(three(), 25.0)
    assert assemble(three()).fps == 60


@pytest.mark.parametrize(
    ("recorded", "wanted", "found"),
    [(60, 30, 30), (60, 60, 60), (25, 30, 25), (30, 60, 30), (50, 30, 25), (60, 25, 20)],
)
def test_the_highest_rate_not_above_the_wanted_one(recorded, wanted, found):
    assert highest_rate(recorded, wanted) == found


@pytest.mark.parametrize(("seconds", "frames"), [(40 / 60, 40), (2.0, 40), (0.5, 30), (0.4999, 30), (0.4915, 29)])
def test_faces_that_outlast_their_sound_are_cut(seconds, frames):
    assert frames_with_sound(recording("a", "1", seconds=seconds), 60.0) == frames
    clip = assemble(three(seconds=seconds), 60.0).clips[0]
    assert clip.num_frames == frames == len(clip.vertices)


def test_recordings_too_short_for_the_style_statistics_are_left_out():
    long, short = recording("a", "1"), recording("a", "2", frames=SHORTEST - 1)
    dataset = assemble(make([long, short, recording("b", "1"), recording("c", "1")]))
    assert [clip.name for clip in dataset.clips] == ["a_1", "b_1", "c_1"]
    with pytest.raises(BadInput, match="no recording of at least 12 frames for test"):
        assemble(make([long, recording("b", "1"), recording("c", "2", frames=5)]))


def test_a_recording_with_two_roles_is_two_clips_with_names_of_their_own():
    own = {"train": ["a"], "val": ["b", "c"], "test": ["c"]}
    dataset = assemble(make([recording(s, t) for s in "abc" for t in "12"], splits=own))
    assert [clip.name for clip in dataset.split("test")] == ["c_1@test", "c_2@test"]
    assert dataset.clip("c_1").split == "val"
    assert dataset.style_partner(dataset.clip("c_1@test"), 0).name == "c_2@test"
    with pytest.raises(BadInput, match="c.*val and test"):
        rotate(dataset, 1)


def test_what_stands_beside_results():
    dataset = limit(assemble(three()), DataConfig("folder", fps=60.0, clips_per_subject=1))
    assert described(dataset) == {
        "vertices": N,
        "unit": "mm",
        "fps": 60.0,
        "regions": {"face": 12, "lips": 3, "upper_face": 3},
        "region_source": "made up",
        "split": "not stated: the last subject tests, the one before validates",
        "clips": {"train": 1, "val": 1, "test": 1},
    }
    assert not dataset.synthetic


def test_unusable_data_are_refused_with_the_reasons():
    with pytest.raises(BadInput, match="the sky fell.*validate-data folder"):
        assemble(make([recording("a", "1")], findings=[Finding(PROBLEM, "the sky fell")]))
    with pytest.raises(BadInput, match="no whole recording"):
        assemble(make([], findings=[Finding(GAP, "a_1 is cut short")]))
    with pytest.raises(BadInput, match="split is 'voca'.*a2f.json"):
        assemble(three(), split="voca")


# ---- validate-data


def test_whole_data_validate_and_say_what_they_hold():
    report = validate(three(), progress=False)
    assert report.ok and report.to_json()["recordings"] == {"a": 2, "b": 2, "c": 2}
    assert report.to_json()["frames"] == 240 and abs(report.lengths["sound_share"] - 1) < 1e-3
    assert "usable" in str(report) and "lips 3" in str(report) and "made up" in str(report)


def test_what_is_not_finite_or_elsewhere_is_named():
    broken = np.repeat(TEMPLATE[None], 20, 0)
    broken[3:5, 2] = np.nan
    metres = np.repeat(TEMPLATE[None] / 1000, 20, 0)
    far = np.repeat(TEMPLATE[None] + 300, 20, 0)
    report = validate(
        make([recording("a", "1"), recording("a", "2", values=broken), recording("a", "3", values=far)]), progress=False
    )
    problems = report.to_json()["findings"]["problem"]
    assert not report.ok and len(problems) == 2
    assert "a_2: 2 of 20 frames" in problems[0] and "a_3 lies up to" in problems[1]
    # a face in metres beside a template in millimetres shrinks to a point at the origin
    shrunk = Survey("folder", "x", three().topology, 60.0, {"a": TEMPLATE + 200}, (recording("a", "1", values=metres),))
    assert not validate(shrunk, progress=False).ok


def test_templates_are_looked_at():
    flat = TEMPLATE.copy()
    flat[1] = flat[0]
    report = validate(make([recording("a", "1")], templates={"a": flat}), progress=False)
    assert report.ok and "1 triangles without an area" in report.to_json()["findings"]["note"][0]
    holed = TEMPLATE.copy()
    holed[0, 0] = np.inf
    assert "template of a" in validate(make([recording("a", "1")], templates={"a": holed}), progress=False).to_json()[
        "findings"]["problem"][0]  # fmt: skip


def test_sound_much_longer_or_shorter_than_the_faces_is_told():
    report = validate(make([recording("a", "1", seconds=1.0), recording("a", "2")]), progress=False)
    assert report.to_json()["findings"]["note"] == ["a_1: the sound is 1.50 times as long as the faces"]


def test_a_file_that_breaks_while_it_is_read_is_a_problem():
    def fail(frames):
        raise BadInput("x.npy ends early")

    broken = Recording("a", "1", 40, fail, lambda: np.zeros(RATE, np.float32), RATE, RATE)
    report = validate(make([broken]), progress=False)
    assert not report.ok and "a_1 cannot be read: x.npy ends early" in str(report)

"""Faults: a killed process, a full or read-only disk, damaged files and two processes at once never cost a result."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from a2f import files, runs
from a2f.errors import A2FError, BadInput, CannotWrite
from a2f.features import FeatureCache
from a2f.files import PART, atomic_path, sha256, temporary_folder, write_json
from a2f.locks import LOCK, alone_in
from a2f.models import load_audio_encoder, load_model
from a2f.reproduce import is_finished, reproduce
from a2f.training import train

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.environ.get("OMP_NUM_THREADS") != "1",
    reason="children are forked, which is safe on Linux with OMP_NUM_THREADS=1, as `make test` sets it",
)


def in_child(work: Callable[[], object], die_in: int | None = None) -> int:
    """Run something in a forked child; with `die_in`, kill it at that moment of its writes. Returns its exit code."""

    def child() -> None:
        files._cleared.clear()  # which a new process has not looked into yet
        passed, sync, move = 0, os.fsync, os.replace

        def pass_one() -> None:
            nonlocal passed
            if passed == die_in:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1

        def syncing(handle):
            pass_one()
            sync(handle)

        def moving(source, target):
            pass_one()
            move(source, target)
            pass_one()

        os.fsync, os.replace = syncing, moving
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- killed


@pytest.mark.parametrize("moment", [0, 1, 2])
def test_what_a_killed_process_was_writing_is_gone_after_the_next_write_beside_it(tmp_path, moment):
    """Before its bytes are synced, before it is moved, and when it is in its place."""
    path = tmp_path / "result.json"
    write_json(path, "old")
    assert in_child(lambda: write_json(path, "new"), die_in=moment) == -signal.SIGKILL
    assert json.loads(path.read_text()) == ("new" if moment == 2 else "old")
    assert len(names(tmp_path)) == (1 if moment == 2 else 2)
    assert in_child(lambda: write_json(tmp_path / "other.json", 1)) == 0
    assert names(tmp_path) == ["other.json", "result.json"]


def test_what_a_living_process_writes_is_never_taken_for_a_leftover(tmp_path):
    mine = f"{PART}of-mine.txt"
    (tmp_path / mine).write_text("nobody holds it")
    with atomic_path(tmp_path / "slow.txt") as slow, temporary_folder(tmp_path) as folder:
        slow.write_text("half")
        (folder / "frame").write_text("half")
        assert in_child(lambda: write_json(tmp_path / "quick.json", 1)) == 0
        assert slow.read_text() == (folder / "frame").read_text() == "half"
    assert names(tmp_path) == ["quick.json", "slow.txt"], "and what nobody holds is gone"


def test_a_training_killed_in_its_writes_goes_on_to_the_same_files(tiny_run, tiny_config, dataset, tmp_path):
    out, cache = tmp_path / "run", tmp_path / "features"

    def work() -> None:
        train(tiny_config, dataset, out, seed=1, cache=cache, progress=False)

    reached = []
    for moment in (30, 20, 31, 47):  # within the features, then the first, a middle and the last epochs
        assert in_child(work, die_in=moment) == -signal.SIGKILL
        state = out / runs.STATE
        reached.append(torch.load(state, weights_only=True)["epoch"] if state.is_file() else 0)
    assert reached == sorted(reached) and 0 < reached[-1]
    work()
    assert names(out) == names(tiny_run) and not [name for name in names(cache) if name.startswith(PART)]
    for name in names(tiny_run):
        if name != runs.FINISHED:
            assert (out / name).read_bytes() == (tiny_run / name).read_bytes(), name
    ended, undisturbed = (json.loads((run / runs.FINISHED).read_text()) for run in (out, tiny_run))
    assert ended | {"seconds": 0} == undisturbed | {"seconds": 0}


def test_a_run_killed_when_only_its_state_was_left_to_remove_is_finished(tiny_run, tiny_config, dataset, tmp_path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / runs.STATE).write_bytes(b"")
    train(tiny_config, dataset, run, seed=1, progress=False)
    assert names(run) == names(tiny_run)


def test_finished_features_of_a_killed_process_are_not_computed_again(tiny_config, dataset, tmp_path):
    encoder = load_audio_encoder(tiny_config.model)

    def work() -> None:
        FeatureCache(encoder, tmp_path).prepare(dataset.clips[:5], progress=False)

    assert in_child(work, die_in=7) == -signal.SIGKILL  # of the third clip's file only the move was missing
    before = {path: path.stat() for path in tmp_path.glob("*.npz") if not path.name.startswith(PART)}
    assert len(before) == 2
    assert in_child(work) == 0
    assert len(names(tmp_path)) == 5 and all(name.endswith(".npz") and name[0] != "." for name in names(tmp_path))
    assert all((p.stat().st_ino, p.stat().st_mtime_ns) == (s.st_ino, s.st_mtime_ns) for p, s in before.items())


def test_a_killed_batch_keeps_what_it_made_and_makes_the_rest(tiny_run, clip, tmp_path):
    from a2f.animating import animate
    from a2f.animation import Animation
    from a2f.audio import write_wav

    face, style = tmp_path / "face.npy", tmp_path / "style.npz"
    np.save(face, clip.template)
    Animation(clip.vertices, clip.fps, clip.topology).to_npz(style)
    sounds = [tmp_path / f"{name}.wav" for name in "abc"]
    for index, sound in enumerate(sounds):
        write_wav(sound, np.roll(clip.waveform, 999 * index), clip.sample_rate)

    def work(out: Path) -> None:
        animate(sounds, out, ("npz", "ply"), checkpoint=tiny_run, style=str(style), template=str(face), progress=False)

    def contents(out: Path) -> dict[str, str]:
        return {path.relative_to(out).as_posix(): sha256(path) for path in out.rglob("*") if path.is_file()}

    work(tmp_path / "undisturbed")
    out = tmp_path / "killed"
    for moment in (8, 9):  # within the first recording's sequence, then within the second's
        assert in_child(lambda: work(out), die_in=moment) == -signal.SIGKILL
    before = (out / "a.npz").stat()
    work(out)
    assert (out / "a.npz").stat() == before
    assert contents(out) == contents(tmp_path / "undisturbed")


# ---- a full disk, a folder that is read-only


def no_larger_than(size: int, work: Callable[[], object], told: Path) -> Callable[[], None]:
    """Give work that may write no file beyond a size, and writes down the error that it came to."""

    def limited() -> None:
        handle = os.open(told, os.O_WRONLY | os.O_CREAT)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            work()
        except A2FError as error:
            os.write(handle, f"{type(error).__name__}: {error}"[:size].encode())

    return limited


def save_torch(path: Path) -> None:
    torch.save({"a": torch.zeros(2_000_000)}, path)


def save_safetensors(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2_000_000)}, path)


def save_npz(path: Path) -> None:
    np.savez(path, a=np.zeros(1_000_000))


@pytest.mark.parametrize("save", [save_torch, save_safetensors, save_npz])
def test_a_disk_without_room_is_one_clear_error_and_the_old_file_stays(tmp_path, save):
    """Each library has an error of its own for it."""
    path, told = tmp_path / "result.npz", tmp_path / "told"
    path.write_text("old")

    def work() -> None:
        with atomic_path(path) as temporary:
            save(temporary)

    assert in_child(no_larger_than(4096, work, told)) == 0
    assert told.read_text().startswith(f"CannotWrite: cannot write {path}: File too large; ")
    assert path.read_text() == "old" and names(tmp_path) == ["result.npz", "told"]


def test_a_film_that_does_not_fit_is_no_shorter_film(tmp_path):
    """The encoder is a process of its own, whose end nobody told of."""
    from a2f.export.video import write_mp4

    frames = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), dtype=np.uint8)
    write_mp4(tmp_path / "film.mp4", frames[:2], 30, progress=False)
    before, told = sha256(tmp_path / "film.mp4"), tmp_path / "told"
    work = no_larger_than(20_000, lambda: write_mp4(tmp_path / "film.mp4", frames, 30, progress=False), told)
    assert in_child(work) == 0
    assert "film.mp4: File too large" in told.read_text()
    assert sha256(tmp_path / "film.mp4") == before and names(tmp_path) == ["film.mp4", "told"]


@pytest.mark.parametrize("save", [save_torch, save_safetensors, save_npz])
def test_a_full_disk_says_so_and_room_is_all_it_takes(tmp_path, save):
    """A file system of its own with room for half of the file, where this is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        write_json(place / "kept.json", 1)
        with pytest.raises(CannotWrite, match=r"large\.npz: No space left on device; make room"):
            with atomic_path(place / "large.npz") as temporary:
                save(temporary)
        assert names(place) == ["kept.json"]
        write_json(place / "kept.json", 2)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("mode", [0o555, 0o444], ids=["readable", "closed"])
def test_a_read_only_folder_is_named_by_every_writer(tmp_path, tiny_config, dataset, mode):
    """Root may write anywhere, so the child becomes another user, to whom pytest's own folders are closed."""
    with tempfile.TemporaryDirectory() as outside:
        Path(outside).chmod(0o755)
        _read_only_is_named(Path(outside) / "folder", tmp_path / "told", tiny_config, dataset, mode)


def _read_only_is_named(place, told, tiny_config, dataset, mode):
    place.mkdir()
    write_json(place / "kept.json", 1)
    place.chmod(mode)

    def work() -> None:
        handle = os.open(told, os.O_WRONLY | os.O_CREAT)
        if os.geteuid() == 0:
            os.setuid(65534)
        errors = []
        for write in (
            lambda: write_json(place / "kept.json", 2),
            lambda: temporary_folder(place).__enter__(),
            lambda: train(tiny_config, dataset, place, progress=False),
            lambda: write_json(place / "kept.json" / "in a file.json", 2),
        ):
            with pytest.raises(CannotWrite) as caught:
                write()
            errors.append(str(caught.value))
        os.write(handle, json.dumps(errors).encode())

    assert in_child(work) == 0
    errors = json.loads(told.read_text())
    assert all("Permission denied" in error and str(place) in error for error in errors[:3]) and len(errors) == 4
    place.chmod(0o755)
    assert names(place) == ["kept.json"] and (place / "kept.json").read_text() == "1\n"


# ---- damaged


def flipped(path: Path, place: int) -> None:
    whole = bytearray(path.read_bytes())
    whole[place] ^= 0x10
    path.write_bytes(whole)


@pytest.fixture(scope="module")
def stopped(tiny_config, dataset, feature_cache, tmp_path_factory) -> Path:
    """A run that was stopped after its fourth epoch."""

    def stop(row: dict) -> None:
        if row["epoch"] == 4:
            raise KeyboardInterrupt

    out = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config, dataset, out, seed=1, cache=feature_cache, progress=False, on_epoch=stop)
    return out


def test_a_state_with_any_damage_is_refused_or_unharmed(stopped, tmp_path):
    """A flipped bit of a weight would go unseen through torch, which compares no checksums."""

    def values(state: object) -> list[bytes | str]:
        if isinstance(state, torch.Tensor):
            return [state.numpy().tobytes()]
        if isinstance(state, dict):
            return [part for key, item in state.items() for part in (str(key), *values(item))]
        return [part for item in state for part in values(item)] if isinstance(state, list) else [repr(state)]

    path = tmp_path / "state.pt"
    whole = (stopped / runs.STATE).read_bytes()
    path.write_bytes(whole)
    expected = values(runs._read_state(path))
    refused = 0
    rng = np.random.default_rng(0)
    last = len(whole) - 3000  # the directory of what the file holds is at its end
    places = [*rng.integers(0, len(whole), 24), *rng.integers(last, len(whole), 24)]
    for place in places:
        path.write_bytes(whole)
        flipped(path, int(place))
        try:
            found = runs._read_state(path)
        except BadInput as error:
            assert "state.pt is damaged" in str(error) and "train it anew" in str(error)
            refused += 1
        else:
            assert values(found) == expected, place
    assert refused > len(places) // 3
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="is damaged"):
        runs._read_state(path)


def test_a_run_with_a_damaged_state_stops_and_names_it(stopped, tiny_config, dataset, feature_cache, tmp_path):
    out = Path(shutil.copytree(stopped, tmp_path / "run"))
    with zipfile.ZipFile(out / runs.STATE) as stored:
        largest = max(stored.infolist(), key=lambda part: part.file_size)
    flipped(out / runs.STATE, largest.header_offset + largest.file_size // 2)
    before = {name: sha256(out / name) for name in names(out)}
    with pytest.raises(BadInput, match=rf"{out / runs.STATE} is damaged"):
        train(tiny_config, dataset, out, seed=1, cache=feature_cache, progress=False)
    assert {name: sha256(out / name) for name in names(out)} == before


def test_weights_of_a_finished_run_with_one_other_bit_are_refused(tiny_run, tmp_path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    load_model(run)
    flipped(run / "best.safetensors", (run / "best.safetensors").stat().st_size - 100)
    with pytest.raises(BadInput, match=r"best\.safetensors is damaged"):
        load_model(run)
    load_model(run, "last")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": "f", "runs": []}'])
def test_a_notebook_whose_record_is_damaged_runs_again(tmp_path, text):
    (tmp_path / "a.ipynb").touch()
    state = tmp_path / "a.state.json"
    record = {"record": {"reads": {}, "writes": {}}, "seconds": 1.0, "reused_seconds": 0.0}
    write_json(state, {"fingerprint": "f", "runs": [], **record})
    assert is_finished(state, tmp_path, "f")
    state.write_text(text)
    assert not is_finished(state, tmp_path, "f")


# ---- two at once


def test_notebooks_of_one_folder_are_run_by_one_process(tmp_path):
    with alone_in(tmp_path / "smoke-demo", "running notebooks"):
        with pytest.raises(BadInput, match="is running notebooks in .*smoke-demo; wait for its end"):
            reproduce("smoke", out=tmp_path, only=["02"])


def test_two_trainings_in_one_folder_are_refused_and_the_lock_ends_with_its_process(tmp_path, tiny_config, dataset):
    with alone_in(tmp_path, "training"):
        with pytest.raises(BadInput, match=rf"another process \({os.getpid()}\) is training in {tmp_path}; wait"):
            train(tiny_config, dataset, tmp_path, progress=False)
    assert names(tmp_path) == []

    def die() -> None:
        with alone_in(tmp_path, "training"):
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -signal.SIGKILL and names(tmp_path) == [LOCK]
    with alone_in(tmp_path, "training"):
        assert (tmp_path / LOCK).read_text() == str(os.getpid())
    assert names(tmp_path) == []


def test_a_lock_keeps_many_processes_apart(tmp_path):
    """Each notes when it came and went; nobody is in between, though the lock file comes and goes with them."""
    log = tmp_path / "log"

    def work() -> None:
        for _ in range(40):
            try:
                with alone_in(tmp_path / "run", "working"), open(log, "ab", buffering=0) as file:
                    file.write(b"in\n")
                    file.write(b"out\n")
            except BadInput:
                pass

    processes = [multiprocessing.get_context("fork").Process(target=work) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}
    lines = log.read_text().split()
    assert lines == ["in", "out"] * (len(lines) // 2) and len(lines) >= 80


def test_two_processes_share_a_cache(tiny_config, dataset, tmp_path):
    encoder = load_audio_encoder(tiny_config.model)

    def work() -> None:
        FeatureCache(encoder, tmp_path).prepare(dataset.clips, progress=False)

    processes = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} == {0}
    assert len(names(tmp_path)) == len(dataset.clips)
    alone = FeatureCache(encoder, tmp_path / "alone")
    shared = FeatureCache(encoder, tmp_path)
    for clip in dataset.clips:
        np.testing.assert_array_equal(shared.at_encoder_rate(clip), alone.at_encoder_rate(clip))

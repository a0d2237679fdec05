"""Does everything come out the same if its process is killed again and again? Real commands, killed at random moments.

`python tools/survive_kills.py [NAME ...] [--kills 20] [--json FILE] [--folder DIR]` runs each command once undisturbed,
then kills it with all of its children (SIGKILL) at moments drawn over its undisturbed duration, and starts it again
until it is done; where it is done before its kill, a fresh folder is begun. Half of the kills of the commands in one
process come inside a write instead: before a file is synced, before it is moved to its place, or just after. It stops
with an error at anything that was lost, done twice, left behind or differs from the undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from a2f.files import PART, read_json, sha256, write_json
from a2f.locks import LOCK

SOUNDS = 6  # of a batch
EPOCHS, EVERY = 6, 2  # of a training, and how many lie between validations
TIMES = {"seconds", "origin", "date", "library", "reused_seconds"}  # keys that no two runs share
A2F = [sys.executable, "-m", "a2f.cli"]


@dataclass(frozen=True)
class Command:
    """A command, what of its folder is done for good at any moment, and what it leaves.

    Parameters
    ----------
    line : callable
        Gives the command line for a folder.
    done : callable
        Names the files of a folder that no later start may write again.
    left : callable
        Tells which files count as results.
    processes : bool
        It computes in processes of its own, in which no kill can be placed inside a write.
    """

    line: Callable[[Path], list[str]]
    done: Callable[[Path], list[Path]]
    left: Callable[[Path], bool]
    processes: bool = False


@dataclass
class Count:
    """What happened to a command."""

    seconds: float = 0.0
    kills_at_random: int = 0
    kills_in_writes: int = 0
    starts: int = 0
    finished: int = 0
    leftovers_removed: int = 0
    files_compared: int = 0
    files_kept: int = 0
    steps_taken: list[int] = field(default_factory=list)  # as shown before each kill, by a training
    steps_lost: list[int] = field(default_factory=list)  # of these, what the next start takes again


def _vouched(folder: Path) -> list[Path]:
    """The results of a batch that their receipts hold."""
    found = []
    for receipt in folder.glob("films/*.a2f.json"):
        for entry in read_json(receipt)["results"].values():
            files = [(receipt.parent / name, digest) for name, digest in entry["files"].items()]
            if all(path.is_file() and sha256(path) == digest for path, digest in files):
                found += [path for path, _ in files]
    return found


def commands(sounds: Path) -> dict[str, Command]:
    """Return the commands by name."""

    changed = {"epochs": EPOCHS, "freeze_epochs": EPOCHS // 2, "validate_every": EVERY}
    settings = [word for name, value in changed.items() for word in ("--set", f"{name}={value}")]
    return {
        "training": Command(
            lambda folder: [*A2F, "train", "--preset", "smoke", "--out", str(folder / "run"), "--save-seconds", "0",
                            *settings],
            lambda folder: [*folder.glob("features/*.npz")],
            lambda path: True,
        ),
        "features": Command(
            lambda folder: [sys.executable, __file__, "--make-features", str(folder / "features")],
            lambda folder: [*folder.glob("features/*.npz")],
            lambda path: True,
        ),
        "batch": Command(
            lambda folder: [*A2F, "animate", *map(str, sorted(sounds.glob("*.wav"))), "--out", str(folder / "films"),
                            "--format", "npz,glb,csv,html,pc2,ply,usd"],
            _vouched,
            lambda path: True,
        ),
        "reproduce": Command(
            lambda folder: [*A2F, "reproduce", "--preset", "smoke", "--only", "02", "04", "--out", str(folder)],
            lambda folder: [path for pattern in ("*/notebooks/*.state.json", "*/runs/*/finished.json",
                                        "*/runs/features/*.npz")
                            for path in folder.glob(pattern)],
            # executed notebooks and their records tell the time, and other libraries' caches are no results
            lambda path: "caches" not in path.parts and not path.name.endswith((".ipynb", ".state.json")),
            processes=True,
        ),
    }  # fmt: skip


def contents(folder: Path, command: Command) -> dict[str, str]:
    """Return what a finished folder holds, by file: a digest, or the JSON without clock and origin."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or not command.left(path):
            continue
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            value = _timeless(read_json(path))
            if "records" in path.parts:  # digests of the JSON files beside the figures, which name their date
                value = {kind: sorted(names) for kind, names in value.items()}
            found[name] = json.dumps(value)
        else:
            found[name] = sha256(path)
    return found


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _marks(paths: list[Path]) -> dict[Path, tuple[int, int]]:
    whole = [path for path in paths if path.is_file() and not path.name.startswith(PART)]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in whole}


def _leftovers(folder: Path) -> list[Path]:
    unfinished = (LOCK, "state.pt")
    return [path for path in folder.rglob("*") if path.name.startswith(PART) or path.name.endswith(unfinished)]


def _reached(folder: Path) -> tuple[int, int] | None:
    """Epochs and steps of the next one that a killed training goes on from; None where it has no state."""
    import torch

    path = folder / "run" / "state.pt"
    if not path.is_file():
        return None
    state = torch.load(path, weights_only=True)
    return state["epoch"], state["step"]


def _shown(text: str) -> tuple[int, int]:
    """Steps of a training's last bar: taken, and in all; the bar is drawn ten times a second at most."""
    found = re.findall(r"run: [^\r\n]*?(\d+)/(\d+) \[", text)
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


class Failed(Exception):
    """A promise that was not kept; the text says which."""


def start(line: list[str], kill_after: float | None = None) -> tuple[int, str]:
    """Run a command, kill it and its children after so many seconds; return its exit code and what it printed."""
    import psutil

    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(line, stdout=said, stderr=said, env=environment, start_new_session=True)
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
            for member in reversed(family):  # the parent first, or it would tell of a child's end
                if member.is_running():
                    member.kill()
            process.wait()
            psutil.wait_procs(family, timeout=10)
        said.seek(0)
        text = said.read()
        if process.returncode not in (0, -signal.SIGKILL):
            raise Failed(f"{' '.join(line[:6])} ... ended with {process.returncode}:\n{text[-3000:]}")
        return process.returncode, text


def survive(name: str, command: Command, kills: int, seed: int, folder: Path) -> Count:
    """Kill a command so many times and check every promise."""
    count, rng = Count(), np.random.default_rng([seed, *name.encode()])
    began = time.perf_counter()
    start(command.line(folder / "undisturbed"))
    count.seconds = round(time.perf_counter() - began, 1)
    expected = contents(folder / "undisturbed", command)
    writes = None if command.processes else _writes(command.line(folder / "counted"))
    trial, place = 0, folder / "0"
    while (killed := count.kills_at_random + count.kills_in_writes) < kills or place.exists():
        before = _marks(command.done(place))
        leftovers, line = _leftovers(place), command.line(place)
        inside = writes is not None and count.starts % 2 == 1
        after = None
        if killed < kills and inside:
            line = [sys.executable, __file__, "--die-in", str(int(rng.integers(writes))), *line]
        elif killed < kills:
            after = float(rng.uniform(0, count.seconds))
        ended, text = start(line, after)
        count.starts += 1
        count.kills_in_writes += inside and ended != 0
        count.kills_at_random += not inside and ended != 0
        now = _marks([*before])
        if before != now:
            lost = [str(path) for path in before if now.get(path) != before[path]]
            raise Failed(f"{name}: done before the kill, and lost or written again: {', '.join(lost[:5])}")
        count.files_kept += len(before)
        count.leftovers_removed += sum(path.name.startswith(PART) and not path.exists() for path in leftovers)
        taken, steps = _shown(text)
        if ended != 0 and taken and not (place / "run" / "finished.json").is_file():
            epoch, step = _reached(place) or (0, 0)
            kept = epoch * (steps // EPOCHS) + step
            if kept < taken - 1:
                raise Failed(f"{name}: it had shown {taken} steps and goes on from step {kept}")
            count.steps_taken.append(taken)
            count.steps_lost.append(max(0, taken - kept))
        if ended == 0:
            _compare(name, expected, contents(place, command))
            if left := _leftovers(place):
                raise Failed(f"{name}: left behind: {', '.join(path.name for path in left)}")
            count.finished += 1
            count.files_compared += len(expected)
            shutil.rmtree(place)
            trial += 1
            place = folder / str(trial)
        killed += ended != 0
        print(f"{name}: {killed} of {kills} kills, {count.finished} times done, all the same", flush=True)
    return count


def _compare(name: str, expected: dict[str, str], found: dict[str, str]) -> None:
    wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    if wrong:
        raise Failed(f"{name}: other than in the undisturbed run: {', '.join(wrong[:10])}")


def _writes(line: list[str]) -> int:
    """Run a command to its end, and return how many moments inside its writes there are."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "moments"
        start([sys.executable, __file__, "--die-in", "-1", "--tell", str(told), *line])
        return int(told.read_text())


def die_in(moment: int, told: str | None, line: list[str]) -> None:
    """Run a Python command in this process, and kill it at one moment of its writes: three for each file."""
    import runpy

    passed, sync, move = 0, os.fsync, os.replace

    def pass_one() -> None:
        nonlocal passed
        if passed == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    def syncing(handle: int) -> None:
        pass_one()
        sync(handle)

    def moving(source: str, target: str) -> None:
        pass_one()
        move(source, target)
        pass_one()

    os.fsync, os.replace = syncing, moving
    if line[1] == "-m":
        sys.argv = [line[2], *line[3:]]
        run = lambda: runpy.run_module(line[2], run_name="__main__", alter_sys=True)  # noqa: E731
    else:
        sys.argv = line[1:]
        run = lambda: runpy.run_path(line[1], run_name="__main__")  # noqa: E731
    try:
        run()
    finally:
        if told:
            Path(told).write_text(str(passed))


def make_features(folder: Path) -> None:
    """Compute the features of the demo corpus' test clips, as training does before its first step."""
    from a2f.config import SMOKE
    from a2f.data import open_configured
    from a2f.features import FeatureCache
    from a2f.models import load_audio_encoder

    clips = open_configured(SMOKE.data).split("test")
    FeatureCache(load_audio_encoder(SMOKE.model), folder).prepare(clips, progress=False)


def _sounds(folder: Path) -> Path:
    from a2f.audio import write_wav
    from a2f.data import open_dataset

    for clip in open_dataset("demo").split("test")[:SOUNDS]:
        write_wav(folder / f"{clip.name}.wav", clip.waveform[: 2 * clip.sample_rate], clip.sample_rate)
    return folder


def main() -> None:
    """Kill, start again, compare, print."""
    if sys.argv[1:2] == ["--die-in"]:
        told = sys.argv[4] if sys.argv[3] == "--tell" else None
        return die_in(int(sys.argv[2]), told, sys.argv[5 if told else 3 :])
    if sys.argv[1:2] == ["--make-features"]:
        return make_features(Path(sys.argv[2]))
    from a2f.origin import commit, versions

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="training, features, batch, reproduce; all by default")
    parser.add_argument("--kills", type=int, default=20, help="of training; the others get half as many (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="add the counts to this file, with their origin")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="a2f-kills-", dir=options.folder))
    try:
        known = commands(_sounds(root / "sounds"))
        if wrong := set(options.names) - set(known):
            parser.error(f"no command is called {', '.join(wrong)}; there are {', '.join(known)}")
        for name in options.names or known:
            kills = options.kills if name == "training" else options.kills // 2
            count = survive(name, known[name], kills, options.seed, root / name)
            if options.json:
                found = read_json(options.json) if options.json.is_file() else {}
                origin = {"seed": options.seed, **commit(), "versions": versions()}
                write_json(options.json, found | {name: vars(count) | {"origin": origin}})
            print(f"{name}: survived {kills} kills: {count}")
    except Failed as error:
        raise SystemExit(f"FAILED: {error}") from None
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()

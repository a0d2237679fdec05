"""Inputs given to a few long-lived processes; one that hangs or dies is a finding, and another takes its place."""

from __future__ import annotations

import json
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fuzzing.outcome import FINDING

LIMIT = 10.0  # seconds of processor time for one input
WAIT = 90.0  # seconds on the clock: other processes may keep the machine busy
MEMORY = 4 * 2**30  # bytes of address space; torch's libraries take one
START = 240.0  # seconds for imports


@dataclass(frozen=True)
class Result:
    """What became of an input."""

    target: str
    seed: int
    outcome: str
    text: str
    seconds: float


class Worker:
    """A process of `worker.py`, with the file that it writes its last words to."""

    def __init__(self, folder: Path, memory: int) -> None:
        import psutil

        folder.mkdir(parents=True, exist_ok=True)
        self.log = open(folder / "log.txt", "w+b")
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder), str(memory)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.usage = psutil.Process(self.process.pid)
        if self._answer(time.monotonic() + START, float("inf")) != "ready":
            raise RuntimeError(f"a worker did not start: {self.last_words()}")

    def ask(self, name: str, seed: int) -> tuple[str, str] | None:
        """Return an input's outcome and text; None where the process died or had to be ended."""
        self.process.stdin.write(json.dumps([name, seed]).encode() + b"\n")
        self.process.stdin.flush()
        found = self._answer(time.monotonic() + WAIT, self._used() + LIMIT)
        return None if found is None else (found[0], found[1])

    def _used(self) -> float:
        times = self.usage.cpu_times()
        return times.user + times.system

    def _answer(self, until: float, used: float) -> object:
        while time.monotonic() < until:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                line = self.process.stdout.readline()
                return json.loads(line) if line else None
            if self._used() > used:
                break
        self.process.kill()
        return None

    def last_words(self) -> str:
        """Return how the process ended and what it printed last."""
        code = self.process.wait()
        how = "hung and was ended" if code == -9 else f"died with exit code {code}"
        self.log.seek(0)
        return f"the process {how}\n" + self.log.read()[-1500:].decode(errors="replace")

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def run(
    inputs: Iterable[tuple[str, int]], folder: Path, workers: int = 1, report: Callable[[Result], None] | None = None
) -> list[Result]:
    """Have inputs read.

    Parameters
    ----------
    inputs : iterable of (str, int)
        Target and seed.
    folder : Path
        Of the files of findings, ``<folder>/<worker>/<target>-<seed>``; a new one.
    workers : int
    report : callable, optional
        Is given each result as it comes.

    Returns
    -------
    list of Result
        In the order of the inputs.
    """
    inputs = list(inputs)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(inputs)):
        waiting.put(index)
    results: dict[int, Result] = {}
    failures: list[BaseException] = []

    def serve(number: int) -> None:
        generation, worker = 0, None
        try:
            while not failures:
                try:
                    index = waiting.get_nowait()
                except queue.Empty:
                    break
                if worker is None:
                    worker = Worker(folder / f"{number}-{generation}", MEMORY)
                start = time.monotonic()
                found = worker.ask(*inputs[index])
                if found is None:
                    found = FINDING, worker.last_words()
                    worker.close()
                    worker, generation = None, generation + 1
                results[index] = Result(*inputs[index], *found, time.monotonic() - start)
                if report is not None:
                    report(results[index])
        except BaseException as error:
            failures.append(error)
        finally:
            if worker is not None:
                worker.close()

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(inputs))]

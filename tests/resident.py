"""How far the memory of a piece of code rises above what it starts from, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

# tracemalloc does not see what torch allocates; the process's resident memory holds everything.
PROGRAM = """
import sys, threading
import psutil
process, highest, stop = psutil.Process(), 0, threading.Event()
def watch():
    global highest
    while not stop.wait(0.003):
        highest = max(highest, process.memory_info().rss)
setup, work = sys.argv[1:]
exec(setup, globals())
before = process.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
exec(work, globals())
stop.set()
watcher.join()
print((highest - before) / 1e6)
"""


def megabytes_above(setup: str, work: str) -> float:
    """Return the peak of `work` above the memory held after `setup`, in MB, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    arguments = [sys.executable, "-c", PROGRAM, textwrap.dedent(setup), textwrap.dedent(work)]
    found = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr
    return float(found.stdout.split()[-1])

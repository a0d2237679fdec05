"""Fresh processes: none of this one's state, and no life beyond the process that started them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import psutil
import pytest

from a2f import fresh_processes as rooms

ASKS_FOR_ONE = """
import os, time
from a2f.fresh_processes import fresh_processes
if __name__ == "__main__":
    with fresh_processes(1) as one:
        print(one.submit(os.getpid).result(), flush=True)
        one.submit(time.sleep, 600).result()
"""


def test_a_process_is_another_one():
    with rooms.fresh_processes(1) as one:
        assert one.submit(os.getpid).result() != os.getpid()


def pages_made_anew(count: int = 8, size: int = 16 << 20) -> int:
    """Allocate and free arrays three times; return the pages that the system had to make for the last time."""
    import resource

    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        arrays = [bytearray(size) for _ in range(count)]
        made = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        del arrays
    return made


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_it_keeps_the_memory_it_freed_if_asked():
    with rooms.fresh_processes(1) as one, rooms.fresh_processes(1, keep_memory=True) as keeps:
        assert keeps.submit(pages_made_anew).result() < one.submit(pages_made_anew).result() / 10


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path):
    script = tmp_path / "asks.py"
    script.write_text(ASKS_FOR_ONE)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as starter:
        worker = psutil.Process(int(starter.stdout.readline()))
        assert worker.is_running()
        starter.kill()
    _, alive = psutil.wait_procs([worker], timeout=30)
    assert all(one.status() == psutil.STATUS_ZOMBIE for one in alive), "it works on for nobody"

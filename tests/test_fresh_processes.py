"""Fresh processes: none of this one's state, and no life beyond the process that started them."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

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


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path):
    script = tmp_path / "asks.py"
    script.write_text(ASKS_FOR_ONE)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as starter:
        worker = psutil.Process(int(starter.stdout.readline()))
        assert worker.is_running()
        starter.kill()
    _, alive = psutil.wait_procs([worker], timeout=30)
    assert all(one.status() == psutil.STATUS_ZOMBIE for one in alive), "it works on for nobody"

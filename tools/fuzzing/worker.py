"""A process that reads one input after another, with little memory, and tells what became of each.

`python worker.py FOLDER BYTES` reads lines of JSON, ``[target, seed]``, and answers each with one.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import sys
import warnings
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2] / "tests")]


def main(base: Path, memory: int) -> None:
    """Answer inputs until there are no more; the folder of a finding is kept."""
    faulthandler.enable()
    # libraries print what they like; answers go to what was standard output
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    import torch

    import a2f.animating  # noqa: F401  imports count for no input
    import a2f.training  # noqa: F401
    from fuzzing.outcome import FINDING, judge
    from fuzzing.targets import case_of

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.chdir(base)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        name, seed = json.loads(line)
        folder = base / f"{name.replace(' ', '-')}-{seed}"
        folder.mkdir()
        outcome, text = judge(case_of(name, seed, folder))
        if outcome != FINDING:
            shutil.rmtree(folder, ignore_errors=True)
        print(json.dumps([outcome, text]), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

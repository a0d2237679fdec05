"""`a2f bench`: time training, synthesis, export and F-DTW on this machine, as a table and a file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from a2f.files import write_json

NAME = "bench"
FILE = f"{NAME}.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--out", required=True, metavar="DIR", help=f"folder for {FILE}, made if missing")
    parser.add_argument("--name", default=NAME, help=f"of the file, where it is not to be {NAME}: .json is added")
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu (default: one thread of it) or cuda")
    parser.add_argument("--quick", action="store_true", help="small networks and meshes: does it work, not how fast")
    parser.add_argument(
        "--parts",
        nargs="+",
        metavar="PART",
        help="training, inference, runtimes, long, export, f-dtw; all of them by default, on cuda the first two",
    )


def run(options: argparse.Namespace) -> int:
    """Measure, print the table and write the file; returns the exit code."""
    # read when torch's threads start: waiting ones leave the core to those that work
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from a2f.bench.ratios import summary
    from a2f.bench.rows import measure
    from a2f.bench.table import as_text

    def report(text: str) -> None:
        print(f"a2f: {text}", file=sys.stderr, flush=True)

    bench = measure(options.quick, options.parts, report, options.device)
    bench["summary"] = summary(bench)
    path = Path(options.out) / f"{options.name}.json"
    write_json(path, bench)
    print(as_text(bench))
    print(f"written: {path}")
    return 0

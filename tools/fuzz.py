"""Thousands of generated bad inputs for every reader, each read in a process that may die without harm.

`python tools/fuzz.py [--count 2000] [--seed 0] [--only NAME ...] [--write]` prints for every reader how many were
accepted and refused, and each finding with its seed and files; the exit code is 1 where there is one. An input is
decided by its reader and its seed: `--only pickles --seed 17 --count 1` makes one anew. `--write` keeps the counts in
fuzz.json. All inputs are generated; none was recorded.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing.outcome import ACCEPTED, FINDING, REFUSED  # noqa: E402
from fuzzing.pool import LIMIT, MEMORY, Result, run  # noqa: E402
from fuzzing.targets import TARGETS, plan  # noqa: E402

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run, print, and keep the counts if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, metavar="N", help="inputs, about (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first input of every reader")
    parser.add_argument("--only", nargs="+", choices=sorted(TARGETS), metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default: 2)")
    parser.add_argument("--keep", type=Path, default=HERE.parent / "build" / "fuzz", metavar="DIR", help="of findings")
    parser.add_argument("--write", action="store_true", help="keep the counts in fuzz.json")
    options = parser.parse_args()
    inputs = plan(options.count, options.seed)
    if options.only:
        each = -(-options.count // len(options.only))
        inputs = [(name, options.seed + number) for name in options.only for number in range(each)]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = run(inputs, Path(folder), options.workers, _tell)
        findings = [result for result in results if result.outcome == FINDING]
        kept = [_keep(Path(folder), options.keep, result) for result in findings]
    rows = table(results)
    print(f"{'reader':<20}{'seeds':>12}{'inputs':>8}{'accepted':>10}{'refused':>9}{'findings':>10}")
    for name, row in rows.items():
        seeds = f"{row['first_seed']}-{row['first_seed'] + row['inputs'] - 1}"
        print(f"{name:<20}{seeds:>12}{row['inputs']:>8}{row[ACCEPTED]:>10}{row[REFUSED]:>9}{row[FINDING]:>10}")
    took = time.perf_counter() - start
    print(f"{len(results)} inputs in {took:.0f} s, {len(findings)} findings")
    for result, place in zip(findings, kept, strict=True):
        print(f"finding: python tools/fuzz.py --only {result.target!r} --seed {result.seed} --count 1   files: {place}")
    if options.write:
        _write(rows, options.seed, took)
    return 1 if findings else 0


def table(results: list[Result]) -> dict[str, dict[str, int]]:
    """Return for each reader its first seed and how many inputs came to what."""
    rows = {}
    for name in dict.fromkeys(result.target for result in results):
        own = [result for result in results if result.target == name]
        counts = Counter(result.outcome for result in own)
        rows[name] = {"first_seed": min(result.seed for result in own), "inputs": len(own)}
        rows[name] |= {outcome: counts[outcome] for outcome in (ACCEPTED, REFUSED, FINDING)}
    return rows


def _tell(result: Result) -> None:
    if result.outcome == FINDING:
        print(f"finding: {result.target}, seed {result.seed}: {result.text}\n", file=sys.stderr, flush=True)


def _keep(folder: Path, target: Path, result: Result) -> Path | None:
    """Move a finding's files to where they stay, with what was found."""
    name = f"{result.target.replace(' ', '-')}-{result.seed}"
    place = target / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for found in folder.glob(f"*/{name}"):
        shutil.copytree(found, place / "files", symlinks=True)
    (place / "finding.txt").write_text(result.text, encoding="utf-8")
    return place


def _write(rows: dict, seed: int, took: float) -> None:
    from a2f.files import write_json
    from a2f.origin import commit, versions

    described = {"generated": True, "seed": seed, "limit_seconds": LIMIT, "limit_bytes": MEMORY}
    described |= {"readers": rows, "seconds": round(took, 1), **commit(), "versions": versions()}
    write_json(HERE / "fuzz.json", described)


if __name__ == "__main__":
    sys.exit(main())

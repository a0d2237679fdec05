"""Write figures/reference/PRESET.json, the numbers that later runs are held against, from a complete run.

`python tools/write_reference.py smoke demo [--build build]` reads `build/<preset>-demo/`. It first says what moves
against the reference that is stored. Run it when numbers are meant to move, and say why in the commit.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from a2f import drift
from a2f.files import read_json, write_json

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Write the references of the presets that are named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("presets", nargs="+", choices=sorted(drift.TRAINED))
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    for preset in options.presets:
        folder = options.build / f"{preset}-demo"
        path = drift.reference_path(ROOT, preset)
        if path.is_file():
            print(f"{preset}: {drift.described(drift.compare(folder, read_json(path)))}", end="")
        path.parent.mkdir(exist_ok=True)
        write_json(path, drift.reference(folder, preset))
        print(f"{path.relative_to(ROOT).as_posix()} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

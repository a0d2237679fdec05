"""Write a2f/assets/manifest.json: the SHA-256 and size of every shipped asset. Run it after rebuilding any of them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from a2f.files import sha256, write_json

LIMIT = 25_000_000  # bytes for all assets together


def main() -> int:
    """Write the manifest, print the total, and fail when it is over the limit."""
    root = Path(__file__).resolve().parent.parent / "a2f" / "assets"
    files = sorted(p for p in root.rglob("*") if p.is_file() and p.name not in ("manifest.json", "NOTICE"))
    entries = {p.relative_to(root).as_posix(): {"sha256": sha256(p), "bytes": p.stat().st_size} for p in files}
    write_json(root / "manifest.json", {"files": entries})
    total = sum(entry["bytes"] for entry in entries.values())
    print(f"{len(entries)} assets, {total / 1e6:.2f} MB")
    return 0 if total <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

"""Builds the demo corpus' motion (synthetic): speakers.json and motion.npz from faces.npz and speech.json."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

from demo_motion.generate import SCALE, STORED_RATE, build_clips  # noqa: E402
from demo_motion.mouth import FaceAsset  # noqa: E402
from demo_motion.speakers import draw_speakers  # noqa: E402

from a2f.files import atomic_path, write_json  # noqa: E402

SEED = 20231029


def main() -> None:
    """Write both files whole; the same inputs and seed give the same bytes of coefficients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path,
                        default=Path(__file__).resolve().parents[1] / "a2f" / "assets" / "demo")
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    began = time.perf_counter()
    face = FaceAsset(args.assets / "faces.npz")
    speech_path = args.assets / "speech.json"
    if not speech_path.exists():
        raise FileNotFoundError(f"{speech_path} is missing; build the speech first (tools/build_speech.py)")
    speech = json.loads(speech_path.read_text(encoding="utf-8"))
    speakers = draw_speakers(speech["speakers"], len(face.identity_basis), args.seed)
    ids, parts = [], []
    for name, coefficients in build_clips(face, speakers, speech, args.seed):
        ids.append(name)
        parts.append(coefficients)
    starts = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    write_json(args.assets / "speakers.json", {"seed": args.seed, "speakers": speakers})
    with atomic_path(args.assets / "motion.npz") as temporary:
        np.savez_compressed(
            temporary, coefficients=np.concatenate(parts), scale=np.float32(SCALE), starts=starts,
            clip_ids=np.array(ids), fps=np.int64(STORED_RATE), unit_names=np.array(face.unit_names),
        )
    size = (args.assets / "motion.npz").stat().st_size / 2**20
    print(f"{len(ids)} clips, {starts[-1] / STORED_RATE / 60:.1f} min, motion.npz {size:.2f} MiB, "
          f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

"""How much memory does training on VOCASET take? One epoch over a generated data set of its size, measured and printed.

`python tools/measure_memory.py [--frames 100000] [--folder DIR]` writes data_verts.npy with random numbers (6 GB at the
real size) and the pickles beside it in the official layout, trains one epoch at the paper's widths on the bundled audio
encoder, and prints the peak of resident memory beyond what the imports take; at the real size it is kept in
memory.json. Nothing in it was recorded.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

VERTICES, FPS, RATE, SENTENCES = 5023, 60, 22_000, 40
REAL = 100_000  # frames, about VOCASET's
LIMIT = 3.0  # GB


def write(root: Path, frames: int) -> None:
    """Write the data set: 12 subjects with 40 sentences each, together so many frames."""
    from tqdm import tqdm
    from trimesh.creation import uv_sphere

    from a2f.data.splits import KNOWN_SPLITS

    split = KNOWN_SPLITS["vocaset"]["voca"]
    names = [f"FaceTalk_{name}_TA" for part in (split.train, split.val, split.test) for name in part.subjects]
    rng = np.random.default_rng(0)
    sphere = uv_sphere(radius=0.1, count=[66, 79])
    head = np.resize(np.asarray(sphere.vertices, dtype=np.float32), (VERTICES, 3))
    faces = np.asarray(sphere.faces)
    faces = faces[(faces < VERTICES).all(axis=1)]
    each = frames // (len(names) * SENTENCES)
    stored = np.lib.format.open_memmap(
        root / "data_verts.npy", mode="w+", dtype=np.float32, shape=(each * len(names) * SENTENCES, VERTICES, 3)
    )
    for start in tqdm(range(0, len(stored), 500), desc="data_verts.npy", unit="piece"):
        piece = stored[start : start + 500]
        piece[:] = head + rng.normal(scale=0.002, size=(len(piece), 1, 3)) * rng.random((VERTICES, 3))
    stored.flush()
    index, sounds = {}, {}
    for place, name in enumerate(names):
        index[name], sounds[name] = {}, {}
        for number in range(1, SENTENCES + 1):
            first = (place * SENTENCES + number - 1) * each
            index[name][f"sentence{number:02d}"] = {frame: first + frame for frame in range(each)}
            sound = rng.integers(-3000, 3000, size=each * RATE // FPS).astype(np.int16)
            sounds[name][f"sentence{number:02d}"] = {"audio": sound, "sample_rate": RATE}
    for file, value in (
        ("subj_seq_to_idx.pkl", index),
        ("raw_audio_fixed.pkl", sounds),
        ("templates.pkl", {name: head.astype(np.float64) for name in names}),
    ):
        (root / file).write_bytes(pickle.dumps(value, protocol=2))
    from trimesh import Trimesh

    Trimesh(head, faces, process=False).export(root / "FLAME_sample.ply")
    ids = {"lips": np.arange(250), "forehead": np.arange(300, 500), "eye_region": np.arange(500, 900)}
    (root / "FLAME_masks.pkl").write_bytes(pickle.dumps(ids, protocol=2))


class Peak:
    """The largest resident memory while the block runs, in bytes, from samples of /proc."""

    def __enter__(self) -> Peak:
        self.bytes, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.bytes = max(self.bytes, resident())


def resident() -> int:
    """Return the resident memory of this process in bytes; pages of mapped files count."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Write, train, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=REAL, help="of the whole data set (default: 100000)")
    parser.add_argument("--folder", type=Path, help="where to write it (default: a temporary folder)")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="a2f-memory-", dir=options.folder))
    try:
        write(root, options.frames)
        size = (root / "data_verts.npy").stat().st_size
        print(f"data_verts.npy: {options.frames} frames x {VERTICES} x 3 float32, {size / 1e9:.2f} GB")

        from a2f.config import PAPER, on_dataset
        from a2f.data import open_configured
        from a2f.files import write_json
        from a2f.models import load_audio_encoder
        from a2f.origin import commit
        from a2f.training import train

        config = on_dataset(PAPER, "vocaset", 30.0).replace(
            audio_encoder="whisper-tiny-2", epochs=1, freeze_epochs=None, validation_clips=8
        )
        load_audio_encoder(config.model)  # imports what an encoder needs
        before, start = resident(), time.perf_counter()
        with Peak() as peak:
            train(config, open_configured(config.data, root), root / "runs" / "memory")
        beyond, took = (peak.bytes - before) / 1e9, time.perf_counter() - start
        print(f"one epoch, {took:.0f} s: {peak.bytes / 1e9:.2f} GB resident at most, imports "
              f"{before / 1e9:.2f} GB, {beyond:.2f} GB beyond them")  # fmt: skip
        if options.frames == REAL:
            found = {"frames": REAL, "file_gb": size / 1e9, "seconds": took, "beyond_imports_gb": beyond}
            write_json(Path(__file__).with_name("memory.json"), found | {"generated": True, **commit()})
        if beyond > LIMIT:
            raise SystemExit(f"more than {LIMIT:g} GB")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()

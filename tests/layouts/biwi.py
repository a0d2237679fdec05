"""Writers of BIWI's layouts with made-up heads: three subjects, few short recordings, real sizes and names."""

from __future__ import annotations

import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import soundfile
import trimesh

from layouts import head, motion, speech

NUM_VERTICES = 23_370
FPS, RATE = 25, 44_100
# By subject, as the published split wants them: F2 and F3 train and validate, F1 tests. F3_e02 is in nobody's copy.
NAMES = {"F1": ("e37", "e40"), "F2": ("01", "e01", "e02", "e33"), "F3": ("e01", "e33")}
TURN = np.array([1, -1, -1], dtype=np.float32)


def subjects() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return template in millimetres and triangles of each subject."""
    return {subject: head(NUM_VERTICES, seed) for seed, subject in enumerate(NAMES)}


def recording(template: np.ndarray, subject: str, name: str, frames: int) -> np.ndarray:
    """Return the faces of a recording in millimetres, (T, N, 3)."""
    return motion(template, frames, _seed(subject, name), FPS)


def write_raw(root: Path, frames: int = 14, packed: bool = False, count: str = "<I") -> None:
    """Write it as delivered.

    Parameters
    ----------
    root : Path
    frames : int
        Of each recording.
    packed : bool
        One tar a recording.
    count : str
        How the number of vertices is written, for `struct`.
    """
    for subject, (template, faces) in subjects().items():
        place = np.float32([12, -30, 900])  # the scanner's frame of reference is not the head's
        write_obj(root / "rigid_scans" / f"{subject}.obj", template * TURN + place, faces)
        for name in NAMES[subject]:
            folder = root / "faces" / subject / name
            folder.mkdir(parents=True)
            spoken = recording(template, subject, name, frames) * TURN + place
            for number, vertices in enumerate(spoken, start=1):
                data = struct.pack(count, NUM_VERTICES) + vertices.astype("<f4").tobytes()
                (folder / f"frame_{number:03d}.vl").write_bytes(data)
            if packed:
                pack(folder)
            _write_wav(root / "audio" / f"{subject}_{name}_cut.wav", subject, name, frames)


def pack(folder: Path) -> Path:
    """Put the frames of a folder into a tar beside it, in no order, and remove the folder."""
    path = folder.with_name(folder.name + ".tar")
    with tarfile.open(path, "w") as archive:
        for file in reversed(sorted(folder.iterdir())):
            archive.add(file, arcname=file.name)
            file.unlink()
    folder.rmdir()
    return path


def write_export(root: Path, frames: int = 14) -> None:
    """Write it as other works exchange it: every frame about its own middle, divided by the root of its surface."""
    templates = {}
    (root / "vertices_npy").mkdir(parents=True)
    for subject, (template, faces) in subjects().items():
        templates[subject] = scaled(template, faces)
        for name in NAMES[subject]:
            faces_in_time = np.stack([scaled(f, faces) for f in recording(template, subject, name, frames)])
            np.save(root / "vertices_npy" / f"{subject}_{name}.npy", faces_in_time.reshape(frames, -1))
            _write_wav(root / "wav" / f"{subject}_{name}.wav", subject, name, frames)
    with open(root / "templates.pkl", "wb") as file:
        pickle.dump(templates, file, protocol=2)
    trimesh.Trimesh(template, faces, process=False).export(root / "BIWI.ply")


def scaled(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return vertices about their mean, divided by the root of the surface; (N, 3) float32."""
    area = trimesh.Trimesh(vertices, faces, process=False).area
    return ((vertices - vertices.mean(axis=0, dtype=np.float64)) / np.sqrt(area)).astype(np.float32)


def write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Write a mesh as a scanner does: with texture coordinates, of which each corner of a face has its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["mtllib scan.mtl", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist())]
    lines += ["vt 0.1 0.2", "vt 0.3 0.4", "vt 0.5 0.6"]
    lines += [f"f {a}/1 {b}/2 {c}/3" for a, b, c in (faces + 1).tolist()]
    path.write_text("\n".join(lines) + "\n")


def _write_wav(path: Path, subject: str, name: str, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speech(frames / FPS, RATE, _seed(subject, name)), RATE, subtype="PCM_16")


def _seed(subject: str, name: str) -> int:
    return int(name[-2:]) * 10 + list(NAMES).index(subject)

"""VOCASET's three layouts with made-up heads: real file names, types and vertex counts, and its known defects.

Four subjects (two train, one validates, one tests) say a few sentences of about half a second. As in the real set,
subj_seq_to_idx.pkl lacks two sentences whose sound is there, and sound is a little longer or shorter than faces. Some
sentences' rows do not follow one another, which the format allows.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from layouts import head, motion, speech

VERTICES, FPS, RATE = 5023, 60.0, 22_000
SUBJECTS = (
    "FaceTalk_170728_03272_TA",  # trains
    "FaceTalk_170811_03274_TA",  # trains; its sentence24 is in nobody's copy
    "FaceTalk_170811_03275_TA",  # validates
    "FaceTalk_170809_00138_TA",  # tests; its sentence32 is in nobody's copy
)
SENTENCES = ("sentence01", "sentence21", "sentence24", "sentence32")
ABSENT = {("FaceTalk_170811_03274_TA", "sentence24"), ("FaceTalk_170809_00138_TA", "sentence32")}


def heads(subjects: Sequence[str] = SUBJECTS) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return neutral faces, in metres, and triangles."""
    made = {subject: head(VERTICES, seed) for seed, subject in enumerate(subjects)}
    return {subject: template / 1000 for subject, (template, _) in made.items()}, made[subjects[0]][1]


def sequence(template: np.ndarray, subject: str, sentence: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the faces, (T, 5023, 3) float32 in metres, and the sound, (S,) int16, of a recording."""
    number = int(sentence[-2:])
    seed = 100 * SUBJECTS.index(subject) + number if subject in SUBJECTS else number
    frames = 24 + number % 13
    # sound is up to 1 % longer or shorter than faces
    sound = speech(frames / FPS * (1 + 0.01 * np.sin(seed)), RATE, seed)
    return motion(template, frames, seed, FPS), (32767 * sound).astype(np.int16)


def recordings(subjects: Sequence[str], sentences: Sequence[str]) -> list[tuple[str, str]]:
    """Return subject and sentence of what there is."""
    return [(own, said) for own in subjects for said in sentences if (own, said) not in ABSENT]


def write_ply(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Write a binary .ply as FLAME_sample.ply is: float x, y, z and lists of three int."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lists = np.empty(len(faces), dtype=[("count", "u1"), ("ids", "<i4", 3)])
    lists["count"], lists["ids"] = 3, faces
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode() + vertices.astype("<f4").tobytes() + lists.tobytes())


def write_pickle(path: Path, value: object) -> None:
    """Write a pickle whose opcodes and names Python 2 knows; arrays keep their bytes as Python 2's text."""
    path.write_bytes(Python2Pickler.dumps(value))


class Python2Pickler(pickle._Pickler):
    """Writes arrays under numpy 1's names and bytes as Python 2's plain strings."""

    dispatch = dict(pickle._Pickler.dispatch)

    @classmethod
    def dumps(cls, value: object) -> bytes:
        stream = io.BytesIO()
        cls(stream, protocol=2).dump(value)
        return stream.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")

    def save_bytes(self, raw: bytes) -> None:
        # SHORT_BINSTRING and BINSTRING
        short = len(raw) < 256
        self.write(b"U" + bytes([len(raw)]) if short else b"T" + len(raw).to_bytes(4, "little"))
        self.write(raw)

    def save_str(self, text: str) -> None:
        self.save_bytes(text.encode("latin1"))

    dispatch[bytes] = save_bytes
    dispatch[str] = save_str


def write_official(root: Path, subjects: Sequence[str] = SUBJECTS, sentences: Sequence[str] = SENTENCES) -> None:
    """Write what voca.is.tue.mpg.de gives out, and FLAME_sample.ply beside it."""
    root.mkdir(parents=True, exist_ok=True)
    templates, faces = heads(subjects)
    names = recordings(subjects, sentences)
    index: dict[str, dict[str, dict[int, int]]] = {subject: {} for subject in subjects}
    sounds: dict[str, dict[str, dict]] = {subject: {} for subject in subjects}
    rows, count = [], 0
    # neither by subject nor by sentence
    for subject, sentence in sorted(names, key=lambda name: (name[1][::-1], name[0])):
        motions, sound = sequence(templates[subject], subject, sentence)
        order = count + np.arange(len(motions))
        if sentence == sentences[0]:
            # the first half of the frames lies behind the second
            order = np.roll(order, len(order) // 2)
        stored = np.empty_like(motions)
        stored[order - count] = motions
        index[subject][sentence] = {frame: int(row) for frame, row in enumerate(order)}
        sounds[subject][sentence] = {"audio": sound, "sample_rate": RATE}
        rows.append(stored)
        count += len(motions)
    for subject, sentence in ABSENT:
        # there is sound of them
        if subject in subjects:
            _, sound = sequence(templates[subject], subject, sentence)
            sounds[subject][sentence] = {"audio": sound, "sample_rate": RATE}
    np.save(root / "data_verts.npy", np.concatenate(rows))
    write_pickle(root / "subj_seq_to_idx.pkl", index)
    write_pickle(root / "raw_audio_fixed.pkl", sounds)
    write_pickle(root / "templates.pkl", {own: template.astype(np.float64) for own, template in templates.items()})
    write_ply(root / "templates" / "FLAME_sample.ply", templates[subjects[0]], faces)


def write_export(root: Path, subjects: Sequence[str] = SUBJECTS, sentences: Sequence[str] = SENTENCES) -> None:
    """Write one .npy and one .wav a recording, as FaceFormer's preparation does."""
    import soundfile

    for folder in ("vertices_npy", "wav"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    templates, faces = heads(subjects)
    for subject, sentence in recordings(subjects, sentences):
        motions, sound = sequence(templates[subject], subject, sentence)
        np.save(root / "vertices_npy" / f"{subject}_{sentence}.npy", motions.reshape(len(motions), -1))
        soundfile.write(root / "wav" / f"{subject}_{sentence}.wav", sound, RATE)
    write_pickle(root / "templates.pkl", {own: template.astype(np.float64) for own, template in templates.items()})
    write_ply(root / "FLAME_sample.ply", templates[subjects[0]], faces)


def write_release(root: Path, subjects: Sequence[str] = SUBJECTS, sentences: Sequence[str] = SENTENCES) -> None:
    """Write what the paper's code reads: tensors of all recordings in one pickle."""
    import soundfile
    import torch

    templates, faces = heads(subjects)
    vertices: dict[str, dict] = {subject: {} for subject in subjects}
    for subject, sentence in recordings(subjects, sentences):
        motions, sound = sequence(templates[subject], subject, sentence)
        vertices[subject][sentence] = torch.from_numpy(motions)
        folder = root / "audio" / subject
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{sentence}.wav", sound, RATE)
    (root / "verts_data.pkl").write_bytes(pickle.dumps(vertices))
    for subject, template in templates.items():
        write_ply(root / "templates" / f"{subject}.ply", template, faces)
    for name in ("mouth", "upper", "eyelid"):
        # 0 or 1 a vertex, about where they are
        high = {"mouth": (-0.5, -0.35), "upper": (0.1, 0.7), "eyelid": (0.1, 0.2)}[name]
        y, z = templates[subjects[0]][:, 1] / 0.11, templates[subjects[0]][:, 2]
        np.save(root / f"{name}_weight_mask.npy", ((y > high[0]) & (y < high[1]) & (z > 0.03)).astype(np.float32))
    everything = np.concatenate([tensor.numpy() for own in vertices.values() for tensor in own.values()])
    np.save(root / "face_axis_mean.npy", everything.mean(axis=(0, 1)))
    np.save(root / "face_axis_std.npy", everything.std(keepdims=True).reshape(1))


LAYOUTS = {"official": write_official, "export": write_export, "release": write_release}


def write_masks(root: Path) -> dict[str, np.ndarray]:
    """Write FLAME_masks.pkl of the made-up head; its lips name four vertices twice, as the real file does."""
    templates, _ = heads(SUBJECTS[:1])
    x, y, z = (templates[SUBJECTS[0]] / np.array([0.075, 0.11, 0.09])).T
    boxes = {
        "lips": (np.abs(x) < 0.34) & (np.abs(y + 0.42) < 0.08) & (z > 0),
        "forehead": (y > 0.4) & (y < 0.75) & (z > 0.2),
        "eye_region": (y > 0.05) & (y < 0.4) & (z > 0.2),
        "left_eyeball": (y > 0.1) & (y < 0.2) & (x > 0.25) & (x < 0.4) & (z > 0.2),
        "right_eyeball": (y > 0.1) & (y < 0.2) & (x < -0.25) & (x > -0.4) & (z > 0.2),
        "face": z > 0.2,
        "neck": y < -0.9,
    }
    masks = {name: np.flatnonzero(inside) for name, inside in boxes.items()}
    masks["lips"] = np.concatenate([masks["lips"], masks["lips"][:4]])
    write_pickle(root / "FLAME_masks.pkl", masks)
    return masks

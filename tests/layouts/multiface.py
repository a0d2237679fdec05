"""Writers of Multiface's layouts with made-up heads: three subjects, few short sentences, real sizes and names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from layouts import head, motion, speech
from layouts.biwi import write_obj

RAW, KEPT = 7_306, 6_172
FPS, RATE = 30, 48_000
STEP = 3  # the cameras count 90 a second
SUBJECTS = (  # one to train, one to validate, one to test
    "m--20180227--0000--6795937--GHS",
    "m--20180226--0000--6674443--GHS",
    "m--20180426--0000--002643814--GHS",
)
SENTENCES = (
    "SEN_a_good_morrow_to_you_my_boy",
    "SEN_alfalfa_is_healthy_for_you",
    "SEN_approach_your_interview_with_statuesque_composure",
)
NEUTRAL = "E001_Neutral_Eyes_Open"


def ignored() -> np.ndarray:
    """Return which vertices of the raw mesh MeshTalk would leave out: some in a row, some alone."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([np.arange(551, 782), np.arange(4651, 4823)])
    others = rng.choice(np.setdiff1d(np.arange(RAW), rows), RAW - KEPT - len(rows), replace=False)
    return np.sort(np.concatenate([rows, others]))


def kept() -> np.ndarray:
    return np.setdiff1d(np.arange(RAW), ignored())


def neutral(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a face in MeshTalk's size, in millimetres, and its triangles."""
    return head(KEPT, seed)


def raw(faces_in_time: np.ndarray) -> np.ndarray:
    """Return faces (..., KEPT, 3) with the vertices that MeshTalk leaves out, each near one that it keeps."""
    whole = np.empty((*faces_in_time.shape[:-2], RAW, 3), dtype=np.float32)
    whole[..., kept(), :] = faces_in_time
    near = np.searchsorted(kept(), ignored()).clip(max=KEPT - 1)
    whole[..., ignored(), :] = faces_in_time[..., near, :] + np.float32([0, 0, 2])
    return whole


def recording(subject: str, sentence: str, frames: int) -> np.ndarray:
    """Return the faces of a recording, (T, KEPT, 3)."""
    return motion(neutral(SUBJECTS.index(subject))[0], frames, _seed(subject, sentence), FPS)


def write_raw(root: Path, frames: int = 14, meshtalk: bool = True) -> None:
    """Write it as downloaded.

    Parameters
    ----------
    root : Path
    frames : int
        Of each sentence.
    meshtalk : bool
        With the two files of MeshTalk's repository.
    """
    for subject in SUBJECTS:
        template, faces = neutral(SUBJECTS.index(subject))
        rng = np.random.default_rng(SUBJECTS.index(subject))
        still = template + rng.normal(scale=0.05, size=(4, KEPT, 3))
        _write_frames(root / subject / "tracked_mesh" / NEUTRAL, raw(still), 102, faces)
        for sentence in SENTENCES:
            spoken = raw(recording(subject, sentence, frames))
            _write_frames(root / subject / "tracked_mesh" / sentence, spoken, first(sentence), faces)
            _write_wav(root / subject / "audio" / f"{sentence}.wav", subject, sentence, frames)
    if meshtalk:
        template, faces = neutral(7)
        write_obj(root / "face_template.obj", template, faces)
        listed = ", ".join(map(str, ignored()))
        script = f'"""Made up."""\nimport argparse\n\nignore_vertices = {{{listed}}}\nraise SystemExit("ran")\n'
        (root / "multiface2meshtalk.py").write_text(script)


def first(sentence: str) -> int:
    """Return the number of a sentence's first frame."""
    return 30_000 + 1_000 * SENTENCES.index(sentence) + 1


def write_ready(root: Path, frames: int = 14) -> None:
    """Write it as the paper's released code wants it."""
    for seed, subject in enumerate(SUBJECTS):
        template, faces = neutral(seed)
        write_obj(root / "template_regen" / f"{subject}.obj", template, faces)
        (root / "mesh_sequences" / subject).mkdir(parents=True)
        for sentence in SENTENCES:
            np.save(root / "mesh_sequences" / subject / f"{sentence}.npy", recording(subject, sentence, frames))
            _write_wav(root / "audio" / subject / f"{sentence}.wav", subject, sentence, frames)


def _write_frames(folder: Path, faces_in_time: np.ndarray, start: int, faces: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for place, vertices in enumerate(faces_in_time):
        stem = f"{start + STEP * place:06d}"
        (folder / f"{stem}.bin").write_bytes(vertices.astype("<f4").tobytes())
        np.savetxt(folder / f"{stem}_transform.txt", np.eye(3, 4), fmt="%.6f")
    if folder.name == NEUTRAL:
        write_obj(folder / f"{start:06d}.obj", faces_in_time[0], kept()[faces])


def _write_wav(path: Path, subject: str, sentence: str, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speech(frames / FPS, RATE, _seed(subject, sentence)), RATE, subtype="PCM_16")


def _seed(subject: str, sentence: str) -> int:
    return 10 * SENTENCES.index(sentence) + SUBJECTS.index(subject)

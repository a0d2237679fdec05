"""Data sets in their layouts with files spoiled: BIWI, VOCASET, Multiface and one's own folder, small and made up."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from fuzzing.arrays import npz, odd_array
from fuzzing.damage import damaged, files_of, linked_copy, pick, replace, spoil
from fuzzing.outcome import Case, Wrong, check_finite, check_unharmed
from fuzzing.pickles import any_pickle
from fuzzing.sounds import any_sound
from fuzzing.values import as_json, changed

VERTICES = 600  # enough for a face whose regions can be drawn; nothing depends on the real numbers
BIWI, VOCASET, MULTIFACE, FOLDER = "biwi", "vocaset", "multiface", "folder"


def _biwi(root: Path, packed: bool) -> None:
    from layouts import biwi

    biwi.NUM_VERTICES, biwi.NAMES = VERTICES, {"F1": ("e37",), "F2": ("01", "e33")}
    biwi.write_raw(root, frames=4, packed=packed)


def _biwi_export(root: Path) -> None:
    from layouts import biwi

    biwi.NUM_VERTICES, biwi.NAMES = VERTICES, {"F1": ("e37",), "F2": ("01", "e33")}
    biwi.write_export(root, frames=4)


def _vocaset(root: Path, layout: str) -> None:
    from layouts import vocaset

    vocaset.VERTICES = VERTICES
    vocaset.LAYOUTS[layout](root, vocaset.SUBJECTS[:2], ("sentence01", "sentence21"))
    if layout != "release":
        vocaset.write_masks(root)


def _multiface(root: Path, ready: bool) -> None:
    from layouts import multiface

    multiface.SUBJECTS, multiface.SENTENCES = multiface.SUBJECTS[:2], multiface.SENTENCES[:2]
    if ready:
        multiface.KEPT = VERTICES
        multiface.write_ready(root, frames=4)
        multiface.KEPT = 6_172
    else:
        multiface.write_raw(root, frames=3)


def _folder(root: Path) -> None:
    from layouts import head, motion, speech
    from trimesh import Trimesh

    from a2f.audio import write_wav

    for number, subject in enumerate(("anna", "ben")):
        template, faces = head(VERTICES, number)
        (root / "templates").mkdir(parents=True, exist_ok=True)
        Trimesh(template, faces, process=False).export(root / "templates" / f"{subject}.ply")
        clips = root / "clips" / subject
        clips.mkdir(parents=True)
        spoken = motion(template, 8, number, 25)
        np.save(clips / "one.npy", spoken)
        write_wav(clips / "one.wav", speech(8 / 25, 8000, number), 8000)
        sound = {"fps": 25.0, "audio": speech(8 / 25, 8000, number), "sample_rate": 8000}
        np.savez_compressed(clips / "two.npz", vertices=spoken, **sound)
        (clips / "three").mkdir()
        for frame, face in enumerate(spoken[:3]):
            Trimesh(face, faces, process=False).export(clips / "three" / f"{frame}.obj")
        write_wav(clips / "three.wav", speech(3 / 25, 8000, number), 8000)
    settings = {"fps": 25, "unit": "mm", "metres_per_unit": 0.001, "splits": {"train": ["anna"], "test": ["ben"]}}
    (root / "a2f.json").write_text(json.dumps(settings))
    (root / "regions.json").write_text(json.dumps({"lips": list(range(20)), "upper_face": "forehead.txt"}))
    (root / "forehead.txt").write_text(" ".join(map(str, range(30, 60))))


LAYOUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "biwi-delivered": (BIWI, lambda root: _biwi(root, False)),
    "biwi-tars": (BIWI, lambda root: _biwi(root, True)),
    "biwi-export": (BIWI, _biwi_export),
    "vocaset-official": (VOCASET, lambda root: _vocaset(root, "official")),
    "vocaset-export": (VOCASET, lambda root: _vocaset(root, "export")),
    "vocaset-release": (VOCASET, lambda root: _vocaset(root, "release")),
    "multiface-downloaded": (MULTIFACE, lambda root: _multiface(root, False)),
    "multiface-ready": (MULTIFACE, lambda root: _multiface(root, True)),
    "folder": (FOLDER, _folder),
}


@cache
def whole(base: Path, layout: str) -> Path:
    """Write a data set, once."""
    root = base / f"whole-{layout}"
    LAYOUTS[layout][1](root)
    return root


def hostile_tar(rng: np.random.Generator) -> bytes:
    """Return a tar whose members lead elsewhere, are links, or claim to be larger than the tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(1, 5):
            name = pick(rng, ("frame_{:03d}.vl", "../../frame_{:03d}.vl", "/frame_{:03d}.vl", "a/frame_{:03d}.vl"))
            member = tarfile.TarInfo(name.format(number))
            data = (VERTICES).to_bytes(4, "little") + rng.normal(size=(VERTICES, 3)).astype("<f4").tobytes()
            member.size = len(data)
            if rng.random() < 0.3:
                member.type, member.linkname = pick(rng, (tarfile.SYMTYPE, tarfile.LNKTYPE)), "/etc/hostname"
                member.size = 0
                data = b""
            archive.addfile(member, io.BytesIO(data))
    data = buffer.getvalue()
    if rng.random() < 0.3:  # the size of the first member, in octal
        data = data[:124] + b"77777777777\x00" + data[136:]
    return damaged(rng, data) if rng.random() < 0.5 else data


def _spoil(rng: np.random.Generator, path: Path, witness: Path) -> None:
    """Spoil a file as its kind is best spoiled."""
    if rng.random() < 0.3:
        spoil(rng, path)
    elif path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, odd_array(rng, np.load(path)), allow_pickle=True)
        replace(path, buffer.getvalue())
    elif path.suffix == ".npz":
        with np.load(path) as stored:
            replace(path, npz(rng, dict(stored)))
    elif path.suffix == ".pkl" and rng.random() < 0.4:
        replace(path, any_pickle(rng, witness))
    elif path.suffix == ".json":
        replace(path, as_json(rng, changed(rng, json.loads(path.read_text()))))
    elif path.suffix == ".wav":
        replace(path, any_sound(rng))
    elif path.suffix == ".tar" and rng.random() < 0.6:
        replace(path, hostile_tar(rng))
    elif path.suffix in (".vl", ".bin") and rng.random() < 0.5:
        numbers = np.frombuffer(path.read_bytes()[-12 * VERTICES :], "<f4").copy()
        numbers[rng.integers(len(numbers), size=3)] = pick(rng, (np.nan, np.inf, 3e38, 1e30))
        replace(path, path.read_bytes()[: -len(numbers) * 4] + numbers.tobytes())
    else:
        replace(path, damaged(rng, path.read_bytes()))


def make(rng: np.random.Generator, folder: Path) -> Case:
    """Return a data set with one to three files spoiled, to be surveyed, validated and read."""
    from a2f.data import survey_folder
    from a2f.data.validate import validate

    layout = pick(rng, sorted(LAYOUTS))
    name = LAYOUTS[layout][0]
    root = linked_copy(whole(folder.parent, layout), folder / "data")
    kinds = sorted({path.suffix for path in files_of(root)})
    whole_ones = set(files_of(root))
    for _ in range(int(rng.integers(1, 4))):
        kind = pick(rng, kinds)  # a kind first, else most would be frames
        paths = sorted(path for path in whole_ones if path.suffix == kind)
        if paths:
            path = pick(rng, paths)
            whole_ones.remove(path)
            _spoil(rng, path, folder / "witness")

    def read() -> None:
        try:
            survey = survey_folder(name, root)
            report = validate(survey, progress=False)
        finally:
            check_unharmed(folder)
        json.dumps(report.to_json(), allow_nan=False)
        if not str(report):
            raise Wrong("an empty report")
        if report.ok:
            for subject, template in survey.templates.items():
                check_finite(template, f"the template of {subject}")
            for recording in survey.recordings:
                check_finite(recording.read_vertices(slice(None)), f"faces of {recording.name}")
                _listen(recording)

    return Case(read, (str(root), *(path.name for path in root.iterdir()), "egion", "topology"))


def _listen(recording: object) -> None:
    """Read a recording's sound, which validation does not; what is damaged has to be refused by name."""
    from a2f.errors import A2FError

    try:
        check_finite(recording.read_waveform(), f"sound of {recording.name}")
    except A2FError:
        pass  # told when it is read

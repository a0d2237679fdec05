"""BIWI as it is delivered: one .vl file of vertices a frame, in folders or in tars that stay packed."""

from __future__ import annotations

import re
import struct
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.data.biwi_names import FPS, missing, sentence_of
from a2f.data.biwi_scale import PER_HEAD, biwi_topology, in_heads, root_area
from a2f.data.numbered_frames import FrameFile, longest_stretch, read_stretch, shown
from a2f.data.sound_files import Sound, sound_file
from a2f.data.subject_meshes import read_subject_meshes
from a2f.data.survey import GAP, NOTE, PROBLEM, Finding, Recording, Survey
from a2f.errors import BadInput, MissingData

LAYOUT = "as delivered: faces/*/*/*.vl, rigid_scans, audio"
HALF_TURN = np.array([1, -1, -1], dtype=np.float32)  # about x: y comes up, z to the front
APART = 0.15  # heads; a first frame farther from its subject's scan is not in the scan's frame of reference
COUNTS = {4: "<I", 8: "<Q"}  # the number of vertices before them: tools have written it in 4 or in 8 bytes


def survey(root: Path, regions: Path | None, defaults: Sequence[tuple[str, Path]], scaling: str) -> Survey:
    """Look into BIWI as delivered; see `a2f.data.biwi`."""
    findings: list[Finding] = []
    try:
        scans, faces = _scans(root / "rigid_scans", findings)
    except (BadInput, MissingData) as error:
        return Survey("biwi", LAYOUT, None, FPS, findings=(*findings, Finding(PROBLEM, str(error))))
    findings.append(Finding(NOTE, f"heads are scaled by {scaling}: one unit is a thousandth of the head's size"))
    adjust = {s: _by_frame(faces) if scaling == "frame" else _by_subject(scan, faces) for s, scan in scans.items()}
    recordings: list[Recording] = []
    sequences = list(_sequences(root / "faces", findings))
    for subject, name, path in sequences:
        if subject in scans:
            try:
                recordings.append(_recording(root, subject, name, path, len(scans[subject]), adjust[subject], findings))
            except (BadInput, MissingData) as error:
                findings.append(Finding(GAP, f"{subject}_{name} left out: {error}"))
    for subject in sorted({subject for subject, _, _ in sequences} - scans.keys()):
        text = f"all recordings of {subject} left out: no template; rigid_scans/{subject}.obj is wanted"
        findings.append(Finding(GAP, text))
    findings += missing(f"{subject}_{name}" for subject, name, _ in sequences)
    templates = {subject: in_heads(scan, faces) for subject, scan in scans.items()}
    findings += _apart(templates, recordings)
    topology = biwi_topology(next(iter(templates.values())), faces, regions, defaults)
    return Survey("biwi", LAYOUT, topology, FPS, templates, tuple(recordings), tuple(findings))


def _scans(folder: Path, findings: list[Finding]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read the neutral scans and turn them."""
    scans, faces, found = read_subject_meshes(sorted(folder.glob("*.obj")))
    findings += found
    for subject in list(scans):
        try:
            root_area(scans[subject], faces)
        except BadInput as error:
            findings.append(Finding(GAP, f"subject {subject} has no template: {error}"))
            del scans[subject]
    if not scans:
        raise MissingData(f"no template can be read: {folder}/<subject>.obj gives each subject's, and the triangles")
    return {subject: scan * HALF_TURN for subject, scan in scans.items()}, faces


def _sequences(folder: Path, findings: list[Finding]) -> Iterator[tuple[str, str, Path]]:
    """Give subject, sentence and folder or tar of each recording; a folder goes before a tar of the same name."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and re.search(r"\.(tar|tgz|tar\.gz)$", path.name):
            findings.append(Finding(GAP, f"{path} is not read: unpack it, so that {folder.name}/<subject>/ appears"))
        if not path.is_dir():
            continue
        names: dict[str, Path] = {}
        for entry in sorted(path.iterdir()):
            if re.search(r"\.(tgz|tar\.gz)$", entry.name):
                findings.append(Finding(GAP, f"{entry} is not read: gunzip it, a plain .tar is read as it is"))
            elif entry.is_dir() or entry.suffix == ".tar":
                name = entry.name if entry.is_dir() else entry.stem
                if sentence_of(name) is not None and (entry.is_dir() or name not in names):
                    names[name] = entry
        for name, entry in sorted(names.items()):
            yield path.name, name, entry


def _apart(templates: dict[str, np.ndarray], recordings: Sequence[Recording]) -> list[Finding]:
    """Compare each subject's first frame with its scan: that both have one frame of reference is not written down."""
    findings = []
    for recording in {recording.subject: recording for recording in reversed(recordings)}.values():
        try:
            away = recording.read_vertices(slice(0, 1))[0] - templates[recording.subject]
        except (BadInput, MissingData) as error:
            findings.append(Finding(PROBLEM, f"{recording.name} cannot be read: {error}"))
            continue
        heads = float(np.median(np.linalg.norm(away, axis=1))) / PER_HEAD
        if heads > APART:
            text = f"the first frame of {recording.name} lies {heads:.2f} head sizes from its subject's scan (median)"
            findings.append(Finding(PROBLEM, f"{text}; both have to be turned, placed and scaled alike"))
    return findings


@dataclass(frozen=True)
class _Frame:
    """A .vl file, or one in a tar: its place and the bytes that are really there."""

    path: Path
    offset: int
    size: int


def _in_folder(folder: Path) -> dict[int, _Frame]:
    found = {}
    for path in folder.iterdir():
        if fits := re.search(r"(\d+)\.vl$", path.name):
            found[int(fits[1])] = _Frame(path, 0, path.stat().st_size)
    return found


def _in_tar(path: Path) -> dict[int, _Frame]:
    """Find the frames in a tar; where it is cut, those before the cut."""
    found, length = {}, path.stat().st_size
    # members are looked at where they lie and never unpacked, so it is of no account where their names lead
    try:
        with tarfile.open(path, "r:") as archive:
            try:
                for member in archive:
                    if member.isfile() and (fits := re.search(r"(\d+)\.vl$", member.name)):
                        size = min(member.size, length - member.offset_data)
                        found[int(fits[1])] = _Frame(path, member.offset_data, size)
            except tarfile.ReadError:
                pass  # cut within a header or right after a member, which is then told as missing frames
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"{path} is not a plain tar ({error}); unpack it") from None
    return found


def _recording(
    root: Path, subject: str, name: str, path: Path, num_vertices: int, adjust: Callable, findings: list[Finding]
) -> Recording:
    try:
        frames = _in_folder(path) if path.is_dir() else _in_tar(path)
    except BadInput:
        raise
    except (OSError, ValueError) as error:  # links that lead nowhere, numbers beyond all sizes
        raise BadInput(f"{path} cannot be read: {error}") from None
    if not frames:
        raise MissingData(f"{path} holds no frame_001.vl")
    key = f"{subject}_{name}"
    whole = {number: frame for number, frame in frames.items() if frame.size in _sizes(num_vertices)}
    if broken := sorted(frames.keys() - whole.keys()):
        told = _count(frames[broken[0]])
        if not whole and frames[broken[0]].size in _sizes(told):
            raise BadInput(f"frames of {path} have {told} vertices, the template has {num_vertices}")
        findings.append(Finding(GAP, f"{key}: frames {shown(broken)} are cut and taken as missing"))
    if not whole:
        raise BadInput(f"no frame of {path} is whole: {4 + 12 * num_vertices} bytes are expected of one")
    first = min(whole)
    if (told := _count(whole[first])) != num_vertices:
        raise BadInput(f"frame {first} of {path} says it has {told} vertices, the template has {num_vertices}")
    files = {number: FrameFile(f.path, f.offset + f.size - 12 * num_vertices) for number, f in whole.items()}
    stretch = longest_stretch(files)
    if stretch.filled:
        findings.append(Finding(NOTE, f"{key}: holes of one or two frames after {shown(stretch.filled)} are filled"))
    sound = _sound(root / "audio", key)
    if stretch.cut:
        cuts = ", ".join(f"{missed} after frame {number}" for number, missed in stretch.cut)
        text = f"{key}: frames are missing ({cuts}); {len(stretch)} of {stretch.total} frames are kept with their sound"
        findings.append(Finding(GAP, text))
        sound = sound.piece(stretch.start / FPS, (stretch.start + len(stretch)) / FPS)
        if sound.num_samples == 0:
            raise BadInput(f"the sound ends before frame {stretch.start}, where the longest whole stretch begins")
    style, sentence = sentence_of(name)
    return Recording(
        subject,
        sentence,
        len(stretch),
        read_stretch(stretch, num_vertices, adjust),
        *(sound.read, sound.sample_rate, sound.num_samples),
        style=style,
        key=key,
    )


def _sizes(num_vertices: int) -> list[int]:
    return [header + 12 * num_vertices for header in COUNTS]


def _count(frame: _Frame) -> int:
    """Return how many vertices a file says it has; the width of that number follows from the file's size."""
    width = 8 if (frame.size - 8) % 12 == 0 else 4
    with open(frame.path, "rb") as file:
        file.seek(frame.offset)
        head = file.read(min(width, frame.size))
    return struct.unpack(COUNTS[width], head)[0] if len(head) == width else 0


def _sound(folder: Path, key: str) -> Sound:
    """Return the sound under either of its names."""
    cut = folder / f"{key}_cut.wav"
    return sound_file(cut if cut.is_file() else folder / f"{key}.wav")


def _by_subject(scan: np.ndarray, faces: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what brings a file's vertices into the frame of reference of the subject's template."""
    middle = scan.mean(axis=0, dtype=np.float64)
    factor = PER_HEAD / root_area(scan, faces)
    return lambda vertices: ((vertices * HALF_TURN - middle) * factor).astype(np.float32)


def _by_frame(faces: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what brings each file's vertices about their own middle and to their own size."""
    return lambda vertices: in_heads(vertices * HALF_TURN, faces)

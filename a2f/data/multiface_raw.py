"""Multiface as it is downloaded: one .bin of vertices a frame, some frames dropped."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.data.mesh_files import read_mesh
from a2f.data.multiface_names import FPS, PREFIX, missing, text_of
from a2f.data.multiface_topology import SCRIPT, TEMPLATE, MeshTalkTopology, find, meshtalk_topology, usual_regions
from a2f.data.numbered_frames import FrameFile, Stretch, longest_stretch, read_frame, read_stretch, shown
from a2f.data.region_files import regions_for
from a2f.data.sound_files import sound_file
from a2f.data.splits import short
from a2f.data.survey import GAP, NOTE, PROBLEM, Finding, Recording, Survey
from a2f.errors import BadInput, MissingData
from a2f.mesh import Topology

LAYOUT = "as downloaded: m--*--GHS with tracked_mesh and audio"
NEUTRAL = "E001_Neutral_Eyes_Open"
BYTES = 12  # of a vertex


@dataclass(frozen=True)
class _Sequence:
    """The .bin files of a sentence, or of the neutral face: path and size by number."""

    entity: Path
    name: str
    files: dict[int, tuple[Path, int]]

    @property
    def label(self) -> str:
        return f"{self.entity.name}_{self.name}"

    def whole(self, num_vertices: int) -> dict[int, FrameFile]:
        """Return the frames that have as many bytes as that many vertices."""
        return {n: FrameFile(path) for n, (path, size) in self.files.items() if size == BYTES * num_vertices}


def entities(root: Path) -> list[Path]:
    """Return the folders of subjects."""
    folders = sorted(root.iterdir()) if root.is_dir() else []
    return [path for path in folders if re.fullmatch(r"m--.+--GHS", path.name) and (path / "tracked_mesh").is_dir()]


def survey(root: Path, folders: Sequence[Path], regions: Path | None) -> Survey:
    """Look into Multiface as downloaded; see `a2f.data.multiface`."""
    findings = [Finding(NOTE, "heads are without their pose, which *_transform.txt hold; none is applied")]
    sequences = [sequence for folder in folders for sequence in _sequences(folder)]
    sentences = [sequence for sequence in sequences if sequence.name.startswith(PREFIX)]
    try:
        num_raw = _num_vertices(root, sequences)
        reduced = _reduced(root, num_raw, findings)
        faces = _faces(folders, num_raw) if reduced is None else reduced.faces
        templates = _templates(root, folders, sequences, num_raw, reduced, findings)
    except (BadInput, MissingData) as error:
        return Survey("multiface", LAYOUT, None, FPS, findings=(*findings, Finding(PROBLEM, str(error))))
    recordings: list[Recording] = []
    filled: dict[str, list[str]] = {}
    for sequence in sentences:
        if sequence.entity.name not in templates:
            continue
        try:
            stretch = _stretch(sequence, num_raw, findings)
            recordings.append(_recording(sequence, stretch, num_raw, reduced))
        except (BadInput, MissingData) as error:
            findings.append(Finding(GAP, f"{sequence.label} left out: {error}"))
            continue
        if stretch.filled:
            filled.setdefault(sequence.entity.name, []).append(f"{sequence.name} after {shown(stretch.filled)}")
    for entity, places in filled.items():
        findings.append(Finding(NOTE, f"{entity}: holes of one or two frames are filled: {'; '.join(places)}"))
    findings += missing({f.name: {s.name for s in sentences if s.entity == f} for f in folders})
    template = next(iter(templates.values()))
    # masks are MeshTalk's, and say nothing of the whole mesh
    named, source = regions_for(template, faces, regions, () if reduced is None else usual_regions(root))
    topology = Topology("multiface", len(template), faces, named, region_source=source)
    return Survey("multiface", LAYOUT, topology, FPS, templates, tuple(recordings), tuple(findings))


def _sequences(entity: Path) -> list[_Sequence]:
    """List the sentences and the neutral face of a subject."""
    found = []
    for folder in sorted((entity / "tracked_mesh").iterdir()):
        if folder.is_dir() and (folder.name.startswith(PREFIX) or folder.name == NEUTRAL):
            with os.scandir(folder) as entries:
                files = {
                    int(entry.name[:-4]): (Path(entry.path), _size(entry))
                    for entry in entries
                    if re.fullmatch(r"\d+\.bin", entry.name)
                }
            found.append(_Sequence(entity, folder.name, files))
    return found


def _size(entry: os.DirEntry) -> int:
    """Return a frame's size in bytes; 0 for a link that leads nowhere, which is then a frame without vertices."""
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def _num_vertices(root: Path, sequences: Sequence[_Sequence]) -> int:
    """Return how many vertices most frames have."""
    sizes = Counter(size for sequence in sequences for _, size in sequence.files.values() if size and size % BYTES == 0)
    if not sizes:
        raise MissingData(f"{root} holds no frame: no .bin of whole vertices is in m--*--GHS/tracked_mesh/{PREFIX}*/")
    return sizes.most_common(1)[0][0] // BYTES


def _reduced(root: Path, num_raw: int, findings: list[Finding]) -> MeshTalkTopology | None:
    """Return MeshTalk's topology where its files are there, and say what becomes of the vertices."""
    reduced = meshtalk_topology(root, num_raw)
    if reduced is not None:
        findings.append(Finding(NOTE, f"{len(reduced.kept)} of {num_raw} vertices are kept: MeshTalk's topology"))
        return reduced
    absent = [name for name in (SCRIPT, TEMPLATE) if find(root, name) is None]
    text = f"all {num_raw} vertices are kept; for MeshTalk's topology, which published results are in, put "
    text += f"{' and '.join(absent)} of github.com/facebookresearch/meshtalk into {root}"
    findings.append(Finding(GAP if len(absent) == 1 else NOTE, text))
    return None


def _faces(folders: Sequence[Path], num_raw: int) -> np.ndarray:
    """Read the triangles from the first .obj of the whole mesh."""
    refused = ""
    for path in (path for folder in folders for path in (folder / "tracked_mesh").glob("*/*.obj")):
        try:
            vertices, faces = read_mesh(path)
        except BadInput as error:
            refused = f" ({error})"
            continue
        if len(vertices) == num_raw:
            return faces
        refused = f" ({path} has {len(vertices)} vertices, most .bin files have {num_raw})"
    raise MissingData(f"no .obj in tracked_mesh/*/ of any subject gives the triangles; one is needed{refused}")


def _templates(
    root: Path,
    folders: Sequence[Path],
    sequences: Sequence[_Sequence],
    num_raw: int,
    reduced: MeshTalkTopology | None,
    findings: list[Finding],
) -> dict[str, np.ndarray]:
    """Return each subject's neutral face: the mean of its neutral frames, else a mesh that was put there."""
    templates = {}
    for folder in folders:
        neutrals = [s for s in sequences if s.entity == folder and s.name == NEUTRAL]
        frames = [frame for sequence in neutrals for frame in sequence.whole(num_raw).values()]
        findings += [Finding(GAP, text) for sequence in neutrals for text in _cut(sequence, num_raw)]
        given = _given_template(root, folder.name)
        if frames:
            neutral = np.mean([read_frame(frame, num_raw) for frame in frames], axis=0, dtype=np.float64)
        elif given is not None:
            neutral = read_mesh(given)[0]
            findings.append(Finding(NOTE, f"{folder.name}: {NEUTRAL} is missing; the neutral face is {given}"))
        else:
            text = f"all recordings of {folder.name} left out: no neutral face; tracked_mesh/{NEUTRAL}, or "
            findings.append(Finding(GAP, text + f"templates/{folder.name}.obj, is wanted"))
            continue
        if reduced is not None and len(neutral) == num_raw:
            neutral = neutral[reduced.kept]
        wanted = num_raw if reduced is None else len(reduced.kept)
        if len(neutral) != wanted:
            raise BadInput(f"{given} has {len(neutral)} vertices, expected {wanted}")
        if not np.isfinite(neutral).all():
            raise BadInput(f"the neutral face of {folder.name} holds coordinates that are not finite")
        if reduced is not None:
            reduced.check(neutral, folder.name)
        templates[folder.name] = neutral.astype(np.float32)
    if not templates:
        raise MissingData(f"no subject has a neutral face: tracked_mesh/{NEUTRAL} is missing everywhere")
    return templates


def _given_template(root: Path, entity: str) -> Path | None:
    """Return the mesh that was put there as a subject's neutral face."""
    names = [f"{folder}/{name}.obj" for folder in ("templates", "template_regen") for name in (entity, short(entity))]
    return next((root / name for name in names if (root / name).is_file()), None)


def _cut(sequence: _Sequence, num_raw: int) -> list[str]:
    broken = sorted(sequence.files.keys() - sequence.whole(num_raw).keys())
    return [f"{sequence.label}: frames {shown(broken)} are cut and taken as missing"] if broken else []


def _stretch(sequence: _Sequence, num_raw: int, findings: list[Finding]) -> Stretch:
    """Arrange a sentence's frames in time, and say what is damaged or missing."""
    whole = sequence.whole(num_raw)
    if not whole:
        sizes = sorted({size for _, size in sequence.files.values()})
        raise BadInput(
            f"none of its {len(sequence.files)} frames has the {BYTES * num_raw} bytes of {num_raw} vertices"
            + (f" (but {shown(sizes)})" if sizes else "")
        )
    findings += [Finding(GAP, text) for text in _cut(sequence, num_raw)]
    stretch = longest_stretch(whole)
    if stretch.cut:
        cuts = ", ".join(f"{missed} after frame {number}" for number, missed in stretch.cut)
        text = f"frames are missing ({cuts}); {len(stretch)} of {stretch.total} frames are kept with their sound"
        findings.append(Finding(GAP, f"{sequence.label}: {text}"))
    return stretch


def _recording(sequence: _Sequence, stretch: Stretch, num_raw: int, reduced: MeshTalkTopology | None) -> Recording:
    sound = sound_file(sequence.entity / "audio" / f"{sequence.name}.wav")
    if stretch.cut:
        sound = sound.piece(stretch.start / FPS, (stretch.start + len(stretch)) / FPS)
        if sound.num_samples == 0:
            raise BadInput(f"the sound ends before frame {stretch.start}, where the longest whole stretch begins")
    adjust = None if reduced is None else lambda vertices: vertices[reduced.kept]
    return Recording(
        sequence.entity.name,
        sequence.name,
        len(stretch),
        read_stretch(stretch, num_raw, adjust),
        *(sound.read, sound.sample_rate, sound.num_samples),
        text=text_of(sequence.name),
    )

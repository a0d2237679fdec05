"""A user's own recordings: a folder of templates and clips, laid out as follows.

::

    a2f.json                        what the files do not say; see below
    templates/<subject>.obj         a neutral face each, .obj, .ply or .npy of (N, 3); or one template.obj for all
    faces.npy                       triangles, (F, 3) from 0, where no template is a mesh that has them
    clips/<subject>/<sentence>.npy  faces over time, (T, N, 3) or (T, 3 N) floats; only the frames needed are read
    clips/<subject>/<sentence>.npz  the same as ``vertices``, with ``fps``, ``audio`` and ``sample_rate`` if one likes,
                                    as an `Animation` writes it; read as a whole each time
    clips/<subject>/<sentence>/     or one .obj or .ply a frame, in the order of their numbers
    clips/<subject>/<sentence>.wav  the sound, .wav, .flac or .ogg, beginning with the first frame
    regions.json                    where lips and upper face are, if known (`a2f.data.region_files`); or a folder
                                    ``regions``

``a2f.json`` holds what is known of

=====================  ===============================================================================================
``fps``                frames a second of all clips; needed unless every clip is an ``.npz`` with its own
``unit``               of the coordinates as it is printed, ``"mm"`` for example
``metres_per_unit``    0.001 for millimetres; null where the scale is arbitrary
``splits``             ``{"train": ["s1"], "val": ["s2"], "test": ["s3"]}``, subjects by role
``regions``            another file than ``regions.json``, in this folder
``synthetic``          true where the motion was generated, which results then say
=====================  ===============================================================================================

Faces are as everywhere here: x to the subject's left, y up, z to the front, all in one unit and without the movement
of the head. `a2f.data.folder_example.write_example` writes such a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2f.data.folder_clips import open_clip
from a2f.data.folder_settings import read_settings
from a2f.data.folder_templates import read_templates
from a2f.data.region_files import inside, regions_for
from a2f.data.sound_files import sound_file
from a2f.data.survey import GAP, NOTE, PROBLEM, Finding, Recording, Survey
from a2f.errors import A2FError, MissingData
from a2f.mesh import Topology

SOUNDS = (".wav", ".flac", ".ogg")
LAYOUT = "a folder of one's own"


def survey(root: Path, regions: Path | None = None) -> Survey:
    """Look into a user's own folder.

    Parameters
    ----------
    root : Path
    regions : Path, optional
        Where lips and upper face are, instead of what lies in the folder.

    Raises
    ------
    MissingData
        If there is no such folder, or no ``clips`` in it.
    BadInput
        If ``a2f.json`` or a file of regions is not what it should be.
    """
    root = Path(root)
    if not (root / "clips").is_dir():
        raise MissingData(
            f"{root} holds no clips/<subject>/<sentence>.npy (or .npz, or a folder of meshes); the documentation of "
            "a2f.data.folder describes the layout, and a2f.data.folder_example.write_example writes an example"
        )
    settings = read_settings(root)
    findings: list[Finding] = []
    subjects = sorted(path.name for path in (root / "clips").iterdir() if path.is_dir() and path.name[0] != ".")
    templates, faces = read_templates(root, subjects, findings)
    if "unit" not in settings:
        findings.append(Finding(NOTE, _write(root, "the unit of the coordinates is not stated", '"unit": "mm"')))
    if not templates or faces is None:
        return Survey("folder", LAYOUT, None, float(settings.get("fps", 0)), findings=tuple(findings))
    first = next(iter(templates.values()))
    found, source = regions_for(first, faces, regions, _region_files(root, settings))
    topology = Topology(
        name="folder",
        num_vertices=len(first),
        faces=faces,
        regions=found,
        unit=settings.get("unit", "unit"),
        metres_per_unit=settings.get("metres_per_unit"),
        region_source=source,
    )
    recordings, rates = [], {}
    for subject in templates:
        for name, entry in _entries(root / "clips" / subject, findings):
            opened = _recording(subject, name, entry, len(first), findings)
            if opened is not None:
                recordings.append(opened[0])
                rates[opened[0].name] = opened[1]
    fps = _rate(root, settings, rates, findings)
    doubled = sorted({r.name for r in recordings if sum(other.name == r.name for other in recordings) > 1})
    findings += [Finding(PROBLEM, f"two recordings would be called {name}; rename one") for name in doubled]
    return Survey(
        name="folder",
        layout=LAYOUT,
        topology=topology,
        fps=fps,
        templates=templates,
        # without a rate nothing can be said about a recording's length
        recordings=tuple(recordings) if fps else (),
        findings=tuple(findings),
        splits=settings.get("splits"),
        synthetic=settings.get("synthetic", False),
    )


def _write(root: Path, what: str, entry: str) -> str:
    return f"{what}; write {entry} into {root / 'a2f.json'}"


def _region_files(root: Path, settings: dict[str, Any]) -> list[tuple[str, Path]]:
    if "regions" in settings:
        return [("", inside(root, settings["regions"], f"{root / 'a2f.json'}: regions"))]
    usual = (root / "regions.json", root / "regions")
    return [("", path) for path in usual if path.exists()][:1]


def _entries(folder: Path, findings: list[Finding]) -> list[tuple[str, Path]]:
    """Return sentences with the file or folder of their faces."""
    found: dict[str, list[Path]] = {}
    sounds = set()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found.setdefault(path.name, []).append(path)
        elif path.suffix in (".npy", ".npz"):
            found.setdefault(path.stem, []).append(path)
        elif path.suffix.lower() in SOUNDS:
            sounds.add(path.stem)
    subject = folder.name
    for name in sorted(sounds - set(found)):
        findings.append(Finding(GAP, f"{subject} {name}: sound without faces; left out"))
    for name, paths in found.items():
        if len(paths) > 1:
            listed = " and ".join(path.name for path in paths)
            findings.append(Finding(GAP, f"{subject} {name}: faces are there twice, {listed}; left out"))
    if not found:
        findings.append(Finding(GAP, f"{subject}: {folder} holds no clip"))
    return [(name, paths[0]) for name, paths in found.items() if len(paths) == 1]


def _recording(
    subject: str, name: str, entry: Path, num_vertices: int, findings: list[Finding]
) -> tuple[Recording, float | None] | None:
    """Return a recording with its own frame rate, if it says one; None where it is not whole."""
    try:
        clip = open_clip(entry, num_vertices)
        sound = clip.sound
        if sound is None:
            beside = [entry.parent / f"{name}{suffix}" for suffix in SOUNDS]
            sound = sound_file(next((path for path in beside if path.is_file()), beside[0]))
    except A2FError as error:
        findings.append(Finding(GAP, f"{subject} {name}: {error}; left out"))
        return None
    recording = Recording(
        subject=subject,
        sentence=name,
        num_frames=clip.num_frames,
        read_vertices=clip.read_vertices,
        read_waveform=sound.read,
        sample_rate=sound.sample_rate,
        num_samples=sound.num_samples,
    )
    return recording, clip.fps


def _rate(root: Path, settings: dict[str, Any], rates: dict[str, float | None], findings: list[Finding]) -> float:
    """Return the frame rate of all recordings; 0 and a finding where it is not known."""
    stated = {name: rate for name, rate in rates.items() if rate is not None}
    fps = settings.get("fps", next(iter(stated.values()), None) if len(stated) == len(rates) else None)
    if fps is None:
        findings.append(Finding(PROBLEM, _write(root, "frames a second are not stated", '"fps": 30 (or what it is)')))
        return 0.0
    for name, rate in stated.items():
        if rate != fps:
            what = f"{name} says {rate:g} frames a second, all else {fps:g}; bring all clips to one rate"
            findings.append(Finding(PROBLEM, what))
    return float(fps)

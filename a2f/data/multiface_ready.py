"""Multiface made ready: one .npy a sentence, in MeshTalk's topology."""

from __future__ import annotations

from pathlib import Path

from a2f.data.multiface_names import FPS, missing, text_of
from a2f.data.multiface_topology import usual_regions
from a2f.data.region_files import regions_for
from a2f.data.sound_files import sound_file
from a2f.data.subject_meshes import read_subject_meshes
from a2f.data.survey import GAP, PROBLEM, Finding, Recording, Survey
from a2f.data.vertex_files import vertex_file
from a2f.errors import BadInput, MissingData
from a2f.mesh import Topology

LAYOUT = "made ready: mesh_sequences, audio, template_regen"


def survey(root: Path, regions: Path | None) -> Survey:
    """Look into Multiface made ready; see `a2f.data.multiface`."""
    folder = root / "template_regen"
    templates, faces, findings = read_subject_meshes(sorted(folder.glob("*.obj")))
    if not templates:
        text = f"no template can be read: {folder}/<subject>.obj gives each subject's, and the triangles"
        return Survey("multiface", LAYOUT, None, FPS, findings=(*findings, Finding(PROBLEM, text)))
    recordings: list[Recording] = []
    found = {}
    for folder in sorted(path for path in (root / "mesh_sequences").iterdir() if path.is_dir()):
        paths = sorted(folder.glob("*.npy"))
        found[folder.name] = {path.stem for path in paths}
        if folder.name not in templates:
            text = f"all recordings of {folder.name} left out: no template; template_regen/{folder.name}.obj is wanted"
            findings.append(Finding(GAP, text))
            continue
        for path in paths:
            try:
                recordings.append(_recording(root, path, len(templates[folder.name])))
            except (BadInput, MissingData) as error:
                findings.append(Finding(GAP, f"{folder.name}_{path.stem} left out: {error}"))
    findings += missing(found)
    template = next(iter(templates.values()))
    named, source = regions_for(template, faces, regions, usual_regions(root))
    topology = Topology("multiface", len(template), faces, named, region_source=source)
    return Survey("multiface", LAYOUT, topology, FPS, templates, tuple(recordings), tuple(findings))


def _recording(root: Path, path: Path, num_vertices: int) -> Recording:
    num_frames, read_vertices = vertex_file(path, num_vertices)
    subject, sentence = path.parent.name, path.stem
    sound = sound_file(root / "audio" / subject / f"{sentence}.wav")
    return Recording(
        *(subject, sentence, num_frames, read_vertices, sound.read, sound.sample_rate, sound.num_samples),
        text=text_of(sentence),
    )

"""A small folder of recordings as a user would bring them, made of the synthetic demo corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2f.audio import write_wav
from a2f.data.clip import SPLITS
from a2f.data.demo import open_demo
from a2f.errors import BadInput
from a2f.files import atomic_path, write_json


def write_example(root: Path, clips_per_subject: int = 3, seconds: float = 2.5) -> None:
    """Write a small folder as `a2f.data.folder` reads it: three speakers of the demo corpus, the front of their heads.

    Nothing in it was recorded from a person. It has each kind of clip: ``.npy`` and ``.wav``, an ``.npz``, and a
    folder of meshes.

    Parameters
    ----------
    root : Path
        A new or empty folder.
    clips_per_subject : int
    seconds : float
        Of each clip, from its start.

    Raises
    ------
    BadInput
        If something lies in the folder already.
    """
    from trimesh import Trimesh

    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise BadInput(f"{root} is not empty; name a new folder for the example")
    demo = open_demo()
    ids = demo.topology.region("face")
    place = np.full(demo.topology.num_vertices, -1)
    place[ids] = np.arange(len(ids))
    faces = place[demo.topology.faces]
    faces = faces[(faces >= 0).all(axis=1)]
    splits = {}

    def write_mesh(path: Path, vertices: np.ndarray) -> None:
        with atomic_path(path) as temporary:
            Trimesh(vertices, faces, process=False).export(temporary, file_type=path.suffix[1:])

    for role in SPLITS:
        subject = demo.split(role)[0].subject
        splits[role] = [subject]
        # a sentence each: the corpus has some in several styles, which a folder does not tell apart
        own = {clip.sentence: clip for clip in reversed(demo.split(role)) if clip.subject == subject}
        clips = list(own.values())[::-1][:clips_per_subject]
        write_mesh(root / "templates" / f"{subject}.obj", clips[0].template[ids])
        for number, clip in enumerate(clips):
            vertices = clip.vertices_at(slice(0, round(seconds * clip.fps)))[:, ids]
            sound = clip.waveform[: round(len(vertices) / clip.fps * clip.sample_rate)]
            path = root / "clips" / subject / clip.sentence
            # the first test clip as meshes, the first validation clip as an archive
            if number == 0 and role == "test":
                for frame, face in enumerate(vertices):
                    write_mesh(path / f"{frame + 1}.ply", face)
            if number == 0 and role == "val":
                with atomic_path(path.with_suffix(".npz")) as temporary:
                    held = {"fps": clip.fps, "audio": sound, "sample_rate": clip.sample_rate}
                    np.savez_compressed(temporary, vertices=vertices, **held)
                continue
            write_wav(path.with_suffix(".wav"), sound, clip.sample_rate)
            if not path.is_dir():
                with atomic_path(path.with_suffix(".npy")) as temporary:
                    np.save(temporary, vertices)
    known = {role: place[demo.topology.region(role)].tolist() for role in ("lips", "upper_face")}
    write_json(root / "regions.json", known)
    settings = {"fps": demo.fps, "unit": demo.topology.unit, "metres_per_unit": demo.topology.metres_per_unit}
    write_json(root / "a2f.json", settings | {"splits": splits, "synthetic": True})

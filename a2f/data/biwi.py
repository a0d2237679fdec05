"""BIWI, the 3D Audiovisual Corpus of Affective Communication (Fanelli et al., 2010), as delivered or as exported.

Delivered: ``faces/F1/e01/frame_001.vl`` and so on, or ``faces/F1/e01.tar`` of them, ``rigid_scans/F1.obj`` and
``audio/F1_e01_cut.wav``. The head is turned by half a turn about x, which puts y up and z to the front, and scaled:
once a subject, or frame by frame as the preprocessing in common use does it (CodeTalker, Xing et al., 2023). That
shrinks and moves the whole head as the mouth opens.

Exported, scaled frame by frame already: ``vertices_npy/F1_e01.npy`` of (T, 3 N), ``wav/F1_e01.wav``,
``templates.pkl`` and one mesh for the triangles, ``BIWI.ply``.

Sentences are 01 to 40, each said without and with emotion (e01 to e40), which is the recording's style; 25 frames a
second.
"""

from __future__ import annotations

from pathlib import Path

from a2f.data import biwi_export, biwi_raw
from a2f.data.survey import Survey
from a2f.errors import BadInput, MissingData


def survey(root: Path, *, regions: Path | None = None, scaling: str = "subject") -> Survey:
    """Look into a folder that holds BIWI.

    Parameters
    ----------
    root : Path
    regions : Path, optional
        Where lips and upper face are; ``regions/lve.txt`` and ``regions/fdd.txt`` in `root` otherwise.
    scaling : {"subject", "frame"}
        One middle and one size a subject, from its template, or its own for every frame. An export is scaled by
        frame whatever is asked for, and says so.

    Returns
    -------
    Survey
        In thousandths of the head's size, the root of the surface.

    Raises
    ------
    MissingData
        If the folder, or a layout in it, is not there.
    BadInput
        If `scaling` is unknown, or a file of regions is wrong.
    """
    root = Path(root)
    if scaling not in ("subject", "frame"):
        raise BadInput(f"scaling is {scaling!r}, expected 'subject' or 'frame'")
    usual = {"lips": root / "regions" / "lve.txt", "upper_face": root / "regions" / "fdd.txt"}
    defaults = [(role, path) for role, path in usual.items() if path.is_file()]
    if (root / "faces").is_dir():
        return biwi_raw.survey(root, regions, defaults, scaling)
    if (root / "vertices_npy").is_dir():
        return biwi_export.survey(root, regions, defaults, scaling)
    raise MissingData(
        f"{root} does not hold BIWI: there is neither faces/<subject>/<sentence>/frame_001.vl with "
        "rigid_scans/<subject>.obj (as delivered) nor vertices_npy/<subject>_e01.npy with templates.pkl (exported). "
        "The corpus, B3D(AC)^2, is given out by the Computer Vision Laboratory of ETH Zurich on request"
    )

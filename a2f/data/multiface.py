"""Multiface (Wuu et al., 2022), as it is downloaded or made ready as the paper's released code wants it.

Downloaded: ``m--DATE--TIME--SUBJECT--GHS/tracked_mesh/SEN_*/000102.bin`` and so on, one ``.obj`` at least for the
triangles, ``audio/SEN_*.wav``. The neutral face is the mean of ``tracked_mesh/E001_Neutral_Eyes_Open``, else
``templates/<subject>.obj``. Frames are numbered by a camera that may count faster than 30 a second, and some were
dropped; the sound begins with the first. With two files of the MeshTalk repository in the folder faces are reduced to
its vertices (`a2f.data.multiface_topology`), which the paper works with.

Ready: ``mesh_sequences/<subject>/<sentence>.npy`` of (T, N, 3), ``audio/<subject>/<sentence>.wav``,
``template_regen/<subject>.obj``.

Millimetres, 30 frames a second. Heads are delivered without their pose, and none is applied.
"""

from __future__ import annotations

from pathlib import Path

from a2f.data import multiface_raw, multiface_ready
from a2f.data.survey import Survey
from a2f.errors import MissingData


def survey(root: Path, *, regions: Path | None = None) -> Survey:
    """Look into a folder that holds Multiface.

    Parameters
    ----------
    root : Path
    regions : Path, optional
        Where lips and upper face are; the masks of the MeshTalk repository in `root`, or in its ``assets``,
        otherwise.

    Returns
    -------
    Survey
        In millimetres.

    Raises
    ------
    MissingData
        If the folder, or a layout in it, is not there.
    BadInput
        If a file of regions is wrong.
    """
    root = Path(root)
    if (root / "mesh_sequences").is_dir():
        return multiface_ready.survey(root, regions)
    if entities := multiface_raw.entities(root):
        return multiface_raw.survey(root, entities, regions)
    raise MissingData(
        f"{root} does not hold Multiface: there is neither m--DATE--TIME--SUBJECT--GHS/tracked_mesh (as downloaded) "
        "nor mesh_sequences/<subject>/<sentence>.npy with template_regen/<subject>.obj (made ready). Its meshes and "
        "sound are downloaded with download_dataset.py of github.com/facebookresearch/multiface"
    )

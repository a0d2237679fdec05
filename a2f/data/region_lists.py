"""The vertices of one region from numbers: a list of vertex ids, or a mask with a number for each vertex."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2f.arrays import read_npy
from a2f.errors import BadInput
from a2f.files import read_json

THRESHOLD = 0.5


def read_numbers(path: Path) -> np.ndarray:
    """Return the numbers of a ``.txt``, ``.npy`` or ``.json`` file.

    Raises
    ------
    BadInput
        If it is another kind of file, is cut, or holds something else.
    """
    if path.suffix == ".npy":
        return read_npy(path)
    if path.suffix == ".json":
        return as_numbers(read_json(path), str(path))
    if path.suffix != ".txt":
        raise BadInput(f"{path} describes regions in no known form; give a .txt, .npy, .json, .npz or FLAME_masks.pkl")
    try:
        words = path.read_text(encoding="utf-8").replace(",", " ").split()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not a text file of numbers: {error}") from None
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise BadInput(
            f"{path} holds something else than numbers ({error}); expected vertex ids or one number a vertex"
        ) from None


def as_numbers(value: object, what: str) -> np.ndarray:
    """Return what a JSON file holds as an array, which is still to be checked."""
    try:
        return np.asarray(value)
    except ValueError:  # lists of unequal lengths
        raise BadInput(f"{what} is no plain list of numbers; expected vertex ids or one number a vertex") from None


def vertex_ids(
    values: np.ndarray, num_vertices: int, what: str, threshold: float | None = None
) -> tuple[np.ndarray, bool]:
    """Return the vertices that a list or a mask names, and whether it was a mask.

    Parameters
    ----------
    values : ndarray
        Vertex ids, (K,) whole numbers; or a mask, (N,) from 0 to 1 or boolean.
    num_vertices : int
        N.
    what : str
        Begins the text of an error.
    threshold : float, optional
        A mask takes vertices above it; `THRESHOLD` by default.

    Returns
    -------
    ids : ndarray of int32
        Sorted, once each.
    masked : bool

    Raises
    ------
    BadInput
        If the numbers are neither, name a vertex that is not there, or name none.
    """
    values = np.asarray(values)
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    expected = f"vertex ids within 0..{num_vertices - 1} or {num_vertices} numbers from 0 to 1"
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise BadInput(f"{what} holds {values.dtype} of shape {values.shape}, expected {expected}")
    if values.size == 0:
        raise BadInput(f"{what} is empty, expected {expected}")
    if not np.isfinite(values).all():
        raise BadInput(f"{what} holds {np.count_nonzero(~np.isfinite(values))} numbers that are not finite")
    lowest, highest, whole = values.min(), values.max(), (values == np.floor(values)).all()
    within = 0 <= lowest and highest <= 1
    # ids 0 and 1 alone make no region, so many zeros and ones are a mask, of the right length or not
    if values.dtype.kind == "b" or (within and (len(values) > 2 or not whole)):
        if len(values) != num_vertices:
            raise BadInput(f"{what} is a mask of {len(values)} vertices, but the mesh has {num_vertices}")
        ids = np.flatnonzero(values > (THRESHOLD if threshold is None else threshold))
        if len(ids) == 0:
            raise BadInput(f"{what} is a mask whose highest number is {float(highest):g}; it takes no vertex at all")
        return ids.astype(np.int32), True
    if not whole:
        raise BadInput(
            f"{what} holds numbers from {lowest:g} to {highest:g} that are neither whole nor between 0 and 1; "
            f"expected {expected}"
        )
    if lowest < 0 or highest >= num_vertices:
        wrong = lowest if lowest < 0 else highest
        raise BadInput(f"{what} names vertex {wrong:.0f}, but the mesh has {num_vertices}; expected {expected}")
    if threshold is not None:
        raise BadInput(f"{what} is given a threshold but lists vertex ids; only a mask has a threshold")
    return np.unique(values).astype(np.int32), False

"""Arrays in .npy and .npz files: other types than expected, Python objects, shapes that lie, members that swell."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.damage import damaged, pick, replace
from fuzzing.outcome import Case, Wrong, check_finite
from fuzzing.values import TEXTS

VERTICES = 20
DTYPES = ("<f4", "<f8", ">f4", "<f2", "<i4", "<i8", "|u1", "|b1", "<U5", "|S3", "<c8", "<M8[s]", "|O", "|V8", "<f16",
          "[('a','<f4')]", "f", "", "x", "<f99", "{'names':['a'],'formats':['O']}")  # fmt: skip
SIZES = (0, 1, 2, 3, 19, 20, 21, 60, 10**6, 2**31, 2**40, 2**62, -1)


def raw_npy(header: str, body: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    """Return an .npy file of any header."""
    text = header.encode("utf-8", "replace") + b"\n"
    length = struct.pack("<H", min(len(text), 65535)) if version == (1, 0) else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + body


def lying_npy(rng: np.random.Generator) -> bytes:
    """Return an .npy whose header and bytes do not belong together."""
    kind = pick(rng, DTYPES)
    shape = tuple(pick(rng, SIZES) for _ in range(int(rng.integers(5))))
    dtype = kind if kind[:1] in "[{" and kind else repr(kind)
    form = rng.random()
    header = f"{{'descr': {dtype}, 'fortran_order': {pick(rng, (True, False, None, 1))}, 'shape': {shape}, }}"
    if form < 0.1:
        header = pick(rng, ("{}", "(" * 5000, "[]", "__import__('os')", header[:-3], "{'shape':(1,)}", "9" * 9000))
    return raw_npy(header, rng.bytes(int(rng.integers(2000))), pick(rng, ((1, 0), (2, 0), (3, 0), (1, 0), (9, 9))))


def npy(value: Any) -> bytes:
    """Return an array, of Python objects too, as an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(value), allow_pickle=True)
    return buffer.getvalue()


def odd_array(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Return an array changed as a whole: its type, order, shape, or some of its numbers."""
    kind = int(rng.integers(10))
    with np.errstate(all="ignore"):
        if kind == 0 and array.dtype.kind == "f" and array.size:
            array = array.copy()
            array.flat[int(rng.integers(array.size))] = pick(rng, (np.nan, np.inf, -np.inf, 3e38, -3e38))
        elif kind == 1:
            array = array.astype(pick(rng, ("<f8", ">f4", "<f2", "<i4", "|u1", "|b1", "<c8", "|O", "<U9", "<f16"))
                                 if array.dtype.kind in "fiu" else "|O")  # fmt: skip
        elif kind == 2:
            array = np.asfortranarray(array)
        elif kind == 3:
            array = array[: int(rng.integers(len(array) + 1))] if array.ndim else array
        elif kind == 4:
            array = array.ravel() if array.ndim else array[None]
        elif kind == 5:
            array = array[None]
        elif kind == 6:
            array = np.swapaxes(array, 0, -1) if array.ndim else array
        elif kind == 7:
            array = np.asarray(pick(rng, TEXTS))
        elif kind == 8:
            array = np.concatenate([array] * 2, axis=-1) if array.ndim else array
    return array


def npz(rng: np.random.Generator, members: dict[str, np.ndarray]) -> bytes:
    """Return an .npz of these arrays with one fault, of its members or of its bytes."""
    stored = {name: npy(value) for name, value in members.items()}
    kind, name = rng.random(), pick(rng, sorted(members))
    if kind < 0.5:
        stored[name] = npy(odd_array(rng, np.asarray(members[name])))
    elif kind < 0.65:
        stored[name] = lying_npy(rng)
    elif kind < 0.72:
        del stored[name]
    elif kind < 0.8:
        stored[name] = damaged(rng, stored[name])
    buffer = io.BytesIO()
    packed = pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(buffer, "w", packed) as archive:
        for key, data in stored.items():
            archive.writestr(f"{key}.npy", data)
        if rng.random() < 0.1:
            other = pick(rng, ("../../witness.npy", "witness.npy", "a/b.npy", "x", ".npy", "ä.npy"))
            archive.writestr(other, npy(np.arange(3)))
    data = buffer.getvalue()
    return damaged(rng, data) if rng.random() < 0.25 else data


def bomb(rng: np.random.Generator) -> bytes:
    """Return an .npz of some kilobytes that swells to more than a machine has."""
    header = raw_npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({5 * 10**9 // 4},), }}", b"")
    return swelling("vertices.npy", header, 5 * 10**9)


def swelling(name: str, head: bytes, zeros: int) -> bytes:
    """Return a zip of one member, `head` and then so many zeros, without making them; its checksum is wrong."""
    import zlib

    piece = 2**20
    packer = zlib.compressobj(9, wbits=-15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    body = start + one * (zeros // piece) + packer.compress(bytes(zeros % piece)) + packer.flush()
    size, text = len(head) + zeros, name.encode()
    wide = size >= 2**32
    extra = struct.pack("<HHQ", 1, 8, size) if wide else b""
    said = 2**32 - 1 if wide else size
    common = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 0, 0, len(body), said, len(text), len(extra))
    local = b"PK\x03\x04" + common + text + extra + body
    central = b"PK\x01\x02" + struct.pack("<H", 45) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + text + extra
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def animation(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the arrays of a whole animation file."""
    from a2f.mesh import Topology

    strip = np.array([[i, i + 1, i + 2] for i in range(VERTICES - 2)])
    regions = {"lips": np.arange(5), "upper_face": np.arange(5, 12), "face": np.arange(VERTICES)}
    topology = Topology("tiny", VERTICES, strip, regions, parts=np.zeros(VERTICES, np.uint8), part_names=("skin",))
    weights, basis = rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=(3, VERTICES, 3)).astype("f4")
    face = rng.normal(size=(VERTICES, 3)).astype("f4")
    return {
        "vertices": (face + np.tensordot(weights, basis, axes=1)).astype("f4"),
        "fps": np.array(30.0),
        "name": np.array("a"),
        "config": np.array("{}"),
        "topology_name": np.array("tiny"),
        **topology.to_arrays(),
        "audio": rng.normal(size=2000).astype("f4"),
        "sample_rate": np.array(16000),
        "basis": basis,
        "weights": weights,
    }


def make_npz(rng: np.random.Generator, folder: Path) -> Case:
    """Return an .npz to be read as an animation, a topology, a clip or as it is."""
    from a2f.animation import Animation
    from a2f.arrays import read_npz
    from a2f.data.folder_clips import open_clip
    from a2f.mesh import Topology

    path = folder / "arrays.npz"
    members = animation(rng)
    kind = int(rng.integers(4))
    if kind == 1:
        members |= {"name": np.array("t"), "num_vertices": np.array(VERTICES)}
        for key in ("vertices", "fps", "config", "topology_name", "audio", "sample_rate", "basis", "weights"):
            del members[key]
    elif kind == 2:
        members = {key: members[key] for key in ("vertices", "fps", "audio", "sample_rate")}
    replace(path, bomb(rng) if rng.random() < 0.02 else npz(rng, members))

    def read() -> None:
        if kind == 0:
            found = Animation.from_npz(path)
            check_finite(found.vertices, "vertices")
            check_finite([found.fps, found.duration], "the frame rate and length")
            found.to_npz(folder / "again.npz")
        elif kind == 1:
            found = Topology.load(path)
            found.save(folder / "again.npz")
            if found.metres_per_unit is not None:
                check_finite(found.metres_per_unit, "metres_per_unit")
        elif kind == 2:
            clip = open_clip(path, VERTICES)
            if clip.sound is not None:
                check_finite(clip.sound.read(), "sound")
            faces = clip.read_vertices(slice(None))
            if faces.shape != (clip.num_frames, VERTICES, 3) or faces.dtype != np.float32:
                raise Wrong(f"{clip.num_frames} frames were told, {faces.dtype} of {faces.shape} read")
        else:
            for name, array in read_npz(path).items():
                if array.dtype.hasobject:
                    raise Wrong(f"{name} holds Python objects")

    return Case(read, (path.name,))


def make_npy(rng: np.random.Generator, folder: Path) -> Case:
    """Return an .npy to be read as faces over time, as a template or as numbers of a region."""
    from a2f.data.folder_templates import _template
    from a2f.data.region_lists import read_numbers, vertex_ids
    from a2f.data.vertex_files import vertex_file

    path, kind = folder / "array.npy", int(rng.integers(3))
    whole = (rng.normal(size=(5, VERTICES, 3)).astype("f4"), rng.normal(size=(VERTICES, 3)), np.arange(6))[kind]
    data = lying_npy(rng) if rng.random() < 0.4 else npy(odd_array(rng, whole))
    replace(path, damaged(rng, data) if rng.random() < 0.3 else data)

    def read() -> None:
        if kind == 0:
            frames, read_vertices = vertex_file(path, VERTICES)
            found = read_vertices(slice(None))
            if found.shape != (frames, VERTICES, 3) or found.dtype != np.float32:
                raise Wrong(f"{frames} frames were told, {found.dtype} of {found.shape} read")
        elif kind == 1:
            found, _ = _template(path)
            check_finite(found, "a template")
        else:
            ids, _ = vertex_ids(read_numbers(path), VERTICES, str(path))
            if len(ids) == 0 or ids.min() < 0 or ids.max() >= VERTICES:
                raise Wrong(f"ids {ids} of {VERTICES} vertices")

    return Case(read, (path.name,))

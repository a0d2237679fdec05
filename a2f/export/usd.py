"""A moving face as a USD file: one mesh whose points are given for every frame.

Omniverse, Maya, Houdini, Unreal and Blender read it. It is exact, and as large as the vertices and their normals are.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from a2f.errors import BadInput, MissingData
from a2f.export.surface import linear_colours, vertex_normals
from a2f.files import atomic_path
from a2f.mesh import Topology

SUFFIXES = (".usd", ".usdc", ".usda")


def write_usd(
    path: str | os.PathLike,
    vertices: np.ndarray,
    fps: float,
    topology: Topology,
    *,
    name: str = "face",
    origin: str = "a2f",
    normals: bool = True,
    progress: bool = False,
) -> None:
    """Write a mesh with points, normals and extent for every frame.

    Parameters
    ----------
    path : path-like
        ``.usdc`` or ``.usd`` (binary) or ``.usda`` (text, three times as large).
    vertices : ndarray, (T, N, 3)
        In the topology's unit, y up; the file names the unit where the topology knows it. Frame i is time code i.
    fps : float
        Time codes a second.
    topology : Topology
        Its parts give the colours.
    name : str
    origin : str
        Written to the file's custom data beside the unit.
    normals : bool
        Without them the file is half as large, and programs that do not make their own draw facets.
    progress : bool

    Raises
    ------
    MissingData
        If usd-core is not installed.
    BadInput
        If the suffix is another or the vertices do not fit.
    """
    try:
        from pxr import Gf, Sdf, Usd, UsdGeom, Vt
    except ImportError:
        raise MissingData('writing USD needs usd-core, which is not installed; run `pip install "a2f[usd]"`') from None
    from tqdm.auto import tqdm

    if Path(path).suffix not in SUFFIXES:
        raise BadInput(f"{path} is no USD file by its name; expected one of {', '.join(SUFFIXES)}")
    vertices = topology.check_vertices(vertices, "the vertices to write")
    if vertices.ndim != 3 or len(vertices) == 0:
        raise BadInput(f"the vertices to write have shape {vertices.shape}, expected (T, N, 3) with T of at least 1")
    if not 0 < fps < np.inf:
        raise BadInput(f"fps is {fps}, expected a positive number")
    with atomic_path(path) as temporary:
        temporary.unlink()  # a stage is made only where no file is
        stage = Usd.Stage.CreateNew(str(temporary))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        if topology.metres_per_unit:
            UsdGeom.SetStageMetersPerUnit(stage, topology.metres_per_unit)
        stage.SetTimeCodesPerSecond(fps)
        stage.SetFramesPerSecond(fps)
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode(len(vertices) - 1)
        mesh = UsdGeom.Mesh.Define(stage, "/face")
        stage.SetDefaultPrim(mesh.GetPrim())
        mesh.GetPrim().SetCustomData({"name": name, "origin": origin, "unit": topology.unit})
        mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
        mesh.CreateDoubleSidedAttr(True)
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(topology.faces), 3, np.int32)))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(topology.faces.reshape(-1)))
        colours = mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex)
        colours.Set(Vt.Vec3fArray.FromNumpy(linear_colours(topology)))
        points, extent = mesh.CreatePointsAttr(), mesh.CreateExtentAttr()
        if normals:
            directions = mesh.CreateNormalsAttr()
            mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
        with Sdf.ChangeBlock():
            bar = tqdm(vertices, desc=Path(path).name, unit="frame", disable=not progress, leave=False)
            for time, frame in enumerate(bar):
                points.Set(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(frame)), time)
                if normals:
                    directions.Set(Vt.Vec3fArray.FromNumpy(vertex_normals(frame, topology.faces)), time)
                extent.Set([Gf.Vec3f(*frame.min(axis=0).tolist()), Gf.Vec3f(*frame.max(axis=0).tolist())], time)
        stage.GetRootLayer().Save()
        del stage

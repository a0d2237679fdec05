"""Faces and heat maps drawn off screen, without a display and without a graphics card."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from a2f.errors import BadInput, RenderingUnavailable
from a2f.mesh import Topology

# Colours of a topology's parts, sRGB; parts of other names are drawn as skin.
SKIN = (0.85, 0.68, 0.58)
COLOURS = {
    "skin": SKIN,
    "lips": (0.74, 0.48, 0.45),
    "eye_white": (0.93, 0.92, 0.90),
    "iris": (0.30, 0.42, 0.48),
    "pupil": (0.05, 0.05, 0.06),
    # darker than they are, since no shadow of the lips falls on them
    "teeth": (0.74, 0.72, 0.67),
    "gums": (0.45, 0.23, 0.23),
    "tongue": (0.50, 0.25, 0.26),
    "mouth_bag": (0.20, 0.09, 0.09),
}
# Degrees to the subject's left, and up.
VIEWS = {"front": (0.0, 0.0), "three-quarter": (28.0, 4.0), "left": (80.0, 0.0)}
BACKGROUND = "white"

_PROBE = (
    "import pyvista as pv; p = pv.Plotter(off_screen=True, window_size=(8, 8)); p.add_mesh(pv.Sphere()); p.screenshot()"
)
_PATIENCE = 120.0  # seconds


@lru_cache(maxsize=1)
def ensure_rendering() -> None:
    """Make sure that this machine can draw in 3D, trying it once in another process.

    Without EGL and OSMesa the drawing library does not raise: it ends the whole process, a notebook's kernel included.

    Raises
    ------
    RenderingUnavailable
        If it cannot; the text says what to install.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        # without this the library first looks for an X server and says on standard error that there is none
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    try:
        command = [sys.executable, "-c", _PROBE]
        works = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        works = False
    if not works:
        raise RenderingUnavailable(
            "3D drawing does not work on this machine: neither a display, nor EGL, nor OSMesa was found. On Debian or "
            "Ubuntu install one with `apt-get install libegl1 libgl1-mesa-dri` (or libosmesa6), then try again"
        )


def vertex_colours(topology: Topology) -> np.ndarray:
    """Return the colour of each vertex, (N, 3) float32 in [0, 1]."""
    colours = np.tile(np.float32(SKIN), (topology.num_vertices, 1))
    if topology.parts is not None:
        for index, name in enumerate(topology.part_names):
            colours[topology.parts == index] = COLOURS.get(name, SKIN)
    return colours


class Renderer:
    """One off-screen window for the frames of one topology.

    Parameters
    ----------
    vertices : ndarray, (N, 3)
        A face to place the camera by; every frame is drawn from the same place.
    topology : Topology
    size : int or (width, height)
        In pixels, made even as films need it.
    view : {"front", "three-quarter", "left"}
    colours : ndarray, (N, 3), optional
        Colours in [0, 1] instead of the parts' own.
    ids : ndarray of int, optional
        Draw only triangles whose corners are all among these vertices, and frame them.
    """

    def __init__(
        self,
        vertices: np.ndarray,
        topology: Topology,
        size: int | tuple[int, int] = 512,
        view: str = "front",
        colours: np.ndarray | None = None,
        ids: np.ndarray | None = None,
    ) -> None:
        ensure_rendering()
        import pyvista as pv

        if view not in VIEWS:
            raise BadInput(f"view is {view!r}, expected one of {', '.join(VIEWS)}")
        width, height = (size, size) if isinstance(size, int) else size
        faces = topology.faces
        if ids is not None:
            inside = np.zeros(topology.num_vertices, dtype=bool)
            inside[ids] = True
            faces = faces[inside[faces].all(axis=1)]
        self.topology = topology
        self._plotter = pv.Plotter(
            off_screen=True, window_size=(width + width % 2, height + height % 2), lighting="none"
        )
        self._plotter.set_background(BACKGROUND)
        points = topology.check_vertices(vertices, "the face to draw")
        self._mesh = pv.PolyData.from_regular_faces(np.ascontiguousarray(points, dtype=np.float32), faces)
        self._mesh["colours"] = vertex_colours(topology) if colours is None else np.asarray(colours, dtype=np.float32)
        self._shaded = colours is None
        self._set_normals()
        self._plotter.add_mesh(
            self._mesh,
            scalars="colours",
            rgb=True,
            smooth_shading=False,
            ambient=0.26 if self._shaded else 0.45,
            diffuse=0.78 if self._shaded else 0.55,
            specular=0.12 if self._shaded else 0.0,
            specular_power=18,
        ).prop.interpolation = "phong"
        self._light(pv)
        # a whole head is framed around its face, so that the mouth is large enough to be read
        whole = ids is None and "face" in topology.regions
        self._place_camera(
            points[topology.region("face") if whole else slice(None) if ids is None else ids],
            view,
            width / height,
            0.72 if whole else 0.53,
        )
        self._plotter.enable_anti_aliasing("msaa", multi_samples=8)

    def _light(self, pv) -> None:
        """A key, a fill and a rim light, fixed to the head."""
        for position, intensity in (((250, 350, 900), 0.85), ((-500, 100, 600), 0.5), ((0, 500, -700), 0.3)):
            self._plotter.add_light(
                pv.Light(position=position, focal_point=(0, 0, 0), intensity=intensity, light_type="scene light")
            )

    def _place_camera(self, points: np.ndarray, view: str, aspect: float, margin: float) -> None:
        low, high = points.min(0), points.max(0)
        centre, extent = (low + high) / 2, high - low
        around, up = np.radians(VIEWS[view])
        direction = np.array([np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)])
        camera = self._plotter.camera
        camera.focal_point = centre
        camera.position = centre + direction * 8 * max(extent)
        camera.up = (0, 1, 0)
        camera.parallel_projection = True
        width = np.abs(np.cos(around)) * extent[0] + np.abs(np.sin(around)) * extent[2]
        camera.parallel_scale = margin * max(extent[1], width / aspect)
        self._plotter.reset_camera_clipping_range()

    def _set_normals(self) -> None:
        self._mesh.point_data.active_normals = _vertex_normals(np.asarray(self._mesh.points), self._mesh.regular_faces)

    def draw(self, vertices: np.ndarray, colours: np.ndarray | None = None) -> np.ndarray:
        """Return one frame, (height, width, 3) uint8.

        Parameters
        ----------
        vertices : ndarray, (N, 3)
        colours : ndarray, (N, 3), optional
            New colours from this frame on.
        """
        self._mesh.points = self.topology.check_vertices(vertices, "the face to draw")
        if colours is not None:
            self._mesh["colours"] = np.asarray(colours, dtype=np.float32)
        self._set_normals()
        self._plotter.render()  # a screenshot alone would show the frame before
        return np.array(self._plotter.screenshot(return_img=True))

    def close(self) -> None:
        """Give the window's memory back."""
        self._plotter.close()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return area-weighted vertex normals, (N, 3) float32, for shading that follows the motion."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(points, dtype=np.float32)
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(faces[:, corner], face_normals[:, axis], len(points))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def render_faces(
    vertices: np.ndarray, topology: Topology, size: int | tuple[int, int] = 512, view: str = "front"
) -> Iterator[np.ndarray]:
    """Draw the frames of a motion (T, N, 3), one camera for all; yields (height, width, 3) uint8."""
    vertices = topology.check_vertices(vertices, "the faces to draw")
    if vertices.ndim != 3 or len(vertices) == 0:
        raise BadInput(f"the faces to draw have shape {vertices.shape}, expected (T, N, 3) with T of at least 1")
    with Renderer(vertices[0], topology, size, view) as renderer:
        for frame in vertices:
            yield renderer.draw(frame)


def render_heat(
    vertices: np.ndarray,
    topology: Topology,
    values: np.ndarray,
    *,
    limits: tuple[float, float],
    size: int | tuple[int, int] = 320,
    view: str = "front",
    colormap: str = "jet",
    ids: np.ndarray | None = None,
) -> np.ndarray:
    """Draw one number a vertex as colours on a face.

    Parameters
    ----------
    vertices : ndarray, (N, 3)
    topology : Topology
    values : ndarray, (N,)
    limits : (float, float)
        The values of the colour map's ends.
    size, view
        As for `Renderer`.
    colormap : str
        A matplotlib colour map; the paper's figures run from blue over green to red.
    ids : ndarray of int, optional
        Draw only these vertices.

    Returns
    -------
    ndarray, (height, width, 3) uint8
    """
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    if np.shape(values) != (topology.num_vertices,):
        raise BadInput(f"values have shape {np.shape(values)}, expected ({topology.num_vertices},)")
    colours = colormaps[colormap](Normalize(*limits, clip=True)(np.asarray(values)))[:, :3]
    with Renderer(vertices, topology, size, view, colours, ids) as renderer:
        return renderer.draw(vertices)

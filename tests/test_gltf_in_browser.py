"""The GLB opens in a browser's 3D library, each vertex where it belongs, and a moving mouth is seen to move."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from node_packages import package

from a2f.animation import Animation
from a2f.data.faces import load_faces
from a2f.export.shapes import face_size

SIZE, RATE, FRAMES = 400, 30.0, 13
HALF = 0.16  # metres from the picture's middle to its edge
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
TYPES = {".js": "text/javascript", ".html": "text/html", ".glb": "model/gltf-binary"}
PAGE = """
<link rel="icon" href="data:,"><body style="margin:0"><canvas width="SIZE" height="SIZE"></canvas>
<script type="importmap">{"imports": {"three": "/three/build/three.module.js"}}</script>
<script type="module">
import * as THREE from "three";
import { GLTFLoader } from "/three/examples/jsm/loaders/GLTFLoader.js";
const canvas = document.querySelector("canvas");
const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
const scene = new THREE.Scene();
scene.background = new THREE.Color("white");
const light = new THREE.DirectionalLight("white", 2.5);
light.position.set(0.3, 0.5, 1);
scene.add(light, new THREE.AmbientLight("white", 1.0));
const camera = new THREE.OrthographicCamera(-HALF, HALF, HALF, -HALF, 0, 10);
camera.position.z = 5;
const gltf = await new GLTFLoader().loadAsync("/face.glb");
scene.add(gltf.scene);
const mixer = new THREE.AnimationMixer(gltf.scene);
mixer.clipAction(gltf.animations[0]).play();
let mesh;
gltf.scene.traverse((part) => { if (part.isMesh) mesh = part; });
window.face = {
  duration: gltf.animations[0].duration,
  show(time) { mixer.setTime(time); renderer.render(scene, camera); },
  vertices(time) {
    mixer.setTime(time);
    const at = new THREE.Vector3(), all = [], count = mesh.geometry.attributes.position.count;
    for (let i = 0; i < count; i++) all.push(...mesh.getVertexPosition(i, at).toArray());
    return all;
  },
};
</script>
"""


@pytest.fixture(scope="module")
def animation() -> Animation:
    """The mean demo face opening its lips; synthetic."""
    faces = load_faces()
    units = [faces.unit(name) for name in ("mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel")]
    weights = np.linspace(0, 1, FRAMES, dtype=np.float32)[:, None] * np.float32([1, 1, 0.6])
    basis = faces.unit_basis[units]
    vertices = faces.mean + np.tensordot(weights, basis, axes=1)
    return Animation(vertices, RATE, faces.topology, name="opening", basis=basis, weights=weights)


@pytest.fixture(scope="module")
def page(animation, tmp_path_factory) -> Iterator:
    """A page of three.js with the GLB open in Chromium on software GL; no server, no network."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    three = package("three", "0.187.0")
    glb = tmp_path_factory.mktemp("glb") / "face.glb"
    animation.to_glb(glb)
    files = {"/": PAGE.replace("SIZE", str(SIZE)).replace("HALF", str(HALF)).encode(), "/face.glb": glb.read_bytes()}

    def answer(route) -> None:
        path = route.request.url.removeprefix("http://face.test")
        if path.startswith("/three/"):
            files[path] = (three / path.removeprefix("/three/")).read_bytes()
        if path not in files:
            return route.fulfill(status=404)
        kind = TYPES["." + path.rsplit(".")[-1] if "." in path else ".html"]
        return route.fulfill(body=files[path], content_type=kind)

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": SIZE, "height": SIZE})
        faults: list[str] = []
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        opened.route("**/*", answer)
        opened.goto("http://face.test/")
        opened.wait_for_function("window.face !== undefined", timeout=60_000)
        yield opened
        assert not faults
        browser.close()


def test_three_js_puts_each_vertex_where_it_belongs(page, animation):
    assert page.evaluate("face.duration") == pytest.approx((FRAMES - 1) / RATE, rel=1e-5)
    for position in (0, 4, 7.5, 11):  # in frames
        read = np.array(page.evaluate(f"face.vertices({position / RATE})")).reshape(-1, 3) * 1000
        low = int(position)
        between = animation.vertices[low] + (position - low) * (animation.vertices[low + 1] - animation.vertices[low])
        assert np.linalg.norm(read - between, axis=-1).max() <= 1e-4 * face_size(animation.template), position


def test_the_mouth_moves_on_the_screen_and_nothing_else(page, animation):
    from PIL import Image

    pictures = []
    for frame in (0, 11):
        page.evaluate(f"face.show({frame / RATE})")
        picture = Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB")
        pictures.append(np.asarray(picture).astype(int))
    face = (pictures[0] < 250).any(axis=-1)
    assert 0.2 < face.mean() < 0.9, "a head on white ground"
    moved = np.linalg.norm(animation.vertices[11] - animation.vertices[0], axis=-1) > 0.05
    on_screen = animation.vertices[[0, 11]][:, moved, :2] / 1000 * (SIZE / 2 / HALF)
    x, y = SIZE / 2 + on_screen[..., 0], SIZE / 2 - on_screen[..., 1]
    changed = np.abs(pictures[1] - pictures[0]).max(axis=-1) > 8
    around = np.zeros_like(changed)
    around[int(y.min()) - 2 : int(y.max()) + 3, int(x.min()) - 2 : int(x.max()) + 3] = True
    assert around.mean() < 0.25, "a mouth is a small part of the picture"
    assert changed[around].mean() > 0.05 and not changed[~around].any()

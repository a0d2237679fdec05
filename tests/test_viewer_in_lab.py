"""The viewer in a real JupyterLab: it plays, follows its slider, turns, and shows what is drawn without any browser."""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from a2f.animation import Animation
from a2f.data import open_dataset
from a2f.export.render import Renderer, ensure_rendering

CHROMIUM = Path("/usr/bin/chromium")
SIZE, MOVES = 360, 50
TOKEN = secrets.token_hex(16)
CELL = f"""
from a2f.animation import Animation
from a2f.data import open_dataset
from a2f.viewer import view

clip = open_dataset("demo", fps=30).split("test")[0]
truth = Animation(clip.vertices, 30, clip.topology, name="truth")
still = Animation(clip.vertices[:1], 30, clip.topology, name="still")
view([truth, still], size={SIZE})
"""
# What the kernel saw: the threads that callbacks ran in, told apart from the one that runs cells.
PROBE = """
import threading
main, seen = threading.get_ident(), set()
import a2f.viewer
changed = a2f.viewer.Viewer._changed
a2f.viewer.Viewer._changed = lambda self, *rest: (seen.add(threading.get_ident()), changed(self, *rest))
"""


@pytest.fixture(scope="module")
def truth() -> Animation:
    clip = open_dataset("demo", fps=30).split("test")[0]
    return Animation(clip.vertices, 30, clip.topology, name="truth")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A JupyterLab of this environment, on a folder with one notebook."""
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM}: JupyterLab is looked at in Chromium")
    pytest.importorskip("playwright", reason="playwright drives the browser")
    ensure_rendering()
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    cells = (PROBE, CELL, "print(len(seen - {main}), 'foreign threads called back')")
    notebook.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    nbformat.write(notebook, folder / "viewer.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("A2F_STATIC", "A2F_NOTEBOOK", "CI")
    }
    environment["HOME"] = str(tmp_path_factory.mktemp("home"))  # the lab keeps its state there, if it may
    settings = folder / "settings"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    options = [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    # no question about news on the page
    news = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    options += [f"--LabApp.user_settings_dir={settings}", f"--LabApp.workspaces_dir={folder / 'workspaces'}"]
    lab = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/api", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield f"{url}/lab/tree/viewer.ipynb?reset&token={TOKEN}"
    finally:
        lab.terminate()
        lab.wait(20)


@pytest.fixture(scope="module")
def page(address):
    """The notebook, run; what goes wrong in the page fails the test that sees it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 1000})
        page.wrong = []
        page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.goto(address, timeout=60_000)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.wait_for_selector("text=Python 3 (ipykernel) | Idle", timeout=60_000)
        page.click(".jp-Notebook .jp-CodeCell >> nth=0")
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".renderview-wrapper img", timeout=60_000)
        yield page
        browser.close()


def picture(page) -> np.ndarray:
    """What the viewer shows once it has come to rest: the lossless picture that follows the last move."""
    page.evaluate("window.since = performance.now()")
    page.wait_for_function(
        """() => { const img = document.querySelector('.renderview-wrapper img');
        if (img.src !== window.lastSource) { window.lastSource = img.src; window.since = performance.now(); }
        return img.naturalWidth > 1 && performance.now() - window.since > 1000 }""",
        timeout=20_000,
    )
    data = page.evaluate(
        """async () => { const img = document.querySelector('.renderview-wrapper img');
        const canvas = document.createElement('canvas');
        canvas.width = img.naturalWidth; canvas.height = img.naturalHeight;
        canvas.getContext('2d').drawImage(img, 0, 0);
        return Array.from(new Uint8Array(await (await new Promise(r => canvas.toBlob(r))).arrayBuffer())) }"""
    )
    return np.asarray(Image.open(io.BytesIO(bytes(data))).convert("RGB"))


def slider_at(page) -> int:
    return int(page.locator(".widget-slider .widget-readout").inner_text())


def test_who_has_no_token_sees_nothing(address):
    for path in ("api/contents", "api/kernels", "api/sessions"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{address.partition('/lab/')[0]}/{path}", timeout=10)


def test_fifty_moves_of_the_slider_end_at_the_right_picture(page, truth):
    handle = page.locator(".widget-slider .noUi-handle")
    handle.focus()
    for _ in range(MOVES):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"document.querySelector('.widget-slider .widget-readout').innerText == '{MOVES}'")
    shown = picture(page)
    with Renderer(truth.vertices[0], truth.topology, SIZE) as renderer:
        expected = renderer.draw(truth.vertices[MOVES])
        other = renderer.draw(truth.vertices[MOVES - 2])
    assert np.abs(other.astype(int) - expected).max() > 10
    np.testing.assert_array_equal(shown, expected)


def test_it_plays(page):
    page.evaluate(
        """() => { window.shownSources = new Set(); const img = document.querySelector('.renderview-wrapper img');
        window.watch = new MutationObserver(() => window.shownSources.add(img.src));
        window.watch.observe(img, { attributes: true, attributeFilter: ['src'] }) }"""
    )
    before = slider_at(page)
    page.click(".widget-play button >> nth=0")
    page.wait_for_timeout(1000)
    assert slider_at(page) > before
    assert page.evaluate("shownSources.size") > 3
    print(f"{page.evaluate('shownSources.size')} pictures in a second")
    page.click(".widget-play button >> nth=0")


def test_dragging_turns_and_a_choice_keeps_the_camera(page, truth):
    front = picture(page)
    box = page.locator(".renderview-wrapper img").bounding_box()
    page.mouse.move(box["x"] + 180, box["y"] + 180)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 180, steps=5)
    page.mouse.up()
    turned = picture(page)
    assert np.abs(turned.astype(int) - front).mean() > 3
    page.select_option(".widget-dropdown:has-text('Show') select", "still")
    other = picture(page)
    # the silhouette is the turned one's, the mouth another
    outline = (turned != 255).any(axis=2) ^ (other != 255).any(axis=2)
    assert outline.mean() < 0.01 and (turned != other).any()
    page.dblclick(".renderview-wrapper img")
    with Renderer(truth.vertices[0], truth.topology, SIZE) as renderer:
        np.testing.assert_array_equal(picture(page), renderer.draw(truth.vertices[0]))


def test_callbacks_did_come_in_another_thread_and_nothing_went_wrong(page):
    """Were all callbacks in the main thread, the tests above would not show that the viewer survives the others."""
    page.click(".jp-Notebook .jp-CodeCell >> nth=2")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector("text=foreign threads called back", timeout=20_000)
    page.wait_for_function("document.querySelectorAll('.jp-OutputArea-output')[0] !== undefined")
    said = page.locator(".jp-CodeCell >> nth=2").locator(".jp-OutputArea-output").inner_text()
    assert said.strip().endswith("foreign threads called back") and not said.startswith("0"), said
    failures = page.locator("[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type$='.error']")
    assert failures.all_inner_texts() == []
    assert page.wrong == []

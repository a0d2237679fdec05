"""The user study's notebook in a real kernel: killed in the middle of the study, it goes on, and no answer is lost."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from a2f import notebooks as nb
from a2f.execute import kernel_folders
from a2f.ratings import CRITERIA

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
QUESTIONS = 2 * 5 * len(CRITERIA)  # sentences, methods

# Nothing is trained and no face is drawn: floors stand in for the networks, grey squares for the films.
STAND_INS = """
import numpy as np
import a2f.ratings
from a2f.export.video import write_mp4
from a2f.methods import NeutralFace

def rated_methods(*given, **options):
    return dict.fromkeys(("Ground truth", "Ours", "VOCA", "MeshTalk", "FaceFormer"), NeutralFace())

def draw_films(films, *given, **options):
    for film in films:
        if not film.path.is_file():
            write_mp4(film.path, np.full((2, 32, 32, 3), 128, np.uint8), 30, progress=False)

a2f.ratings.rated_methods, a2f.ratings.draw_films = rated_methods, draw_films
del rated_methods, draw_films
"""
# As a rater does it, through the page's own widgets; it says which answer is saved as soon as the page has gone on.
RATE = """
def rate(count):
    for _ in range(count):
        position = shown.place.position
        shown.score.value = 1 + position % 5
        shown.save.click()
        print("saved", position, flush=True)
"""


class Seen(Exception):
    """What was waited for has been printed."""


class Kernel:
    """A kernel of this environment that takes itself for one of JupyterLab's."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def run(self, source: str, until: str | None = None) -> str:
        """Run a cell and return what it printed; with `until`, kill the kernel when that has been printed."""
        printed = []

        def listen(message) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])
                if until is not None and until in "".join(printed):
                    raise Seen

        try:
            reply = self.client.execute_interactive(source, timeout=60, output_hook=listen, allow_stdin=False)
        except Seen:
            self.manager.signal_kernel(signal.SIGKILL)
            return "".join(printed)
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", []))
        return "".join(printed)

    def value(self, expression: str):
        return json.loads(self.run(f"import json as _json; print(_json.dumps({expression}))"))


@pytest.fixture(scope="module", autouse=True)
def own_folders(tmp_path_factory) -> Iterator[None]:
    """Kernels keep out of the home, which need not be writable."""
    with kernel_folders(tmp_path_factory.mktemp("caches")) as folders, pytest.MonkeyPatch.context() as patched:
        for name, value in folders.items():
            patched.setenv(name, value)
        yield


@contextmanager
def kernel() -> Iterator[Kernel]:
    manager = KernelManager(kernel_name="python3")
    environment = {name: value for name, value in os.environ.items() if name not in ("A2F_NOTEBOOK", "CI")}
    environment |= {"JPY_SESSION_NAME": "11_user_study.ipynb", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    manager.start_kernel(env=environment, cwd=str(NOTEBOOKS))
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def open_notebook(on: Kernel, out: Path, rater: str) -> dict[str, str]:
    """Run the notebook's cells up to the page with smoke's parameters; return the sources of those after it."""
    on.run(STAND_INS)
    code = [cell for cell in nb.from_source(NOTEBOOKS / "11_user_study.py").cells if cell.cell_type == "code"]
    page = next(index for index, cell in enumerate(code) if "RatingTool(" in cell.source)
    for cell in code[: page + 1]:
        on.run(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            on.run(f"preset, out_dir, rater = 'smoke', {str(out)!r}, {rater!r}")
    on.run(RATE)
    analysis, check = (cell.source for cell in code[page + 1 :])
    return {"analysis": analysis, "check": check}


def answers(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> dict:
    """A rater's way through the study in three kernels, the first two of them killed while they save answers."""
    out = tmp_path_factory.mktemp("study")
    path = out / "smoke-demo" / "ratings.csv"
    told: dict = {"path": path, "kills": []}
    for _ in range(2):
        with kernel() as on:
            cells = open_notebook(on, out, "anna")
            begins = on.value("shown.place.position")
            rating = f"import time\nfor _ in range({QUESTIONS}):\n    rate(1); time.sleep(0.2)"
            printed = on.run(rating, until=f"saved {begins + 4}\n")
        told["kills"].append((begins, printed, answers(path), path.read_bytes()))
    with kernel() as on:
        open_notebook(on, out, "anna")
        told["goes on at"] = on.value("shown.place.position")
        on.run(f"rate({QUESTIONS} - shown.place.position + 1)")
        told["thanks"] = on.value("[shown.place, shown.message.value, len(shown.screen.children)]")
        told["order"] = on.value("[[p.film.clip, p.criterion] for p in places(films, 'anna', session.seed)]")
        told["analysis"], told["check"] = on.run(cells["analysis"]), on.run(cells["check"])
        on.run("again = RatingTool(films, path, seed=session.seed, rater='berta')")
        told["another's first"] = on.value("[again.place.position, again.place.film.clip]")
    told["answers"] = answers(path)
    return told


def test_no_answer_that_was_seen_to_be_saved_is_lost_by_a_killed_kernel(story):
    for _, printed, rows, content in story["kills"]:
        saved = {int(line.removeprefix("saved ")) for line in printed.splitlines()}
        assert len(saved) >= 5
        assert saved <= {int(row["position"]) for row in rows}
        assert content.endswith(b"\n") and len({len(row) for row in rows}) == 1
    assert len(story["kills"][-1][2]) < QUESTIONS, "it was killed before the end"


def test_the_study_goes_on_where_it_stopped(story):
    (first, _, rows, _), (second, _, more, _) = story["kills"]
    assert first == 1
    assert second == len(rows) + 1
    assert story["goes on at"] == len(more) + 1
    place, message, films = story["thanks"]
    assert place is None and message == f"All {QUESTIONS} questions are answered. Thank you!" and films == 0


def test_in_the_end_every_question_has_the_answer_that_was_given_once(story):
    rows = story["answers"]
    assert [int(row["position"]) for row in rows] == list(range(1, QUESTIONS + 1))
    assert [[row["clip"], row["criterion"]] for row in rows] == story["order"]
    assert len({(row["sentence"], row["method"], row["criterion"]) for row in rows}) == QUESTIONS
    assert all(int(row["score"]) == 1 + int(row["position"]) % 5 for row in rows)
    assert {(row["rater"], row["seed"]) for row in rows} == {("anna", "0")}


def test_another_rater_begins_at_the_first_film_of_an_order_of_their_own(story):
    position, clip = story["another's first"]
    assert position == 1 and clip in {row["clip"] for row in story["answers"]}


def test_the_cells_after_the_page_analyse_what_was_answered(story):
    assert story["analysis"].startswith(f"1 rater, {QUESTIONS} answers")
    assert "one rater, no interval" in story["analysis"]
    assert "no method is named" in story["check"]
    folder = story["path"].parent
    assert (folder / "figures" / "user_study.png").is_file()
    stored = json.loads((folder / "results" / "user_study.json").read_text())
    assert stored["raters"] == 1 and "anna" not in json.dumps(stored)

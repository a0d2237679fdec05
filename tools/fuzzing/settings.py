"""Small files and texts of people and of earlier runs: settings, regions, ratings, receipts, states, parameters."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np

from fuzzing.damage import damaged, pick, replace
from fuzzing.outcome import Case, Wrong, check_unharmed
from fuzzing.values import TEXTS, anything, as_json, changed


def make_config(rng: np.random.Generator, folder: Path) -> Case:
    """Return a configuration as a run's folder has it."""
    from a2f.config import PRESETS, Config, baseline
    from a2f.models.stored import read_run_config

    config = PRESETS[pick(rng, sorted(PRESETS))]
    if rng.random() < 0.5:
        config = baseline(config, pick(rng, ("voca", "meshtalk", "faceformer")))
    whole = {"config": config.to_dict(), "num_vertices": 20, "audio_dim": 80, "subjects": ["a"], "seed": 0}
    whole = json.loads(json.dumps(whole))
    value = anything(rng, 5) if rng.random() < 0.1 else changed(rng, whole)
    replace(folder / "config.json", as_json(rng, value))

    def read() -> None:
        found, described = read_run_config(folder)
        if Config.from_dict(json.loads(json.dumps(found.to_dict()))) != found:
            raise Wrong("a configuration that does not come back as it went")
        hash(described["num_vertices"])

    return Case(read, ("config.json", "onfig"))


def make_folder_settings(rng: np.random.Generator, folder: Path) -> Case:
    """Return the settings of a user's own folder."""
    from a2f.data.folder_settings import read_settings

    whole = {"fps": 30, "unit": "mm", "metres_per_unit": 0.001, "splits": {"train": ["a"], "val": ["b"], "test": ["c"]},
             "regions": "regions.json", "synthetic": True}  # fmt: skip
    replace(folder / "a2f.json", as_json(rng, anything(rng, 4) if rng.random() < 0.1 else changed(rng, whole)))
    return Case(lambda: json.dumps(read_settings(folder), allow_nan=False), ("a2f.json",))


def make_regions(rng: np.random.Generator, folder: Path) -> Case:
    """Return files of regions in one of their forms."""
    from a2f.data.region_files import read_regions
    from fuzzing.arrays import VERTICES, lying_npy, npy

    name = pick(rng, ("regions.json", "lips.json", "lips.txt", "face.npy", "lve.txt", "what.txt", "regions"))
    mask = np.linspace(0, 1, VERTICES).tolist()
    listed = pick(rng, ([1, 2, 5], mask, [0.1, 0.9], list(range(VERTICES)), [-1], [10**30]))
    path = folder / name
    if name == "regions":
        path.mkdir()
        replace(path / "lips.txt", " ".join(map(str, listed)).encode())
        replace(path / "regions.json", as_json(rng, changed(rng, {"lips": "lips.txt", "face": listed})))
    elif name.endswith(".json"):
        file = pick(rng, ("lips.txt", "../outside.txt", "/etc/hostname", "", "\x00", "lips.npy", "x" * 300))
        entry = pick(rng, (listed, file, [file, file], {"file": file, "threshold": 0.2}, [[1, 2], [3]]))
        value = {"lips": entry, "upper_face": listed} if name == "regions.json" else listed
        replace(folder / "lips.txt", b"1 2 3")
        replace(path, as_json(rng, changed(rng, value) if rng.random() < 0.7 else value))
    elif name.endswith(".npy"):
        replace(path, lying_npy(rng) if rng.random() < 0.3 else damaged(rng, npy(np.asarray(listed))))
    else:
        words = [pick(rng, (str(x), "nan", "1e400", "9" * 5000, "0x1", "", ",", "1_0")) for x in listed]
        replace(path, damaged(rng, " ".join(words).encode()))

    def read() -> None:
        for part in read_regions(path, VERTICES):
            if len(part.ids) == 0 or part.ids.min() < 0 or part.ids.max() >= VERTICES:
                raise Wrong(f"region {part.role} holds {part.ids}")

    return Case(read, (name, "lips", "upper_face", "face", "outside"))


def make_ratings(rng: np.random.Generator, folder: Path) -> Case:
    """Return a file of ratings, to be read and to be gone on with."""
    from a2f.ratings.places import Film, Place
    from a2f.ratings.record import FIELDS, RatingFile, _line, read_ratings

    rows = [
        ["2026-01-01T10:00", f"r{i % 2}", f"film-{i}", "s", "ours", "naturalness", str(1 + i % 5), str(i + 1), "0"]
        for i in range(5)
    ]
    for _ in range(int(rng.integers(3))):
        text = str(pick(rng, (*TEXTS, "6", "1.5", "-1", "٣", "9" * 5000, "=1+1"))).encode("utf-8", "replace").decode()
        rows[int(rng.integers(5))][int(rng.integers(9))] = text
    data = b"".join(_line(tuple(row)) for row in (FIELDS, *rows))
    path = folder / "ratings.csv"
    replace(path, damaged(rng, data) if rng.random() < 0.6 else data)

    def read() -> None:
        before, _ = read_ratings(path)
        file = RatingFile(path)
        film = Film("new", "s01", "ours", folder / "film.mp4")
        if not file.answer(Place(9, film, "naturalness"), "r0", 3, 0):
            raise Wrong("a new answer was taken for an old one")
        after, note = read_ratings(path)
        if after[:-1] != before or note is not None:
            raise Wrong("an answer changed what was in the file")

    return Case(read, (path.name,))


def make_receipt(rng: np.random.Generator, folder: Path) -> Case:
    """Return a receipt of results, which vouches for nothing that it does not prove."""
    from a2f.receipts import Receipt

    (folder / "a.npz").write_bytes(b"result")
    made, path = {"sound": "0" * 64}, folder / "a.a2f.json"
    Receipt(path, made).add("npz", folder / "a.npz", largest_error=0.1, unit="mm")
    whole = json.loads(path.read_text())
    value = anything(rng, 4) if rng.random() < 0.2 else changed(rng, whole)
    data = as_json(rng, value)
    replace(path, data)

    def read() -> None:
        receipt = Receipt.open(path, made)
        held = receipt.holds("npz", folder / "a.npz")
        if held and json.loads(data)["results"]["npz"]["files"] != whole["results"]["npz"]["files"]:
            raise Wrong("a receipt of other bytes was believed")
        for name in ("npz", "mp4", "../../x"):
            receipt.holds(name, folder / "nothing")
        receipt.add("npz", folder / "a.npz")
        if not Receipt.open(path, made).holds("npz", folder / "a.npz"):
            raise Wrong("a receipt just written is not believed")

    return Case(read)


def make_state(rng: np.random.Generator, folder: Path) -> Case:
    """Return the state of a notebook that ran before: `a2f reproduce` skips it only where the state proves it."""
    from a2f.files import sha256
    from a2f.reproduce import is_finished

    (folder / "00_x.ipynb").write_text("{}")
    (folder / "result.json").write_text("{}")
    digest = sha256(folder / "result.json")
    whole = {"fingerprint": "f", "seconds": 1.0, "reused_seconds": 0.0, "runs": ["result.json"],
             "record": {"reads": {"result.json": digest}, "writes": {}}}  # fmt: skip
    value = anything(rng, 4) if rng.random() < 0.2 else changed(rng, whole)
    path = folder / "00_x.state.json"
    replace(path, as_json(rng, value))
    return Case(lambda: is_finished(path, folder, "f"), (path.name,))


def make_parameters(rng: np.random.Generator, folder: Path) -> Case:
    """Return texts given as notebook parameters: whatever they hold, the notebook gets values and no code."""
    from a2f.parameters import check_parameters
    from a2f.reproduce import parse_parameters

    names = ("preset", "dataset", "seed", "out_dir", "data_root", "colour", "x y", "__builtins__", "if", "")
    values = (*TEXTS, "1", "-1", "[1, 2]", "{'a': (1,)}", "1e999", "nan", "b'x'", "(" * 300, "9" * 5000, "None",
              "'a'\nimport os", "open('witness', 'w')", "...", "{1, 2}", "1j", "[" * 100_000)  # fmt: skip
    pairs = [f"{pick(rng, names)}={pick(rng, values)}" for _ in range(int(rng.integers(1, 4)))]
    pairs += [str(pick(rng, TEXTS))] if rng.random() < 0.2 else []

    def read() -> None:
        from papermill.translators import PythonTranslator

        found = parse_parameters(pairs)
        code = PythonTranslator.codify(found)
        scope: dict = {}
        for line in ast.parse(code).body:
            if not (isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name)):
                raise Wrong(f"papermill writes {ast.unparse(line)[:200]!r}")
            calls = [node for node in ast.walk(line.value) if isinstance(node, ast.Call)]
            if any(ast.unparse(node.func) != "float" for node in calls):
                raise Wrong(f"papermill writes a call: {ast.unparse(line)[:200]!r}")
        exec(code, scope)  # what the notebook would run: assignments, as was just checked
        given = {name: scope[name] for name in found}
        if repr(given) != repr(found):
            raise Wrong(f"the notebook gets {given!r:.300}, given was {found!r:.300}")
        check_unharmed(folder)
        check_unharmed(Path.cwd())
        defaults = {"preset": "demo", "dataset": "demo", "data_root": None, "seed": 0, "out_dir": "x"}
        check_parameters({**defaults, **found})

    return Case(read)

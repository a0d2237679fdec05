"""All notebooks in order: run, resumed, stopped at the first failing cell, and their figures published."""

from __future__ import annotations

import ast
import datetime
import difflib
import hashlib
import importlib.metadata
import json
import keyword
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import a2f
from a2f import drift, readme
from a2f import notebooks as nb
from a2f.bench.machine import describe, processor
from a2f.config import preset as named_preset
from a2f.data import DATASETS
from a2f.data.assets import manifest
from a2f.errors import BadInput
from a2f.execute import execute
from a2f.files import atomic_path, read_json, sha256, write_json
from a2f.locks import alone_in
from a2f.parameters import PARAMETERS

# the frame around the notebooks: a change here changes no result
_FRAME = {"cli.py", "reproduce.py", "readme.py", "notebooks.py", "execute.py", "drift.py"}


def reproduce(
    preset: str = "demo",
    dataset: str = "demo",
    data_root: str | Path | None = None,
    seed: int = 0,
    out: str | Path = "build",
    only: Iterable[str] = (),
    fresh: bool = False,
    publish_notebooks: bool = False,
    parameters: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
    stream: TextIO | None = None,
) -> int:
    """Run the notebooks with papermill, each in its own kernel, and publish what they drew.

    A notebook is skipped when it ran to its end before and nothing it depends on has changed since: its
    source, its parameters, the library, the demo corpus, the results of other notebooks that it read, and
    the trained runs that were there.

    Parameters
    ----------
    preset, dataset, data_root, seed
        The notebooks' parameters.
    out : path
        Everything goes to `<out>/<preset>-<dataset>/`: executed notebooks, runs, results, figures.
    only : iterable of str
        Beginnings of the names of the notebooks to run ("05"); then nothing is published.
    fresh : bool
        Run also what is finished, after deleting the runs, results and figures that are there.
    publish_notebooks : bool
        Store the executed notebooks beside their sources; only a complete run with their own defaults.
    parameters : mapping, optional
        Further parameters; every notebook that is run must have them.
    root : path, optional
        The checkout with `notebooks/`, `figures/` and `README.md`; default: the one of this library.
    stream : text file, optional
        Where progress is shown; default standard output.

    Returns
    -------
    int
        0 if every notebook ran to its end, 1 if a cell failed.

    Raises
    ------
    BadInput, MissingData
        Before anything runs, if a parameter, a name or a notebook is wrong, or another process runs notebooks there.
    """
    stream = stream or sys.stdout
    root = Path(root or Path(a2f.__file__).resolve().parents[1])
    named_preset(preset)
    if dataset not in DATASETS:  # it names a folder too
        raise BadInput(f"no data set is called {dataset!r}; there are {', '.join(DATASETS)}")
    out = Path(out).absolute()
    given = {
        "preset": preset,
        "dataset": dataset,
        "seed": seed,
        "out_dir": _relative(out, root / "notebooks"),
        "data_root": None if data_root is None else str(Path(data_root).absolute()),
        **(parameters or {}),
    }
    sources = _chosen(nb.find(root / "notebooks"), only)
    plan = [
        (path, notebook := nb.from_source(path), _changed(notebook, path.stem, given)) for path in sources
    ]
    complete = not tuple(only)
    if publish_notebooks and (not complete or any(changed for _, _, changed in plan)):
        raise BadInput("notebooks are published from a complete run with their own default parameters only")

    folder = out / f"{preset}-{dataset}"
    with alone_in(folder, "running notebooks"):
        if fresh:
            for name in ("runs", "results", "figures", "records", "notebooks") if complete else ():
                shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "notebooks").mkdir(parents=True, exist_ok=True)
        stream.write(f"{len(plan)} notebooks, preset {preset}, data set {dataset}, seed {seed}\n")
        library, seconds, reused, known = library_hash(), {}, {}, set()
        for path, notebook, changed in plan:
            identity = _fingerprint(notebook, given, library)
            state = folder / "notebooks" / f"{path.stem}.state.json"
            if not fresh and is_finished(state, folder, identity):
                kept = read_json(state)
                seconds[path.stem], reused[path.stem] = kept["seconds"], kept["reused_seconds"]
                known |= set(kept["runs"])
                stream.write(
                    f"{path.stem:<16} unchanged since it ran ({seconds[path.stem]:.0f} s then): skipped\n"
                )
                continue
            state.unlink(missing_ok=True)
            record = folder / "records" / f"{path.stem}.json"
            record.unlink(missing_ok=True)
            # runs of an earlier call, which no earlier notebook of this one accounts for
            reused[path.stem] = sum(read_json(folder / run)["seconds"] for run in set(_finished_runs(folder)) - known)
            took, failure = execute(path, changed, folder / "notebooks" / f"{path.stem}.ipynb", stream)
            if failure:
                stream.write(failure)
                return 1
            seconds[path.stem] = round(took, 1)
            runs = _finished_runs(folder)
            known |= set(runs)
            write_json(
                state,
                {
                    "fingerprint": identity,
                    "seconds": seconds[path.stem],
                    "reused_seconds": reused[path.stem],
                    "runs": runs,
                    "record": read_json(record) if record.is_file() else {"reads": {}, "writes": {}},
                },
            )
        if complete:
            _finish(folder, root, preset, dataset, seconds, sum(reused.values()), library, stream)
            stream.write(drift.check(folder, root, preset, dataset, seed))
        if publish_notebooks:
            _publish_notebooks(folder, root, stream)
        return 0


def _finished_runs(folder: Path) -> list[str]:
    return sorted(run.relative_to(folder).as_posix() for run in (folder / "runs").rglob("finished.json"))


def _relative(out: Path, notebooks: Path) -> str:
    """The out_dir parameter: relative inside the checkout, so that no notebook names a machine's path."""
    inside = out.is_relative_to(notebooks.parent)
    return Path(os.path.relpath(out, notebooks)).as_posix() if inside else str(out)


def _chosen(sources: list[Path], only: Iterable[str]) -> list[Path]:
    only = tuple(only)
    for start in only:
        if not any(path.stem.startswith(start) for path in sources):
            raise BadInput(
                f"no notebook begins with {start!r}; there are {', '.join(p.stem for p in sources)}"
            )
    return [path for path in sources if not only or path.stem.startswith(only)]


def _changed(notebook, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that differ from the notebook's defaults; only these are injected."""
    defaults = nb.parameters(notebook, name)
    for parameter in [*PARAMETERS, *given]:
        if parameter not in defaults:
            near = difflib.get_close_matches(parameter, defaults, n=1)
            hint = f"; did you mean {near[0]!r}?" if near and parameter not in PARAMETERS else ""
            raise BadInput(
                f"notebook {name} has no parameter {parameter!r}{hint} "
                f"(its parameters cell has: {', '.join(defaults)})"
            )
    return {key: value for key, value in given.items() if value != defaults[key]}


def library_hash() -> str:
    """Return one hash over the library's sources, assets, stored studies, and the versions of what computes."""
    package = Path(a2f.__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        if path.relative_to(package).as_posix() not in _FRAME:
            digest.update(f"{path.relative_to(package).as_posix()} {sha256(path)}\n".encode())
    digest.update(json.dumps(manifest(), sort_keys=True).encode())
    for path in sorted((package.parent / "figures" / "studies").glob("*.json")):
        digest.update(f"{path.name} {sha256(path)}\n".encode())
    versions = [
        importlib.metadata.version(name) for name in ("numpy", "torch", "transformers", "scikit-learn")
    ]
    digest.update(json.dumps([platform.python_version(), *versions]).encode())
    return digest.hexdigest()


def _fingerprint(notebook, given: Mapping[str, Any], library: str) -> str:
    content = json.dumps([nb.cells_of(notebook), {k: given[k] for k in sorted(given)}, library])
    return hashlib.sha256(content.encode()).hexdigest()


def is_finished(state: Path, folder: Path, identity: str) -> bool:
    """Return whether a notebook ran to its end and all that it depends on and wrote is as it was then.

    A state that is damaged proves nothing: False.
    """
    executed = state.with_name(state.name.replace(".state.json", ".ipynb"))
    if not state.is_file() or not executed.is_file():
        return False
    try:
        kept = read_json(state)
        files = {**kept["record"]["reads"], **kept["record"]["writes"]}
        if kept["fingerprint"] != identity or not all((folder / run).is_file() for run in kept["runs"]):
            return False
        if not all(isinstance(kept[key], (int, float)) for key in ("seconds", "reused_seconds")):
            return False
        return all(
            (folder / name).is_file() and sha256(folder / name) == digest for name, digest in files.items()
        )
    except (BadInput, KeyError, TypeError, ValueError, OSError):
        return False


def _finish(
    folder: Path,
    root: Path,
    preset: str,
    dataset: str,
    seconds: Mapping[str, float],
    reused: float,
    library: str,
    stream: TextIO,
) -> None:
    """Write the timings; on the demo preset and corpus also publish the figures and the README's section."""
    smoke = folder.parent / f"smoke-{dataset}" / "timings.json"
    quick = read_json(smoke) if smoke.is_file() and preset != "smoke" else None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    installed, tested = Path(sys.prefix) / ".a2f-installed", folder.parent / "test-seconds"
    write_json(
        folder / "timings.json",
        {
            "preset": preset,
            "dataset": dataset,
            "cores": cores,
            "processor": processor(describe()),
            "install_seconds": int(installed.read_text()) if installed.is_file() else None,
            "notebooks": dict(seconds),
            "total_seconds": round(sum(seconds.values()), 1),
            "reused_seconds": round(reused, 1),
            "smoke_seconds": quick["total_seconds"] if quick and quick["library"] == library else None,
            "test_seconds": int(tested.read_text()) if tested.is_file() else None,
            "library": library,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        },
    )
    stream.write(f"all {len(seconds)} notebooks done: {readme.duration(sum(seconds.values()))}\n")
    if (preset, dataset) == ("demo", "demo"):
        publish_figures(folder, root / "figures")
        readme.update(root / "README.md", root / "figures")
        stream.write("figures/ and the README's results are up to date\n")


def publish_figures(folder: Path, target: Path) -> None:
    """Copy a complete run's figures, report and timings to `target`; what an earlier run left there goes."""
    names = {path.name for path in (folder / "figures").iterdir() if not path.name.startswith(".")}
    there = [path for path in target.glob("*") if path.is_file()]
    described = {path.name for path in there if path.suffix == ".json"}
    for old in there:
        if old.name not in names and described & {old.name, f"{old.name}.json", f"{old.stem}.json"}:
            old.unlink()
    for source in [*((folder / "figures" / name) for name in sorted(names)), folder / "timings.json"]:
        with atomic_path(target / source.name) as temporary:
            shutil.copyfile(source, temporary)


def _publish_notebooks(folder: Path, root: Path, stream: TextIO) -> None:
    import nbformat

    clean = {}
    for path in nb.find(root / "notebooks"):
        executed = nbformat.read(folder / "notebooks" / f"{path.stem}.ipynb", as_version=4)
        clean[path.with_suffix(".ipynb")] = nb.publishable(executed)
        if faults := nb.faults(clean[path.with_suffix(".ipynb")]):
            raise BadInput(f"notebook {path.stem} cannot be published: {'; '.join(faults)}")
    for path, notebook in clean.items():
        with atomic_path(path) as temporary:
            temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    stream.write(f"{len(clean)} executed notebooks stored in notebooks/\n")


def parse_parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """Turn `name=value` texts into parameters; a value is a Python literal, or else a text.

    Values are what JSON has too, a tuple becomes a list: papermill would hand a notebook anything else as a text.

    Raises
    ------
    BadInput
        If one has no `=`, no name that a notebook's variable may have, or a value that JSON does not have.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise BadInput(f"parameter {pair[:200]!r} is not of the form name=value")
        try:
            literal = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            literal = value  # what is no literal is a text
        found[name] = _listed(literal, name)
    return found


def _listed(value: Any, name: str) -> Any:
    """Return a value with lists for tuples."""
    if isinstance(value, (list, tuple)):
        return [_listed(item, name) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _listed(item, name) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise BadInput(f"parameter {name} is {str(value)[:200]}, expected texts, numbers, true, false, or lists of them")

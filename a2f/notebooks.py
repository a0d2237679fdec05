"""A notebook as a file: read from its .py source, its parameters, and what an executed one must not hold."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

from a2f.errors import BadInput, MissingData

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGETS = "application/vnd.jupyter.widget"
# a folder that only this machine has; what stands before the slash keeps URLs and relative paths out
_MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|work|tmp|Users|opt|mnt|private|var)/[^\s'\"\\<>)]+")
_EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")


def find(folder: Path) -> list[Path]:
    """Return the notebooks' sources, `NN_name.py`, in the order of their numbers.

    Raises
    ------
    MissingData
        If there are none.
    """
    paths = sorted(path for path in Path(folder).glob("*.py") if re.fullmatch(r"\d\d_\w+", path.stem))
    if not paths:
        raise MissingData(f"no notebooks (NN_name.py) in {folder}: this needs a checkout of the repository")
    return paths


def from_source(path: Path):
    """Convert a percent-format .py in memory; equal sources give equal notebooks, cell ids included.

    Returns
    -------
    nbformat.NotebookNode
        Without outputs, for the kernel `python3`.

    Raises
    ------
    BadInput
        If the header of the file is not that of a notebook.
    """
    import jupytext
    from nbformat.validator import NotebookValidationError

    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except NotebookValidationError as error:
        raise BadInput(f"the header of {path.name} is not a notebook's: {error.message}") from None
    pairing = {key: value for key, value in notebook.metadata.get("jupytext", {}).items() if key == "formats"}
    notebook.metadata = _metadata(pairing)
    # a blank line at the top of the file would be an empty cell
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _metadata(pairing: dict[str, Any]):
    from nbformat import from_dict

    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    return from_dict({**metadata, "jupytext": pairing} if pairing else metadata)


def parameters(notebook, name: str) -> dict[str, Any]:
    """Return the defaults in the cell tagged `parameters`.

    Raises
    ------
    BadInput
        If there is not exactly one such cell, or it holds anything but `name = literal` lines.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise BadInput(f"notebook {name} has {len(cells)} cells tagged 'parameters'; it must have one")
    found: dict[str, Any] = {}
    for line in ast.parse(cells[0].source).body:
        try:
            (target,) = line.targets
            found[target.id] = ast.literal_eval(line.value)
        except (AttributeError, ValueError):
            raise BadInput(
                f"notebook {name}: the parameters cell may hold only lines such as `seed = 0`, "
                f"not {ast.unparse(line)!r}"
            ) from None
    return found


def machine_paths(text: str) -> list[str]:
    """Return the absolute paths in `text` that exist on one machine only; embedded media are not searched."""
    text = _EMBEDDED.sub("", text)
    own = [str(Path(sys.prefix)), str(Path.home())]
    return sorted({*_MACHINE_PATH.findall(text), *(path for path in own if len(path) > 5 and path in text)})


def cells_of(notebook) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return what a notebook and its source must agree in: each cell's type, text and tags."""
    return [
        (cell.cell_type, cell.source.rstrip(), tuple(cell.metadata.get("tags", [])))
        for cell in notebook.cells
    ]


def output_text(cell) -> str:
    """Return all text in a code cell's outputs, pictures left out."""
    parts: list[str] = []
    for output in cell.get("outputs", []):
        parts += [output.get("text", ""), *output.get("traceback", [])]
        parts += [
            str(value) for kind, value in output.get("data", {}).items() if not kind.startswith("image/")
        ]
    return "\n".join(parts)


def faults(notebook) -> list[str]:
    """Return why an executed notebook should not be published; empty if it may be."""
    found: list[str] = []
    if "widgets" in notebook.metadata:
        found.append("it stores the state of widgets")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code:
        found.append("it has no code cell")
    for number, cell in enumerate(code, 1):
        if cell.execution_count != number:
            found.append(f"code cell {number} has the execution count {cell.execution_count}")
        if any(output.output_type == "error" for output in cell.outputs):
            found.append(f"code cell {number} ended in an error")
        if any(kind.startswith(WIDGETS) for output in cell.outputs for kind in output.get("data", {})):
            found.append(f"code cell {number} shows a widget, which no reader outside a live notebook sees")
        for path in machine_paths(output_text(cell)):
            found.append(f"code cell {number} prints a path of this machine: {path}")
    return found


def publishable(notebook):
    """Return a copy of an executed notebook without what papermill and this machine added to it.

    Outputs and execution counts are kept.
    """
    import nbformat

    clean = nbformat.reads(nbformat.writes(notebook), as_version=4)
    clean.metadata = _metadata(dict(notebook.metadata.get("jupytext", {})))
    for cell in clean.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output["metadata"] = nbformat.from_dict({})
    return clean

"""One notebook executed by papermill: its progress shown, and a failing cell told in a few lines."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from a2f import notebooks as nb

_HEARTBEAT = 60.0  # seconds between signs of life in a log file


class Progress:
    """One line a notebook: its current cell and elapsed seconds, redrawn on a terminal, repeated in a log."""

    def __init__(self, name: str, cells: int, stream: TextIO) -> None:
        self.name, self.cells, self.stream = name, cells, stream
        self.cell = 0
        self.start = time.perf_counter()
        self._live = stream.isatty()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def _line(self) -> str:
        return f"{self.name:<16} cell {self.cell:>2} of {self.cells:<2} {self.seconds:7.0f} s"

    def _tick(self) -> None:
        while not self._done.wait(0.5 if self._live else _HEARTBEAT):
            self.stream.write(f"\r{self._line()}" if self._live else f"{self._line()} ...\n")
            self.stream.flush()

    def finish(self, verdict: str) -> None:
        self._done.set()
        self._thread.join()
        self.stream.write(f"{chr(13) if self._live else ''}{self._line()}  {verdict}\n")
        self.stream.flush()


def execute(
    path: Path, parameters: Mapping[str, Any], target: Path, stream: TextIO
) -> tuple[float, str | None]:
    """Execute one notebook in a kernel of its own, in the notebook's folder.

    Parameters
    ----------
    path : Path
        The notebook's .py source.
    parameters : mapping
        What to inject; nothing is injected if it is empty.
    target : Path
        Where the executed .ipynb goes; it is written after every cell.
    stream : text file
        Where progress is shown.

    Returns
    -------
    seconds : float
    failure : str or None
        None, or the text that tells which cell failed and how.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):
        """papermill's own engine, which also tells which cell it is at."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            started = nb_man.cell_start

            def cell_start(cell, cell_index=None, **rest):
                if cell.cell_type == "code":
                    progress.cell += 1
                return started(cell, cell_index, **rest)

            nb_man.cell_start = cell_start
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("a2f", Engine)
    notebook = nb.from_source(path)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    progress = Progress(path.stem, len(code) + bool(parameters), stream)
    with (
        kernel_folders(target.parents[1] / "caches") as folders,
        _environment(OMP_WAIT_POLICY="PASSIVE", A2F_NOTEBOOK=path.stem, **folders),
    ):
        try:
            papermill.execute_notebook(
                notebook,
                str(target).replace("{", "{{").replace("}", "}}"),
                parameters=dict(parameters),
                engine_name="a2f",
                kernel_name="python3",
                progress_bar=False,
                cwd=str(path.parent),
                extra_arguments=["--IPKernelApp.log_level=40"],
            )
        except papermill.PapermillExecutionError as error:
            progress.finish("FAILED")
            return progress.seconds, _failure(path, target, progress, error.source, error.ename, error.evalue)
        except (DeadKernelError, CellTimeoutError) as error:
            progress.finish("FAILED")
            at = progress.cell - 1 - bool(parameters)  # the injected cell comes first or second, never last
            why = "the kernel died while it ran this cell (out of memory, or a crash in a native library)"
            return progress.seconds, _failure(path, target, progress, code[at], type(error).__name__, why)
        except BaseException:
            progress.finish("STOPPED")
            raise
    progress.finish("done")
    return progress.seconds, None


def _failure(path: Path, target: Path, progress: Progress, source: str, name: str, message: str) -> str:
    lines = source.strip().splitlines()
    shown = [f"    {line}" for line in lines[:6]] + (["    ..."] if len(lines) > 6 else [])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message)
    return (
        f"\nnotebook {path.stem} failed in code cell {progress.cell} of {progress.cells}:\n"
        + "\n".join(shown)
        + f"\n{name}: {plain}\n"
        f"The notebooks after it were not run. The traceback is in {os.path.relpath(target)}; "
        "the same command goes on from here.\n"
    )


@contextmanager
def kernel_folders(caches: Path) -> Iterator[dict[str, str]]:
    """The environment that keeps Jupyter, IPython and matplotlib out of the home.

    A home need not be writable, and what a person set up there for other work must not change a figure.

    Parameters
    ----------
    caches : Path
        Where matplotlib keeps the list of fonts between notebooks.
    """
    with tempfile.TemporaryDirectory(prefix="a2f-kernel-") as folder:
        yield {
            "JUPYTER_RUNTIME_DIR": str(Path(folder) / "runtime"),
            "IPYTHONDIR": str(Path(folder) / "ipython"),
            "MPLCONFIGDIR": str(caches.absolute() / "matplotlib"),
        }


@contextmanager
def _environment(**values: str):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

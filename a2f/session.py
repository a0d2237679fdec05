"""A notebook's session: checked parameters, folders, and the one way figures and results are written."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import shutil
import time
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from a2f.config import Config, on_dataset
from a2f.config import preset as named_preset
from a2f.errors import BadInput, MissingData
from a2f.files import atomic_path, read_json, sha256, write_json
from a2f.origin import commit, versions
from a2f.parameters import MARK, check_parameters
from a2f.readme import check_claims

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Session:
    """What a notebook works with; made by `Session.from_parameters(globals(), notebook="05_table1")`.

    Attributes
    ----------
    notebook : str
        Stem of the notebook's file name.
    preset_name, dataset_name : str
    preset : the preset's settings, from `a2f.config.preset`
    data_root : Path or None
    seed : int
    parameters : dict
        All parameters as given, the notebook's own `extra` ones included.
    out : Path
        `<out_dir>/<preset>-<dataset>`; `runs`, `figures` and `results` are folders in it.
    """

    def __init__(self, parameters: Mapping[str, Any], notebook: str) -> None:
        self._start = time.perf_counter()
        self.parameters = dict(parameters)
        self.notebook = notebook
        self.preset_name: str = parameters["preset"]
        self.dataset_name: str = parameters["dataset"]
        self.data_root = None if parameters["data_root"] is None else Path(parameters["data_root"])
        self.seed: int = parameters["seed"]
        if self.data_root is not None and not self.data_root.is_dir():
            raise MissingData(f"parameter 'data_root' is {str(self.data_root)!r}, which is not a folder")
        self.preset = _preset(self.preset_name, self.dataset_name, self.data_root)
        self.out = Path(parameters["out_dir"]).absolute() / f"{self.preset_name}-{self.dataset_name}"
        self.runs, self.figures, self.results = (self.out / name for name in ("runs", "figures", "results"))
        for folder in (self.runs, self.figures, self.results):
            folder.mkdir(parents=True, exist_ok=True)
        self._record: dict[str, dict[str, str]] = {"reads": {}, "writes": {}}

    @classmethod
    def from_parameters(
        cls, namespace: dict[str, Any], notebook: str | None = None, extra: Collection[str] = ()
    ) -> Session:
        """Check the notebook's parameters and open its session; call it right after the parameters cell.

        Parameters
        ----------
        namespace : dict
            `globals()`.
        notebook : str, optional
            Stem of the notebook's file name, such as "05_table1". `a2f reproduce` and JupyterLab make it
            known by themselves; elsewhere it must be given.
        extra : collection of str
            Further parameters of this notebook; they are found in `parameters`.

        Raises
        ------
        BadInput
            If a parameter is mistyped, missing or wrong, or the notebook's name is unknown or contradicted.
        """
        running = os.environ.get("A2F_NOTEBOOK") or Path(os.environ.get("JPY_SESSION_NAME", "")).stem or None
        if notebook is None and running is None:
            raise BadInput('the notebook\'s name is not known here: give it, such as notebook="05_table1"')
        if notebook is not None and os.environ.get("A2F_NOTEBOOK", notebook) != notebook:
            raise BadInput(f"notebook={notebook!r} was given inside notebook {running!r}: correct the name")
        session = cls(check_parameters(namespace, extra), notebook or running)
        namespace[MARK] = True
        return session

    def __repr__(self) -> str:
        return (
            f"Session({self.notebook}: preset {self.preset_name}, data set {self.dataset_name}, "
            f"seed {self.seed})"
        )

    @cached_property
    def dataset(self):
        """The data set at the preset's frame rate and size, opened when first asked for."""
        from a2f.data import open_configured

        return open_configured(self.preset.data, self.data_root)

    def use_demo_corpus(self) -> None:
        """Work on the demo corpus whatever data set was given, and say so.

        For notebooks about what is shipped or stored: the model in the box, and studies that were run on that corpus.
        """
        if self.dataset_name != "demo":
            print(f"this notebook is about the demo corpus; data set {self.dataset_name} is not looked at")
            self.dataset_name, self.data_root, self.preset = "demo", None, named_preset(self.preset_name)
            self.__dict__.pop("dataset", None)

    @property
    def synthetic(self) -> bool:
        """True when the numbers come from generated motion: the demo corpus, or a folder whose owner calls it so."""
        return self.dataset_name == "demo" or self.dataset.synthetic

    @property
    def data_label(self) -> str:
        """What the data are called in captions and claims."""
        if self.dataset_name == "demo":
            return "synthetic demo corpus"
        known = {"vocaset": "VOCASET", "biwi": "BIWI", "multiface": "Multiface", "folder": "own recordings"}
        return ("synthetic " if self.synthetic else "") + known[self.dataset_name]

    @property
    def progress(self) -> bool:
        """True in a live JupyterLab; in batch, progress bars would only be noise in the stored notebook."""
        return "JPY_SESSION_NAME" in os.environ and "A2F_NOTEBOOK" not in os.environ

    def origin(self) -> dict[str, Any]:
        """Where and how something was made, for the json beside it."""
        return {
            "notebook": self.notebook,
            **commit(),
            "preset": self.preset_name,
            "dataset": self.dataset_name,
            "synthetic": self.synthetic,
            **self._data(),
            "seed": self.seed,
            "versions": versions(),
            "seconds": round(time.perf_counter() - self._start, 1),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }

    def _data(self) -> dict[str, Any]:
        """Return regions, split and sizes of real data; those of the shipped corpus never change."""
        if self.dataset_name == "demo":
            return {}
        from a2f.data import described

        return {"data": described(self.dataset)}

    def save_figure(self, figure: Any, name: str, numbers: Mapping[str, Any], caption: str) -> None:
        """Write `figures/<name>.png` and `figures/<name>.json`.

        Parameters
        ----------
        figure : matplotlib Figure, path of a .png, or uint8 array (H, W, 3 or 4)
        name : str
            Lower-case letters, digits, `-` and `_`.
        numbers : mapping
            What the picture shows, as numbers; nothing in it may be NaN or infinite.
        caption : str
            One or two sentences for the reader.

        Raises
        ------
        BadInput
        """
        _check_name(name)
        target = self.figures / f"{name}.png"
        with atomic_path(target) as temporary:
            if hasattr(figure, "savefig"):
                figure.savefig(temporary, dpi=150, format="png", metadata={"Software": None})
            elif isinstance(figure, (str, Path)):
                if Path(figure).suffix != ".png" or not Path(figure).is_file():
                    raise BadInput(f"{str(figure)!r} is not a .png file")
                shutil.copyfile(figure, temporary)
            elif getattr(figure, "dtype", None) == "uint8" and figure.ndim == 3 and figure.shape[2] in (3, 4):
                from PIL import Image

                Image.fromarray(figure).save(temporary, format="png")
            else:
                raise BadInput(
                    f"figure is a {type(figure).__name__}; expected a matplotlib figure, the path of "
                    "a .png or a uint8 array (H, W, 3 or 4)"
                )
        self._describe(target, f"{name}.json", name, numbers, caption)

    def save_file(
        self,
        source: str | Path | bytes,
        name: str,
        numbers: Mapping[str, Any] | None = None,
        caption: str = "",
    ) -> None:
        """Write `figures/<name>` (a film, a gif, ...; the suffix included) and `figures/<name>.json`."""
        stem, dot, suffix = name.partition(".")
        _check_name(stem)
        if not dot or not suffix.isalnum() or suffix in ("png", "json"):
            raise BadInput(
                f"name is {name!r}; expected a name with a suffix, such as 'quickstart.mp4' "
                "(for a .png there is save_figure)"
            )
        if not isinstance(source, bytes) and not Path(source).is_file():
            raise MissingData(f"{str(source)!r} is not a file")
        target = self.figures / name
        with atomic_path(target) as temporary:
            if isinstance(source, bytes):
                temporary.write_bytes(source)
            else:
                shutil.copyfile(source, temporary)
        self._describe(target, f"{name}.json", stem, numbers or {}, caption)

    def save_result(self, name: str, value: Any) -> None:
        """Write `results/<name>.json`; arrays, NumPy numbers and dataclasses become what JSON has.

        It holds `value` and nothing else (no date, no machine), so that two equal runs give two equal files.
        """
        _check_name(name)
        self._write(self.results / f"{name}.json", plain(value))

    def load_result(self, name: str) -> Any:
        """Read `results/<name>.json`, which this or an earlier notebook wrote."""
        _check_name(name)
        return self._read(self.results / f"{name}.json", "result", name)

    def load_numbers(self, name: str) -> dict[str, Any]:
        """Read the numbers beside a figure or file that this or an earlier notebook wrote."""
        _check_name(name.partition(".")[0])
        return self._read(self.figures / f"{name}.json", "figure", name)["numbers"]

    def save_report(self, claims: list[dict[str, str]]) -> None:
        """Write `figures/report.json`, from which the README's table is made (format: `a2f.readme`)."""
        check_claims(claims, synthetic=self.synthetic)
        self._write(
            self.figures / "report.json", {"name": "report", "claims": claims, "origin": self.origin()}
        )

    def _describe(
        self, media: Path, json_name: str, name: str, numbers: Mapping[str, Any], caption: str
    ) -> None:
        self._note("writes", media)
        self._write(
            self.figures / json_name,
            {
                "name": name,
                "file": media.name,
                "sha256": sha256(media),
                "caption": caption,
                "numbers": plain(numbers),
                "origin": self.origin(),
            },
        )

    def _write(self, path: Path, value: Any) -> None:
        write_json(path, value)
        self._note("writes", path)

    def _read(self, path: Path, kind: str, name: str) -> Any:
        if not path.is_file():
            raise MissingData(
                f"there is no {kind} {name!r} for preset {self.preset_name} on data set "
                f"{self.dataset_name} yet: run the notebook that writes it, or `make reproduce`"
            )
        if path.relative_to(self.out).as_posix() not in self._record["writes"]:
            self._note("reads", path)
        return read_json(path)

    def _note(self, kind: str, path: Path) -> None:
        """Keep what this notebook read and wrote: by it `a2f reproduce` knows when it need not run again."""
        self._record[kind][path.relative_to(self.out).as_posix()] = sha256(path)
        write_json(self.out / "records" / f"{self.notebook}.json", self._record)


def _preset(name: str, dataset: str, root: Path | None) -> Config:
    """Return a preset on a data set, at the highest frame rate that it offers and that is not above the preset's."""
    config = named_preset(name)
    if dataset == config.data.dataset and root is None:
        return config
    from a2f.data import usable_rate

    return on_dataset(config, dataset, usable_rate(dataset, root, config.data.fps))


def plain(value: Any) -> Any:
    """Turn NumPy values, paths, tuples and dataclasses into what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, torch tensors
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise BadInput(f"a {type(value).__name__} cannot be written as JSON: {value!r}")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"name is {name!r}; expected lower-case letters, digits, '-' and '_'")

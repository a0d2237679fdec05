"""A grid of runs, trained and measured side by side, each skipped when it is already there."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.config import Config, baseline
from a2f.data import Dataset, open_configured
from a2f.determinism import same_digits
from a2f.evaluation import BESIDE, METRICS, evaluate, means
from a2f.features import FeatureCache
from a2f.files import read_json, write_json
from a2f.fresh_processes import fresh_processes
from a2f.locality import locality
from a2f.methods import ExpressionPath, OneIdentity, TrainedModel, load_method
from a2f.models import Audio2Face, MeshTalk, load_audio_encoder
from a2f.protocols import HEADLINE
from a2f.runs import FINISHED, holds_finished_run
from a2f.training import train

RESULTS = "results.json"


@dataclass(frozen=True)
class Entry:
    """One run of a study.

    Parameters
    ----------
    method : str
        The row it belongs to; with the seed it names the run's folder.
    config : Config
    seed : int
    also : tuple of str
        What else to measure: further protocols, "last" for the last weights, "identities" for each by itself.
    """

    method: str
    config: Config
    seed: int
    also: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of the run's folder."""
        rotation = self.config.data.rotation
        return f"{self.method}-seed{self.seed}" + (f"-rotation{rotation}" if rotation else "")


def variants(config: Config) -> dict[str, Config]:
    """Return the trained rows of Table 1: three methods from the literature, two ablations (section 5.4), and ours.

    "without-composite" has neither style input nor modulation but keeps the template embedding; "without-regional" has
    beta = 0.
    """
    rows = {
        "voca": baseline(config, "voca"),
        "meshtalk": baseline(config, "meshtalk"),
        "faceformer": baseline(config, "faceformer"),
        "without-composite": config.replace(composite=False),
        "without-regional": config.replace(sparsity_weight=0.0),
        "ours": config,
    }
    return {name: row.replace(name=f"{config.name}:{name}") for name, row in rows.items()}


def run_study(
    entries: Sequence[Entry],
    folder: str | os.PathLike,
    *,
    root: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, list[dict]]:
    """Train and measure every entry, as many at a time as there are cores, one thread each.

    Parameters
    ----------
    entries : sequence of Entry
        All on one data set.
    folder : path-like
        Holds a folder a run, and the audio features they share.
    root : str, optional
        The data set's folder.
    workers : int, optional
    progress : bool

    Returns
    -------
    dict of str to list of dict
        For each method the results of its seeds, in their order: ``{"seed", "protocol", "test", "test_means",
        "seconds", "steps", "parameters", "also"}``, with ``"expression_test"`` of MeshTalk's other path and
        ``"locality"`` of a network with W.

    Raises
    ------
    BadInput
        If the folder holds a run of an entry's name with other settings; its results are never taken for the entry's.
    """
    from tqdm.auto import tqdm

    folder = Path(folder)
    waiting = [
        entry
        for entry in entries
        if not holds_finished_run(folder / entry.folder, entry.config, entry.seed)
        or not (folder / entry.folder / RESULTS).is_file()
        or not _holds_all(read_json(folder / entry.folder / RESULTS), entry)
    ]
    heard: dict[tuple, Config] = {}
    for entry in waiting:
        data, model = entry.config.data, entry.config.model
        key = (data.dataset, data.fps, model.audio_encoder, model.audio_final_norm, model.normalise_waveform)
        heard.setdefault(key, entry.config)
    for config in heard.values():
        _prepare(config, root, folder, progress)
    workers = workers or min(os.cpu_count() or 1, max(1, len(waiting)))
    with fresh_processes(workers, keep_memory=True) as pool:
        jobs = {pool.submit(_run, entry, str(folder), root): entry for entry in waiting}
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="runs", unit="run", disable=not progress or not jobs):
            job.result()
    results: dict[str, list[dict]] = {}
    for entry in entries:
        results.setdefault(entry.method, []).append(read_json(folder / entry.folder / RESULTS))
    return results


def _holds_all(result: dict, entry: Entry) -> bool:
    """Return whether stored results have every metric, and all that is asked for beside the headline."""
    return {*METRICS, *BESIDE} <= set(result["test_means"]) and set(entry.also) <= set(result.get("also", ()))


def _prepare(config: Config, root: str | None, folder: Path, progress: bool) -> None:
    """Compute the features all runs share before they start side by side."""
    dataset = open_configured(config.data, root)
    FeatureCache(load_audio_encoder(config.model), folder / "features").prepare(dataset.clips, progress)


@same_digits()
def _run(entry: Entry, folder: str, root: str | None) -> None:
    """Train one entry and write its results, in a process of its own."""
    config = entry.config
    dataset = open_configured(config.data, root)
    run = train(config, dataset, Path(folder) / entry.folder, seed=entry.seed, progress=False)
    method = load_method(run, dataset, Path(folder) / "features")
    finished, rows = read_json(run / FINISHED), evaluate(method, dataset, seed=0)
    result = {
        "seed": entry.seed,
        "protocol": HEADLINE,
        "test_means": means(rows),
        "steps": finished["steps"],
        "seconds": finished["seconds"],
        "parameters": finished["parameters"],
        "test": rows,
    }
    if config.method == "meshtalk":
        result["expression_test"] = evaluate(ExpressionPath(method), dataset, seed=0)
    if isinstance(method.model, Audio2Face):
        neutral = np.mean([clip.template for clip in dataset.split("train")], axis=0)
        found = locality(method.model.blendshapes(), neutral, dataset.topology.region("face"))
        result["locality"] = dataclasses.asdict(found)
    result["also"] = {name: _also(name, method, run, dataset, Path(folder) / "features") for name in entry.also}
    write_json(run / RESULTS, result)


def _also(name: str, method: TrainedModel, run: Path, dataset: Dataset, cache: Path) -> list[dict]:
    """Measure a trained method in another way than the headline."""
    if name == "last":
        return evaluate(load_method(run, dataset, cache, "last"), dataset, seed=0)
    if name == "identities":
        each = (evaluate(OneIdentity(method, i), dataset, seed=0) for i in range(len(method.model.subjects)))
        return [row | {"identity": i} for i, rows in enumerate(each) for row in rows]
    if isinstance(method.model, MeshTalk):  # protocols differ in the motion that a method is given to look at
        return evaluate(ExpressionPath(method), dataset, protocol=name, seed=0)
    return evaluate(method, dataset, protocol=name, seed=0)

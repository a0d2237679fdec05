"""Trains, measures and stores the model that a2f ships: `make demo-model`.

    python tools/build_model.py                    train, go on in noise, measure, write a2f/assets/model
    python tools/build_model.py --only harden      go on with the trained run in noise
    python tools/build_model.py --only measure     measure the trained runs again and write the model card anew

It needs tools/demo_voices/speech (shipped with the repository) and, for the test on a foreign family, the voice that
`tools/build_voices.py --piper` renders into build/demo-model/piper, which is never stored.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from demo_model import corpus, settings  # noqa: E402
from demo_model.hardening import harden, hardened  # noqa: E402
from demo_model.noisy import paired_bands  # noqa: E402
from demo_model.tracks import Utterance  # noqa: E402
from demo_voices.corpus import read_voices  # noqa: E402

from a2f.config import Config  # noqa: E402
from a2f.errors import MissingData  # noqa: E402
from a2f.files import read_json  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VOICES = ROOT / "tools" / "demo_voices"
MODEL = ROOT / "a2f" / "assets" / "model"


def utterances(folder: Path, split: str) -> list[Utterance]:
    """The sentences of the voices of a split, from a folder that build_voices.py wrote."""
    return [
        Utterance(v.id, v.voice, v.text, v.waveform, tuple(map(tuple, v.phones)))
        for v in read_voices(folder)
        if v.split == split
    ]


def training_sentences() -> tuple[list[Utterance], list[Utterance]]:
    """All sentences of training voices: those to train on, and every twelfth of a voice held out to validate on."""
    train, held, seen = [], [], {}
    for utterance in [*corpus.espeak_utterances(), *utterances(VOICES, "train")]:
        number = seen[utterance.voice] = seen.get(utterance.voice, -1) + 1
        (held if number % 12 == 11 else train).append(utterance)
    return train, held


def test_voices(work: Path) -> dict[str, list[Utterance]]:
    """The voices that stay out of training for good."""
    folder = work / "piper"
    if not (folder / "speech.json").is_file():
        raise MissingData(
            f"the foreign test voice is not in {folder}; render it with tools/build_voices.py --piper, in an "
            "environment with tools/requirements-voices.txt (`make demo-model` does both)"
        )
    found: dict[str, list[Utterance]] = {}
    spoken = [*utterances(folder, "test"), *utterances(VOICES, "test"), *corpus.espeak_utterances(("test",))]
    for utterance in spoken:
        found.setdefault(utterance.voice, []).append(utterance)
    return found


def run_folders(work: Path) -> dict[str, Path]:
    """Where the runs on the present corpus are: another corpus has others, so that no old run is taken for new."""
    folder = work / "runs" / corpus.digest([u for part in training_sentences() for u in part], settings.RECIPE)
    return {config.name: folder / config.name for config in (settings.MODEL, settings.REFERENCE)}


def _train(job: tuple[Config, Path, Path]) -> Path:
    """Train one model in a process of its own."""
    config, work, out = job
    from a2f.training import train

    dataset = corpus.build(*training_sentences(), settings.RECIPE, work / "tracks", 1)
    return train(
        config, dataset, out, seed=settings.SEED, cache=work / "features", progress=config.name == "demo-model"
    )


def train_all(work: Path, workers: int) -> dict[str, Path]:
    """Train the shipped model and, with the same decoder and budget, the one on log-mel features."""
    corpus.build(*training_sentences(), settings.RECIPE, work / "tracks", workers)
    runs = run_folders(work)
    jobs = [(config, work, runs[config.name]) for config in (settings.MODEL, settings.REFERENCE)]
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        pool.map(_train, jobs, 1)
    return runs


def harden_trained(work: Path, workers: int) -> None:
    """Go on with the trained model in noise."""
    sentences, _ = training_sentences()
    pairs = paired_bands(sentences, settings.PAIRS, settings.MODEL.model, work / "noise", workers)
    harden(run_folders(work)[settings.MODEL.name], pairs, settings.PAIRS.held_out, settings.HARDENING, workers)


def store(work: Path, runs: dict[str, Path]) -> bool:
    """Measure the model, write it with its card into the package, and say whether every demand holds."""
    from demo_model.battery import Battery
    from demo_model.sample import store_sample

    import a2f
    from a2f import readme

    began = time.perf_counter()
    voices = test_voices(work)
    sample = next(utterance for utterance in voices["flite-awb"] if utterance.text == settings.SAMPLE)
    run = hardened(runs[settings.MODEL.name])
    facts = settings.facts(*training_sentences(), voices, read_json(run / "finished.json"))
    a2f.load(run).save_pretrained(work / "stored", facts, half=True)
    stored = a2f.load(work / "stored")  # what is measured is what is shipped: weights rounded to half precision
    reference = Battery(a2f.load(runs[settings.REFERENCE.name]), voices)
    evaluation = {"about": settings.ABOUT, "rows": (rows := Battery(stored, voices).rows(reference))}
    stored.save_pretrained(MODEL, facts, evaluation=evaluation, half=True)
    store_sample(sample, MODEL.parent / "sample")
    readme.replace(ROOT / "README.md", "model", readme.render_model(evaluation))
    for row in rows:
        verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[row["holds"]]
        print(f"{row['quantity']:60s} {row['value']:8.3f} {row['demand'] or '':12s} {verdict:14s} {row['detail']}")
    size = sum(path.stat().st_size for path in MODEL.iterdir()) / 1e6
    print(f"a2f/assets/model: {size:.2f} MB; measured in {time.perf_counter() - began:.0f} s")
    return all(row["holds"] is not False for row in rows)


def main() -> int:
    """Run the steps asked for; 1 when a demand does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "demo-model", help="tracks, features and runs")
    parser.add_argument("--only", choices=("train", "harden", "measure"), help="one of the steps")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    if options.only in (None, "train"):
        train_all(options.work, options.workers)
    if options.only in (None, "harden"):
        harden_trained(options.work, options.workers)
    if options.only in ("train", "harden"):
        return 0
    holds = store(options.work, run_folders(options.work))
    import write_manifest

    return max(write_manifest.main(), 0 if holds else 1)


if __name__ == "__main__":
    sys.exit(main())

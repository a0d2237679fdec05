"""What each process does that tests/test_processes.py starts with torchrun: tiny trainings, and notes of its part."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from pathlib import Path

import torch
from conftest import _make_dataset

import a2f.training as training
from a2f.config import Config
from a2f.errors import TrainingDiverged
from a2f.processes import launched
from a2f.receipts import digest


class Stopped(Exception):
    pass


def main(folder: Path) -> None:
    rank, count = launched()
    step, notes = training._step, {}

    def noted(run, batch, config):
        note = notes.setdefault(config.name, {"rank": rank, "processes": count, "pid": os.getpid(), "items": []})
        note["items"].append(len(batch.template))
        if config.name == "stopped" and run.epoch == 2:
            raise Stopped
        if config.name == "one-fails" and rank == 1:
            raise ValueError("only this process fails")
        if config.name == "diverged" and rank == 1:
            batch = dataclasses.replace(batch, audio=batch.audio * math.nan)
        loss = step(run, batch, config)
        note["weights"] = digest(*(value.detach().cpu().numpy() for value in run.model.parameters()))
        return loss

    training._step = noted
    for case in json.loads((folder / "cases.json").read_text()):
        config, data = Config.from_dict(case), _make_dataset()
        try:
            out, device = folder / config.name, os.environ.get("A2F_TEST_DEVICE", "cpu")
            training.train(config, data, out, seed=1, cache=folder / "features", progress=False, device=device)
        except (TrainingDiverged, Stopped) as error:
            notes[config.name]["error"] = str(error)
        (folder / f"rank{rank}.json").write_text(json.dumps(notes))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))

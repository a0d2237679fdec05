"""Real data sets end to end, on small files of their format: Table 1 trains and measures, the paper's settings too."""

import sys
from pathlib import Path

import numpy as np
import pytest

from a2f.config import PAPER, RELEASE, SMOKE, on_dataset
from a2f.data import described, open_configured, usable_rate
from a2f.evaluation import METRICS, evaluate, means
from a2f.methods import floors
from a2f.study import Entry, run_study, variants

sys.path.insert(0, str(Path(__file__).parent))

VOCASET = [f"sentence{i:02d}" for i in (1, 21, 22, 23)]
BIWI = {"F1": ("e37", "e38"), "F2": ("e01", "e02", "e33", "e34"), "F3": ("e01", "e04", "e33", "e34")}


@pytest.fixture(scope="module", params=["vocaset", "biwi", "multiface", "folder"])
def data(request, tmp_path_factory):
    """The name of a data set and a folder that holds a small one."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "vocaset":
        from layouts.vocaset import write_masks, write_official

        write_official(root, sentences=VOCASET)
        write_masks(root)
    elif request.param == "biwi":
        from layouts import biwi

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(biwi, "NAMES", BIWI)
            biwi.write_raw(root)
    elif request.param == "multiface":
        from layouts import multiface

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(multiface, "SUBJECTS", ("m--20180105--0000--8870559--GHS", *multiface.SUBJECTS))
            multiface.write_raw(root)
    else:
        from a2f.data.folder_example import write_example

        write_example(root)
    return request.param, root


def table(config, root, out, seeds=(0,)):
    entries = [Entry(name, row, seed) for name, row in variants(config).items() for seed in seeds]
    results = run_study(entries, out, root=str(root), progress=False)
    dataset = open_configured(config.data, root)
    return results, {floor.name: means(evaluate(floor, dataset)) for floor in floors(dataset)}, dataset


def test_table_1_trains_and_measures_on_smoke(data, tmp_path):
    name, root = data
    config = on_dataset(SMOKE, name, usable_rate(name, root, SMOKE.data.fps))
    results, still, dataset = table(config.replace(batch_size=2, epochs=2, clips_per_subject=3), root, tmp_path)
    assert set(results) == set(variants(config)) and len(still) == 3
    for runs in results.values():
        assert runs[0]["steps"] >= 2
        assert all(np.isfinite(runs[0]["test_means"][metric]) for metric in METRICS)
        assert {row["clip"] for row in runs[0]["test"]} <= {clip.name for clip in dataset.split("test")}
    assert described(dataset)["region_source"] and all(described(dataset)["clips"].values())
    assert not dataset.synthetic or name == "folder"


@pytest.mark.parametrize("preset", [PAPER, RELEASE], ids=lambda preset: preset.name)
def test_the_papers_settings_run_with_a_small_hubert_of_the_large_make(data, preset, hubert_folder, tmp_path):
    """All widths are the paper's; only the encoder is small, and epochs are few: one frozen, one tuned."""
    name, root = data
    rates = {"vocaset": (30, 60), "biwi": (25, 25), "multiface": (30, 30), "folder": (30, 30)}
    config = on_dataset(preset, name, usable_rate(name, root, preset.data.fps)).replace(
        audio_encoder=str(hubert_folder), epochs=2, freeze_epochs=1, batch_size=2, validate_every=1,
        clips_per_subject=2, validation_clips=2, seeds=1,
    )  # fmt: skip
    assert config.data.fps == dict(zip(("paper", "release"), rates[name], strict=True))[preset.name]
    results = run_study([Entry("ours", config, 0)], tmp_path / "runs", root=str(root), progress=False)
    (run,) = results["ours"]
    vertices = open_configured(config.data, root).topology.num_vertices
    assert run["parameters"] > 256 * 3 * vertices  # W alone
    assert all(np.isfinite(run["test_means"][metric]) for metric in METRICS)

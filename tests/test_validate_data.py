"""`a2f validate-data` on small copies of the real data sets: exit 0 when usable, 1 with reasons when not."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from a2f import cli

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module", params=["vocaset", "biwi", "multiface"])
def whole(request, tmp_path_factory):
    """The name of a data set and a folder that holds it as one export has it, an array a recording."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "vocaset":
        from layouts.vocaset import write_export as write
    elif request.param == "biwi":
        from layouts.biwi import write_export as write
    else:
        from layouts.multiface import write_ready as write
    write(root)
    return request.param, root


def arrays(root):
    return sorted(path for path in root.rglob("*.npy") if path.parent.name != "regions" and path.stat().st_size > 1e6)


def run(name, root, tmp_path, capsys):
    code = cli.main(["validate-data", name, str(root), "--json", str(tmp_path / "found.json")])
    return code, json.loads((tmp_path / "found.json").read_text()), capsys.readouterr().out


def damaged(whole, tmp_path):
    name, root = whole
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    return name, copy, arrays(copy)[0]


def test_a_whole_copy_is_usable(whole, tmp_path, capsys):
    code, found, shown = run(*whole, tmp_path, capsys)
    assert code == 0 and found["usable"] and not found["findings"]["problem"], shown
    assert found["vertices"] in (5023, 23_370, 6172) and found["frames"] > 50
    assert found["regions"]["lips"] > 50 and found["region_source"] and "usable" in shown
    assert any("split" in note for note in found["findings"]["note"] + found["findings"]["gap"])


def test_a_number_that_is_none_makes_it_unusable_and_is_named(whole, tmp_path, capsys):
    name, root, path = damaged(whole, tmp_path)
    values = np.load(path)
    values[2].reshape(-1)[7] = np.nan
    np.save(path, values)
    code, found, shown = run(name, root, tmp_path, capsys)
    assert code == 1 and not found["usable"]
    (problem,) = found["findings"]["problem"]
    assert "1 of" in problem and "not finite" in problem and problem in shown


@pytest.mark.parametrize("damage", ["cut", "other vertices", "no sound"])
def test_a_damaged_recording_is_left_out_and_named(whole, damage, tmp_path, capsys):
    name, root, path = damaged(whole, tmp_path)
    before = run(name, root, tmp_path, capsys)[1]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    elif damage == "other vertices":
        np.save(path, np.load(path).reshape(len(np.load(path)), -1)[:, :-3])
    else:
        sound = next(root.rglob(f"{path.stem}.wav"))
        sound.write_bytes(b"")
    code, found, _ = run(name, root, tmp_path, capsys)
    assert code == 0 and sum(found["recordings"].values()) == sum(before["recordings"].values()) - 1
    new = set(found["findings"]["gap"]) - set(before["findings"]["gap"])
    assert any(path.stem in gap for gap in new), new

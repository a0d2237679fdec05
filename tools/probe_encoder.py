"""Measures how well a linear layer reads the spoken phone from the encoder, on voices it was not fitted to.

    python tools/probe_encoder.py

Needs only the shipped assets. The speech is synthetic, so the figures rank features; they say nothing of
human speech.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from a2f.files import read_json  # noqa: E402

ASSETS = Path(__file__).resolve().parent.parent / "a2f" / "assets"
NEIGHBOURS = 5  # mel frames either side, so that log-mel sees as much time as an encoder frame
EVERY = 3  # every third clip is enough


class Features:
    """Log-mel frames and the raw output of every encoder layer, unpadded."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import WhisperFeatureExtractor
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        self.encoder = WhisperEncoder.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        ).eval()
        self.extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)

    def __call__(self, waveform: np.ndarray) -> list[np.ndarray]:
        """Features of one clip.

        Parameters
        ----------
        waveform : ndarray, float32, shape (S,)
            At 16 kHz, up to 30 s.

        Returns
        -------
        list of ndarray, float32
            (S // 320, 880) log-mel windows, then (S // 320, 384) for each layer. Row k is centred on second
            k / 50.
        """
        import torch

        encoder = self.encoder
        with torch.no_grad():
            mel = self.extractor(
                waveform, sampling_rate=16000, padding=False, truncation=False, return_tensors="pt"
            ).input_features
            hidden = torch.nn.functional.gelu(encoder.conv1(mel))
            hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
            hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
            outputs = []
            for layer in encoder.layers:
                hidden = layer(hidden, None)
                outputs.append(hidden[0].numpy())
        padded = np.pad(mel[0].numpy(), ((0, 0), (NEIGHBOURS, NEIGHBOURS)), mode="edge")
        width = 2 * NEIGHBOURS + 1
        windows = [padded[:, 2 * row : 2 * row + width].ravel() for row in range(len(outputs[0]))]
        return [np.stack(windows), *outputs]


def probe(encoder: Path, demo: Path) -> dict[str, float]:
    """Phone accuracy of a linear classifier on frames: fitted to the train speakers, tested on all others.

    Parameters
    ----------
    encoder, demo : Path
        Folders of the two assets.

    Returns
    -------
    dict of str to float
        Share of speech frames (pauses left out, they are too easy) whose phone is right.
    """
    import soundfile
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    corpus = read_json(demo / "speech.json")
    split = {speaker["id"]: speaker["split"] for speaker in corpus["speakers"]}
    audio = {name: soundfile.read(demo / "speech" / f"{name}.ogg", dtype="float32")[0] for name in split}
    features = Features(encoder)
    rows: dict[bool, list[list[np.ndarray]]] = {True: [], False: []}
    labels: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for clip in corpus["clips"][::EVERY]:
        values = features(audio[clip["speaker"]][clip["start"] : clip["start"] + clip["samples"]])
        ends = np.array([phone[2] for phone in clip["phones"]])
        index = np.searchsorted(ends, np.arange(len(values[0])) / 50.0, side="right")
        phones = np.array([clip["phones"][i][0] for i in np.minimum(index, len(ends) - 1)])
        fitting = split[clip["speaker"]] == "train"
        rows[fitting].append([value[phones != "_"] for value in values])
        labels[fitting].append(phones[phones != "_"])
    y_fit, y_test = np.concatenate(labels[True]), np.concatenate(labels[False])
    names = [f"log-mel +-{NEIGHBOURS}"] + [f"layer {i + 1}" for i in range(len(rows[True][0]) - 1)]
    accuracy = {}
    for number, name in enumerate(names):
        scaler = StandardScaler()
        x_fit = scaler.fit_transform(np.concatenate([row[number] for row in rows[True]]))
        x_test = scaler.transform(np.concatenate([row[number] for row in rows[False]]))
        model = LogisticRegression(C=0.01, tol=0.01, max_iter=500).fit(x_fit, y_fit)
        accuracy[name] = float(model.score(x_test, y_test))
    return accuracy


if __name__ == "__main__":
    for name, value in probe(ASSETS / "encoder", ASSETS / "demo").items():
        print(f"{name:12s} frame phone accuracy on synthetic voices not fitted: {value:.3f}")

"""Encoders that need nothing beyond the package: the bundled Whisper layers, and the log-mel bands they start from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from a2f.audio import SAMPLE_RATE
from a2f.models.encoder_base import BUNDLED, AudioEncoder, unit_level, without_progress_bar

LOG_MEL = "log-mel"


class _FromMel(AudioEncoder):
    """Whisper's log-mel spectrogram of waveforms at one level, which both encoders of this module begin with.

    Parameters
    ----------
    folder : Path
        Holds the extractor's ``preprocessor_config.json``.
    normalise_waveform : bool
        Bring every clip to one level: the spectrogram depends on it.
    """

    max_seconds = 30.0
    level = 0.05  # root mean square that clips are brought to, about that of speech recorded with headroom

    def __init__(self, folder: Path, normalise_waveform: bool) -> None:
        super().__init__()
        from transformers import WhisperFeatureExtractor

        self.extractor = WhisperFeatureExtractor.from_pretrained(folder)
        self.normalise_waveform = normalise_waveform

    def mel(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz, at most 30 s, to (B, 80, S // 160) without padding to 30 s."""
        if self.normalise_waveform:
            waveform = self.level * unit_level(waveform)
        arrays = [np.asarray(w, dtype=np.float32) for w in waveform.detach().cpu().numpy()]
        found = self.extractor(arrays, sampling_rate=SAMPLE_RATE, padding=False, truncation=False, return_tensors="pt")
        return found.input_features.to(waveform.device)


class LogMelFeatures(_FromMel):
    """80 log-mel bands, two frames of 10 ms side by side: the reference that a trained encoder has to beat.

    Scaled as Whisper's extractor does it: log10, cut 8 below the clip's peak, (x + 4) / 4. There are no weights.
    """

    feature_dim = 160
    first_centre = 0.005  # frames are centred on 0 and 10 ms

    def __init__(self, folder: Path, normalise_waveform: bool) -> None:
        super().__init__(folder, normalise_waveform)
        self.identity = f"{LOG_MEL}:80x2:level={normalise_waveform}"

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz, at most 30 s, to (B, S // 320, 160)."""
        bands = self.mel(waveform).transpose(1, 2)
        pairs = bands.shape[1] // 2
        return bands[:, : 2 * pairs].reshape(len(bands), pairs, self.feature_dim)


class WhisperFeatures(_FromMel):
    """The bundled substitute for HuBERT: the first two layers of Whisper tiny.en, before any closing norm.

    It stands in where no model hub can be reached and is named in every result. Its features depend on the sound level,
    so with `normalise_waveform` every clip is brought to one level.
    """

    def __init__(self, folder: Path, normalise_waveform: bool) -> None:
        super().__init__(folder, normalise_waveform)
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        with without_progress_bar():
            self.network = WhisperEncoder.from_pretrained(folder, dtype=torch.float32)
        self.feature_dim = self.network.config.d_model
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]
        self.identity = f"{BUNDLED}:{digest}:level={normalise_waveform}"

    def prepare(self, waveform: Tensor) -> Tensor:
        """Return the bands (B, 80, S // 160) that the network starts from."""
        return self.mel(waveform)

    def compute(self, prepared: Tensor) -> Tensor:
        """Map what `prepare` returned to features (B, T_a, 384)."""
        x = F.gelu(self.network.conv1(prepared))
        x = F.gelu(self.network.conv2(x)).transpose(1, 2)
        x = x + self.network.embed_positions.weight[: x.shape[1]]
        for layer in self.network.layers:
            x = layer(x, None)
        return x

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz, at most 30 s, to (B, T_a, 384) without padding to 30 s."""
        return self.compute(self.prepare(waveform))

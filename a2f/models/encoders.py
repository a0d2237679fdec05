"""Pretrained audio encoders by name (section 4.4)."""

from __future__ import annotations

from pathlib import Path

import torch

from a2f.config import ModelConfig
from a2f.models.ctc import CTC_PHONES, CtcFeatures
from a2f.models.encoder_base import BUNDLED, AudioEncoder, resample_features
from a2f.models.hubert import HubertFeatures
from a2f.models.whisper import LOG_MEL, LogMelFeatures, WhisperFeatures

ASSETS = Path(__file__).resolve().parent.parent / "assets"
HUB_NAMES = {"hubert-large": "facebook/hubert-large-ll60k", "wav2vec2-base": "facebook/wav2vec2-base-960h"}

__all__ = ["AudioEncoder", "load_audio_encoder", "resample_features"]


def load_audio_encoder(config: ModelConfig) -> AudioEncoder:
    """Return the audio encoder that a model configuration names, frozen and in evaluation mode.

    Parameters
    ----------
    config : ModelConfig
        ``audio_encoder`` is ``"whisper-tiny-2"`` (bundled), ``"log-mel"`` (a plain spectrogram), ``"ctc-phones"`` (log
        posteriors of a small phone recogniser), ``"hubert-large"``, ``"wav2vec2-base"``, a hub name already in the
        local cache, or a folder with a HuBERT or wav2vec 2.0 in transformers' format.

    Raises
    ------
    MissingData
        If its weights are not on this machine; nothing is downloaded here.
    BadInput
        If a HuBERT's or wav2vec 2.0's weights are not whole, or the model is neither, or shipped weights are damaged.
    """
    name = config.audio_encoder
    with torch.random.fork_rng(devices=[]):  # transformers draws initial weights before it loads the stored ones
        if name == BUNDLED:
            encoder: AudioEncoder = WhisperFeatures(ASSETS / "encoder", config.normalise_waveform)
        elif name == LOG_MEL:
            encoder = LogMelFeatures(ASSETS / "encoder", config.normalise_waveform)
        elif name == CTC_PHONES:
            encoder = CtcFeatures(ASSETS / "encoder", config.normalise_waveform)
        else:
            source = HUB_NAMES.get(name, name)
            encoder = HubertFeatures(source, config.audio_final_norm, config.normalise_waveform)
    encoder.freeze()
    return encoder

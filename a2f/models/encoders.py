"""Pretrained audio encoders by name (section 4.4)."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from a2f.config import ModelConfig
from a2f.models.ctc import CTC_PHONES, CtcFeatures
from a2f.models.encoder_base import BUNDLED, AudioEncoder, resample_features
from a2f.models.hubert import HubertFeatures
from a2f.models.whisper import LOG_MEL, LogMelFeatures, WhisperFeatures

ASSETS = Path(__file__).resolve().parent.parent / "assets"
HUB_NAMES = {"hubert-large": "facebook/hubert-large-ll60k", "wav2vec2-base": "facebook/wav2vec2-base-960h"}
MODELS = "A2F_MODELS"  # an environment variable

__all__ = ["AudioEncoder", "load_audio_encoder", "resample_features"]


def load_audio_encoder(config: ModelConfig) -> AudioEncoder:
    """Return the audio encoder that a model configuration names, frozen and in evaluation mode.

    Parameters
    ----------
    config : ModelConfig
        ``audio_encoder`` is ``"whisper-tiny-2"`` (bundled), ``"log-mel"`` (a plain spectrogram), ``"ctc-phones"`` (log
        posteriors of a small phone recogniser), ``"hubert-large"``, ``"wav2vec2-base"``, a hub name already in the
        local cache, or a folder with a HuBERT or wav2vec 2.0 in transformers' format. The two by name may also lie in
        a folder of that name in the one that the environment's ``A2F_MODELS`` names.

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
            encoder = HubertFeatures(_source(name), config.audio_final_norm, config.normalise_waveform)
    encoder.freeze()
    return encoder


def _source(name: str) -> str | Path:
    """Return where a HuBERT or wav2vec 2.0 lies: below ``A2F_MODELS``, else a hub's name or a folder."""
    models = os.environ.get(MODELS)
    if models and name in HUB_NAMES and (Path(models) / name).is_dir():
        return Path(models) / name
    return HUB_NAMES.get(name, name)

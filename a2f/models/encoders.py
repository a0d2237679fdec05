"""Pretrained audio encoders behind one interface: waveform in, features at the encoder's own rate out (section 4.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from a2f.audio import SAMPLE_RATE
from a2f.config import ModelConfig
from a2f.errors import BadInput, MissingData

ASSETS = Path(__file__).resolve().parent.parent / "assets"
HUB_NAMES = {"hubert-large": "facebook/hubert-large-ll60k"}
BUNDLED = "whisper-tiny-2"


class AudioEncoder(nn.Module):
    """What the model needs to know of an audio encoder.

    Attributes
    ----------
    identity : str
        Names weights and settings; two encoders with one identity give the same features.
    feature_dim : int
        C_audio.
    feature_rate : float
        Features a second.
    first_centre : float
        The time in seconds that the first feature is centred on.
    max_seconds : float
        The longest waveform that one call takes.
    """

    identity: str
    feature_dim: int
    feature_rate: float = 50.0
    first_centre: float = 0.0
    max_seconds: float = 60.0

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz to features (B, T_a, C_audio)."""
        raise TypeError(f"{type(self).__name__} has to define forward")

    def freeze(self, frozen: bool = True) -> None:
        """Let no gradient, or every gradient, into the pretrained weights.

        Either way the encoder stays in evaluation mode: the released code fine-tunes without dropout, and transformers
        would drop layers and mask spans of time at random, from a generator that no seed of a run decides.
        """
        for parameter in self.parameters():
            parameter.requires_grad_(not frozen)
        self.eval()


@contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Keep transformers' bar over a fraction of a second out of notebooks, without touching its setting elsewhere."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def unit_level(waveform: Tensor) -> Tensor:
    """Bring each waveform (B, S) to zero mean and unit root mean square; silence stays silence."""
    waveform = waveform - waveform.mean(-1, keepdim=True)
    return waveform / waveform.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-4)


class WhisperFeatures(AudioEncoder):
    """The bundled substitute for HuBERT: the first two layers of Whisper tiny.en, before any closing norm.

    It stands in where no model hub can be reached and is named in every result. Its features depend on the sound level,
    so with `normalise_waveform` every clip is brought to one level.
    """

    max_seconds = 30.0
    level = 0.05  # root mean square that clips are brought to, about that of speech recorded with headroom

    def __init__(self, folder: Path, normalise_waveform: bool) -> None:
        super().__init__()
        from transformers import WhisperFeatureExtractor
        from transformers.models.whisper.modeling_whisper import WhisperEncoder

        self.extractor = WhisperFeatureExtractor.from_pretrained(folder)
        with _without_progress_bar():
            self.network = WhisperEncoder.from_pretrained(folder, dtype=torch.float32)
        self.normalise_waveform = normalise_waveform
        self.feature_dim = self.network.config.d_model
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]
        self.identity = f"{BUNDLED}:{digest}:level={normalise_waveform}"

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz, at most 30 s, to (B, T_a, 384) without padding to 30 s."""
        if self.normalise_waveform:
            waveform = self.level * unit_level(waveform)
        arrays = [np.asarray(w, dtype=np.float32) for w in waveform.detach().cpu().numpy()]
        mel = self.extractor(arrays, sampling_rate=SAMPLE_RATE, padding=False, truncation=False, return_tensors="pt")
        x = F.gelu(self.network.conv1(mel.input_features.to(waveform.device)))
        x = F.gelu(self.network.conv2(x)).transpose(1, 2)
        x = x + self.network.embed_positions.weight[: x.shape[1]]
        for layer in self.network.layers:
            x = layer(x, None)
        return x


def _local_folder(source: str | Path) -> Path:
    """Return the folder of a model, as given or of a hub name in the local cache.

    Looked up here, since transformers asks the hub who it is talking for even where it may use local files only.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(source).is_dir():
        return Path(source)
    try:
        found = try_to_load_from_cache(str(source), "config.json")
    except HFValidationError as error:
        raise FileNotFoundError(str(error)) from None
    if not isinstance(found, str):
        raise FileNotFoundError(f"no config.json of {source} is there")
    return Path(found).parent


class HubertFeatures(AudioEncoder):
    """HuBERT through transformers, the paper's encoder.

    Parameters
    ----------
    source : str or Path
        A local folder in transformers' format, or a hub name whose files are already in the local cache.
    final_norm : bool
        Features after the closing layer norm ("final layer", the text) or the last layer's raw output (released code).
    normalise_waveform : bool
    """

    first_centre = 200 / SAMPLE_RATE  # the first feature sees samples 0..399

    def __init__(self, source: str | Path, final_norm: bool, normalise_waveform: bool) -> None:
        super().__init__()
        from transformers import HubertModel

        try:
            with _without_progress_bar():
                folder = _local_folder(source)
                self.network = HubertModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        except OSError as error:
            raise MissingData(
                f"audio encoder {source!s} is neither a local folder nor in the local model cache "
                f"({str(error).splitlines()[0]}). "
                f"Fetch it once where there is a network, `hf download {source}`, or give the folder that holds its "
                "config.json and weights as audio_encoder; the bundled encoder is called "
                f"{BUNDLED!r}"
            ) from None
        self.final_norm, self.normalise_waveform = final_norm, normalise_waveform
        self.feature_dim = self.network.config.hidden_size
        # of the weights themselves: a folder or a hub name may hold others tomorrow
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        self.identity = f"hubert:{digest.hexdigest()[:16]}:final_norm={final_norm}:level={normalise_waveform}"
        self._last_layer: Tensor | None = None
        self.network.encoder.layers[-1].register_forward_hook(self._keep_last_layer)

    def _keep_last_layer(self, module: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        self._last_layer = output[0] if isinstance(output, tuple) else output

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz to (B, T_a, hidden size)."""
        if self.normalise_waveform:
            waveform = unit_level(waveform)
        output = self.network(waveform).last_hidden_state
        features, self._last_layer = (output if self.final_norm else self._last_layer), None
        return features

    def freeze(self, frozen: bool = True) -> None:
        """Freeze or unfreeze; transformers' front end would otherwise ask for a gradient of its own accord."""
        super().freeze(frozen)
        self.network.feature_extractor._requires_grad = not frozen


def load_audio_encoder(config: ModelConfig) -> AudioEncoder:
    """Return the audio encoder that a model configuration names, frozen and in evaluation mode.

    Parameters
    ----------
    config : ModelConfig
        ``audio_encoder`` is ``"whisper-tiny-2"`` (bundled), ``"hubert-large"``, a hub name already in the local cache,
        or a folder with a HuBERT in transformers' format.

    Raises
    ------
    MissingData
        If its weights are not on this machine; nothing is downloaded here.
    """
    name = config.audio_encoder
    with torch.random.fork_rng(devices=[]):  # transformers draws initial weights before it loads the stored ones
        if name == BUNDLED:
            encoder: AudioEncoder = WhisperFeatures(ASSETS / "encoder", config.normalise_waveform)
        else:
            source = HUB_NAMES.get(name, name)
            encoder = HubertFeatures(source, config.audio_final_norm, config.normalise_waveform)
    encoder.freeze()
    return encoder


def resample_features(features: Tensor, num_frames: int, fps: float, rate: float, first_centre: float = 0.0) -> Tensor:
    """Resample features to the times of mesh frames by linear interpolation.

    Parameters
    ----------
    features : Tensor, (B, T_a, C)
        Feature j is centred on ``first_centre + j / rate`` seconds.
    num_frames : int
        T; frame i is at i / fps seconds. Frames beyond the last feature repeat it.
    fps, rate : float
    first_centre : float

    Returns
    -------
    Tensor, (B, T, C)
    """
    if features.shape[1] < 1:
        raise BadInput("the audio is too short for a single feature of the audio encoder")
    position = (torch.arange(num_frames, dtype=torch.float64) / fps - first_centre) * rate
    position = position.clamp(0, features.shape[1] - 1)
    below = position.floor().long().clamp(max=max(features.shape[1] - 2, 0))
    share = (position - below).to(features.dtype).to(features.device).view(1, -1, 1)
    above = (below + 1).clamp(max=features.shape[1] - 1)
    return torch.lerp(features[:, below], features[:, above], share)

"""A small phone recogniser trained by CTC: its log posteriors as audio features, the kind that DeepSpeech gives."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from a2f.errors import BadInput, MissingData
from a2f.files import read_json, sha256
from a2f.models.encoder_base import AudioEncoder
from a2f.models.whisper import LogMelFeatures

CTC_PHONES = "ctc-phones"
BLANK = "<blank>"  # the first of all symbols: no phone begins or goes on here


class PhoneNetwork(nn.Module):
    """Convolutions over log-mel bands; an output frame sees 8 frames, 0.16 s, on either side.

    Parameters
    ----------
    symbols : int
        C, the number of outputs, the blank among them.
    """

    bands, width, layers, kernel = LogMelFeatures.feature_dim, 160, 4, 5

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(self.bands, affine=False)  # each band at zero mean, unit deviation
        self.convolutions = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(self.width if index else self.bands, self.width, self.kernel, padding="same", bias=False),
                nn.BatchNorm1d(self.width),
                nn.ReLU(),
                nn.Dropout(0.2),
            )
            for index in range(self.layers)
        )
        self.readout = nn.Conv1d(self.width, symbols, 1)

    def forward(self, bands: Tensor) -> Tensor:
        """Map log-mel features (B, T, 160) to logits (B, T, C)."""
        first, *others = self.convolutions
        x = first(self.scale(bands.transpose(1, 2)))
        for convolution in others:
            x = x + convolution(x)
        return self.readout(x).transpose(1, 2)


class CtcFeatures(AudioEncoder):
    """Log posteriors of phones and the blank: what a recogniser knows of the sound, and nothing of the speaker.

    It takes the place of DeepSpeech, which has letters for symbols. It was trained by ``tools/build_ctc.py`` on the
    training speakers of the demo corpus, hence on synthetic speech alone.

    Parameters
    ----------
    folder : Path
        Holds ``ctc.safetensors``, ``ctc.json`` and the log-mel extractor's ``preprocessor_config.json``.
    normalise_waveform : bool

    Raises
    ------
    MissingData
        If one of the files is not there.
    BadInput
        If the weights are not those that ``ctc.json`` describes.
    """

    first_centre, max_seconds = LogMelFeatures.first_centre, LogMelFeatures.max_seconds

    def __init__(self, folder: Path, normalise_waveform: bool) -> None:
        super().__init__()
        self.bands = LogMelFeatures(folder, normalise_waveform)
        self.symbols, self.network, digest = read_network(folder)
        self.feature_dim = len(self.symbols)
        self.identity = f"{CTC_PHONES}:{digest[:16]}:level={normalise_waveform}"

    def prepare(self, waveform: Tensor) -> Tensor:
        """Return the log-mel bands (B, S // 320, 160) that the network starts from."""
        return self.bands(waveform)

    def compute(self, prepared: Tensor) -> Tensor:
        """Map what `prepare` returned to log posteriors (B, S // 320, C)."""
        return self.network(prepared).log_softmax(-1)

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz, at most 30 s, to (B, S // 320, C) of logarithms to base e."""
        return self.compute(self.prepare(waveform))


def read_network(folder: Path) -> tuple[tuple[str, ...], PhoneNetwork, str]:
    """Return the symbols, the trained network in single precision, and the SHA-256 of its weights."""
    from safetensors.torch import load_file

    described, path = read_json(folder / "ctc.json"), folder / "ctc.safetensors"
    if not path.is_file():
        raise MissingData(f"{path} is not there; install a2f again, or train it with tools/build_ctc.py")
    digest = sha256(path)
    if digest != described["sha256"]:
        raise BadInput(
            f"{path} is damaged: its sha256 begins {digest[:12]}, ctc.json says {described['sha256'][:12]}; "
            "install a2f again, or train it with tools/build_ctc.py"
        )
    symbols = tuple(described["symbols"])
    network = PhoneNetwork(len(symbols))
    network.load_state_dict(load_file(path))  # half precision on disk, single from here on
    return symbols, network, digest

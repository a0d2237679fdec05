"""An audio encoder whose network OpenVINO runs, in single precision or in int8: the same sound in, features out."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from a2f.errors import BadInput
from a2f.models.encoder_base import AudioEncoder
from a2f.models.openvino_model import (
    cache_folder,
    calibration_digest,
    calibration_pieces,
    compiled,
    stored_network,
)
from a2f.models.openvino_package import package_version


class OpenVinoEncoder(AudioEncoder):
    """A frozen audio encoder, run by OpenVINO instead of torch.

    Rate, times and lengths are those of the encoder it is made from, and so are the features, to single precision or,
    with `calibration`, roughly: int8 is faster on processors with VNNI and by how much it deviates depends on encoder
    and sound (`a2f.runtimes` measures it). What goes before the network, the level of the sound or its spectrogram, is
    done by torch as before. The encoder that it is made from stays as it is and may be let go of.

    Parameters
    ----------
    encoder : AudioEncoder
        With a network: the bundled Whisper, the phone recogniser, HuBERT or wav2vec 2.0.
    calibration : ndarray, (S,) float32 at 16 kHz, optional
        Speech that int8's ranges are taken from. By default the network stays in single precision.
    threads : int
        That one call uses.
    folder : Path, optional
        Where converted networks are kept; `openvino_model.cache_folder` by default.

    Raises
    ------
    MissingData
        If OpenVINO, or for int8 NNCF, is not installed.
    BadInput
        If the encoder has no network, or the calibrating sound is of no use.
    """

    def __init__(
        self,
        encoder: AudioEncoder,
        calibration: np.ndarray | None = None,
        *,
        threads: int = 1,
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        if getattr(encoder, "network", None) is None:
            raise BadInput(
                f"the audio encoder {encoder.identity} has no network in torch that OpenVINO could run; load it with "
                "the runtime torch, and one with a network (the bundled one, HuBERT, wav2vec 2.0) for another"
            )
        if threads < 1:
            raise BadInput(f"threads is {threads}, expected at least 1")
        version = package_version("openvino")
        pieces = None if calibration is None else calibration_pieces(calibration)
        was_training = encoder.training
        encoder.eval()
        try:
            path = stored_network(encoder, pieces, folder or cache_folder())
        finally:
            encoder.train(was_training)
        self._run = compiled(path, threads)
        self.front = _without_network(encoder)
        precision = "float32" if pieces is None else f"int8:{calibration_digest(pieces)}"
        self.identity = f"{encoder.identity}:openvino-{version}:{precision}"
        self.feature_dim, self.feature_rate = encoder.feature_dim, encoder.feature_rate
        self.first_centre, self.max_seconds = encoder.first_centre, encoder.max_seconds

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz to features (B, T_a, C_audio); no gradient goes back."""
        with torch.no_grad():
            prepared = self.front.prepare(waveform)
        return torch.from_numpy(self._run([prepared.numpy()])[0])

    def freeze(self, frozen: bool = True) -> None:
        """Stay frozen.

        Raises
        ------
        BadInput
            If it is to be trained.
        """
        if not frozen:
            raise BadInput("an audio encoder that OpenVINO runs cannot be trained; load it with the runtime torch")
        super().freeze()


def _without_network(encoder: AudioEncoder) -> AudioEncoder:
    """Return the encoder with what goes before its network only, so that torch's weights need not be kept."""
    front = copy.copy(encoder)
    front._modules = {name: part for name, part in encoder._modules.items() if name != "network"}  # not the original's
    return front.eval()

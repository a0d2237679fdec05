"""An audio encoder whose network another runtime than torch runs: the same sound in, features out."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from a2f.errors import BadInput
from a2f.models.encoder_base import AudioEncoder
from a2f.models.kept_network import Run


class RuntimeEncoder(AudioEncoder):
    """A frozen audio encoder, run by another runtime instead of torch.

    Rate, times and lengths are those of the encoder it is made from, and so are the features: to single precision, or
    roughly in int8, whose deviation depends on encoder and sound (`a2f.runtimes` measures it). What goes before the
    network, the level of the sound or its spectrogram, is done by torch as before. The encoder that it is made from
    stays as it is and may be let go of.

    Parameters
    ----------
    encoder : AudioEncoder
        With a network: the bundled Whisper, the phone recogniser, HuBERT or wav2vec 2.0.
    threads : int
        That one call uses.
    make : callable
        Returns the network, ready to run, and what is added to the encoder's identity.

    Attributes
    ----------
    runtime : str
        As sentences name it.
    """

    runtime = "another runtime"

    def __init__(self, encoder: AudioEncoder, threads: int, make: Callable[[], tuple[Run, str]]) -> None:
        super().__init__()
        if getattr(encoder, "network", None) is None:
            raise BadInput(
                f"the audio encoder {encoder.identity} has no network in torch that {self.runtime} could run; load it "
                "with the runtime torch, and one with a network (the bundled one, HuBERT, wav2vec 2.0) for another"
            )
        if threads < 1:
            raise BadInput(f"threads is {threads}, expected at least 1")
        was_training = encoder.training
        encoder.eval()
        try:
            self._run, added = make()
        finally:
            encoder.train(was_training)
        self.front = _without_network(encoder)
        self.identity = f"{encoder.identity}:{added}"
        self.feature_dim, self.feature_rate = encoder.feature_dim, encoder.feature_rate
        self.first_centre, self.max_seconds = encoder.first_centre, encoder.max_seconds

    def forward(self, waveform: Tensor) -> Tensor:
        """Map waveforms (B, S) at 16 kHz to features (B, T_a, C_audio); no gradient goes back."""
        with torch.no_grad():
            prepared = self.front.prepare(waveform)
        return torch.from_numpy(self._run(prepared.numpy()))

    def freeze(self, frozen: bool = True) -> None:
        """Stay frozen.

        Raises
        ------
        BadInput
            If it is to be trained.
        """
        if not frozen:
            raise BadInput(
                f"an audio encoder that {self.runtime} runs cannot be trained; load it with the runtime torch"
            )
        super().freeze()


def _without_network(encoder: AudioEncoder) -> AudioEncoder:
    """Return the encoder with what goes before its network only, so that torch's weights need not be kept."""
    front = copy.copy(encoder)
    front._modules = {name: part for name, part in encoder._modules.items() if name != "network"}  # not the original's
    return front.eval()

"""An audio encoder whose network ONNX Runtime runs, in single precision or with matrices in int8."""

from __future__ import annotations

from pathlib import Path

from a2f.models.encoder_base import AudioEncoder
from a2f.models.kept_network import Run, cache_folder
from a2f.models.onnx_model import compiled, stored_network
from a2f.models.runtime_encoder import RuntimeEncoder
from a2f.models.runtime_package import package_version


class OnnxEncoder(RuntimeEncoder):
    """A frozen audio encoder, run by ONNX Runtime instead of torch; its int8 is the quicker without VNNI.

    Parameters
    ----------
    encoder : AudioEncoder
        With a network, see `RuntimeEncoder`.
    int8 : bool
        Quantise its matrices; nothing has to be heard beforehand.
    threads : int
        That one call uses.
    folder : Path, optional
        Where converted networks are kept; `kept_network.cache_folder` by default.

    Raises
    ------
    MissingData
        If ONNX Runtime, or onnx for the conversion, is not installed.
    BadInput
        If the encoder has no network.
    """

    runtime = "ONNX Runtime"

    def __init__(
        self, encoder: AudioEncoder, int8: bool = False, *, threads: int = 1, folder: Path | None = None
    ) -> None:
        def make() -> tuple[Run, str]:
            version = package_version("onnxruntime")
            path = stored_network(encoder, int8, folder or cache_folder())
            return compiled(path, threads), f"onnxruntime-{version}:{'int8' if int8 else 'float32'}"

        super().__init__(encoder, threads, make)

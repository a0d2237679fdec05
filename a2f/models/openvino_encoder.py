"""An audio encoder whose network OpenVINO runs, in single precision or in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2f.models.encoder_base import AudioEncoder
from a2f.models.kept_network import Run, cache_folder
from a2f.models.openvino_model import calibration_digest, calibration_pieces, compiled, stored_network
from a2f.models.runtime_encoder import RuntimeEncoder
from a2f.models.runtime_package import package_version


class OpenVinoEncoder(RuntimeEncoder):
    """A frozen audio encoder, run by OpenVINO instead of torch; its int8 is for processors with VNNI.

    Parameters
    ----------
    encoder : AudioEncoder
        With a network, see `RuntimeEncoder`.
    calibration : ndarray, (S,) float32 at 16 kHz, optional
        Speech that int8's ranges are taken from. By default the network stays in single precision.
    threads : int
        That one call uses.
    folder : Path, optional
        Where converted networks are kept; `kept_network.cache_folder` by default.

    Raises
    ------
    MissingData
        If OpenVINO, or for int8 NNCF, is not installed.
    BadInput
        If the encoder has no network, or the calibrating sound is of no use.
    """

    runtime = "OpenVINO"

    def __init__(
        self,
        encoder: AudioEncoder,
        calibration: np.ndarray | None = None,
        *,
        threads: int = 1,
        folder: Path | None = None,
    ) -> None:
        def make() -> tuple[Run, str]:
            version = package_version("openvino")
            pieces = None if calibration is None else calibration_pieces(calibration)
            path = stored_network(encoder, pieces, folder or cache_folder())
            precision = "float32" if pieces is None else f"int8:{calibration_digest(pieces)}"
            return compiled(path, threads), f"openvino-{version}:{precision}"

        super().__init__(encoder, threads, make)

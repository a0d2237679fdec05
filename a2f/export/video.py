"""Frames and sound into an mp4, and a small looping gif where a page plays no film."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2f.audio import write_wav
from a2f.errors import BadInput, CannotWrite, MissingData
from a2f.files import atomic_path


def _ffmpeg() -> str:
    """Return the path of the ffmpeg that imageio-ffmpeg carries."""
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def write_mp4(
    path: str | os.PathLike,
    frames: Iterable[np.ndarray],
    fps: float,
    audio: np.ndarray | None = None,
    sample_rate: int | None = None,
    *,
    total: int | None = None,
    progress: bool = True,
) -> None:
    """Write frames, and sound where there is some, as H.264 and AAC that browsers play.

    Parameters
    ----------
    path : path-like
    frames : iterable of ndarray, (height, width, 3) uint8
        Of one even size.
    fps : float
    audio : ndarray, (S,) float32, optional
    sample_rate : int, optional
        Needed with `audio`.
    total : int, optional
        How many frames will come, for the progress bar.
    progress : bool

    Raises
    ------
    BadInput
        If there is no frame, or a frame's size is odd or changes.
    CannotWrite
        If the encoder did not come to its end, or the disk is full.
    """
    import imageio_ffmpeg
    from tqdm.auto import tqdm

    if audio is not None and not sample_rate:
        raise BadInput("audio was given without its sample_rate")
    writer = None
    with atomic_path(path) as temporary, tempfile.TemporaryDirectory() as folder:
        sound = None
        if audio is not None:
            sound = str(Path(folder) / "sound.wav")
            write_wav(sound, audio, sample_rate)
        try:
            for frame in tqdm(
                frames, total=total, desc=Path(path).name, unit="frame", disable=not progress, leave=False
            ):
                height, width = frame.shape[:2]
                if writer is None:
                    if height % 2 or width % 2:
                        raise BadInput(f"frames are {width} x {height} pixels; both must be even for a film")
                    size = (width, height)
                    writer = imageio_ffmpeg.write_frames(
                        str(temporary),
                        size,
                        fps=fps,
                        codec="libx264",
                        quality=None,
                        macro_block_size=2,
                        output_params=["-crf", "20", "-movflags", "+faststart", "-bitexact"],
                        audio_path=sound,
                        audio_codec="aac" if sound else None,
                        ffmpeg_log_level="error",
                    )
                    writer.send(None)
                    encoder = inspect.getgeneratorlocals(writer)["p"]
                if (width, height) != size:
                    raise BadInput(f"a frame is {width} x {height} pixels, the first was {size[0]} x {size[1]}")
                writer.send(np.ascontiguousarray(frame))
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise BadInput(f"no frames were given for {path}")
        # the package does not look at the exit code, and a film cut short would pass for whole
        if encoder.wait() != 0:
            raise CannotWrite(f"cannot write {path}: the video encoder ended with exit code {encoder.returncode}")


def write_gif(path: str | os.PathLike, frames: Iterable[np.ndarray], fps: float, width: int = 320) -> None:
    """Write frames as a looping gif with a palette made from them, for pages that play no film.

    Parameters
    ----------
    path : path-like
    frames : iterable of ndarray, (height, width, 3) uint8
    fps : float
    width : int
        Of the gif, in pixels.
    """
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_mp4(film, frames, fps, progress=False)
        palette = f"scale={width}:-2:flags=lanczos,split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
        with atomic_path(path) as temporary:
            command = [_ffmpeg(), "-v", "error", "-y", "-i", str(film), "-vf", palette, "-loop", "0", str(temporary)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@dataclass(frozen=True)
class Streams:
    """What a film holds."""

    seconds: float
    width: int
    height: int
    fps: float
    video_codec: str
    audio_codec: str | None


def probe_mp4(path: str | os.PathLike) -> Streams:
    """Return what streams a film has and how long it is.

    Raises
    ------
    MissingData, BadInput
        If there is no such file, or no video in it.
    """
    if not Path(path).is_file():
        raise MissingData(f"film {path} is not there")
    said = subprocess.run(
        [_ffmpeg(), "-hide_banner", "-i", str(path)], capture_output=True, text=True, check=False
    ).stderr
    video = re.search(r"Video: (\w+).*?(\d{2,5})x(\d{2,5}).*?([\d.]+) fps", said)
    length = re.search(r"Duration: (\d+):(\d+):([\d.]+)", said)
    if not video or not length:
        raise BadInput(f"{path} holds no video stream")
    audio = re.search(r"Audio: (\w+)", said)
    hours, minutes, seconds = (float(part) for part in length.groups())
    return Streams(
        seconds=3600 * hours + 60 * minutes + seconds,
        width=int(video[2]),
        height=int(video[3]),
        fps=float(video[4]),
        video_codec=video[1],
        audio_codec=audio[1] if audio else None,
    )

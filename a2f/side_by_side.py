"""Several animations in one film, side by side under their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from a2f.errors import BadInput
from a2f.export.player import write_html
from a2f.export.video import write_mp4
from a2f.viewer import Still, Viewer, view


class SideBySide:
    """Several animations in one film, each under its name; as long as the shortest.

    Parameters
    ----------
    animations : sequence of Animation
        Of one frame rate. The first one's sound is played.
    """

    def __init__(self, animations: Sequence) -> None:
        if not animations:
            raise BadInput("no animations were given to show side by side")
        rates = sorted({animation.fps for animation in animations})
        if len(rates) != 1:
            raise BadInput(f"animations side by side must share one frame rate, but have {rates}")
        self.animations = list(animations)
        self.num_frames = min(animation.num_frames for animation in animations)

    def frames(self, size: int = 384, view: str = "front") -> Iterator[np.ndarray]:
        """Draw every frame; yields (height, width, 3) uint8 of even size."""
        size += size % 2
        labels = np.concatenate([_label(animation.name, size) for animation in self.animations], axis=1)
        for pictures in zip(*(animation.frames(size, view) for animation in self.animations), strict=False):
            yield np.concatenate([labels, np.concatenate(pictures, axis=1)], axis=0)

    def to_mp4(self, path: str | os.PathLike, size: int = 384, view: str = "front", progress: bool = True) -> None:
        """Write a film with the first animation's sound, cut where the film ends."""
        first = self.animations[0]
        audio = first.audio
        if audio is not None:
            audio = audio[: max(1, round(self.num_frames / first.fps * first.sample_rate))]
        write_mp4(
            path,
            self.frames(size, view),
            first.fps,
            audio,
            first.sample_rate,
            total=self.num_frames,
            progress=progress,
        )

    def to_html(self, path: str | os.PathLike, size: int = 384, view: str = "front") -> float:
        """Write a page that plays them together, offline; returns the largest error in the topology's unit."""
        return write_html(path, self.animations, size=size, view=view)

    def show(self, **options: Any) -> Viewer | Still:
        """Return a viewer that switches between them, or a still picture; `options` are those of `a2f.viewer.view`."""
        return view(self.animations, **options)


def _label(text: str, width: int, height: int = 28) -> np.ndarray:
    """Return a strip with a centred text, (height, width, 3) uint8."""
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(strip).text(
        (width / 2, height / 2), text, fill=(40, 40, 40), anchor="mm", font=ImageFont.load_default(16)
    )
    return np.asarray(strip)

"""The rater's page in a live notebook: a film, a question, five answers; and a still picture of it elsewhere.

JupyterLab may run a widget's callbacks in another thread than the cells, two of them at once too. They draw nothing
here; one lock keeps a question from being passed over or answered twice.
"""

from __future__ import annotations

import html
import io
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from a2f.errors import BadInput, MissingData
from a2f.ratings.places import SCALE, Film, Place, check_rater, page_texts, places
from a2f.ratings.record import RatingFile

HINT = "Play the film with sound, as often as you like, then choose an answer and save it. A saved answer stays."
LABELS = [f"{score} {word}" for score, word in SCALE.items()]


class RatingTool:
    """Films one after the other, each asked about in every criterion; an answer is on the disk before the next one.

    Parameters
    ----------
    films : sequence of Film
        All of them drawn.
    path : path-like
        The file of ratings; who has ratings in it goes on where they stopped.
    seed : int
        With the rater it decides the order.
    rater : str, optional
        Asked for on the page if it is not given.

    Attributes
    ----------
    name, begin : ipywidgets
        The rater's name and the button that starts the study.
    score, save : ipywidgets
        The answer, 1 to 5, and the button that saves it.
    screen : ipywidgets.Box
        Holds the film that is shown.
    place : Place or None
        What is asked now; None before the study and after it.

    Raises
    ------
    MissingData
        If a film is not there.
    BadInput
        If the file is no file of ratings, or what the rater answered belongs to another study.
    """

    def __init__(self, films: Sequence[Film], path: str | Path, *, seed: int, rater: str | None = None) -> None:
        import ipywidgets as widgets

        missing = [film for film in films if not film.path.is_file()]
        if missing:
            raise MissingData(f"{len(missing)} of {len(films)} films are not there: draw_films draws them")
        self.films, self.seed, self.file = list(films), seed, RatingFile(path)
        self.rater: str | None = None
        self.place: Place | None = None
        self._left: list[Place] = []
        self._total = 0
        self._lock = threading.RLock()
        self.name = widgets.Text(description="Your name", placeholder="or any other word that only you use")
        self.begin = widgets.Button(description="Begin", button_style="primary")
        self.screen = widgets.Box()  # with one film in it
        self.where, self.question, self.message = widgets.HTML(), widgets.HTML(), widgets.HTML()
        options = list(zip(LABELS, SCALE, strict=True))
        self.score = widgets.ToggleButtons(options=options, value=None, style={"button_width": "100px"})
        self.save = widgets.Button(description="Save and go on", button_style="primary", disabled=True)
        self._door = widgets.HBox([self.name, self.begin])
        self._page = widgets.VBox([self.where, self.screen, self.question, self.score, self.save])
        self.widget = widgets.VBox([widgets.HTML(HINT), self._door, self._page, self.message])
        self._page.layout.display = "none"
        self.begin.on_click(lambda _: self._enter())
        self.save.on_click(lambda _: self._answer())
        self.score.observe(lambda change: setattr(self.save, "disabled", change["new"] is None), "value")
        self._say(self.file.note or "")
        if rater is not None:
            self._start(rater)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return self.widget._repr_mimebundle_(**options)

    def _enter(self) -> None:
        """Begin under the name that was typed; what is wrong with it is said on the page."""
        with self._lock:
            if self.rater is None:
                try:
                    self._start(self.name.value)
                except BadInput as error:
                    self._say(str(error))

    def _start(self, rater: str) -> None:
        rater = check_rater(rater)
        order = places(self.films, rater, self.seed)
        asked = {(place.film.clip, place.criterion, place.position, self.seed) for place in order}
        own = [rating for rating in self.file.ratings() if rating.rater == rater]
        given = {(rating.clip, rating.criterion, rating.position, rating.seed) for rating in own}
        if not given <= asked:
            raise BadInput(
                f"rater {rater} has {len(given - asked)} answers in {self.file.path.name} that belong to other films "
                f"or another order than seed {self.seed} gives: take another name, or another file of ratings"
            )
        done = {(rating.clip, rating.criterion) for rating in own}
        self.rater, self._total = rater, len(order)
        self._left = [place for place in order if (place.film.clip, place.criterion) not in done]
        self._door.layout.display = "none"
        self._say(self.file.note or "")
        self._next()

    def _answer(self) -> None:
        """Save what is chosen; a second press of the button finds nothing chosen and does nothing."""
        with self._lock:
            if self.place is None or self.score.value is None:
                return
            try:
                self.file.answer(self.place, self.rater, self.score.value, self.seed)
            except (BadInput, OSError) as error:  # the page stays as it is, so that one can try again
                self._say(f"Not saved: {error}")
                return
            self._left.pop(0)
            self._say("")
            self._next()

    def _next(self) -> None:
        before = None if self.place is None else self.place.film
        self.place = self._left[0] if self._left else None
        self.score.value = None
        if self.place is None:
            self._page.layout.display = "none"
            self._show(None)
            self._say(f"All {self._total} questions are answered. Thank you!")
            return
        if self.place.film != before:
            self._show(self.place.film)
        where, question = page_texts(self.place, self._total)
        self.where.value, self.question.value = where, f"<b>{question}</b>"
        self._page.layout.display = ""

    def _show(self, film: Film | None) -> None:
        """Put a film on the page, its bytes and not its path, or take the last one off."""
        from ipywidgets import Video

        before, after = self.screen.children, ()
        if film is not None:
            options = {"format": "mp4", "autoplay": False, "loop": False, "controls": True, "width": "384"}
            after = (Video(value=film.path.read_bytes(), **options),)
        self.screen.children = after
        for old in before:
            old.close()

    def _say(self, text: str) -> None:
        self.message.value = html.escape(text)


def still(order: Sequence[Place], count: int = 2) -> np.ndarray:
    """Return a picture of what a rater sees at the first films, (height, width, 3) uint8.

    Parameters
    ----------
    order : sequence of Place
        All of one rater's, from `places`.
    count : int
        Of films.
    """
    films = list(dict.fromkeys(place.film for place in order))[:count]
    shown = [next(place for place in order if place.film == film) for film in films]
    return np.concatenate([_card(place, len(order)) for place in shown], axis=1)


def _card(place: Place, total: int, width: int = 520) -> np.ndarray:
    """Draw one page: where the study is, the film's first frame, the question and the answers."""
    from PIL import Image, ImageDraw, ImageFont

    frame = Image.fromarray(first_frame(place.film.path))
    small, large = ImageFont.load_default(15), ImageFont.load_default(17)
    where, question = page_texts(place, total)
    lines = _wrapped(question, large, width - 40)
    picture = Image.new("RGB", (width, frame.height + 120 + 22 * len(lines)), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((20, 14), where, fill=(90, 90, 90), font=small)
    picture.paste(frame, ((width - frame.width) // 2, 40))
    top = frame.height + 56
    for line in lines:
        draw.text((20, top), line, fill=(30, 30, 30), font=large)
        top += 22
    step = (width - 40) / len(LABELS)
    for index, label in enumerate(LABELS):
        left = 20 + index * step
        draw.rounded_rectangle((left, top + 8, left + step - 8, top + 38), 4, fill=(238, 238, 238))
        draw.text((left + step / 2 - 4, top + 23), label, fill=(30, 30, 30), anchor="mm", font=small)
    return np.asarray(picture)


def _wrapped(text: str, font: Any, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def first_frame(path: Path) -> np.ndarray:
    """Return a film's first frame, (height, width, 3) uint8."""
    import imageio_ffmpeg
    from PIL import Image

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    command += ["-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode or not done.stdout:
        raise BadInput(f"{path} is not a film: {done.stderr.decode(errors='replace').strip()}")
    return np.asarray(Image.open(io.BytesIO(done.stdout)).convert("RGB"))

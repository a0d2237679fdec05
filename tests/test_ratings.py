"""The user study: orders, a file that loses no answer, films without a name, the page, the analysis against loops."""

from __future__ import annotations

import csv
import itertools
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from a2f.data import open_dataset
from a2f.errors import BadInput, MissingData
from a2f.export.video import probe_mp4, write_mp4
from a2f.methods import NeutralFace, load_method
from a2f.plotting.opinions import plot_opinions
from a2f.ratings import (
    CRITERIA,
    Film,
    GroundTruth,
    RatingFile,
    RatingTool,
    analyse,
    as_text,
    choose_clips,
    draw_films,
    page_texts,
    places,
    plan_films,
    read_ratings,
    still,
)
from a2f.ratings.analysis import signed_ranks
from a2f.ratings.places import check_rater
from a2f.ratings.tool import first_frame

METHODS = ("Ground truth", "Ours", "VOCA")
SENTENCES = ("s11-01-angry", "s12-07-sad", 'a "quoted", odd one')
COLUMNS = ["time", "rater", "clip", "sentence", "method", "criterion", "score", "position", "seed"]


def make_films(folder: Path) -> list[Film]:
    pairs = list(itertools.product(SENTENCES, METHODS))
    return [Film(f"{i:012x}", sentence, method, folder / f"{i}.mp4") for i, (sentence, method) in enumerate(pairs)]


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> list[Film]:
    """Nine films of three frames, each of a grey of its own."""
    found = make_films(tmp_path_factory.mktemp("films"))
    for index, film in enumerate(found):
        write_mp4(film.path, np.full((3, 64, 64, 3), 20 * index, np.uint8), 30, progress=False)
    return found


def lines_of(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


# the order


def test_every_film_is_asked_about_once_in_each_criterion_and_is_shown_once(films):
    order = places(films, "anna", 0)
    assert [place.position for place in order] == list(range(1, len(films) * len(CRITERIA) + 1))
    assert {(place.film, place.criterion) for place in order} == set(itertools.product(films, CRITERIA))
    assert len([film for film, _ in itertools.groupby(place.film for place in order)]) == len(films)


def test_seed_and_rater_decide_the_order_and_nothing_else(films):
    def order(rater, seed, given=films):
        return [(place.film.clip, place.criterion) for place in places(given, rater, seed)]

    assert order("anna", 0) == order("anna", 0, films[::-1]) == order(" anna ", 0)
    assert len({tuple(order(f"rater {number}", seed)) for number in range(20) for seed in (0, 1)}) == 40
    # the first criterion is not the same for everybody
    assert {order(f"rater {number}", 0)[0][1] for number in range(20)} == set(CRITERIA)


def test_no_film_is_favoured_by_its_place(films):
    first = [places(films, f"rater {number}", 0)[0].film.clip for number in range(900)]
    counts = np.array([first.count(film.clip) for film in films])
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("rater", ["", "  ", "a,b", "a\nb", "=1+1", "x" * 41, None, 7])
def test_a_rater_needs_a_plain_name(rater, films):
    with pytest.raises(BadInput, match="rater is"):
        places(films, rater, 0)


def test_films_must_differ(films):
    with pytest.raises(BadInput, match="expected at least one, none twice"):
        places([films[0], films[0]], "anna", 0)
    with pytest.raises(BadInput, match="0 films"):
        places([], "anna", 0)


def test_what_is_read_beside_a_film_counts_and_names_nothing(films):
    order = places(films, "anna", 0)
    texts = [page_texts(place, len(order)) for place in order]
    assert texts[0][0] == "Film 1 of 9, question 1 of 2" and texts[-1][0] == "Film 9 of 9, question 2 of 2"
    words = " ".join(itertools.chain(*texts)).lower()
    assert not [name for name in (*METHODS, *SENTENCES) if name.lower() in words]


# the file


def test_an_answer_is_one_whole_line_that_any_csv_reader_reads(films, tmp_path):
    file, order = RatingFile(tmp_path / "new" / "ratings.csv"), places(films, "anna", 3)
    for place in order:
        before = file.path.read_bytes() if file.path.is_file() else b""
        assert file.answer(place, "anna", 1 + place.position % 5, 3)
        after = file.path.read_bytes()
        assert after.startswith(before) and after.endswith(b"\n")
    header, *rows = lines_of(file.path)
    assert header == COLUMNS
    for row, place in zip(rows, order, strict=True):
        film, position = place.film, place.position
        assert row[1:6] == ["anna", film.clip, film.sentence, film.method, place.criterion]
        assert row[6:] == [str(1 + position % 5), str(position), "3"]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert read_ratings(file.path) == (file.ratings(), None) and len(file.ratings()) == len(order)


@pytest.mark.parametrize("score", [0, 6, -1, 3.0, True, "3", None])
def test_only_whole_scores_from_one_to_five_are_written(score, films, tmp_path):
    file = RatingFile(tmp_path / "ratings.csv")
    with pytest.raises(BadInput, match="score is"):
        file.answer(places(films, "anna", 0)[0], "anna", score, 0)
    assert not file.path.exists()


def test_a_question_is_answered_once(films, tmp_path):
    file, place = RatingFile(tmp_path / "ratings.csv"), places(films, "anna", 0)[0]
    assert file.answer(place, "anna", 2, 0)
    before = file.path.read_bytes()
    assert not file.answer(place, "anna", 5, 0)
    assert not RatingFile(file.path).answer(place, "anna ", 5, 0)  # another kernel, the same person
    assert file.path.read_bytes() == before
    assert file.answer(place, "berta", 5, 0)


def test_answers_of_many_threads_are_all_there_and_none_twice(films, tmp_path):
    file, order = RatingFile(tmp_path / "ratings.csv"), places(films, "anna", 0)
    written = []

    def answer():
        written.extend(place.position for place in order if file.answer(place, "anna", 4, 0))

    threads = [threading.Thread(target=answer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == sorted(rating.position for rating in file.ratings()) == list(range(1, len(order) + 1))


def test_wherever_the_power_went_whole_lines_are_kept_and_the_study_goes_on(films, tmp_path):
    file, order = RatingFile(tmp_path / "ratings.csv"), places(films, "anna", 10)[:2]
    for place in order:
        file.answer(place, "anna", 5, 10)
    content = file.path.read_bytes()
    answers = [row[2:] for row in lines_of(file.path)]
    for cut in range(len(content) + 1):
        file.path.write_bytes(content[:cut])
        whole = max(content[:cut].count(b"\n") - 1, 0)
        kept, note = read_ratings(file.path)
        assert [rating.position for rating in kept] == list(range(1, whole + 1))
        ended = cut == 0 or content[:cut].endswith(b"\n")
        assert (note is None) == ended and (ended or "not written to its end" in note)
        again = RatingFile(file.path)
        assert again.note == note and file.path.read_bytes() == content[:cut]  # looking changes nothing
        assert [again.answer(place, "anna", 5, 10) for place in order] == [i >= whole for i in range(2)]
        assert [row[2:] for row in lines_of(file.path)] == answers


def test_a_tail_of_zeros_as_some_file_systems_leave_it_is_left_out(films, tmp_path):
    file, order = RatingFile(tmp_path / "ratings.csv"), places(films, "anna", 0)
    file.answer(order[0], "anna", 5, 0)
    with open(file.path, "ab") as raw:
        raw.write(bytes(100))
    kept, note = read_ratings(file.path)
    assert len(kept) == 1 and "100 bytes" in note
    assert file.answer(order[1], "anna", 5, 0) and read_ratings(file.path)[1] is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: [lines[0].replace("score", "points"), *lines[1:]], "line 1 .*its columns are"),
        (lambda lines: lines[1:], "line 1 "),
        (lambda lines: [*lines[:2], "half a line", *lines[2:]], "line 3 .*1 columns, expected 9"),
        (lambda lines: [*lines[:2], lines[2].replace(",4,2,0", ",7,2,0")], "line 3 .*score is 7"),
        (lambda lines: [*lines[:2], lines[2].replace(",4,2,0", ",4.5,2,0")], "line 3 .*score is '4.5'"),
        (lambda lines: [*lines[:2], lines[2].replace(",4,2,0", ",4,0,0")], "line 3 .*position is 0"),
        (lambda lines: [*lines, lines[1]], "lines 2 and 5 both answer"),
        (lambda lines: [*lines[:3], lines[3].replace("synchronization", "sound").replace("naturalness", "sound")],
         "line 4 .*criterion is 'sound'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_by_the_line_and_never_written_to(damage, said, films, tmp_path):
    file = RatingFile(tmp_path / "ratings.csv")
    order = places(films, "anna", 0)
    for place in order[:3]:
        file.answer(place, "anna", 4, 0)
    damaged = "\n".join(damage(file.path.read_text().splitlines())) + "\n"
    file.path.write_text(damaged)
    with pytest.raises(BadInput, match=f"ratings.csv.*{said}"):
        read_ratings(file.path)
    with pytest.raises(BadInput, match=said):
        RatingFile(file.path)
    with pytest.raises(BadInput, match=said):
        file.answer(order[3], "anna", 4, 0)
    assert file.path.read_text() == damaged


def test_a_spreadsheet_may_have_saved_the_file(films, tmp_path):
    file, order = RatingFile(tmp_path / "ratings.csv"), places(films, "anna", 0)
    file.answer(order[0], "anna", 4, 0)
    before = file.ratings()
    file.path.write_bytes(b"\xef\xbb\xbf" + file.path.read_bytes().replace(b"\n", b"\r\n"))
    assert file.ratings() == before
    assert file.answer(order[1], "anna", 4, 0) and len(file.ratings()) == 2


def test_a_full_disk_leaves_whole_lines_and_says_so(films, tmp_path):
    """Files may not grow by more than twenty bytes for a moment, so that a part of the line is taken."""
    import resource

    file, order = RatingFile(tmp_path / "ratings.csv"), places(films, "anna", 0)
    file.answer(order[0], "anna", 4, 0)
    before = file.path.read_bytes()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, unlimited[1]))
    try:
        with pytest.raises(OSError, match="could not be written to its end"):
            file.answer(order[1], "anna", 4, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert file.path.read_bytes() == before
    assert file.answer(order[1], "anna", 4, 0) and len(file.ratings()) == 2


def test_no_file_is_missing_data(tmp_path):
    with pytest.raises(MissingData, match="notebook 11"):
        analyse(tmp_path / "ratings.csv")


# the films


@pytest.fixture(scope="module")
def corpus():
    return open_dataset("demo", fps=30)


def test_sentences_are_drawn_by_the_seed_and_none_twice(corpus):
    drawn = [choose_clips(corpus, 8, seed) for seed in range(5)]
    assert [clip.name for clip in choose_clips(corpus, 8, 0)] == [clip.name for clip in drawn[0]]
    assert len({tuple(clip.name for clip in clips) for clips in drawn}) == 5
    for clips in drawn:
        assert len({clip.sentence for clip in clips}) == 8 and {clip.split for clip in clips} == {"test"}
    with pytest.raises(BadInput, match="999 sentences were asked for"):
        choose_clips(corpus, 999, 0)


def test_a_film_has_sound_names_nothing_and_is_drawn_once(dataset, tmp_path):
    (clip,), methods = dataset.split("test")[:1], {"Ground truth": GroundTruth(), "Ours": NeutralFace()}
    films = plan_films(methods, [clip], tmp_path)
    assert draw_films(films, methods, dataset, seed=0, progress=False) == 2
    for film in films:
        found = probe_mp4(film.path)
        assert found.audio_codec == "aac" and found.seconds == pytest.approx(clip.duration, abs=0.1)
        assert len(film.clip) == 12 and set(film.clip) <= set("0123456789abcdef") and film.path.stem == film.clip
        content = film.path.read_bytes().lower()
        assert not [word for word in (b"ground", b"neutral", clip.name.encode()) if word in content]
    truth, still_face = (first_frame(film.path) for film in films)
    assert truth.shape == still_face.shape and (truth[-40:] > 250).all()  # room for the browser's controls
    stamps = [film.path.stat().st_mtime_ns for film in films]
    assert draw_films(plan_films(methods, [clip], tmp_path), methods, dataset, seed=0, progress=False) == 0
    assert [film.path.stat().st_mtime_ns for film in films] == stamps


def test_another_training_gives_other_films(tiny_run, dataset, feature_cache, tmp_path):
    clips = dataset.split("test")[:1]

    def named(method):
        return plan_films({"Ours": method}, clips, tmp_path)[0].clip

    trained, again = (load_method(tiny_run, dataset, feature_cache) for _ in range(2))
    assert named(trained) == named(again)
    next(again.model.parameters()).data.view(-1)[0] += 1e-3
    assert named(trained) != named(again)


# the page


def answer(tool: RatingTool, score: int) -> None:
    tool.score.value = score
    tool.save.click()


def shown_film(tool: RatingTool) -> bytes:
    (film,) = tool.screen.children
    return film.value


def test_the_page_goes_through_all_questions(films, tmp_path):
    tool, order = RatingTool(films, tmp_path / "ratings.csv", seed=0, rater="anna"), places(films, "anna", 0)
    for number, place in enumerate(order):
        assert tool.place == place and shown_film(tool) == place.film.path.read_bytes()
        assert (tool.where.value, tool.question.value) == (
            page_texts(place, len(order))[0],
            f"<b>{CRITERIA[place.criterion]}</b>",
        )
        assert tool.score.value is None and tool.save.disabled
        answer(tool, 1 + number % 5)
        assert [rating.score for rating in tool.file.ratings()] == [1 + i % 5 for i in range(number + 1)]
    assert tool.place is None and "Thank you" in tool.message.value and tool.screen.children == ()
    tool.save.click()
    assert len(tool.file.ratings()) == len(order)


def test_a_double_click_answers_one_question(films, tmp_path):
    tool = RatingTool(films, tmp_path / "ratings.csv", seed=0, rater="anna")
    tool.save.click()  # nothing chosen yet
    assert tool.place.position == 1 and not tool.file.path.exists()
    answer(tool, 3)
    tool.save.click()
    assert tool.place.position == 2 and len(tool.file.ratings()) == 1


def test_who_comes_back_goes_on_and_others_begin(films, tmp_path):
    path = tmp_path / "ratings.csv"
    tool = RatingTool(films, path, seed=0, rater="anna")
    for _ in range(5):
        answer(tool, 2)
    asked = tool.place
    assert RatingTool(films, path, seed=0, rater="anna").place == asked and asked.position == 6
    other = RatingTool(films, path, seed=0)
    assert other.place is None and other.screen.children == ()
    other.name.value = "a,b"
    other.begin.click()
    assert other.place is None and "rater is" in other.message.value
    other.name.value = "berta"
    other.begin.click()
    assert other.place == places(films, "berta", 0)[0] and other.message.value == ""


def test_answers_of_another_study_are_not_mixed_in(films, tmp_path):
    path = tmp_path / "ratings.csv"
    answer(RatingTool(films, path, seed=0, rater="anna"), 2)
    with pytest.raises(BadInput, match="1 answers .* belong to other films or another order than seed 1"):
        RatingTool(films, path, seed=1, rater="anna")
    shown = places(films, "anna", 0)[0].film
    with pytest.raises(BadInput, match="belong to other films"):
        RatingTool([film for film in films if film != shown], path, seed=0, rater="anna")


def test_an_answer_that_cannot_be_written_is_asked_again(films, tmp_path, monkeypatch):
    tool = RatingTool(films, tmp_path / "ratings.csv", seed=0, rater="anna")
    with monkeypatch.context() as patched:
        patched.setattr(RatingFile, "_append", lambda *_: (_ for _ in ()).throw(OSError("the disk is full <now>")))
        answer(tool, 4)
    assert tool.message.value == "Not saved: the disk is full &lt;now&gt;"
    assert tool.place.position == 1 and tool.score.value == 4
    tool.save.click()
    assert tool.place.position == 2 and tool.message.value == "" and len(tool.file.ratings()) == 1


def test_the_page_tells_of_a_cut_line_and_of_missing_films(films, tmp_path):
    path = tmp_path / "ratings.csv"
    tool = RatingTool(films, path, seed=0, rater="anna")
    for _ in range(2):
        answer(tool, 4)
    path.write_bytes(path.read_bytes()[:-3])
    tool = RatingTool(films, path, seed=0, rater="anna")
    assert "not written to its end" in tool.message.value and tool.place.position == 2
    with pytest.raises(MissingData, match="1 of 10 films are not there"):
        RatingTool([*films, Film("f" * 12, "x", "y", tmp_path / "f.mp4")], path, seed=0)


def test_the_still_shows_two_first_frames_as_the_page_would(films):
    order = places(films, "anna", 0)
    picture = still(order)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3 and picture.shape[1] == 2 * still(order, 1).shape[1]
    for place, half in zip((order[0], order[2]), np.split(picture, 2, axis=1), strict=True):
        left = (half.shape[1] - 64) // 2
        np.testing.assert_array_equal(half[40:104, left : left + 64], first_frame(place.film.path))


# the analysis, on ratings that this test makes up


def made_up(path: Path, raters: int, films: list[Film], skip: int = 0) -> dict[tuple, int]:
    """Write ratings around a quality of each method's own; the last rater leaves out the last `skip` questions."""
    quality = dict(zip(METHODS, (4.2, 3.6, 2.1), strict=True))
    rng, file, scores = np.random.default_rng(5), RatingFile(path), {}
    for number in range(raters):
        name, mood = f"r{number}", rng.normal(0, 0.4)
        order = places(films, name, 0)
        for place in order[: len(order) - skip] if number == raters - 1 else order:
            score = int(np.clip(round(quality[place.film.method] + mood + rng.normal(0, 0.7)), 1, 5))
            file.answer(place, name, score, 0)
            scores[place.criterion, place.film.method, name, place.film.sentence] = score
    return scores


def test_scores_are_means_over_raters_with_student_intervals(films, tmp_path):
    scores = made_up(tmp_path / "ratings.csv", 7, films, skip=5)
    found = analyse(tmp_path / "ratings.csv")
    assert {(one.criterion, one.method) for one in found.opinions} == set(itertools.product(CRITERIA, METHODS))
    for one in found.opinions:
        means = []
        for rater in range(7):
            own = [scores.get((one.criterion, one.method, f"r{rater}", sentence)) for sentence in SENTENCES]
            own = [score for score in own if score is not None]
            if own:
                means.append(sum(own) / len(own))
        interval = stats.ttest_1samp(means, 0).confidence_interval(0.95)
        assert one.raters == len(means)
        np.testing.assert_allclose((one.mean, one.low, one.high), (np.mean(means), *interval))
    assert found.notes == ("rater r6 gave 13 of 18 answers",)
    assert sum(found.raters.values()) == len(scores) == sum(one.answers for one in found.opinions)


def test_with_enough_raters_the_signed_ranks_of_their_differences_are_tested(films, tmp_path):
    scores = made_up(tmp_path / "ratings.csv", 7, films)
    found = analyse(tmp_path / "ratings.csv")
    for one in found.comparisons:
        apart = [
            np.mean([
                scores[one.criterion, one.first, f"r{rater}", sentence]
                - scores[one.criterion, one.second, f"r{rater}", sentence]
                for sentence in SENTENCES
            ])
            for rater in range(7)
        ]  # fmt: skip
        moved = [value for value in apart if value]
        ranks = stats.rankdata(np.abs(moved))
        centre = ranks.sum() / 2
        extreme = abs(sum(rank for rank, value in zip(ranks, moved, strict=True) if value > 0) - centre)
        sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(moved))]
        expected = sum(abs(total - centre) >= extreme - 1e-9 for total in sums) / len(sums)
        assert (one.test, one.pairs) == ("Wilcoxon over raters", 7)
        assert one.difference == pytest.approx(np.mean(apart)) and one.p == pytest.approx(expected)
    best = next(one for one in found.comparisons if {one.first, one.second} == {"Ground truth", "VOCA"})
    assert best.first == "Ground truth" and best.difference > 1 and best.p == pytest.approx(2 / 2**7)


@pytest.mark.parametrize("count", [6, 7, 9, 11])
@pytest.mark.parametrize("shared", [False, True])
def test_signed_ranks_agree_with_scipy(count, shared):
    rng = np.random.default_rng(count)
    values = rng.integers(-2, 5, count) / 8 if shared else rng.normal(0.4, 1, count)
    kept = values[values != 0]
    method = stats.PermutationMethod(n_resamples=np.inf)
    assert signed_ranks(values) == pytest.approx(stats.wilcoxon(kept, method=method).pvalue)
    if not shared:
        assert signed_ranks(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


def test_many_raters_are_analysed_at_once():
    """The sum of ranks of two hundred raters is close to normal."""
    values = np.random.default_rng(0).normal(0.1, 1, 200)
    assert signed_ranks(values) == pytest.approx(stats.wilcoxon(values, method="asymptotic").pvalue, rel=0.02)
    assert signed_ranks(np.zeros(8)) == 1.0


def test_p_values_are_adjusted_within_a_criterion(films, tmp_path):
    made_up(tmp_path / "ratings.csv", 7, films)
    found = analyse(tmp_path / "ratings.csv")
    for criterion in CRITERIA:
        own = sorted((one for one in found.comparisons if one.criterion == criterion), key=lambda one: one.p)
        for place, one in enumerate(own):
            expected = min(min(1, len(own) * other.p / (rank + 1)) for rank, other in enumerate(own) if rank >= place)
            assert one.adjusted == pytest.approx(expected)


def test_with_few_raters_signs_over_sentences_are_tested(films, tmp_path):
    scores = made_up(tmp_path / "ratings.csv", 2, films)
    for one in analyse(tmp_path / "ratings.csv").comparisons:
        totals = [
            sum(
                scores[one.criterion, one.first, f"r{rater}", sentence]
                - scores[one.criterion, one.second, f"r{rater}", sentence]
                for rater in range(2)
            )
            for sentence in SENTENCES
        ]
        higher, lower = sum(total > 0 for total in totals), sum(total < 0 for total in totals)
        count = higher + lower
        tail = sum(math.comb(count, k) for k in range(max(higher, lower), count + 1)) / 2**count
        assert (one.test, one.pairs) == ("sign over sentences", 3)
        assert one.p == pytest.approx(min(1, 2 * tail))


def test_one_rater_has_no_interval_and_equal_scores_no_difference(films, tmp_path):
    file = RatingFile(tmp_path / "ratings.csv")
    for place in places(films, "anna", 0):
        file.answer(place, "anna", 3, 0)
    found = analyse(file.path)
    assert all((one.mean, one.low, one.high) == (3, None, None) for one in found.opinions)
    assert all((one.difference, one.p, one.adjusted) == (0, 1, 1) for one in found.comparisons)
    assert "one rater, no interval" in as_text(found) and as_text(found).startswith("1 rater, 18 answers")
    for number in range(7):
        for place in places(films, f"r{number}", 0):
            file.answer(place, f"r{number}", 3, 0)
    assert all((one.low, one.high) == (3, 3) for one in analyse(file.path).opinions)
    assert {one.p for one in analyse(file.path).comparisons} == {1.0}


def test_films_of_two_trainings_are_not_taken_together(films, tmp_path):
    file = RatingFile(tmp_path / "ratings.csv")
    file.answer(places(films, "anna", 0)[0], "anna", 3, 0)
    again = [Film(film.clip[::-1] + "f", film.sentence, film.method, film.path) for film in films]
    for place in places(again, "berta", 0):
        file.answer(place, "berta", 3, 0)
    with pytest.raises(BadInput, match="must lie in files of their own"):
        analyse(file.path)


def test_a_file_without_answers_holds_no_rating(tmp_path):
    (tmp_path / "ratings.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(BadInput, match="holds no rating"):
        analyse(tmp_path / "ratings.csv")


def test_the_plot_has_a_panel_a_criterion_with_every_method_at_its_mean(films, tmp_path):
    made_up(tmp_path / "ratings.csv", 7, films)
    found = analyse(tmp_path / "ratings.csv")
    scores = {
        criterion: {one.method: (one.mean, one.low, one.high) for one in found.opinions if one.criterion == criterion}
        for criterion in CRITERIA
    }
    figure = plot_opinions(scores, 7)
    assert [axes.get_title() for axes in figure.axes] == list(CRITERIA)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    for axes, own in zip(figure.axes, scores.values(), strict=True):
        dots = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
        drawn = {names[int(place)]: mean for mean, place in dots}
        assert drawn == pytest.approx({name: mean for name, (mean, _, _) in own.items()})
    assert plot_opinions({"naturalness": {"Ours": (3.0, None, None)}}, 1).axes[0].get_xlabel().endswith("1 rater")
    with pytest.raises(BadInput, match="no scores"):
        plot_opinions({}, 0)


def test_names_are_trimmed():
    assert check_rater("  anna b. ") == "anna b."

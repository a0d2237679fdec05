"""Generated bad input: every reader gives a finite result or one refusal that names the input, and none brings code."""

from __future__ import annotations

import ast
import json
import os
import pickle
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from fuzzing.outcome import FINDING, Case, Wrong, check_finite, judge  # noqa: E402
from fuzzing.pool import Worker, run  # noqa: E402
from fuzzing.targets import TARGETS, case_of, plan  # noqa: E402

from a2f.config import Config  # noqa: E402
from a2f.errors import BadInput  # noqa: E402
from a2f.reproduce import parse_parameters  # noqa: E402

COUNT, SEED = 240, 0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def test_no_reader_stumbles_over_generated_input(tmp_path):
    inputs = plan(COUNT, SEED)
    print(f"{len(inputs)} inputs, seeds from {SEED}")
    results = run(inputs, tmp_path)
    wrong = [f"{r.target}, seed {r.seed}: {r.text}" for r in results if r.outcome == FINDING]
    assert not wrong, "\n\n".join(wrong)
    assert {result.target for result in results} == set(TARGETS)
    # inputs are neither all refused at the door nor all harmless
    assert all(count > 20 for count in Counter(result.outcome for result in results).values())


def test_an_input_is_decided_by_its_reader_and_seed(tmp_path):
    for name in ("sounds", "npz", "pickles", "regions"):
        contents = []
        for place in ("a", "b"):
            folder = tmp_path / name / place / "same"
            folder.mkdir(parents=True)
            case_of(name, 5, folder)
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            contents.append({name: data.replace(str(folder).encode(), b"") for name, data in files.items()})
        assert contents[0] == contents[1] and contents[0]


def test_the_judge_tells_right_from_wrong():
    def outcome(error: BaseException | None, names: tuple[str, ...] = ()) -> str:
        def read() -> None:
            if error is not None:
                raise error

        return judge(Case(read, names))[0]

    assert outcome(None) == "accepted" and outcome(BadInput("a.wav is bad"), ("a.wav",)) == "refused"
    others = (MemoryError(), ValueError("a.wav"), SystemExit(2), Wrong("a.wav"))
    for error in (BadInput("it is bad"), BadInput(""), *others):
        assert outcome(error, ("a.wav",)) == FINDING, error
    with pytest.raises(Wrong, match="1 numbers that are not finite"):
        check_finite([1.0, np.nan], "x")


@pytest.mark.parametrize("ending", ["os._exit(3)", "ctypes.string_at(0)", "bytearray(10 * 2**30)"])
def test_a_process_that_dies_or_takes_too_much_is_noticed(tmp_path, monkeypatch, ending):
    script = f"import ctypes, os, sys; print('\"ready\"', flush=True); sys.stdin.readline(); {ending}"
    if "bytearray" in ending:
        script = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); {script}"
    (tmp_path / "worker.py").write_text(script)
    monkeypatch.setattr("fuzzing.pool.__file__", str(tmp_path / "pool.py"))
    worker = Worker(tmp_path / "w", 2**32)
    try:
        assert worker.ask("sounds", 0) is None and "died with exit code" in worker.last_words()
    finally:
        worker.close()


def test_a_process_that_hangs_is_ended(tmp_path, monkeypatch):
    (tmp_path / "worker.py").write_text("print('\"ready\"', flush=True)\nwhile True: pass")
    monkeypatch.setattr("fuzzing.pool.__file__", str(tmp_path / "pool.py"))
    monkeypatch.setattr("fuzzing.pool.LIMIT", 0.5)
    worker = Worker(tmp_path / "w", 2**32)
    try:
        assert worker.ask("sounds", 0) is None and "hung and was ended" in worker.last_words()
    finally:
        worker.close()


# ---- properties


@settings(max_examples=150, deadline=None, database=None)
@given(JSON)
def test_a_configuration_is_whole_or_refused(value):
    try:
        found = Config.from_dict(value)
    except (BadInput, TypeError) as error:  # what is no object of the right keys; read_run_config names the file
        assert str(error)
    else:
        assert Config.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@settings(max_examples=150, deadline=None, database=None)
@given(st.text(max_size=60))
def test_a_text_given_as_a_notebook_parameter_stays_a_value(text):
    from papermill.translators import PythonTranslator

    try:
        (value,) = parse_parameters([f"name={text}"]).values()
    except BadInput:
        return
    (line,) = ast.parse(PythonTranslator.codify({"name": value})).body
    assert isinstance(line, ast.Assign) and line.targets[0].id == "name"
    given = eval(ast.unparse(line.value), {"float": float, "__builtins__": {}})
    assert repr(given) == repr(value)


@settings(max_examples=150, deadline=None, database=None)
@given(JSON | st.binary())
def test_plain_containers_come_out_of_a_pickle_as_they_went_in(tmp_path_factory, value):
    from a2f.data.safe_pickle import load_pickle

    path = tmp_path_factory.getbasetemp() / "plain.pkl"
    path.write_bytes(pickle.dumps(value))
    assert repr(load_pickle(path)) == repr(value)
    os.unlink(path)

"""Pickles: numbers of every make are read as they were written, and nothing else is, whatever a file asks for."""

from __future__ import annotations

import builtins
import collections
import fractions
import io
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest

from a2f.data.safe_pickle import load_pickle
from a2f.errors import BadInput, MissingData


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def stored(folder, value, protocol=2):
    path = folder / "file.pkl"
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


def same(one, two):
    if isinstance(two, dict):
        return type(one) is dict and one.keys() == two.keys() and all(same(one[key], two[key]) for key in two)
    if isinstance(two, (list, tuple)):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    if isinstance(two, np.ndarray):
        return type(one) is np.ndarray and one.dtype == two.dtype and np.array_equal(one, two)
    return type(one) is type(two) and one == two


RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=(3, 2))
VALUES = {
    "nested": {"a": {"b": [RNG.normal(size=(4, 3)).astype("f4"), (1, 2.5, None, True)]}, 3: "tölpel", "raw": b"\xff"},
    "integers": {"i2": np.arange(-5, 5, dtype="i2"), "u1": np.arange(9, dtype="u1"), "bool": np.array([True, False])},
    "big-endian": np.arange(6, dtype=">f8").reshape(2, 3),
    "columns first": np.asfortranarray(RNG.normal(size=(3, 4))),
    "strided": np.arange(12.0)[::3],
    "texts": np.array(["a", "bcd"]),
    "empty": [np.zeros((0, 3), "f4"), [], {}],
    "no axes": np.array(2.5),
    "scalars": {"rate": np.int64(22000), "gain": np.float32(0.5), "yes": np.bool_(True)},
    "same twice": [SHARED, SHARED, {"again": SHARED}],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", VALUES)
def test_numbers_are_read_as_they_were_written(tmp_path, name, protocol):
    assert same(load_pickle(stored(tmp_path, VALUES[name], protocol)), VALUES[name])


def test_dicts_of_all_kinds_become_plain_ones(tmp_path):
    count = collections.defaultdict(int, a=1)
    value = [collections.OrderedDict(b=np.arange(3)), count, {1, 2}, frozenset({3})]
    ordered, counted, *sets = load_pickle(stored(tmp_path, value))
    assert same([ordered, counted], [{"b": np.arange(3)}, {"a": 1}]) and sets == value[2:]


# What Python 2.7 with numpy 1 writes for {'a': array([1., 2.], dtype=float32), 'rate': 22000L}: texts are bytes, names
# are those of its own modules.
PYTHON_2 = (
    b"\x80\x02}q\x00(U\x01aq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b"
    b"\x87Rq\x04(K\x01K\x02\x85cnumpy\ndtype\nq\x05U\x02f4K\x00K\x01\x87Rq\x06(K\x03U\x01<NNNJ\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x00@tbU\x04rateq\x07\x8a\x02\xf0Uu."
)


def test_what_python_2_wrote(tmp_path):
    assert same(load_pickle(stored(tmp_path, PYTHON_2)), {"a": np.array([1, 2], "f4"), "rate": 22000})
    text = b"(dp0\nS'caf\\xe9'\np1\nc__builtin__\nset\np2\n((lp3\nI1\natp4\nRp5\ns."
    assert load_pickle(stored(tmp_path, text)) == {"café": {1}}
    with pytest.raises(BadInput, match="file.pkl is not a whole pickle"):
        load_pickle(stored(tmp_path, text), encoding="ascii")


def attacks(witness):
    """Return pickles that would leave a file behind if they were obeyed, by what they try."""
    shell = f"touch {witness}"
    write = f"open({str(witness)!r}, 'w').close()"
    numbers = np.arange(4)
    calls = {
        "os.system": Calls(os.system, shell),
        "eval": Calls(builtins.eval, write),
        "exec": Calls(builtins.exec, write),
        "open": Calls(builtins.open, str(witness), "w"),
        "a numpy writer": Calls(np.save, str(witness), numbers),
        "a numpy reader of pickles": Calls(np.load, str(witness), None, True),
        "deep inside": {"FaceTalk": {"sentence01": [numbers, {"audio": (Calls(os.system, shell),)}]}},
        "as a key": {Calls(os.system, shell): numbers},
        "beside": [numbers, Calls(os.system, shell)],
    }
    made = {name: pickle.dumps(value, 2) for name, value in calls.items()}
    made["getattr"] = b"\x80\x02c__builtin__\ngetattr\ncos\nenviron\nU\x03get\x86R."
    made["text protocol"] = b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR."
    made["Python 2's names"] = b'c__builtin__\neval\n(S"' + write.encode() + b'"\ntR.'
    made["instance"] = b"(S'" + shell.encode() + b"'\nios\nsystem\n."
    made["a dotted name"] = b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile.x\x93."
    made["through a module"] = b"cnumpy\nsys.modules\n."
    made["a constructor"] = b"\x80\x02csubprocess\nPopen\n(]U\x05touchaU" + bytes([len(str(witness))])
    made["a constructor"] += str(witness).encode() + b"atR."
    made["extension registry"] = b"\x80\x02\x82\x01."
    made["persistent name"] = b"\x80\x02U\x01xQ."
    return made


@pytest.mark.parametrize("name", attacks("x"))
def test_a_pickle_that_asks_for_anything_else_is_refused_and_not_obeyed(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)  # so that an attack reaches its witness whatever the folder is called
    witness = Path("witness")
    path = stored(tmp_path, attacks(witness)[name])
    with pytest.raises(BadInput, match="file.pkl"):
        load_pickle(path)
    assert not witness.exists()


def test_the_attacks_work_where_nobody_guards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("os.system", "eval", "deep inside", "text protocol"):
        witness = Path(name.replace(" ", "-"))
        pickle.loads(attacks(witness)[name])
        assert witness.exists(), name


def test_the_refusal_names_file_and_what_was_asked_for(tmp_path):
    with pytest.raises(BadInput, match=r"file\.pkl.*(posix|nt)\.system.*not run.*save it anew"):
        load_pickle(stored(tmp_path, Calls(os.system, "true")))
    with pytest.raises(BadInput, match=r"fractions\.Fraction"):
        load_pickle(stored(tmp_path, {"a": fractions.Fraction(1, 2)}))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_of_objects_are_refused(tmp_path, protocol):
    for value in (np.array([{}, None]), np.zeros(2, [("a", "f4"), ("b", "O")]), np.zeros(2, "M8[s]")):
        with pytest.raises(BadInput, match="an array of"):
            load_pickle(stored(tmp_path, {"a": value}, protocol))


def test_an_array_that_lies_about_its_bytes_is_refused(tmp_path):
    longer = PYTHON_2.replace(b"K\x01K\x02\x85c", b"K\x01K\x7f\x85c")
    objects = PYTHON_2.replace(b"U\x02f4", b"U\x02O8")
    flags = PYTHON_2.replace(b"(K\x03U\x01<NNNJ", b"(K\x03U\x01<NU\x01OtNJ")
    for changed in (longer, objects, flags):
        assert changed != PYTHON_2
        with pytest.raises(BadInput, match="file.pkl"):
            load_pickle(stored(tmp_path, changed))


def test_every_cut_is_noticed(tmp_path):
    whole = pickle.dumps(VALUES["nested"], 2)
    for length in range(len(whole)):
        with pytest.raises(BadInput, match="file.pkl"):
            load_pickle(stored(tmp_path, whole[:length]))


def test_other_files_and_none(tmp_path):
    for raw in (b"", b"PK\x03\x04", b"not a pickle", bytes(100)):
        with pytest.raises(BadInput, match="not a whole pickle"):
            load_pickle(stored(tmp_path, raw))
    with pytest.raises(MissingData, match="nothing.pkl"):
        load_pickle(tmp_path / "nothing.pkl")


def test_what_has_no_end_is_refused_soon(tmp_path):
    ring = []
    ring.append(ring)
    with pytest.raises(BadInput, match="no end"):
        load_pickle(stored(tmp_path, ring))
    fold = ["x"]
    for _ in range(200):
        fold = [fold, fold]
    assert len(load_pickle(stored(tmp_path, fold))) == 2


def test_a_pickle_cannot_change_what_the_next_one_meets(tmp_path):
    # BUILD writes attributes to what it is given: here to the maker of dtypes, which is then named again
    vandal = b"\x80\x02cnumpy\ndtype\n}U\x05dtypeK\x01sb."
    with pytest.raises(BadInput):
        load_pickle(stored(tmp_path, vandal))
    assert same(load_pickle(stored(tmp_path, PYTHON_2)), {"a": np.array([1, 2], "f4"), "rate": 22000})


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_tensors_are_read_as_arrays(tmp_path, torch):
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {"whole": base, "part": base[1:3, ::2], "turned": base.T, "none": base[:0], "ints": torch.arange(3)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = stored(tmp_path, {"subject": tensors})
    read = load_pickle(path)["subject"]
    assert same(read, {name: tensor.numpy() for name, tensor in tensors.items()})


def test_a_tensor_may_not_reach_beyond_its_memory(tmp_path, torch):
    tensor = torch.arange(6.0).reshape(2, 3)
    whole = pickle.dumps(tensor, 2)
    at = whole.index(b"K\x02K\x03\x86")
    with pytest.raises(BadInput, match="reaches to number"):
        load_pickle(stored(tmp_path, whole[:at] + b"K\x7fK\x03\x86" + whole[at + 5 :]))


def test_code_hidden_in_a_tensors_memory_is_refused(tmp_path, torch, monkeypatch):
    from torch.storage import _load_from_bytes

    monkeypatch.chdir(tmp_path)
    witness = Path("witness")
    inner = io.BytesIO()
    torch.save(Calls(os.system, f"touch {witness}"), inner, _use_new_zipfile_serialization=False)
    raw = inner.getvalue()
    for hidden in (raw, pickle.dumps(Calls(os.system, f"touch {witness}"), 2)):
        path = stored(tmp_path, {"verts": Calls(_load_from_bytes, hidden)})
        with pytest.raises(BadInput, match="file.pkl"):
            load_pickle(path)
        assert not witness.exists()
    _load_from_bytes(raw)
    assert witness.exists()

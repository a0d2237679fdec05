"""The model card: front matter that parses, every row of the evaluation, nothing claimed that was not given."""

from __future__ import annotations

import pytest
import yaml

from a2f.card import FACTS, model_card
from a2f.errors import BadInput

WHOLE = {
    "name": "A model: 'quoted' # and more",
    "model_id": "demo",
    "summary": "Speech in, faces out.",
    "license": "mit",
    "language": ["en"],
    "tags": ["speech", "a2f"],
    "synthetic": True,
    "data": {"voices": "five programs", "faces": "a head model"},
    "training": {"epochs": 6, "learning rate": 0.002},
    "model": {"audio encoder": "log-mel", "fps": "30"},
    "limits": ["English only.", "No tongue."],
}


def front(text: str) -> dict:
    _, matter, rest = text.split("---\n", 2)
    assert rest.startswith("\n# ")
    return yaml.safe_load(matter)


def test_every_fact_is_shown():
    assert set(WHOLE) == set(FACTS)
    text = model_card(WHOLE)
    for words in (
        "five programs",
        "a head model",
        "| training | learning rate | 0.002 |",
        "- English only.",
        "30 frames",
        "Speech in, faces out.",
        'a2f.load("demo")',
        "--checkpoint demo",
        "**synthetic**",
    ):
        assert words in text, words
    for section in ("How to use it", "What it learned from", "Settings", "How well it does", "Limits", "Misuse"):
        assert f"## {section}\n" in text
    assert "deceive" in text and "Label" in text and "10.1145/3581783.3611775" in text
    assert all(len(line) <= 400 for line in text.splitlines())


def test_the_front_matter_is_yaml_that_a_hub_reads():
    found = front(model_card(WHOLE))
    assert found["library_name"] == "a2f" and found["license"] == "mit" and found["language"] == ["en"]
    assert found["tags"].count("a2f") == 1 and "speech" in found["tags"]
    tricky = front(model_card({"name": "x", "license": "no: 'such' # thing", "language": "no"}))
    assert (tricky["license"], tricky["language"]) == ("no: 'such' # thing", "no")


def test_nothing_is_claimed_that_was_not_given():
    text = model_card({"name": "Mine"})
    assert "license" not in front(text) and "Licence: not stated" in text
    assert "Not measured" in text and text.count("Not stated") == 3 and "synthetic" not in text


def test_a_hub_name_is_loaded_with_a_download_and_a_folder_without():
    assert 'a2f.load("me/mine", download=True)' in model_card({"name": "x", "model_id": "me/mine"})
    assert "download" not in model_card({"name": "x"})


def test_each_row_of_an_evaluation_is_a_row_of_the_table():
    rows = [
        {"quantity": "r, unseen voice", "value": 0.87654, "interval": [0.85, 0.9], "demand": "> 0.8", "holds": True,
         "detail": "piper | 30"},
        {"quantity": "closures", "value": "12 of 40", "interval": None, "demand": "all", "holds": False, "detail": ""},
        {"quantity": "noise", "value": 3},
    ]  # fmt: skip
    text = model_card({"name": "x"}, {"about": "Thirty sentences.", "rows": rows})
    assert "Thirty sentences.\n\n| quantity |" in text
    assert "| r, unseen voice | 0.877 | 0.85 to 0.9 | > 0.8 | yes | piper \\| 30 |" in text
    assert "| closures | 12 of 40 |  | all | **no** |  |" in text and "| noise | 3 |  |  |  |  |" in text


@pytest.mark.parametrize(
    ("facts", "evaluation", "named"),
    [
        ({}, None, "needs a name"),
        ({"name": " "}, None, "needs a name"),
        ({"name": "x", "licence": "mit"}, None, "no fact called 'licence'"),
        ({"name": "x"}, {}, "list of rows"),
        ({"name": "x"}, {"rows": []}, "at least one"),
        ({"name": "x"}, {"rows": [{"quantity": "r"}]}, "a row of an evaluation"),
        ({"name": "x"}, {"rows": [{"quantity": "r", "value": 1, "score": 2}]}, "a row of an evaluation"),
        ({"name": "x"}, {"rows": [{"quantity": "r", "value": 1, "interval": [1]}]}, "interval of 'r'"),
    ],
)
def test_what_is_malformed_is_refused(facts, evaluation, named):
    with pytest.raises(BadInput, match=named):
        model_card(facts, evaluation)

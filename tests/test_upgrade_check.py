"""The upgrade check asks for what pyproject.toml allows, and tells what failed by name and reason."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import upgrade_check


def test_direct_requirements_are_asked_for_by_their_lower_bounds_but_what_is_held_by_its_pin():
    asked = upgrade_check.wanted(["torch"])
    assert f"torch=={upgrade_check.pins()['torch']}" in asked and sum(line.startswith("torch") for line in asked) == 1
    assert all(">=" in line for line in asked if not line.startswith("torch=="))
    assert {"numpy", "pytest", "papermill"} <= {line.split(">=")[0] for line in asked}
    with pytest.raises(SystemExit, match="tourch is not pinned"):
        upgrade_check.wanted(["tourch"])


def test_what_is_at_its_pin_has_not_moved_and_what_is_not_is_told_with_both_versions(monkeypatch):
    extra = [line for line in upgrade_check.moved(Path(sys.executable)) if line.split()[1:3] != ["not", "pinned"]]
    assert not extra, "this environment is the pinned one"
    pinned = upgrade_check.pins()
    monkeypatch.setattr(upgrade_check, "pins", lambda: pinned | {"numpy": "1.0", "absent": "2.0"})
    moved = upgrade_check.moved(Path(sys.executable))
    assert f"numpy 1.0 -> {pinned['numpy']}" in moved and "absent 2.0 -> not needed" in moved


def test_failures_and_errors_are_told_with_their_first_line(tmp_path):
    (tmp_path / "tests.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.test_a" name="test_good"/>'
        '<testcase classname="tests.test_a" name="test_bad"><failure message="assert 1 == 2&#10;more"/></testcase>'
        '<testcase classname="tests.test_b" name="test_worse"><error/></testcase></testsuite></testsuites>'
    )
    assert upgrade_check.failed(tmp_path / "tests.xml") == [
        "tests.test_a::test_bad: assert 1 == 2",
        "tests.test_b::test_worse: error",
    ]

"""The command line: help for every command, one-line errors, exit codes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from a2f import cli, commands
from a2f.errors import BadInput, MissingData, RenderingUnavailable

COMMANDS = ("train", "evaluate", "animate", "view", "validate-data", "reproduce", "study")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0 and shown.startswith(f"usage: a2f {command}")
    arguments = [action for action in cli.parser()._subparsers._group_actions[0].choices[command]._actions]
    assert all(action.help for action in arguments)


def test_the_help_names_all_commands_quickly():
    code = "import sys; from a2f.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(command in shown for command in COMMANDS)
    assert "torch" not in shown.split() and "papermill" not in shown.split()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["train"],
        ["animate", "a.wav"],
        ["view"],
        ["reproduce", "--seed", "-1"],
        ["reproduce", "--seed", "x"],
    ],
)
def test_a_wrong_command_line_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2 and "usage: a2f" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reproduce", "--preset", "demmo"], "'demmo'"),
        (["reproduce", "--parameter", "seed"], "name=value"),
        (["validate-data", "vocasset"], "'vocasset'"),
        (["validate-data", "vocaset"], "data set vocaset is not shipped"),
        (["validate-data", "biwi", "here", "--articulation"], "--articulation is for the demo corpus"),
        (["validate-data", "demo", "here"], "takes neither a path"),
        (["train", "--dataset", "multiface", "--data-root", "nowhere", "--out", "x"], "'nowhere' is not a folder"),
        (["train", "--out", "x", "--device", "cuda"], "no CUDA device"),
        (["bench", "--out", "x", "--device", "cuda"], "no CUDA device"),
        (["bench", "--out", "x", "--quick", "--device", "tpu"], "device is 'tpu', expected 'cpu' or 'cuda'"),
        (["train", "--preset", "none", "--out", "x"], "'none'"),
        (["train", "--preset", "smoke", "--set", "colour=1", "--out", "x"], "colour"),
        (["animate", "none.wav", "nor this.wav", "--out", "x"], "none.wav, nor this.wav"),
        (["animate", "none.wav", "--out", "x", "--format", "npz, avi"], "format 'avi' is unknown; there are mp4, npz"),
        (["animate", "none.wav", "--out", "x", "--format", ","], "format '' is unknown"),
        (["view", "none.npz"], "none.npz is not a file"),
        (["view", "face.glb"], "face.glb is not an .npz that a2f wrote, which is all that a2f view shows; open a .glb"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert cli.main(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("a2f: error: ") and words in shown and shown.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_animate_needs_a_sound_a_folder_and_nothing_else(capsys):
    options = cli.parser().parse_args(["animate", "a.wav", "--out", "x"])
    assert (options.checkpoint, options.download, options.style, options.template) == ("demo", False, None, None)
    assert (options.format, options.force) == ("mp4,npz", False)
    with pytest.raises(SystemExit):
        cli.main(["animate", "--help"])
    assert "\n  a2f animate speech.wav --out films\n" in capsys.readouterr().out


def test_the_help_lists_every_format_and_each_example_is_a_command(capsys):
    from a2f.animation import FORMATS

    for command in ("animate", "view"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        shown = capsys.readouterr().out
        examples = [line.split()[1:] for line in shown.partition("examples:\n")[2].splitlines()]
        assert len(examples) >= 3
        for words in examples:
            options = cli.parser().parse_args(words)
            assert words[0] == command and set(getattr(options, "format", "npz").split(",")) <= set(FORMATS)
        listed = shown.partition("formats:\n")[2].partition("\n\n")[0]
        assert command == "view" or all(re.search(rf"\b{name}\b", listed) for name in FORMATS)


@pytest.mark.parametrize("document", ["README.md", "a2f/assets/model/README.md", "notebooks/00_quickstart.py"])
def test_the_commands_that_documents_show_can_be_called(document):
    text = (Path(__file__).resolve().parents[1] / document).read_text(encoding="utf-8")
    calls = re.findall(r"a2f (?:animate|view) [^`\n]*--[^`\n]*", text)
    assert calls
    for call in calls:
        cli.parser().parse_args(shlex.split(call)[1:])


def test_animate_names_a_model_that_is_not_here(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.wav").write_bytes(b"")
    for model, words in (("nothing", "shipped one"), ("nobody/nothing", "--download")):
        assert cli.main(["animate", "a.wav", "--out", "x", "--checkpoint", model]) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.fixture
def motion(tmp_path, clip, topology):
    from a2f.animation import Animation

    Animation(clip.vertices, clip.fps, topology, clip.waveform, clip.sample_rate, "hello").to_npz(tmp_path / "a.npz")
    return str(tmp_path / "a.npz")


def test_view_opens_a_page_of_all_the_files_in_the_browser(motion, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert cli.main(["view", motion, motion]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert opened == [page.as_uri()]
    assert page.read_text(encoding="utf-8").count('"name": "hello"') == 2
    shutil.rmtree(page.parent)


def test_view_writes_the_page_and_opens_nothing_when_told_where(motion, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: pytest.fail("opened"))
    assert cli.main(["view", motion, "--out", str(tmp_path / "a.html")]) == 0
    assert re.fullmatch(rf"written: {tmp_path}/a.html \(vertices within [\d.e-]+ mm\)\n", capsys.readouterr().out)
    assert "hello" in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "code"), [(BadInput("b"), 2), (MissingData("m"), 2), (RenderingUnavailable("r"), 1)]
)
def test_errors_on_purpose_become_exit_codes(error, code, capsys, monkeypatch):
    def fail(options):
        raise error

    monkeypatch.setattr(commands, "validate_data", fail)
    assert cli.main(["validate-data", "demo"]) == code
    assert capsys.readouterr().err == f"a2f: error: {error}\n"


def test_a_programming_error_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(commands, "validate_data", lambda options: int("not a number of ours"))
    with pytest.raises(ValueError, match="invalid literal"):
        cli.main(["validate-data", "demo"])


def test_failed_checks_exit_with_1(monkeypatch, capsys):
    from a2f.data import validate_demo

    for ok, code in ((True, 0), (False, 1)):
        report = SimpleNamespace(ok=ok)
        monkeypatch.setattr(validate_demo, "validate_demo", lambda report=report: report)
        assert cli.main(["validate-data", "demo"]) == code
        assert f"ok={ok}" in capsys.readouterr().out

"""The command line: `a2f train | evaluate | animate | view | validate-data | bench | reproduce | study`."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import a2f
from a2f import commands
from a2f.bench import command as bench
from a2f.errors import A2FError, BadInput
from a2f.processes import launched

_BAD_CALL, _STOPPED = 2, 130

_TRAIN_MORE = """Processes that torchrun or `accelerate launch` starts together share each batch of the preset: losses
are those of one process, but for rounding. An interrupted run may go on with another number of processes.

examples:
  a2f train --out build/mine
  a2f train --out build/mine --preset paper --dataset vocaset --data-root vocaset --device cuda
  torchrun --nproc-per-node 8 -m a2f.cli train --out build/mine --preset paper --device cuda --precision bfloat16
  torchrun --nproc-per-node 2 -m a2f.cli train --out build/mine
"""
_ANIMATE_MORE = """formats:
  mp4   film with sound                        npz   everything, exactly; what `a2f view` and --style take
  html  page that plays it, offline            csv   ARKit's 52 strengths a frame, as Live Link Face writes them
  glb   blendshapes, for engines and Blender   usd   every vertex, for Omniverse, Maya, Houdini, ...
  pc2   Blender's mesh cache                   ply, obj   a folder NAME-ply or NAME-obj, a mesh for each frame

Beside the results of a recording lies NAME.a2f.json, which says what they were made from. A second call keeps what was
made from the same sound, model, style and face, and is still as it was written; --force makes it anew. A recording that
cannot be animated stops no other one; it is named with its reason, and the exit code is 1.

A folder is searched through with all folders in it, whose names the results keep. Shares of the same recordings, by
--shard or by torchrun, have none in common. What is too long for memory is told; pc2, ply and obj are written of it.

examples:
  a2f animate speech.wav --out films
  a2f animate recordings --out films --format pc2 --shard 3/16
  a2f animate *.wav --out films --format npz,glb --template my-face.obj
  a2f animate speech.wav --out films --checkpoint build/mine --style s03-happy.npz
  a2f animate speech.wav --out films --checkpoint owner/name --download
  a2f animate speech.wav --out films --runtime onnxruntime
"""
_VIEW_MORE = """examples:
  a2f view films/speech.npz
  a2f view ours.npz theirs.npz
  a2f view films/speech.npz --out speech.html
"""


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", default="demo", metavar="NAME", help="data set (default: demo, which is shipped)")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data set; the demo corpus needs none")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of everything random (default: 0)")


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


_seed.__name__ = "seed (a whole number of at least 0)"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    main_parser = argparse.ArgumentParser(
        prog="a2f",
        description="Speech-driven 3D face animation with composite and regional facial movements.",
        epilog="Exit codes: 0 done; 1 a check, a notebook or a recording failed; 2 the call cannot be carried out.",
    )
    main_parser.add_argument("--version", action="version", version=f"a2f {a2f.__version__}")
    subparsers = main_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run, summary: str) -> argparse.ArgumentParser:
        made = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        made.set_defaults(run=run)
        return made

    command = add("train", commands.train, "train a model, or go on with an interrupted run")
    command.add_argument("--preset", default="demo", metavar="NAME", help="paper, release, demo (default) or smoke")
    command.add_argument("--out", required=True, metavar="DIR", help="folder of the run; an unfinished one goes on")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change one setting of the preset; repeatable",
    )
    command.add_argument("--regions", metavar="FILE", help="where lips and upper face are (default: what lies there)")
    command.add_argument("--device", default="cpu", metavar="NAME", help="cpu (default) or cuda")
    command.add_argument(
        "--precision", default="float32", metavar="NAME", help="float32 (default) or bfloat16, if the machine has it"
    )
    command.add_argument(
        "--save-seconds", type=float, default=30.0, metavar="S",
        help="write the state that a killed run goes on from so often (default: 30; 0: after every step)",
    )  # fmt: skip
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = _TRAIN_MORE
    _add_data(command)

    command = add("evaluate", commands.evaluate, "measure a trained run: the five errors of Table 1")
    command.add_argument("run_folder", metavar="RUN", help="folder of a finished run")
    command.add_argument("--split", default="test", choices=("train", "val", "test"), help="default: test")
    command.add_argument(
        "--protocol",
        default="same-speaker-other-sentence",
        metavar="NAME",
        help="which style motion is fed in (default: same-speaker-other-sentence, which leaks nothing)",
    )
    command.add_argument("--out", metavar="FILE", help="write the result there as JSON instead of printing it")
    command.add_argument("--regions", metavar="FILE", help="where lips and upper face are (default: what lies there)")
    _add_data(command)

    command = add("animate", commands.animate, "make talking faces from speech recordings")
    command.add_argument(
        "wav", nargs="+", metavar="SPEECH", help="recordings, any rate, mono or stereo; or folders of them"
    )
    command.add_argument("--out", required=True, metavar="DIR", help="folder for the animations, made if missing")
    command.add_argument("--format", default="mp4,npz", metavar="LIST", help="what to write (default: mp4,npz)")
    command.add_argument("--force", action="store_true", help="make also what is there already")
    command.add_argument(
        "--shard", default="1/1", metavar="N/COUNT", help="which share of the recordings to animate (default: 1/1, all)"
    )
    command.add_argument(
        "--checkpoint",
        default="demo",
        metavar="MODEL",
        help="demo (default), which comes with a2f; the folder of a trained or saved model; or a hub's owner/name",
    )
    command.add_argument("--download", action="store_true", help="fetch a hub's model first; else no network is used")
    command.add_argument(
        "--style", metavar="CLIP_OR_NPZ", help="motion to take the style from, a clip or an npz (default: neutral)"
    )
    command.add_argument(
        "--template",
        metavar="FILE",
        help="face at rest, an .obj, .ply or .npy in the model's topology and unit (default: one of the corpus)",
    )
    command.add_argument(
        "--runtime",
        default="torch",
        choices=("torch", "openvino", "openvino-int8", "onnxruntime", "onnxruntime-int8"),
        help="what runs the audio encoder (default: torch); the others need a2f[runtime], and what they change is told",
    )
    command.add_argument(
        "--calibration", metavar="SPEECH", help="openvino-int8: speech like yours (default: of the demo corpus)"
    )
    command.add_argument("--device", default="cpu", metavar="NAME", help="cpu (default) or cuda")
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = _ANIMATE_MORE

    command = add("view", commands.view, "show animations in the browser, with sound, side by side")
    command.add_argument("file", nargs="+", metavar="NPZ", help="animations that a2f wrote as npz")
    command.add_argument("--out", metavar="PAGE", help="write the page there, one file without links, and open nothing")
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = _VIEW_MORE

    command = add(
        "validate-data", commands.validate_data, "say what a data set holds, what is missing, and if it is usable"
    )
    command.add_argument("name", metavar="NAME", help="demo, vocaset, biwi, multiface or folder (one's own)")
    command.add_argument("path", nargs="?", metavar="PATH", help="folder that holds it; the demo corpus needs none")
    command.add_argument("--regions", metavar="FILE", help="where lips and upper face are (default: what lies there)")
    command.add_argument("--scaling", default="subject", metavar="NAME", help="biwi: subject (default) or frame")
    command.add_argument("--articulation", action="store_true", help="demo: only how the mouth moves, against ranges")
    command.add_argument("--json", metavar="FILE", help="write it all there, too")
    command.add_argument("--figure", metavar="FILE", help="draw apertures, speeds and closures beside the ranges")

    command = add("bench", bench.run, "time training, synthesis, export and F-DTW against a plain path and FaceFormer")
    bench.add_arguments(command)

    command = add("reproduce", commands.reproduce, "run all notebooks in order and publish their figures")
    command.add_argument("--preset", default="demo", metavar="NAME", help="demo (default) or smoke, the quick check")
    command.add_argument("--out", default="build", metavar="DIR", help="where everything goes (default: build)")
    command.add_argument("--only", nargs="+", default=[], metavar="NN", help="only these notebooks; publish nothing")
    command.add_argument("--fresh", action="store_true", help="run also what is finished and unchanged")
    command.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further notebook parameter; repeatable",
    )
    command.add_argument(
        "--publish-notebooks", action="store_true", help="store the executed notebooks beside their sources"
    )
    _add_data(command)

    command = add("study", commands.study, "run the longer studies behind notebooks 10 and 12, or go on with them")
    command.add_argument("names", nargs="*", metavar="NAME", help="release, sparsity, template, protocols, features; "
                         "all by default")  # fmt: skip
    command.add_argument("--out", default="build", metavar="DIR", help="folder of the runs (default: build)")
    return main_parser


def _check_shared(options: argparse.Namespace) -> None:
    """Refuse a command that several processes would each do whole, over each other's files."""
    if options.run not in (commands.train, commands.animate) and launched()[1] > 1:
        raise BadInput("several processes share `a2f train` and `a2f animate` only; start this command by itself")


def _who() -> str:
    """Return which of several processes this is, for an error's text."""
    try:
        place, count = launched()
    except BadInput:
        return ""
    return f" in process {place} of {count}" if count > 1 else ""


def _is_ours(error: BaseException) -> bool:
    """True for an error raised on purpose: an A2FError, or a built-in kind from a line of a2f."""
    if isinstance(error, A2FError):
        return True
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return Path(last).resolve().is_relative_to(Path(a2f.__file__).resolve().parent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (argparse itself exits with 2)."""
    options = parser().parse_args(arguments)
    try:
        _check_shared(options)
        return options.run(options)
    except (A2FError, ValueError) as error:
        if not _is_ours(error):
            raise
        print(f"a2f: error{_who()}: {error}", file=sys.stderr)
        # what is not the user's input (no way to draw, a loss that diverged) is a failure of the run
        return _BAD_CALL if isinstance(error, (ValueError, FileNotFoundError)) else commands.FAILED
    except OSError as error:
        if error.filename is None:
            raise
        # a place that the call names, or one below it: no folder, no right to it, too long a name
        print(f"a2f: error{_who()}: {error.filename}: {error.strerror}; name another place", file=sys.stderr)
        return _BAD_CALL
    except KeyboardInterrupt:
        print("a2f: stopped; the same command goes on from here", file=sys.stderr)
        return _STOPPED


if __name__ == "__main__":
    sys.exit(main())

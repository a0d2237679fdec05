"""The command line: `a2f train | evaluate | animate | validate-data | reproduce | study`."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import a2f
from a2f.errors import A2FError, BadInput, MissingData
from a2f.files import atomic_path, write_json

_ANIMATE_EXAMPLES = """examples:
  a2f animate speech.wav --out films
  a2f animate *.wav --out films --format npz --template my-face.obj
  a2f animate speech.wav --out films --checkpoint build/mine --style s03-happy.npz
  a2f animate speech.wav --out films --checkpoint owner/name --download
"""
_FIGURES = (".png", ".pdf", ".svg")
_DONE, _FAILED, _BAD_INPUT, _STOPPED = 0, 1, 2, 130


def _train(options: argparse.Namespace) -> int:
    from a2f.config import on_dataset, preset
    from a2f.data import described, open_configured, usable_rate
    from a2f.reproduce import parse_parameters
    from a2f.training import train

    wanted, changes = preset(options.preset), parse_parameters(options.set)
    rate = usable_rate(options.dataset, options.data_root, wanted.data.fps)
    config = on_dataset(wanted, options.dataset, rate).replace(regions=options.regions, **changes)
    dataset = open_configured(config.data, options.data_root)
    _print_data(described(dataset))
    run = train(config, dataset, options.out, seed=options.seed, device=options.device)
    print(f"finished run: {run}")
    return _DONE


def _evaluate(options: argparse.Namespace) -> int:
    from a2f.data import described, open_dataset, rotate
    from a2f.evaluation import evaluate, means
    from a2f.methods import load_method
    from a2f.models import read_run_config

    config, _ = read_run_config(options.run_folder)
    dataset = open_dataset(
        options.dataset,
        options.data_root,
        config.data.fps,
        split=config.data.split,
        regions=options.regions or config.data.regions,
        scaling=config.data.scaling,
    )
    dataset = rotate(dataset, config.data.rotation)  # else its training speakers would be tested on
    _print_data(described(dataset))
    method = load_method(options.run_folder, dataset, Path(options.run_folder).parent / "features")
    rows = evaluate(method, dataset, split=options.split, protocol=options.protocol, seed=options.seed)
    result = {
        "run": Path(options.run_folder).name,
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "data": described(dataset),
        "split": options.split,
        "protocol": options.protocol,
        "seed": options.seed,
        "means": means(rows),
        "clips": rows,
    }
    for metric, value in result["means"].items():
        print(f"{metric:<16} {value:.4f}")
    if options.out:
        write_json(options.out, result)
        print(f"written: {options.out}")
    return _DONE


def _animate(options: argparse.Namespace) -> int:
    if not any(Path(wav).is_file() for wav in options.wav):
        raise MissingData(f"{', '.join(options.wav)}: no such file")
    from a2f.animate import animate  # after the check above, which needs no torch

    written = animate(
        options.wav,
        options.out,
        [name for name in options.format.split(",") if name],
        checkpoint=options.checkpoint,
        style=options.style,
        template=options.template,
        download=options.download,
    )
    for path in written:
        print(f"written: {path}")
    return _DONE


def _print_data(data: dict) -> None:
    """Say which regions of which origin the errors are taken over, and how the data set is divided."""
    sizes = ", ".join(f"{name} {size}" for name, size in data["regions"].items())
    clips = ", ".join(f"{role} {count}" for role, count in data["clips"].items())
    print(f"{data['vertices']} vertices in {data['unit']} at {data['fps']:g} frames a second; clips: {clips}")
    print(f"split: {data['split']}; regions: {sizes}; from {data['region_source']}")


def _validate_folder(options: argparse.Namespace) -> int:
    from a2f.data import survey_folder
    from a2f.data.validate import validate

    for given, name in ((options.articulation, "--articulation"), (options.figure, "--figure")):
        if given:
            raise BadInput(f"{name} is for the demo corpus, which knows its phones; {options.name} does not")
    report = validate(survey_folder(options.name, options.path, options.regions, options.scaling))
    if options.json:
        write_json(options.json, report.to_json())
    print(report)
    return _DONE if report.ok else _FAILED


def _validate_data(options: argparse.Namespace) -> int:
    if options.name != "demo":
        return _validate_folder(options)
    if options.path or options.regions:
        raise BadInput("the demo corpus is shipped with a2f and takes neither a path nor --regions")
    if options.figure and Path(options.figure).suffix not in _FIGURES:
        raise BadInput(f"a figure is written as {' or '.join(_FIGURES)}, not as {options.figure}")
    from a2f.data.validate_demo import ARTICULATION, validate_demo

    report = validate_demo()
    if options.articulation:
        report = report.only(ARTICULATION)
    if options.figure:
        from a2f.plotting.articulation import plot_articulation

        figure = plot_articulation(report)
        with atomic_path(options.figure) as temporary:
            figure.savefig(temporary)
    if options.json:
        write_json(options.json, report.to_json())
    print(report)
    return _DONE if report.ok else _FAILED


def _study(options: argparse.Namespace) -> int:
    from a2f.studies import run

    for path in run(options.names, Path(options.out) / "studies", progress=True):
        print(f"written: {path}")
    return _DONE


def _reproduce(options: argparse.Namespace) -> int:
    from a2f.reproduce import parse_parameters, reproduce

    return reproduce(
        preset=options.preset,
        dataset=options.dataset,
        data_root=options.data_root,
        seed=options.seed,
        out=options.out,
        only=options.only,
        fresh=options.fresh,
        publish_notebooks=options.publish_notebooks,
        parameters=parse_parameters(options.parameter),
    )


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
        epilog="Exit codes: 0 done, 1 a check or a notebook failed, 2 bad input.",
    )
    main_parser.add_argument("--version", action="version", version=f"a2f {a2f.__version__}")
    commands = main_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        made.set_defaults(run=run)
        return made

    command = add("train", _train, "train a model, or go on with an interrupted run")
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
    _add_data(command)

    command = add("evaluate", _evaluate, "measure a trained run: the five errors of Table 1")
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

    command = add("animate", _animate, "make talking faces from speech recordings")
    command.add_argument("wav", nargs="+", metavar="SPEECH", help="recordings: any rate, mono or stereo")
    command.add_argument("--out", required=True, metavar="DIR", help="folder for the animations, made if missing")
    command.add_argument("--format", default="mp4,npz", metavar="LIST", help="what to write (default: mp4,npz)")
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
        "--template", metavar="FILE", help="face at rest, in the model's topology (default: one of the corpus)"
    )
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = _ANIMATE_EXAMPLES

    command = add("validate-data", _validate_data, "say what a data set holds, what is missing, and if it is usable")
    command.add_argument("name", metavar="NAME", help="demo, vocaset, biwi, multiface or folder (one's own)")
    command.add_argument("path", nargs="?", metavar="PATH", help="folder that holds it; the demo corpus needs none")
    command.add_argument("--regions", metavar="FILE", help="where lips and upper face are (default: what lies there)")
    command.add_argument("--scaling", default="subject", metavar="NAME", help="biwi: subject (default) or frame")
    command.add_argument("--articulation", action="store_true", help="demo: only how the mouth moves, against ranges")
    command.add_argument("--json", metavar="FILE", help="write it all there, too")
    command.add_argument("--figure", metavar="FILE", help="draw apertures, speeds and closures beside the ranges")

    command = add("reproduce", _reproduce, "run all notebooks in order and publish their figures")
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

    command = add("study", _study, "run the longer studies behind notebooks 10 and 12, or go on with them")
    command.add_argument("names", nargs="*", metavar="NAME", help="release, sparsity, template, protocols, features; "
                         "all by default")  # fmt: skip
    command.add_argument("--out", default="build", metavar="DIR", help="folder of the runs (default: build)")
    return main_parser


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
        return options.run(options)
    except (A2FError, ValueError, FileNotFoundError) as error:
        if not _is_ours(error):
            raise
        print(f"a2f: error: {error}", file=sys.stderr)
        # what is not the user's input (no way to draw, a loss that diverged) is a failure of the run
        return _BAD_INPUT if isinstance(error, (ValueError, FileNotFoundError)) else _FAILED
    except KeyboardInterrupt:
        print("a2f: stopped; the same command goes on from here", file=sys.stderr)
        return _STOPPED


if __name__ == "__main__":
    sys.exit(main())

"""What each subcommand of `a2f` does with its options; the heavy imports are inside, so that help is quick."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from a2f.errors import BadInput
from a2f.files import atomic_path, write_json

FIGURES = (".png", ".pdf", ".svg")
DONE, FAILED = 0, 1


def train(options: argparse.Namespace) -> int:
    """Train a model, or go on with an interrupted run, alone or with the processes that were launched together."""
    from a2f.config import on_dataset, preset
    from a2f.data import described, open_configured, usable_rate
    from a2f.processes import launched, part
    from a2f.reproduce import parse_parameters
    from a2f.training import train

    main = launched()[0] == 0
    wanted, changes = preset(options.preset), parse_parameters(options.set)
    rate = usable_rate(options.dataset, options.data_root, wanted.data.fps)
    config = on_dataset(wanted, options.dataset, rate).replace(regions=options.regions, **changes)
    dataset = open_configured(config.data, options.data_root)
    if main:
        _print_data(described(dataset))
    run = train(
        config,
        dataset,
        options.out,
        seed=options.seed,
        device=options.device,
        precision=options.precision,
        save_seconds=options.save_seconds,
    )
    part()
    if main:
        print(f"finished run: {run}")
    return DONE


def evaluate(options: argparse.Namespace) -> int:
    """Measure a trained run on a split of a data set."""
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
    return DONE


def animate(options: argparse.Namespace) -> int:
    """Animate sound files, or one share of them; 1 where one could not be."""
    from tqdm.auto import tqdm

    from a2f.jobs import plan  # the checks that need no torch come before what does
    from a2f.recordings import Shard

    formats = [name.strip() for name in options.format.split(",") if name.strip()]
    shard = Shard.parse(options.shard).within()
    every = plan(options.wav, options.out, formats, (options.style, options.template, options.calibration))
    jobs = shard.of(every)
    share = "" if shard.count == 1 else f"share {shard.number}/{shard.count} of {len(every)}: "
    if not jobs:
        print(f"{share}0 sound files")
        return DONE
    from a2f.animating import animate_each

    outcomes = animate_each(
        jobs,
        checkpoint=options.checkpoint,
        style=options.style,
        template=options.template,
        download=options.download,
        force=options.force,
        progress=sys.stderr.isatty() and shard.count == 1,
        runtime=options.runtime,
        calibration=options.calibration,
        device=options.device,
    )
    made, kept, failed = 0, 0, []
    for outcome in outcomes:
        for result in outcome.results:
            error = "" if result.error is None else f" (vertices within {result.error:.2g} {result.unit})"
            tqdm.write(f"{'written' if result.new else 'kept'}: {result.path}{error}", file=sys.stdout)
        for failure in outcome.failures:
            tqdm.write(f"a2f: error: {failure}", file=sys.stderr)
        if outcome.failures:
            failed.append(str(outcome.job.wav))
        elif any(result.new for result in outcome.results):
            made += 1
        else:
            kept += 1
    print(f"{share}{len(jobs)} sound files: {made} animated, {kept} there already, {len(failed)} failed")
    if failed:
        print(
            f"a2f: error: {len(failed)} of {len(jobs)} sound files could not be animated: {', '.join(failed)}",
            file=sys.stderr,
        )
    return FAILED if failed else DONE


def view(options: argparse.Namespace) -> int:
    """Show animations side by side in a page."""
    for path in map(Path, options.file):
        if path.suffix != ".npz":
            raise BadInput(
                f"{path} is not an .npz that a2f wrote, which is all that a2f view shows; open a .glb, .usd, .ply or "
                ".obj in a 3D program such as Blender, an .mp4 in a film player, an .html in a browser"
            )
    from a2f.animation import Animation
    from a2f.export.player import open_in_browser, write_html

    animations = [Animation.from_npz(path) for path in options.file]
    if not options.out:
        open_in_browser(animations)
        return DONE
    error = write_html(options.out, animations)
    print(f"written: {options.out} (vertices within {error:.2g} {animations[0].topology.unit})")
    return DONE


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
    return DONE if report.ok else FAILED


def validate_data(options: argparse.Namespace) -> int:
    """Say what a data set holds; 1 where it cannot be used."""
    if options.name != "demo":
        return _validate_folder(options)
    if options.path or options.regions:
        raise BadInput("the demo corpus is shipped with a2f and takes neither a path nor --regions")
    if options.figure and Path(options.figure).suffix not in FIGURES:
        raise BadInput(f"a figure is written as {' or '.join(FIGURES)}, not as {options.figure}")
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
    return DONE if report.ok else FAILED


def study(options: argparse.Namespace) -> int:
    """Run the longer studies."""
    from a2f.studies import run

    for path in run(options.names, Path(options.out) / "studies", progress=True):
        print(f"written: {path}")
    return DONE


def reproduce(options: argparse.Namespace) -> int:
    """Run the notebooks; 1 where one failed."""
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

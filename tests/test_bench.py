"""The bench: two ways to one gradient, the style branch once per style, a file that is whole, ratios that can fail."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os

import pytest
import torch

import a2f
from a2f.bench import command, output, ratios, reference, rows
from a2f.bench.apart import apart
from a2f.bench.clock import interleaved, peak_memory
from a2f.bench.hours import of_speech
from a2f.bench.machine import by_library, fastest, least_seconds, rates
from a2f.bench.rows import measure
from a2f.bench.setting import QUICK, audio2face, draw, head, training_batch
from a2f.bench.table import against_faceformer, as_text, place
from a2f.errors import A2FError, BadInput, MissingData
from a2f.models import Motion
from a2f.plotting.runtime import plot_seconds, plot_training_step
from a2f.precision import computes_bfloat16

SIZE = QUICK.sizes[0]


# ---- the plain path and ours


def gradients(model: torch.nn.Module, objective: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    objective.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def in_double(batch):
    motion = Motion(batch.target.values.double())
    return dataclasses.replace(
        batch, audio=batch.audio.double(), template=batch.template.double(), target=motion, style=motion
    )


@pytest.mark.parametrize("normalisation", ["template", "mean"])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_both_ways_have_one_gradient(dtype, tolerance, normalisation):
    setting = dataclasses.replace(QUICK, config=QUICK.config.replace(style_normalisation=normalisation))
    model, batch = audio2face(SIZE, setting).train().to(dtype), training_batch(SIZE, setting)
    batch = in_double(batch) if dtype is torch.float64 else batch
    training = setting.config.training
    expected = gradients(model, reference.loss(model, batch, training))
    found = gradients(model, model.loss(batch, training)[0])
    largest = max(gradient.norm() for gradient in expected.values())
    compared = 0
    for name, gradient in expected.items():
        if gradient.norm() > 1e-6 * largest:  # a bias in front of a batch norm has none
            assert (found[name] - gradient).norm() / gradient.norm() < tolerance, name
            compared += 1
    assert compared > 20
    other = dataclasses.replace(batch, style=Motion(batch.target.values.clone()))  # equal, and not known to be the same
    for name, gradient in gradients(model, model.loss(other, training)[0]).items():
        torch.testing.assert_close(found[name], gradient, rtol=tolerance, atol=tolerance * float(largest))


def test_both_ways_draw_one_face():
    model = audio2face(SIZE, QUICK).double().eval()
    model.data_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    model.data_std.fill_(7.0)
    features, template = draw(3, 5, 32).double(), draw(3, SIZE.vertices, 3, seed=1).double()
    plain = reference.project(model, features, template).unflatten(-1, (-1, 3))
    found = model.synthesise(features, template)
    torch.testing.assert_close(found, plain * model.data_std + model.data_mean, rtol=1e-12, atol=1e-12)


def test_both_ways_take_one_step():
    plain, batch = audio2face(SIZE, QUICK).train(), training_batch(SIZE, QUICK)
    heard = copy.deepcopy(plain)
    for model, encode in ((plain, None), (heard, lambda: batch.audio)):
        reference.step(model, reference.optimizer(model, QUICK.config.training), batch, QUICK.config.training, encode)
    for one, two in zip(plain.parameters(), heard.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(plain.embedding.weight, audio2face(SIZE, QUICK).embedding.weight)


def test_a_second_animation_in_the_same_style_skips_the_style_branch():
    animator = a2f.load("demo")
    calls = []
    animator.model.modulation.encoder.register_forward_hook(lambda *_: calls.append(1))
    template = draw(animator.topology.num_vertices, 3).numpy()
    style = animator.style(None)
    first = animator(draw(8000).numpy(), template, style)
    second = animator(draw(8000).numpy(), template, style)
    assert len(calls) == 1
    assert (first.vertices == second.vertices).all()


# ---- the clock


def test_calls_take_turns():
    order = []
    found = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=3, memory=True)
    assert "".join(order) == "ab" + "ab" * 3 + "ab"
    assert len(found["a"].seconds) == 3 and found["a"].median == sorted(found["a"].seconds)[1]
    assert 0 <= found["a"].others <= 1


def test_operations_of_a_product_are_counted():
    left, right = draw(3, 4), draw(4, 5)
    assert interleaved({"product": lambda: left @ right}, 1)["product"].operations == 2 * 3 * 4 * 5


def test_memory_of_a_call_is_what_it_held_at_most():
    found = peak_memory(lambda: torch.ones(40_000_000).sum())
    assert found is None or 155 < found < 220  # 160 MB


def test_the_floor_is_the_slower_of_products_and_bytes():
    rates = {"products": [{"per_second": 50.0}, {"per_second": 100.0}], "copy": 10.0}
    assert least_seconds(rates, 200.0, 10.0) == 2.0
    assert least_seconds(rates, 200.0, 40.0) == 4.0
    assert least_seconds(rates, 0.0, 0.0) is None


def test_every_library_at_hand_is_asked_for_its_products():
    found = rates(QUICK)
    libraries = {row["library"] for row in found["products"]}
    assert {"torch", "NumPy"} <= libraries <= {"torch", "NumPy", "oneDNN"}
    assert len(found["products"]) == 3 * len(libraries)
    assert fastest(found)["per_second"] == max(row["per_second"] for row in found["products"])
    left, right = draw(5, 7), draw(7, 3, seed=1)
    for product in by_library(left, right).values():
        result = product()
        result = result.to_dense() if getattr(result, "is_mkldnn", False) else result
        torch.testing.assert_close(torch.as_tensor(result), left @ right)


def test_a_part_has_a_process_of_its_own_with_one_thread():
    assert apart(os.getpid) != os.getpid()
    assert apart(torch.get_num_threads) == 1
    found, deviation = apart(output.warping, SIZE, QUICK)
    assert len(found["a2f"].seconds) == QUICK.repeats and deviation < 1e-6
    with pytest.raises(A2FError, match="timed _exit was killed; if memory ran out"):
        apart(os._exit, 9)


def test_all_but_a_quick_bench_time_their_parts_apart(monkeypatch):
    asked = []
    monkeypatch.setattr(rows, "apart", lambda call, *arguments: asked.append(call) or call(*arguments))
    measure(quick=True, parts=["f-dtw"])
    assert asked == []
    monkeypatch.setattr(rows, "FULL", dataclasses.replace(QUICK, apart=True))
    measure(parts=["f-dtw"])
    assert asked == [output.warping] * len(QUICK.sizes)


def test_the_head_is_a_sphere_in_triangles():
    points, topology = head(SIZE)
    assert points.shape == (SIZE.vertices, 3) and topology.num_vertices == SIZE.vertices
    torch.testing.assert_close(torch.from_numpy(points).norm(dim=1), torch.full((SIZE.vertices,), 100.0))
    edges = torch.from_numpy(points[topology.faces]).diff(dim=1).norm(dim=-1)
    assert edges.max() < 100, "neighbours lie near"


# ---- the command


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("bench")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(["--quick", "--out", str(folder), "--name", "small"])) == 0
    return json.loads((folder / "small.json").read_text())


def test_the_file_holds_every_part_size_and_length(written):
    assert written["quick"] and written["device"] == "cpu" and written["machine"]["gpu"] is None
    assert written["parts"] == ["training", "inference", "runtimes", "long", "export", "f-dtw"]
    assert ratios.sizes(written) == [size.vertices for size in QUICK.sizes]
    assert ratios.lengths(written) == list(QUICK.seconds)
    sizes, lengths = len(QUICK.sizes), len(QUICK.seconds)
    counts = {part: sum(row["part"] == part for row in written["rows"]) for part in written["parts"]}
    assert counts == {
        "training": (3 + computes_bfloat16(torch.device("cpu"))) * sizes,
        "inference": 3 * lengths + 9 * sizes * lengths,
        "runtimes": 5 * lengths if all(written["packages"].values()) else 0,
        "long": 5,
        "export": 2 * sizes * lengths,
        "f-dtw": 2 * sizes,
    }
    for row in written["rows"]:
        assert 0 < row["least"] <= row["median"]
        assert len(row["repeats"]) == (1 if row["part"] == "long" else QUICK.repeats)
        assert 0 <= row["others"] <= 1
    drawn = [row for row in written["rows"] if row["step"] == "projection"]
    for row in drawn:
        frames = round(row["speech"] * row["fps"])
        assert row["operations"] == 2 * frames * QUICK.config.model.motion_dim * 3 * row["vertices"], row["method"]
    assert len(drawn) == 3 * sizes * lengths
    assert written["machine"]["threads"] == 1 and written["machine"]["before"]["copy"] > 0


def test_the_table_has_a_line_a_row(written):
    text, summary = as_text(written), written["summary"]
    said = summary["ratios"] + summary["faceformer"] + summary["runtimes"] + summary["limits"]
    assert len(text.splitlines()) == 3 + len(written["rows"]) + len(said)


def test_int8_has_no_floor_for_the_rates_are_those_of_float32(written):
    for row in written["rows"]:
        if row["part"] == "runtimes":
            assert (row["floor"] is None) == row["method"].endswith("int8")


def test_a_place_names_the_instructions_that_make_the_difference():
    machine = {"processor": "Some CPU", "gpu": None}
    assert place(machine) == "one thread of Some CPU"
    assert place(machine | {"vector_units": ["avx2"]}) == "one thread of Some CPU (AVX2)"
    units = ["avx2", "avx512_vnni", "amx_int8"]
    assert place(machine | {"vector_units": units}) == "one thread of Some CPU (AVX-512, VNNI, AMX)"
    assert place(machine | {"vector_units": units, "gpu": "Some GPU"}) == "one Some GPU"


def test_where_a_ratio_to_faceformer_is_reached_is_said(written):
    found = copy.deepcopy(written["summary"]["faceformer"])
    for row in found:
        row |= {"end_to_end": 20.0, "bundled_encoder": 2.0, "after_encoder": 2.0, "seconds_a_second": 0.01}
    published = [row for row in found if row["faceformer"] == "FaceFormer as published"]
    published[0]["after_encoder"] = 14.5
    text = against_faceformer(found, ratios.PAPER_RATIO)
    assert "end to end, HuBERT-large: a ratio of 14 is reached everywhere" in text
    assert "end to end, bundled encoder: a ratio of 14 is reached nowhere" in text
    assert "behind the audio encoder: a ratio of 14 is reached at 400 vertices (0.5 s)\n" in text
    assert "0.01 to 0.01 here, FaceFormer as published 0.2 to 0.2" in text


def test_on_a_gpu_nothing_is_wanted(written):
    there = copy.deepcopy(written)
    there["machine"]["gpu"] = "some GPU"
    for row in there["rows"]:
        if row["vertices"]:
            row["vertices"] = {400: 5_023, 900: 23_370}[row["vertices"]]
    assert [row for row in ratios.summary(there)["ratios"] if row["wanted"] is not None] == []
    there["machine"]["gpu"] = None
    assert len([row for row in ratios.summary(there)["ratios"] if row["wanted"] is not None]) == 5


def test_a_limit_is_held_or_missed(written):
    by_name = {row["what"]: row for row in written["summary"]["limits"]}
    exact = by_name["pieces, windows of a pass at once: deviation from a pass at once"]
    assert exact["holds"] and exact["value"] <= exact["most"] == 1e-4
    slow = copy.deepcopy(written)
    ratios.find(slow, part="long", step="live")["real_time_factor"] = 0.31
    missed = [row["what"] for row in ratios.limits(slow) if not row["holds"]]
    assert "live sound, time of a hop over its length" in missed


def test_parts_add_up(written):
    vertices, speech = QUICK.sizes[1].vertices, QUICK.seconds[1]
    found = ratios.spent(written, vertices, speech, "a2f")
    assert list(found.parts) == ["audio encoder", "style", "decoder", "projection"]
    assert found.total == pytest.approx(found.parts["audio encoder"] + found.after_encoder)
    row = ratios.find(written, step="projection", method="a2f", vertices=vertices, speech=speech)
    assert found.parts["projection"] == row["median"]


def test_a_bound_can_be_missed(written):
    changed = copy.deepcopy(written)
    for row in changed["rows"]:
        if row["part"] == "training":
            row["vertices"] = {400: 5_023, 900: 23_370}[row["vertices"]]
            row["median"] = {"a2f": 1.0, "reference": 15.0, "reference, features kept": 2.0}.get(row["method"])
            row["memory_mb"] = {"a2f": 10.0, "reference": 60.0, "reference, features kept": 60.0}.get(row["method"])
    changed["rows"] = [row for row in changed["rows"] if row["part"] == "training"]
    found = {(ratio.what, ratio.vertices): ratio for ratio in ratios.training_ratios(changed)}
    assert not found["training step, reference, time", 5_023].holds  # 15 of 20
    assert found["training step, reference, time", 23_370].holds  # 15 of 12
    assert not found["training step, reference, features kept, time", 23_370].holds  # 2 of 2.3
    assert found["training step, reference, memory", 23_370].holds  # 6 of 5


def test_a_runtime_holds_if_it_is_fast_and_near_enough():
    def row(method, median, deviation=0.0):
        return {"part": "runtimes", "step": "hubert-large", "method": method, "speech": 5.0, "median": median,
                "deviation": deviation}  # fmt: skip

    def holds(*rows):
        return [found["holds"] for found in ratios.runtime_ratios({"rows": [row("torch", 1.0), *rows]})]

    assert holds(row("openvino", 0.8, 1e-6), row("openvino-int8", 0.3, 0.04)) == [True, True]
    assert holds(row("openvino", 0.8, 1e-4), row("openvino-int8", 0.4, 0.04)) == [False, False]
    assert holds(row("openvino", 0.9, 1e-6)) == [False] and holds() == []
    assert holds(row("onnxruntime", 0.8, 1e-6), row("onnxruntime-int8", 0.4, 0.04)) == [True, False]


def test_a_missing_part_is_named(written):
    changed = dict(written, rows=[row for row in written["rows"] if row["step"] != "loop"])
    with pytest.raises(MissingData, match="0 rows with .*loop"):
        ratios.speech_ratios(changed)
    with pytest.raises(BadInput, match="no part 'drawing' on cpu; there are training, inference, runtimes, long"):
        measure(quick=True, parts=["drawing"])
    with pytest.raises(BadInput, match="device is 'tpu'"):
        measure(quick=True, device="tpu")


def test_figures_show_every_size_and_method(written):
    times = ratios.a_second(written, QUICK.seconds[0])
    figure = plot_seconds(times)
    assert [axes.get_title() for axes in figure.axes] == ["400 vertices", "900 vertices"]
    bars = sum(len(spent.parts) for name in ratios.METHODS for spent in [ratios.spent(written, 400, 0.5, name)])
    assert len(figure.axes[0].patches) == bars
    steps = [row for row in written["rows"] if row["part"] == "training"]
    assert len(plot_training_step(steps).axes) == 2
    with pytest.raises(BadInput, match="no times"):
        plot_seconds({})
    with pytest.raises(BadInput, match="no training steps"):
        plot_training_step([])


def test_hours_of_speech_cost_their_seconds(written):
    vertices, speech = QUICK.sizes[0].vertices, QUICK.seconds[-1]
    by_name = {one.name: one for one in of_speech(written, vertices, 1000)}
    place = {"speech": speech, "vertices": vertices}
    steps = ("decoder", "projection", "npz")
    parts = [ratios.find(written, step=step, method="a2f", **place)["median"] for step in steps]
    heard = ratios.find(written, part="inference", method="hubert-large", speech=speech)["median"]
    assert by_name["hubert-large"].core_hours == pytest.approx(1000 * (heard + sum(parts)) / speech)
    assert by_name["hubert-large"].days(24) == pytest.approx(by_name["hubert-large"].core_hours / 24 / 24)
    size = ratios.find(written, step="npz", **place)["bytes"]
    assert by_name["hubert-large"].gigabytes == pytest.approx(size / speech * 3.6e6 / 1e9)

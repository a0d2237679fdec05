"""The project's frame: pins, imports, floors, first lines, figures and their origin, the README's numbers."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from a2f import notebooks as nb
from a2f import readme
from a2f.files import sha256

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "a2f").rglob("*.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# From the ground up. A module may import its own package and what stands on a lower line, nothing else.
FLOORS = [
    {"errors"},
    {"arrays"},
    {"locks"},
    {"files", "determinism", "processes", "fresh_processes", "precision", "proximal", "global_norm"},
    {"receipts"},
    {"model_config"},
    {"config", "mesh", "audio"},
    {"metrics", "regions", "locality", "neighbours"},
    {"models"},
    {"data"},
    {"features", "kept", "objective", "runs", "observations", "export", "pretrained", "card"},
    {"viewer"},
    {"side_by_side", "exports"},
    {"batches", "chunked", "plotting", "animation", "protocols"},
    {"long_recordings", "recordings"},
    {"saved", "methods", "jobs", "streaming", "runtimes", "validation"},
    {"divergence"},
    {"training", "animator"},
    {"animating", "styles"},
    {"evaluation"},
    {"study", "comparison", "verdicts", "qualitative", "seen_claims"},
    {"claims", "differences", "estimates"},
    {"origin", "parameters", "readme", "notebooks"},
    {"session", "execute", "studies", "reported", "ratings", "bench", "drift"},
    {"reproduce"},
    {"commands"},
    {"cli"},
]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def pins() -> dict[str, str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return dict(line.split("==") for line in lines if line)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Every a2f module that `path` imports, inside functions as well."""
    names = {module_name(other) for other in MODULES}
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found |= {name for name in (inner if inner in names else node.module,) if name in names}
    return found - {"a2f"}


def test_every_requirement_is_pinned_exactly_and_without_a_build_tag():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    for line in filter(None, lines):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
    assert pins()["torch"] == "2.13.0"
    assert not {"pip", "setuptools", "wheel", "a2f"} & {name.lower() for name in pins()}
    assert len(pins()) == sum(map(bool, lines)), "a package is pinned twice"


def test_installed_versions_are_the_pinned_ones():
    from importlib.metadata import version

    wrong = {name: (pin, version(name)) for name, pin in pins().items() if version(name).split("+")[0] != pin}
    assert not wrong


def test_pyproject_names_the_direct_requirements_at_their_pins():
    project = PYPROJECT["project"]
    declared = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    direct = re.split(r"\n# needed by", (ROOT / "requirements.txt").read_text())[0].splitlines()
    with_reason = {line.split("#")[0].strip().replace("==", ">=") for line in direct if "==" in line}
    assert set(declared) == with_reason
    assert all("#" in line for line in direct if "==" in line), "each direct requirement has its reason"
    assert project["requires-python"] == ">=3.11"
    assert project["scripts"]["a2f"] == "a2f.cli:main"


def test_environment_yml_takes_its_pins_from_requirements():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, inner = environment["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert inner["pip"] == ["-r requirements.txt", "-e ."]


def test_citation_prefers_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["message"] and citation["authors"]
    assert citation["version"] == PYPROJECT["project"]["version"]
    paper = citation["preferred-citation"]
    assert paper["doi"] == "10.1145/3581783.3611775" and paper["year"] == 2023
    names = [f"{author['given-names']} {author['family-names']}" for author in paper["authors"]]
    assert names == ["Haozhe Wu", "Songtao Zhou", "Jia Jia", "Junliang Xing", "Qi Wen", "Xiang Wen"]


def test_one_version_everywhere():
    import a2f

    assert a2f.__version__ == PYPROJECT["project"]["version"]
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_import_is_quick_and_light():
    code = (
        "import sys, time; start = time.perf_counter(); import a2f; took = time.perf_counter() - start;"
        "import json; print(json.dumps([took, sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    runs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        runs.append(json.loads(done.stdout))
    heavy = {"torch", "transformers", "pyvista", "matplotlib", "sklearn", "scipy"}
    assert not heavy & set(runs[0][1])
    assert min(took for took, _ in runs) < 1.0


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_first_line_says_the_one_idea(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text and len(text.splitlines()[0]) >= 20 and text.splitlines()[0].endswith((".", ":"))


def test_imports_go_downwards_only():
    height = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    wrong = []
    for path in MODULES:
        if module_name(path) == "a2f":
            continue  # it names the public things of all floors and loads them when asked for
        room = module_name(path).split(".")[1]
        assert room in height, f"a2f.{room} has no place in FLOORS yet"
        for target in imported(path):
            other = target.split(".")[1]
            if other != room and height[other] >= height[room]:
                wrong.append(f"{module_name(path)} imports {target}")
    assert not wrong


def test_no_import_circle():
    graph = {module_name(path): imported(path) for path in MODULES if module_name(path) != "a2f"}
    # a package and its parts: what a part imports through the package's own __init__ would be a circle too
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for target in sorted(graph[name] - {name}):
                visit(target, (*trail, name))
            done.add(name)

    # a package's __init__ may open its parts late, inside a function; at load time the top level counts
    for path in MODULES:
        if module_name(path) in graph and path.name == "__init__.py":
            top = ast.Module(
                body=[n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ImportFrom)]
            )
            loaded = {node.module for node in ast.walk(top) if isinstance(node, ast.ImportFrom)}
            graph[module_name(path)] = {name for name in loaded if name in graph}
    for name in sorted(graph):
        visit(name, ())


def test_no_tracked_file_names_a_machine():
    other_folder = re.compile(r"(?<![\w.])" + "sha" + "red/")
    found = []
    for path in tracked():
        if path.suffix == ".ipynb":
            notebook = json.loads(path.read_text(encoding="utf-8"))
            for cell in notebook["cells"]:
                for output in cell.get("outputs", []):
                    output["data"] = {
                        k: v for k, v in output.get("data", {}).items() if not k.startswith("image/")
                    }
            text = json.dumps(notebook)
        else:
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture, a film, weights
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in nb.machine_paths(text)]
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in other_folder.findall(text)]
    assert not found


def test_machine_paths_are_told_from_addresses():
    folder = "/" + "home/someone/a2f/x.py"
    assert nb.machine_paths(f"see {folder}: line 3") == [folder + ":"]
    assert nb.machine_paths(f'"{folder}"') == [folder]
    address = "https://example.org/" + "home/a and build/" + "home/a and notebooks/05_table1.ipynb"
    assert nb.machine_paths(address) == []
    assert nb.machine_paths("data:image/png;base64,AA/" + "home/aaaa") == []


def test_each_figure_has_its_origin():
    figures = ROOT / "figures"
    files = [path for path in figures.iterdir() if path.is_file()]
    media = [path for path in files if path.suffix != ".json" and not path.name.startswith(".")]
    assert media, "figures/ holds no figure"
    described = set()
    for path in media:
        beside = path.with_suffix(".json") if path.suffix == ".png" else path.with_name(f"{path.name}.json")
        assert beside.is_file(), f"{path.name} has no json"
        entry = json.loads(beside.read_text(encoding="utf-8"))
        assert entry["file"] == path.name and entry["sha256"] == sha256(path)
        assert entry["caption"].strip() or path.suffix != ".png"
        origin = entry["origin"]
        assert origin["preset"] == "demo" and origin["synthetic"] is (origin["dataset"] == "demo")
        assert origin["commit"] and origin["versions"]["torch"] and origin["date"]
        assert (ROOT / "notebooks" / f"{origin['notebook']}.py").is_file()
        described.add(beside.name)
    left = {path.name for path in figures.glob("*.json")} - described
    assert left == {"report.json", "timings.json"}


def test_readme_numbers_are_those_of_the_files():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    report, timings = (
        json.loads((ROOT / "figures" / f"{n}.json").read_text()) for n in ("report", "timings")
    )
    readme.check_claims(report["claims"], synthetic=report["origin"]["synthetic"])
    assert readme.section(text, "results") == readme.render(report, timings)
    evaluation = json.loads((ROOT / "a2f" / "assets" / "model" / "evaluation.json").read_text())
    assert readme.section(text, "model") == readme.render_model(evaluation)


def test_readme_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text)
    local = [one or two for one, two in targets if "://" not in (one or two)]
    missing = [target for target in local if not (ROOT / target).exists()]
    assert not missing


def test_the_memory_in_the_readme_is_the_measured_one():
    measured = json.loads((ROOT / "tools" / "memory.json").read_text())
    assert measured["frames"] == 100_000 and measured["generated"]
    assert f"held {measured['beyond_imports_gb']:.2f} GB" in (ROOT / "README.md").read_text(encoding="utf-8")

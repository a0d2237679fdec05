# Two commands matter: `make reproduce` (everything the README shows) and `make test`.
# Nothing needs to be activated; the environment lives in $(VENV) and is renewed when its pins change.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install reproduce study publish test faults fuzz audit portability upgrade-check lint validate lab clean demo-model demo-voices

PYTHON ?= python3
VENV ?= .venv
PRESET ?= demo
SEED ?= 0
DATASET ?= demo
DATA_ROOT ?=
ARGS ?=

PY := $(VENV)/bin/python
STAMP := $(VENV)/.a2f-installed

# Idle OpenMP threads must not spin: two notebooks' worth of them would halve a 2-core machine.
export OMP_WAIT_POLICY := PASSIVE
# Only what requirements.txt pins may be imported.
export PYTHONNOUSERSITE := 1
unexport PYTHONPATH PYTHONHOME

help:
	@echo 'make reproduce [PRESET=demo|smoke] [SEED=0] [DATASET=demo DATA_ROOT=...] [ARGS=--fresh]   run all notebooks'
	@echo 'make test        lint, unit tests, notebook tests'
	@echo 'make faults       processes killed at random, and what is left of their work (about half an hour)'
	@echo 'make fuzz        2,000 generated bad inputs, one after the other, to every reader (some minutes)'
	@echo 'make audit       known weaknesses of the pinned packages (asks the index)'
	@echo 'make portability  the tests in an awkward place: odd path, nothing writable, one core, no 3D'
	@echo 'make upgrade-check  the tests with the newest packages that pyproject.toml allows: what moved, what failed'
	@echo 'make study       the longer studies of notebooks 10 and 12 (one to three hours on 2 cores; goes on where it stopped)'
	@echo 'make lab         JupyterLab on this machine only'
	@echo 'make validate    measure the demo corpus against the literature'
	@echo 'make demo-model  train, measure and store the model that is shipped (about an hour on 2 cores)'
	@echo 'make demo-voices render and align its training voices anew (needs flite: apt install flite)'
	@echo 'make install | lint | publish | clean'

install: $(STAMP)

# The stamp keeps the seconds that the installation took: the README quotes them.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  "a2f needs Python 3.11 or newer, this is %d.%d: call make PYTHON=/path/to/python3.11" % v[:2])'
	@echo 'installing the pinned environment into $(VENV) (a few minutes, about 2.5 GB)'
	@start=$$(date +%s); rm -f "$@"; \
	  { [ -x "$(PY)" ] || $(PYTHON) -m venv "$(VENV)"; }; \
	  "$(PY)" -m pip install --quiet --disable-pip-version-check --no-warn-script-location -r requirements.txt; \
	  "$(PY)" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --no-deps -e .; \
	  echo "$$(( $$(date +%s) - start ))" > "$@"

reproduce: $(STAMP)
	@"$(PY)" -m a2f.cli reproduce --preset "$(PRESET)" --seed "$(SEED)" --dataset "$(DATASET)" \
	  $(if $(DATA_ROOT),--data-root "$(DATA_ROOT)") $(ARGS)

study: $(STAMP)
	@"$(PY)" -m a2f.cli study $(ARGS)

# For maintainers: as reproduce, and the executed notebooks are stored beside their sources.
publish: $(STAMP)
	@"$(PY)" -m a2f.cli reproduce --publish-notebooks $(ARGS)

# What checks and tests keep lies in build/: nothing else of a checkout needs to be writable, nor the home.
KEPT := build/caches
lint test: export RUFF_CACHE_DIR := $(KEPT)/ruff
test: export HYPOTHESIS_STORAGE_DIRECTORY := $(KEPT)/hypothesis
test: export MPLCONFIGDIR := $(CURDIR)/$(KEPT)/matplotlib
PYTEST := -m pytest -rs -o cache_dir=$(KEPT)/pytest

faults: $(STAMP)
	@OMP_NUM_THREADS=1 "$(PY)" tools/survive_kills.py $(ARGS)

fuzz: $(STAMP)
	@OMP_NUM_THREADS=1 "$(PY)" tools/fuzz.py $(ARGS)

audit: $(STAMP)
	@"$(PY)" tools/audit.py

# The newest packages instead of the pinned ones, in build/upgrade/ (ARGS: --unit, --hold torch, names of tests).
upgrade-check: $(STAMP)
	@"$(PY)" tools/upgrade_check.py $(ARGS)

# A clone in an awkward path, tested by a user who may write to little, on one core, without 3D (ARGS: --folder DIR ...).
portability:
	@$(PYTHON) tools/strange_places.py --python "$$(command -v $(PYTHON))" $(ARGS)

lint: $(STAMP)
	@"$(PY)" -m ruff check .

# The seconds that it took are kept: the README quotes them.
test: lint
	@mkdir -p build; date +%s > build/.test-started; rm -f build/test-seconds
	@OMP_NUM_THREADS=1 "$(PY)" $(PYTEST) -n auto --dist loadfile --ignore=tests/test_notebooks.py --ignore=tests/test_real_data.py
	@"$(PY)" $(PYTEST) tests/test_real_data.py tests/test_notebooks.py
	@echo $$(( $$(date +%s) - $$(cat build/.test-started) )) > build/test-seconds

validate: $(STAMP)
	@"$(PY)" -m a2f.cli validate-data demo

# Speech synthesisers run at build time only, in an environment of their own that also sees the pinned one: nothing of
# them is shipped.
SYNTH := build/synthesisers
PURELIB := import sysconfig; print(sysconfig.get_path("purelib"))
$(SYNTH)/.done: tools/requirements-voices.txt $(STAMP)
	@$(PYTHON) -m venv "$(SYNTH)"
	@"$(PY)" -c '$(PURELIB)' > "$$("$(SYNTH)/bin/python" -c '$(PURELIB)')/pinned.pth"
	@"$(SYNTH)/bin/python" -m pip install --quiet --disable-pip-version-check -r $<
	@touch "$@"

demo-voices: $(STAMP) $(SYNTH)/.done
	@"$(SYNTH)/bin/python" tools/build_voices.py $(ARGS)

demo-model: $(STAMP) $(SYNTH)/.done
	@"$(SYNTH)/bin/python" tools/build_voices.py --piper
	@"$(PY)" tools/build_model.py $(ARGS)

lab: $(STAMP)
	@"$(PY)" -m jupyterlab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=. $(ARGS)

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find a2f notebooks tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

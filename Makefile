PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -c constraints.txt
# A stamp records that an environment fits pyproject.toml and constraints.txt, so that a second
# run needs neither pip nor the network.
BASE := $(VENV)/.stamp-base
DEV := $(VENV)/.stamp-dev
MARKERS := not gpu and not compiled and not web
# Compiled files are kept: most of the time of a short process goes into making them.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest
WORKERS ?= 2

.PHONY: help setup demo test test-slow test-compiled test-gpu test-web fuzz mutate check lint types imports docs bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(DEV)  ## create .venv with everything needed to develop

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(BASE): pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) -e .
	touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/pip
	$(INSTALL) -e '.[dev]'
	touch $@ $(BASE)

demo: $(BASE)  ## find an unseen activity in a freshly rendered video
	$(BIN)/stillseek demo

test: $(DEV)  ## run the fast tests, in WORKERS (2) processes
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not slow and $(MARKERS)"
	$(MAKE) test-compiled

test-slow: $(DEV)  ## run the tests that train models or take long
	$(BIN)/python -m pytest -m "slow and $(MARKERS)"

test-compiled: $(DEV)  ## run the tests of compiled code, without the hook that checks shapes
	$(BIN)/python -m pytest tests/models -m compiled -o addopts="--strict-markers --import-mode=importlib"

test-gpu: $(DEV)  ## run the tests that need CUDA
	$(BIN)/python -m pytest -m gpu -o addopts="--strict-markers --import-mode=importlib"

# Playwright drives Debian's Chromium: it downloads none of its own.
test-web: $(DEV)  ## run the tests of the page in Chromium; root gets one by apt where there is none
	@which chromium chromium-browser google-chrome | grep -q . || { \
		[ "$$(id -u)" = 0 ] && apt-get update && apt-get install -y --no-install-recommends chromium; } \
		|| { echo "these tests need Chromium: install it"; exit 1; }
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m web

fuzz: $(DEV)  ## break 3,000 small files and read them; bad inputs are kept in runs/fuzz/
	$(BIN)/python tests/fuzz

mutate: $(DEV)  ## break the code in 40 places a file, and list in tests/mutation what no test notices
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python tests/mutation 40

check: lint types imports docs  ## run every static check and build the documentation

lint: $(DEV)  ## check formatting and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV)  ## check types
	$(BIN)/basedpyright

imports: $(DEV)  ## check that rooms import only from rooms above them
	$(BIN)/lint-imports --no-cache

docs: $(DEV)  ## build the documentation into site/
	$(BIN)/mkdocs build --strict

# These need data of your own, are no scripts, or draw.
NO_BENCH := $(addprefix benchmarks/,activity_ibal.py library_composed.py photographs.py pages.py picture.py random_draws.py random_recipes.py rooms.py reproduce.py)
NO_BENCH += $(addprefix benchmarks/lite_,domains.py engines.py head.py projection.py sizes.py)

bench: $(DEV)  ## run every benchmark that needs no outside data; trains for hours
	@set -e; for script in $(filter-out $(NO_BENCH),$(sort $(wildcard benchmarks/*.py))); do \
		echo "$$script"; $(BIN)/python $$script; done

clean:  ## remove what the other targets made, but keep .venv and runs/
	rm -rf build dist site demo_output .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

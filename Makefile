# `make demo` and `make test` need nothing but Python and a C library: each makes .venv and installs the
# pinned requirements into it, once. `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin
REQUIREMENTS := $(filter-out requirements/sbx.txt,$(wildcard requirements/*.txt))
READY := .venv/.package-installed
# Small networks gain nothing from threads, and two test workers share the cores.
ONE_THREAD := OMP_NUM_THREADS=1

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Nothing is compiled while it is installed: Python compiles what is imported, once, unless it is told not to.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-core test-crash test-convert test-sbx check format docs bench fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## The main job, end to end: train, keep, look into, load elsewhere, go on learning, act
	@$(ONE_THREAD) $(BIN)/python demo/main.py

# The core's tests need nothing of .venv, so they run while it is being made. All of them have run by then, but for
# those of zstandard, which the core does without.
test: ## All tests: the core's under every Python from 3.10 to 3.13 found here, then all others
	@$(MAKE) --no-print-directory --jobs 2 $(READY) test-core
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 tests/live tests/docs tests/core/checkpoints/replay

test-core: ## The core's tests alone, under every Python from 3.10 to 3.13 found here, with numpy alone
	@$(known_python)
	$(ONE_THREAD) $(PYTHON) tests/interpreters.py

test-crash: $(READY) ## Kill 200 processes while they write checkpoints, instead of the few that make test kills
	STRONGBOX_CRASHES=200 $(ONE_THREAD) $(BIN)/python -m pytest tests/core/checkpoints/test_crashes.py

test-convert: $(READY) ## Open converted archives in an unmodified SB3, under every Python found here, or VERSIONS="3.11 3.12"
	$(ONE_THREAD) $(BIN)/python -m tests.conversions $(VERSIONS)

test-sbx: .venv-sbx/.package-installed ## The tests of agents on JAX, in an environment of their own, which is large
	$(ONE_THREAD) .venv-sbx/bin/python -m pytest tests/live/adapters/jax

check: $(READY) ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests demo benchmarks

format: $(READY) ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv-docs/.requirements-installed ## Build the documentation's site into site/, warnings being errors
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "The site is in site/index.html"

bench: $(READY) ## Measure beside Stable-Baselines3 and torch.save, in one run
	$(ONE_THREAD) $(BIN)/python -m benchmarks

fuzz: $(READY) ## Long fuzzing, MINUTES of it (10 unless told): every input gives a value or a StrongboxError
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

install: $(READY) ## Only make .venv

clean: ## Remove everything that make has made
	rm -rf .venv .venv-* .cache site demo-output .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.requirements-installed: $(REQUIREMENTS)
	@$(call fresh_environment,.venv,requirements/dev.txt)
	@touch $@

$(READY): .venv/.requirements-installed pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --no-build-isolation --editable .
	@touch $@

.venv-sbx/.requirements-installed: requirements/sbx.txt
	@$(call fresh_environment,.venv-sbx,requirements/sbx.txt)
	@touch $@

.venv-sbx/.package-installed: .venv-sbx/.requirements-installed pyproject.toml
	.venv-sbx/bin/python -m pip install --quiet --no-compile --no-deps --no-build-isolation --editable .
	@touch $@

.venv-docs/.requirements-installed: requirements/docs.txt
	@$(call fresh_environment,.venv-docs,requirements/docs.txt)
	@touch $@

known_python = $(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v[:2] <= (3, 13) else "Strongbox needs Python 3.10 to 3.13, and $(PYTHON) is %d.%d. Name another one, for example: make test PYTHON=python3.12" % v[:2])'

# $(1): the folder of the environment, $(2): its requirement file
define fresh_environment
	$(known_python) && \
	echo "Making $(1) from $(2), once; this can take some minutes." && \
	$(PYTHON) -m venv --clear $(1) && \
	$(1)/bin/python -m pip install --quiet --no-compile --requirement $(2)
endef

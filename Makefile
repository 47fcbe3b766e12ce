# What a newcomer types: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
DATA ?= .data
PORT ?= 8000
FOLDER ?=
WORKERS ?= auto
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
UV := $(BIN)/uv

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo serve test check property bench docs lock system clean
.NOTPARALLEL:

help:  ## list what can be typed
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/project.stamp  ## show two devices in sync, on a copy of real files (FOLDER=... for yours)
	@$(BIN)/oaio demo $(if $(FOLDER),"$(FOLDER)")

serve: $(VENV)/project.stamp  ## run a server on this machine (DATA=folder, PORT=number)
	@echo "Add a user from another terminal; its password is the first line of standard input:"
	@echo "    $(BIN)/oaio user add NAME --data $(DATA) --password-stdin"
	@$(BIN)/oaio serve --data "$(DATA)" --port $(PORT)

test: $(VENV)/dev.stamp  ## run all tests (ARGS=... goes to pytest)
	@$(PYTEST) -q -n $(WORKERS) --maxprocesses=8 --dist loadfile $(ARGS)

property: $(VENV)/dev.stamp  ## run all tests with the full counts of tests/counts.py
	@OAIO_COUNTS=full $(PYTEST) -q -n $(WORKERS) --maxprocesses=8 --dist loadfile --timeout=7200 $(ARGS)

check: $(VENV)/dev.stamp  ## lint, types, layers, public names, and the project's own consistency
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy oaio_storage backends/oaio_storage_local backends/oaio_storage_s3 backends/oaio_storage_digi tests benchmarks docs examples/oaio-storage-example/oaio_storage_example
	@$(PYTEST) -q tests/project --ignore=tests/project/test_docs.py

bench: $(VENV)/dev.stamp system  ## measure beside peers in one run; fails where a limit does not hold
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/dev.stamp  ## write the generated pages of docs/ anew
	@$(BIN)/python docs/generate.py

lock: $(VENV)/dev.stamp  ## pin all requirements anew, by version and hash (ARGS=--upgrade: newer ones)
	@$(COMPILE) pyproject.toml requirements/build.in --extra cli --extra server -o requirements/runtime.lock
	@$(COMPILE) pyproject.toml requirements/build.in requirements/dev.in --all-extras \
		-c requirements/runtime.lock -o requirements/dev.lock
	@$(COMPILE) requirements/original-client.in -o requirements/original-client.lock

system:  ## install the Debian packages that benchmarks are measured beside (as root; nothing else needs them)
	@{ command -v rsync && command -v restic; } >/dev/null || \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get -qq update && apt-get -qq install -y --no-install-recommends rsync restic >/dev/null; \
		else echo "rsync or restic is missing, and only root can install them: apt-get install rsync restic" >&2; fi

clean:  ## remove everything that make made, environments included; never $(DATA)
	rm -rf $(VENV) .venv-original .venv-original.lock build dist site .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "oaio-storage needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python can't make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/runtime.stamp: requirements/runtime.lock $(VENV)/made.stamp
	@echo "installing what the program needs into $(VENV) ..."
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.lock
	@touch $@

$(VENV)/project.stamp: pyproject.toml $(VENV)/runtime.stamp
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q oaio_storage backends  # as pip does with what it installs otherwise
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/project.stamp
	@echo "installing what tests and checks need into $(VENV) ..."
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@touch $@

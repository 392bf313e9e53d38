# Needs Python 3.11, git and make; everything else goes into .venv. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet -c constraints.txt
SOURCES := crypto scoring connectors protos nodes gateway simulators tests xinqiao.py
PROTOS := protos/v1/board.proto protos/v1/exchange.proto protos/v1/federation.proto protos/v1/log.proto
JOBS ?= 2
ARGS ?=

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="…" is passed on: make demo ARGS="--pack hangzhou-binjiang --enterprises 500", make test ARGS="-k paillier"'

# --- environment: one stamp for each set of packages, renewed when pyproject.toml or constraints.txt changes ----------
$(PY):
	@echo "Making the environment in $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 …" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The module venv is needed (on Debian: apt-get install python3-venv)" >&2; exit 2; }

$(VENV)/.runtime: pyproject.toml constraints.txt | $(PY)
	@echo "Installing what the program needs to run"
	@$(PIP) -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(PY)
	@echo "Installing what the tests need"
	@$(PIP) -e '.[test]'
	@touch $(VENV)/.runtime $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(PY)
	@echo "Installing the developer's tools"
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/.runtime $(VENV)/.test $@

.PHONY: install
install: $(VENV)/.dev ## everything that running, testing and checking need, resolved once

.PHONY: demo
demo: $(VENV)/.runtime ## a whole zone on this machine, as separate processes, in about a minute
	@$(BIN)/xinqiao demo $(ARGS)

.PHONY: bench
bench: $(VENV)/.test ## speed beside phe and beside plaintext, as ratios
	@$(BIN)/xinqiao bench $(ARGS)

.PHONY: test
test: $(VENV)/.test ## the quick suite: no root, five to ten minutes on two cores
	@$(BIN)/pytest -m "not slow" -n $(JOBS) --dist loadgroup $(ARGS)

.PHONY: test-slow
test-slow: $(VENV)/.test ## what takes minutes or needs Debian packages (see .ci/run)
	@$(BIN)/pytest -m "slow and not nightly" -n $(JOBS) --dist loadgroup $(ARGS)

.PHONY: test-day
test-day: $(VENV)/.test ## both of them in one run, as CI does: whatever is not nightly
	@$(BIN)/pytest -m "not nightly" -n $(JOBS) --dist loadgroup $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## atheris on every reader of bytes from outside, 5 s each; ARGS="--seconds 600 receipt" for one and longer
	@$(PY) -m tests.fuzz $(ARGS)

.PHONY: test-nightly
test-nightly: $(VENV)/.test ## what repeats at length: crashes at every durable write, wrong clocks, small benchmarks
	@$(BIN)/pytest -m nightly -n $(JOBS) --dist loadgroup $(ARGS)

# --- checks -----------------------------------------------------------------------------------------------------------
.PHONY: check
check: static test ## everything that a change must pass: static checks, then the quick suite

.PHONY: static
static: format-check lint types imports proto-check containers ## the checks that run nothing

.PHONY: format
format: $(VENV)/.dev ## rewrite the sources in the project's format
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix-only --select I $(SOURCES)

.PHONY: format-check
format-check: $(VENV)/.dev ## fail if a source is not in the project's format
	@echo "Format"
	@$(BIN)/ruff format --check $(SOURCES)

.PHONY: lint
lint: $(VENV)/.dev ## ruff
	@echo "Lint"
	@$(BIN)/ruff check $(SOURCES)

.PHONY: types
types: $(VENV)/.dev ## mypy --strict and pyright, beside each other
	@echo "Types"
	@$(BIN)/pyright & other=$$!; $(BIN)/mypy; one=$$?; wait $$other && exit $$one

.PHONY: imports
imports: $(VENV)/.dev ## imports point down; crypto and scoring stay pure
	@echo "Imports"
	@$(BIN)/lint-imports --no-logo

# protoc finds its plugins on PATH; the generated code is committed, and proto-check makes it again and compares.
GENERATE = PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m grpc_tools.protoc -I. --python_out=$(1) --grpc_python_out=$(1) --mypy_out=$(1) --mypy_grpc_out=$(1) $(PROTOS)

.PHONY: proto
proto: $(VENV)/.dev ## generate protos/v1/*_pb2* from the .proto files
	@$(call GENERATE,.)

.PHONY: migration
migration: $(VENV)/.dev ## write the migration of a changed table: ARGS='KIND "what changes"'
	@$(PY) -m nodes.runtime.migrations $(ARGS)

.PHONY: schemas
schemas: $(VENV)/.runtime ## generate the JSON Schemas of statements and receipts
	@$(PY) docs/specs/schemas/generate.py

.PHONY: vectors
vectors: $(VENV)/.test ## make the corpus of good and bad artifacts in tests/vectors anew
	@$(PY) -m tests.vectors.corpus

.PHONY: proto-check
proto-check: $(VENV)/.dev ## lint the .proto files; generated code in step; no break since the last release
	@echo "Protos"
	@$(BIN)/buf lint
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && $(call GENERATE,"$$out") \
	  && for file in "$$out"/protos/v1/*; do cmp "$$file" "protos/v1/$$(basename "$$file")" || { echo "run 'make proto' and commit the result" >&2; exit 1; }; done
	@tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true); \
	  if [ -n "$$tag" ]; then $(BIN)/buf breaking --against ".git#tag=$$tag"; else echo "no release yet: nothing to be compatible with"; fi

.PHONY: containers
containers: $(VENV)/.dev ## Dockerfile and docker-compose.yml are well-formed (no container engine needed)
	@echo "Containers"
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/docker-compose --profile '*' config -q

# --- upkeep -----------------------------------------------------------------------------------------------------------
.PHONY: constraints
constraints: ## resolve the newest versions in a fresh environment and write constraints.txt
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && $(PYTHON) -m venv "$$out/venv" \
	  && "$$out/venv/bin/python" -m pip --disable-pip-version-check install --quiet -e '.[dev]' \
	  && { head -n 2 constraints.txt; "$$out/venv/bin/python" -m pip freeze --exclude-editable; } > "$$out/constraints.txt" \
	  && cp "$$out/constraints.txt" constraints.txt

.PHONY: wheel
wheel: $(VENV)/.test ## build dist/*.whl
	@$(BIN)/hatchling build -t wheel

.PHONY: clean
clean: ## remove the environment and every cache
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

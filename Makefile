# Two targets are all that a newcomer needs: `make demo` and `make test`. Both set everything up first.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test lint format contract bench-demo clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## virtual environment, Python packages, system packages, MicroPython
	@.ci/setup-micropython
	@$(BIN)/python .ci/fetch-umqtt

$(READY): pyproject.toml constraints.txt .ci/setup-system
	@.ci/setup-system
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "error[setup]: no virtual environment could be made" >&2; \
	  echo "hint: install the package python3-venv (Python 3.11 or newer) and run 'make setup' again" >&2; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error[setup]: Python 3.11 or newer is needed" >&2; \
	  echo "hint: rm -r .venv; make setup PYTHON=python3.11" >&2; exit 1; }
	@echo "Installing Python packages into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup  ## the main job: boards, broker, gateway, finding, evidence; pages until Ctrl-C
	@$(BIN)/gridwitness demo

test: setup  ## every test
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: setup  ## ruff, mypy, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "error[format]: run 'make format'" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup  ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

contract: setup  ## write the generated pages: wire contract, settings
	@$(BIN)/python -m gwire.schema docs/contract
	@$(BIN)/python -m gridwitness.service.settings > docs/operator/settings.md

bench-demo: setup  ## 20 seeds of the demo: how often the truth lies in the stated interval
	@$(BIN)/python -m gridwitness.service.bench_demo --seeds $${SEEDS:-20}

clean:  ## remove what setup and tests made, apart from the cache of fetched tools
	@rm -rf .venv .build demo

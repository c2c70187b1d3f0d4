# make demo   see nanoparticles counted        make test   run everything that checks this project
# make soak   an hour of the daemon among faults
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Hundreds of tests start a process: without bytecode on the disk each compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/uv pip install --python $(BIN)/python --quiet --constraint constraints.txt

.PHONY: demo test lint unit unit310 soak clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.core
	$(BIN)/nanotally demo

test: lint unit unit310

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/python -m pytest

# JetPack 6 has Python 3.10: library, generator and daemon are tested on it wherever one is found.
unit310: $(VENV)/.dev
	@sh tests/python310.sh

soak: $(VENV)/.dev
	$(BIN)/python benchmarks/soak.py --seconds 3600

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable '.[overlay]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/uv
	$(INSTALL) --editable '.[dev,train,camera,screen,overlay,cluster]'
	touch $@ $(VENV)/.core

clean:
	rm -rf $(VENV) .venv310 demo runs .mypy_cache .ruff_cache .pytest_cache .hypothesis

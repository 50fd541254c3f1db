# Needs Python 3.11 to 3.13 and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for other processes a third of their time: one more at once than there are processors.
AT_ONCE = $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 1)")

.PHONY: install demo serve test lint bench bench-identity soak day format clean

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.base
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[distributed,dev]'
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.base
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[distributed,dev,bench]'
	@touch $@

install: $(VENV)/.base

demo: $(VENV)/.base
	$(BIN)/hub demo --exit

serve: $(VENV)/.base
	$(BIN)/hub init
	$(BIN)/hub serve

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n $(AT_ONCE) --dist loadscope --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m tests.bench.orders

bench-identity: $(VENV)/.bench
	$(BIN)/python -m tests.bench.identity --million

soak: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m slow tests/faults tests/real

day: $(VENV)/.dev
	$(BIN)/python -m pytest -q -s -m slow tests/day

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build

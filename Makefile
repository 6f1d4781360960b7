# Two commands for newcomers, `make demo` and `make test`; each sets up what it needs once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Where there is a Java, the tests run clusters of a real Spark.
SPARK := $(if $(shell command -v java),--group spark)

MADE := build/embedded
# Of fine-tuning: with so many all is done within an hour of two cores.
STEPS := 3800

.PHONY: demo test check model clean

demo: $(VENV)/.demo
	$(BIN)/calumma demo build/demo

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder

# What the gate checks besides the tests.
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/packaging/check_wheel.py

# Makes the models inside the package anew, and their cards; ended at any moment, it goes on.
model: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" training/embedded/recipe.sh $(MADE) 0 $(STEPS)
	$(BIN)/python -m bench.evaluate_embedded --model $(MADE)/model-0 --encoder $(MADE)/clip \
		--json $(MADE)/scores-0.json
	$(BIN)/python -m training.embedded.package $(MADE)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(UV):
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv

$(VENV)/.demo: pyproject.toml constraints.txt | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -b constraints.txt -e '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -b constraints.txt -e '.[s3,gcp,azure,yaml,demo,train]' --group dev $(SPARK)
	touch $@ $(VENV)/.demo

# Two commands for newcomers, `make demo` and `make test`; each sets up what it needs once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Where there is a Java, the tests run clusters of a real Spark.
SPARK := $(if $(shell command -v java),--group spark)

.PHONY: demo test check clean

demo: $(VENV)/.demo
	$(BIN)/calumma demo build/demo

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile

# What the gate checks besides the tests.
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/packaging/check_wheel.py

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
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -b constraints.txt -e '.[s3,gcp,azure,yaml,demo]' --group dev $(SPARK)
	touch $@ $(VENV)/.demo

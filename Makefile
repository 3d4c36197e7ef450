PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

run: $(READY)              ## the main job: data to a gated, pushed and queried model
	@$(BIN)/python -m pipeline run

test: $(READY)             ## unit tests, then the server, components and whole pipelines
	@$(BIN)/python -m pytest tests/unit --durations=0 --durations-min=2
	@$(BIN)/python -m pytest tests/serving tests/conformance
	@$(BIN)/python -m pytest tests/components tests/e2e

lint: $(READY)             ## style and the import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

bench: $(READY)            ## every benchmark, JSON lines on stdout
	@for name in quality pipeline train serving; do $(BIN)/python -m bench.$$name || exit 1; done

lock: $(READY)             ## renew requirements.lock from setup.py
	@$(BIN)/uv pip compile setup.py --extra dev --upgrade --generate-hashes --quiet --no-header --no-annotate \
	  --no-emit-index-url --python-version 3.11 --python-platform x86_64-manylinux_2_39 -o requirements.lock

clean:                     ## remove runs and the environment
	@rm -rf runs .venv *.egg-info .pytest_cache .ruff_cache .import_linter_cache

$(READY): requirements.lock setup.py bootstrap.py
	@$(PYTHON) bootstrap.py && touch $@

.PHONY: run test lint bench lock clean

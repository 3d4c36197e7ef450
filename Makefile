PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
IMAGES := kubeflow/images
PYTEST := $(BIN)/python -m pytest --ignore tests/engines --numprocesses 2 --dist loadscope --no-loadscope-reorder
COMPILE := $(BIN)/uv pip compile --upgrade --generate-hashes --quiet --no-header --no-annotate --no-emit-index-url \
  --python-version 3.11 --python-platform x86_64-manylinux_2_39

run: $(READY)              ## the main job: data to a gated, pushed and queried model
	@$(BIN)/python -m pipeline run

test: $(READY)             ## unit tests, the server, components, a whole pipeline with every planted fault
	@$(PYTEST) -m "not slow"

test-all: $(READY)         ## every test but those of the engines
	@$(PYTEST)

engines: $(READY)          ## Flink, Spark and Beam's runners for them, into .engines; needs Java 17 and Maven
	@$(BIN)/python -m tests.engines.downloads

test-engines: $(READY)     ## the Beam nodes on real engines; skips those that are not here
	@$(BIN)/python -m pytest tests/engines

interop: $(READY)          ## clients and load generators of others against the server; skips those that cannot be had
	@$(BIN)/python -m tests.interop

soak: $(READY)             ## ten minutes of load with reloads, label moves and TLS
	@$(BIN)/python -m tests.soak

kills: $(READY)            ## twenty runs that are killed at random moments, each run again
	@$(BIN)/python -m tests.e2e.run_folder.kills

lint: $(READY)             ## style, the import contracts and the types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.typing.protobuf_stubs && $(BIN)/basedpyright

docs: $(READY)             ## the documentation as a site, into site/, with every link checked
	@$(BIN)/zensical build --strict --clean

bench: $(READY)            ## every benchmark, JSON lines on stdout
	@for name in quality tables first_model pipeline transform train export serving compile; do $(BIN)/python -m bench.$$name || exit 1; done

lock: $(READY)             ## renew requirements.lock from setup.py, and those of the images from that
	@$(COMPILE) setup.py --extra dev --extra sql --output-file requirements.lock
	@$(COMPILE) setup.py --extra sql --constraints requirements.lock --output-file $(IMAGES)/requirements.lock
# The oldest CUDA wheels that TensorFlow accepts: those it was built with.
	@$(COMPILE) setup.py --extra gpu --constraints requirements.lock --resolution lowest \
	  --output-file $(IMAGES)/requirements-gpu.lock
	@echo uv | $(COMPILE) - --constraints requirements.lock --output-file $(IMAGES)/build.lock
	@$(BIN)/python -m kubeflow.images.cuda_sizes

clean:                     ## remove the environment and the caches; of runs, see python -m pipeline clean
	@rm -rf site .cache .venv .engines *.egg-info .pytest_cache .ruff_cache .import_linter_cache

$(READY): requirements.lock setup.py bootstrap.py
	@$(PYTHON) bootstrap.py && $(BIN)/python -c "from pipeline.report.html import javascript; javascript.vega()" && touch $@

.PHONY: run test test-all engines test-engines interop soak kills lint docs bench lock clean

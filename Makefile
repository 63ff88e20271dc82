# firelib: `make run` sets everything up and runs the whole pipeline. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON  ?= python3
EXTRAS  := --extra data --extra train --extra pipeline --extra tune
UV      := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
SYNC     = $(UV) sync --quiet --frozen --python $(PYTHON) $(EXTRAS)
ANSIBLE := --extra cluster --group ansible
BIN     := .venv/bin
BENCHMARKS := tfrecord_write tfrecord_read tfrecord_memory tfrecord_seek shuffle_quality
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Bytecode is compiled once, whatever PYTHONDONTWRITEBYTECODE says: else each process may compile TensorFlow, Keras, Ray
# and DVC anew. It only saves time, so failing is no error. uv is quicker here than compileall, but says nothing of a full
# disk, on which Python leaves files that are cut off and cannot be imported: unless 1 MiB more fits, all bytecode goes.
define compile
begun=$$SECONDS; if $(1) --compile-bytecode && (cd .venv/lib/python3*/site-packages && head -c 1048576 /dev/zero > .room); \
	then echo "compiled bytecode in $$((SECONDS - begun)) s"; \
	else find .venv -name __pycache__ -prune -exec rm -rf {} +; \
	echo "note: no bytecode: all works, but each process starts more slowly. Make room, then: make bytecode"; fi; \
	rm -f .venv/lib/python3*/site-packages/.room
endef

# make run RECIPE=fashion_mnist: which pipeline; WORKERS=1: how many training workers (results do not depend on it)
ifdef WORKERS
export FIRELIB_WORKERS := $(WORKERS)
endif

.PHONY: help run setup bytecode test test-integration test-slow test-cluster test-images cluster coverage lint format docs bench bench-tfrecord bench-training images push clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Set up and run the pipeline: extract, transform, train, evaluate (RECIPE=name WORKERS=n)
	@$(BIN)/firelib run $(if $(RECIPE),--recipe $(RECIPE))

# An environment that is complete and cannot be written (read-only image, shared folder) is used as it is.
ifeq ($(shell test -e .venv/.done -a ! -w .venv && echo yes),yes)
setup:
	@[[ ! uv.lock -nt .venv/.done ]] || echo "note: .venv cannot be written and is older than uv.lock: it is used as it is"
else
setup: .venv/.done .venv/.firelib ## Create .venv with everything in uv.lock, compiled to bytecode
endif

# Three steps, each with a stamp: packages, their bytecode, firelib's with its compiled kernels. An interrupted step is completed by the next make.
.venv/.synced: uv.lock pyproject.toml | $(UV)
	@[[ -e $@ || -e .venv/.done || ! -d .venv ]] || { echo "removing .venv, whose installation was interrupted"; rm -rf .venv; }
	@echo "setting up .venv (a minute on a first run)"
	@rm -f $@ .venv/.done
	@$(SYNC)
	@touch $@

.venv/.done: .venv/.synced
	@$(call compile,$(SYNC))
	@touch $@

.venv/.cluster: .venv/.done
	@echo "adding Ansible to .venv"
	@$(SYNC) $(ANSIBLE)
	@$(call compile,$(SYNC) $(ANSIBLE))
	@touch $@

# firelib is installed as a link to this folder, which uv does not compile.
.venv/.firelib: .venv/.done $(shell find firelib -name '*.py')
	@$(BIN)/python -m compileall -q firelib || { find firelib -name __pycache__ -prune -exec rm -rf {} +; \
		echo "note: firelib/ has no bytecode, so each process compiles it anew"; }
	@begun=$$SECONDS; $(BIN)/python -m firelib.tfrecord.compile_kernels && echo "compiled kernels in $$((SECONDS - begun)) s" || \
		echo "note: the kernels are not compiled, so the first run of each does it"
	@touch $@

bytecode: .venv/.synced ## Compile the packages in .venv again (after a full disk)
	@$(call compile,$(SYNC) --inexact)

.uv/bin/uv: # where uv is missing, pip brings it into a folder of its own
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check uv

test: setup ## Run the tests
	@$(BIN)/pytest

test-integration: setup ## Jobs, drills and replicas: tests that start many processes
	@$(BIN)/pytest -m 'integration and not slow and not containers'

test-slow: setup ## A thousand random examples for each property; files exchanged with tfx-bsl; training killed at random
	@$(BIN)/pytest --hypothesis-profile=explore tests/tfrecord tests/data tests/evaluate tests/test_recipe.py
	@$(BIN)/pytest -m slow

test-cluster: .venv/.cluster ## The cluster on real hosts over SSH: containers, so root on Debian (20 minutes)
	@$(BIN)/pytest -s -m 'containers and not slow' tests/cluster

cluster: .venv/.cluster ## Add Ansible to .venv, for a Ray cluster of your own (docs/cluster.md)

test-images: setup ## Build the images and run jobs in containers: root on Debian
	@$(BIN)/pytest -m containers tests/launch

coverage: setup ## Run the tests and show which lines they reach
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered

lint: setup ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

docs: | $(UV) ## Build the documentation site into build/site/
	@NO_MKDOCS_2_WARNING=1 $(UV) run --quiet --frozen --isolated --python $(PYTHON) --only-group docs mkdocs build --quiet --strict
	@echo "open build/site/index.html"

format: setup ## Format the code
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

bench: setup ## Measure start-up, stages, the TFRecord engine against its peers, and training (half an hour); ends with a table and the charts
	@$(BIN)/python -m benchmarks.startup --short
	@$(BIN)/python -m benchmarks.stages
	@$(MAKE) --no-print-directory bench-training
	@$(MAKE) --no-print-directory bench-tfrecord

bench-tfrecord: setup ## Only the TFRecord engine
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name; done
	@$(BIN)/python -m benchmarks.report

bench-training: setup ## Only training, on the shards of both recipes
	@$(BIN)/firelib run transform
	@$(BIN)/firelib run --recipe fashion_mnist transform
	@$(BIN)/python -m benchmarks.training

images: ## Build the images of the components (BASE_IMAGE=image; for GPUs COMPONENTS=trainer IMAGE_EXTRAS=gpu)
	@./images/build

push: ## Push the images: REGISTRY=region-docker.pkg.dev/project/repository; shows their digests
	@for name in extract transform trainer; do \
		docker tag firelib-$$name $(REGISTRY)/firelib-$$name && docker push --quiet $(REGISTRY)/firelib-$$name && \
		docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' firelib-$$name | grep "^$(REGISTRY)/"; done

clean: ## Remove what the pipeline made here (asks first); downloads and DVC's cache stay
	@read -r -p "remove data/*/tfrecords, models, storage and wandb? [y/N] " answer && [[ "$$answer" == y ]]
	@rm -rf data/*/tfrecords data/*/lake.json data/*/rejected.parquet models storage wandb

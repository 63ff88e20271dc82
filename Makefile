# firelib: `make run` sets everything up and runs the whole pipeline. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON  ?= python3
EXTRAS  := --extra data --extra train --extra pipeline --extra tune
UV      := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN     := .venv/bin
BENCHMARKS := tfrecord_write tfrecord_read tfrecord_memory tfrecord_seek shuffle_quality
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# make run RECIPE=fashion_mnist: which pipeline; WORKERS=1: how many training workers (results do not depend on it)
ifdef WORKERS
export FIRELIB_WORKERS := $(WORKERS)
endif

.PHONY: help run setup test test-slow test-cluster test-images cluster coverage lint format bench bench-tfrecord bench-training images push clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Set up and run the pipeline: extract, transform, train, evaluate (RECIPE=name WORKERS=n)
	@$(BIN)/firelib run $(if $(RECIPE),--recipe $(RECIPE))

setup: .venv/.done ## Create .venv with everything in uv.lock

.venv/.done: uv.lock pyproject.toml | $(UV)
	@echo "setting up .venv (a minute on a first run)"
	@$(UV) sync --quiet --frozen --python $(PYTHON) $(EXTRAS)
	@touch $@

.venv/.cluster: .venv/.done
	@echo "adding Ansible to .venv"
	@$(UV) sync --quiet --frozen --python $(PYTHON) $(EXTRAS) --extra cluster --group ansible
	@touch $@

.uv/bin/uv: # where uv is missing, pip brings it into a folder of its own
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check uv

test: setup ## Run the tests
	@$(BIN)/pytest

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

format: setup ## Format the code
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

bench: setup ## Measure stages, the TFRecord engine against its peers, and training (half an hour); ends with a table and the charts
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

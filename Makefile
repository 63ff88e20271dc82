# firelib: `make run` installs everything and runs the whole pipeline. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON  ?= python3
EXTRAS  := --extra data --extra train --extra pipeline --extra tune --extra sql --extra excel --extra pictures --extra serve
UV      := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# What some targets add to the environment. `uv sync` removes what it is not told to install, so a stamp file, .venv/.NAME,
# keeps each: those of earlier runs are read at once, before an interrupted .venv is removed, those of this run later.
ADDED_cluster  := --extra cluster --group ansible
ADDED_vertex   := --extra vertex --extra gcs
ADDED_kubeflow := --extra kubeflow --extra gcs --extra s3
TITLE_cluster  := Ansible
TITLE_vertex   := Vertex AI's client
TITLE_kubeflow := the clients of Kubernetes and Kubeflow
ADDITIONS := cluster vertex kubeflow
EARLIER   := $(patsubst .venv/.%,%,$(wildcard $(ADDITIONS:%=.venv/.%)))
PRESENT    = $(sort $(EARLIER) $(foreach name,$(ADDITIONS),$(shell [[ ! -e .venv/.$(name) ]] || echo $(name))))
SYNC       = $(UV) sync --quiet --frozen --python $(PYTHON) $(EXTRAS) $(foreach name,$(PRESENT),$(ADDED_$(name)))
BIN     := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Compile bytecode once, regardless of PYTHONDONTWRITEBYTECODE: otherwise each process may compile TensorFlow, Keras, Ray
# and DVC again. Bytecode only saves time, so a failure is not an error. uv is faster than compileall, but does not report
# a full disk, on which Python leaves truncated files that cannot be imported: unless 1 MiB is still free afterwards, all
# bytecode is removed.
define compile
begun=$$SECONDS; if $(1) --compile-bytecode && (cd .venv/lib/python3*/site-packages && head -c 1048576 /dev/zero > .room); \
	then echo "compiled bytecode in $$((SECONDS - begun)) s"; \
	else find .venv -name __pycache__ -prune -exec rm -rf {} +; \
	echo "note: no bytecode: everything works, but processes start more slowly. Free disk space, then run: make bytecode"; fi; \
	rm -f .venv/lib/python3*/site-packages/.room
endef

# A value as one word of the shell, whatever it contains. STAGE consists of several words, as the shell would read them.
quote = '$(subst ','\'',$(1))'

# make run RECIPE=fashion_mnist: the pipeline; WORKERS=1: the number of training workers (results do not depend on it)
ifdef WORKERS
export FIRELIB_WORKERS := $(WORKERS)
endif

.PHONY: help run setup bytecode test test-integration test-slow test-cluster test-machines test-images test-gpu test-slurm cluster coverage lint format docs evidence bench bench-full bench-check bench-tfrecord bench-training images push vertex vertex-down kubernetes kubeflow clean vms cluster-setup cluster-up cluster-run cluster-status cluster-ssh cluster-dashboard cluster-down vms-down cluster-demo

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Install and run the pipeline: extract, transform, train, evaluate (RECIPE=name WORKERS=n)
	@$(BIN)/firelib run $(if $(RECIPE),--recipe $(call quote,$(RECIPE)))

# Use a complete environment unchanged if it is not writable (read-only image, shared folder).
ifeq ($(shell test -e .venv/.done -a ! -w .venv && echo yes),yes)
setup:
	@[[ ! uv.lock -nt .venv/.done ]] || echo "note: .venv is not writable and older than uv.lock: it is used unchanged"
else
setup: .venv/.done .venv/.firelib ## Create .venv with all packages in uv.lock, compiled to bytecode
endif

# Three steps, each with a stamp file: packages, their bytecode, firelib's bytecode and kernels. The next make completes an interrupted step.
.venv/.synced: uv.lock pyproject.toml | $(UV)
	@[[ -e $@ || -e .venv/.done || ! -d .venv ]] || { echo "removing .venv: its installation was interrupted"; rm -rf .venv; }
	@echo "installing .venv (takes a minute the first time)"
	@rm -f $@ .venv/.done
	@$(SYNC)
	@touch $@

.venv/.done: .venv/.synced
	@$(call compile,$(SYNC))
	@touch $@ $(PRESENT:%=.venv/.%)

$(ADDITIONS:%=.venv/.%): .venv/.%: .venv/.done
	@[[ -e $@ && ! $< -nt $@ ]] || { echo "adding $(TITLE_$*) to .venv"; $(SYNC) $(ADDED_$*); $(call compile,$(SYNC) $(ADDED_$*)); }
	@touch $@

# firelib is an editable installation of this folder, which uv does not compile.
.venv/.firelib: .venv/.done $(shell find firelib -name '*.py')
	@$(BIN)/python -m compileall -q firelib || { find firelib -name __pycache__ -prune -exec rm -rf {} +; \
		echo "note: firelib/ has no bytecode, so each process compiles it again"; }
	@begun=$$SECONDS; $(BIN)/python -m firelib.tfrecord.compile_kernels && echo "compiled kernels in $$((SECONDS - begun)) s" || \
		echo "note: the kernels are not compiled yet: each is compiled when it is first called"
	@touch $@

bytecode: .venv/.synced ## Recompile the packages in .venv (after a full disk)
	@$(call compile,$(SYNC) --inexact)

.uv/bin/uv: # if uv is missing, pip installs it into a separate folder
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check uv

# Half of the time, a test waits for a process. Tests of one file share what they set up, so they stay in one process.
TEST_PROCESSES ?= 2
test: setup ## Run the tests
	@$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile

test-integration: setup ## Run the tests that start many processes: jobs, drills, replicas
	@$(BIN)/pytest -m 'integration and not slow and not containers'

test-slow: setup ## A thousand random examples for each property; files exchanged with tfx-bsl; training killed at random
	@$(BIN)/pytest --hypothesis-profile=explore tests/tfrecord tests/data tests/evaluate tests/recipe
	@$(BIN)/pytest -m 'slow and not containers'

test-cluster: .venv/.cluster ## Test a cluster of containers over SSH; needs root on Debian (20 minutes)
	@$(BIN)/pytest -s -m 'containers and not slow' tests/cluster

test-machines: .venv/.cluster ## Test the set-up of a local VM with systemd; needs root on Debian (an hour without KVM)
	@$(BIN)/pytest -s -m 'machines and not slow' tests/machines

cluster: .venv/.cluster ## Add Ansible to .venv, to set up your own Ray cluster (docs/cluster.md)

test-gpu: setup ## Test training on GPUs; without one, says why it skips (install CUDA: uv sync --inexact --extra gpu)
	@$(BIN)/pytest -m gpu tests/gpu

test-images: setup .venv/.cluster ## Build the images and run jobs in containers; needs root on Debian
	@$(BIN)/pytest -m containers tests/launch

test-slurm: setup ## Run jobs of a Slurm with three nodes on this machine; needs root on Debian
	@$(BIN)/pytest -m slurm tests/launch/backends/slurm

coverage: setup ## Run the tests and show the lines that they cover
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

evidence: run ## Run the pipeline, verify it, and renew docs/evidence/: report, Croissant, model card
	@$(BIN)/firelib report --state HEAD --output docs/evidence
	@$(BIN)/firelib report --verify --output docs/evidence

BENCH = $(BIN)/firelib bench $(if $(RESUME),--resume)

bench: setup ## Benchmark throughput and start-up; ends with tables and charts (a quarter of an hour; RESUME=1 goes on after an interruption)
	@$(BENCH)

bench-full: setup ## Answer every question in its full form (three hours), and write the results into the documentation
	@code=0; $(BENCH) --full || code=$$?; $(BIN)/python -m benchmarks.harness.report; exit $$code

bench-check: setup ## Compare the ratios of make bench with the committed ones; fails if one fell by more than the spreads
	@$(BENCH) --check

# Names of earlier versions.
QUESTIONS_bench-tfrecord := tfrecord_write tfrecord_read tfrecord_memory tfrecord_seek shuffle_quality
QUESTIONS_bench-training := training
bench-tfrecord bench-training: setup
	@echo "make $@ is deprecated: use firelib bench $(QUESTIONS_$@) --full" >&2
	@$(BENCH) --full $(QUESTIONS_$@)

images: ## Build the components' images (BASE_IMAGE=image; for GPUs: COMPONENTS=trainer-gpu)
	@./images/build

# `make vertex` has written the registry.
REGISTRY ?= $(shell sed -n 's/^REGISTRY=//p' .firelib/vertex.env 2> /dev/null)
push: ## Push the images that are built; write their digests to images/digests.json (REGISTRY=region-docker.pkg.dev/project/repository)
	@./images/push $(call quote,$(REGISTRY))

# The playbook reads the words from the environment: none of them is read as code, and no secret is in a command line.
VERTEX = $(foreach word,PROJECT REGION BUCKET MACHINE SECRET CALLER CONFIRM,$(word)=$(call quote,$($(word)))) \
	$(BIN)/ansible-playbook -i localhost, $(if $(DRY_RUN),--check) $(OPTIONS) ansible/vertex.yml

vertex: .venv/.cluster .venv/.vertex ## Prepare a Google Cloud project for jobs (PROJECT=id REGION=europe-west4; BUCKET=name SECRET=WANDB_API_KEY DRY_RUN=1)
	@$(VERTEX)

vertex-down: .venv/.cluster .venv/.vertex ## Remove what make vertex made; refuses a bucket with objects (CONFIRM=project's id or DRY_RUN=1)
	@$(VERTEX) -e state=absent

KUBERNETES = $(BIN)/firelib doctor --to $@ $(if $(NAMESPACE),--set $(call quote,namespace=$(NAMESPACE))) $(if $(CONTEXT),--set $(call quote,context=$(CONTEXT)))

kubernetes: .venv/.kubeflow ## Add the clients of Kubernetes to .venv, and check the cluster (NAMESPACE=default CONTEXT=name)
	@$(KUBERNETES)

kubeflow: .venv/.kubeflow ## The same for Kubeflow: its clients, and Trainer in the cluster
	@$(KUBERNETES)

clean: ## Remove the pipeline's outputs after confirmation; keeps downloads and DVC's cache
	@read -r -p "remove data/*/tfrecords, models, storage and wandb? [y/N] " answer && [[ "$$answer" == y ]]
	@rm -rf data/*/tfrecords data/*/lake.json data/*/rejected.parquet models storage wandb

# A Ray cluster on machines of your own: each target can be repeated, and with DRY_RUN=1 shows what it would do.
CLUSTER ?= cluster/cluster.yaml
FOLDER   = $(if $(VMS_FOLDER),-e $(call quote,{"vms_folder": "$(VMS_FOLDER)"}))
PLAY     = $(BIN)/ansible-playbook -i $(call quote,$(CLUSTER)) $(if $(DRY_RUN),--check) $(FOLDER)
ON       = --cluster $(call quote,$(CLUSTER)) $(if $(DRY_RUN),--dry-run)
STAGE   ?= run

# What playbooks did stays in a log, which `firelib report` reads.
vms cluster-setup cluster-down vms-down: export ANSIBLE_LOG_PATH := $(CURDIR)/.firelib/ansible.log
.firelib:
	@mkdir -p $@

# A dry run cannot log in to machines that it does not create.
vms: .venv/.cluster | .firelib ## Create, or find, the machines that CLUSTER=cluster/NAME.yaml names, and log in to them (DRY_RUN=1: show only)
	@$(PLAY) ansible/$(if $(DRY_RUN),machines.yml,setup.yml --tags provision)

cluster-setup: .venv/.cluster | .firelib ## Prepare the machines for Ray: packages, environment, token; again: changed=0
	@$(PLAY) ansible/setup.yml

cluster-up: .venv/.cluster ## Start Ray on all machines and wait for all nodes; running jobs go on (RESTART=1: start Ray anew)
	@$(BIN)/firelib cluster up $(ON) $(if $(RESTART),--restart)

cluster-run: .venv/.cluster ## Run the pipeline, or STAGE="train --fresh", as a job; Ctrl-C leaves it running (DETACH=1)
	@$(BIN)/firelib cluster run $(ON) $(if $(DETACH),--detach) -- firelib $(STAGE)

cluster-status: setup ## Show machines, nodes, GPUs, jobs, cost, and when idle machines stop
	@$(BIN)/firelib cluster status --cluster $(call quote,$(CLUSTER))

cluster-ssh: setup ## Open a shell on the head, or on HOST=1 (the first worker) or HOST=address
	@$(BIN)/firelib cluster ssh $(ON) $(call quote,$(or $(HOST),head))

cluster-dashboard: setup ## Forward Ray's dashboard to loopback, until Ctrl-C (PORT=8265)
	@$(BIN)/firelib cluster dashboard $(ON) --port $(call quote,$(or $(PORT),8265))

cluster-down: .venv/.cluster | .firelib ## Stop Ray on all machines; the machines stay
	@$(BIN)/firelib cluster down $(ON) || echo "continuing: the playbook stops Ray on all hosts that answer" >&2
	@$(PLAY) ansible/stop.yml

# The playbook compares the name with the cluster's, and tells what would be removed if it is another one.
vms-down: .venv/.cluster | .firelib ## Remove what the targets above made, after confirmation (CONFIRM=cluster's name; DELETE_DATA=1: jobs' data, too)
	@name=$(call quote,$(CONFIRM)); [[ -n "$$name" || -n $(call quote,$(DRY_RUN)) ]] || read -r -p "name of the cluster, to remove it: " name; \
	[[ "$$name" =~ ^[-a-z0-9]*$$ ]] || { echo "CONFIRM: expected the name of the cluster, got $$name" >&2; exit 2; }; \
	$(PLAY) ansible/teardown.yml -e '{"confirm": "'"$$name"'"}' $(if $(DELETE_DATA),-e delete_data=true)

cluster-demo: .venv/.cluster ## All of this with VMs of this machine, from nothing to nothing, with the time of each step
	@DRY_RUN=$(call quote,$(DRY_RUN)) ./cluster/demo

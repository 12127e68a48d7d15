# `make test` is what CI runs; `make experiment` is what the project is for. Both set up what they need.
SHELL := bash
VENV := .venv
SAM_VENV := .venv-sam
BIN := $(VENV)/bin
# sam build calls uv, and sam has an environment of its own: see requirements/README.md
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/$(SAM_VENV)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# Where it is set, sam, poster and every child of a test compile all of their modules at each start.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help setup experiment strategies lab-patterns lab-two-functions lab-runtime lab-doors lab-settings bench bench-scale soak test fmt lint types template unit integration test-labs test-install test-readme test-deploys test-scale test-examples tools rehearse permissions checkov notebook figures lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.done $(SAM_VENV)/.done ## make both environments from the hashed locks

$(BIN)/uv: requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/uv.txt
	touch $@

$(VENV)/.done: $(BIN)/uv requirements/poster.txt pyproject.toml
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/uv.txt requirements/poster.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	touch $@

$(SAM_VENV)/.done: requirements/sam.txt $(VENV)/.done
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SAM_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(SAM_VENV)/bin/python requirements/sam.txt
	ln -sf ../../$(SAM_VENV)/bin/sam $(BIN)/sam # poster looks for sam beside its own Python
	touch $@

checkov: setup ## the security scan of the template, in an environment of its own
	test -x .venv-checkov/bin/checkov || uv venv --quiet --python $(BIN)/python .venv-checkov
	uv pip sync --quiet --require-hashes --python .venv-checkov/bin/python requirements/checkov.txt
	.venv-checkov/bin/checkov --config-file .checkov.yaml

experiment: setup ## post, deploy three releases under the traffic, report (local AWS, no account)
	poster experiment --target local

# The first run is the control: the same way, and front ends that learn of the switch at once.
WAYS := sam lambda-api canary:10,5 linear:25,2 latest delete-old permission-gap

strategies: setup ## every way of deploying, one after another on the local AWS, in one table
	@set -e; runs=(); \
	run() { poster experiment --posters 6 --pause 0.05 --deploys 1 "$$@" >/dev/null || [ $$? = 1 ]; \
	  runs+=("runs/$$(readlink runs/latest)"); }; \
	run --lag instant --name instant; \
	for way in $(WAYS); do run --strategy "$$way"; done; \
	poster compare --format json "$${runs[@]}" > runs/strategies.json; \
	poster compare --plot runs/strategies.svg "$${runs[@]}"

lab-patterns: setup ## one worker called in four ways while it is deployed
	python -m labs patterns

lab-two-functions: setup ## only what changed is deployed
	python -m labs two-functions

lab-runtime: setup ## a custom runtime with its loop, without it, and hardened
	python -m labs runtime

lab-doors: setup ## one function entered by every door at once while it is deployed
	python -m labs doors

lab-settings: setup ## one setting of a function at a time: concurrency, init, package, permission
	python -m labs settings

bench: setup ## measure beside peers and write docs/performance.md (hey, wrk and perf are optional)
	python -m bench.engine
	python -m bench.profile
	python -m bench.schedule
	python -m bench.handler
	python -m bench.report

bench-scale: setup ## Locust's master and two workers beside poster run, into docs/scale.md
	python -m bench.scale

test: lint types template unit integration ## everything CI checks

fmt: setup ## format, and mend what the linter can
	ruff format .
	ruff check --fix .

lint: setup
	ruff format --check .
	ruff check .

types: setup
	mypy

template: setup
	cfn-lint template.yaml labs/*/template.yaml examples/*/template.yaml

# More workers than cores, here and below, for tests wait as well as compute.
# Where workers share the cores, Polars' own threads would but wait for each other.
unit: setup
	POLARS_MAX_THREADS=1 pytest -n 4 --dist worksteal tests/unit

# What takes minutes by itself has targets of its own: `make test` stays under 5 minutes.
DEPLOYS := test_gate.py test_gate_of_a_function.py test_ways.py test_around_a_deploy.py test_action.py
BESIDE := $(DEPLOYS) test_study.py test_labs.py test_install.py test_readme.py test_locust.py

integration: setup
	pytest -n 3 --dist loadfile --no-loadscope-reorder tests/integration $(BESIDE:%=--ignore tests/integration/%)

test-deploys: setup ## real deploys: every way, a run around one, the gate, the action
	pytest -n 2 --dist loadfile $(DEPLOYS:%=tests/integration/%)

test-scale: setup ## Locust's master and workers as load of several machines
	pytest -n 2 --dist worksteal tests/integration/test_locust.py

test-examples: setup ## the examples' commands against the local AWS, the longest first
	pytest -n 2 --dist worksteal tests/examples

tools: setup ## the same, and what their runs found into docs/tools.json, for the README's table
	pytest --update-golden tests/examples/test_tools.py

test-install: setup ## the wheel and each extra in an environment of its own, and an experiment from it
	pytest tests/integration/test_install.py

test-readme: setup ## every command of the README, in order, in a fresh clone and shell
	pytest tests/integration/test_readme.py

test-labs: setup ## each lab once in small, and the study of the published rows
	pytest tests/integration/test_labs.py tests/integration/test_study.py

rehearse: setup ## the whole AWS path on AWS's own host names, answered on this machine
	pytest -n 3 --dist loadfile tests/rehearsal # half of it is waiting

LOCK := uv pip compile --quiet --custom-compile-command 'make lock' --universal --generate-hashes --python-version 3.11

soak: setup ## ten minutes against a server that is killed again and again; flat, and every call accounted for
	python -m bench.soak

permissions: setup ## record what the commands call and write docs/permissions.md anew
	pytest tests/rehearsal/test_aws_path.py --update-golden
	python -m rehearsal.permissions

# Without the project itself: what builds it may be what is not locked yet.
lock: $(BIN)/uv ## resolve the pins anew
	cd requirements && for tool in uv sam checkov; do $(LOCK) $$tool.in -o $$tool.txt; done
	$(LOCK) --all-extras --constraint requirements/uv.txt pyproject.toml -o requirements/poster.txt

clean: ## remove what setup and the builds made; keeps runs/
	rm -rf $(VENV) $(SAM_VENV) .venv-checkov .aws-sam .pytest_cache .mypy_cache .ruff_cache

notebook: setup ## run the notebook on RUN (default: its sample) and keep its outputs
	cd notebooks && jupyter execute --inplace deploy_mixing.ipynb

figures: setup ## draw the documentation's pictures and fill in its tables
	python -m docs.figures

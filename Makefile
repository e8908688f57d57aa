# Month close. `make demo` runs a close on this machine; `make test` proves the product.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CUSTOMERS ?= 200
MONTHS ?= 1
# uv takes the interpreter of the virtual environment and never fetches one.
export UV_PYTHON_DOWNLOADS := never
# Where an image sets it, pytest rewrites every test module again and again, and each process compiles every library.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help setup demo test test-deployed test-here test-fast lint format lock focus-check record-calls chaos stories crash-points bench-throttle bench-peers simulate clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.ready node_modules/.ready  ## everything a clone needs

$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 13))' || \
	  { echo "Month close needs Python 3.13 or newer; '$(PYTHON)' is $$($(PYTHON) -V). Run: make PYTHON=/path/to/python3.13 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements/dev.txt)"

$(VENV)/.ready: $(VENV)/bin/uv requirements/dev.txt pyproject.toml
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.ready: package.json package-lock.json $(VENV)/.ready
	npm ci --silent --no-fund --no-audit
	@touch $@

demo: setup  ## a small cloud provider's month, closed before your eyes (CUSTOMERS=200; MONTHS=3 for a story of three)
	monthclose demo --customers $(CUSTOMERS) --months $(MONTHS)

test: setup  ## every check and every test, the deployed ones too
	$(MAKE) --no-print-directory --jobs=3 lint test-deployed test-here

# Deployed tests wait for closes, queues and cold starts: meanwhile the others run. They give way, because a deployed
# function that is kept waiting runs into its time limit; one of them may therefore take longer than on its own.
test-deployed: setup
	pytest -n 2 --dist loadgroup tests/integration

test-here: setup
	nice -n 10 pytest -n 2 --dist loadgroup --timeout 900 -m "not integration"

test-fast: setup  ## what an hour's work needs, in a minute: no deployments, simulations, fake providers or long tests
	pytest -n 2 --dist loadgroup --hypothesis-profile fast -m "not simulation and not long" \
	  --ignore tests/integration --ignore tests/simulation --ignore tests/sandbox

lint: setup  ## ruff, mypy --strict, layers
	ruff format --check .
	ruff check .
	mypy
	lint-imports --no-cache

format: setup  ## ruff, with its hands on
	ruff format .
	ruff check --fix .

lock: $(VENV)/bin/uv  ## resolve the requirements again
	cd requirements && for part in dev lambda pack peers; do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $$part.in $$([ $$part != dev ] && echo "-c dev.txt") -o $$part.txt; done
	cd requirements && uv pip compile --quiet --upgrade --universal --python-version 3.13 --override focus-overrides.txt \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links focus.in -o focus.txt
	npm install --package-lock-only --silent

focus-check: setup  ## the public validator reads the FOCUS files of the tests (544 MB once, half a minute)
	uv venv --quiet --allow-existing build/focus-validator
	uv pip install --quiet --python build/focus-validator --no-deps --require-hashes -r requirements/focus.txt
	mkdir -p tests/unit/finance/stored
	MONTHCLOSE_STORE_FOCUS=1 pytest -q tests/unit/finance/test_focus.py -k is_the_one_that
	pytest -q tests/unit/finance/test_focus.py

record-calls: setup  ## what each role does in the integration tests, for the test of least privilege (10 minutes)
	rm -f build/calls.jsonl && mkdir -p build
	MONTHCLOSE_RECORD_CALLS=$(CURDIR)/build/calls.jsonl pytest -n 2 --dist loadgroup tests/integration
	PYTHONPATH=lambdas python -m tests.infrastructure.rights build/calls.jsonl

chaos: setup  ## a close while everything goes wrong, and what came of it (10 minutes; CUSTOMERS=500, STRICT=1)
	python -m tests.chaos $(if $(filter command line,$(origin CUSTOMERS)),--customers $(CUSTOMERS)) $(if $(STRICT),--strict)

stories: setup  ## the simulated lives of customers and their money, five times as many as in `make test` (7 minutes)
	pytest -n 2 --hypothesis-profile stories tests/simulation

crash-points: setup  ## a charge killed at every point, under every fault of both providers: the table
	PYTHONPATH=lambdas python -m tests.simulation

bench-throttle: setup  ## how much of a provider's limit is used, with the limiter and without (7 minutes)
	python -m bench.throttle

build/peers/.ready: requirements/peers.txt $(VENV)/.ready
	uv venv --quiet --allow-existing build/peers
	uv pip install --quiet --python build/peers --no-deps --require-hashes -r requirements/peers.txt
	@touch $@

bench-peers: setup build/peers/.ready  ## one month, billed by a plain program, by Celery and by Month close: measured, then disturbed (half an hour; CUSTOMERS=1000)
	python -m bench.peers --write $(if $(filter command line,$(origin CUSTOMERS)),--customers $(CUSTOMERS) --faults-customers $(CUSTOMERS))

simulate: setup  ## closes of 10,000 to 10,000,000 customers on virtual time (minutes; CUSTOMERS=1000000 for one)
	python -m bench.scale run $(if $(filter command line,$(origin CUSTOMERS)),--customers $(CUSTOMERS))

clean:  ## end the local AWS and forget its state and what was built
	-monthclose local down --forget
	rm -rf build cdk.out

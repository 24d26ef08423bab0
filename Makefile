# Atelier. `make` lists the targets.

PYTHON ?= python3
# On Linux without a GPU: make setup TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all lint chaos bench clean

CHAOS_JOBS ?= 10000
CHAOS_SEEDS ?= 1 2 3
# What to compare with; nothing where there is no network. Redis comes from Debian.
BENCH_PEERS ?= celery,dramatiq,litserve,rq

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## make .venv with everything that running needs

run: setup ## start the whole system, make the first artwork, stay up with the page
	$(PY) -m local demo

test: $(VENV)/ready-dev lint ## lint, strict types and the fast tests
	$(PY) -m pytest -m "not slow"

test-all: $(VENV)/ready-dev lint ## the fast tests and the slow ones: emulators, browser, built artifacts
	$(PY) -m pytest

lint: $(VENV)/ready-dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

chaos: $(VENV)/ready-dev ## the running system under attack: CHAOS_JOBS (10,000) with each of CHAOS_SEEDS (1 2 3)
	for seed in $(CHAOS_SEEDS); do $(PY) -m tests.chaos --jobs $(CHAOS_JOBS) --seed $$seed --workers 5 || exit 1; done

bench: $(VENV)/ready-dev ## all benchmarks, into tests/bench/README.md; against BENCH_PEERS, which may be empty
	$(PY) -m tests.bench --peers "$(BENCH_PEERS)"

clean: ## remove the environments and caches (never your data)
	rm -rf $(VENV) .cache .aws-sam .mypy_cache .ruff_cache .pytest_cache

$(VENV)/torch:
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	@touch $@

$(VENV)/ready: $(VENV)/torch requirements.txt constraints.txt
	$(PIP) -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.txt
	$(PIP) -r requirements-dev.txt -c constraints.txt
	@touch $@

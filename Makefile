# Atelier. `make` lists the targets.

PYTHON ?= python3
# On Linux without a GPU: make setup TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all test-container lint chaos bench clean deploy parameters destroy

CHAOS_JOBS ?= 10000
CHAOS_SEEDS ?= 1 2 3
# What to compare with; nothing where there is no network. Redis comes from Debian.
BENCH_PEERS ?= celery,dramatiq,litserve,rq

# Deploying needs the commands sam, aws and docker (or CONTAINER=podman), an AWS account, AWS_REGION.
STACK ?= atelier
TAG ?= $(shell git rev-parse --short=12 HEAD)
CONTAINER ?= docker
# After the first time: make deploy PARAMETERS="RetentionDays=30 AlarmEmail=me@example.com"
PARAMETERS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/ready ## make .venv with everything that running needs

run: setup ## start the whole system, make the first artwork, stay up with the page
	$(PY) -m local demo

test: $(VENV)/ready-dev lint ## lint, strict types and the fast tests
	$(PY) -m pytest -m "not slow"

test-all: $(VENV)/ready-dev lint ## the fast tests and the slow ones: emulators, browser, built artifacts
	$(PY) -m pytest

test-container: $(VENV)/ready-dev ## the worker's image: build it and run it, with podman, as root on Debian
	TORCH="$(TORCH)" $(PY) -m pytest tests/container

lint: $(VENV)/ready-dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

chaos: $(VENV)/ready-dev ## the running system under attack: CHAOS_JOBS (10,000) with each of CHAOS_SEEDS (1 2 3)
	for seed in $(CHAOS_SEEDS); do $(PY) -m tests.chaos --jobs $(CHAOS_JOBS) --seed $$seed --workers 5 || exit 1; done

bench: $(VENV)/ready-dev ## all benchmarks, into tests/bench/README.md; against BENCH_PEERS, which may be empty
	$(PY) -m tests.bench --peers "$(BENCH_PEERS)"

deploy: ## onto AWS, as STACK (atelier): asks for each parameter the first time; later it upgrades
	@$(located)
	@test "$$(aws cloudformation describe-stacks --stack-name $(STACK) --output text \
	    --query 'Stacks[0].StackStatus' 2> /dev/null)" != ROLLBACK_COMPLETE || \
	    { echo "$(STACK) could not be made the last time: make destroy, then deploy again."; exit 1; }
	sam build
	@aws cloudformation describe-stacks --stack-name $(STACK) > /dev/null 2>&1 || \
	    { $(MAKE) --no-print-directory parameters; \
	    echo "Lambda runs $$(aws lambda get-account-settings --output text \
	        --query AccountLimit.ConcurrentExecutions) at once here: below 200, LookConcurrency must be 0."; \
	    echo "Leave WorkerTag empty: the workers' image comes next."; \
	    sam deploy --guided --stack-name $(STACK) --region $(AWS_REGION); }
	@$(MAKE) --no-print-directory image
	sam deploy --stack-name $(STACK) --region $(AWS_REGION) --no-fail-on-empty-changeset \
	    --parameter-overrides WorkerTag=$(TAG) $(PARAMETERS)
	@echo "The API:   $(call output,ApiUrl)"
	@echo "Operation: $(call output,DashboardUrl) and local/RUNBOOK.md"

parameters: ## what a deployment can choose, each explained
	@awk '/^[A-Z]/ {on = /^Parameters:/} on && !/^ *#/ && !/^    (Type|MinValue|MaxValue|AllowedPattern):/' template.yaml

# The workers' image, TAG, in the stack's repository, where what was pushed once stays as it is.
.PHONY: image
image:
	@aws ecr describe-images --repository-name $(STACK)-worker --image-ids imageTag=$(TAG) \
	    > /dev/null 2>&1 || { set -e; to="$(call output,WorkerRepositoryUri)"; \
	    aws ecr get-login-password | $(CONTAINER) login --username AWS --password-stdin "$${to%%/*}"; \
	    BUILDX_NO_DEFAULT_ATTESTATIONS=1 $(CONTAINER) build --platform linux/amd64 --file gpu_worker/Dockerfile \
	        --build-arg VERSION=$(TAG) --tag "$$to:$(TAG)" .; \
	    $(CONTAINER) push "$$to:$(TAG)"; }

deploy image destroy: export AWS_DEFAULT_REGION = $(AWS_REGION)

located = test -n "$(AWS_REGION)" || { echo "Where? For example AWS_REGION=eu-central-1"; exit 1; }
output = $$(aws cloudformation describe-stacks --stack-name $(STACK) --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$(1)'].OutputValue")
physical = $$(aws cloudformation describe-stack-resource --stack-name "$(1)" --output text \
    --logical-resource-id $(2) --query StackResourceDetail.PhysicalResourceId)

# Instances are guarded against being scaled in, and would keep the stack from going.
destroy: ## remove STACK (asks first); the table, buckets, secret and key stay: local/RUNBOOK.md
	@$(located)
	@echo "Jobs, pictures, artworks and keys stay: local/RUNBOOK.md says where, and how they are removed."
	@printf "Remove the stack $(STACK)? [yes/no] "; read answer; test "$$answer" = yes
	@fleet="$(call physical,$(STACK),Fleet)" 2> /dev/null; test -z "$$fleet" || \
	    for group in SpotInstances OnDemandInstances; do \
	    aws autoscaling delete-auto-scaling-group --force-delete \
	        --auto-scaling-group-name "$(call physical,$$fleet,$$group)"; done
	sam delete --stack-name $(STACK) --region $(AWS_REGION) --no-prompts

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

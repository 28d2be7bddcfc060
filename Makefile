# The commands of Touchdown; `make help` lists them. Each one first installs what it needs (scripts/setup.sh).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
TOUCHDOWN := .venv/bin/touchdown
UV := .tools/uv/bin/uv
ARGS ?=
# The images of containers often turn this off. Each of the hundreds of processes that a test run starts would then
# compile our modules anew: half a second of a processor for the command line alone.
export PYTHONDONTWRITEBYTECODE :=
# Five test processes, each with its own clouds: on two processors, four left a tenth of the time unused, because tests
# wait for runs. tests/conftest.py says which tests share a process.
AT_ONCE ?= --numprocesses 5 --dist loadfile --no-loadscope-reorder

.PHONY: demo up down test lint bench mutants snapshots slips setup lock clean help

demo: setup ## Start a cloud on this machine, upload the lab's CSV, and show the run and its predictions
	@$(TOUCHDOWN) demo --free-ports $(ARGS)

up: setup ## Start the cloud and leave it running; then: .venv/bin/touchdown --help
	@$(TOUCHDOWN) up --free-ports $(ARGS)

down: ## Stop the cloud
	@$(TOUCHDOWN) down $(ARGS)

# Where one of the three cannot be installed, the others' tests run all the same. Those of az then fail if there is a
# compiler: nothing else tries a deployment by Azure's own client.
test: setup ## Run all tests; some of them: make test ARGS="tests/unit -k naming"
	-@scripts/setup.sh browser
	-@scripts/setup.sh checkov
	-@scripts/setup.sh az
	@$(PYTHON) -m pytest $(AT_ONCE) $(ARGS)

lint: ## Check style and types
	@scripts/setup.sh app trainer
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy --config-file trainer/mypy.ini

bench: setup ## Measure speed and memory; how good the models are: make bench ARGS="quality"
	@case "$(ARGS)" in quality*|gate*) scripts/setup.sh quality ;; esac
	@$(PYTHON) -m benchmarks $(ARGS)

mutants: setup ## Change the product in 500 places, one at a time; show which changes no test notices
	@$(PYTHON) -m scripts.mutation_testing $(ARGS)

snapshots: setup ## Write down again what the templates would deploy; needs the Bicep compiler
	@$(PYTHON) -m scripts.bicep_snapshots $(ARGS)

slips: setup ## Change one word of the templates at a time; show which changes nothing notices
	@$(PYTHON) -m tests.bicep.slips $(ARGS)

setup: ## Create or update .venv, .venv-trainer and node_modules
	@scripts/setup.sh

lock: setup ## Lock the requirements again; versions change only where they must
	$(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header \
	  --group app -o requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header \
	  --group app --group dev -c requirements.txt pyproject.toml packages/localcloud/pyproject.toml -o requirements-dev.txt
	$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  trainer/requirements.in -o trainer/requirements.txt
	$(PYTHON) -m scripts.lock_environment $(UV)
	$(PYTHON) -m scripts.lock_start_files
	$(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header \
	  --group checkov -o requirements-checkov.txt
	$(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-header \
	  --group az -o requirements-az.txt
	$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group quality -c trainer/requirements.txt -o requirements-quality.txt

clean: ## Delete everything that setup created; `touchdown reset` deletes the cloud's data
	@if [ -x $(TOUCHDOWN) ]; then $(TOUCHDOWN) down || true; fi
	rm -rf .venv .venv-trainer .venv-checkov .venv-az .venv-quality node_modules .tools .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Everything a newcomer, a developer and CI need. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STATE  ?= .tocsin

.DEFAULT_GOAL := help
.PHONY: help run test check format bench docs clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Build the environment and start the agent: embedded defaults, real metrics of this host
	$(BIN)/python -I -OO -X no_debug_ranges -m agent run --state $(STATE)

test: $(VENV)/.dev ## Install what the tests need and run them
	tests/servers/install
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev ## Format, lint, strict types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Footprint and speed beside the peers, on this host
	tests/servers/install
	$(BIN)/python tests/bench/footprint.py
	$(BIN)/python tests/bench/bench_collect.py
	@[ "$$(id -u)" = 0 ] || echo "bench_growth.py is left out: it makes namespaces and mounts, which only root may"
	[ "$$(id -u)" != 0 ] || $(BIN)/python tests/bench/bench_growth.py
	$(BIN)/python tests/bench/bench_probes.py
	$(BIN)/python tests/bench/bench_snmp_samples.py
	$(BIN)/python tests/bench/bench_traps.py
	$(BIN)/python tests/bench/bench_rules.py
	$(BIN)/python tests/bench/bench_rules_snmp.py
	$(BIN)/python tests/bench/bench_rules_peer.py
	$(BIN)/python tests/bench/bench_check.py

docs: $(VENV)/.dev ## Write the generated reference pages anew
	$(BIN)/python -m agent.config.reference
	$(BIN)/python -m agent.cli.reference
	$(BIN)/python -m agent.metrics_reference

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis

# A fresh Debian has python3 without the venv module; root can mend that here, anybody else is told how.
# pip comes last into an environment: one whose making was interrupted is made again.
$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "tocsin needs Python 3.11, 3.12 or 3.13; this is %d.%d" % v)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get -q update && apt-get -q -y install python3-venv; } \
	  || { echo "Python's venv module is missing; install it with: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.run

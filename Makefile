# `make demo` runs the whole of overt on this machine; `make test` is what CI runs.
# Both set up all they need. Nothing here needs an account, a key or a screen.
.DEFAULT_GOAL := help
PY := .venv/bin/python

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## virtual environment and system packages, as demo and test need them
	@sh requirements/system.sh
	@sh requirements/install.sh learn

demo: setup ## record, seal, govern, release, refine, train, evaluate: one run, then demo-report/
	@$(PY) -m demo $(if $(HUMAN),--human) $(DEMO)

demo-full: setup ## the same over 15 tasks and 3 training seeds (hours)
	@$(PY) -m demo --full $(DEMO)

wheel: setup ## dist/overt-*.whl, for `uv tool install` or `pipx install`
	.venv/bin/uv build -q --wheel -o dist .

deb: setup ## dist/overt_*.deb, for the Python of this system
	packaging/deb.sh

.PHONY: wheel deb

bench-frontier: setup ## success against privacy by level of training (an hour; FRONTIER=--full: many)
	@$(PY) -m bench.frontier $(FRONTIER)

lint: setup
	@sh requirements/system.sh tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

test: lint ## linters and all tests but the long ones
	$(PY) -m pytest -m "not long" $(PYTEST)

test-attacks: setup ## every attack of docs/security.md, each also on a build broken for it
	$(PY) -m pytest tests/attacks $(PYTEST)

.PHONY: bench-log
bench-log: setup ## the log's entries a second, and a proof among 10 million
	$(PY) -m bench.vault_log

long: setup ## soak, fuzz and kill loops
	$(PY) -m pytest -m long --timeout 3600 $(PYTEST)

bench-capture: setup ## what recording loses and costs, beside others
	@$(PY) -m bench.capture $(BENCH)

bench-masking: setup ## what masking leaves, covers and costs, beside others
	@PYTHONHASHSEED=0 $(PY) -m bench.masking $(BENCH)

bench-vault: setup ## what the vault costs beside bare servers and key stores
	$(PY) -m bench.vault

lock: ## write the lock files anew
	requirements/compile.sh

clean: ## remove what demo and tests left
	rm -rf .demo demo-report bench-report .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup demo demo-full lint test test-attacks long bench-capture bench-masking \
	bench-vault bench-frontier lock clean

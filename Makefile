# Every target is a line or two that also work by hand; README gives those lines too.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
READY := $(VENV)/.ready
CONSULTATIONS ?=
PROCESSES ?= 3
# Tests start the command many hundred times: it is compiled once and not each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check lint faults faults-full fault-matrix conformance bench mutation clean

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# Built anew when what the package needs has changed.
$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY) ## Watch consultations travel the whole way (CONSULTATIONS=folder for your own)
	$(BIN)/payer-gateway demo $(CONSULTATIONS)

# In the order of the folders: by itself xdist begins with the files that hold the most tests, and the
# validator's few, which take minutes, come last and alone.
test: $(READY) ## The whole test suite, on SQLite and PostgreSQL (a wheel brings the server)
	$(BIN)/pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --ignore tests/faults
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/faults

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## What CI runs: lint, types, import contracts, tests

# Most of their time is waiting: two processes, and no more, for leases end by the clock.
faults: $(READY) ## The fault laboratory, short (part of test): killed, frozen, cut off; then the counts
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/faults

faults-full: $(READY) ## The fault laboratory, long: more than 1,200 killed processes
	FAULTS=full $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/faults
	$(BIN)/python tests/faults/faults_matrix.py

fault-matrix: $(READY) ## Take each rule of delivery away, see what notices, write docs/fault-matrix.md
	$(BIN)/python tests/faults/faults_matrix.py

conformance: $(READY) ## HL7's validator over everything we emit (docs/conformance.md says what it needs)
	$(BIN)/pytest tests/conformance

bench: $(READY) ## How fast: a decision, a request, a night's run of a million members
	$(BIN)/python benchmarks/eligibility.py

mutation: $(READY) ## Do the tests of decisions notice a changed rule? (docs/mutation.md; takes long)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,mutation]'
	$(BIN)/python scripts/mutation.py

clean: ## Take away everything that was built
	rm -rf $(VENV) mutants build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

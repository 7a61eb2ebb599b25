# Needs Python >= 3.11 and make, nothing else. `make run` and `make test` work in a bare checkout.

.DEFAULT_GOAL := help
.PHONY: help run test setup check format bench docs messages screenshots lock clean
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed ## start the demo: practice registers, web and worker; Ctrl-C ends it
	@exec $(BIN)/certwatch demo

test: check ## install what the tests need, then run all checks and tests
	@tools/with-servers $(BIN)/python -m tools.tests

setup: .venv/installed-dev ## make .venv and install everything for developing

check: setup ## format, lint, types, floors, migrations, translations
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-logo > .venv/lint-imports.txt || { cat .venv/lint-imports.txt; exit 1; }
	$(BIN)/python -W error -m tools.migrations
	$(BIN)/python -m tools.messages --check

format: setup ## put all code into its form
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

bench: setup ## measure the claims of docs/performance.md
	@tools/with-servers $(BIN)/python -m benchmarks.lookup
	$(BIN)/python -m benchmarks.sync
	$(BIN)/python -m benchmarks.reminders
	$(BIN)/python -m benchmarks.pages

docs: setup ## check that links, commands and settings in the documents lead somewhere
	$(BIN)/pytest tests/test_house.py -k "documents or stranger"

messages: setup ## collect the pages' texts for translation and compile them (needs GNU gettext)
	$(BIN)/python -m tools.messages

screenshots: setup ## take the pictures of docs/images anew
	@tools/with-servers $(BIN)/python -m tools.screenshots

lock: setup ## write requirements/*.txt anew from requirements/*.in
	tools/lock

clean: ## remove .venv and caches; var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/made: tools/make-venv
	@tools/make-venv

.venv/installed: requirements/base.txt requirements/build.txt pyproject.toml hatch_build.py | .venv/made
	@echo "Installing what Certificate Watch needs (once, about a minute) ..." >&2
	@$(PIP) install --require-hashes -r requirements/base.txt -r requirements/build.txt
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements/dev.txt .venv/installed
	@echo "Installing what developing and testing needs (once) ..." >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

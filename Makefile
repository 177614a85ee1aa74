# `make help` says what there is to do.

STAGE ?= dev
PORT ?= 8000
export PORT

BUILD := build/$(STAGE)
BIN := .venv/bin
# Each adds to the one before it, so no two install at a time, under -j neither.
RUN := .venv/installed-run
TEST := .venv/installed-test
CHECK := .venv/installed-check
BENCH := .venv/installed-bench
MINISTACK := .venv-ministack/installed
NODE := tests/keys/node
BENCH_NODE := bench/peers/node

.DEFAULT_GOAL := help
.PHONY: help run test coverage load faults mutants bench scale check lock package deploy rollback destroy clean node .venv-ministack

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

run: $(RUN) ## the emulated AWS, the demo data and the API on http://127.0.0.1:$PORT (default 8000)
	@exec $(BIN)/python -m infra.local

TESTS := pytest --numprocesses auto --dist loadgroup --ignore tests/faults/test_faults.py
test: $(TEST) $(MINISTACK) $(NODE)/node_modules/installed ## every test but the two long ones, load and faults
	$(BIN)/$(TESTS)

coverage: $(TEST) $(MINISTACK) $(NODE)/node_modules/installed ## make test, and how much of chalicelib it runs; fails below the figure in pyproject.toml
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m $(TESTS)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

SECONDS ?= 60
load: $(TEST) $(MINISTACK) ## clients of the served API for $SECONDS (default 60), and whether every promise was kept (docs/scale.md)
	@SECONDS=$(SECONDS) $(BIN)/python -m tests.load

faults: $(TEST) $(MINISTACK) ## every fault of AWS at every call of every operation (docs/reliability.md), some minutes
	$(BIN)/pytest tests/faults -W "ignore::pytest.PytestUnraisableExceptionWarning" # for sockets that a fault has left

mutants: $(TEST) $(NODE)/node_modules/installed ## the core changed in 500 places, one at a time (ALL=1: in every place), and what no test notices; half an hour
	@$(BIN)/python -m bench.mutants $(if $(ALL),--all)

bench: $(BENCH) $(MINISTACK) $(BENCH_NODE)/node_modules/installed ## what it costs, as ratios and beside others (docs/performance.md), some minutes
	@$(BIN)/python -m bench

scale: $(TEST) $(MINISTACK) ## what it costs on AWS and where the first limits are, on paper (docs/scale.md)
	@$(BIN)/python -m bench.scale

check: $(CHECK) ## lint, format, types, the direction of imports, the packaged template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory package
	$(BIN)/cfn-lint $(BUILD)/sam.yaml

# What Lambda runs on: ARCHITECTURE=arm64, or lambda_architecture in .chalice/config.json; else x86_64.
FOR := $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

lock: $(RUN) ## requirements.lock anew, after a change of requirements.txt
	@$(BIN)/python -m infra.package.lock

package: $(RUN) ## the deployable template, zip and SBOM, under build/$STAGE (default dev)
	@$(BIN)/python -m infra.package $(STAGE) $(FOR)

deploy: $(RUN) ## packages, and deploys to the AWS account of the environment (docs/deploy.md)
	@$(BIN)/python -m infra.deploy $(STAGE) $(FOR) --bucket '$(BUCKET)' --create-bucket '$(CREATE_BUCKET)' \
		--parameters '$(PARAMETERS)' --adopt '$(ADOPT)'

rollback: $(RUN) ## deploys VERSION again; without it, says which versions there are
	@$(BIN)/python -m infra.deploy $(STAGE) --bucket '$(BUCKET)' --rollback $(VERSION)

destroy: $(RUN) ## deletes the deployed stack; the data stays, but for DELETE_DATA=yes
	@$(BIN)/python -m infra.deploy.destroy $(STAGE) --yes '$(YES)' --delete-data '$(DELETE_DATA)'

clean: ## removes what make has made
	rm -rf .venv .venv-ministack $(NODE)/node_modules $(BENCH_NODE)/node_modules build .chalice/deployments .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

# The newest Python from 3.11 up that really runs and can make a virtual environment.
$(RUN): requirements.txt requirements-run.txt
	@set -e; found=; \
	for python in python3.14 python3.13 python3.12 python3.11 python3; do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$python; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.11 or newer with venv and ensurepip is needed (on Debian: apt install python3-venv)." >&2; \
		exit 1; \
	fi; \
	echo "Installing into .venv with $$($$found --version), once; this takes a minute or two ..."; \
	[ -x $(BIN)/python ] || $$found -m venv .venv; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-run.txt; \
	touch $@

# What tests, checks and measurements take beyond it.
$(TEST): requirements-test.txt $(RUN)
$(CHECK): requirements-check.txt $(TEST)
$(BENCH): requirements-bench.txt $(CHECK)
$(TEST) $(CHECK) $(BENCH):
	@echo "Installing $< too, once; this takes a minute ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# The emulator that judges races pins a botocore of its own, so it lives by itself.
.venv-ministack: $(MINISTACK)
$(MINISTACK): requirements-ministack.txt | $(RUN)
	@echo "Installing ministack into .venv-ministack, once; this takes a minute ..."
	@[ -x .venv-ministack/bin/python ] || $(BIN)/python -m venv .venv-ministack
	@.venv-ministack/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-ministack.txt
	@touch $@

# Verifiers that others wrote for Node, which itself comes from PyPI.
node: $(NODE)/node_modules/installed
%/node_modules/installed: %/package.json %/package-lock.json | $(TEST)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --silent --ignore-scripts --prefix $*
	@touch $@

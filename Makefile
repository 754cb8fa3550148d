# One door: people and CI run the same lines. `make` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
# More than there are cores: the engine tests wait more than they work.
JOBS ?= 4
# The differential test: the proxy, configs of each version, and where the random ones start from.
ENGINE ?= nginx
N ?= 50
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo picture picture-lint test explore containers lint types fmt docs docs-check snapshots bench bench-peers differential interop consumers clean all

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(VENV)/.demo ## Stream tokens through a generated proxy, beside a stock one.
	@$(RUN)/proxycfg demo

picture: $(VENV)/.demo ## Record the demo's picture for the README anew.
	@$(RUN)/proxycfg demo --engine nginx --plain --save-svg docs/images/demo.svg

picture-lint: $(VENV)/.test ## Draw the picture of a session with lint for the README anew.
	@$(RUN)/python -m tests.lint_picture

test: $(VENV)/.test ## Pass the tests; engines that this machine lacks are skipped with a reason.
	@$(RUN)/python -m tests.engines prepare $(if $(PROXYCFG_REQUIRE_ENGINES),--require,)
	$(RUN)/python -m pytest -q -n $(JOBS) --dist loadgroup

containers: $(VENV)/.test ## Only the tests on real engines.
	@$(RUN)/python -m tests.engines prepare $(if $(PROXYCFG_REQUIRE_ENGINES),--require,)
	$(RUN)/python -m pytest -q -n $(JOBS) --dist loadgroup tests/containers

explore: $(VENV)/.test ## The property tests, with examples that were never tried before.
	HYPOTHESIS_PROFILE=explore $(RUN)/python -m pytest -q -n $(JOBS) --dist loadgroup tests/laws tests/targets tests/cli

lint: $(VENV)/.dev ## Look for mistakes and untidiness.
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: $(VENV)/.dev ## Check the types, with two checkers.
	$(RUN)/mypy
	$(RUN)/pyright

fmt: $(VENV)/.dev ## Tidy what can be tidied by machine.
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

docs: $(VENV)/.dev ## Write the generated pages anew.
	$(RUN)/python -m tests.pages write

docs-check: $(VENV)/.dev ## Fail where a generated page is out of date.
	$(RUN)/python -m tests.pages check

snapshots: $(VENV)/.test ## Write the expected configs in fixtures/specs anew; look at the difference before you commit.
	$(RUN)/python -m tests.snapshots

interop: $(VENV)/.test ## Run other linters of nginx on generated configs, and write docs/interop.md; installs them once.
	$(RUN)/python -m tests.interop

consumers: $(VENV)/.test ## Try what reads our reports and runs us in CI, and write docs/consumers.md; installs them once.
	$(RUN)/python -m tests.consumers

bench: $(VENV)/.test ## Measure: linear generation, start-up, added latency and load, as ratios.
	@$(RUN)/python -m tests.engines prepare
	$(RUN)/python -m tests.bench

bench-peers: $(VENV)/.test ## Measure lint beside other linters of nginx and nginx -t; installs them once.
	$(RUN)/python -m tests.bench --only peers

differential: $(VENV)/.test ## Compare N= random configs of each version, from SEED=, with what ENGINE= (nginx, envoy) does.
	@$(RUN)/python -m tests.engines prepare
	$(RUN)/python -m tests.differential --engine $(ENGINE) --count $(N) --seed $(SEED)

all: lint types docs-check test ## Everything that CI asks for.

clean: ## Remove what the other targets made.
	rm -rf $(VENV) .interop build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis generated

# ---- the environment: a venv with what each door needs, made once ----

$(VENV)/bin/pip:
	@.ci/make-venv $(VENV) $(PYTHON)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/pip
	@echo 'Installing proxycfg and the demo (once) …'
	@$(RUN)/pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/pip
	@echo 'Installing proxycfg and the tests (once) …'
	@$(RUN)/pip install --quiet --disable-pip-version-check -e '.[demo]' --group test
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/pip
	@echo 'Installing proxycfg and the developer tools (once) …'
	@$(RUN)/pip install --quiet --disable-pip-version-check -e '.[demo]' --group dev
	@touch $@

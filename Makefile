# make book   set up, execute what is missing or stale, build the book
# make test   set up, test everything
# PRESET=smoke make book   the same book from tiny data, to see that everything runs

PYTHON ?= python3
PRESET ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BOOK := _build/html/index.html

export PIP_DISABLE_PIP_VERSION_CHECK := 1
ifneq ($(PRESET),)
export WHYREID_PRESET := $(PRESET)
endif

.DEFAULT_GOAL := help
.PHONY: help setup book test lab bench lint lock clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

setup: $(READY) ## the environment in .venv, as requirements.lock says

# uv installs in seconds what pip installs in minutes; where uv cannot reach an index, pip can have settings of its own
$(READY): requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); say make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.lock)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock \
	  || { echo "uv could not install; trying pip" >&2; $(BIN)/python -m pip install --quiet -r requirements.lock; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . \
	  || $(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $(READY)

book: $(READY) ## the book, in _build/html
	@$(BIN)/jupyter-book build book/ -W -n --keep-going
	@test -f $(BOOK) || { echo "no $(BOOK) was made" >&2; exit 1; }
	@echo "The book: file://$(CURDIR)/$(BOOK)"

test: $(READY) ## everything: library, notebooks, README, book
	@$(BIN)/python -m pytest $(TESTS)

lab: $(READY) ## JupyterLab, in which the sources of notebooks/ open as notebooks
	@$(BIN)/jupytext-config --settings-file $(VENV)/etc/jupyter/labconfig/default_setting_overrides.json set-default-viewer python
	@$(BIN)/jupyter-lab --LabApp.default_url=/lab/tree/notebooks

bench: $(READY) ## speed and memory against plain reference implementations
	@set -e; for script in $(filter-out %/measure.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$script; done

lint: $(READY) ## style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

lock: $(READY) ## requirements.lock from requirements.in, newest versions
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --upgrade \
	  requirements.in -o requirements.lock

clean: ## take away the built book and the executed notebooks; stored results stay
	@rm -rf _build book/runs

# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV_PYTHON ?= python3
PORT ?= 8080
PY := .venv/bin/python
VENV := .venv/.installed
CHECKOV := build/checkov/.installed

# A missing or dangling CLI configuration makes Terraform warn on every call.
ifneq ($(wildcard $(TF_CLI_CONFIG_FILE)),$(TF_CLI_CONFIG_FILE))
unexport TF_CLI_CONFIG_FILE
endif

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV): requirements/dev.txt
	@$(VENV_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make VENV_PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "Installing the tools into .venv (about a minute, once)"
	@$(VENV_PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(CHECKOV): requirements/checkov.txt
	@echo "Installing checkov into build/checkov (about a minute, once)"
	@$(VENV_PYTHON) -m venv --clear build/checkov
	@build/checkov/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@

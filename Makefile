# Every command of the project: `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV_PYTHON ?= python3
PORT ?= 8080
PY := .venv/bin/python
VENV := .venv/.installed
CHECKOV := build/checkov/.installed
FUZZ := build/fuzz/.installed
MUTATION := build/mutation/.installed
LOAD := build/load/.installed
PYTEST := $(PY) -m pytest --quiet
WHOLE := tests/system tests/terraform

# Terraform warns on every call about a configuration file that is not there.
ifneq ($(TF_CLI_CONFIG_FILE),)
ifeq ($(wildcard $(TF_CLI_CONFIG_FILE)),)
unexport TF_CLI_CONFIG_FILE
endif
endif

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- On one machine ---------------------------------------------------------------------------------------

.PHONY: run
run: $(VENV) ## Run the whole system on this machine (PORT=8080); Ctrl-C stops it
	@exec $(PY) -m scripts.local --port $(PORT)

.PHONY: token
token: $(VENV) ## Print a token of a local speaker (USER=alice), made when unknown
	@$(PY) -m scripts.local.token "$(USER)"

.PHONY: listen
listen: $(VENV) ## Print what a listener of a session hears (SESSION=blessed-shepherd-427 LANGUAGE=es)
	@exec $(PY) -m scripts.operate.listen "$(SESSION)" $(if $(LANGUAGE),"$(LANGUAGE)") $(if $(TOKEN),--token "$(TOKEN)")

# --- Proof ------------------------------------------------------------------------------------------------

.PHONY: test
test: $(VENV) ## Run all tests, from nothing
	@echo "== Tier 1 of 2: unit and contract =="
	@$(PYTEST) -n 2 --dist loadfile tests $(WHOLE:%=--ignore=%)
	@echo "== Tier 2 of 2: Terraform, deployment and the whole system =="
	@$(PYTEST) -n 3 --dist loadscope --no-loadscope-reorder $(WHOLE)

.PHONY: lint
lint: $(VENV) $(CHECKOV) ## Check style, types, Terraform and its policies
	@echo "== ruff ==" && .venv/bin/ruff check . && .venv/bin/ruff format --check .
	@echo "== mypy ==" && .venv/bin/mypy
	@echo "== OpenAPI and AsyncAPI ==" && $(PY) -m scripts.docs.openapi --check && $(PY) -m scripts.docs.asyncapi --check
	@echo "== terraform fmt and validate ==" && terraform fmt -check -recursive terraform && $(PY) -m scripts.terraform
	@echo "== checkov ==" && build/checkov/bin/checkov --directory terraform --config-file .checkov.yaml

.PHONY: mutation
mutation: $(VENV) $(MUTATION) ## Change the domain in every small way, and see that a test notices (minutes)
	@nice $(PY) -m tests.stress.mutation

.PHONY: load
load: package $(LOAD) ## Load on the local system (SECONDS=60 RATE=30): waits, errors, whose CPU time
	@$(PY) -m tests.stress.load $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(RATE),--rate "$(RATE)")

.PHONY: curve
curve: $(VENV) ## Measure what a create costs as session ids fill up
	@$(PY) -m tests.stress.load.curve

.PHONY: faults
faults: package $(LOAD) ## Break DynamoDB in eight ways under load, and audit the table (5 minutes)
	@$(PY) -m tests.stress.faults

.PHONY: bench
bench: package ## Measure our functions against their peers, as ratios in one run
	@$(PY) -m tests.stress.benchmarks

.PHONY: fuzz
fuzz: $(VENV) $(FUZZ) ## Look for what nobody thought of, for about ten minutes (PARTS="api machine guided")
	@$(PY) -m tests.stress.fuzz $(PARTS)

# --- Delivery ---------------------------------------------------------------------------------------------

.PHONY: package
package: $(VENV) ## Build dist/<function>.zip and dist/manifest.json (PYTHON=3.13 ARCH=arm64)
	@$(PY) -m scripts.build.package $(if $(PYTHON),--python "$(PYTHON)") $(if $(ARCH),--arch "$(ARCH)")

.PHONY: plan
plan: $(VENV) ## Save and show what `make apply` would change (ENV=dev)
	@$(PY) -m scripts.deploy plan "$(ENV)"

.PHONY: apply
apply: $(VENV) ## Apply the saved plan (ENV=dev)
	@$(PY) -m scripts.deploy apply "$(ENV)"

.PHONY: rollout
rollout: $(VENV) ## Apply the saved plan in steps, back by itself (ENV=prod STEP=10 PAUSE=300, or TO=<release>)
	@$(PY) -m scripts.deploy rollout "$(ENV)" $(if $(STEP),--step "$(STEP)") $(if $(PAUSE),--pause "$(PAUSE)") \
	  $(if $(TO),--to "$(TO)")

.PHONY: rollback
rollback: $(VENV) ## Make a former release live again, in seconds (ENV=dev TO=<release>)
	@$(PY) -m scripts.deploy rollback "$(ENV)" --to "$(TO)"

.PHONY: outputs
outputs: $(VENV) ## Print what an environment is made of (ENV=dev)
	@$(PY) -m scripts.deploy outputs "$(ENV)"

# --- Operation --------------------------------------------------------------------------------------------

.PHONY: health
health: $(VENV) ## Ask all environments, ENV=dev or URL=https://... whether they can do their work (COUNT=20, JSON=1)
	@$(PY) -m scripts.operate.health $(if $(URL),--url "$(URL)") $(if $(ENV),--env "$(ENV)") \
	  $(if $(COUNT),--count "$(COUNT)") $(if $(JSON),--json)

.PHONY: sessions
sessions: $(VENV) ## Count the sessions that live, by status and language (ENV=dev, JSON=1)
	@$(PY) -m scripts.operate.sessions "$(ENV)" $(if $(JSON),--json)

.PHONY: tail
tail: $(VENV) ## Follow the logs (ENV=dev, ROUTE="POST /sessions")
	@exec $(PY) -m scripts.operate.tail "$(ENV)" $(if $(ROUTE),--route "$(ROUTE)")

.PHONY: doctor
doctor: ## Check this machine's tools, and say what to install
	@$(VENV_PYTHON) scripts/operate/doctor.py

# --- Upkeep -----------------------------------------------------------------------------------------------

.PHONY: openapi
openapi: $(VENV) ## Write docs/openapi.json from the code
	@$(PY) -m scripts.docs.openapi

.PHONY: asyncapi
asyncapi: $(VENV) ## Write docs/asyncapi.json from the code
	@$(PY) -m scripts.docs.asyncapi

.PHONY: pictures
pictures: $(VENV) ## Draw docs/dashboard.svg from Terraform's dashboard
	@$(PY) -m scripts.dashboard_picture

.PHONY: cost
cost: $(VENV) ## Write the tables of docs/cost.md from the model
	@$(PY) -m scripts.docs.cost

.PHONY: security
security: $(VENV) ## Write the tested matrix into docs/security.md
	@$(PY) -m tests.system.security_matrix

.PHONY: format
format: $(VENV) ## Format Python and Terraform
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .
	@terraform fmt -recursive terraform

.PHONY: lock
lock: $(VENV) ## Renew the pins in requirements/ from their .in files
	@for name in functions dev checkov fuzz load mutation peers; do \
	  echo "Resolving requirements/$$name.txt"; \
	  (cd requirements && ../.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links $$name.in -o $$name.txt); \
	done

.PHONY: clean
clean: ## Remove all that was built or installed in this checkout
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find terraform -name .terraform -prune -exec rm -rf {} +

$(VENV): requirements/dev.txt
	@$(VENV_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make VENV_PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Installing the tools into .venv (about a minute, once)" >&2
	@$(VENV_PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Tools that few need lie in folders of their own: build/checkov is what requirements/checkov.txt pins.
build/mutation/.installed: requirements/dev.txt
build/%/.installed: requirements/%.txt
	@echo "Installing what requirements/$*.txt pins into build/$* (about a minute, once)" >&2
	@$(VENV_PYTHON) -m venv --clear build/$*
	@build/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes $(^:%=-r %)
	@touch $@

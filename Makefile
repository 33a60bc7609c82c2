# make demo   simulated head CT and shoulder MRI -> the real panels -> their buttons clicked -> demo-output/
# make test   style, engine, worker, panel and packaging tests, on up to four cores; PYTEST_ARGS="Testing/worker -x" for some
# make lint   style only
# make bench  time and memory as one table: the networks beside their arithmetic floor, both clicks stage by stage, larger
#             scans, a folder of scans, other ways to segment; BENCH_ARGS="--quick" in minutes, BENCH_ARGS="--parts network
#             segment classify size folder peers" for some of them
#
# Each makes what it needs: a virtual environment (.venv) and, as root on Debian, the system libraries for drawing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST_ARGS ?= --numprocesses logical --maxprocesses 4 --dist worksteal
SYSTEM_PACKAGES := libgl1 libegl1 libegl-mesa0 libgl1-mesa-dri libglib2.0-0 libdbus-1-3 libfontconfig1 libfreetype6 \
  libx11-6 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
  libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libx11-xcb1 \
  libxrender1 libxt6 libsm6 libice6 libxext6 fonts-dejavu-core

export OMP_WAIT_POLICY ?= PASSIVE
# Python keeps what it has compiled, whatever the surroundings say: tests start it a hundred times.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint bench environment clean

demo: environment
	$(BIN)/python Testing/demo/demo.py --output demo-output

test: environment lint
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: environment
	$(BIN)/python -m Testing.benchmarks $(BENCH_ARGS)

environment: $(READY)

$(READY): pyproject.toml Testing/system_packages.sh
	PYTHON="$(PYTHON)" sh Testing/system_packages.sh $(SYSTEM_PACKAGES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=23"
	@# a CPU build of torch, exactly this version: the default on Linux brings gigabytes of CUDA
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable ".[host,test]"
	touch $(READY)

clean:
	rm -rf $(VENV) demo-output

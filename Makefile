# make book    build the site, every notebook executed, warnings are errors
# make test    unit tests and every notebook, two files at a time
# make lint    style, stripped notebooks, spelling, nothing out of date
# make derive  write the address in _config.yml into all that repeats it, and the assignments' products;
#              with ADDRESS=https://github.com/YOU/YOUR-FORK that address first
# make slides  the book, and slides of each chapter
# make serve   build the book and show it at http://localhost:8000
# make clean   remove what was built; the environment stays (delete .venv to start afresh)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# A folder of the real data files, if you have one. Without it the book downloads what it needs.
LABCLIP_DATA ?= $(wildcard ../shared/data)
ifneq ($(LABCLIP_DATA),)
# Absolute, because notebooks run in their own folder.
override export LABCLIP_DATA := $(abspath $(LABCLIP_DATA))
endif

# A notebook that calls a shell command must find this environment's python first.
export PATH := $(abspath $(BIN)):$(PATH)

# Assignments' products are no notebooks to check: `derive` compares them with their sources.
NOTEBOOKS = $(wildcard chapters/*.ipynb chapters/assignments/*.ipynb)

.PHONY: book test lint derive slides serve clean

book: $(READY)
	$(BIN)/jupyter-book build . --all -n -W --keep-going

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder \
		--nbval-lax --nbval-current-env --nbval-cell-timeout 300 tests $(NOTEBOOKS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --keep-id $(NOTEBOOKS)
	$(BIN)/codespell
	$(BIN)/python tools/derive.py --check

derive: $(READY)
	$(BIN)/python tools/derive.py $(if $(ADDRESS),--address $(ADDRESS))

slides: book
	$(BIN)/python tools/slides.py

serve: book
	$(BIN)/python -m http.server --directory _build/html 8000

clean:
	rm -rf _build build *.egg-info .pytest_cache .ruff_cache

# Installing needs the network; nothing after it does, if LABCLIP_DATA is set.
$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.txt
	@touch $@

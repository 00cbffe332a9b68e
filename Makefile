# make book    build the site, every notebook executed, warnings are errors
# make test    unit tests, every notebook, two files at a time, and the built site where `make book` has made it
# make real    the tests that read published files, and the chapters that compute from them
# make kept    compute anew what these chapters keep for machines without those files
# make lint    style, stripped notebooks, spelling, nothing out of date; the JavaScript too where npm is there
# make derive  write the address in _config.yml into all that repeats it, and the assignments' products;
#              with ADDRESS=https://github.com/YOU/YOUR-FORK that address first
# make slides  the book, and slides of each chapter
# make offline the book, all of it as one zip, and a PDF of each chapter where there is a Chromium
# make screenshots  the book, and pictures of every page, as _build/screenshots, for looking through
# make serve   build the book and show it at http://localhost:8000
# make clean   remove what was built; the environment stays (delete .venv to start afresh)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Notebooks run in their own folder, so a folder of data that is given must be absolute.
ifneq ($(LABCLIP_DATA),)
override export LABCLIP_DATA := $(abspath $(LABCLIP_DATA))
endif

# A notebook that calls a shell command must find this environment's python first.
export PATH := $(abspath $(BIN)):$(PATH)

# Assignments' products are no notebooks to check: `derive` compares them with their sources.
NOTEBOOKS = $(wildcard chapters/*.ipynb chapters/assignments/*.ipynb)
# The chapters that compute from published files where these are at hand.
REAL = chapters/01_clip_basics.ipynb chapters/04_two_encoders.ipynb chapters/06_scoreboard.ipynb \
       chapters/appendix_operators.ipynb
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder
NBVAL = --nbval-lax --nbval-current-env --nbval-cell-timeout 300

.PHONY: book test real kept lint derive slides offline screenshots serve clean

book: $(READY)
	$(BIN)/jupyter-book build . --all -n -W --keep-going

test: $(READY)
	$(PYTEST) $(NBVAL) tests $(NOTEBOOKS)

real: $(READY)
	$(PYTEST) -m real_data
	$(PYTEST) $(NBVAL) $(REAL)

kept: $(READY)
	LABCLIP_KEPT=remake $(PYTEST) $(NBVAL) $(REAL)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --keep-id $(NOTEBOOKS)
	$(BIN)/codespell
	$(BIN)/python tools/derive.py --check
	$(BIN)/python tools/cells.py
	@if [ node_modules/.package-lock.json -nt package.json ] \
	  || npm install --silent --no-package-lock --engine-strict 2> /dev/null; \
	  then npm run --silent lint; else echo "The JavaScript is not linted: npm cannot install eslint here."; fi

derive: $(READY)
	$(BIN)/python tools/derive.py $(if $(ADDRESS),--address $(ADDRESS))

slides: book
	$(BIN)/python tools/slides.py

offline: book
	$(BIN)/python tools/offline.py

screenshots: book
	$(BIN)/python tools/screenshots.py $(if $(FOLDED),--folded)

serve: book
	$(BIN)/python -m http.server --directory _build/html 8000

clean:
	rm -rf _build build *.egg-info .pytest_cache .ruff_cache

# Installing needs the network; nothing after it does.
$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.txt
	@touch $@

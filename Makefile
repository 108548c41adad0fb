# Every target sets up what it needs: a virtual environment with pinned versions, and the backends (netx is Lava's
# environment and one package more; xylo needs a compiler, and its tests are skipped where there is none).
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test slow lint docs site clean

help:            ## show the targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo: $(VENV)/.search  ## deploy the digits example on emulated Loihi 2 with Lava
	$(BIN)/spear-deploy backend install lava
	$(BIN)/spear-deploy demo --force -o build/demo

test: $(VENV)/.test    ## run the tests (slow ones excluded)
	$(BIN)/spear-deploy backend install netx
	-$(BIN)/spear-deploy backend install xylo
	$(BIN)/python -m tests.frameworks
	$(BIN)/python -m pytest -n 2 -m "not slow" --durations=15

slow: $(VENV)/.test    ## run the slow tests
	$(BIN)/spear-deploy backend install netx
	-$(BIN)/spear-deploy backend install xylo
	$(BIN)/python -m tests.frameworks
	$(BIN)/python -m pytest -n 2 -m slow --durations=25

lint: $(VENV)/.test    ## ruff, import-linter and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: $(VENV)/.test    ## write the generated pages of the documentation
	$(BIN)/python docs/generate.py

site: $(VENV)/.test    ## build the documentation as a site in build/site
	$(PIP) mkdocs-material
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

clean:           ## remove what the targets made
	rm -rf $(VENV) build

# torch comes first and alone: where a CPU build is at hand, later packages must not pull another one.
$(VENV)/.search: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[search]'
	@touch $@

$(VENV)/.test: $(VENV)/.search
	$(BIN)/python -c 'import tomllib; groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]; print("\n".join(groups["test"] + groups["lint"]))' > $(VENV)/test-requirements.txt
	$(PIP) --requirement $(VENV)/test-requirements.txt
	@touch $@

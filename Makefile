# make book    build the book            make test    check everything
# make help    list all targets
#
# All set-up happens in .venv, whatever environment is active. Packages are pinned by
# constraints.txt; uv is used where it is installed, else pip.

unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME CONDA_PREFIX CONDA_DEFAULT_ENV JUPYTER_PATH \
	PYTHONDONTWRITEBYTECODE \
	PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET PIP_PREFIX \
	UV_PROJECT_ENVIRONMENT UV_PYTHON UV_SYSTEM_PYTHON

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

bin := .venv/bin
uv := uv --version >/dev/null 2>&1

.PHONY: book pdf test lint lab serve clean help

book: .venv/base ## build the book and say where it is
	@$(bin)/hat book

test: .venv/dev ## check style, types, code, notebooks and the book
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports --no-cache
	$(bin)/python -m pytest -n 2 --dist worksteal

lint: .venv/dev ## mend what ruff can mend, then check style and types
	$(bin)/ruff check --fix
	$(bin)/ruff format
	$(bin)/mypy

pdf: .venv/dev ## print the book as one PDF (needs Chromium; pytest -m printed checks it)
	@$(bin)/python book/print_book.py

lab: .venv/base ## open JupyterLab on the notebooks (options: make lab ARGS="--no-browser")
	$(bin)/jupyter lab notebooks $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

serve: .venv/base ## show the built book on this machine
	$(bin)/hat serve

clean: ## remove what was built, but not .venv
	rm -rf _build book/_generated book/analyses book/assets/vendor .pytest_cache .mypy_cache \
		.ruff_cache .hypothesis
	find hatlib tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# Stamps: packages are installed again only when the list of them changes. If the folder was moved
# or its Python is gone, .venv is made anew.

ifneq ($(shell $(bin)/python -c '' 2>/dev/null && cat .venv/made),$(CURDIR))
.PHONY: .venv/made
endif

.venv/made:
	@for name in python3.13 python3.12 python3.11 python3 python; do \
		python=$$("$$name" -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' \
			2>/dev/null) && [ -n "$$python" ] && break; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or later is needed, and none was found on PATH." >&2; exit 1; \
	fi; \
	rm -rf .venv; \
	if $(uv); then uv venv -q --no-project --python "$$python" .venv; \
	else "$$python" -m venv .venv; fi
	@printf '%s' "$$PWD" > $@

.venv/base: pyproject.toml constraints.txt .venv/made
	@$(call install,.[book])
	@$(strip_outputs)

.venv/dev: pyproject.toml constraints.txt .venv/made
	@$(call install,.[book$(comma)dev])
	@$(strip_outputs)
	@touch .venv/base

comma := ,

# What JupyterLab saves into a notebook stays out of git: .gitattributes names this filter.
define strip_outputs
	if git rev-parse --git-dir >/dev/null 2>&1; then \
		git config filter.nbstripout.clean \
			"if [ -x $(bin)/python ]; then $(bin)/python -m nbstripout --keep-id; else cat; fi" && \
		git config filter.nbstripout.smudge cat; \
	fi
endef

define install
	echo "Installing $(1) into .venv" >&2; \
	if $(uv); then uv pip install -q --python $(bin)/python -c constraints.txt -e '$(1)'; \
	else $(bin)/python -m pip install -q --disable-pip-version-check --no-compile \
		-c constraints.txt -e '$(1)'; \
	fi && touch $@
endef

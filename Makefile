# Two commands for a newcomer: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin

# Demo settings; DATADIR replays recorded candles instead of simulating a market.
DATADIR   ?=
TIMERANGE ?=
PROFILE   ?=
DEMO_ARGS ?=
ABLATE_ARGS ?=
WALK_ARGS ?=
REHEARSE_ARGS ?=
SOAK_ARGS ?=
DOCTOR_ARGS ?=

.DEFAULT_GOAL := help

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) --version >/dev/null 2>&1 || { \
	  echo "$(PYTHON) not found: install Python 3.11 or pass PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: help venv demo ablate walk rehearse verify soak doctor env telegram
.PHONY: test lint bench serve serve-live ui profiles lock clean
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(VENV)/.installed ## Create the virtual environment from the lock file

demo: $(VENV)/.installed ## Backtest RegimeRouter and write an HTML report [DATADIR= TIMERANGE= PROFILE=]
	$(BIN)/python scripts/demo.py $(if $(DATADIR),--datadir "$(DATADIR)") \
	  $(if $(TIMERANGE),--timerange $(TIMERANGE)) $(if $(PROFILE),--profile $(PROFILE)) $(DEMO_ARGS)

ablate: $(VENV)/.installed ## Compare the strategy without each of its parts [ABLATE_ARGS=]
	$(BIN)/python scripts/ablate.py $(ABLATE_ARGS)

walk: $(VENV)/.installed ## Tune on the past, trade what comes after, and say what it is worth [DATADIR= TIMERANGE= WALK_ARGS=]
	$(BIN)/python scripts/walk_forward.py $(if $(DATADIR),--datadir "$(DATADIR)") \
	  $(if $(TIMERANGE),--timerange $(TIMERANGE)) $(WALK_ARGS)

rehearse: $(VENV)/.installed ## Trade a past day in dry-run under a fast clock, compare with a backtest [REHEARSE_ARGS=]
	$(BIN)/python scripts/rehearse.py $(if $(DATADIR),--datadir "$(DATADIR)") $(REHEARSE_ARGS)

verify: $(VENV)/.installed ## Prove the hard cases with the real process: faults, kills, a full disk
	$(BIN)/python scripts/verify.py

soak: $(VENV)/.installed ## Trade 24 hours of market under random faults, watch memory and files [SOAK_ARGS=]
	$(BIN)/python scripts/soak.py $(SOAK_ARGS)

doctor: $(VENV)/.installed ## Check settings, data, machine and code before trading [DOCTOR_ARGS=]
	$(BIN)/python scripts/doctor.py $(DOCTOR_ARGS)

telegram: $(VENV)/.installed ## Be Telegram for a bot on this computer: chat with it in the terminal
	$(BIN)/python -m replay telegram --environment build/telegram.env

env: $(VENV)/.installed ## Make .env with fresh passwords, and the folders of the containers
	$(BIN)/python scripts/new_env.py

test: $(VENV)/.installed ## Run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed ## Check formatting, lint rules and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.installed ## Measure speed and memory as ratios within one run
	$(BIN)/python benchmarks/run.py

serve: $(VENV)/.installed ## Serve the simulated market where config/offline.json expects it
	$(BIN)/python -m replay simulate --out user_data/data/simulated --days 60
	$(BIN)/python -m replay serve --datadir user_data/data/simulated --port 8917

serve-live: $(VENV)/.installed ## The same with a market that goes on past now, for dry-run trading
	$(BIN)/python -m replay simulate --out user_data/data/simulated_live \
	  --start $$(date -u +%Y-%m-%d) --days 14
	$(BIN)/python -m replay serve --datadir user_data/data/simulated_live --port 8917

ui: $(VENV)/.installed ## Start FreqUI's server on loopback with a fresh password
	@password=$$($(BIN)/python -c "import secrets; print('u' + secrets.token_urlsafe(18))"); \
	echo "user: regimerouter  password: $$password  (http://127.0.0.1:8080)"; \
	FREQTRADE__API_SERVER__PASSWORD=$$password \
	FREQTRADE__API_SERVER__JWT_SECRET_KEY=$$($(BIN)/python -c "import secrets; print('k' + secrets.token_urlsafe(40))") \
	$(BIN)/freqtrade webserver $(UI_ARGS)

profiles: $(VENV)/.installed ## Write config/profiles/conservative.json from the settings
	$(BIN)/python scripts/profiles.py

lock: $(VENV)/.installed ## Refresh the lock file from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock

clean: ## Remove everything that was built, keep user_data
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache

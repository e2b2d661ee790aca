# Everything that people and CI run. `make` alone lists it.

# rustup's own place too, for a shell that has not been opened anew since
CARGO ?= $(shell command -v cargo || echo "$$HOME/.cargo/bin/cargo")
# What follows `--`, as in `make run ARGS="--http 127.0.0.1:9000"`
ARGS ?=

# Settings of your own, see .env.example; tests never read them
SETTINGS = set -a; [ ! -f .env ] || . ./.env; set +a;

export CARGO

.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint deny bench loadtest

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the system packages that are missing (Redis, PostgreSQL, a C linker)
	@sh infra/setup.sh

run: setup ## Start everything, with a private Redis and Postgres; Ctrl-C drains and ends it
	@$(SETTINGS) $(CARGO) run --release -- up $(ARGS)

demo: setup ## Show it: three campaigns, real events, and which campaigns each one triggered
	$(CARGO) run --release --example demo

test: setup ## Run all tests, on a real Redis and Postgres of each test's own
	$(CARGO) test --workspace $(ARGS)

lint: ## Check format, lints and documentation
	@$(CARGO) clippy --version >/dev/null && $(CARGO) fmt --version >/dev/null \
		|| { echo "Install the missing tools:  rustup component add clippy rustfmt" >&2; exit 1; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

deny: ## Check licences, advisories and sources of all dependencies (needs cargo-deny)
	@$(CARGO) deny --version >/dev/null \
		|| { echo "Install the missing tool:  cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) deny check

bench: setup ## Measure each figure against its limit or peer
	$(CARGO) bench $(ARGS)

loadtest: setup ## Run the load tool, as in `make loadtest ARGS="--help"`
	@$(SETTINGS) $(CARGO) run --release --package loadtest -- $(ARGS)

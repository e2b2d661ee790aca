# Everything that people and CI run. `make` alone lists it.

# rustup's own place too, for a shell that has not been opened anew since
CARGO ?= $(shell command -v cargo || echo "$$HOME/.cargo/bin/cargo")
# What follows `--`, as in `make run ARGS="--http 127.0.0.1:9000"`
ARGS ?=
# How long each fuzz target runs
SECONDS ?= 60

# Settings of your own, see .env.example; tests never read them
SETTINGS = set -a; [ ! -f .env ] || . ./.env; set +a;

# For the whole workspace, so that `make run` and `make loadtest` share what they depend on: each package alone would have it
# with other features, and compile it again
BUILD = $(CARGO) build --release --workspace
BUILT = "$${CARGO_TARGET_DIR:-target}/release"

export CARGO

.DEFAULT_GOAL := help
.PHONY: help setup run demo test clients test-clients test-manifests test-monitoring dashboards lint deny fuzz fuzz-api chaos bench \
	loadtest test-bare test-images

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the system packages that are missing (Redis, PostgreSQL, a C compiler, curl)
	@sh infra/setup.sh

run: setup ## Start everything, with a private Redis and Postgres; Ctrl-C ends it, and loses nothing
	@$(BUILD) --bin campaign-manager
	@$(SETTINGS) exec $(BUILT)/campaign-manager up $(ARGS)

demo: setup ## Show it: three campaigns, real events, and which campaigns each one triggered
	$(CARGO) run --release --example demo

test: setup ## Run all tests, on a real Redis and Postgres of each test's own
	$(CARGO) test --workspace --all-features $(ARGS)

# Node.js too, and the packages of both it and Python, come to lie below target/
clients:
	@sh infra/setup.sh clients
	@sh tests/clients/install.sh

test-clients: clients ## Send a thousand events with each of Segment's and CloudEvents' SDKs and with curl, and look for the rows
	@sh infra/setup.sh clients
	@sh tests/clients/install.sh
	$(CARGO) test --all-features --test clients $(ARGS) -- --skip api_fuzzer

# The program is the one that `make test-clients` builds too
test-manifests: ## Hold the images, the compose file, the manifests for Kubernetes and CI's workflow to their rules
	@sh infra/setup.sh clients
	@sh tests/manifests/install.sh
	$(CARGO) test --all-features --test clients --no-run
	PYTHONDONTWRITEBYTECODE=1 "$${CARGO_TARGET_DIR:-target}/manifests/venv/bin/pytest" -p no:cacheprovider -q tests/manifests $(ARGS)

test-images: ## Build the images with Podman and run them as the compose file has them (as root; needs podman)
	@sh infra/setup.sh clients
	@sh tests/manifests/install.sh
	@sh tests/images/run.sh

test-bare: ## Run the README's commands on a bare Debian; ARGS="setup run" for some (as root; needs debootstrap)
	@sh tests/bare/run.sh $(ARGS)

test-monitoring: ## Run the alerts' tests, and every dashboard's queries on a Prometheus that scrapes a loaded system
	@sh infra/setup.sh monitoring
	$(CARGO) test --all-features --test monitoring $(ARGS) -- --skip pictures

dashboards: ## Draw a picture of each dashboard below target/dashboards, from a run of three minutes
	@sh infra/setup.sh monitoring
	@sh tests/monitoring/install.sh
	$(CARGO) test --all-features --test monitoring -- --nocapture pictures

lint: ## Check format, lints and documentation
	@$(CARGO) clippy --version >/dev/null && $(CARGO) fmt --version >/dev/null \
		|| { echo "Install the missing tools:  rustup component add clippy rustfmt" >&2; exit 1; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy --all-features --test chaos --test clients --test monitoring -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

deny: ## Check licences, advisories and sources of all dependencies (needs cargo-deny)
	@$(CARGO) deny --version >/dev/null \
		|| { echo "Install the missing tool:  cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) deny check

# Sanitizers are unstable options; the variable lets the stable compiler take them
fuzz: ## Fuzz each target for SECONDS (60); ARGS go to libFuzzer (needs cargo-fuzz)
	@$(CARGO) fuzz --version >/dev/null \
		|| { echo "Install the missing tool:  cargo install --locked cargo-fuzz" >&2; exit 1; }
	for target in $$($(CARGO) fuzz list); do \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(SECONDS) -rss_limit_mb=8192 $(ARGS) || exit 1; \
	done

fuzz-api: clients ## Hold the API against docs/openapi.json with Schemathesis; ARGS="--max-examples 1000" for long
	SCHEMATHESIS_ARGS="$(ARGS)" $(CARGO) test --all-features --test clients -- --nocapture api_fuzzer

# A Ctrl-C is for the run itself, which then ends its round and takes the verdict
chaos: setup ## Break everything at random under load, and verify that nothing is lost; ARGS="--duration 10m --seed 42"
	@$(CARGO) test --all-features --test chaos --no-run
	@trap '' INT; $(CARGO) test --quiet --all-features --test chaos -- $(ARGS)

# Those that compare with a limit or a peer; `cargo bench` alone also measures single functions, and searches in ten million rows
BENCHES = --bench rates --bench ingest --bench pipeline --bench operation

bench: setup ## Measure each figure against its limit or peer; ARGS="--bench NAME" for one of them
	$(CARGO) bench $(or $(ARGS),$(BENCHES))

loadtest: setup ## Load what `make run` has started, and verify that nothing was lost; ARGS="--help" lists the flags
	@mkdir -p target/loadtest
	@$(BUILD) --bin loadtest
	@$(SETTINGS) exec $(BUILT)/loadtest --env-file "$${DATA_DIR:-.data}/run.env" \
		--html target/loadtest/report.html --json target/loadtest/report.json $(ARGS)

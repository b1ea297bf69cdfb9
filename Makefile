# Every recipe installs what is missing first (scripts/install.sh says what, and is quick when nothing is).
# Flags of the command go into ARGS: make dev ARGS="--no-batcher --instant"
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help dev demo test lint bench fuzz crash soak digits contracts docs clean
ARGS ?=

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

dev: ## Run a local chain with an L1 (flags: ARGS="--data-dir DIR ...")
	@scripts/install.sh
	@. scripts/env.sh; cargo build -p openledger-cli; exec "$$CARGO_TARGET_DIR/debug/openledger" dev $(ARGS)

demo: ## Train, serve and pay for a small model on a local chain, and check who earns what (scripts/demo.sh --help)
	@scripts/install.sh
	@scripts/demo.sh $(ARGS)

test: ## Run every check and test
	@scripts/install.sh --test
	@scripts/test.sh

lint: ## Check formatting, lints and dependencies
	@scripts/install.sh --test
	@scripts/test.sh format clippy dependencies

bench: ## Run the benchmarks (scripts/bench.sh --help)
	@scripts/install.sh
	@scripts/bench.sh $(ARGS)

fuzz: ## Fuzz every decoder, ten minutes a target (scripts/fuzz.sh --help)
	@scripts/install.sh
	@scripts/fuzz.sh $(ARGS)

crash: ## Kill a loaded node again and again and check that it lost nothing (scripts/crash.sh --help)
	@scripts/install.sh
	@scripts/crash.sh $(ARGS)

soak: ## Load a chain and a verifier steadily for an hour (scripts/soak.sh --help)
	@scripts/install.sh
	@scripts/soak.sh $(ARGS)

digits: ## Reproduce the figures of docs/attribution.md (scripts/digits.sh --help)
	@scripts/install.sh
	@scripts/digits.sh $(ARGS)

contracts: ## Compile the contracts and write contracts/artifacts
	@scripts/install.sh
	@contracts/tools/build.sh

docs: ## Build the API documentation and check the links of all documents
	@scripts/install.sh
	@. scripts/env.sh; RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps; node scripts/check-links.mjs; \
		echo "$$CARGO_TARGET_DIR/doc/openledger/index.html"

clean: ## Delete build products (the cached RocksDB stays)
	@. scripts/env.sh; cargo clean; rm -rf contracts/out contracts/cache

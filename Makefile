# The two commands a newcomer needs: `make demo` and `make test`.
SHELL := /bin/bash
CARGO ?= cargo
.DEFAULT_GOAL := help
# What `make test` builds, once: Cargo.toml says why.
PROFILE ?= checked
.PHONY: help demo test test-long rust tools deny format lint dashboards unit bench fuzz
.NOTPARALLEL:

help:
	@echo 'make demo          build, lay out two networks, run both directions (KEEP=1 leaves them up)'
	@echo 'make test          licences, format, lint, dashboards, house rules, all tests, foreign programs'
	@echo 'make test-long     the same with all counts raised, every reader fuzzed, the figures: hours'
	@echo 'make fuzz          every reader two million times (RUNS=2000000; one: TARGET=xml)'
	@echo 'make bench         instruction counts of the hot paths; the broker beside nginx, HAProxy and a JVM'
	@echo '                   (FIGURES=short: a minute, with generous bounds; ROUNDS=5, ONLY=ITI-38)'

# rust-version in Cargo.toml says which compiler; there is no toolchain file.
rust:
	@need=$$(sed -n 's/^rust-version = "1\.\([0-9]*\)".*/\1/p' Cargo.toml); \
	have=$$($(CARGO) --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p'); \
	if [ -z "$$have" ] || [ "$$have" -lt "$$need" ]; then \
	  echo "Rust 1.$$need or newer is needed (found: $$($(CARGO) --version 2>/dev/null || echo none)). With rustup: rustup update stable" >&2; exit 1; fi
	@command -v cc >/dev/null || { echo 'A C compiler is needed: apt-get install gcc libc6-dev' >&2; exit 1; }

demo: rust
	$(CARGO) build --release --locked
	./target/release/kakehashi demo --folder target/demo $(if $(KEEP),--keep)

test: rust tools deny format lint dashboards unit

# KAKEHASHI_LONG raises the counts of kills, disk histories, mutations and floods.
test-long: export KAKEHASHI_LONG = 1
test-long: test fuzz bench

# Foreign programs of the tests: installed by name where it may be done, else named.
tools:
	@./tests/install.sh

deny:
	@echo '== licences, bans, sources of all dependencies'
	@command -v cargo-deny >/dev/null || { \
	  echo 'cargo-deny is not here: building it once, without optimisation (some minutes)'; \
	  $(CARGO) install --locked --debug --quiet cargo-deny; }
	$(CARGO) deny --log-level error check bans licenses sources
	@if [ -n "$$($(CARGO) tree --locked --prefix none --edges normal --format '{p}' | grep '^ring ')" ]; then \
	  echo 'ring is in the tree: aws-lc-rs is the one crypto provider (docs/architecture.md 8)' >&2; exit 1; fi

format:
	@echo '== format'
	@$(CARGO) fmt --check || { echo 'Run: cargo fmt' >&2; exit 1; }

lint:
	@echo '== clippy, warnings are errors'
	$(CARGO) clippy --profile $(PROFILE) --all-targets --locked -- -D warnings

dashboards:
	@echo '== alert rules and dashboard'
	@./dashboards/check.sh

# Last: the tests, then the short figures of the same build.
unit:
	@echo '== house rules and all tests'
	$(CARGO) test --profile $(PROFILE) --locked
	@echo '== the broker beside nginx, with generous bounds'
	FIGURES=short $(CARGO) bench --profile $(PROFILE) --locked --bench figures

bench: rust
	@[ "$(FIGURES)" = short ] || ./benches/run.sh
	$(CARGO) bench --profile shipped --locked --bench figures

fuzz: rust
	RUNS=$(RUNS) ./fuzz/run.sh $(TARGET)

# The two commands a newcomer needs: `make demo` and `make test`.
SHELL := /bin/bash
CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help demo test format lint deny unit bench fuzz tools rust

help:
	@echo 'make demo          build, lay out two networks, run both directions (KEEP=1 leaves them up)'
	@echo 'make test          format, lint, house rules, dependencies, all tests'
	@echo 'make fuzz          every reader for a minute (FUZZ_SECONDS=60)'
	@echo 'make bench         instruction counts of the hot paths'

rust:
	@have=$$($(CARGO) --version 2>/dev/null | sed -E 's/cargo ([0-9]+)\.([0-9]+).*/\1\2/'); \
	if [ -z "$$have" ] || [ "$$have" -lt 195 ]; then \
	  echo 'Rust 1.95 or newer is needed; install it with rustup (rustup toolchain install stable).' >&2; exit 1; fi
	@command -v cc >/dev/null || { echo 'A C compiler is needed: apt-get install gcc' >&2; exit 1; }

demo: rust
	$(CARGO) build --release --locked
	./target/release/kakehashi demo --folder target/demo $(if $(KEEP),--keep)

# Foreign programs of the tests; installed by name where it may be done, else named.
tools:
	@./tests/install.sh

test: rust tools format lint unit deny

format:
	$(CARGO) fmt --check

lint:
	$(CARGO) clippy --all-targets --locked -- -D warnings

unit:
	$(CARGO) test --locked

deny:
	@command -v cargo-deny >/dev/null || { echo 'installing cargo-deny (once, some minutes)'; $(CARGO) install --locked cargo-deny; }
	$(CARGO) deny --log-level error check bans licenses sources
	@if $(CARGO) tree -e normal -i ring 2>/dev/null | grep -q ring; then echo 'ring is in the tree: one crypto provider only' >&2; exit 1; fi

bench: rust
	./benches/run.sh

fuzz: rust
	./fuzz/run.sh

# make demo    the whole system in one process
# make test    everything that is tested
# See README.md; each target installs or builds what it needs, and says so.

CARGO ?= cargo
# One selection of packages for building and testing: with another one, cargo would build dependencies again.
TESTED := --workspace --exclude skysieve-bench
GUESTS := $(sort $(dir $(wildcard examples/*/Cargo.toml tests/guests/*/Cargo.toml)))
DEMO_ARGS ?=

.PHONY: demo test filters lint unit bench setup clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile
	@echo "make filters examples to target/filters/NAME.wasm"
	@echo "make lint    rustfmt and clippy, without warnings"
	@echo "make bench   the figures, beside their peers (release builds, some minutes)"

setup:
	@scripts/setup

demo: setup
	$(CARGO) build --release -p skysieve
	target/release/skysieve build $(GUESTS) --out target/filters
	target/release/skysieve demo --modules target/filters $(DEMO_ARGS)

filters: setup
	$(CARGO) test $(TESTED) --no-run
	target/debug/skysieve build $(GUESTS) --out target/filters

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

unit: filters
	$(CARGO) test $(TESTED)

test: lint unit

bench: setup
	$(CARGO) build --release -p skysieve
	target/release/skysieve build $(GUESTS) --out target/filters
	$(CARGO) bench -p skysieve-bench
	$(CARGO) run --release -q -p skysieve-bench --bin table

clean:
	$(CARGO) clean

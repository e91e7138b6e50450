# make demo    run the whole system in one process
# make test    run all lints and tests
# See README.md. Each target installs or builds what it needs, and says so.

# Everything below expects cargo's output under target/.
unexport CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR

CARGO ?= cargo
# Building and testing select the same packages: for another selection, cargo would build dependencies again.
TESTED := --workspace --exclude skysieve-bench
GUESTS := $(sort $(dir $(wildcard examples/*/Cargo.toml tests/guests/*/Cargo.toml)))
DEMO_ARGS ?=
BENCH_ARGS ?=
comma := ,

SHELL := bash
.PHONY: runners bench-hostile bench-swarm demo test filters lint unit soak bench bench-kafka images test-compose test-swarm setup fuzz clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile
	@echo "make filters compile the examples to target/filters/NAME.wasm"
	@echo "make runners compile what runs filters in Python to target/runners"
	@echo "make lint    check formatting, clippy, documentation, licences and shell scripts"
	@echo "make unit    run the tests, without those of deployments"
	@echo "make fuzz    run the fuzz targets for a minute each (needs nightly and cargo-fuzz)"
	@echo "make images  build the images skysieve and skysieve-kafka (needs Docker)"
	@echo "make test-compose   test the deployment on one machine (a part of make test; needs Docker)"
	@echo "make test-swarm   test the deployment on many, on a Swarm of three engines (a part of make test; needs root and Docker)"
	@echo "make soak    kill a host a hundred times, on Apache Kafka"
	@echo "make bench   measure, beside similar programs (release builds, some minutes)"
	@echo "make bench-hostile   measure what each kind of bad filter costs 99 good ones, on Apache Kafka"
	@echo "make bench-swarm   measure a deployment of five hosts (needs 6 GB of memory)"
	@echo "make bench-kafka   measure on Apache Kafka (also needs up to 10 GB of disk and 8 GB of memory)"

setup:
	@scripts/setup

demo: setup runners
	$(CARGO) build --release -p skysieve
	target/release/skysieve build $(GUESTS) --out target/filters
	target/release/skysieve demo --modules target/filters $(DEMO_ARGS)

runners:
	@scripts/runners

filters: setup runners
	$(CARGO) test $(TESTED) --no-run
	target/debug/skysieve build $(GUESTS) --out target/filters

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	@scripts/lint-extra

# A test fails if it lacks something that is installed or started here. Real packets are used only if there are any.
REQUIRE := kafka,kcat$(if $(SKYSIEVE_NO_PYTHON),,$(comma)python)

# Tests that run beside the others: those that wait for brokers that are killed, and the longest one, as the others mostly wait.
BESIDE := exactly_once trouble python
RUN_TESTS := SKYSIEVE_REQUIRE=$${SKYSIEVE_REQUIRE-$(REQUIRE)} scripts/run-tests

unit: filters
	@scripts/setup tests
	@$(RUN_TESTS) $(BESIDE:%=--beside %) $(TESTED)

soak: filters
	@SKYSIEVE_TEST_KILLS=100 scripts/run-tests $(TESTED) --test exactly_once --test changing_lanes --test uploads a_host_that_is_killed -- --nocapture

# The lint builds nothing that the tests need, and takes minutes at first.
test: filters
	$(CARGO) fmt --all --check
	@scripts/setup tests
	@$(RUN_TESTS) --deployments --meanwhile "$(MAKE) --no-print-directory lint" $(BESIDE:%=--beside %) $(TESTED)

# All of these select the same packages, so that nothing is built twice.
BENCH := -p skysieve -p skysieve-bench

bench: setup
	$(CARGO) build --release $(BENCH) --bins --benches
	target/release/skysieve build $(GUESTS) --out target/filters
	$(CARGO) bench $(BENCH) --benches
	target/release/table

bench-kafka: setup
	$(CARGO) build --release $(BENCH) --bins --benches
	$(if $(wildcard target/filters/lsst-*.wasm),,target/release/skysieve build $(GUESTS) --out target/filters)
	@scripts/python-env >/dev/null
	@brokers=$$(scripts/kafka start --cluster bench --heap 4g) && trap 'scripts/kafka remove --cluster bench' EXIT && \
	  SKYSIEVE_TEST_KAFKA=$$brokers target/release/kafka $(BENCH_ARGS)

# The number of alerts in a visit. With 1,000, it needs 16 GB of memory, and more than 10 GB of disk.
HOSTILE ?= 300

bench-hostile: filters
	$(CARGO) build --release $(BENCH) --bins
	@brokers=$$(scripts/kafka start --cluster bench --heap 4g) && trap 'scripts/kafka remove --cluster bench' EXIT && \
	  SKYSIEVE_TEST_KAFKA=$$brokers SKYSIEVE_TEST_HOSTILE=$(HOSTILE) SKYSIEVE_TEST_PROGRAM=target/release/skysieve \
	  $(CARGO) test $(TESTED) --test neighbours measured -- --nocapture --test-threads 1

bench-swarm: setup
	$(CARGO) build --release $(BENCH) --bins --benches
	$(if $(wildcard target/filters/lsst-*.wasm),,target/release/skysieve build $(GUESTS) --out target/filters)
	@bench/swarm $(BENCH_ARGS)

images:
	@scripts/images

# Parts of `make test`.
test-compose: filters
	@tests/deployments test compose

test-swarm: filters
	@tests/deployments test swarm

fuzz:
	@scripts/fuzz

clean:
	$(CARGO) clean

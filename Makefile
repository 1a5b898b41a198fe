# The design card of Cairn: everything that can be done with this repository, one short recipe each.
# `make run` and `make test` are all a newcomer needs; ARCHITECTURE.md is the map of the house behind them.

SHELL  := /bin/bash
PREFIX ?= /usr/local
ARGS   ?=
FUZZ_SECONDS ?= 60

# The layers of the house are enforced, not drawn: a file may import only what its target declares.
LAYERS   := --explicit-target-dependency-import-check error
RELEASE  := --configuration release --static-swift-stdlib $(LAYERS)
BINARY   := .build/release/cairn
# SwiftPM on Linux refuses --sanitize=undefined; for the C rooms it comes with the address sanitizer.
ASAN     := --scratch-path .build-asan --sanitize=address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined
TSAN     := --scratch-path .build-tsan --sanitize=thread
FORMATTED := Package.swift Sources Tests Benchmarks/store Benchmarks/wire-answers Benchmarks/shortener

.DEFAULT_GOAL := help
.PHONY: help run demo build build-debug test test-swift test-c test-tokens test-instructions test-scenarios \
	test-stable-load test-clients test-store test-asan test-tsan fuzz bench bench-gateway bench-core bench-wire \
	bench-answers bench-store bench-stable bench-shortener check tidy format install install-lib setup setup-min \
	setup-bench clean

help: ## this list
	@echo 'usage: make TARGET [ARGS="flags for cairn"]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

run: build ## set up, build, and serve on 127.0.0.1:8787; ARGS="--upstream https://..."
	$(BINARY) serve $(ARGS)

demo: build ## an agent loop through the gateway to a practice provider; no key, no network
	$(BINARY) demo $(ARGS)

build: setup ## the release binary, .build/release/cairn
	swift build --product cairn $(RELEASE)

build-debug: setup ## everything, tests too, with debug checks
	swift build --build-tests $(LAYERS)

test: build ## every test; prints totals, fails if any fails
	Tests/run.sh $(BINARY)

test-swift: setup ## the rooms' own tests; ARGS="--filter Tidy" picks
	swift test $(LAYERS) $(ARGS)

test-c: setup ## the C rooms, with a C compiler alone
	Tests/CCairn/run.sh
	Tests/CHTTP/run.sh
	Tests/Outline/run.sh

test-tokens: setup ## token counts against golden ones, tiktoken and tokenizers
	Tests/Tokens/run.sh $(ARGS)

test-instructions: setup ## the core's hot paths counted by callgrind; ARGS=--update rewrites the baseline
	Tests/Instructions/run.sh $(ARGS)

test-store: setup ## 200 processes killed while they write a store
	Tests/Store/run.sh $(ARGS)

test-scenarios: build ## the binary over loopback against the practice provider
	Tests/Scenarios/run.sh $(BINARY)

test-stable-load: build ## 64 clients with sessions of 200 turns at once in stable mode; takes minutes
	CAIRN_STABLE_TURNS=200 CAIRN_MODULE_SECONDS=1800 Tests/Scenarios/run.sh $(BINARY) test_stable_load

test-clients: build ## the real OpenAI and Anthropic SDKs through the gateway
	Tests/Clients/run.sh $(BINARY)

test-asan: setup ## rooms and scenarios under the address and undefined-behaviour sanitizers
	swift test $(ASAN) $(LAYERS)
	swift build --product cairn $(ASAN) $(LAYERS)
	Tests/Scenarios/run.sh .build-asan/debug/cairn

test-tsan: setup ## rooms under the thread sanitizer
	swift test $(TSAN) $(LAYERS)

fuzz: setup ## malformed input for FUZZ_SECONDS (60), under the sanitizers
	swift build --product cairn $(ASAN) $(LAYERS)
	Tests/Fuzz/run.sh $(FUZZ_SECONDS) .build-asan/debug/cairn

bench: bench-core bench-wire bench-answers bench-store bench-shortener bench-gateway bench-stable ## every benchmark

bench-core: setup-bench ## the C core's hot paths beside their anchors
	Benchmarks/core/run.sh

bench-store: setup ## how fast turns are kept and lineages found
	Benchmarks/store/run.sh $(ARGS)

bench-wire: setup ## what translating a request costs, in all pairs of dialects
	Benchmarks/wire/run.sh $(ARGS)

bench-answers: setup ## what an event of a translated stream costs, in all pairs of dialects
	Benchmarks/wire-answers/run.sh $(ARGS)

bench-shortener: setup ## what shortening adds to a call and holds in memory; ARGS=FILE takes a request body
	Benchmarks/shortener/run.sh $(ARGS)

bench-gateway: setup-bench build ## the gateway beside nginx and haproxy; writes docs/performance.md
	Benchmarks/gateway/run.sh --publish --cairn $(BINARY) $(ARGS)

bench-stable: build ## what keeping prompts stable adds to a call, and what it holds in memory
	Benchmarks/stable/run.sh $(BINARY) $(ARGS)

check: build-debug tidy ## formatter, warnings, layers, tidy tests
	swift format lint --strict --parallel --recursive $(FORMATTED)

tidy: setup ## only the tests of names, folders, links and the map
	swift test $(LAYERS) --filter TidyTests

format: ## rewrites Swift, and C where clang-format is installed
	swift format --in-place --parallel --recursive $(FORMATTED)
	@if command -v clang-format >/dev/null; then git ls-files 'CSources/*.[ch]' 'Tests/*.[ch]' | xargs clang-format -i; \
	else echo 'format: no clang-format here, C files left as they are'; fi

install: build install-lib ## the binary and the library into PREFIX (/usr/local)
	install -D -m 755 --strip $(BINARY) $(DESTDIR)$(PREFIX)/bin/cairn

install-lib: setup ## libcairn alone: static and shared, headers, cairn.pc, vocabularies
	PREFIX=$(PREFIX) CSources/libcairn.sh .build/libcairn
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/cairn
	cp -P .build/libcairn/libcairn.a .build/libcairn/libcairn.so* $(DESTDIR)$(PREFIX)/lib/
	install -m 644 .build/libcairn/cairn.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/
	install -m 644 CSources/CCairn/include/*.h $(DESTDIR)$(PREFIX)/include/cairn/
	for file in CSources/Vocabularies/*.cairn; do [ ! -e "$$file" ] \
		|| install -D -m 644 "$$file" "$(DESTDIR)$(PREFIX)/share/cairn/$${file##*/}" || exit 1; done

# As a dependency of others, set-up keeps the choice between all and the minimum.
setup: ## installs missing Debian packages, fetches pinned sources, vocabularies, grammars; quick when done
	@CSources/setup.sh $(if $(filter setup,$(MAKECMDGOALS)),build,kept)

setup-min: ## the same without what is optional (token counts are then labelled estimates, code has no outline)
	@CSources/setup.sh min

setup-bench: ## the same, with nginx, haproxy and wrk
	@CSources/setup.sh bench

clean: ## removes every build folder; fetched sources stay
	rm -rf .build .build-asan .build-tsan .build-fuzz

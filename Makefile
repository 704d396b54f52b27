### storagesim: simulated storage vendors' APIs. Two commands matter: `make run` and `make test`.

GO      ?= go
# The load generator lives beside the project, not in it.
PERF    ?= ../shared/perf
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ARGS    ?=
BENCH   ?=

BUILD := build
TOOL  := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
# A pipe fails with its first command, not its last.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
# One thing at a time: the targets below use every core by themselves, and their output is read by people.
.NOTPARALLEL:

### Everyday

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^### /{printf "\n%s\n", substr($$0, 5); next} /^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## a static binary, build/simulator, that knows its version
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BUILD)/simulator ./cmd/simulator

.PHONY: run
run: ## the simulator in the foreground; flags by ARGS='--seed 7'
	$(GO) run ./cmd/simulator $(ARGS)

# The tests make much garbage and keep little: collecting it less often saves a tenth of their processor time.
test test-race scenarios: export GOGC = 200

.PHONY: test
test: ## every Go test once; needs nothing but Go
	$(GO) test -timeout 15m ./...

# The race detector needs cgo and a C compiler, and makes everything about five times slower.
.PHONY: test-race
test-race: ## the same with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 45m ./...

.PHONY: scenarios
scenarios: ## the scenario scripts only, in all vendors
	$(GO) test -run Scenarios ./...

# Left out: the tests that read what is being counted, and one whose recording must end with its own last request.
.PHONY: coverage
coverage: ## docs/coverage.md: which documented statuses the tests at the wire reach, and how; and the evidence of docs/control-coverage.md
	rm -rf $(BUILD)/coverage
	SIMTEST_COVERAGE='$(abspath $(BUILD)/coverage)' $(GO) test -count=1 ./internal/lightbits ./internal/dms ./internal/lucidlink ./internal/lucidity ./internal/control ./internal/fault
	SIMTEST_COVERAGE='$(abspath $(BUILD)/coverage)/control' $(GO) test -count=1 -skip '^Test(Coverage|Documents_ControlCoverage|Replay_UnansweredRequest)$$' ./internal/simulator/... ./internal/idp ./internal/metrics ./internal/openapi
	SIMTEST_COVERAGE='$(abspath $(BUILD)/coverage)' $(GO) test -count=1 -run TestCoverage -v ./internal/simulator

### Quality

.PHONY: lint
lint: ## golangci-lint as .golangci.yml says, and shellcheck on the scripts
	$(TOOL) golangci-lint run ./...
	shellcheck -x .ci/run $$(git ls-files '*.sh')

.PHONY: fmt
fmt: ## format every Go file
	$(TOOL) golangci-lint fmt ./...

.PHONY: benchmarks
benchmarks: ## the Go benchmarks, summarised by benchstat
	@mkdir -p $(BUILD)
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./... | tee $(BUILD)/bench.txt
	$(TOOL) benchstat $(BUILD)/bench.txt

# Measuring wants a quiet machine: do not run it beside anything else. BENCH='-runs 1 -d 500ms' is quicker and rougher.
.PHONY: bench
bench: build ## build/simulator against its goals, by the load generator of $(PERF): writes docs/performance.md
	@test -d '$(PERF)' || { echo 'no load generator at $(PERF); say PERF=<its directory>'; exit 1; }
	@mkdir -p $(BUILD)/perf/bin
	cd '$(PERF)' && $(GO) build -mod=readonly -o '$(abspath $(BUILD)/perf/bin/perf)' ./cmd/perf
	cd '$(PERF)' && $(GO) build -mod=readonly -o '$(abspath $(BUILD)/perf/bin/perf-baseline)' ./cmd/baseline
	$(GO) run ./test/bench $(BENCH)

# How long each fuzz target takes.
FUZZ ?= 60s

.PHONY: fuzz
fuzz: ## every fuzz target for a minute, FUZZ=10s for less; what fails lies in testdata/fuzz then, where `make test` finds it
	@failed=''; while read -r package target; do \
	  echo "== $$package $$target"; \
	  $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZ)' -fuzzminimizetime 10x "$$package" </dev/null || failed="$$failed $$target"; \
	done < <($(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ {target[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, target[i]; n = 0}'); \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

### Nothing lost

# How long the soak takes, as Go writes durations.
SOAK ?= 1h

.PHONY: reliability
reliability: build ## kill -9, damaged and full disks, hostile clients, linearizability: some minutes
	RELIABILITY=yes SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -timeout 20m -v -skip Soak ./test/reliability
	cd test/reliability/linearizability && SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -mod=readonly -count=1 -timeout 10m -v ./...

.PHONY: survival
survival: build ## of that, what takes seconds: three rounds of kill -9, bad input, and linearizability
	SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -v -run Kill ./test/reliability
	RELIABILITY=yes SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -run 'Siege_(Bad|Large)' ./test/reliability
	cd test/reliability/linearizability && SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -mod=readonly -count=1 ./...

.PHONY: soak
soak: build ## half load for an hour, SOAK=10m for less: memory, file, goroutines and descriptors stay flat
	SOAK='$(SOAK)' SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -timeout 0 -v -run Soak ./test/reliability

### The world outside

.PHONY: docs-test
docs-test: build ## everything that README and docs/ tell readers to paste, in bash and zsh
	SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -timeout 10m ./test/docs

.PHONY: cinder
cinder: build ## OpenStack Cinder's own driver through its whole cycle
	SIMULATOR=$(BUILD)/simulator test/clients/cinder/run.sh

.PHONY: lucidlink
lucidlink: build ## a provider's shell script and an OAuth library against LucidLink's API and client
	SIMULATOR=$(BUILD)/simulator bash test/clients/lucidlink/run.sh

.PHONY: openapi-go
openapi-go: build ## Go clients that oapi-codegen makes of the served OpenAPI documents, and a program on them
	SIMULATOR=$(BUILD)/simulator test/clients/openapi-go/run.sh

.PHONY: openapi-ts
openapi-ts: build ## the documents and their examples under public validators, TypeScript clients, and a program on them
	SIMULATOR=$(BUILD)/simulator test/clients/openapi-ts/run.sh

.PHONY: image
image: ## builds the Dockerfile without an engine or a registry, and tries the image
	VERSION='$(VERSION)' test/image/run.sh

# Cheap and telling parts first.
.PHONY: ci
ci: build test test-race survival lint cinder lucidlink openapi-go openapi-ts image ## all of the above that can fail

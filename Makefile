### storagesim: simulated storage vendors' APIs. Start with `make run` and `make test`.

GO      ?= go
# The directory of the load generator, which is not part of this repository.
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
# Each target uses all cores by itself, and interleaved output is hard to read.
.NOTPARALLEL:

### Everyday

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^### /{printf "\n%s\n", substr($$0, 5); next} /^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## build the static binary build/simulator with its version
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BUILD)/simulator ./cmd/simulator

.PHONY: run
run: ## run the simulator in the foreground; ARGS='--seed 7' adds flags
	$(GO) run ./cmd/simulator $(ARGS)

# The tests allocate much and keep little: collecting garbage less often saves a tenth of their CPU time.
test test-race scenarios: export GOGC = 200

.PHONY: test
test: ## run all Go tests once; needs only Go
	$(GO) test -timeout 15m ./...

# The race detector needs cgo and a C compiler, and makes the tests about five times slower.
.PHONY: test-race
test-race: ## run all Go tests with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 45m ./...

.PHONY: scenarios
scenarios: ## run only the scenario scripts, of all vendors
	$(GO) test -run Scenarios ./...

# Skipped: the tests that read the evidence, and one whose recording must end with the last request of the test itself.
.PHONY: coverage
coverage: ## write docs/coverage.md (documented statuses that tests reach) and the evidence for docs/control-coverage.md
	rm -rf $(BUILD)/coverage
	SIMTEST_COVERAGE='$(abspath $(BUILD)/coverage)' $(GO) test -count=1 ./internal/lightbits ./internal/dms ./internal/lucidlink ./internal/lucidity ./internal/control ./internal/fault
	SIMTEST_COVERAGE='$(abspath $(BUILD)/coverage)/control' $(GO) test -count=1 -skip '^Test(Coverage|Documents_ControlCoverage|Replay_UnansweredRequest)$$' ./internal/simulator/... ./internal/idp ./internal/metrics ./internal/openapi
	SIMTEST_COVERAGE='$(abspath $(BUILD)/coverage)' $(GO) test -count=1 -run TestCoverage -v ./internal/simulator

### Quality

.PHONY: lint
lint: ## run golangci-lint, and shellcheck on the scripts
	$(TOOL) golangci-lint run ./...
	shellcheck -x .ci/run $$(git ls-files '*.sh')

.PHONY: fmt
fmt: ## format every Go file
	$(TOOL) golangci-lint fmt ./...

.PHONY: benchmarks
benchmarks: ## run the Go benchmarks and summarise them with benchstat
	@mkdir -p $(BUILD)
	$(GO) test -run '^$$' -bench . -benchmem -count 6 ./... | tee $(BUILD)/bench.txt
	$(TOOL) benchstat $(BUILD)/bench.txt

# Run it on an otherwise idle machine. BENCH='-runs 1 -d 500ms' is faster and less precise.
.PHONY: bench
bench: build ## measure build/simulator with the load generator in PERF and write docs/performance.md
	@test -d '$(PERF)' || { echo 'no load generator in $(PERF); set PERF=<its directory>'; exit 1; }
	@mkdir -p $(BUILD)/perf/bin
	cd '$(PERF)' && $(GO) build -mod=readonly -o '$(abspath $(BUILD)/perf/bin/perf)' ./cmd/perf
	cd '$(PERF)' && $(GO) build -mod=readonly -o '$(abspath $(BUILD)/perf/bin/perf-baseline)' ./cmd/baseline
	$(GO) run ./test/bench $(BENCH)

# How long each fuzz target runs.
FUZZ ?= 60s

.PHONY: fuzz
fuzz: ## run each fuzz target for a minute, or FUZZ=10s; `make test` repeats failing inputs from testdata/fuzz
	@failed=''; while read -r package target; do \
	  echo "== $$package $$target"; \
	  $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZ)' -fuzzminimizetime 10x "$$package" </dev/null || failed="$$failed $$target"; \
	done < <($(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ {target[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, target[i]; n = 0}'); \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

### Reliability

# How long the soak test runs, as a Go duration.
SOAK ?= 1h

.PHONY: reliability
reliability: build ## test kill -9, damaged files, full disks, hostile clients and linearizability; takes some minutes
	RELIABILITY=yes SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -timeout 20m -v -skip Soak ./test/reliability
	cd test/reliability/linearizability && SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -mod=readonly -count=1 -timeout 10m -v ./...

.PHONY: survival
survival: build ## the part of it that takes seconds: three rounds of kill -9, lives of worlds, invalid input, and linearizability
	SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -v -run Kill ./test/reliability
	SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -v -run Storm ./test/reliability
	RELIABILITY=yes SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -run 'Siege_(Bad|Large)' ./test/reliability
	cd test/reliability/linearizability && SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -mod=readonly -count=1 ./...

.PHONY: soak
soak: build ## run under load for an hour, or SOAK=10m: memory, file, goroutines and descriptors must not grow
	SOAK='$(SOAK)' SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -timeout 0 -v -run Soak ./test/reliability

# How long the storm lasts, as a Go duration.
STORM ?= 10m

.PHONY: storm
storm: ## 64 clients on worlds that come and go for ten minutes, or STORM=1m, on a binary with the race detector
	CGO_ENABLED=1 $(GO) build -race -o $(BUILD)/simulator-race ./cmd/simulator
	STORM='$(STORM)' SIMULATOR='$(abspath $(BUILD)/simulator-race)' $(GO) test -count=1 -timeout 0 -v -run Storm ./test/reliability

### Clients, documents and image

.PHONY: docs-test
docs-test: build ## run every command in README and docs/, in bash and zsh
	SIMULATOR='$(abspath $(BUILD)/simulator)' $(GO) test -count=1 -timeout 10m ./test/docs

.PHONY: cinder
cinder: build ## run OpenStack Cinder's Lightbits driver against the simulator
	SIMULATOR=$(BUILD)/simulator test/clients/cinder/run.sh

.PHONY: lucidlink
lucidlink: build ## run a provider's shell script and an OAuth library against LucidLink's API and client
	SIMULATOR=$(BUILD)/simulator bash test/clients/lucidlink/run.sh

.PHONY: openapi-go
openapi-go: build ## generate Go clients from the served OpenAPI documents with oapi-codegen, and use them
	SIMULATOR=$(BUILD)/simulator test/clients/openapi-go/run.sh

.PHONY: go-user
go-user: ## use the Go package from a module of its own, as a user does
	cd test/clients/go-user && $(GO) test -mod=readonly -count=1 ./...

.PHONY: openapi-ts
openapi-ts: build ## validate the OpenAPI documents and examples, generate TypeScript clients, and use them
	SIMULATOR=$(BUILD)/simulator test/clients/openapi-ts/run.sh

.PHONY: tls
tls: build ## verify the TLS certificates with curl, Python and Node
	SIMULATOR=$(BUILD)/simulator test/clients/tls.sh

.PHONY: browser
browser: build ## try every control call from a web page of another origin, in Chromium
	SIMULATOR=$(BUILD)/simulator test/clients/browser.sh

.PHONY: image
image: ## build the Dockerfile without a container engine or a registry, and test the image
	VERSION='$(VERSION)' test/image/run.sh

# Fast parts that find most faults come first.
.PHONY: ci
ci: build test test-race survival lint cinder lucidlink go-user openapi-go openapi-ts tls image ## all checks

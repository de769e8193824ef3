# Everything that people and CI do with this project. "make" alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Static programs, and one build cache for building, testing and linting.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/netassay/netassay/internal/cli.version=$(VERSION)
# Where the Kubernetes programs are linked for tests to find.
ASSETS := $(CURDIR)/bin/kubernetes
# Where Prometheus's programs are, which tests ask what dashboards ask.
PROMETHEUS := $(CURDIR)/bin/prometheus
ARGS ?=
PKGS ?= ./...
FUZZTIME ?= 30s
GOLANGCI := bin/golangci-lint
MISSPELL := bin/misspell
# What one engine alone needs of a machine, where ARGS name it.
ENGINE_DEPS = case '$(subst ','\'',$(ARGS))' in *cilium*) hack/deps.sh clang-19:clang-19;; esac

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## "; print "Usage: make TARGET [ARGS=...] [PKGS=./...]" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run

.PHONY: conformance
conformance: deps build ## Judge the reference enforcer by every case: ARGS="--engine none"
	@$(ENGINE_DEPS)
	bin/netassay conformance $(ARGS)

.PHONY: aks-check
aks-check: deps build ## Run the AKS documentation's own check
	bin/netassay verify $(ARGS)

.PHONY: conformance-kind
conformance-kind: deps docker-up build ## The same as conformance on a cluster of kind: ARGS="--topology ipv6"
	@hack/deps.sh debootstrap:debootstrap
	bin/netassay conformance --provider kind $(ARGS)

.PHONY: fuzz-lab
fuzz-lab: deps build ## Judge the reference enforcer by drawn cases, ten minutes: ARGS="--duration 1h --seed 7"
	bin/netassay fuzz $(ARGS)

.PHONY: chaos
chaos: deps build ## Break the enforcer for half an hour; no packet may go wrong
	bin/netassay chaos $(ARGS)

.PHONY: chaos-smoke
chaos-smoke: deps build ## The same, small: some 2 minutes
	bin/netassay chaos --edits 60 --kills 15 --terms 4 --recreates 8 --drifts 2 \
		--packets 60000 --api-outage 5s --lock-hold 4s --max-missed 0.5 --max-unsure 0.01 $(ARGS)

.PHONY: footprint
footprint: deps build ## Measure an agent at 250 nodes and 20,000 pods (3 minutes, quiet machine): ARGS="--pods 1000"
	bin/netassay footprint $(ARGS)

.PHONY: scale
scale: deps build ## Measure the reference enforcer at 250 nodes, 20,000 pods (15 minutes, quiet machine)
	@$(ENGINE_DEPS)
	bin/netassay scale $(ARGS)

.PHONY: scale-smoke
scale-smoke: deps build ## The same at 20 nodes and 1,000 pods: some 90 seconds, on any machine
	bin/netassay scale --nodes 20 --pods 1000 --policies 50 --namespaces 10 --local-pods 10 --cidrs 1000 \
		--samples 10 --new-pods 5 --cycles 0 --churn-rates 10 --churn-for 5s --pod-churn-for 5s --bounds smoke \
		--max-foreign 1 --max-missed 0.5 --max-blind 500ms --max-void 0.5 $(ARGS)

.PHONY: scale-kind
scale-kind: deps docker-up build ## The same on a cluster of kind, with KWOK's hollow nodes: some 3 minutes
	@hack/deps.sh debootstrap:debootstrap
	bin/netassay scale --provider kind --hollow kwok --nodes 20 --pods 1000 --policies 50 --namespaces 10 --local-pods 10 --cidrs 1000 \
		--samples 10 --cycles 0 --churn-rates 10 --churn-for 5s --pod-churn-for 5s --bounds smoke \
		--max-missed 0.5 --max-blind 500ms --max-void 0.5 $(ARGS)

.PHONY: scale-claims
scale-claims: deps build ## Measure what AKS documents of edits of policies with ipBlocks (25 minutes an engine, quiet machine)
	@$(ENGINE_DEPS)
	bin/netassay scale claims $(ARGS)

.PHONY: scale-engines
scale-engines: deps build ## Measure the reference enforcer and its peers on one load, IPv4 (90 minutes, quiet machine)
	@hack/deps.sh clang-19:clang-19
	bin/netassay scale --engine all --profile "headline families=ipv4" --ip-family ipv4 --samples 30 --new-pods 10 \
		--skip cycles --deadline 30s --phase-time 2m --max-missed 0.5 --bounds none $(ARGS)

# Eighths of the headline size: SIZES="1 2 4 8 16 32" is up to four times that.
SIZES ?= 1 2 4 8
.PHONY: scale-growth
scale-growth: deps build ## Measure at several sizes, and how costs grow with them: SIZES="1 2 4 8" eighths
	@for n in $(SIZES); do \
		bin/netassay scale --nodes $$((250*n/8)) --pods $$((20000*n/8)) --policies $$((1000*n/8)) --namespaces $$((100*n/8)) \
			--samples 20 --new-pods 0 --cycles 0 --churn-rates 10 --bounds none --skip "new pods,cycles,pod churn,delete all,after delete" \
			--out results/growth/$$n $(ARGS); \
	done
	bin/netassay scale growth $(foreach n,$(SIZES),results/growth/$(n))

.PHONY: lab-up
lab-up: deps build ## Start a lab that stays, for kubectl
	@$(ENGINE_DEPS)
	bin/netassay lab up $(ARGS)

.PHONY: lab-down
lab-down: build ## Stop that lab
	bin/netassay lab down $(ARGS)

##@ Build

.PHONY: deps
deps: go-version ## Install what labs need (iptables, ipset, ...), or say what to install
	@hack/deps.sh

.PHONY: go-version
go-version:
	@hack/go-version.sh

.PHONY: build
build: go-version ## Build bin/netassay, bin/enforcer and bin/probe
	@echo "building bin/netassay, bin/enforcer and bin/probe $(VERSION)"
	@go build -v -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./cmd/netassay ./cmd/enforcer ./cmd/probe 2>&1 | hack/progress.sh netassay

# Where what is built for other systems is, and for which.
CROSS := bin/cross
SYSTEMS := windows darwin
.PHONY: cross
cross: go-version ## Build netassay and the prober for Windows and macOS: bin/cross (minutes the first time): SYSTEMS=windows
	@for what in $(foreach s,$(SYSTEMS),$(s)/netassay $(s)/probe); do \
		echo "building $${what#*/} for $${what%/*}"; \
		GOOS=$${what%/*} GOARCH=amd64 go build -v -buildvcs=false -ldflags '$(LDFLAGS)' -o $(CROSS)/$${what%/*}/ ./cmd/$${what#*/} 2>&1 | hack/progress.sh "$${what#*/} for $${what%/*}" || exit 1; \
	done

.PHONY: image
image: build ## Build the enforcer's image without a registry: bin/enforcer-image.tar
	go run ./hack/make image bin/enforcer '$(VERSION)' bin/enforcer-image.tar bin/enforcer-root.tar

.PHONY: netassay-image
netassay-image: go-version ## Build the image that runs in clusters, amd64 and arm64, without a registry
	go run ./hack/make netassay-image '$(VERSION)' '$(LDFLAGS)' bin

.PHONY: page
page: ## Build the script and styles of report.html from reports/page/web (needs npm)
	@hack/deps.sh node:nodejs npm:npm
	hack/page.sh bin/page reports/page/built

.PHONY: pictures
pictures: deps build ## Take pictures of pages of real runs for README and docs (runs what results/pictures lacks)
	@hack/deps.sh chromium:chromium pngquant:pngquant
	hack/pictures.sh results/pictures

.PHONY: binaries
binaries: go-version ## Build the Kubernetes programs, once (some minutes)
	@go run ./hack/make kubernetes $(ASSETS)

.PHONY: prometheus
prometheus: ## Unpack Debian's prometheus and promtool for tests, without installing them: bin/prometheus
	@hack/prometheus.sh bin/prometheus

.PHONY: node-image
node-image: docker-up ## Build the image of kind's nodes without a registry (some minutes, once)
	@hack/deps.sh debootstrap:debootstrap
	@go run ./hack/make node-image

.PHONY: docker-up
docker-up: go-version ## Install and start Docker where none answers
	@hack/docker-up.sh

.PHONY: docker-down
docker-down: ## Undo what docker-up did
	@hack/docker-down.sh

##@ Check

.PHONY: test
test: deps binaries prometheus ## Run all tests: PKGS=./suites/... ARGS="-run Name"
	@hack/deps.sh chromium:chromium pdftotext:poppler-utils node:nodejs npm:npm
	@# -count=1: the cache does not know which programs tests build and run, nor what go list tells them.
	KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_PROMETHEUS=$(PROMETHEUS) hack/clean-tree.sh go test -count=1 -timeout 20m $(PKGS) $(ARGS)

.PHONY: test-sonobuoy
test-sonobuoy: go-version ## Hold what netassay prints for Sonobuoy, and leaves for it, against Sonobuoy's own code
	go test -C hack/sonobuoy -count=1 ./... $(ARGS)

.PHONY: mutants
mutants: ## Hold all cases against all misreadings of the API, on paper; writes docs/misreadings.md
	go test ./suites/misread -count=1 -run '^TestEveryMisreadingIsConvicted$$' -update

.PHONY: mutants-live
mutants-live: deps binaries ## Hold chosen cases against all live mutants on a lab; writes docs/live-mutants.md (half an hour; ARGS="-mutant 'udp-*'" or ARGS="-part 1/10")
	go test -tags mutants ./enforcer/mutants
	go test ./suites/mutants -count=1 -run '^TestLiveMutants$$' -v -timeout 3h -mutant '*' -update $(ARGS)

.PHONY: test-rootless
test-rootless: deps binaries ## Run the lab's tests as an unprivileged user, when root
	hack/test-rootless.sh $(ASSETS)

.PHONY: test-peers
test-peers: deps binaries ## Build other projects' engines and run each on a lab (not part of test; many minutes)
	@hack/deps.sh clang-19:clang-19 bpftool:bpftool
	KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_TEST_PEERS=1 go test -p 1 ./internal/cli ./suites/e2e -run '^TestPeer' -v -timeout 3h $(ARGS)

.PHONY: test-kind
test-kind: deps docker-up ## Run the tests that make clusters of kind (minutes; the first time more)
	@hack/deps.sh debootstrap:debootstrap
	NETASSAY_KIND=1 go test -p 1 -count=1 -v -timeout 60m ./clusters/kind ./suites/kindtest $(ARGS)

.PHONY: test-example-kind
test-example-kind: deps docker-up binaries ## Play cases on kind from a module that is not this one, as an engine's repository does
	@hack/deps.sh debootstrap:debootstrap
	KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_KIND=1 go test -count=1 -v -timeout 30m -run '^TestForeignModuleOnKind$$' ./examples $(ARGS)

# One architecture of the image is enough for nodes of this machine.
.PHONY: sonobuoy-images
sonobuoy-images: go-version
	@go run ./hack/make netassay-image '$(VERSION)' '$(LDFLAGS)' bin $$(go env GOARCH)
	@go run ./hack/make sonobuoy-image bin

.PHONY: sonobuoy-kind
sonobuoy-kind: deps docker-up binaries sonobuoy-images ## Run the real Sonobuoy, and a plain Job, on a cluster of kind: failed, killed, passed (some 10 minutes)
	@hack/deps.sh debootstrap:debootstrap chromium:chromium
	KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_KIND=1 go test -count=1 -v -timeout 30m -run '^TestSonobuoyOnKind$$' ./incluster/kindtest $(ARGS)

.PHONY: sonobuoy-chaos
sonobuoy-chaos: deps docker-up binaries sonobuoy-images ## Kill 100 runs under Sonobuoy, and tell what each leaves (half an hour): ARGS="-kills 20 -seed 7"
	@hack/deps.sh debootstrap:debootstrap
	KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_KIND=1 go test -count=1 -v -timeout 3h -run '^TestSonobuoyChaos$$' ./incluster/kindtest -kills 100 $(ARGS)

.PHONY: test-race
test-race: deps binaries prometheus ## Run all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_PROMETHEUS=$(PROMETHEUS) go test -race -count=1 -timeout 30m $(PKGS) $(ARGS)

.PHONY: lint
lint: $(GOLANGCI) $(MISSPELL) ## Run the linters; check sizes, modules, generated files, spelling
	$(GOLANGCI) run $(PKGS)
	go test -count=1 ./internal/importlaw ./internal/sizes
	hack/lint.sh $(CURDIR)/$(MISSPELL)

.PHONY: fmt
fmt: $(GOLANGCI) ## Format the code
	$(GOLANGCI) fmt

$(GOLANGCI): hack/tools/go.mod hack/tools/go.sum | go-version
	go build -C hack/tools -v -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint 2>&1 | hack/progress.sh golangci-lint

$(MISSPELL): hack/tools/go.mod hack/tools/go.sum | go-version
	go build -C hack/tools -o $(CURDIR)/$@ github.com/golangci/misspell/cmd/misspell

.PHONY: bench
bench: go-version ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem \
		$$(grep -rlE '^func Benchmark' --include='*_test.go' . | xargs -n1 dirname | sort -u) $(ARGS)

.PHONY: fuzz
fuzz: go-version ## Run each fuzz target for FUZZTIME
	hack/fuzz.sh $(FUZZTIME)

.PHONY: golden
golden: deps binaries prometheus ## Write the golden files anew; then read the diff
	KUBEBUILDER_ASSETS=$(ASSETS) NETASSAY_PROMETHEUS=$(PROMETHEUS) go test \
		$$(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' . | xargs -n1 dirname | sort -u) $(ARGS) -update

##@ Tidy

.PHONY: clean
clean: ## Remove what runs and builds have left here (not the cache)
	if [ -x bin/netassay ]; then bin/netassay clean; fi
	rm -rf bin results

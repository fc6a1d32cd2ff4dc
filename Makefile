# .ci/run pins the versions of the tools and installs them.
NAME     := guardduty_coverage_exporter
FUZZTIME ?= 30s

VERSION    ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
REVISION   ?= $(shell git rev-parse HEAD 2>/dev/null)
BRANCH     ?= $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null)
BUILD_USER ?= $(shell id -un)@$(shell uname -n)
BUILD_DATE ?= $(shell date -u +%Y%m%d-%H:%M:%S)

STAMP   := github.com/prometheus/common/version
LDFLAGS := -s -w -X $(STAMP).Version=$(VERSION) -X $(STAMP).Revision=$(REVISION) -X $(STAMP).Branch=$(BRANCH) \
           -X $(STAMP).BuildUser=$(BUILD_USER) -X $(STAMP).BuildDate=$(BUILD_DATE)

# The packages whose tests have -update.
GOLDEN = $(shell grep -rl --include='*_test.go' '"update", false' . | xargs -r -n1 dirname | sort -u)

.PHONY: all build test race reliability lint fuzz bench golden picture dashboard-picture image stack e2e rules release chart clean
all: lint test build

build: ## a static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/$(NAME) .

test:
	go test ./...

race:
	.ci/run test

reliability: ; .ci/run reliability

lint:
	.ci/run tools format vet tidy lint

fuzz: ## make fuzz FUZZTIME=10m
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

bench:
	go test -p 1 -run '^$$' -bench . -benchmem -timeout 40m ./...

golden: ## regenerates golden pages and documents; read the diff
	$(foreach dir,$(GOLDEN),go test $(dir) -update &&) true

picture: ## docs/images/status.png, the status page of the demo
	internal/e2e/browser/run picture docs/images/status.png

PROMETHEUS ?= http://127.0.0.1:9090
dashboard-picture: ## docs/images/overview.png; see docs/dashboards.md
	$(VIEWER) dashboards $(PROMETHEUS) bin/pictures
	mkdir -p docs/images
	pngtopnm bin/pictures/coverage-overview.png | pamcut -height 1390 | pnmquant 128 | pnmtopng -compression 9 >docs/images/overview.png

image:
	buildah build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) \
	  --build-arg BUILD_DATE=$(BUILD_DATE) --tag $(NAME):$(VERSION) .

stack: ; deploy/stack/run
e2e: ; CI=true go test -count=1 -v ./internal/e2e ./dashboards
rules: ; .ci/run packages rules
release: ; .ci/run packages tools release image
chart: ; .ci/run tools chart

clean:
	rm -rf bin dist

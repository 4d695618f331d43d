# The packages whose tests share memory among goroutines most.
RACY := ./command/... ./graph/... ./projections/... ./internal/...
WITH_SERVERS := go run ./internal/devservers/with --
# The packages whose tests keep figures, where they keep them for make torture, and how these tests are run.
PROVING = $(shell grep -rl --include='*_test.go' --exclude-dir=proof 'proof\.Begin' . | xargs -n 1 dirname | sort -u)
# The packages whose tests take longest, which begin first; most of that time they wait for processes.
LONG := ./web/webtest ./faulttest ./command ./projections/reconcile
FIGURES := $(CURDIR)/docs/reliability.jsonl
PROVE = BUGS=all PROOF_FILE=$(FIGURES) $(WITH_SERVERS) go test -v -count=1 -p 1 -timeout 6h $(if $(RUN),-run '$(RUN)') $(PROVING)

.PHONY: help dev test bugs race torture bench scale generate check build web web-dev

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: build ## Run everything, servers and gateway simulators included (ARGS="--data DIR" keeps the data).
	@exec bin/payment-system dev $(ARGS)

test: ## Run the tests on a MariaDB and a Redis of their own (or MYSQL_DSN and REDIS_ADDRS).
	$(if $(PROOF_FILE),PROOF_FILE=$(abspath $(PROOF_FILE)) )$(WITH_SERVERS) go test -vet=off -parallel 4 $(if $(PROOF_FILE),-count=1 )-timeout 25m $(LONG) ./...
	@echo "Not run: planted bugs (make bugs), other days and zones (.ci/days), the race detector (make race), the large counts (make torture)."

bugs: ## Plant bugs in the program, one at a time, and want tests to fail (BUGS=changed for some).
	BUGS=$(or $(BUGS),all) $(WITH_SERVERS) go test -v -count=1 -timeout 60m -run '^TestBugs$$' ./faulttest/bugs

race: ## Run the tests of what is concurrent under the race detector (needs a C compiler).
	$(WITH_SERVERS) go test -race -vet=off -timeout 25m $(RACY)

torture: ## Break the program on purpose, for hours, and write docs/reliability.md (RUN=TestX for a part, FAULT_SEED=N repeats).
	@$(if $(RUN),:,rm -f $(FIGURES))
	@failed=0; \
	$(PROVE) || failed=1; \
	TORTURE=1 $(PROVE) || failed=1; \
	go run ./internal/proof/table -o docs/reliability.md $(FIGURES) && exit $$failed

bench: ## Measure the program's work beside its floor, in some minutes (ARGS="--work purchase"; ARGS=--help lists more).
	@go run ./bench $(ARGS)

scale: ## Sell through three replicas while servers fail, and write docs/scale.md (ARGS="--only galera" for some; TIDB_SERVER=FILE).
	@go run ./bench --scale docs/scale.md $(ARGS)

generate: ## Generate the GraphQL server from the schema, and the SQL packages from the migrations.
	go tool gqlgen generate
	go run ./internal/jetgen

web: ## Build the pages that web/built holds from web/app (needs Node.js 20.19 or later).
	cd web/app && npm ci && npm run build

web-dev: ## Serve the pages as they are worked on, in front of make dev, on http://localhost:5173.
	cd web/app && npm ci && npm run dev

check: ## Check what needs no servers: vet, linters, format, modules, planted bugs, generated code.
	.ci/check

build: ## Build bin/payment-system.
	@go build -trimpath -o bin/payment-system .

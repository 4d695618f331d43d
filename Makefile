# The packages whose tests share memory among goroutines most.
RACY := ./command/... ./graph/... ./projections/... ./internal/...
WITH_SERVERS := go run ./internal/devservers/with --

.PHONY: help dev test race torture generate check lint build clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: build ## Run everything, servers and gateway simulators included (ARGS="--data DIR" keeps the data).
	@exec bin/payment-system dev $(ARGS)

test: ## Run the tests on a MariaDB and a Redis of their own (or MYSQL_DSN and REDIS_ADDRS).
	$(WITH_SERVERS) go test -timeout 12m ./...

race: ## Run the tests of what is concurrent under the race detector (needs a C compiler).
	$(WITH_SERVERS) go test -race -timeout 12m $(RACY)

torture: ## Break the program on purpose, for a quarter of an hour (FAULT_SCALE=N for longer, FAULT_SEED=N repeats).
	FAULT_SCALE=$${FAULT_SCALE:-10} go test -count=1 -v -timeout 6h ./faulttest

generate: ## Generate the GraphQL server from the schema, and the SQL packages from the migrations.
	go tool gqlgen generate
	go run ./internal/jetgen

check: ## Check what needs no servers: vet, format, modules, generated code.
	.ci/check

lint: ## Run the linters.
	go tool -modfile=tools/go.mod golangci-lint run ./...

build: ## Build bin/payment-system.
	@go build -trimpath -o bin/payment-system .

clean: ## Remove what was built.
	rm -rf bin

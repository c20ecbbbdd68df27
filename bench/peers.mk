# SPDX-License-Identifier: MIT
# The benchmark against the peers (README.md): what it builds, and how it runs.

BENCH      := $(B)/bench
GO_LIBRARY := /usr/share/gocode
# Without the package the Go peer does all but the durable work.
GO_TAGS    := $(if $(wildcard $(GO_LIBRARY)/src/github.com/mattn/go-sqlite3),-tags sqlite)
GO_BUILD    = GO111MODULE=off GOFLAGS= GOPATH=$(GO_LIBRARY) GOCACHE=$(CURDIR)/$(BENCH)/gocache go build $(GO_TAGS)
BENCH_RUN   = bench/bench.py --built $(BENCH)

$(BENCH)/h2o: bench/peers/h2o.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(CC) $(DEFS) -std=c11 -Wall -Wextra $(CFLAGS) -pthread -o $@ $< $(LDFLAGS) $(LIBS)
# What cannot be built is skipped by the run, which says so.
$(BENCH)/go-peer: $(wildcard bench/peers/go/*.go)
	@mkdir -p $(@D) && echo '  GO    $@'
	$(Q)command -v go >/dev/null || { echo 'bench: no go here'; exit 0; }; $(GO_BUILD) -o $@ ./bench/peers/go
$(BENCH)/%.py: bench/peers/%.py
	$(Q)mkdir -p $(@D) && cp $< $@
bench-build: $(B)/$(APP) $(BENCH)/many $(BENCH)/h2o $(BENCH)/go-peer \
             $(patsubst bench/peers/%,$(BENCH)/%,$(wildcard bench/peers/*.py))

bench:                        ## FastAPI, Go, nginx, raw libh2o and this on the same work: a table, bench/results.json, docs/bench.svg
	$(Q)$(SETUP) bench
	$(SUB) bench-build
	$(Q)$(BENCH_RUN) --out bench/results.json
	$(Q)bench/plot.py bench/results.json docs/bench.svg
	$(Q)bench/page.py
bench-check:                  ## the arithmetic of the benchmark's driver, and whether docs/performance.md has its last figures
	$(Q)bench/selftest.py
	$(Q)bench/page.py --check
bench-smoke: bench-check      ## the benchmark itself, two peers for a moment: does it run, does it end clean
	$(Q)$(SETUP) bench
	$(SUB) bench-build
	$(Q)BENCH_ROUNDS=1 BENCH_SECONDS=0.4 BENCH_PEERS=sidelight,nginx-bare BENCH_WORK=health,404,contact,scrape,cold $(BENCH_RUN)
.PHONY: bench bench-build bench-check bench-smoke

# SPDX-License-Identifier: MIT
# make help        what you can do here
#
# Each variant (dev, asan, tsan, cov, fuzz) builds in build/<variant>/, so switching does not clean.
# For packagers: CC, CFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR are yours; WERROR= lets warnings pass;
# SETUP=: never installs anything.

APP      := sidelight
VERSION  := $(shell cat VERSION)
# The ceiling keeps a tarball unpacked inside another repository from taking that one's revision.
REVISION := $(shell GIT_CEILING_DIRECTORIES='$(dir $(CURDIR))' git rev-parse -q --verify --short=12 HEAD 2>/dev/null || echo unknown)
PREFIX   ?= /usr/local
SETUP    ?= tools/setup.sh
CC       ?= cc
CFLAGS   ?= -O2 -g
WERROR   ?= -Werror
VARIANT  := $(or $(SAN),$(if $(COV),cov,dev))
B        := build/$(VARIANT)
Q        := $(if $(V),,@)
NPROC    := $(shell nproc 2>/dev/null || echo 2)
# A second make, with all CPUs unless the first was told -j: what must come after `setup` runs in it.
SUB       = +$(Q)$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(NPROC))

WARN := -std=c11 -Wall -Wextra -Wpedantic $(WERROR) \
        -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
        -Wformat=2 -Wwrite-strings -Wpointer-arith -Wcast-qual -Wundef -Wvla \
        -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough \
        -Wnull-dereference -Wdouble-promotion
HARD := -fPIE -fstack-protector-strong -fstack-clash-protection -fno-common -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
# Fit for indirect branch tracking and shadow stacks, on the processors that have them, and marked so.
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
  HARD += -fcf-protection=full
  CET  := -Wl,-z,ibt,-z,shstk
endif
LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code $(CET)
DEFS := -Isrc -D_GNU_SOURCE -DH2O_USE_LIBUV=0
LIBS := -lh2o-evloop -lssl -lcrypto -lyaml -lcjson -lsqlite3 -lsodium -lseccomp -lz -lpthread -lm

# The server is optimized as a whole, which saves 3 % of a request's instructions. The tests link the same objects one by one.
LTO  := $(if $(findstring Free Software Foundation,$(shell $(CC) --version 2>/dev/null)),-flto=auto -fuse-linker-plugin)
FAT   = $(if $(LTO),-flto -ffat-lto-objects)

ifeq ($(SAN),asan)
  CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(SAN),tsan)
  CFLAGS := -O1 -g -fsanitize=thread
else ifdef COV
  # Atomic, because counters are shared by threads.
  CFLAGS := -O0 -g --coverage -fprofile-update=atomic
endif
ifneq ($(VARIANT),dev)
  # gcc warns of what is not there when it instruments; the dev build is the one that gates on warnings.
  WARN := -std=c11 -w
  HARD :=
  LINK :=
  LTO  :=
endif
COMPILE = $(CC) $(DEFS) $(CPPFLAGS) $(WARN) $(HARD) $(CFLAGS) $(FAT) -pthread -MMD -MP -c
# -fno-lto may not stand before -flto: gcc would go without its plugin.
LD      = $(CC) $(HARD) $(CFLAGS) $(or $(LINK_LTO),$(if $(LTO),-fno-lto)) -pthread $(LINK) $(LDFLAGS)

SRC    := $(sort $(wildcard src/*/*.c))
OBJ    := $(SRC:src/%.c=$(B)/%.o)
UNIT   := $(patsubst tests/%.c,$(B)/%,$(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null)))
E2E    := $(patsubst tests/%.c,$(B)/%,$(sort $(wildcard tests/e2e/*_test.c)))
E2ELIB := $(patsubst tests/%.c,$(B)/%.o,$(sort $(wildcard tests/e2e/lib/*.c)))
STACK  := $(patsubst tests/%.c,$(B)/%,$(sort $(wildcard tests/stack/*_test.c)))
STKLIB := $(patsubst tests/%.c,$(B)/%.o,$(sort $(wildcard tests/stack/lib/*.c)))
BROWSE := $(patsubst tests/%.c,$(B)/%,$(sort $(wildcard tests/browser/*_test.c)))
BROLIB := $(patsubst tests/%.c,$(B)/%.o,$(sort $(wildcard tests/browser/lib/*.c)))
FAULTS := $(patsubst tests/%.c,$(B)/%,$(sort $(wildcard tests/faults/*_test.c)))
FLTLIB := $(patsubst tests/%.c,$(B)/%.o,$(sort $(wildcard tests/faults/lib/*.c)))
FUZZ   := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
CODE    = $(shell find src tests bench -name '*.[ch]')
HDR    := $(sort $(shell find src tests -name '*.h' 2>/dev/null))

all: $(B)/$(APP) $(if $(filter dev,$(VARIANT)),build/$(APP))  ## build the server: build/sidelight

run:                          ## install what building needs, build, serve in the foreground
	$(Q)$(SETUP) build
	$(SUB) all
	$(Q)./build/$(APP)

stack:                        ## the whole path here, without Docker: Caddy, Prometheus, Alertmanager around the server
	$(Q)$(SETUP) stack
	$(SUB) all
	$(Q)tools/stack.sh

drill:                        ## rehearse an outage: good traffic, then errors, until the page arrives at a receiver of its own
	$(Q)$(SETUP) $(if $(filter-out 1,$(DRILL_FACTOR)),test,stack)
	$(SUB) all
	$(Q)tools/drill.sh

secrets:                      ## make ./secrets for compose.yaml from .env; prints a new password once
	$(Q)tools/secrets.sh

setup:                        ## install the packages that building and testing need
	$(Q)$(SETUP) test

# --- the server ---

build/$(APP): build/dev/$(APP)
	$(Q)ln -sf dev/$(APP) $@

$(B)/$(APP): private LINK_LTO = $(LTO)
$(B)/$(APP): $(OBJ) $(B)/sources
	@echo '  LINK  $@'
	$(Q)$(LD) -o $@ $(OBJ) $(LIBS) $(LDLIBS)

# What the tests link with: each takes only the objects it needs.
$(B)/lib$(APP).a: $(filter-out %/app/main.o,$(OBJ)) $(B)/sources
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter-out %/app/main.o,$(OBJ))

# The assembler reads them; the compiler does not know.
WEB := $(wildcard src/web/*.html src/web/*.css src/web/*.js)
$(B)/web/web.o build/fuzz/obj/web/web.o: $(WEB)
# Its symbols are the assembler's.
$(B)/web/web.o: private FAT += -fno-lto

$(B)/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -o $@ $<

# Only this object knows the version, so only this one is built again when the revision changes.
STAMPED := -DSIDELIGHT_VERSION='"$(VERSION)"' -DSIDELIGHT_REVISION='"$(REVISION)"'
$(B)/app/version.o: private DEFS += $(STAMPED)
$(B)/app/version.o: $(B)/version

# Files that change only when what they hold changes.
define stamp
@mkdir -p $(@D) && printf '%s\n' '$(1)' | cmp -s - $@ || printf '%s\n' '$(1)' > $@
endef
$(B)/version: FORCE
	$(call stamp,$(VERSION) $(REVISION))
$(B)/flags: FORCE
	$(call stamp,$(CC) $(CPPFLAGS) $(WARN) $(HARD) $(CFLAGS) $(FAT))
$(B)/sources: FORCE
	$(call stamp,$(OBJ))
FORCE:

# --- tests ---

$(B)/unit/%.o: tests/unit/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -I. -o $@ $<
$(B)/e2e/%.o: tests/e2e/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -I. -o $@ $<
$(B)/stack/%.o: tests/stack/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -I. -o $@ $<
$(B)/browser/%.o: tests/browser/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -I. -o $@ $<
$(B)/faults/%.o: tests/faults/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -I. -o $@ $<
$(UNIT): %: %.o $(B)/lib$(APP).a
	$(Q)$(LD) -o $@ $^ -lcmocka $(LIBS) $(LDLIBS)
$(E2E): %: %.o $(E2ELIB) $(B)/faults/lib/promise.o $(B)/lib$(APP).a $(B)/$(APP)
	$(Q)$(LD) -o $@ $(filter-out %/$(APP),$^) -lcmocka -lcurl $(LIBS) $(LDLIBS)
$(STACK): %: %.o $(STKLIB) $(E2ELIB) $(B)/lib$(APP).a $(B)/$(APP)
	$(Q)$(LD) -o $@ $(filter-out %/$(APP),$^) -lcmocka -lcurl $(LIBS) $(LDLIBS)
$(BROWSE) $(B)/browser/screenshots: %: %.o $(BROLIB) $(STKLIB) $(E2ELIB) $(B)/lib$(APP).a $(B)/$(APP)
	$(Q)$(LD) -o $@ $(filter-out %/$(APP),$^) -lcmocka -lcurl $(LIBS) $(LDLIBS)
$(FAULTS): %: %.o $(FLTLIB) $(E2ELIB) $(B)/lib$(APP).a $(B)/$(APP)
	$(Q)$(LD) -o $@ $(filter-out %/$(APP),$^) -lcmocka -lcurl $(LIBS) $(LDLIBS)
.SECONDARY:

# Programs under test report into files: a report of a server that a test started fails the suite, too.
REPORTS   := $(B)/reports
export SIDELIGHT         := $(CURDIR)/$(B)/$(APP)
export SIDELIGHT_VARIANT := $(VARIANT)
SAN_LOG   := log_path=$(CURDIR)/$(REPORTS)/report
ifeq ($(SAN),asan)
  export ASAN_OPTIONS  := detect_leaks=1:$(SAN_LOG)
  export LSAN_OPTIONS  := suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0
  export UBSAN_OPTIONS := print_stacktrace=1:$(SAN_LOG)
else ifeq ($(SAN),tsan)
  export TSAN_OPTIONS  := halt_on_error=0:exitcode=66:$(SAN_LOG)$(addprefix :suppressions=$(CURDIR)/,$(wildcard tests/tsan.supp))
endif
RUN_TESTS = REPORTS=$(REPORTS) tools/run-tests.sh

unit-suite: $(UNIT)
	$(if $(UNIT),,$(error no unit tests found))$(Q)$(RUN_TESTS) $(UNIT)
e2e-suite: $(E2E)
	$(if $(E2E),,$(error no end-to-end tests found))$(Q)$(RUN_TESTS) $(E2E)
# The path around the server, with the server as it ships: other variants would test the same Caddy again.
stack-suite: $(STACK)
	$(if $(STACK),,$(error no tests of the stack found))$(Q)$(RUN_TESTS) $(STACK)
# What visitors see, likewise, with a real Chromium.
browser-suite: $(BROWSE)
	$(if $(BROWSE),,$(error no tests in a browser found))$(Q)$(RUN_TESTS) $(BROWSE)
# Hostile input and faults, each with a short form; the long one is `make faults`.
faults-suite: $(FAULTS) $(B)/e2e/upgrade_test
	$(if $(FAULTS),,$(error no tests of faults found))$(Q)$(RUN_TESTS) $^
# Of these a sanitizer sees the corpora: the rest takes minutes, and is about the disk, the clock and other processes.
CORPORA   := $(patsubst %,$(B)/faults/%_test,framing llhttp json utf8 bodies headers clients sql yaml yaml_files routing origins)
SUITE     := $(if $(filter dev,$(VARIANT)),$(STACK) $(BROWSE) $(FAULTS)) $(if $(filter asan,$(VARIANT)),$(CORPORA)) $(UNIT) $(E2E)
suite: $(SUITE)
	$(if $(UNIT),,$(error no unit tests found))$(Q)$(RUN_TESTS) $(SUITE)

unit e2e stack-test browser-test:  ## run only the unit / the end-to-end tests / those of the path around it / in Chromium
	$(Q)$(SETUP) test
	$(SUB) $(@:-test=)-suite

test:                         ## install what testing needs, build, run every test
	$(Q)$(SETUP) test
	$(SUB) suite

asan tsan:                    ## run every test under the sanitizers
	$(Q)$(SETUP) test
	$(SUB) SAN=$@ suite

coverage:                     ## line coverage of src/ by every test; fails under 70 % a file, 85 % in all
	$(Q)$(SETUP) test
	$(Q)find build -path 'build/cov/*.gcda' -delete 2>/dev/null || true
	$(SUB) COV=1 suite
	$(Q)tools/coverage.sh 70 85

# Each part adds what it saw to one file. Hours, most of them fuzzing: FUZZ_TIME=60 takes those away.
PROMISE    = PROMISES=$(CURDIR)/build/promises FAULTS_LONG=1 TEST_TIMEOUT=$${TEST_TIMEOUT:-7200}
faults:                       ## every fault and hostile input in its long form; writes docs/reliability.md
	$(Q)$(SETUP) test
	$(Q)rm -f build/promises
	+$(Q)$(PROMISE) $(MAKE) --no-print-directory JOBS=1 faults-suite
	+$(Q)$(PROMISE) $(MAKE) --no-print-directory SETUP=: crash soak units-check
	+$(Q)$(PROMISE) $(MAKE) --no-print-directory SETUP=: FUZZ_TIME=$(or $(FUZZ_TIME),600) fuzz
	$(Q)tools/reliability.py build/promises docs/reliability.md

soak:                         ## load for SOAK_MINUTES (10): memory, descriptors and threads must not grow
	$(Q)$(SETUP) test
	$(SUB) soak-suite
soak-suite: $(B)/faults/soak_test
	$(Q)SOAK_MINUTES=$${SOAK_MINUTES:-10} $<

crash:                        ## kill -9 the server 1,000 times under load; no acknowledged message may be lost
	$(Q)$(SETUP) test
	$(SUB) crash-suite
crash-suite: $(B)/e2e/crash_test
	$(Q)CRASH_ROUNDS=$${CRASH_ROUNDS:-1000} TEST_TIMEOUT=$${TEST_TIMEOUT:-7200} $(RUN_TESTS) $<

screenshots:                  ## docs/screenshots/*.png, of the pages as they are now
	$(Q)$(SETUP) test
	$(SUB) $(B)/browser/screenshots
	$(Q)tools/screenshots.sh $(B)/browser/screenshots

compose-test:                 ## build and run compose.yaml, where a Docker engine answers
	$(Q)tools/compose-test.sh

# --- fuzzing ---

FUZZ_FLAGS := -std=c11 -O1 -g -fno-sanitize-recover=all -MMD -MP
FUZZ_OBJ   := $(patsubst src/%.c,build/fuzz/obj/%.o,$(filter-out src/app/%,$(SRC)))
build/fuzz/obj/%.o: src/%.c
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)clang $(DEFS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<
build/fuzz/%_fuzz.o: tests/fuzz/%_fuzz.c
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)clang $(DEFS) -I. $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<
build/fuzz/lib.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(FUZZ): %: %.o build/fuzz/lib.a
	$(Q)clang -fsanitize=fuzzer,address,undefined -pthread -o $@ $^ $(LIBS)

fuzz-targets: $(FUZZ)
	$(if $(FUZZ),,$(error no fuzz targets found))@:
fuzz:                         ## fuzz each parser for FUZZ_TIME seconds (10)
	$(Q)$(SETUP) test
	$(SUB) fuzz-targets
	$(Q)tools/run-fuzz.sh $(or $(FUZZ_TIME),10) $(FUZZ)
fuzz-regress:                 ## replay the corpus and every input that once broke something
	$(Q)$(SETUP) test
	$(SUB) fuzz-targets
	$(Q)tools/run-fuzz.sh 0 $(FUZZ)

# --- checks ---

CLANG_FORMAT ?= $(shell command -v clang-format-14 || echo clang-format)

lint:                         ## every static check below
	$(Q)$(SETUP) test
	$(SUB) -k --output-sync=target lint-gates
	@echo 'lint: ok'
lint-gates: format-check headers layers banned length scripts docs-check tests-check tidy lint-faults \
            units-check bench-check caddy-check rules-check alerting-check dashboards-check compose-check

format:                       ## rewrite the code in the house style
	$(Q)$(CLANG_FORMAT) -i $(CODE)
format-check:                 ## fail if `make format` would change anything (clang-format 14: others differ)
	$(Q)$(CLANG_FORMAT) --version | grep -q 'version 14\.' || \
	 { echo "format-check: needs clang-format 14, found: $$($(CLANG_FORMAT) --version)"; exit 1; }
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(CODE)
headers: $(HDR:%=build/headers/%.ok)  ## fail if a header does not compile alone
build/headers/%.ok: %
	@mkdir -p $(@D)
	$(Q)printf '#include "%s"\nextern int not_empty;\n' $< | \
	 $(CC) $(DEFS) -I. $(WARN) -fsyntax-only -MMD -MP -MT $@ -MF $(@:.ok=.d) -x c - && touch $@
layers:                       ## fail if a directory includes one above it, or a library its owner does not share
	$(Q)tools/check-layers.sh
banned:                       ## fail on banned calls, // comments and marks of unfinished work
	$(Q)tools/check-banned.sh
length:                       ## fail on files over 600 lines
	$(Q)tools/check-length.sh
scripts:                      ## fail if a shell script does not parse (or shellcheck, if there, complains)
	$(Q)tools/check-scripts.sh
docs-check:                   ## fail if a key, metric or route is undocumented, or one is documented that is none
	$(Q)tools/check-docs.sh && tools/check-rules.py && tools/check-runbook.sh
tests-check:                  ## fail if a TEST is not in its RUN_TESTS list
	$(Q)tools/check-tests.sh && tools/check-cases.sh
tidy: $(SRC:src/%.c=build/tidy/%.ok)  ## clang-tidy, one file at a time (14 mixes up va_lists of several)
build/tidy/%.ok: src/%.c .clang-tidy
	@mkdir -p $(@D) && echo '  TIDY  $<'
	$(Q)$(CC) $(DEFS) -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	$(Q)clang-tidy --quiet $< -- $(DEFS) $(STAMPED) -std=c11 > $(@:.ok=.log) 2>&1 && touch $@ || \
	 { grep -v 'warnings\? generated' $(@:.ok=.log); exit 1; }
units-check:                  ## fail if systemd would not take deploy/, or its times do not fit the server's
	$(Q)tools/check-units.sh
caddy-check:                  ## fail if the Caddyfile is not for both Caddys
	$(Q)tools/check-caddy.sh
rules-check:                  ## check the recording and alerting rules and run their tests
	$(Q)tools/check-slo-rules.sh
rules-mutate:                 ## change each threshold, window and guard of the rules in turn: their tests must notice
	$(Q)tests/rules/mutate.py $(if $(MUTATE_SHARE),--share $(MUTATE_SHARE))
alerting-check:               ## fail if Prometheus or Alertmanager refuse their files, or an alert goes astray
	$(Q)tools/check-alerting.sh
dashboards-check:             ## fail if a dashboard is not what grafana/generate.py makes, or would not work
	$(Q)tools/check-dashboards.py
compose-check: $(B)/$(APP)    ## fail if compose.yaml, Dockerfile and the files they mount disagree
	$(Q)tools/check-compose.py
lint-faults: $(B)/$(APP)      ## fail if a check no longer sees a fault planted for it
	$(Q)tests/lint/faults.sh && tests/lint/dashboard-faults.sh && tests/lint/compose-faults.sh

check:                        ## lint, test, asan, tsan, fuzz-regress, in this order
	$(SUB) lint
	$(SUB) test
	$(SUB) asan
	$(SUB) tsan
	$(SUB) fuzz-regress

# --- speed: bench/*.mk ---

BENCH_MK := $(sort $(wildcard bench/*.mk))
include $(BENCH_MK)

# --- the rest ---

sbom: all                     ## build/sidelight.spdx.json: what is linked, in which version, by which licence
	$(Q)tools/sbom.py build/$(APP) build/$(APP).spdx.json

install: all                  ## install under DESTDIR and PREFIX (/usr/local)
	$(Q)install -D -m 755 build/dev/$(APP) $(DESTDIR)$(PREFIX)/bin/$(APP)
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/$(APP) $(APP).yaml $(wildcard deploy/*.service deploy/*.socket)
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/$(APP) LICENSE $(wildcard README.md CHANGELOG.md docs/*.md)
	$(Q)$(if $(wildcard docs/$(APP).1),install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 docs/$(APP).1,:)

clean:                        ## remove everything built
	$(Q)rm -rf build
help:                         ## show this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9 -]*:.*##/ { sub(/:.*/, "", $$1); printf "  %-14s %s\n", $$1, $$2 }' Makefile $(BENCH_MK)

.PHONY: all run stack drill secrets setup unit e2e test compose-test units-check sbom caddy-check rules-check rules-mutate alerting-check \
        dashboards-check compose-check asan tsan coverage crash fuzz fuzz-regress format format-check headers \
        layers banned length scripts docs-check tests-check tidy lint lint-gates lint-faults check install clean help \
        stack-test browser-test unit-suite e2e-suite stack-suite browser-suite screenshots faults faults-suite soak soak-suite suite crash-suite fuzz-targets FORCE
-include $(shell find $(B) build/fuzz build/headers build/tidy -name '*.d' 2>/dev/null)

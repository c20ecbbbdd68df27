# SPDX-License-Identifier: MIT
# Speed counted in instructions: what each part costs, and a gate against bench/baseline.txt.

PARTS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard bench/parts/*.c)))
$(B)/bench/parts/%.o: bench/parts/%.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -I. -o $@ $<
# Not optimized as a whole, or the parts would melt into the loops that repeat them.
$(B)/bench/parts/parts: $(PARTS) $(B)/lib$(APP).a
	$(Q)$(LD) -fno-use-linker-plugin -o $@ $^ $(LIBS) $(LDLIBS)

# So that the baseline can say what it was measured with.
bench-parts bench-gate bench-baseline bench-metrics-share bench-faults: export CC := $(CC)
bench-parts bench-gate bench-baseline bench-metrics-share bench-faults: export CFLAGS := $(CFLAGS)

bench-parts:                  ## what each part of a request costs, in instructions a call
	$(Q)$(SETUP) test
	$(SUB) $(B)/bench/parts/parts
	$(Q)bench/parts.py $(B)/bench/parts/parts

bench-gate:                   ## fail if a request costs 3 % more instructions than bench/baseline.txt says
	$(Q)$(SETUP) test
	$(SUB) $(B)/$(APP)
	$(Q)bench/gate.py check --sidelight $(B)/$(APP)

bench-baseline:               ## write bench/baseline.txt as things are now; the commit says why
	$(Q)$(SETUP) test
	$(SUB) $(B)/$(APP)
	$(Q)bench/gate.py baseline --sidelight $(B)/$(APP)

bench-metrics-share:          ## what metrics cost a request, by a server built without them; fails above 300 instructions
	$(Q)$(SETUP) test
	$(SUB) $(B)/$(APP)
	$(SUB) B=build/nometrics CPPFLAGS='$(CPPFLAGS) -DSIDELIGHT_NO_METRICS' build/nometrics/$(APP)
	$(Q)bench/gate.py share --sidelight $(B)/$(APP) --without build/nometrics/$(APP)

bench-faults:                 ## fail if the gate no longer sees a slow-down planted for it
	$(Q)$(SETUP) test
	$(SUB) $(B)/$(APP)
	$(Q)tests/bench/gate-faults.sh

.PHONY: bench-parts bench-gate bench-baseline bench-metrics-share bench-faults

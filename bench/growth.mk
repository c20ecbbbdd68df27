# SPDX-License-Identifier: MIT
# How costs grow: with series on the page, endpoints in the table, connections, submissions.

$(B)/bench/many.o: bench/many.c $(B)/flags
	@mkdir -p $(@D) && echo '  CC    $@'
	$(Q)$(COMPILE) -o $@ $<
$(B)/bench/many: $(B)/bench/many.o $(B)/lib$(APP).a
	$(Q)$(LD) $(LTO) -o $@ $^ $(LIBS) $(LDLIBS)

bench-growth:                 ## measure what grows and how: the page, connections, endpoints, submissions; start and memory
	$(Q)$(SETUP) bench
	$(SUB) growth-run
growth-run: $(B)/$(APP) $(B)/bench/many
	$(Q)bench/growth.py --sidelight $(B)/$(APP) --many $(B)/bench/many --out bench/growth.json
.PHONY: bench-growth growth-run

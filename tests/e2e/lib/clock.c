/* SPDX-License-Identifier: MIT */
/* Builds the library once a server and writes the file that it reads. */
#include "tests/e2e/lib/clock.h"

#include "tests/e2e/lib/preload.h"

/* Renamed into place, so that no half of it is read. */
void set_clock(struct fixture *f, int seconds)
{
    const char *fresh = in_dir(f, "clock.new");

    write_file(fresh, textf(f, "%d", seconds));
    assert_int_equal(rename(fresh, in_dir(f, "clock")), 0);
}

const char *clock_library(struct fixture *f)
{
    return preload_build(f, "clock.so", "tests/e2e/preload/clock.c");
}

const char *clock_control(struct fixture *f)
{
    return textf(f, "CLOCK_CONTROL=%s", in_dir(f, "clock"));
}

struct server *server_start_with_clock(struct fixture *f, const char *const *sets)
{
    const char *const *env = preload_env(f, clock_library(f), ARGS(clock_control(f)));

    return server_start_with(f, &(struct server_options){.sets = sets, .env = env});
}

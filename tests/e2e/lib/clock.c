/* SPDX-License-Identifier: MIT */
/* Builds the library once a server and writes the file that it reads. */
#include "tests/e2e/lib/clock.h"

/* Renamed into place, so that no half of it is read. */
void set_clock(struct fixture *f, int seconds)
{
    const char *fresh = in_dir(f, "clock.new");

    write_file(fresh, textf(f, "%d", seconds));
    assert_int_equal(rename(fresh, in_dir(f, "clock")), 0);
}

struct server *server_start_with_clock(struct fixture *f, const char *const *sets)
{
    const char *library = in_dir(f, "clock.so"), *asan = environment("ASAN_OPTIONS");
    const char *const env[] = {
        textf(f, "LD_PRELOAD=%s", library),
        textf(f, "CLOCK_CONTROL=%s", in_dir(f, "clock")),
        /* The library must come before the sanitizer's, which complains about that. */
        textf(f, "ASAN_OPTIONS=%s%sverify_asan_link_order=0", asan != NULL ? asan : "",
              asan != NULL ? ":" : ""),
        NULL,
    };

    assert_int_equal(run(f,
                         ARGS("cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library,
                              "tests/e2e/preload/clock.c"),
                         NULL)
                         ->status,
                     0);
    return server_start_with(f, &(struct server_options){.sets = sets, .env = env});
}

/* SPDX-License-Identifier: MIT */
/* Both read an offset from a file whenever somebody asks for the time. */
#include "tests/faults/lib/steps.h"

#include "tests/e2e/lib/clock.h"

#include <glob.h>

/* NULL when Debian's package faketime is not installed. */
static const char *faketime_library(struct fixture *f)
{
    const char *path = NULL;
    glob_t found;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread is here */
    if (glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, NULL, &found) == 0)
        path = keep_text(f, found.gl_pathv[0], strlen(found.gl_pathv[0]));
    globfree(&found);
    return path;
}

struct steps steps_by_faketime(struct fixture *f)
{
    const char *variant = environment("SIDELIGHT_VARIANT");

    if (faketime_library(f) == NULL) {
        print_message("skipped: no libfaketime here (Debian's package faketime)\n");
        skip();
    }
    if (variant != NULL && strcmp(variant, "dev") != 0) {
        print_message("skipped: faketime and a sanitizer both replace libc's functions\n");
        skip();
    }
    return (struct steps){f, true};
}

struct steps steps_by_preload(struct fixture *f)
{
    return (struct steps){f, false};
}

void steps_set(const struct steps *st, int64_t seconds)
{
    const char *fresh = in_dir(st->f, "clock.new");

    /* Renamed into place, so that no half of it is read. */
    write_file(fresh, textf(st->f, "%+lld", (long long)seconds));
    assert_int_equal(rename(fresh, in_dir(st->f, "clock")), 0);
}

struct server *steps_start(const struct steps *st, int64_t seconds, const char *const *sets)
{
    struct fixture *f = st->f;
    const char *const env[] = {
        textf(f, "LD_PRELOAD=%s", st->by_faketime ? faketime_library(f) : ""),
        textf(f, "FAKETIME_TIMESTAMP_FILE=%s", in_dir(f, "clock")),
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "FAKETIME_NO_CACHE=1",
        NULL,
    };

    steps_set(st, seconds);
    if (!st->by_faketime)
        return server_start_with_clock(f, sets);
    return server_start_with(f, &(struct server_options){.sets = sets, .env = env});
}

/* SPDX-License-Identifier: MIT */
/* The compiler that built the tests is there when they run. */
#include "tests/e2e/lib/preload.h"

#include "tests/e2e/lib/process.h"

const char *preload_build(struct fixture *f, const char *name, const char *source)
{
    const char *library = in_dir(f, name);

    assert_int_equal(run(f,
                         ARGS("cc", "-std=c11", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-I.",
                              "-o", library, source),
                         NULL)
                         ->status,
                     0);
    return library;
}

const char *const *preload_env(struct fixture *f, const char *libraries, const char *const *more)
{
    const char *asan = environment("ASAN_OPTIONS");
    const char **env;
    size_t n = 0;

    while (more[n] != NULL)
        n++;
    env = keep(f, (n + 3) * sizeof(*env));
    memcpy(env, more, n * sizeof(*env));
    env[n] = textf(f, "LD_PRELOAD=%s", libraries);
    /* A library must come before the sanitizer's, which complains about that. */
    env[n + 1] = textf(f, "ASAN_OPTIONS=%s%sverify_asan_link_order=0", asan != NULL ? asan : "",
                       asan != NULL ? ":" : "");
    return env;
}

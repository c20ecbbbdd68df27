/* SPDX-License-Identifier: MIT */
/* How the program is built, what a running one has given up, and the bill of materials (hardening.md, I). */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/promise.h"

#include <stdlib.h>

static void only_as_it_ships(void)
{
    const char *variant = environment("SIDELIGHT_VARIANT");

    if (variant == NULL || strcmp(variant, "dev") != 0) {
        print_message("skipped: only the program as it ships is hardened\n");
        skip();
    }
}

static const char *readelf(struct fixture *f, const char *what)
{
    const struct outcome *o = run(f, ARGS("readelf", "-W", what, program()), NULL);

    assert_int_equal(o->status, 0);
    return o->out;
}

/* A number of the row `name` in /proc/PID/status. */
static unsigned long status_of(const struct server *s, const char *name)
{
    const char *text = read_file(s->f, textf(s->f, "/proc/%d/status", (int)s->pid));
    const char *row = strstr(text, textf(s->f, "\n%s:", name));

    assert_non_null(row);
    return strtoul(row + strlen(name) + 2, NULL, 16);
}

TEST(the_program_is_hardened)
{
    struct fixture *f = *state;

    only_as_it_ships();
    assert_contains(readelf(f, "-h"), "DYN (Position-Independent Executable file)");
    assert_contains(readelf(f, "-l"), "GNU_RELRO");
    assert_contains(
        readelf(f, "-l"),
        "GNU_STACK      0x000000 0x0000000000000000 0x0000000000000000 0x000000 0x000000 RW ");
    assert_contains(readelf(f, "-d"), "BIND_NOW");
    assert_lacks(readelf(f, "-d"), "TEXTREL");
    assert_lacks(readelf(f, "-d"), "RUNPATH");
    assert_contains(readelf(f, "--dyn-syms"), "__stack_chk_fail");
    assert_contains(readelf(f, "--dyn-syms"), "_chk@");
    promise(
        "I112",
        "The program is position-independent, its tables read-only once loaded, its stack guarded and not executable",
        "`readelf` of the program as it ships",
        "full RELRO, PIE, stack protector, FORTIFY, no text relocation");
#ifdef __x86_64__
    assert_contains(readelf(f, "-n"), "x86 feature: IBT, SHSTK");
    promise("I112b", "It is marked for indirect branch tracking and shadow stacks", "`readelf -n`",
            "IBT, SHSTK");
#endif
}

TEST(a_running_server_has_given_up_what_it_does_not_need)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    only_as_it_ships();
    assert_int_equal(status_of(s, "NoNewPrivs"), 1);
    assert_int_equal(status_of(s, "Seccomp"), 2);
    assert_contains(read_file(f, textf(f, "/proc/%d/limits", (int)s->pid)),
                    "Max core file size        0                    0 ");
    assert_metric(s, "sidelight_sandboxed", 1);
    assert_null(log_find(s, "sandbox_unavailable"));
    promise(
        "I115",
        "A server that was taken over can start no program, trace, mount or load nothing, and leaves no core",
        "17 calls from inside the sandbox; the status of a running server",
        "17 refused; Seccomp 2, NoNewPrivs 1, core 0");
}

TEST(the_sandbox_can_be_switched_off)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("sandbox=false"));

    assert_int_equal(status_of(s, "Seccomp"), 0);
    assert_metric(s, "sidelight_sandboxed", 0);
    assert_int_equal(ASK(s, .path = "/health")->status, 200);
}

/* Every library that the loader maps is one of the packages listed, with the version that is installed. */
TEST(the_bill_of_materials_names_what_is_linked)
{
    struct fixture *f = *state;
    const char *file = in_dir(f, "sbom.json");
    const struct outcome *o = run(f, ARGS("tools/sbom.py", program(), file), NULL);
    const char *script =
        "while read -r package version; do [ \"$(dpkg-query -W -f '${Version}' \"$package\")\" = \"$version\" ] || exit 1; done";

    assert_int_equal(o->status, 0);
    assert_contains(o->out, "libh2o-evloop0.13 ");
    assert_contains(o->out, "libc6 ");
    assert_contains(o->out, "libsqlite3-0 ");
    assert_int_equal(run(f, ARGS("sh", "-c", script), o->out)->status, 0);
    assert_json(f, read_file(f, file), "spdxVersion", "SPDX-2.3");
    promise("I118", "It can be said which version of which library runs",
            "`make sbom`, compared with dpkg", "%zu packages", count_of(o->out, "\n"));
}

RUN_TESTS(T(the_program_is_hardened),
          T(a_running_server_has_given_up_what_it_does_not_need),
          T(the_sandbox_can_be_switched_off),
          T(the_bill_of_materials_names_what_is_linked))

/* SPDX-License-Identifier: MIT */
/* How the program is built, what a running one has given up, and the bill of materials (hardening.md, I). */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/promise.h"

#include <dirent.h>
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

/* A number of the row `name` in /proc/PID/task/TID/status. */
static unsigned long status_of(const struct server *s, const char *tid, const char *name)
{
    const char *text = read_file(s->f, textf(s->f, "/proc/%d/task/%s/status", (int)s->pid, tid));
    const char *row = strstr(text, textf(s->f, "\n%s:", name));

    assert_non_null(row);
    return strtoul(row + strlen(name) + 2, NULL, 16);
}

/* Every thread of it: a filter that came too late, or not for all, leaves one out. */
static size_t assert_all_confined(const struct server *s, bool confined)
{
    DIR *dir = opendir(textf(s->f, "/proc/%d/task", (int)s->pid));
    struct dirent *entry;
    size_t n = 0;

    assert_non_null(dir);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(status_of(s, entry->d_name, "Seccomp"), confined ? 2 : 0);
        if (confined)
            assert_int_equal(status_of(s, entry->d_name, "NoNewPrivs"), 1);
        n++;
    }
    (void)closedir(dir);
    return n;
}

#ifdef __x86_64__
/* The mark is the linker's word alone. What is called by address must begin with it. */
static void assert_marked_code(struct fixture *f)
{
    static const char *const functions[] = {"main", "contact_post", "contact_thanks_get"};

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        const struct outcome *o = run(f,
                                      ARGS("objdump", "-d", "--no-show-raw-insn",
                                           textf(f, "--disassemble=%s", functions[i]), program()),
                                      NULL);
        const char *begin = strstr(o->out, textf(f, "<%s>:\n", functions[i]));

        assert_int_equal(o->status, 0);
        assert_non_null(begin);
        begin = strchr(begin, '\n') + 1;
        assert_contains(keep_text(f, begin, strcspn(begin, "\n")), "endbr64");
    }
}
#endif

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
    assert_marked_code(f);
    promise("I112b", "It is built and marked for indirect branch tracking and shadow stacks",
            "`readelf -n`; functions of ours in `objdump -d`",
            "IBT, SHSTK; endbr64 where they begin");
#endif
}

TEST(a_running_server_has_given_up_what_it_does_not_need)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=4"));
    size_t n;

    only_as_it_ships();
    assert_status(post_json(s, ADA), 201); /* whatever thread is made late is there */
    n = assert_all_confined(s, true);
    assert_true(n >= 4 + 3); /* workers, acceptor, store, main */
    assert_contains(read_file(f, textf(f, "/proc/%d/limits", (int)s->pid)),
                    "Max core file size        0                    0 ");
    assert_metric(s, "sidelight_sandboxed", 1);
    assert_null(log_find(s, "sandbox_unavailable"));
    promise(
        "I115",
        "Every thread of a server is in the sandbox, gains no privileges, and leaves no core",
        "the status of each thread of a running one; what is refused in there, sandbox_test asks",
        "%zu threads, each Seccomp 2 and NoNewPrivs 1; core 0", n);
}

TEST(the_sandbox_can_be_switched_off)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("sandbox=false"));

    (void)assert_all_confined(s, false);
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

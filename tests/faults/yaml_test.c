/* SPDX-License-Identifier: MIT */
/*
 * Every input of yaml-test-suite as a configuration: through `sidelight --check`, in the place of a value, and through
 * reloads of a running server. Files made to be misread or slow are yaml_files_test.c's.
 */
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/checks.h"
#include "tests/faults/lib/corpus.h"
#include "tests/faults/lib/kept.h"
#include "tests/faults/lib/promise.h"

#include <signal.h>

/* Those which hold nothing but comments and marks; all others hold what no configuration may. */
static bool is_empty(const char *name)
{
    static const char *const names[] = {"8G76.yaml", "98YD.yaml", "AVM7.yaml"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

TEST(every_input_of_the_suite_is_judged_in_time)
{
    struct fixture *f = *state;
    struct corpus c = corpus_read(f, "yaml", ".yaml");
    struct check *checks = keep(f, c.n * sizeof(*checks));
    struct checked all;

    for (size_t i = 0; i < c.n; i++)
        checks[i].path = textf(f, "tests/faults/data/yaml/%s", c.files[i].name);
    all = checks_run(f, checks, c.n);
    for (size_t i = 0; i < c.n; i++)
        if (checks[i].status != (is_empty(c.files[i].name) ? CHECK_GOOD : CHECK_BAD))
            fail_msg("%s: %d: %s", checks[i].path, checks[i].status, checks[i].why);
    promise("B38",
            "A bad configuration is 78 with file, line and reason; never a signal, never slow",
            "every input of yaml-test-suite through --check",
            "%zu inputs, %zu refused, at most %.0f ms each", all.n, all.bad, all.most_ms);
}

/* An input with every line behind `indent`, so that the reader gets further into it. */
static struct slice below(struct fixture *f, const char *key, const char *indent, struct slice text)
{
    struct buf b = BUF_INIT;
    struct slice made;

    buf_add_str(&b, key);
    while (text.p != NULL) {
        buf_add_str(&b, indent);
        buf_add_slice(&b, slice_cut(&text, '\n'));
        buf_add_char(&b, '\n');
    }
    made = (struct slice){keep_text(f, b.data, b.len), b.len};
    buf_release(&b);
    return made;
}

TEST(the_inputs_of_the_suite_in_the_place_of_a_value_are_judged_too)
{
    static const char *const keys[] = {"service:\n", "hosts:\n", "contact:\n",
                                       "trusted_proxies: ["};
    struct fixture *f = *state;
    struct corpus c = corpus_read(f, "yaml", ".yaml");
    struct check *checks = keep(f, ARRAY_LEN(keys) * c.n * sizeof(*checks));
    size_t step = faults_long() ? 1 : 16, n = 0;
    struct checked all;

    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        for (size_t i = k; i < c.n; i += step) {
            checks[n].path = in_dir(f, textf(f, "below-%zu.yaml", n));
            write_bytes(checks[n++].path, below(f, keys[k], "  ", c.files[i].bytes));
        }
    all = checks_run(f, checks, n);
    assert_true(all.bad + n / 50 + 4 >= n); /* but comments */
    promise("B38", "What is no value is refused where a value stands",
            "inputs of yaml-test-suite below a key, in a list and in brackets",
            "%zu files, %zu refused, at most %.0f ms each", all.n, all.bad, all.most_ms);
}

/* ---- reloads ---- */

static size_t reloads(struct server *s, struct buf *log, const char *event)
{
    read_into(s->log, log);
    return count_of(buf_cstr(log), event);
}

#define FAILED "\"event\":\"reload_failed\""
#define RELOADED "\"event\":\"reloaded\""

struct readings {
    struct server *s;
    struct buf log;
    size_t good, bad; /* so far */
};

/* Tells the server to read what is there; it must find it good or bad. */
static void reread(struct readings *r, const char *what, bool good)
{
    size_t all = ++*(good ? &r->good : &r->bad) + (good ? r->bad : r->good);

    server_signal(r->s, SIGHUP);
    EVENTUALLY(reloads(r->s, &r->log, FAILED) + reloads(r->s, &r->log, RELOADED) == all);
    if (reloads(r->s, &r->log, FAILED) != r->bad)
        fail_msg("%s is found %s", what, good ? "bad" : "good");
    assert_true(server_lives(r->s));
}

/* Every refusal names the file, and says more than that. */
static size_t count_reasons(struct readings *r, const char *config)
{
    const char *said = textf(r->s->f, "\"error\":\"%s:", config), *line;
    size_t n = 0;

    read_into(r->s->log, &r->log);
    for (line = strstr(buf_cstr(&r->log), FAILED); line != NULL; line = strstr(line + 1, FAILED)) {
        size_t len = strcspn(line, "\n");
        const char *why = memmem(line, len, said, strlen(said));

        n += why != NULL && why[strlen(said)] != '"';
    }
    return n;
}

TEST(a_server_that_is_told_to_read_each_of_them_keeps_all_settings_and_serves_on)
{
    struct fixture *f = *state;
    struct corpus c = corpus_read(f, "yaml", ".yaml");
    const char *config = in_dir(f, "config.yaml");
    size_t step = faults_long() ? 1 : 12, sent = 0;
    struct readings r = {.log = BUF_INIT};

    write_file(config, kept_config);
    r.s = server_start_with(f, &(struct server_options){.config = config});
    for (size_t i = 0; i < c.n; i += step, sent++) {
        bool good = is_empty(c.files[i].name) && c.files[i].bytes.n > 0;

        write_bytes(config, c.files[i].bytes);
        reread(&r, c.files[i].name, good);
        if (good) { /* everything is at its default */
            write_file(config, kept_config);
            reread(&r, "ours", true);
            EVENTUALLY(kept_taken(r.s));
        }
        assert_kept(r.s, (unsigned)i);
    }
    assert_true(r.bad >= sent - 3);
    assert_int_equal(count_reasons(&r, config), r.bad);
    buf_release(&r.log);
    /* What the messages quote of a file is escaped. */
    (void)audit_log(r.s, &(struct audit){"none", 0, NULL});
    assert_int_equal(stored_rows(r.s).n, sent); /* a form each, none deleted */
    promise(
        "B38", "A reload of a bad file keeps the settings and the server, and says why",
        "a running server told to read inputs of yaml-test-suite, one after another; after each: "
        "hosts, proxies, rates, CORS, redirect, objective and log are as before",
        "%zu inputs, %zu refused, each with its place; the same process", sent, r.bad);
}

RUN_TESTS(T(every_input_of_the_suite_is_judged_in_time),
          T(the_inputs_of_the_suite_in_the_place_of_a_value_are_judged_too),
          T(a_server_that_is_told_to_read_each_of_them_keeps_all_settings_and_serves_on))

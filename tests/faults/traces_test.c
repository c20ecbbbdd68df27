/* SPDX-License-Identifier: MIT */
/* What a visitor wrote is in the store, and nowhere else. Secrets in requests are leaks_test.c's. */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/promise.h"

#include <ctype.h>
#include <dirent.h>

#define SECRET_BODY \
    "{\"name\":\"Quagmire\",\"email\":\"quagmire@needle.example\",\"message\":\"needle in hay\"}"

static const char submission[] =
    "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 79\r\n\r\n" SECRET_BODY;

static void assert_traceless(const char *where, const char *text, size_t n)
{
    static const char *const traces[] = {"quagmire", "needle"};
    struct buf lower = BUF_INIT;

    for (size_t i = 0; i < n; i++)
        buf_add_char(&lower, (char)tolower((unsigned char)text[i]));
    for (size_t i = 0; i < ARRAY_LEN(traces); i++)
        if (n > 0 && memmem(lower.data, n, traces[i], strlen(traces[i])) != NULL)
            fail_msg("'%s' is in %s", traces[i], where);
    buf_release(&lower);
}

/* Every way that a submission can end, each with its status; how many. */
static size_t submit_all_ways(struct server *s)
{
    static const char form[] = "name=Quagmire&email=quagmire%40needle.example&message=needle";
    static const struct {
        int status;
        const char *type, *key, *body;
    } ways[] = {
        {201, JSON_TYPE,                               "Idempotency-Key: k-1",             SECRET_BODY                                   },
        {201, JSON_TYPE,                               "Idempotency-Key: k-1",             SECRET_BODY                                   },
        {422, JSON_TYPE,                               "Idempotency-Key: k-1",
         "{\"name\":\"Quagmire\",\"email\":\"a@needle.example\","
         "\"message\":\"needle\"}"                                                                                                       },
        {422, JSON_TYPE,                               "Idempotency-Key: needle quagmire", SECRET_BODY                                   },
        {303, FORM_TYPE,                               "X: 1",                             form                                          },
        {422, JSON_TYPE,                               "X: 1",                             "{\"name\":\"Quagmire\",\"email\":\"needle\"}"},
        {422, JSON_TYPE,                               "X: 1",                             "{\"name\":\"Quagmire\",\"name\":\"Needle\"}" },
        {400, JSON_TYPE,                               "X: 1",                             "{\"name\":\"Quagmire\",\"needle"             },
        {422, FORM_TYPE,                               "X: 1",                             "name=Quagmire&email=needle&quagmire=needle"  },
        {415, "Content-Type: text/quagmire; needle=1", "X: 1",                             SECRET_BODY                                   },
        {303, FORM_TYPE,                               "X: 1",
         "name=Quagmire&email=a%40needle.example&message=x&website_url=needle"                                                           },
    };

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        const struct reply *r = ASK(s, .path = "/contact", .body = ways[i].body,
                                    .headers = HEADERS(ways[i].type, ways[i].key));

        if (r->status != ways[i].status)
            fail_msg("way %zu: %d, not %d: %s", i, r->status, ways[i].status, r->body);
        assert_traceless("an answer", r->body, r->body_len);
        assert_traceless("a head", r->head, strlen(r->head));
    }
    return ARRAY_LEN(ways);
}

/* Sent by somebody who leaves, in the middle and after the end; how many. */
static size_t submit_and_leave(struct server *s)
{
    size_t n = strlen(submission), ways = 0;

    for (size_t part = n - 30; part <= n; part += 30, ways++) {
        struct wire w;

        assert_true(wire_connect(&w, s->public_port));
        (void)wire_write(&w, submission, part);
        wire_close(&w);
    }
    return ways;
}

static void check_process(struct server *s)
{
    static const char *const files[] = {"cmdline", "environ", "comm", "status"};
    static const char *const pages[] = {"/metrics", "/", "/status.json", "/api/metrics", "/health"};
    struct fixture *f = s->f;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf text = BUF_INIT;

        read_into(textf(f, "/proc/%d/%s", (int)s->pid, files[i]), &text);
        assert_traceless(files[i], text.data, text.len);
        buf_release(&text);
    }
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const struct reply *r = ASK_OPS(s, .path = pages[i],
                                        .headers = HEADERS("Accept: application/openmetrics-text"));

        assert_true(r->status == 200 || r->status == 503);
        assert_traceless(pages[i], r->body, r->body_len);
    }
}

/* Every file that it made but the store itself; how many. */
static size_t check_files(struct fixture *f)
{
    DIR *dir = opendir(fixture_dir(f));
    struct dirent *entry;
    size_t n = 0;

    assert_non_null(dir);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
    while ((entry = readdir(dir)) != NULL) {
        struct buf text = BUF_INIT;

        if (entry->d_type != DT_REG || strstr(entry->d_name, ".db-wal") != NULL ||
            strcmp(entry->d_name, "sidelight.db") == 0)
            continue;
        read_into(in_dir(f, entry->d_name), &text);
        assert_traceless(entry->d_name, text.data, text.len);
        buf_release(&text);
        n++;
    }
    (void)closedir(dir);
    return n;
}

TEST(a_submission_is_in_the_store_and_nowhere_else)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=20/h", "log.level=debug"));
    const char *away = in_dir(f, "away.lock"), *lock = textf(f, "%s.lock", s->store);
    size_t files, ways;

    ways = submit_all_ways(s);
    ways += submit_and_leave(s);
    check_process(s);
    for (int i = 0; i < 20; i++)
        (void)post_json(s, SECRET_BODY); /* until there are too many */
    assert_true(metric(s, CONTACT_REJECTED("rate_client")) >= 1);
    ways++;
    check_process(s);
    server_kill(s);
    server_again(s);
    assert_int_equal(rename(lock, away), 0);
    EVENTUALLY(post_json(s, SECRET_BODY)->status == 503);
    ways++;
    check_process(s);
    assert_int_equal(rename(away, lock), 0);
    server_stop(s);
    files = check_files(f);
    assert_true(stored_rows(s).n >= 3);
    promise(
        "C45", "A submission is in the store, and nowhere else",
        "every way it can end: stored, repeated, refused, limited, given up, the store gone, the process killed; "
        "then logs, stderr, metrics, pages, answers, command line, environment, other files",
        "%zu ways, %zu files, 0 traces", ways, files);
}

RUN_TESTS(T(a_submission_is_in_the_store_and_nowhere_else))

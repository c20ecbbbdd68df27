/* SPDX-License-Identifier: MIT */
/* Events and levels, read back through a pipe. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench {
    struct log *log;
    int fds[2];
    char line[LOG_LINE_MAX + 2];
};

enum { TIMEOUT_MS = 60000 }; /* a hang, not a wait */

static void set_up(struct bench *b, enum log_level level)
{
    struct err err = ERR_INIT;

    assert_int_equal(pipe(b->fds), 0);
    if (!log_new(b->fds[1], level, &b->log, &err))
        fail_msg("%s", err.text);
}

static void tear_down(struct bench *b)
{
    log_free(b->log, TIMEOUT_MS);
    (void)close(b->fds[0]);
    (void)close(b->fds[1]);
}

/* Waits for the next line; a string without the newline. */
static const char *next_line(struct bench *b)
{
    size_t n = 0;

    do {
        assert_true(n < LOG_LINE_MAX);
        assert_int_equal(read(b->fds[0], b->line + n, 1), 1);
    } while (b->line[n++] != '\n');
    b->line[n - 1] = '\0';
    return b->line;
}

/* The line behind its stamp, which is checked for its form. */
static const char *after_stamp(const char *line)
{
    static const char form[] = "{\"ts\":\"dddd-dd-ddTdd:dd:dd.dddZ\",";
    size_t i = 0;

    for (; form[i] != '\0'; i++) {
        if (form[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], form[i]);
    }
    return line + i;
}

TEST(an_event_is_one_json_object_in_one_line)
{
    static struct bench b;

    set_up(&b, LOG_INFO);
    LOG_EVENT(b.log, LOG_INFO, "started", LOG_STR("version", "1.2"), LOG_SLICE("none", SLICE_NONE),
              LOG_INT("port", 8000), LOG_INT("low", INT64_MIN), LOG_BOOL("on", true),
              LOG_BOOL("off", false), LOG_SECONDS("took", 1500000000));
    assert_string_equal(
        after_stamp(next_line(&b)),
        "\"level\":\"info\",\"event\":\"started\",\"version\":\"1.2\",\"none\":\"\","
        "\"port\":8000,\"low\":-9223372036854775808,\"on\":true,\"off\":false,"
        "\"took\":1.5}");
    log_event(b.log, LOG_ERROR, "bare", NULL, 0);
    assert_string_equal(after_stamp(next_line(&b)), "\"level\":\"error\",\"event\":\"bare\"}");
    tear_down(&b);
}

TEST(hostile_text_stays_within_its_string)
{
    static struct bench b;

    set_up(&b, LOG_INFO);
    LOG_EVENT(b.log, LOG_WARN, "e", LOG_SLICE("s", SLICE_LIT("a\"}\n{\"x\":1\r\0\x1b[2J\xff")));
    assert_string_equal(after_stamp(next_line(&b)),
                        "\"level\":\"warn\",\"event\":\"e\",\"s\":\"a\\\"}\\n{\\\"x\\\":1\\r\\u0000"
                        "\\u001b[2J\xef\xbf\xbd\"}");
    tear_down(&b);
}

TEST(below_the_level_nothing_is_written_nor_counted)
{
    static struct bench b;
    struct log_stats stats;

    set_up(&b, LOG_WARN);
    assert_int_equal(log_get_level(b.log), LOG_WARN);
    log_event(b.log, LOG_DEBUG, "no", NULL, 0);
    log_event(b.log, LOG_INFO, "no", NULL, 0);
    log_event(b.log, LOG_WARN, "yes", NULL, 0);
    assert_non_null(strstr(next_line(&b), "\"yes\""));
    log_set_level(b.log, LOG_DEBUG);
    log_event(b.log, LOG_DEBUG, "now", NULL, 0);
    assert_non_null(strstr(next_line(&b), "\"level\":\"debug\",\"event\":\"now\""));
    log_set_level(b.log, LOG_ERROR);
    log_event(b.log, LOG_WARN, "no", NULL, 0);
    log_stats(b.log, &stats);
    assert_int_equal(stats.lines, 2);
    assert_int_equal(stats.dropped, 0);
    tear_down(&b);
}

TEST(levels_have_names)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const bad[] = {"", "Info", "warning", "0", "info ", "trace"};
    struct err err = ERR_INIT;
    enum log_level level = LOG_ERROR;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(log_level_parse(slice_str(names[i]), &level, &err));
        assert_int_equal(level, i);
        assert_string_equal(log_level_name(level), names[i]);
    }
    level = LOG_WARN;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(log_level_parse(slice_str(bad[i]), &level, &err));
    assert_int_equal(level, LOG_WARN);
    assert_int_equal(err.kind, ERR_INVALID);
}

/* A line of three strings of 20,000 bytes each, made of `unit`. */
static const char *log_long_strings(struct bench *b, const char *unit)
{
    static char text[20000];
    size_t len = strlen(unit);

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = unit[i % len];
    struct slice s = {text, sizeof(text)};
    LOG_EVENT(b->log, LOG_INFO, "long", LOG_SLICE("a", s), LOG_INT("n", 7), LOG_SLICE("b", s),
              LOG_STR("c", "short"), LOG_SLICE("d", s));
    return next_line(b);
}

TEST(long_strings_are_cut_so_that_the_line_fits)
{
    static const char *const units[] = {"x", "\"", "\x01", "\xe2\x82\xac", "\xff"};
    static struct bench b;

    set_up(&b, LOG_INFO);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const char *line = log_long_strings(&b, units[i]);

        assert_in_range(strlen(line), LOG_LINE_MAX - 300, LOG_LINE_MAX - 1);
        assert_non_null(strstr(line, "...\",\"n\":7,\"b\":\""));
        assert_non_null(strstr(line, "...\",\"c\":\"short\",\"d\":\""));
        assert_string_equal(line + strlen(line) - 5, "...\"}");
        assert_true(utf8_valid(slice_str(line)));
    }
    tear_down(&b);
}

TEST(an_event_with_too_many_fields_is_dropped_and_counted)
{
    static struct bench b;
    static struct log_field fields[1000];
    struct log_stats stats;

    set_up(&b, LOG_INFO);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        fields[i] = LOG_INT("name", i);
    log_event(b.log, LOG_INFO, "many", fields, ARRAY_LEN(fields));
    log_event(b.log, LOG_INFO, "few", fields, 100);
    assert_non_null(strstr(next_line(&b), "\"few\""));
    log_stats(b.log, &stats);
    assert_int_equal(stats.lines, 1);
    assert_int_equal(stats.dropped, 1);
    tear_down(&b);
}

TEST(no_log_takes_everything_in_silence)
{
    log_event(NULL, LOG_ERROR, "nothing", NULL, 0);
    log_free(NULL, 0);
    assert_int_equal(fcntl(STDOUT_FILENO, F_GETFD) & FD_CLOEXEC, 0);
}

TEST(a_closed_descriptor_is_an_error)
{
    struct log *log = NULL;
    struct err err = ERR_INIT;

    assert_false(log_new(-1, LOG_INFO, &log, &err));
    assert_null(log);
    assert_int_equal(err.kind, ERR_IO);
}

TEST(rings_are_given_out_until_there_are_no_more)
{
    static struct bench b;

    set_up(&b, LOG_INFO);
    for (unsigned i = 1; i < LOG_RINGS_MAX; i++) /* one is the shared one */
        assert_non_null(log_ring_new(b.log, NULL));
    assert_null(log_ring_new(b.log, NULL));
    tear_down(&b);
}

/* A sandbox that forbids memfd_create looks the same. */
TEST(a_ring_that_cannot_be_made_says_why)
{
    static struct bench b;
    struct err err = ERR_INIT;
    struct rlimit before, none;

    set_up(&b, LOG_INFO);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_null(log_ring_new(b.log, &err));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(err.text, "cannot make a buffer for the log: "));
    assert_non_null(log_ring_new(b.log, NULL));
    tear_down(&b);
}

TEST(a_ring_and_the_shared_one_write_to_the_same_log)
{
    static struct bench b;
    struct log_stats stats;

    set_up(&b, LOG_INFO);
    struct log_ring *ring = log_ring_new(b.log, NULL);
    assert_non_null(ring);
    char *p = log_write_start(ring);
    assert_non_null(p);
    log_write_commit(ring, fmt_slice(p, SLICE_LIT("{}\n")));
    assert_string_equal(next_line(&b), "{}");
    log_event(b.log, LOG_INFO, "x", NULL, 0);
    assert_string_equal(after_stamp(next_line(&b)), "\"level\":\"info\",\"event\":\"x\"}");
    log_stats(b.log, &stats);
    assert_int_equal(stats.lines, 2);
    tear_down(&b);
}

RUN_TESTS(T(an_event_is_one_json_object_in_one_line),
          T(hostile_text_stays_within_its_string),
          T(below_the_level_nothing_is_written_nor_counted),
          T(levels_have_names),
          T(long_strings_are_cut_so_that_the_line_fits),
          T(an_event_with_too_many_fields_is_dropped_and_counted),
          T(no_log_takes_everything_in_silence),
          T(a_closed_descriptor_is_an_error),
          T(rings_are_given_out_until_there_are_no_more),
          T(a_ring_that_cannot_be_made_says_why),
          T(a_ring_and_the_shared_one_write_to_the_same_log))

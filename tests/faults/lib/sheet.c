/* SPDX-License-Identifier: MIT */
/* Pages are many and large, so each is freed by itself and not with the test. */
#include "tests/faults/lib/sheet.h"

#include "tests/e2e/lib/wire.h"

#include <stdlib.h>

static bool ends_in(const char *name, size_t n, const char *tail)
{
    size_t t = strlen(tail);

    return n >= t && memcmp(name + n - t, tail, t) == 0;
}

static bool is(const struct sample *s, const char *tail)
{
    return ends_in(s->key, strcspn(s->key, "{"), tail);
}

static bool is_counting(const struct sample *s)
{
    return is(s, "_total") || is(s, "_bucket") || is(s, "_count") || is(s, "_sum");
}

static void cut(struct sheet *sh)
{
    char *rest = sh->text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *exemplar = strstr(line, " # {"), *space;

        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (exemplar != NULL)
            *exemplar = '\0';
        space = strrchr(line, ' ');
        assert_non_null(space);
        *space = '\0';
        sh->samples[sh->n++] = (struct sample){line, strtod(space + 1, NULL)};
    }
}

static void check_whole(const struct sheet *sh, enum sheet_format format)
{
    assert_true(sh->bytes > 0 && sh->page[sh->bytes - 1] == '\n');
    assert_int_equal(strlen(sh->page), sh->bytes);
    assert_int_equal(ends_in(sh->page, sh->bytes, "\n# EOF\n"), format == SHEET_OPENMETRICS);
    assert_int_equal(count_of(sh->page, "# EOF\n"), format == SHEET_OPENMETRICS);
}

/* False when nobody took the connection, or it ended before a byte came. */
static bool fetch(unsigned port, enum sheet_format format, struct reply *ret)
{
    static const char *const requests[] = {
        [SHEET_TEXT] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        [SHEET_OPENMETRICS] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                              "Accept: application/openmetrics-text;version=1.0.0\r\n\r\n"};
    struct wire w;
    enum got got;

    if (!wire_connect(&w, port))
        return false;
    wire_send(&w, requests[format]);
    got = wire_read(&w, false, ret);
    wire_close(&w);
    if (got != GOT_REPLY && got != GOT_END)
        fail_msg("a torn page (%d)", (int)got);
    return got == GOT_REPLY;
}

bool sheet_take(struct server *s, enum sheet_format format, struct sheet *ret)
{
    uint64_t began = clock_mono_ns();
    struct sheet sh = {.n = 0};
    struct reply r;

    if (!fetch(s->metrics_port, format, &r))
        return false;
    sh.ms = (double)(clock_mono_ns() - began) / 1e6;
    assert_status(&r, 200);
    sh.bytes = r.body_len;
    sh.page = must_calloc(r.body_len + 1, 1);
    sh.text = must_calloc(r.body_len + 1, 1);
    memcpy(sh.page, r.body, r.body_len);
    memcpy(sh.text, r.body, r.body_len);
    reply_release(&r);
    sh.samples = must_calloc(count_of(sh.page, "\n") + 1, sizeof(*sh.samples));
    check_whole(&sh, format);
    cut(&sh);
    *ret = sh;
    return true;
}

void sheet_release(struct sheet *sh)
{
    free(sh->page);
    free(sh->text);
    free(sh->samples);
    *sh = (struct sheet){.n = 0};
}

/* Buckets, sum and count of a series stand one behind the other. True for the last bucket. */
static bool check_bucket(const struct sample *s, const struct sample *end)
{
    assert_true(s + 2 < end);
    if (strstr(s->key, "le=\"+Inf\"}") == NULL) {
        if (s[0].value > s[1].value)
            fail_msg("%s is %g, more than %s", s->key, s->value, s[1].key);
        return false;
    }
    assert_true(is(&s[1], "_sum") && is(&s[2], "_count"));
    if (s->value < s[2].value || s->value > s[2].value)
        fail_msg("%s is %g, not %g", s[2].key, s[2].value, s->value);
    return true;
}

void sheet_check_histograms(const struct sheet *sh)
{
    size_t histograms = 0;

    for (size_t i = 0; i < sh->n; i++)
        if (is(&sh->samples[i], "_bucket"))
            histograms += check_bucket(&sh->samples[i], sh->samples + sh->n);
    assert_true(histograms > 10);
}

/* The order of series is stable, so those of `before` come in it in `now`, too. */
void sheet_check_rising(const struct sheet *before, const struct sheet *now)
{
    size_t k = 0;

    for (size_t i = 0; i < before->n; i++) {
        const struct sample *was = &before->samples[i];

        while (k < now->n && strcmp(now->samples[k].key, was->key) != 0)
            k++;
        if (k == now->n)
            fail_msg("%s went away or moved", was->key);
        if (is_counting(was) && now->samples[k].value < was->value)
            fail_msg("%s fell from %g to %g", was->key, was->value, now->samples[k].value);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Reading a page of metrics back, strictly, line by line: what the tests and the fuzz target of
 * metrics/ share. Nothing here knows the code that wrote the page.
 */
#ifndef SIDELIGHT_TESTS_METRICS_PAGE_H
#define SIDELIGHT_TESTS_METRICS_PAGE_H

#include "base/slice.h"

struct page_line {
    struct slice key;      /* name and labels: what names the sample */
    struct slice name;     /* without labels */
    struct slice labels;   /* between the braces */
    struct slice value;    /* as written */
    struct slice exemplar; /* behind " # ", or SLICE_NONE */
};

static inline bool page_is_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

/* Cuts a sign, digits and decimals off `s`; empty when there is no number. */
static inline struct slice page_cut_number(struct slice *s)
{
    size_t i = s->n > 0 && s->p[0] == '-', digits = i;

    while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9')
        i++;
    if (i == digits)
        return SLICE_NONE;
    if (i + 1 < s->n && s->p[i] == '.' && s->p[i + 1] >= '0' && s->p[i + 1] <= '9')
        for (i++; i < s->n && s->p[i] >= '0' && s->p[i] <= '9';)
            i++;
    struct slice number = {s->p, i};
    *s = (struct slice){s->p + i, s->n - i};
    return number;
}

/*
 * The length of `name="value"` at the start of `s`; the value may hold \\, \" and \n, no bare quote
 * or line feed.
 */
static inline size_t page_pair(struct slice s)
{
    size_t i = 0;

    while (i < s.n && s.p[i] != '=')
        i++;
    if (i + 1 >= s.n || s.p[i + 1] != '"' || !page_is_name((struct slice){s.p, i}))
        return 0;
    for (i += 2; i < s.n && s.p[i] != '"'; i++)
        if (s.p[i] == '\n' || (s.p[i] == '\\' && (++i == s.n || !strchr("\\\"n", s.p[i]))))
            return 0;
    return i < s.n ? i + 1 : 0;
}

/* Cuts `{name="value",...}` off `s`. */
static inline bool page_cut_labels(struct slice *s, struct slice *ret)
{
    size_t i = 0;

    while (i < s->n && s->p[i] == (i == 0 ? '{' : ',')) {
        size_t n = page_pair((struct slice){s->p + i + 1, s->n - i - 1});

        if (n == 0)
            return false;
        i += 1 + n;
    }
    if (i == 0 || i >= s->n || s->p[i] != '}')
        return false;
    *ret = (struct slice){s->p + 1, i - 1};
    *s = (struct slice){s->p + i + 1, s->n - i - 1};
    return true;
}

/* One sample without its line feed. False when it is not exactly one. */
static inline bool page_parse_line(struct slice line, struct page_line *ret)
{
    struct slice rest = line, labels = SLICE_NONE, exemplar = SLICE_NONE;
    size_t n = 0;

    while (n < line.n && line.p[n] != '{' && line.p[n] != ' ')
        n++;
    struct slice name = {line.p, n};
    rest = (struct slice){line.p + n, line.n - n};
    if (!page_is_name(name) || rest.n == 0)
        return false;
    if (rest.p[0] == '{' && !page_cut_labels(&rest, &labels))
        return false;
    struct slice key = {line.p, (size_t)(rest.p - line.p)};
    if (rest.n == 0 || rest.p[0] != ' ')
        return false;
    rest = (struct slice){rest.p + 1, rest.n - 1};
    struct slice value = page_cut_number(&rest);
    if (value.n == 0)
        return false;
    if (rest.n >= 3 && memcmp(rest.p, " # ", 3) == 0) {
        exemplar = (struct slice){rest.p + 3, rest.n - 3};
        rest = SLICE_NONE;
    }
    if (rest.n > 0)
        return false;
    *ret = (struct page_line){key, name, labels, value, exemplar};
    return true;
}

/*
 * The next sample of `*page`, comments skipped; false at the end, and *bad when a line is not one.
 */
static inline bool page_next(struct slice *page, struct page_line *ret, bool *bad)
{
    while (page->n > 0) {
        struct slice line = slice_cut(page, '\n');

        if (line.n > 0 && line.p[0] == '#')
            continue;
        *bad = page->p == NULL || !page_parse_line(line, ret);
        return !*bad;
    }
    return false;
}

/* The value written, in billionths; no rounding. */
static inline int64_t page_nano(struct slice value)
{
    uint64_t v = 0, decimals = 0;
    bool negative = value.p[0] == '-', point = false;

    for (size_t i = negative; i < value.n; i++) {
        if (value.p[i] == '.') {
            point = true;
            continue;
        }
        v = v * 10 + (uint64_t)(value.p[i] - '0');
        decimals += point;
    }
    for (; decimals < 9; decimals++)
        v *= 10;
    return negative ? -(int64_t)v : (int64_t)v;
}

/* The first line that starts with `start`, or SLICE_NONE. */
static inline struct slice page_find(struct slice page, struct slice start)
{
    while (page.p != NULL) {
        struct slice line = slice_cut(&page, '\n');

        if (line.n >= start.n && memcmp(line.p, start.p, start.n) == 0)
            return line;
    }
    return SLICE_NONE;
}

#endif

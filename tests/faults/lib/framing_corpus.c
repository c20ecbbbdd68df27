/* SPDX-License-Identifier: MIT */
/* A reader of lines; a case grows until the next one begins. */
#include "tests/faults/lib/framing_corpus.h"

#include <glob.h>
#include <stdlib.h>

struct reader {
    struct fixture *f;
    const char *file;
    unsigned line;
    struct framing_corpus corpus;
    struct framing_case *c; /* the one that is being read */
};

static void bad(const struct reader *r, const char *what)
{
    fail_msg("%s:%u: %s", r->file, r->line, what);
}

/* Two digits at `p`, or -1. */
static int hex_byte(const char *p)
{
    static const char digits[] = "0123456789abcdef";
    const char *high = strchr(digits, p[0]), *low = high != NULL ? strchr(digits, p[1]) : NULL;

    return low != NULL && *low != '\0' ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

static void add_text(struct reader *r, struct slice s);

/* "(COUNT TEXT)": TEXT, which has escapes and no ')', COUNT times. Returns what follows. */
static struct slice add_repeated(struct reader *r, struct slice s)
{
    char *end;
    unsigned long n = strtoul(s.p + 1, &end, 10);
    const char *close = memchr(s.p, ')', s.n);
    struct slice text;

    if (close == NULL || n == 0 || *end != ' ') {
        bad(r, "a repetition is \\(COUNT TEXT)");
        return (struct slice){NULL, 0};
    }
    text = (struct slice){end + 1, (size_t)(close - end) - 1};
    for (unsigned long i = 0; i < n; i++)
        add_text(r, text);
    return (struct slice){close + 1, s.n - (size_t)(close + 1 - s.p)};
}

/* One escape, behind its backslash. Returns what follows. */
static struct slice add_escape(struct reader *r, struct slice s)
{
    static const char letters[] = "rnst0\\|", bytes[] = "\r\n \t\0\\|";
    const char *at = s.n > 0 ? memchr(letters, s.p[0], sizeof(letters) - 1) : NULL;
    size_t used = 1;

    if (at != NULL) {
        buf_add_char(&r->c->bytes, bytes[at - letters]);
    } else if (s.n > 2 && s.p[0] == 'x' && hex_byte(s.p + 1) >= 0) {
        buf_add_char(&r->c->bytes, (char)hex_byte(s.p + 1));
        used = 3;
    } else if (s.n > 0 && s.p[0] == '(') {
        return add_repeated(r, s);
    } else {
        bad(r, "an unknown escape");
    }
    return (struct slice){s.p + used, s.n - used};
}

/* Recursion ends where parentheses do: a repetition's text holds no ')'. */
static void add_text(struct reader *r, struct slice s) /* NOLINT(misc-no-recursion) */
{
    while (s.n > 0) {
        const char *mark = memchr(s.p, '\\', s.n);
        size_t n = mark != NULL ? (size_t)(mark - s.p) : s.n;

        buf_add(&r->c->bytes, s.p, n);
        s = (struct slice){s.p + n, s.n - n};
        if (mark != NULL)
            s = add_escape(r, (struct slice){s.p + 1, s.n - 1});
    }
}

static struct slice cut_word(struct slice *rest)
{
    struct slice s = slice_trim(*rest), word = slice_cut(&s, ' ');

    *rest = s.p != NULL ? slice_trim(s) : (struct slice){"", 0};
    return word;
}

static unsigned number(const struct reader *r, struct slice s)
{
    unsigned n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || n > 9999)
            bad(r, "not a number");
        n = n * 10 + (unsigned)(s.p[i] - '0');
    }
    return n;
}

/* "STATUS", "STATUS REASON" when it is refused before any route, "COUNT x STATUS". */
static void read_answer(struct reader *r, struct slice s)
{
    const char *times = memmem(s.p, s.n, " x ", 3);
    struct framing_answer a = {.times = 1};
    struct slice reason, status;

    if (times != NULL) {
        a.times = number(r, (struct slice){s.p, (size_t)(times - s.p)});
        s = (struct slice){times + 3, s.n - (size_t)(times + 3 - s.p)};
    }
    reason = s;
    status = cut_word(&reason);
    if (r->c->n_answers == FRAMING_ANSWERS_MAX || status.n != 3)
        bad(r, "an answer is STATUS [REASON], and there are few of them");
    a.status = (int)number(r, status);
    if (reason.n > 0)
        a.reason = keep_text(r->f, reason.p, reason.n);
    r->c->answers[r->c->n_answers++] = a;
}

static void read_want(struct reader *r, struct slice s)
{
    static const char *const states[] = {
        [FRAMING_CLOSED] = "closed", [FRAMING_OPEN] = "open", [FRAMING_WAITS] = "waits"};

    while (s.p != NULL) {
        struct slice part = slice_trim(slice_cut(&s, ','));

        if (s.p != NULL) {
            read_answer(r, part);
            continue;
        }
        for (size_t i = 0; i < ARRAY_LEN(states); i++)
            if (slice_eq(part, slice_str(states[i]))) {
                r->c->state = (enum framing_state)i;
                return;
            }
        bad(r, "answers end in closed, open or waits");
    }
}

static void begin_case(struct reader *r, struct slice name)
{
    struct framing_corpus *all = &r->corpus;
    struct framing_case *more = keep(r->f, (all->n + 1) * sizeof(*more));

    for (size_t i = 0; i < all->n; i++)
        if (slice_eq(slice_str(all->cases[i].name), name))
            bad(r, "this name is taken");
    if (all->n > 0)
        memcpy(more, all->cases, all->n * sizeof(*more));
    all->cases = more;
    r->c = &more[all->n++];
    *r->c = (struct framing_case){
        .name = keep_text(r->f, name.p, name.n), .file = r->file, .bytes = BUF_INIT, .requests = 1};
}

/* Where what was read so far ends a piece. */
static void end_piece(struct reader *r)
{
    struct framing_case *c = r->c;

    if (c->n_pieces == FRAMING_PIECES_MAX)
        bad(r, "too many pieces");
    if (c->bytes.len > (c->n_pieces > 0 ? c->ends[c->n_pieces - 1] : 0))
        c->ends[c->n_pieces++] = c->bytes.len;
}

static void end_case(struct reader *r)
{
    struct framing_case *c = r->c;

    if (c == NULL)
        return;
    end_piece(r);
    if (c->purpose == NULL || c->n_pieces == 0 || (c->n_answers == 0 && c->state == FRAMING_OPEN))
        bad(r, "the case before this line lacks its purpose, answers or bytes");
    c->head = c->bytes.len > 5 && memcmp(c->bytes.data, "HEAD ", 5) == 0;
    r->c = NULL;
}

static void read_key(struct reader *r, struct slice line)
{
    struct slice value = line, key = slice_cut(&value, ':');

    value = value.p != NULL ? slice_trim(value) : value;
    if (slice_eq(key, SLICE_LIT("case"))) {
        end_case(r);
        begin_case(r, value);
    } else if (r->c == NULL || value.n == 0) {
        bad(r, "no line of a case");
    } else if (slice_eq(key, SLICE_LIT("why"))) {
        r->c->purpose = keep_text(r->f, value.p, value.n);
    } else if (slice_eq(key, SLICE_LIT("want"))) {
        read_want(r, value);
    } else if (slice_eq(key, SLICE_LIT("peers"))) {
        r->c->peers = keep_text(r->f, value.p, value.n);
    } else if (slice_eq(key, SLICE_LIT("known"))) {
        r->c->known = keep_text(r->f, value.p, value.n);
    } else if (slice_eq(key, SLICE_LIT("requests"))) {
        r->c->requests = number(r, value);
    } else {
        bad(r, "an unknown key");
    }
}

static void read_line(struct reader *r, struct slice line)
{
    bool sent = line.n > 0 && (line.p[0] == '|' || line.p[0] == '-' || line.p[0] == '~');

    if (line.n == 0 || line.p[0] == '#')
        return;
    if (!sent) {
        read_key(r, line);
        return;
    }
    if (r->c == NULL || (line.n > 1 && line.p[1] != ' ')) {
        bad(r, "a blank stands between the mark and what is sent");
        return;
    }
    if (line.p[0] == '~') {
        end_piece(r);
        return;
    }
    if (line.n > 2)
        add_text(r, (struct slice){line.p + 2, line.n - 2});
    if (line.p[0] == '|')
        buf_add_str(&r->c->bytes, "\r\n");
}

static void release_bytes(void *arg)
{
    const struct framing_corpus *all = arg;

    for (size_t i = 0; i < all->n; i++)
        buf_release(&all->cases[i].bytes);
}

struct framing_corpus framing_load(struct fixture *f)
{
    struct reader r = {.f = f};
    struct framing_corpus *kept = keep(f, sizeof(*kept));
    glob_t files;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread */
    assert_int_equal(glob("tests/faults/framing/*.txt", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct slice text;

        r.file = keep_text(f, files.gl_pathv[i], strlen(files.gl_pathv[i]));
        r.line = 0;
        text = slice_str(read_file(f, r.file));
        while (text.p != NULL) {
            r.line++;
            read_line(&r, slice_cut(&text, '\n'));
        }
        end_case(&r);
    }
    globfree(&files);
    *kept = r.corpus;
    at_end(f, release_bytes, kept);
    return r.corpus;
}

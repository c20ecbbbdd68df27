/* SPDX-License-Identifier: MIT */
/* Reading the corpus, sending a case, and a reader of answers that is more lenient than wire.h. */
#include "tests/faults/lib/framing.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum { PAUSE_MS = 15, ROOM = 65536 };

/* ---- the corpus ---- */

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

/* ---- one connection ---- */

void framing_send(struct wire *w, const struct framing_case *c)
{
    size_t from = 0;
    int on = 1;

    /* Else the kernel keeps the second piece until the first is acknowledged. */
    (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t i = 0; i < c->n_pieces; i++) {
        if (i > 0)
            clock_sleep_ms(PAUSE_MS);
        if (!wire_write(w, c->bytes.data + from, c->ends[i] - from))
            return;
        from = c->ends[i];
    }
}

/* What is there now; false when that was nothing. */
static bool read_some(struct wire *w)
{
    ssize_t n = recv(w->fd, buf_reserve(&w->in, ROOM), ROOM, MSG_DONTWAIT);

    if (n > 0)
        w->in.len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        w->ended = true;
    return n > 0;
}

/* The value of a field in a head, which ends in NUL; NULL without one. */
static const char *field_of(const char *head, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return line + n + 1 + strspn(line + n + 1, " \t");
    }
    return NULL;
}

/* Bytes of the chunked body at the start of `s`, or SIZE_MAX when its end is not there. */
static size_t chunked_length(struct slice s)
{
    const char *end = memmem(s.p, s.n, "0\r\n\r\n", 5);

    while (end != NULL && end != s.p && end[-1] != '\n')
        end = memmem(end + 1, s.n - (size_t)(end + 1 - s.p), "0\r\n\r\n", 5);
    return end != NULL ? (size_t)(end - s.p) + 5 : SIZE_MAX;
}

/* Bytes of the body behind this head, or SIZE_MAX when it is not whole. */
static size_t body_of(const char *head, int status, struct slice rest, bool none, bool ended)
{
    const char *length = field_of(head, "content-length");
    size_t n = length != NULL ? strtoul(length, NULL, 10) : rest.n;

    if (none || status < 200 || status == 204 || status == 304)
        return 0;
    if (field_of(head, "transfer-encoding") != NULL)
        return chunked_length(rest);
    return (length == NULL && !ended) || n > rest.n ? SIZE_MAX : n;
}

/* The first answer in `s`: its bytes, 0 when it is not whole. */
static size_t first_answer(struct slice s, bool none, bool ended, int *ret_status)
{
    const char *mark = memmem(s.p, s.n, "\r\n\r\n", 4);
    size_t head_len = mark != NULL ? (size_t)(mark - s.p) + 4 : 0, n;
    char *head;

    if (mark == NULL || s.n < 12)
        return 0;
    head = must_calloc(head_len + 1, 1);
    memcpy(head, s.p, head_len);
    *ret_status = (int)strtol(head + 9, NULL, 10);
    n = body_of(head, *ret_status, (struct slice){s.p + head_len, s.n - head_len}, none, ended);
    free(head);
    return n == SIZE_MAX ? 0 : head_len + n;
}

struct heard framing_heard(const struct wire *w, const struct framing_case *c)
{
    struct slice s = {w->in.data, w->in.len};
    struct heard h = {.ended = w->ended};

    while (s.n > 0) {
        int status = 0;
        size_t n;

        h.odd = s.n >= 7 && memcmp(s.p, "HTTP/1.", 7) != 0;
        n = h.odd ? 0 : first_answer(s, c->head && h.n == 0, w->ended, &status);
        if (n == 0)
            return h;
        h.interim += status < 200;
        h.n += status >= 200;
        h.accepted += status >= 200 && status < 400;
        h.last = status >= 200 ? status : h.last;
        s = (struct slice){s.p + n, s.n - n};
    }
    return h;
}

void framing_hear(struct wire *w, const struct framing_case *c, unsigned ms, unsigned more_ms)
{
    struct pollfd p = {w->fd, POLLIN, 0};
    unsigned wait = ms;

    while (!w->ended && poll(&p, 1, (int)wait) > 0) {
        (void)read_some(w);
        wait = framing_heard(w, c).n >= c->requests ? more_ms : ms;
    }
}

/* ---- all at once ---- */

/* One round over all that are open; how many of them are left. */
static size_t poll_all(struct wire *w, struct pollfd *p, size_t n, unsigned ms, bool *ret_any)
{
    size_t open = 0;

    for (size_t i = 0; i < n; i++) {
        p[i] = (struct pollfd){w[i].ended ? -1 : w[i].fd, POLLIN, 0};
        open += !w[i].ended;
    }
    *ret_any = open > 0 && poll(p, (nfds_t)n, (int)ms) > 0;
    for (size_t i = 0; *ret_any && i < n; i++)
        if (p[i].fd >= 0 && p[i].revents != 0)
            (void)read_some(&w[i]);
    return open;
}

void framing_ask_all(const struct framing_corpus *corpus,
                     unsigned port,
                     unsigned ms,
                     struct heard *ret)
{
    struct wire *w = must_calloc(corpus->n, sizeof(*w));
    struct pollfd *p = must_calloc(corpus->n, sizeof(*p));
    bool any = true;

    for (size_t i = 0; i < corpus->n; i++) {
        if (wire_connect(&w[i], port))
            framing_send(&w[i], &corpus->cases[i]);
        w[i].ended = w[i].fd < 0;
    }
    while (any && poll_all(w, p, corpus->n, ms, &any) > 0)
        continue;
    for (size_t i = 0; i < corpus->n; i++) {
        ret[i] = framing_heard(&w[i], &corpus->cases[i]);
        wire_close(&w[i]);
    }
    free(p);
    free(w);
}

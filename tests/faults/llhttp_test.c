/* SPDX-License-Identifier: MIT */
/*
 * The requests of llhttp's tests (tests/faults/data/llhttp/), each twice: as it is, and mended, so
 * that nothing but its own fault stands between it and a route. Sidelight takes no more of one than
 * llhttp does, and answers as tests/faults/llhttp.txt says.
 *
 * Each goes out whole with a FIN behind it, so what is not answered never will be. Connections that
 * stay open, and requests in pieces, are framing_test.c's.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/corpus.h"
#include "tests/faults/lib/promise.h"

#include <ctype.h>
#include <strings.h>

#define ANSWERS "tests/faults/llhttp.txt"
#define REASON "http_rejected_total{reason=\""

/* Ends what may be open, and asks for more: an answer to this is one too many. */
#define TAIL "\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"

enum { FILES_MIN = 120 };

/* How a file is sent: few have a Host, and some end where llhttp finds their fault. */
enum { AS_IT_IS, MENDED, WAYS };

/* What a file's name says of it. */
struct block {
    const char *name;
    bool taken;        /* llhttp finds no fault in it */
    unsigned messages; /* that are whole in it, up to the fault if there is one */
};

/* A line of ANSWERS. */
struct row {
    const char *name, *answers[WAYS];
};

struct rows {
    size_t n;
    struct row *all;
};

struct run {
    struct fixture *f;
    struct server *s;
    const char *page;         /* of metrics, after the last file */
    double answers, unparsed; /* so far */
    unsigned stricter;        /* files that llhttp takes, and are refused although mended */
    unsigned mistakes;
};

/* ---- the files ---- */

static struct block describe(const struct corpus_file *file)
{
    const char *name = file->name;
    struct block b = {.name = name, .taken = name[0] == 'y'};

    if ((name[0] != 'y' && name[0] != 'n') || !isdigit((unsigned char)name[1]) || name[2] != '-')
        fail_msg("%s begins with neither yN- nor nN-", name);
    b.messages = (unsigned)(name[1] - '0');
    return b;
}

static bool has_host(struct slice s)
{
    static const char field[] = "host:";

    for (size_t i = 0; i + strlen(field) <= s.n; i++)
        if (strncasecmp(s.p + i, field, strlen(field)) == 0)
            return true;
    return false;
}

/* Bytes of the line's end at `s`; 0 without one, or when the next line is folded into this one. */
static size_t line_end(struct slice s)
{
    size_t n =
        s.n > 1 && memcmp(s.p, "\r\n", 2) == 0 ? 2 : s.n > 0 && (s.p[0] == '\r' || s.p[0] == '\n');

    return n < s.n && (s.p[n] == ' ' || s.p[n] == '\t') ? 0 : n;
}

/* With a Host behind each request line; it ends as that does. */
static void add_hosts(struct buf *b, struct slice s)
{
    static const char version[] = " HTTP/1.";
    const char *at;

    while ((at = memmem(s.p, s.n, version, strlen(version))) != NULL) {
        size_t n = (size_t)(at - s.p) + strlen(version) + 1, end;

        n = n < s.n ? n : s.n;
        buf_add(b, s.p, n);
        s = (struct slice){s.p + n, s.n - n};
        end = line_end(s);
        buf_add(b, s.p, end);
        if (end > 0)
            buf_add_str(b, "Host: localhost");
    }
    buf_add_slice(b, s);
}

static struct slice mend(struct fixture *f, const struct corpus_file *file, bool taken)
{
    struct buf b = BUF_INIT;
    struct slice whole;

    if (has_host(file->bytes))
        buf_add_slice(&b, file->bytes);
    else
        add_hosts(&b, file->bytes);
    if (!taken)
        buf_add_str(&b, TAIL);
    whole = (struct slice){keep_text(f, b.data, b.len), b.len};
    buf_release(&b);
    return whole;
}

/* ---- what is expected ---- */

static struct row read_row(struct fixture *f, struct slice line)
{
    struct slice rest = line, cell;
    struct row row = {NULL, {NULL}};
    const char **cells[] = {&row.name, &row.answers[AS_IT_IS], &row.answers[MENDED]};

    for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
        cell = slice_trim(slice_cut(&rest, '|'));
        *cells[i] = keep_text(f, cell.p, cell.n);
        if (cell.n == 0)
            fail_msg(ANSWERS ": %.*s is not NAME | AS IT IS | MENDED", (int)line.n, line.p);
    }
    return row;
}

static struct rows read_rows(struct fixture *f)
{
    const char *text = read_file(f, ANSWERS);
    struct rows rows = {.all = keep(f, (count_of(text, "\n") + 1) * sizeof(struct row))};
    struct slice rest = slice_str(text);

    while (rest.p != NULL) {
        struct slice line = slice_cut(&rest, '\n');

        if (line.n > 0 && line.p[0] != '#')
            rows.all[rows.n++] = read_row(f, line);
    }
    return rows;
}

static const struct row *find_row(const struct rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->all[i].name, name) == 0)
            return &rows->all[i];
    return NULL;
}

/* ---- what comes ---- */

/* All final answers on one connection, as "404 404 400". `ret_n`: how many. */
static const char *converse(struct run *r, struct slice bytes, unsigned *ret_n)
{
    struct wire *w = wire_to(r->s);
    bool head = bytes.n >= 5 && memcmp(bytes.p, "HEAD ", 5) == 0;
    struct reply *a = reply_keep(r->f);
    const char *text = "";
    enum got got;

    *ret_n = 0;
    (void)wire_write(w, bytes.p, bytes.n);
    wire_finish(w);
    while ((got = wire_read(w, head, a)) == GOT_REPLY) {
        if (a->status >= 200) {
            text = textf(r->f, "%s%s%d", text, *text != '\0' ? " " : "", a->status);
            r->unparsed += reply_field(a, "x-correlation-id") == NULL;
            head = false;
            ++*ret_n;
        }
        a = reply_keep(r->f);
    }
    assert_int_equal(got, GOT_END);
    wire_close(w);
    return text;
}

static double counted(const char *page)
{
    return page_sum(page, "http_requests_total") + page_sum(page, "http_rejected_total");
}

/* Why the last request was refused: the reason that counts one more than in `before`; or NULL. */
static const char *find_reason(const struct run *r, const char *before)
{
    const char *reason = NULL;

    for (const char *at = strstr(r->page, "\n" REASON); at != NULL;
         at = strstr(at + 1, "\n" REASON)) {
        const char *name = at + strlen("\n" REASON), *series = at + 1;
        double more;

        series = keep_text(r->f, series, strcspn(series, " "));
        more = page_value(r->page, series) - page_value(before, series);
        if (more > 1 || (more > 0 && reason != NULL))
            fail_msg("two refusals on one connection");
        if (more > 0)
            reason = keep_text(r->f, name, strcspn(name, "\""));
    }
    return reason;
}

/* "404 400 framing", or "none". `ret_served`: how many reached a route. Each is counted once. */
static const char *send_bytes(struct run *r, struct slice bytes, unsigned *ret_served)
{
    const char *before = r->page, *reason, *text;
    unsigned n;

    text = converse(r, bytes, &n);
    r->answers += n;
    EVENTUALLY(counted(r->page = page_of(r->s)) >= r->answers);
    assert_true(counted(r->page) <= r->answers);
    reason = find_reason(r, before);
    *ret_served = n - (reason != NULL);
    if (n == 0)
        return "none";
    return reason != NULL ? textf(r->f, "%s %s", text, reason) : text;
}

/* ---- the test ---- */

static void judge(struct run *r, const struct block *b, int way, const char *got, unsigned served)
{
    bool refused = strspn(got, "0123456789 ") < strlen(got) && strcmp(got, "none") != 0;

    r->stricter += refused && b->taken && way == MENDED;
    if (served > b->messages) {
        print_error("%s: %s, of which %u were taken, and llhttp takes %u\n", b->name, got, served,
                    b->messages);
        r->mistakes++;
    }
    if (!server_lives(r->s))
        fail_msg("the server ended at %s", b->name);
}

static void run_file(struct run *r, const struct corpus_file *file, const struct rows *rows)
{
    const struct row *want = find_row(rows, file->name);
    struct block b = describe(file);
    const char *got[WAYS];
    unsigned served;

    got[AS_IT_IS] = send_bytes(r, file->bytes, &served);
    judge(r, &b, AS_IT_IS, got[AS_IT_IS], served);
    got[MENDED] = send_bytes(r, mend(r->f, file, b.taken), &served);
    judge(r, &b, MENDED, got[MENDED], served);
    if (want != NULL && strcmp(want->answers[AS_IT_IS], got[AS_IT_IS]) == 0 &&
        strcmp(want->answers[MENDED], got[MENDED]) == 0)
        return;
    print_error("not what " ANSWERS " says: %s | %s | %s\n", file->name, got[AS_IT_IS],
                got[MENDED]);
    r->mistakes++;
}

TEST(nothing_that_llhttp_refuses_reaches_a_route)
{
    struct fixture *f = *state;
    struct corpus c = corpus_read(f, "llhttp", ".http");
    struct run r = {.f = f, .s = server_start(f, SETS("contact.rate=off", "rum.rate=off"))};
    struct rows rows = read_rows(f);
    unsigned faulty = 0;
    size_t lines;

    assert_true(c.n >= FILES_MIN);
    assert_int_equal(rows.n, c.n);
    r.page = page_of(r.s);
    for (size_t i = 0; i < c.n; i++) {
        faulty += c.files[i].name[0] == 'n';
        run_file(&r, &c.files[i], &rows);
    }
    assert_int_equal(r.mistakes, 0);
    assert_status(get(r.s, "/health"), 200);
    (void)audit_log(r.s, &(struct audit){"none", 0, NULL});
    lines = count_of(log_text(r.s), "\"event\":\"request\"");
    assert_int_equal(lines, (size_t)(r.answers - r.unparsed) + 1);
    promise(
        "A23",
        "What llhttp, the parser of Node.js, refuses reaches no route, nor does what stands behind it",
        "llhttp's own requests as they are, and mended but for their fault; each answer as listed, and counted once",
        "%zu requests, %u of them refused by llhttp: 0 taken; of the others %u refused", c.n,
        faulty, r.stricter);
}

RUN_TESTS(T(nothing_that_llhttp_refuses_reaches_a_route))

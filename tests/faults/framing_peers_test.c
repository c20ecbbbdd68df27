/* SPDX-License-Identifier: MIT */
/*
 * The corpus of framing_test.c against Debian's nginx, HAProxy and Caddy: what two of them refuse,
 * we may not accept. And through Caddy in front of us: nobody gets two answers to one request,
 * nobody gets another's answer.
 *
 * Which of our answers come from a route, and which from the guard, the corpus says; that it is so,
 * framing_test.c shows.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/port.h"
#include "tests/faults/lib/framing.h"
#include "tests/faults/lib/peers.h"
#include "tests/faults/lib/promise.h"

enum { PEERS = 3, QUIET_MS = 700 }; /* silence that ends a round with a peer */

/* For an answer through Caddy (later ones are not seen), and for one that should not come. */
static unsigned answer_ms(void)
{
    return faults_long() ? 400 : 150;
}

static unsigned more_ms(void)
{
    return faults_long() ? 20 : 5;
}

/* ---- what they make of it ---- */

enum verdict {
    ACCEPTS,   /* all that it answered */
    REFUSES,   /* something: an error, or a closed connection */
    NO_ANSWER, /* and no end */
};

struct peer {
    const char *name;
    unsigned port;
    struct heard *heard; /* one for each case */
    unsigned tally[NO_ANSWER + 1];
};

static enum verdict judge(const struct heard *h)
{
    if (h->odd)
        return ACCEPTS; /* an answer without a head: HTTP/0.9 */
    if (h->n == 0)
        return h->ended ? REFUSES : NO_ANSWER;
    return h->n > h->accepted ? REFUSES : ACCEPTS;
}

/* How many requests of the case our routes answer, whatever they say. */
static unsigned ours(const struct framing_case *c)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->n_answers; i++)
        if (c->answers[i].reason == NULL && c->answers[i].status >= 200)
            n += c->answers[i].times;
    return n;
}

static enum verdict judge_us(const struct framing_case *c)
{
    for (size_t i = 0; i < c->n_answers; i++)
        if (c->answers[i].reason != NULL)
            return REFUSES;
    return ours(c) > 0 ? ACCEPTS : NO_ANSWER;
}

/* The corpus must speak of the server that is here: number and status of its answers. */
static void check_us(struct fixture *f, const struct framing_corpus *corpus)
{
    struct server *s = server_start(f, SETS("hosts=localhost,127.0.0.1", "contact.rate=off"));
    struct heard *heard = keep(f, corpus->n * sizeof(*heard));

    framing_ask_all(corpus, s->public_port, QUIET_MS, heard);
    for (size_t i = 0; i < corpus->n; i++) {
        const struct framing_case *c = &corpus->cases[i];
        const struct framing_answer *last = c->n_answers > 0 ? &c->answers[c->n_answers - 1] : NULL;
        unsigned n = 0;

        for (size_t k = 0; k < c->n_answers; k++)
            n += c->answers[k].status >= 200 ? c->answers[k].times : 0;
        if (heard[i].n != n || (n > 0 && heard[i].last != last->status))
            fail_msg("%s: %u answers, the last %d: framing_test tells more", c->name, heard[i].n,
                     heard[i].last);
    }
}

static void ask_peer(struct fixture *f, struct peer *p, const struct framing_corpus *corpus)
{
    p->heard = keep(f, corpus->n * sizeof(*p->heard));
    framing_ask_all(corpus, p->port, QUIET_MS, p->heard);
    for (size_t i = 0; i < corpus->n; i++)
        p->tally[judge(&p->heard[i])]++;
}

/*
 * One that hangs, or takes nothing, refuses nothing: that would be no comparison. Only the few
 * cases that are half a request have no answer.
 */
static void check_peer(const struct peer *p, size_t n)
{
    if (p->tally[ACCEPTS] < n / 3 || p->tally[REFUSES] < n / 4 || p->tally[NO_ANSWER] > n / 16)
        fail_msg("%s is no peer: of %zu it took %u, refused %u, left %u without an answer", p->name,
                 n, p->tally[ACCEPTS], p->tally[REFUSES], p->tally[NO_ANSWER]);
}

/* Who refuses more of case i than we do; their number, and their names for the summary. */
static unsigned stricter(struct fixture *f,
                         const struct peer *peers,
                         const struct framing_corpus *corpus,
                         size_t i,
                         const char **ret_who)
{
    unsigned n = 0;

    *ret_who = "";
    for (size_t p = 0; p < PEERS; p++) {
        const struct heard *h = &peers[p].heard[i];

        if (judge(h) != REFUSES || h->accepted >= ours(&corpus->cases[i]))
            continue;
        *ret_who = textf(f, "%s%s%s %d", *ret_who, n > 0 ? ", " : "", peers[p].name, h->last);
        n++;
    }
    return n;
}

static bool all_accept(const struct peer *peers, size_t i)
{
    for (size_t p = 0; p < PEERS; p++)
        if (judge(&peers[p].heard[i]) != ACCEPTS)
            return false;
    return true;
}

/* What the comparison comes to. */
struct result {
    unsigned worse;   /* accepted by us, refused by two, and no reason is given */
    unsigned excused; /* the same with a reason */
    unsigned one;     /* accepted by us, refused by one */
    unsigned strict;  /* refused by us, accepted by all */
    unsigned us[NO_ANSWER + 1];
};

static void compare(struct fixture *f,
                    const struct peer *peers,
                    const struct framing_corpus *corpus,
                    size_t i,
                    struct result *r)
{
    const struct framing_case *c = &corpus->cases[i];
    const char *who;
    unsigned n = stricter(f, peers, corpus, i, &who);

    r->us[judge_us(c)]++;
    r->strict += judge_us(c) == REFUSES && all_accept(peers, i) ? 1 : 0;
    if (n == 0)
        return;
    if (n == 1)
        r->one++;
    else if (c->peers != NULL)
        r->excused++;
    else
        r->worse++;
    print_message("accepted, but refused by %s: %s", who, c->name);
    if (n > 1)
        print_message(": %s", c->peers != NULL ? c->peers : "A FAILURE");
    print_message("\n");
}

static void print_tally(const char *name, const unsigned *tally)
{
    print_message("%-10s %9u %9u %9u\n", name, tally[ACCEPTS], tally[REFUSES], tally[NO_ANSWER]);
}

static void print_matrix(size_t n, const struct peer *peers, const struct result *r)
{
    print_message("%zu cases    accepts   refuses no answer\n", n);
    print_tally("sidelight", r->us);
    for (size_t p = 0; p < PEERS; p++)
        print_tally(peers[p].name, peers[p].tally);
    print_message("refused here, accepted by all three: %u\n", r->strict);
    print_message("accepted here, refused by one: %u; by two or three: %u, for a reason: %u\n",
                  r->one, r->worse + r->excused, r->excused);
}

TEST(nothing_that_two_peers_refuse_is_accepted)
{
    struct fixture *f = *state;
    struct framing_corpus corpus = framing_load(f);
    struct peer peers[PEERS] = {
        {.name = "nginx",   .port = port_free()},
        {.name = "haproxy", .port = port_free()},
        {.name = "caddy",   .port = port_free()},
    };
    const char *nginx = peer_program(f, "nginx"), *haproxy = peer_program(f, "haproxy");
    struct result r = {.worse = 0};

    peer_start(f,
               ARGS(nginx, "-p", fixture_dir(f), "-e", in_dir(f, "nginx.log"), "-c",
                    peer_config(f, "nginx.conf", peers[0].port, 0)),
               NULL, peers[0].port);
    peer_start(f, ARGS(haproxy, "-db", "-q", "-f", peer_config(f, "haproxy.cfg", peers[1].port, 0)),
               NULL, peers[1].port);
    peer_start_caddy(f, peer_config(f, "Caddyfile", peers[2].port, 0), NULL, peers[2].port);
    check_us(f, &corpus);
    for (size_t p = 0; p < PEERS; p++)
        ask_peer(f, &peers[p], &corpus);
    for (size_t i = 0; i < corpus.n; i++)
        compare(f, peers, &corpus, i, &r);
    print_matrix(corpus.n, peers, &r);
    for (size_t p = 0; p < PEERS; p++)
        check_peer(&peers[p], corpus.n);
    assert_int_equal(r.worse, 0);
    promise("A25", "nothing is accepted that two of nginx, HAProxy and Caddy refuse",
            "the corpus against Debian's three, every request as it is",
            "%zu cases, refused by nginx %u, HAProxy %u, Caddy %u, Sidelight %u; "
            "0 accepted that two refuse, but %u for a stated reason",
            corpus.n, peers[0].tally[REFUSES], peers[1].tally[REFUSES], peers[2].tally[REFUSES],
            r.us[REFUSES], r.excused);
}

/* ---- through Caddy ---- */

#define VICTIM                                                               \
    "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: " \
    "victim\r\n\r\n"

struct path {
    struct fixture *f;
    struct server *s;
    unsigned port;
    unsigned faults, answers;
    double passed; /* what the server saw of the corpus */
};

static void complain(struct path *p, const struct framing_case *c, const char *what, double n)
{
    print_error("%s: %s: %s: %g\n", c->file, c->name, what, n);
    p->faults++;
}

static double count_seen(struct server *s)
{
    const char *page = page_of(s);

    return page_sum(page, "http_requests_total") + page_sum(page, "http_rejected_total");
}

/* Somebody else's request over Caddy's connections to us: the answer must be its own. */
static void check_victim(struct path *p, const struct framing_case *c)
{
    static const struct framing_case one = {.requests = 1};
    struct wire w;
    struct heard h;
    const char *id;

    assert_true(wire_connect(&w, p->port));
    wire_send(&w, VICTIM);
    framing_hear(&w, &one, DEADLINE_MS, 0);
    h = framing_heard(&w, &one);
    id = strcasestr(buf_cstr(&w.in), "\r\nX-Correlation-ID: victim\r\n");
    if (h.n != 1 || h.last != 200 || id == NULL)
        complain(p, c, "the next client got another's answer", h.last);
    wire_close(&w);
}

/* Sends the case, then the victim's request; how many the server counted of the case. */
static double count_passed(struct path *p, const struct framing_case *c, struct heard *ret)
{
    struct wire w;
    double before = count_seen(p->s);

    assert_true(wire_connect(&w, p->port));
    framing_send(&w, c);
    framing_hear(&w, c, answer_ms(), more_ms());
    *ret = framing_heard(&w, c);
    wire_close(&w);
    check_victim(p, c);
    EVENTUALLY(count_seen(p->s) >= before + 1);
    return count_seen(p->s) - before - 1;
}

/*
 * A refused request is counted when its connection has gone, which may be during a later case. So
 * one too many is asked again: what the case does, it does every time.
 */
static void pass(struct path *p, const struct framing_case *c)
{
    struct heard h;
    double passed = count_passed(p, c, &h);

    if (passed > c->requests)
        passed = count_passed(p, c, &h);
    if (passed > c->requests)
        complain(p, c, "requests that came through", passed);
    if (h.odd || h.n > c->requests)
        complain(p, c, "answers", h.n);
    p->answers += h.n;
    p->passed += passed;
}

static struct path *path_start(struct fixture *f)
{
    struct path *p = keep(f, sizeof(*p));

    *p = (struct path){
        .f = f,
        .s = server_start(f, SETS("hosts=localhost,127.0.0.1", "contact.rate=off", "threads=2")),
        .port = port_free()};
    return p;
}

static void check_path(struct path *p, const char *id, const char *front)
{
    struct framing_corpus corpus = framing_load(p->f);

    check_victim(p, &(struct framing_case){.file = "", .name = "before the first"});
    EVENTUALLY(count_seen(p->s) >= 1);
    for (size_t i = 0; i < corpus.n; i++)
        pass(p, &corpus.cases[i]);
    print_message("%zu cases through %s: %u answers, %g requests came through\n", corpus.n, front,
                  p->answers, p->passed);
    assert_int_equal(p->faults, 0);
    assert_true(server_lives(p->s));
    promise(id,
            textf(p->f, "no payload yields two answers, or the next client another's, through %s",
                  front),
            "the framing corpus, with another client's request after each",
            "%zu cases, %u answers, %g requests came through, 0 too many", corpus.n, p->answers,
            p->passed);
}

TEST(through_the_least_caddy_no_payload_yields_two_answers)
{
    struct fixture *f = *state;
    struct path *p = path_start(f);

    peer_start_caddy(f, peer_config(f, "Caddyfile.front", p->port, p->s->public_port), NULL,
                     p->port);
    check_path(p, "A24", "a bare reverse_proxy");
}

/* Debian's Caddy spells three directives in the old way (see the head of the Caddyfile). */
static const char *spelling(struct fixture *f, const char *name, const char *old, const char *new)
{
    const char *version = run(f, ARGS(peer_program(f, "caddy"), "version"), NULL)->out;

    version += version[0] == 'v';
    return textf(f, "%s=%s", name, strncmp(version, "2.6.", 4) == 0 ? old : new);
}

TEST(through_our_caddyfile_no_payload_yields_two_answers)
{
    struct fixture *f = *state;
    struct path *p = path_start(f);
    const char *users = in_dir(f, "users"), *logins = in_dir(f, "logins");

    /* Nobody logs in here. */
    write_file(users, "ops $2b$04$QKX8Yyk0RTs3ZVAWTcTtfecIZKJsk6liD3eYMVP0sCkJLLhYDvuWq\n");
    write_file(logins, "header_regexp Authorization \"^(?i:basic) +(b3BzO[g-v])\"\n");
    peer_start_caddy(
        f, "Caddyfile",
        ARGS(textf(f, "HOME=%s", fixture_dir(f)), "CADDY_BIND=127.0.0.1",
             textf(f, "CADDY_PORT=%u", p->port), textf(f, "CADDY_METRICS_PORT=%u", port_free()),
             "SIDELIGHT_HOST=127.0.0.1", textf(f, "SIDELIGHT_PORT=%u", p->s->public_port),
             textf(f, "USERS_FILE=%s", users), textf(f, "LOGINS_FILE=%s", logins),
             spelling(f, "BASIC_AUTH_DIRECTIVE", "basicauth", "basic_auth"),
             spelling(f, "CADDY_METRICS_GLOBAL", "", "metrics"),
             spelling(f, "CADDY_METRICS_NESTED", "metrics", "")),
        p->port);
    check_path(p, "A24", "the repository's Caddyfile");
}

RUN_TESTS(T(nothing_that_two_peers_refuse_is_accepted),
          T(through_the_least_caddy_no_payload_yields_two_answers),
          T(through_our_caddyfile_no_payload_yields_two_answers))

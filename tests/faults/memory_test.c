/* SPDX-License-Identifier: MIT */
/*
 * Out of memory at every place where the server asks for some, one after the other. The server may end, by MUST or with a
 * message, or go on; it never crashes, and on the same store the next one has every acknowledged message once.
 *
 * And where it asks for none: an ordinary request on a connection that stands.
 */
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/acts.h"
#include "tests/faults/lib/memory.h"
#include "tests/faults/lib/promise.h"

#include <inttypes.h>
#include <signal.h>

enum { EXIT_ABORTED = 128 + SIGABRT, EXIT_CRASHED = 128 + SIGSEGV, EXIT_CONFIG_BAD = 78 };

static const struct phase {
    const char *name;
    act_fn *act;
    bool starts;                    /* no server runs before */
    unsigned brief[MEMORY_SECCOMP]; /* calls that the short form tries */
    unsigned extended; /* and the long one, of what is the same over and over; 0: all of them */
} phases[] = {
    {"the first start",                 act_first_start,     true,  {5, 4}, 0  },
    {"a start",                         act_start,           true,  {6, 4}, 0  },
    {"GET /health",                     act_health,          false, {1, 1}, 0  },
    {"GET /",                           act_home,            false, {1, 1}, 0  },
    {"POST /contact, JSON",             act_json,            false, {3, 3}, 0  },
    {"POST /contact, a form",           act_form,            false, {3, 1}, 0  },
    {"POST /api/metrics",               act_browser_metrics, false, {3, 2}, 0  },
    {"messages on 8 connections",       act_burst,           false, {3, 2}, 100},
    {"a scrape",                        act_scrape,          false, {4, 1}, 0  },
    {"a scrape, OpenMetrics in gzip",   act_scrape_gzip,     false, {2, 1}, 0  },
    {"the status page and its numbers", act_pages,           false, {2, 1}, 0  },
    {"a reload",                        act_reload,          false, {4, 3}, 0  },
    {"a stop",                          act_stop,            false, {2, 1}, 0  },
};

struct sum {
    uint64_t tried, failed;          /* calls that were to fail; those that came, and did */
    uint64_t aborted, ended, served; /* how the server took it: MUST, a message, it went on */
    uint64_t h2o_crashed;
};

struct trial {
    struct fixture *f;
    struct memory *m;
    struct stage stage;
    struct books books;
    enum memory_caller who;
    struct sum sum;
};

static bool one_line(const char *err)
{
    const char *end = strchr(err, '\n');

    return end != NULL && end[1] == '\0';
}

/*
 * libh2o checks most of what it asks for, but not its hash tables: a crash in its start-up, before anything listens, is not
 * ours to mend.
 */
static bool is_of_h2o(const struct trial *t, const struct phase *p)
{
    return t->who == MEMORY_LIBRARIES && p->starts &&
           strstr(memory_where(t->m), "/libh2o-evloop") != NULL;
}

static void judge(struct trial *t, const struct phase *p, int status, const char *err)
{
    if (status == EXIT_ABORTED && one_line(err))
        t->sum.aborted++; /* MUST says where, libh2o "fatal:", assert its condition */
    else if ((status == 1 || status == EXIT_CONFIG_BAD) && one_line(err) &&
             strstr(err, "sidelight: ") == err)
        t->sum.ended++;
    else if (status == EXIT_CRASHED && is_of_h2o(t, p))
        t->sum.h2o_crashed++;
    else
        fail_msg("%s at %s: ended with %d: %s", t->stage.doing, memory_where(t->m), status, err);
}

/* It is dead, dies, or serves; in the end it is gone. */
static void conclude(struct trial *t, const struct phase *p)
{
    struct server *s = t->stage.s;
    bool served = serves(&t->stage);
    int status;

    if (served)
        server_signal(s, SIGTERM);
    status = server_end(s);
    if (status == 0 && (served || p->act == act_stop))
        t->sum.served++;
    else
        judge(t, p, status, read_file(t->f, s->err));
}

static uint64_t calls(const struct trial *t)
{
    return memory_calls(t->m, t->who, MEMORY_MAIN) + memory_calls(t->m, t->who, MEMORY_OTHERS);
}

/* A server runs before and after. The k-th call of the phase fails; how many it made. */
static uint64_t try(struct trial *t, const struct phase *p, uint64_t k)
{
    struct stage *g = &t->stage;
    uint64_t n;

    g->doing = textf(t->f, "before %s, call %" PRIu64, p->name, k);
    assert_true(serves(g)); /* so there is always something to lose */
    g->doing = textf(t->f, "%s, call %" PRIu64, p->name, k);
    if (p->starts)
        server_kill(g->s);
    n = calls(t);
    memory_fail(t->m, t->who, k);
    p->act(g);
    t->sum.failed += memory_failed(t->m);
    n = calls(t) - n;
    conclude(t, p);
    server_again(g->s);
    books_check(g->books, g->s->store, g->doing);
    return n;
}

static void add(struct sum *all, const struct sum *one)
{
    all->tried += one->tried;
    all->failed += one->failed;
    all->aborted += one->aborted;
    all->ended += one->ended;
    all->served += one->served;
    all->h2o_crashed += one->h2o_crashed;
}

/* On a store of its own, whose server runs at the end. */
static struct sum try_phase(struct trial *t, const struct phase *p)
{
    struct stage *g = &t->stage;
    uint64_t n, tries;

    server_kill(g->s);
    g->s->store = textf(t->f, "%s/phase-%zu.db", fixture_dir(t->f), (size_t)(p - phases));
    t->books = (struct books){.n = 0};
    server_again(g->s);
    t->sum = (struct sum){.tried = 0};
    n = try(t, p, INT64_MAX); /* counts */
    assert_int_equal(t->sum.served, 1);
    t->sum = (struct sum){.tried = 0};
    tries = faults_long() ? p->extended : p->brief[t->who];
    tries = tries == 0 || tries > n ? n : tries;
    for (; t->sum.tried < tries; t->sum.tried++)
        (void)try(t, p, t->sum.tried * n / tries + 1);
    print_message("  %s: %" PRIu64 " calls; of %" PRIu64 " that failed, %" PRIu64
                  " ended by MUST or the like, %" PRIu64 " with a message, %" PRIu64 " went on\n",
                  p->name, n, t->sum.failed, t->sum.aborted + t->sum.h2o_crashed, t->sum.ended,
                  t->sum.served);
    return t->sum;
}

static struct sum try_all(struct fixture *f, enum memory_caller who)
{
    struct trial *t = keep(f, sizeof(*t));
    struct sum all = {.tried = 0};

    *t = (struct trial){.f = f, .m = memory_watch(f), .who = who};
    t->stage.books = &t->books;
    t->stage.s = server_start_with(
        f, &(struct server_options){
               .config = "sidelight.yaml",
               .sets = SETS("contact.rate=off", "rum.rate=off", "threads=2",
                            "hosts=localhost,127.0.0.1", "trusted_proxies=10.0.0.0/8",
                            "cors.origins=https://example.com", "rum.pages=/,/blog/*"),
               .env = memory_env(t->m)});
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        struct sum one = try_phase(t, &phases[i]);

        add(&all, &one);
    }
    assert_true(all.failed >
                all.tried * 9 / 10); /* threads of their own make a call more or less */
    return all;
}

static void skip_if_other(void)
{
    if (memory_is_ours())
        return;
    print_message("skipped: this variant has a malloc of its own\n");
    skip();
}

TEST(our_own_code_without_memory_ends_cleanly_and_loses_nothing)
{
    struct sum sum;

    skip_if_other();
    sum = try_all(*state, MEMORY_OWN);
    promise(
        "F91", "Out of memory, the server ends in order; nothing acknowledged is lost or doubled",
        "each malloc of our own code fails in turn: starts, requests, scrapes, a reload, a stop; "
        "then a start on the same store",
        "%" PRIu64 " calls failed: %" PRIu64 " ended by MUST, 0 crashes, 0 lost, 0 doubled",
        sum.failed, sum.aborted);
}

TEST(libraries_without_memory_lose_nothing_either)
{
    struct sum sum;

    skip_if_other();
    sum = try_all(*state, MEMORY_LIBRARIES);
    promise(
        "F91", "The same when a library gets no memory",
        "each malloc of libh2o, SQLite, libyaml, cJSON, zlib, the C library fails in turn (not of libseccomp, which does not check)",
        "%" PRIu64 " calls failed: %" PRIu64 " aborted, %" PRIu64 " ended with a message, %" PRIu64
        " went on, %" PRIu64 " ended in libh2o's start-up; 0 lost, 0 doubled",
        sum.failed, sum.aborted, sum.ended, sum.served, sum.h2o_crashed);
}

/* ---- none at all ---- */

static void ask_many(struct wire *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct reply r;

        wire_send(w, "GET /health HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n\r\n");
        assert_int_equal(wire_read(w, false, &r), GOT_REPLY);
        assert_int_equal(r.status, 200);
        reply_release(&r);
    }
}

TEST(a_request_on_a_connection_that_stands_takes_no_memory)
{
    enum { WARM = 100, REQUESTS = 1000 };
    struct fixture *f = *state;
    uint64_t own, libraries;
    struct memory *m;
    struct wire *w;

    skip_if_other();
    m = memory_watch(f);
    w = wire_to(server_start_with(
        f, &(struct server_options){.sets = SETS("threads=1"), .env = memory_env(m)}));
    ask_many(w, WARM);
    /* Not the main thread's: it keeps the books of the status page meanwhile. */
    own = memory_calls(m, MEMORY_OWN, MEMORY_OTHERS);
    libraries = memory_calls(m, MEMORY_LIBRARIES, MEMORY_OTHERS);
    assert_true(own > 0 && libraries > 0);
    ask_many(w, REQUESTS);
    own = memory_calls(m, MEMORY_OWN, MEMORY_OTHERS) - own;
    libraries = memory_calls(m, MEMORY_LIBRARIES, MEMORY_OTHERS) - libraries;
    print_message("  %d requests: %" PRIu64 " calls of our own, %" PRIu64 " of the libraries\n",
                  REQUESTS, own, libraries);
    assert_int_equal(own, 0);
    assert_int_equal(libraries, 0);
    promise("G9", "A request on a connection that stands takes no memory from the system",
            "calls of malloc and its kin counted over GET /health",
            "%d requests: 0 calls of our own, 0 of the libraries", REQUESTS);
}

RUN_TESTS(T(our_own_code_without_memory_ends_cleanly_and_loses_nothing),
          T(libraries_without_memory_lose_nothing_either),
          T(a_request_on_a_connection_that_stands_takes_no_memory))

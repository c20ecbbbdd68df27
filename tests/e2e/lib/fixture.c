/* SPDX-License-Identifier: MIT */
/* The directory, the memory and the clean-up of one test. */
#include "tests/e2e/lib/fixture.h"

#include <curl/curl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct kept {
    struct kept *next;
    max_align_t data[];
};

struct cleanup {
    struct cleanup *next;
    cleanup_fn *fn;
    void *arg;
};

struct fixture {
    char dir[128];
    struct kept *kept;
    struct cleanup *cleanups;
    struct buf blame;
};

const char *environment(const char *name)
{
    return getenv(name); /* NOLINT(concurrency-mt-unsafe): nobody sets it while threads run */
}

int fixture_setup(void **state)
{
    const char *tmp = environment("TMPDIR");
    struct fixture *f = must_calloc(1, sizeof(*f));

    (void)signal(SIGPIPE, SIG_IGN);
    MUST(curl_global_init(CURL_GLOBAL_ALL) ==
         CURLE_OK); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    (void)snprintf(f->dir, sizeof(f->dir), "%s/sidelight-e2e-XXXXXX", tmp != NULL ? tmp : "/tmp");
    MUST(mkdtemp(f->dir) != NULL);
    *state = f;
    return 0;
}

static int remove_one(const char *path,
                      UNUSED const struct stat *st,
                      UNUSED int type,
                      UNUSED struct FTW *ftw)
{
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    int result = 0;

    while (f->cleanups != NULL) {
        struct cleanup *c = f->cleanups;

        f->cleanups = c->next;
        c->fn(c->arg);
        free(c);
    }
    if (f->blame.len > 0) {
        print_error("%s\n", buf_cstr(&f->blame));
        result = -1;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread is left */
    (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    while (f->kept != NULL) {
        struct kept *k = f->kept;

        f->kept = k->next;
        free(k);
    }
    buf_release(&f->blame);
    free(f);
    curl_global_cleanup();
    return result;
}

const char *fixture_dir(const struct fixture *f)
{
    return f->dir;
}

void *keep(struct fixture *f, size_t n)
{
    struct kept *k = must_calloc(1, sizeof(*k) + n);

    k->next = f->kept;
    f->kept = k;
    return k->data;
}

char *keep_text(struct fixture *f, const char *s, size_t n)
{
    char *copy = keep(f, n + 1);

    if (n > 0)
        memcpy(copy, s, n);
    return copy;
}

const char *textf(struct fixture *f, const char *fmt, ...)
{
    va_list args, again;
    char *text;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    MUST(n >= 0);
    text = keep(f, (size_t)n + 1);
    (void)vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

const char *in_dir(struct fixture *f, const char *name)
{
    return textf(f, "%s/%s", f->dir, name);
}

void read_into(const char *path, struct buf *b)
{
    FILE *file = fopen(path, "re");
    size_t n = 1;

    buf_clear(b);
    while (file != NULL && n > 0) {
        n = fread(buf_reserve(b, 65536), 1, 65536, file);
        b->len += n;
    }
    if (file != NULL)
        (void)fclose(file);
    (void)buf_cstr(b);
}

const char *read_file(struct fixture *f, const char *path)
{
    struct buf b = BUF_INIT;
    const char *text;

    read_into(path, &b);
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void at_end(struct fixture *f, cleanup_fn *fn, void *arg)
{
    struct cleanup *c = must_calloc(1, sizeof(*c));

    *c = (struct cleanup){f->cleanups, fn, arg};
    f->cleanups = c;
}

void fixture_blame(struct fixture *f, const char *what)
{
    buf_addf(&f->blame, "%s%s", f->blame.len > 0 ? "\n" : "", what);
}

void assert_contains_(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) != NULL)
        return;
    print_error("'%s' is not in:\n%s\n", part, text);
    _fail(file, line);
}

void assert_lacks_(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) == NULL)
        return;
    print_error("'%s' is in:\n%s\n", part, text);
    _fail(file, line);
}

void try_again(uint64_t *end_ns, const char *what)
{
    uint64_t now = clock_mono_ns();

    if (*end_ns == 0)
        *end_ns = now + DEADLINE_MS * NS_PER_MS;
    if (now >= *end_ns)
        fail_msg("still not so after %d ms: %s", DEADLINE_MS, what);
    clock_sleep_ms(POLL_MS);
}

size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + strlen(part), part))
        n++;
    return n;
}

const char *program(void)
{
    const char *path = environment("SIDELIGHT");

    return path != NULL ? path : "build/sidelight";
}

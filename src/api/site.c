/* SPDX-License-Identifier: MIT */
/* Putting the visitors' pages together, and the policy under which a browser shows them. */
#include "api/site.h"
#include "web/web.h"

#include <sodium.h>
#include <stdlib.h>

enum { KEY_BYTES = 16, PAGE_ROOM = 16 * 1024 };

struct site {
    struct buf text[SITE_PAGES]; /* what the templates point into */
    struct page_template *pages[SITE_PAGES];
    struct buf policy[SITE_PAGES]; /* ends in form-action 'self' */
};

typedef struct slice file_fn(void);

/* ---- at the start ---- */

static const struct {
    const char *name;
    file_fn *file;
} parts[] = {
    {"head", web_site_head_html   },
    {"css",  web_home_css         },
    {"js",   web_home_js          },
    {"form", web_contact_form_html},
};

static const char *const value_names[SITE_VALUES] = {
    [SITE_MAX_MESSAGE] = "max_message",
    [SITE_KEY] = "key",
    [SITE_CORRELATION_ID] = "correlation_id",
    [SITE_SERVICE] = "service",
    [SITE_VIEWS] = "views",
    [SITE_TODAY] = "today",
};

static const struct {
    file_fn *file;
    size_t n_values;
    bool script;
} pages[SITE_PAGES] = {
    [SITE_HOME] = {web_home_html,    SITE_VALUES,  true },
    [SITE_CONTACT] = {web_contact_html, SITE_KEY + 1, false},
    [SITE_THANKS] = {web_thanks_html,  0,            false},
};

static struct slice without_licence(struct slice text)
{
    struct slice rest = text, first = slice_cut(&rest, '\n');

    return memmem(first.p, first.n, "SPDX-", 5) != NULL && rest.p != NULL ? rest : text;
}

static struct slice part_named(struct slice name)
{
    size_t i = 0;

    while (i < ARRAY_LEN(parts) && !slice_eq(name, slice_str(parts[i].name)))
        i++;
    MUST(i < ARRAY_LEN(parts)); /* a fault of our own file */
    return without_licence(parts[i].file());
}

/* Replaces each {{>part}} of `text`. */
static void include(struct slice text, struct buf *ret)
{
    while (text.p != NULL) {
        struct slice name;

        buf_add_slice(ret, page_cut(&text, "{{>", &name));
        if (name.p != NULL)
            buf_add_slice(ret, part_named(name));
    }
}

/* Parts stand in parts: the head has the style. */
static void assemble(struct slice text, struct buf *ret)
{
    struct buf once = BUF_INIT;

    include(without_licence(text), &once);
    include((struct slice){once.data, once.len}, ret);
    buf_release(&once);
}

static void add_hash(struct buf *b, const char *name)
{
    char hash[PAGE_CSP_HASH];

    page_csp_hash(part_named(slice_str(name)), hash);
    buf_add_char(b, '\'');
    buf_add(b, hash, sizeof(hash));
    buf_add_char(b, '\'');
}

static void write_policy(bool script, struct buf *ret)
{
    buf_add_str(ret, "default-src 'none'; style-src ");
    add_hash(ret, "css");
    buf_add_str(ret, "; img-src data:");
    if (script) {
        buf_add_str(ret, "; script-src 'self' ");
        add_hash(ret, "js");
        buf_add_str(ret, "; connect-src 'self'");
    }
    buf_add_str(ret, "; base-uri 'none'; frame-ancestors 'none'; form-action 'self'");
}

struct site *site_new(void)
{
    struct site *s = must_calloc(1, sizeof(*s));

    for (size_t i = 0; i < SITE_PAGES; i++) {
        assemble(pages[i].file(), &s->text[i]);
        s->pages[i] = page_template_new((struct slice){s->text[i].data, s->text[i].len},
                                        value_names, pages[i].n_values);
        write_policy(pages[i].script, &s->policy[i]);
    }
    return s;
}

void site_free(struct site *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SITE_PAGES; i++) {
        page_template_free(s->pages[i]);
        buf_release(&s->text[i]);
        buf_release(&s->policy[i]);
    }
    free(s);
}

/* ---- for each request ---- */

/* "https://host:port" of a URL on another host, else nothing. */
static struct slice origin_of(struct slice url)
{
    const struct slice scheme = SLICE_LIT("https://");
    size_t n = scheme.n;

    if (url.n <= scheme.n || memcmp(url.p, scheme.p, scheme.n) != 0)
        return SLICE_NONE;
    while (n < url.n && strchr("/?#;, ", url.p[n]) == NULL)
        n++;
    return (struct slice){url.p, n};
}

/* Browsers apply form-action to the redirect after the form, too, so its origin must be allowed. */
static struct slice policy_of(struct request *rq, const struct buf *policy)
{
    const struct api_live *live = request_app_live(rq);
    struct slice start = {policy->data, policy->len}, origin = origin_of(live->contact_redirect);
    char *text, *p;

    if (origin.n == 0)
        return start;
    text = request_alloc(rq, start.n + 1 + origin.n);
    p = fmt_slice(text, start);
    *p++ = ' ';
    p = fmt_slice(p, origin);
    return (struct slice){text, (size_t)(p - text)};
}

/* 128 random bits: two pages never carry the same key. */
static struct slice new_key(char ret[2 * KEY_BYTES + 1])
{
    unsigned char random[KEY_BYTES];

    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(ret, 2 * KEY_BYTES + 1, random, sizeof(random));
    return slice_str(ret);
}

void site_answer(struct request *rq,
                 const struct site *s,
                 enum site_page page,
                 struct page_value values[SITE_VALUES])
{
    const struct api_live *live = request_app_live(rq);
    char key[2 * KEY_BYTES + 1], max[FMT_U64];
    struct buf text = BUF_INIT;

    values[SITE_KEY].text = new_key(key);
    values[SITE_MAX_MESSAGE].text =
        (struct slice){max, (size_t)(fmt_u64(max, live->contact_max_message) - max)};
    (void)buf_reserve(&text, PAGE_ROOM);
    page_render(s->pages[page], values, &text);
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_header(rq, "content-security-policy", policy_of(rq, &s->policy[page]));
    answer(rq, 200, "text/html; charset=utf-8", (struct slice){text.data, text.len});
    buf_release(&text);
}

/* SPDX-License-Identifier: MIT */
/* GET /metrics.js. Another file of web/ for everybody would be another struct asset and handler. */
#include "api/assets.h"

#include "metrics/exposition.h"
#include "web/web.h"

#include <sodium.h>
#include <stdlib.h>

enum { ETAG_HASH = 16, ETAG_LEN = 2 * ETAG_HASH + 2 };

/* What is sent, and its name. */
struct form {
    struct slice body;
    char etag[ETAG_LEN + 1];
};

struct asset {
    const char *content_type;
    struct form plain, gzip;
    struct buf zipped; /* what gzip.body points to */
};

struct assets {
    struct asset metrics_js;
};

/*
 * A hash, not the other form's tag with a suffix: Caddy takes "-gzip" for a mark of its own and
 * cuts it off what browsers send back.
 */
static void name_form(struct form *form, struct slice body)
{
    unsigned char hash[ETAG_HASH];

    form->body = body;
    MUST(crypto_generichash(hash, sizeof(hash), (const unsigned char *)body.p, body.n, NULL, 0) ==
         0);
    form->etag[0] = '"';
    (void)sodium_bin2hex(form->etag + 1, 2 * ETAG_HASH + 1, hash, sizeof(hash));
    form->etag[ETAG_LEN - 1] = '"';
    form->etag[ETAG_LEN] = '\0';
}

static void asset_init(struct asset *a, const char *content_type, struct slice body)
{
    a->content_type = content_type;
    name_form(&a->plain, body);
    MUST(exposition_gzip(body, &a->zipped, NULL));
    name_form(&a->gzip, (struct slice){a->zipped.data, a->zipped.len});
}

struct assets *assets_new(void)
{
    struct assets *a = must_calloc(1, sizeof(*a));

    asset_init(&a->metrics_js, "text/javascript; charset=utf-8", web_metrics_js());
    return a;
}

void assets_free(struct assets *a)
{
    if (a == NULL)
        return;
    buf_release(&a->metrics_js.zipped);
    free(a);
}

/* Commas may stand in a tag; ours has none, so a piece of a foreign tag is never taken for it. */
bool assets_named(struct slice if_none_match, struct slice etag)
{
    if (slice_eq(slice_trim(if_none_match), SLICE_LIT("*")))
        return true;
    while (if_none_match.p != NULL) {
        struct slice tag = slice_trim(slice_cut(&if_none_match, ','));

        if (tag.n > 2 && tag.p[0] == 'W' && tag.p[1] == '/')
            tag = (struct slice){tag.p + 2, tag.n - 2};
        if (slice_eq(tag, etag))
            return true;
    }
    return false;
}

static void send_asset(struct request *rq, const struct asset *a)
{
    bool zip = exposition_accepts_gzip(rq->head.accept_encoding);
    const struct form *form = zip ? &a->gzip : &a->plain;

    answer_header(rq, "etag", slice_str(form->etag));
    answer_header(rq, "cache-control", SLICE_LIT("public, max-age=" ASSETS_MAX_AGE_S));
    answer_header(rq, "vary", SLICE_LIT("Accept-Encoding"));
    /* For pages that ask others for their consent (Cross-Origin-Embedder-Policy). */
    answer_header(rq, "cross-origin-resource-policy", SLICE_LIT("cross-origin"));
    if (assets_named(rq->head.if_none_match, slice_str(form->etag))) {
        answer_borrowed(rq, 304, NULL, SLICE_NONE);
        return;
    }
    if (zip)
        answer_header(rq, "content-encoding", SLICE_LIT("gzip"));
    answer_borrowed(rq, 200, a->content_type, form->body);
}

void metrics_js_get(struct request *rq, void *ctx)
{
    const struct api *api = ctx;

    send_asset(rq, &api->assets->metrics_js);
}

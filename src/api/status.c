/* SPDX-License-Identifier: MIT */
/* GET / and GET /status.json of the metrics port, and the ticking that gives them a past. */
#include "api/status.h"

#include "api/status_page.h"

#include <stdlib.h>

struct status {
    const struct api *api;
    struct status_cells *cells;
    struct status_history *history;
    struct status_page *page;
    struct status_now now;   /* read again each time */
    struct status_view view; /* likewise; here because it is large */
    struct buf text;         /* kept, so that a page does not grow it again */
};

struct status *status_new(struct api *api)
{
    struct status *x = must_calloc(1, sizeof(*x));

    x->api = api;
    x->cells = status_cells_new(api->registry, public_routes, n_public_routes);
    x->history = history_new(api->start_ns);
    x->page = status_page_new();
    return x;
}

void status_free(struct status *x)
{
    if (x == NULL)
        return;
    status_cells_free(x->cells);
    history_free(x->history);
    status_page_free(x->page);
    buf_release(&x->text);
    free(x);
}

/* Some cells are only set by a collect; every ten seconds is often enough for those with a past. */
void status_tick(struct status *x, uint64_t now_ns)
{
    if (!history_due(x->history, now_ns))
        return;
    if (history_step_due(x->history, now_ns))
        registry_collect(x->api->registry);
    status_cells_read(x->cells, &x->now);
    history_add(x->history, now_ns, &x->now);
}

static void look(struct status *x)
{
    registry_collect(x->api->registry);
    status_cells_read(x->cells, &x->now);
    status_view_make(x->api, x->history, &x->now, clock_mono_ns(), &x->view);
    buf_clear(&x->text);
}

/* `window=1h` asks for the last hour; anything else is the last five minutes. */
static enum status_span span_of(struct slice query)
{
    while (query.p != NULL)
        if (slice_eq(slice_cut(&query, '&'), SLICE_LIT("window=1h")))
            return STATUS_1H;
    return STATUS_5M;
}

void status_get(struct request *rq, void *ctx)
{
    struct status *x = ((struct api *)ctx)->status;

    look(x);
    status_page_write(x->page, &x->view, span_of(rq->head.query), &x->text);
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_header(rq, "content-security-policy", status_page_policy(x->page));
    answer_header(rq, "referrer-policy", SLICE_LIT("no-referrer"));
    answer(rq, 200, "text/html; charset=utf-8", (struct slice){x->text.data, x->text.len});
}

void status_json_get(struct request *rq, void *ctx)
{
    struct status *x = ((struct api *)ctx)->status;

    look(x);
    status_json_write(&x->view, &x->text);
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_json(rq, 200, (struct slice){x->text.data, x->text.len});
}

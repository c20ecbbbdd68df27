/* SPDX-License-Identifier: MIT */
/* Connections made in another namespace; the answers are read here. */
#include "tests/stack/lib/standin_tunnel.h"

static void close_kept(void *arg)
{
    wire_close(arg);
}

struct wire *wire_to_caddy(struct stack *s, const char *netns)
{
    struct wire *w = keep(s->f, sizeof(*w));

    w->fd = -1;
    at_end(s->f, close_kept, w);
    assert_true(wire_connect_in(w, netns, EDGE_CADDY, 80));
    return w;
}

const struct reply *tell_caddy(struct stack *s, const char *netns, const char *request)
{
    struct wire *w = wire_to_caddy(s, netns);
    const struct reply *r;

    wire_send(w, request);
    r = strncmp(request, "HEAD ", 5) == 0 ? wire_reply_head(s->f, w) : wire_reply(s->f, w);
    wire_close(w);
    return r;
}

void assert_front_manners(const struct reply *r)
{
    static const char *const always[][2] = {
        {"x-content-type-options",     "nosniff"                                 },
        {"referrer-policy",            "same-origin"                             },
        {"strict-transport-security",  "max-age=31536000"                        },
        {"cross-origin-opener-policy", "same-origin"                             },
        {"permissions-policy",         "camera=(), geolocation=(), microphone=()"},
    };

    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        assert_int_equal(reply_count(r, always[i][0]), 1);
        assert_field(r, always[i][0], always[i][1]);
    }
    assert_int_equal(reply_count(r, "x-correlation-id"), 1);
    assert_int_equal(reply_count(r, "content-security-policy"), 1);
    assert_int_equal(reply_count(r, "server"), 0);
    assert_int_equal(reply_count(r, "via"), 0);
    for (size_t i = 0; i < r->n_fields; i++)
        assert_int_equal(reply_count(r, r->fields[i].name), 1);
}

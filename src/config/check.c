/* SPDX-License-Identifier: MIT */
/* What no single setting can tell. */
#include "config/config.h"

/* Whether `a` is a wildcard that takes the address of `b`, too; a name may be of any family. */
static bool covers(const struct host_port *a, const struct host_port *b)
{
    static const struct ip any_v6 = {{0}};
    static const struct ip any_v4 = {
        {[10] = 0xff, [11] = 0xff}
    };

    if (!a->numeric)
        return false;
    if (memcmp(&a->ip, &any_v6, sizeof(any_v6)) == 0)
        return true;
    return memcmp(&a->ip, &any_v4, sizeof(any_v4)) == 0 && (!b->numeric || ip_is_v4(&b->ip));
}

/* Whether both cannot be bound at once. Names are compared as they are written. */
static bool collide(const struct host_port *a, const struct host_port *b)
{
    if (a->port != b->port || a->port == 0)
        return false;
    if (covers(a, b) || covers(b, a))
        return true;
    if (a->numeric && b->numeric)
        return memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
    return slice_eq_nocase(a->host, b->host);
}

bool config_check(const struct config *c, struct err *err)
{
    struct host_port public, metrics;

    MUST(host_port_parse(slice_str(c->listen_public), &public, NULL));
    MUST(host_port_parse(slice_str(c->listen_metrics), &metrics, NULL));
    if (collide(&public, &metrics))
        return err_set(
            err, ERR_CONFLICT,
            "listen.metrics: takes the address and port of listen.public; must be another");
    if (c->drain_delay >= c->drain_timeout)
        return err_set(err, ERR_CONFLICT,
                       "drain.delay: must be shorter than drain.timeout, which includes it");
    return true;
}

/* SPDX-License-Identifier: MIT */
/* The kinds of values that are lists: host names and networks. */
#include "base/buf.h"
#include "config/keys.h"
#include "config/kinds.h"
#include "config/text.h"

#include <stdlib.h>

static bool check_room(const struct key *key, size_t n, struct err *err)
{
    size_t max = key->max > 0 && key->max < CONFIG_LIST_MAX ? key->max : CONFIG_LIST_MAX;

    return n < max || err_set(err, ERR_INVALID, "must have at most %zu entries", max);
}

/* As requests carry it: lower case; an IPv6 address without brackets, in the form of RFC 5952. */
static bool host_form(struct slice text, char *ret, size_t *ret_n)
{
    bool brackets = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
    struct slice inner = brackets ? (struct slice){text.p + 1, text.n - 2} : text;
    struct ip ip;

    if (ip_parse(inner, &ip) && (!brackets || !ip_is_v4(&ip))) {
        *ret_n = (size_t)(ip_format(&ip, ret) - ret);
        return true;
    }
    if (!text_is_host(text))
        return false;
    for (size_t i = 0; i < text.n; i++)
        ret[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] | 0x20 : text.p[i]);
    *ret_n = text.n;
    return true;
}

static void add_string(struct config_strings *list, struct slice text)
{
    char *item = must_calloc(text.n + 1, 1);

    memcpy(item, text.p, text.n);
    list->items = must_realloc(list->items, (list->n + 1) * sizeof(*list->items));
    list->items[list->n++] = item;
}

static bool read_strings(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct config_strings *list = field;
    char host[253];
    size_t n;

    if (!check_room(key, list->n, err))
        return false;
    if (!host_form(text, host, &n))
        return err_set(err, ERR_INVALID, "must be a host name or an IP address, without a port");
    add_string(list, (struct slice){host, n});
    return true;
}

static bool read_origins(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct config_strings *list = field;

    if (!check_room(key, list->n, err))
        return false;
    if (!text_is_origin(text))
        return err_set(err, ERR_INVALID,
                       "must be an origin as browsers send it, like https://example.com or "
                       "http://localhost:3000: http or https, a host in lower case, a port only if "
                       "it is not the scheme's own, and no path");
    add_string(list, text);
    return true;
}

static bool read_pages(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct config_strings *list = field;

    if (!check_room(key, list->n, err))
        return false;
    if (!text_is_page(text))
        return err_set(err, ERR_INVALID,
                       "must be a path like /blog or /blog/*, of at most 128 bytes");
    add_string(list, text);
    return true;
}

static bool equal_strings(const void *a, const void *b)
{
    const struct config_strings *x = a, *y = b;

    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->items[i], y->items[i]) != 0)
            return false;
    return true;
}

static void release_strings(void *field)
{
    struct config_strings *list = field;

    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
}

static bool read_nets(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct config_nets *list = field;
    struct ip_net net;

    if (!check_room(key, list->n, err) || !ip_net_parse(text, &net, err))
        return false;
    list->items = must_realloc(list->items, (list->n + 1) * sizeof(*list->items));
    list->items[list->n++] = net;
    return true;
}

static bool equal_nets(const void *a, const void *b)
{
    const struct config_nets *x = a, *y = b;

    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (x->items[i].bits != y->items[i].bits ||
            memcmp(&x->items[i].addr, &y->items[i].addr, sizeof(x->items[i].addr)) != 0)
            return false;
    return true;
}

static void release_nets(void *field)
{
    struct config_nets *list = field;

    free(list->items);
}

const struct kind kind_strings = {true, sizeof(struct config_strings), read_strings, equal_strings,
                                  release_strings};
const struct kind kind_origins = {true, sizeof(struct config_strings), read_origins, equal_strings,
                                  release_strings};
const struct kind kind_pages = {true, sizeof(struct config_strings), read_pages, equal_strings,
                                release_strings};
const struct kind kind_nets = {true, sizeof(struct config_nets), read_nets, equal_nets,
                               release_nets};

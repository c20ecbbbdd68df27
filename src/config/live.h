/* SPDX-License-Identifier: MIT */
/*
 * A configuration in use: the values as the request path reads them (struct http_live, struct
 * api_live), and the owner of the memory they point into. Immutable but for the count of
 * references; the last settings_unref frees it. Threads: any may ref and unref one that it holds.
 */
#ifndef SIDELIGHT_CONFIG_LIVE_H
#define SIDELIGHT_CONFIG_LIVE_H

#include "config/config.h"

struct settings {
    struct config config;
    struct http_live http; /* http.app is &api */
    struct api_live api;
    struct slice *hosts;    /* behind http.hosts */
    struct slice *origins;  /* behind http.origins */
    struct slice *pages;    /* behind api.rum_pages */
    char *client_ip_header; /* behind http.client_ip_header, lower case */
    _Atomic size_t refs;
};

/* Takes over what `c` owns and leaves it empty; `c` was checked. One reference, the caller's. */
MUST_CHECK struct settings *settings_new(struct config *c);
struct settings *settings_ref(struct settings *s); /* returns `s` */
void settings_unref(struct settings *s);           /* NULL is fine */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The part of the configuration that a reload may change, as the request path reads it: immutable,
 * shared by all loops, swapped by a message to each loop. Config fills it; nothing here is parsed
 * or allocated by http/.
 */
#ifndef SIDELIGHT_HTTP_LIVE_H
#define SIDELIGHT_HTTP_LIVE_H

#include "base/net.h"

enum log_client_ip { LOG_CLIENT_IP_FULL, LOG_CLIENT_IP_PREFIX, LOG_CLIENT_IP_NONE };

struct http_live {
    const struct slice *hosts; /* lower case, without port; n_hosts == 0: any */
    size_t n_hosts;
    const struct slice *origins; /* cors.origins, exact */
    size_t n_origins;
    const struct ip_net *trusted; /* trusted_proxies */
    size_t n_trusted;
    struct slice client_ip_header;      /* lower case */
    const struct ip_net *metrics_allow; /* n == 0: any */
    size_t n_metrics_allow;
    uint64_t latency_threshold_ns; /* slo.latency_threshold */
    enum log_client_ip log_client_ip;
    const void *app; /* what handlers see through request_app_live */
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The routes of the two ports: an endpoint is a row here, a name in api.h, and an entry in
 * docs/api.md.
 */
#include "api/api.h"

#define USERS (IN_AVAILABILITY | IN_LATENCY) /* somebody waits for it */

/* clang-format off */
const struct route public_routes[] = {
    {HTTP_GET,  "/",                 home_get,           "200",                         USERS,              NULL,       NULL,              NULL},
    {HTTP_GET,  "/health",           health_get,         "200 503",                     IN_NONE,            NULL,       NULL,              NULL},
    {HTTP_GET,  "/api/health",       health_get,         "200 503",                     IN_NONE,            "/health",  NULL,              NULL},
    {HTTP_GET,  "/health/liveness",  liveness_get,       "200",                         IN_NONE,            NULL,       NULL,              NULL},
    {HTTP_GET,  "/health/readiness", readiness_get,      "200 503",                     IN_NONE,            NULL,       NULL,              NULL},
    {HTTP_GET,  "/contact",          contact_form_get,   "200",                         USERS,              NULL,       NULL,              NULL},
    {HTTP_GET,  "/contact/thanks",   contact_thanks_get, "200",                         USERS,              NULL,       NULL,              NULL},
    {HTTP_POST, "/contact",          contact_post,       "201 303 400 415 422 429",     USERS | IN_CONTACT, NULL,       contact_too_large, NULL},
    {HTTP_POST, "/api/contact",      contact_post,       "201 303 400 415 422 429",     USERS | IN_CONTACT, "/contact", contact_too_large, NULL},
    {HTTP_GET,  "/metrics.js",       metrics_js_get,     "200 304",                     IN_NONE,            NULL,       NULL,              NULL},
    {HTTP_POST, "/api/metrics",      rum_post,           "200 400 403 413 415 422 429", IN_NONE,            NULL,       rum_too_large,     NULL},
    {HTTP_GET,  "/api/metrics",      rum_get,            "200 400",                     IN_NONE,            NULL,       NULL,              rum_open},
    {HTTP_POST, "/api/echo",         echo_post,          "200 400 415 422",             USERS,              NULL,       NULL,              drills_open},
    {HTTP_GET,  "/api/error",        error_get,          "200 400",                     USERS,              NULL,       NULL,              drills_open},
    {HTTP_GET,  "/api/users",        users_get,          "200",                         USERS,              NULL,       NULL,              drills_open},
};
const size_t n_public_routes = ARRAY_LEN(public_routes);

const struct route ops_routes[] = {
    {HTTP_GET, "/",                 status_get,      "200",         IN_NONE, NULL, NULL, NULL},
    {HTTP_GET, "/status.json",      status_json_get, "200",         IN_NONE, NULL, NULL, NULL},
    {HTTP_GET, "/metrics",          metrics_get,     "200 400 503", IN_NONE, NULL, NULL, NULL},
    {HTTP_GET, "/health",           health_get,      "200 503",     IN_NONE, NULL, NULL, NULL},
    {HTTP_GET, "/health/liveness",  liveness_get,    "200",         IN_NONE, NULL, NULL, NULL},
    {HTTP_GET, "/health/readiness", readiness_get,   "200 503",     IN_NONE, NULL, NULL, NULL},
    {HTTP_GET, "/api/metrics",      rum_get,         "200 400",     IN_NONE, NULL, NULL, NULL},
};
const size_t n_ops_routes = ARRAY_LEN(ops_routes);
/* clang-format on */

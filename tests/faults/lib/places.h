/* SPDX-License-Identifier: MIT */
/* The two tables of routes as tests need them: by path, with the methods that each answers. */
#ifndef SIDELIGHT_TESTS_FAULTS_PLACES_H
#define SIDELIGHT_TESTS_FAULTS_PLACES_H

#include "api/api.h"

enum { PLACES_MAX = 32 };

struct place {
    const char *path, *endpoint;
    bool methods[HTTP_METHODS]; /* HEAD and OPTIONS, too */
    double asked;               /* the test's own count */
};

struct places {
    size_t n;
    struct place all[PLACES_MAX];
};

/* public_routes or ops_routes. */
void places_read(struct places *ret, const struct route *routes, size_t n);
struct place *places_find(struct places *p, struct slice path); /* NULL: no route */

/* Settings with which every gate is open, so that a 404 is nobody's; no limits per client. */
#define OPEN_SETS                                                                           \
    SETS("drills.enabled=true", "rum.public_read=true", "contact.rate=off", "rum.rate=off", \
         "cors.origins=https://app.example")

/* Which of all bytes a test tries: in the short form few of those that cost a connection each. */
bool byte_is_tried(int c);

#endif

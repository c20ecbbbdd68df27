/* SPDX-License-Identifier: MIT */
/* From rows, one a method, to places, one a path. */
#include "tests/faults/lib/places.h"

#include "tests/faults/lib/promise.h"

struct place *places_find(struct places *p, struct slice path)
{
    for (size_t i = 0; i < p->n; i++)
        if (slice_eq(slice_str(p->all[i].path), path))
            return &p->all[i];
    return NULL;
}

void places_read(struct places *ret, const struct route *routes, size_t n)
{
    *ret = (struct places){.n = 0};
    for (size_t i = 0; i < n; i++) {
        const struct route *r = &routes[i];
        struct place *place = places_find(ret, slice_str(r->path));

        if (place == NULL) {
            assert_true(ret->n < PLACES_MAX);
            place = &ret->all[ret->n++];
            place->path = r->path;
            place->endpoint = r->endpoint != NULL ? r->endpoint : r->path;
            place->methods[HTTP_OPTIONS] = true;
        }
        place->methods[r->method] = true;
        place->methods[HTTP_HEAD] = place->methods[HTTP_HEAD] || r->method == HTTP_GET;
    }
}

bool byte_is_tried(int c)
{
    static const char few[] = "\t\n\r #\\\x7f\x80\xff";

    return faults_long() || (c > ' ' && c < 0x7f && c != '#' && c != '\\') ||
           (c != 0 && strchr(few, c) != NULL);
}

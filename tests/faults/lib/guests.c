/* SPDX-License-Identifier: MIT */
/* Three loads, five threads. */
#include "tests/faults/lib/guests.h"

unsigned long long guests_all(const struct guest_books *sum)
{
    return sum->gets + sum->posts;
}

struct guests guests_start(struct server *s)
{
    return (struct guests){
        load_start(s, &(struct load_options){LOAD_GET, 2, 0, 0}),
        load_start(s, &(struct load_options){LOAD_GET, 1, 1, 0}),
        load_start(s, &(struct load_options){LOAD_CONTACT, 2, 20, 0}),
    };
}

void guests_wait(const struct guests *c, uint64_t more)
{
    uint64_t kept = load_answered(c->kept) + more, fresh = load_answered(c->fresh) + more / 4,
             posts = load_answered(c->posts) + more / 4;

    EVENTUALLY(load_answered(c->kept) >= kept && load_answered(c->fresh) >= fresh &&
               load_answered(c->posts) >= posts);
}

void guests_end(const struct guests *c, bool gone, struct guest_books *sum)
{
    sum->gets += load_end_well(c->kept, gone) + load_end_well(c->fresh, gone);
    sum->posts += load_end_well(c->posts, gone);
}

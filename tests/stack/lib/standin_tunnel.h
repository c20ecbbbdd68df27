/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for cloudflared: connections to Caddy from its namespace, with whatever bytes a test
 * likes. The real one would refuse or tidy up some of these; Caddy must not need that.
 */
#ifndef SIDELIGHT_TESTS_STANDIN_TUNNEL_H
#define SIDELIGHT_TESTS_STANDIN_TUNNEL_H

#include "tests/e2e/lib/wire.h"
#include "tests/stack/lib/stack.h"

/* Who connects to Caddy. */
#define TUNNEL "cloudflared"
#define STRANGER NULL /* anybody else on the network: the hub */

/* Main thread; closed at the end of the test. */
struct wire *wire_to_caddy(struct stack *s, const char *netns);
/*
 * Sends one request on a connection of its own, as it is; the answer must come. It lives until the
 * end of the test.
 */
const struct reply *tell_caddy(struct stack *s, const char *netns, const char *request);

/*
 * The security headers that stand on every answer, once each, and whatever assert_manners asks for
 * but Content-Length.
 */
void assert_front_manners(const struct reply *r);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Pictures of the pages as they are, after some traffic, for docs/screenshots: `make screenshots`. Not a test of anything; it
 * is written as one, since it needs what they have.
 *
 * Environment: SCREENSHOTS, the directory for the pictures.
 */
#include "tests/browser/lib/front.h"

#include <math.h>

enum { TRAFFIC_SECONDS = 310 };

static const struct {
    const char *name, *url;
} pages[] = {
    {"home",   FRONT "/"  },
    {"status", STATUS_PAGE},
};

static const struct {
    const char *name;
    struct browser_options screen;
} screens[] = {
    {"desktop-light", {0}                                                       },
    {"desktop-dark",  {.dark = true}                                            },
    {"phone-light",   {.width = 390, .height = 844, .phone = true}              },
    {"phone-dark",    {.width = 390, .height = 844, .phone = true, .dark = true}},
};

/* A few requests of one visitor, and now and then a drill. */
static void visit(struct front *v, unsigned i)
{
    const char *client = textf(v->f, "203.0.113.%u", i % 200 + 1);

    (void)ASK_TUNNEL(v->s, client, .path = "/", .headers = HEADERS("Accept: text/html"));
    (void)ASK_TUNNEL(v->s, client, .path = "/metrics.js");
    if (i % 3 == 0)
        (void)ASK_TUNNEL(v->s, client, .path = "/contact");
    if (i % 5 == 0)
        (void)ASK_TUNNEL(v->s, client, .path = "/contact", .headers = HEADERS(JSON_TYPE),
                         .body = ADA);
    if (i % 40 == 0)
        (void)ASK_IN(v->s, "sidelight-1", "127.0.0.1", 8000, .path = "/api/users");
    if (i % 1500 == 1000)
        (void)ASK_IN(v->s, "sidelight-1", "127.0.0.1", 8000, .path = "/api/error");
}

/* As long as the charts reach back; it rises and falls. */
static void traffic(struct front *v)
{
    uint64_t start = clock_mono_ns();
    unsigned i = 0;

    for (unsigned second = 0; second < TRAFFIC_SECONDS; second++) {
        double now = second;
        unsigned many = (unsigned)(7 + 3 * sin(now / 35) + 2 * sin(now / 7) + second * 7 % 3);

        for (unsigned k = 0; k < many; k++)
            visit(v, i++);
        while (clock_mono_ns() < start + (second + 1) * NS_PER_SEC)
            clock_sleep_ms(POLL_MS);
    }
}

static void take(struct front *v, const char *folder, size_t page, size_t screen)
{
    browser_screen(v->b, &screens[screen].screen);
    browser_go(v->b, pages[page].url);
    browser_settle(v->b);
    /* Live parts and fonts. */
    if (strcmp(pages[page].name, "status") == 0)
        browser_wait(v->b, "document.querySelectorAll('#charts svg').length == 3");
    (void)browser_run_later(v->b, "document.fonts.ready.then(() => requestAnimationFrame(() => "
                                  "requestAnimationFrame(() => done())))");
    browser_picture(v->b,
                    textf(v->f, "%s/%s-%s.png", folder, pages[page].name, screens[screen].name));
}

TEST(pictures_of_every_page_on_every_screen)
{
    struct fixture *f = *state;
    const char *folder = environment("SCREENSHOTS");
    struct front v;

    assert_non_null(folder);
    v = front_start(f, "--set drills.enabled=true --set contact.rate=off", NULL);
    traffic(&v);
    for (size_t page = 0; page < ARRAY_LEN(pages); page++)
        for (size_t screen = 0; screen < ARRAY_LEN(screens); screen++)
            take(&v, folder, page, screen);
}

STACK_TESTS(T(pictures_of_every_page_on_every_screen))

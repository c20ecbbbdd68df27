/* SPDX-License-Identifier: MIT */
/* Combinations of settings. */
#include "config/config.h"
#include "tests/unit/unit.h"

#define PORTS "listen.metrics: takes the address and port of listen.public; must be another"
#define DRAIN "drain.delay: must be shorter than drain.timeout, which includes it"

TEST(combinations_that_cannot_work_are_refused)
{
    static const struct {
        const char *sets[2];
        const char *message; /* NULL: fine */
    } cases[] = {
        {{"drain.delay=12s", "drain.timeout=12s"},                      DRAIN},
        {{"drain.delay=13s", "drain.timeout=12s"},                      DRAIN},
        {{"drain.delay=11999ms", "drain.timeout=12s"},                  NULL },
        {{"listen.public=127.0.0.1:80", "listen.metrics=127.0.0.1:80"}, PORTS},
        {{"listen.public=0.0.0.0:80", "listen.metrics=127.0.0.1:80"},   PORTS},
        {{"listen.public=127.0.0.1:80", "listen.metrics=0.0.0.0:80"},   PORTS},
        {{"listen.public=[::]:80", "listen.metrics=127.0.0.1:80"},      PORTS},
        {{"listen.public=0.0.0.0:80", "listen.metrics=scrape:80"},      PORTS},
        {{"listen.public=scrape:80", "listen.metrics=SCRAPE:80"},       PORTS},
        {{"listen.public=[::1]:80", "listen.metrics=[0::1]:80"},        PORTS},
        {{"listen.public=0.0.0.0:80", "listen.metrics=[::1]:80"},       NULL },
        {{"listen.public=127.0.0.1:80", "listen.metrics=127.0.0.2:80"}, NULL },
        {{"listen.public=127.0.0.1:80", "listen.metrics=127.0.0.1:81"}, NULL },
        {{"listen.public=127.0.0.1:80", "listen.metrics=scrape:80"},    NULL },
        {{"listen.public=127.0.0.1:0", "listen.metrics=127.0.0.1:0"},   NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        struct config c;

        config_init(&c);
        assert_true(config_set(&c, cases[i].sets[0], &err));
        assert_true(config_set(&c, cases[i].sets[1], &err));
        bool ok = config_check(&c, &err);
        if (ok != (cases[i].message == NULL))
            fail_msg("%s %s: %s", cases[i].sets[0], cases[i].sets[1], err.text);
        assert_string_equal(err.text, ok ? "" : cases[i].message);
        assert_int_equal(err.kind, ok ? ERR_NONE : ERR_CONFLICT);
        config_release(&c);
    }
}

RUN_TESTS(T(combinations_that_cannot_work_are_refused))

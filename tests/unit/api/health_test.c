/* SPDX-License-Identifier: MIT */
#include "tests/unit/api/fake.h"

#include "api/health.h"

TEST(health_tells_uptime_version_and_the_store)
{
    struct fake f;

    fake_init(&f);
    health_get(&f.rq, &f.api);
    expect_answer(&f, 200,
                  "{\"status\":\"healthy\",\"uptime\":12.345,\"version\":\"1.2.3\","
                  "\"dependencies\":[{\"name\":\"store\",\"status\":\"healthy\","
                  "\"latency_ms\":0.123}]}");
    assert_true(slice_eq(f.rq.content_type, SLICE_LIT("application/json")));
    expect_header(&f, "cache-control", "no-store");
    fake_release(&f);
}

TEST(health_is_503_while_the_store_is_down_and_keeps_its_last_latency)
{
    struct fake f;

    fake_init(&f);
    f.store.health = (struct store_health){false, 2500000};
    health_get(&f.rq, &f.api);
    expect_answer(&f, 503,
                  "{\"status\":\"unhealthy\",\"uptime\":12.345,\"version\":\"1.2.3\","
                  "\"dependencies\":[{\"name\":\"store\",\"status\":\"unhealthy\","
                  "\"latency_ms\":2.500}]}");
    expect_header(&f, "cache-control", "no-store");
    fake_release(&f);
}

TEST(health_has_room_for_the_largest_numbers_and_a_long_version)
{
    char version[200];
    struct fake f;

    fake_init(&f);
    memset(version, 'v', sizeof(version) - 1);
    version[sizeof(version) - 1] = '\0';
    health_free(f.api.health);
    f.api.health = health_new(version);
    f.api.start_ns = 0;
    f.rq.start_ns = UINT64_MAX;
    f.store.health = (struct store_health){false, UINT64_MAX};
    health_get(&f.rq, &f.api); /* AddressSanitizer watches */
    assert_int_equal(f.rq.status, 503);
    assert_true(answer_has(&f, "\"uptime\":18446744073.709,"));
    assert_true(answer_has(&f, "\"latency_ms\":18446744073709.551}]}"));
    fake_release(&f);
}

TEST(liveness_never_asks_the_store)
{
    struct fake f;

    fake_init(&f);
    f.store.health.up = false;
    f.api.draining = true;
    liveness_get(&f.rq, &f.api);
    expect_answer(&f, 200, "{\"status\":\"alive\"}");
    expect_header(&f, "cache-control", "no-store");
    fake_release(&f);
}

TEST(readiness_follows_the_store_and_the_drain)
{
    static const struct {
        bool up, draining;
        unsigned status;
        const char *body;
    } cases[] = {
        {true,  false, 200, "{\"status\":\"ready\"}"                            },
        {false, false, 503, "{\"status\":\"not ready\",\"reason\":\"store\"}"   },
        {true,  true,  503, "{\"status\":\"not ready\",\"reason\":\"draining\"}"},
        {false, true,  503, "{\"status\":\"not ready\",\"reason\":\"draining\"}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;

        fake_init(&f);
        f.store.health.up = cases[i].up;
        f.api.draining = cases[i].draining;
        readiness_get(&f.rq, &f.api);
        expect_answer(&f, cases[i].status, cases[i].body);
        expect_header(&f, "cache-control", "no-store");
        fake_release(&f);
    }
}

RUN_TESTS(T(health_tells_uptime_version_and_the_store),
          T(health_is_503_while_the_store_is_down_and_keeps_its_last_latency),
          T(health_has_room_for_the_largest_numbers_and_a_long_version),
          T(liveness_never_asks_the_store),
          T(readiness_follows_the_store_and_the_drain))

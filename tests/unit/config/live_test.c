/* SPDX-License-Identifier: MIT */
/* The owner of the live settings: what it shows, and until when. */
#include "base/clock.h"
#include "config/live.h"
#include "tests/unit/unit.h"

#include <pthread.h>

static void set(struct config *c, const char *assignment)
{
    struct err err = ERR_INIT;

    if (!config_set(c, assignment, &err))
        fail_msg("%s", err.text);
}

TEST(settings_show_what_the_configuration_says)
{
    struct config c;

    config_init(&c);
    set(&c, "hosts=Example.com,[::1]");
    set(&c, "trusted_proxies=10.0.0.0/8");
    set(&c, "metrics.allow=127.0.0.0/8,::1");
    set(&c, "client_ip_header=CF-Connecting-IP");
    set(&c, "slo.latency_threshold=0.5s");
    set(&c, "log.client_ip=prefix");
    set(&c, "contact.max_message=77");
    set(&c, "contact.redirect=/danke");
    set(&c, "contact.rate=3/s");
    set(&c, "contact.rate_total=9/h");

    struct settings *s = settings_new(&c);
    assert_null(c.service); /* it was moved */
    assert_int_equal(c.hosts.n, 0);
    assert_int_equal(s->http.n_hosts, 2);
    assert_true(slice_eq(s->http.hosts[0], SLICE_LIT("example.com")));
    assert_true(slice_eq(s->http.hosts[1], SLICE_LIT("::1")));
    assert_int_equal(s->http.n_trusted, 1);
    assert_int_equal(s->http.trusted[0].bits, 104);
    assert_int_equal(s->http.n_metrics_allow, 2);
    assert_true(slice_eq(s->http.client_ip_header, SLICE_LIT("cf-connecting-ip")));
    assert_int_equal(s->http.latency_threshold_ns, 500 * NS_PER_MS);
    assert_int_equal(s->http.log_client_ip, LOG_CLIENT_IP_PREFIX);
    assert_ptr_equal(s->http.app, &s->api);
    assert_int_equal(s->api.contact_max_message, 77);
    assert_true(slice_eq(s->api.contact_redirect, SLICE_LIT("/danke")));
    assert_int_equal(s->api.contact_rate.count, 3);
    assert_int_equal(s->api.contact_rate_total.count, 9);
    assert_string_equal(s->config.client_ip_header, "CF-Connecting-IP");
    config_release(&c);
    settings_unref(s);
}

TEST(settings_of_the_defaults_have_empty_lists)
{
    struct config c;

    config_init(&c);
    struct settings *s = settings_new(&c);
    assert_int_equal(s->http.n_hosts + s->http.n_trusted + s->http.n_metrics_allow, 0);
    assert_true(slice_eq(s->http.client_ip_header, SLICE_LIT("x-real-ip")));
    settings_unref(s);
    settings_unref(NULL);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *churn(void *arg)
{
    struct settings *s = arg;
    size_t seen = 0;

    for (size_t i = 0; i < ROUNDS; i++) {
        struct settings *mine = settings_ref(s);

        seen += mine->http.n_hosts;
        settings_unref(mine);
    }
    settings_unref(s);
    return seen == ROUNDS ? arg : NULL;
}

TEST(the_last_thread_to_let_go_frees_them)
{
    pthread_t threads[THREADS];
    struct config c;

    config_init(&c);
    set(&c, "hosts=a");
    struct settings *s = settings_new(&c);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, settings_ref(s)), 0);
    settings_unref(s);
    for (size_t i = 0; i < THREADS; i++) {
        void *done = NULL;

        assert_int_equal(pthread_join(threads[i], &done), 0);
        assert_non_null(done);
    }
}

RUN_TESTS(T(settings_show_what_the_configuration_says),
          T(settings_of_the_defaults_have_empty_lists),
          T(the_last_thread_to_let_go_frees_them))

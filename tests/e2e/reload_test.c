/* SPDX-License-Identifier: MIT */
/*
 * SIGHUP: live keys take effect without a lost request, broken files change nothing, the rest asks
 * for a restart.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"

#include <signal.h>

struct subject {
    struct server *s;
    const char *config;
};

static struct subject start(struct fixture *f, const char *text)
{
    const char *config = in_dir(f, "config.yaml");

    write_file(config, text);
    return (struct subject){server_start_with(f, &(struct server_options){.config = config}),
                            config};
}

static size_t events(const struct server *s, const char *name)
{
    return count_of(log_text(s), textf(s->f, "\"event\":\"%s\"", name));
}

/* Rewrites the file, tells the server, and waits for its word on it. */
static void reload(const struct subject *x, const char *text, const char *event)
{
    size_t before = events(x->s, event);

    write_file(x->config, text);
    server_signal(x->s, SIGHUP);
    EVENTUALLY(events(x->s, event) > before);
}

TEST(a_live_key_takes_effect)
{
    struct subject x = start(*state, "contact:\n  rate: 1/h\n");

    assert_status(post_json(x.s, ADA), 201);
    assert_status(post_json(x.s, ADA), 429);
    reload(&x, "contact:\n  rate: off\n", "reloaded");
    /* Each worker takes it when it comes round. */
    EVENTUALLY(post_json(x.s, ADA)->status == 201);
    assert_metric(x.s, "config_last_reload_successful", 1);
    assert_metric(x.s, "config_restart_required", 0);
}

TEST(hosts_redirects_and_limits_are_live_too)
{
    struct fixture *f = *state;
    struct subject x = start(f, "contact:\n  rate: off\n");

    reload(&x,
           "hosts: [only.example]\ncontact: {rate: off, redirect: /danke, max_message: 5}\n"
           "metrics: {allow: [127.0.0.1]}\n",
           "reloaded");
    EVENTUALLY(get(x.s, "/")->status == 421);
    EVENTUALLY(ASK(x.s, .path = "/contact", .body = ADA_FORM,
                   .headers = HEADERS(FORM_TYPE, "Host: only.example"))
                   ->status == 303);
    assert_field(ASK(x.s, .path = "/contact", .body = ADA_FORM,
                     .headers = HEADERS(FORM_TYPE, "Host: only.example")),
                 "location", "/danke");
    assert_status(ASK(x.s, .path = "/contact", .headers = HEADERS(FORM_TYPE, "Host: only.example"),
                      .body = ADA_FORM "2"),
                  422);
    assert_status(get_ops(x.s, "/metrics"), 200);
}

TEST(a_broken_file_leaves_the_old_settings)
{
    /* An empty one is what an editor leaves for a moment. */
    static const char *const broken[] = {"contact:\n  rate: often\n", "contact: [\n",
                                         "nothing: 1\n", "slo: {latency_threshold: 1h}\n", ""};
    struct fixture *f = *state;
    struct subject x = start(f, "contact:\n  redirect: /old\n  rate: off\n");
    double loaded = metric(x.s, "config_last_reload_success_timestamp_seconds");

    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        reload(&x, broken[i], "reload_failed");
        assert_metric(x.s, "config_last_reload_successful", 0);
        assert_field(post_form(x.s, ADA_FORM), "location", "/old");
    }
    assert_contains(json_text(f, log_event_wait(x.s, "reload_failed"), "error"),
                    "config.yaml:2:9: contact.rate: ");
    assert_metric(x.s, "config_last_reload_success_timestamp_seconds", loaded);
    reload(&x, "contact:\n  redirect: /new\n  rate: off\n", "reloaded");
    assert_metric(x.s, "config_last_reload_successful", 1);
    EVENTUALLY(strcmp(reply_field(post_form(x.s, ADA_FORM), "location"), "/new") == 0);
    assert_true(metric(x.s, "config_last_reload_success_timestamp_seconds") > loaded);
}

TEST(a_file_that_went_away_leaves_the_old_settings)
{
    struct fixture *f = *state;
    struct subject x = start(f, "service: here\n");

    assert_int_equal(rename(x.config, in_dir(f, "away.yaml")), 0);
    server_signal(x.s, SIGHUP);
    assert_metric(x.s, "config_last_reload_successful", 0);
    assert_status(get(x.s, "/health"), 200);
}

TEST(a_restart_key_says_so_until_it_is_taken_back)
{
    struct fixture *f = *state;
    struct subject x = start(f, "threads: 1\nservice: one\n");

    reload(&x, "threads: 2\nservice: two\n", "reloaded");
    assert_metric(x.s, "config_restart_required", 1);
    assert_metric(x.s, "config_last_reload_successful", 1);
    assert_contains(json_text(f, log_event_wait(x.s, "restart_required"), "keys"), "threads");
    assert_contains(json_text(f, log_event_wait(x.s, "restart_required"), "keys"), "service");
    assert_false(page_has(page_of(x.s), "worker_connections{worker=\"1\"}"));
    assert_status(post_json(x.s, ADA), 201);
    assert_metric(x.s, "contact_submissions_total{source=\"website\",service=\"one\"}", 1);
    reload(&x, "threads: 1\nservice: one\n", "reloaded");
    assert_metric(x.s, "config_restart_required", 0);
}

TEST(set_wins_over_the_file_after_a_reload_too)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct subject x = {NULL, config};

    write_file(config, "contact:\n  redirect: /file\n");
    x.s = server_start_with(
        f, &(struct server_options){.config = config,
                                    .sets = SETS("contact.redirect=/set", "contact.rate=off")});
    assert_field(post_form(x.s, ADA_FORM), "location", "/set");
    reload(&x, "contact:\n  redirect: /other\n", "reloaded");
    assert_field(post_form(x.s, ADA_FORM), "location", "/set");
}

TEST(sighup_without_a_file_changes_nothing)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    server_signal(s, SIGHUP);
    (void)log_event_wait(s, "reloaded");
    assert_status(get(s, "/health"), 200);
    assert_metric(s, "config_restart_required", 0);
}

/* Waits by the metrics: under load the log is long. */
static void reload_quietly(const struct subject *x, const char *text, bool good)
{
    double loaded = metric(x->s, "config_last_reload_success_timestamp_seconds");

    write_file(x->config, text);
    server_signal(x->s, SIGHUP);
    if (good)
        EVENTUALLY(metric(x->s, "config_last_reload_success_timestamp_seconds") > loaded);
    else
        assert_metric(x->s, "config_last_reload_successful", 0);
}

TEST(no_request_is_lost_while_good_and_broken_files_alternate)
{
    enum { RELOADS = 60 };
    struct fixture *f = *state;
    struct subject x = start(f, "contact:\n  rate: off\n");
    struct load *gets = load_start(x.s, &(struct load_options){LOAD_GET, 2, 50, 0});
    struct load *posts = load_start(x.s, &(struct load_options){LOAD_CONTACT, 2, 0, 0});
    struct load_result got, posted;
    double fds = metric(x.s, "process_open_fds");

    for (int i = 0; i < RELOADS; i++) {
        bool good = i % 3 != 2;

        reload_quietly(&x,
                       good ? textf(f,
                                    "contact: {rate: off, redirect: /r%d}\n"
                                    "hosts: [localhost, 127.0.0.1, h%d]\nlog: {level: warn}\n",
                                    i, i)
                            : "contact:\n  rate: broken\n",
                       good);
    }
    got = load_end(gets, false);
    posted = load_end(posts, false);
    if (got.failed + posted.failed > 0)
        fail_msg("%s %s", got.first_failure, posted.first_failure);
    assert_true(got.answered > 0 && posted.answered > 0);
    assert_true(metric(x.s, "process_open_fds") <= fds + 10);
    assert_true(server_lives(x.s));
}

RUN_TESTS(T(a_live_key_takes_effect),
          T(hosts_redirects_and_limits_are_live_too),
          T(a_broken_file_leaves_the_old_settings),
          T(a_file_that_went_away_leaves_the_old_settings),
          T(a_restart_key_says_so_until_it_is_taken_back),
          T(set_wins_over_the_file_after_a_reload_too),
          T(sighup_without_a_file_changes_nothing),
          T(no_request_is_lost_while_good_and_broken_files_alternate))

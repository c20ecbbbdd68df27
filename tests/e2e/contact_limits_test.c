/* SPDX-License-Identifier: MIT */
/*
 * How often a client may write, who a client is, and what an Idempotency-Key and the honeypot do.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"

#include <stdlib.h>

static void assert_refused(struct fixture *f, const struct reply *r, const char *code)
{
    const char *wait = reply_field(r, "retry-after");

    assert_error(f, r, 429, code);
    assert_non_null(wait);
    assert_in_range(strtol(wait, NULL, 10), 1, 3600);
}

TEST(the_eleventh_submission_in_a_minute_is_429)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=10/h"));

    for (int i = 0; i < 10; i++)
        assert_status(post_json(s, ADA), 201);
    assert_refused(f, post_json(s, ADA), "rate_limited");
    assert_refused(f, post_form(s, ADA_FORM), "rate_limited");
    assert_status(get(s, "/contact"), 200);
    assert_metric(s, CONTACT_REJECTED("rate_client"), 2);
    assert_metric(s, SUBMISSIONS, 10);
}

TEST(ten_a_minute_is_the_default)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    int n = 0;
    const struct reply *r;

    while ((r = post_json(s, ADA))->status == 201)
        n++;
    assert_refused(f, r, "rate_limited");
    assert_in_range(strtol(reply_field(r, "retry-after"), NULL, 10), 1, 6);
    assert_true(n >= 10); /* one more for each six seconds that have passed */
}

TEST(refused_submissions_use_up_the_limit_too)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=3/h"));

    assert_status(post_json(s, "{}"), 422);
    assert_status(post_json(s, "{"), 400);
    assert_status(post_json(s, ADA), 201);
    assert_refused(f, post_json(s, ADA), "rate_limited");
}

static const struct reply *post_as(struct server *s, const char *header, const char *source)
{
    return ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, header), .body = ADA,
               .source = source);
}

TEST(each_client_has_a_limit_of_its_own)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=1/h"));

    assert_status(post_as(s, "X: 1", "127.0.0.1"), 201);
    assert_status(post_as(s, "X: 1", "127.0.0.2"), 201);
    assert_refused(f, post_as(s, "X: 1", "127.0.0.1"), "rate_limited");
    assert_refused(f, post_as(s, "X: 1", "127.0.0.2"), "rate_limited");
}

TEST(a_trusted_proxy_names_the_client_and_ipv6_counts_by_64)
{
    static const struct {
        const char *header;
        int status;
    } cases[] = {
        {"X-Real-IP: 192.0.2.1",              201},
        {"X-Real-IP: 192.0.2.1",              429},
        {"X-Real-IP: 192.0.2.2",              201},
        {"X-Real-IP: 2001:db8:0:1::1",        201},
        {"X-Real-IP: 2001:db8:0:1::2",        429},
        {"X-Real-IP: 2001:DB8:0:1:ffff::",    429},
        {"X-Real-IP: 2001:db8:0:2::1",        201},
        {"X-Real-IP: ::ffff:192.0.2.2",       429},
        {"X-Forwarded-For: 192.0.2.9",        201}, /* not the configured field: the proxy itself */
        {"X-Forwarded-For: 192.0.2.10",       429},
        {"X-Real-IP: nonsense",               429}, /* unreadable: the proxy itself */
        {"X-Real-IP: 192.0.2.77, 192.0.2.78", 429},
    };
    struct server *s = server_start(*state, SETS("contact.rate=1/h", "trusted_proxies=127.0.0.1"));

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = post_as(s, cases[i].header, NULL);

        if (r->status != cases[i].status)
            print_error("%s\n", cases[i].header);
        assert_status(r, cases[i].status);
    }
    assert_metric(s, "http_untrusted_forwarded_total", 0);
}

TEST(the_name_of_the_header_is_configured)
{
    struct server *s = server_start(*state, SETS("contact.rate=1/h", "trusted_proxies=127.0.0.0/8",
                                                 "client_ip_header=X-Client"));

    assert_status(post_as(s, "x-client: 192.0.2.1", NULL), 201);
    assert_status(post_as(s, "X-CLIENT: 192.0.2.2", NULL), 201);
    assert_status(post_as(s, "X-Client: 192.0.2.1", NULL), 429);
}

TEST(a_peer_that_is_not_trusted_names_nobody)
{
    static const char *const spoofs[] = {"X-Real-IP: 192.0.2.1", "X-Forwarded-For: 192.0.2.2",
                                         "Forwarded: for=192.0.2.3", "CF-Connecting-IP: 192.0.2.4",
                                         "X-Real-IP: 192.0.2.5"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=1/h"));
    size_t n = 0;

    assert_status(post_as(s, "X: 1", NULL), 201);
    for (size_t i = 0; i < ARRAY_LEN(spoofs); i++, n++)
        assert_refused(f, post_as(s, spoofs[i], NULL), "rate_limited");
    assert_metric(s, "http_untrusted_forwarded_total", (double)n);
    assert_json(f, log_event_wait(s, "untrusted_forwarding_header"), "peer", "127.0.0.1");
}

TEST(the_limit_of_all_together_counts_everybody)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate_total=2/h"));

    assert_status(post_as(s, "X: 1", "127.0.0.1"), 201);
    assert_status(post_as(s, "X: 1", "127.0.0.2"), 201);
    assert_refused(f, post_as(s, "X: 1", "127.0.0.3"), "rate_limited_total");
    assert_metric(s, CONTACT_REJECTED("rate_total"), 1);
    assert_metric(s, CONTACT_REJECTED("rate_client"), 0);
}

/* ---- keys ---- */

static const char *stored(struct server *s)
{
    return server_command(s, ARGS("contacts", "export", "--format", "json", "--flagged"))->out;
}

static const struct reply *post_keyed(struct server *s, const char *key, const char *body)
{
    return ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, key), .body = body);
}

TEST(the_same_key_and_body_give_the_same_id_and_count_once)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const struct reply *first = post_keyed(s, "Idempotency-Key: k-1", ADA), *again;

    assert_status(first, 201);
    again = post_keyed(s, "idempotency-key: \"k-1\"", ADA); /* quoted, as the draft has it */
    assert_status(again, 201);
    assert_string_equal(again->body, first->body);
    /* Other bytes, same fields. */
    again = post_keyed(s, "Idempotency-Key: k-1",
                       "{\"message\":\"Hello\", \"email\":\"ada@example.com\", \"name\":\"Ada\"}");
    assert_string_equal(again->body, first->body);
    assert_metric(s, "contact_replays_total", 2);
    assert_metric(s, SUBMISSIONS, 1);
    server_stop(s);
    server_again(s);
    assert_string_equal(post_keyed(s, "Idempotency-Key: k-1", ADA)->body, first->body);
    assert_int_equal(json_size(f, stored(s), ""), 1);
    assert_metric(s, SUBMISSIONS, 0);
}

TEST(the_same_key_with_another_body_is_422)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));

    assert_status(post_keyed(s, "Idempotency-Key: k", ADA), 201);
    assert_error(f,
                 post_keyed(s, "Idempotency-Key: k",
                            "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Bye\"}"),
                 422, "idempotency_key_reused");
    assert_metric(s, CONTACT_REJECTED("key_reused"), 1);
    assert_status(post_keyed(s, "Idempotency-Key: K", ADA), 201); /* case counts */
    assert_int_equal(json_size(f, stored(s), ""), 2);
}

TEST(a_key_that_is_none_is_422)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *const keys[] = {"Idempotency-Key: a b", "Idempotency-Key: \"\"",
                                "Idempotency-Key: a\\b", "Idempotency-Key: \xc3\xa4",
                                textf(f, "Idempotency-Key: %0129d", 1)};
    const struct reply *r;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        r = post_keyed(s, keys[i], ADA);
        assert_error(f, r, 422, "invalid");
        assert_non_null(json_find(f, r->body, "error.fields.idempotency_key"));
    }
    r = ASK(s, .path = "/contact", .body = ADA,
            .headers = HEADERS(JSON_TYPE, "Idempotency-Key: a", "Idempotency-Key: a"));
    assert_error(f, r, 422, "invalid");
    assert_status(post_keyed(s, textf(f, "Idempotency-Key: %0128d", 1), ADA), 201);
}

TEST(a_form_that_is_sent_twice_is_stored_once)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *page = get(s, "/contact")->body;
    const char *key = strstr(page, "name=\"idempotency_key\" type=\"hidden\" value=\"");
    const char *form;

    assert_non_null(key);
    key += strlen("name=\"idempotency_key\" type=\"hidden\" value=\"");
    form = textf(f, "%s&idempotency_key=%.*s", ADA_FORM, (int)strcspn(key, "\""), key);
    assert_status(post_form(s, form), 303);
    assert_status(post_form(s, form), 303);
    assert_metric(s, "contact_replays_total", 1);
    assert_int_equal(json_size(f, stored(s), ""), 1);
}

TEST(a_filled_honeypot_is_kept_and_flagged_and_looks_like_success)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_status(post_form(s, ADA_FORM "&website_url=http%3A%2F%2Fspam"), 303);
    assert_status(
        post_json(s,
                  "{\"name\":\"Bot\",\"email\":\"b@b.c\",\"message\":\"m\",\"website_url\":\"x\"}"),
        201);
    assert_status(
        post_json(s,
                  "{\"name\":\"Eve\",\"email\":\"e@b.c\",\"message\":\"m\",\"website_url\":\"\"}"),
        201);
    assert_int_equal(json_size(f, stored(s), ""), 3);
    assert_json(f, stored(s), "0.flagged", "true");
    assert_json(f, stored(s), "1.flagged", "true");
    assert_json(f, stored(s), "2.flagged", "false");
    assert_lacks(server_command(s, ARGS("contacts", "list"))->out, "Bot");
    assert_contains(server_command(s, ARGS("contacts", "list"))->out, "Eve");
    assert_contains(server_command(s, ARGS("contacts", "list", "--flagged"))->out, "Bot");
    assert_lacks(server_command(s, ARGS("contacts", "export", "--format", "csv"))->out, "Bot");
}

RUN_TESTS(T(the_eleventh_submission_in_a_minute_is_429),
          T(ten_a_minute_is_the_default),
          T(refused_submissions_use_up_the_limit_too),
          T(each_client_has_a_limit_of_its_own),
          T(a_trusted_proxy_names_the_client_and_ipv6_counts_by_64),
          T(the_name_of_the_header_is_configured),
          T(a_peer_that_is_not_trusted_names_nobody),
          T(the_limit_of_all_together_counts_everybody),
          T(the_same_key_and_body_give_the_same_id_and_count_once),
          T(the_same_key_with_another_body_is_422),
          T(a_key_that_is_none_is_422),
          T(a_form_that_is_sent_twice_is_stored_once),
          T(a_filled_honeypot_is_kept_and_flagged_and_looks_like_success))

/* SPDX-License-Identifier: MIT */
/* What happens to a submission: limits, refusals, the store's answers, and the books. */
#include "tests/unit/api/fake.h"

#include <stdio.h>

static const char good[] = "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hello\"}";
static const char good_form[] = "name=Ada&email=ada%40example.com&message=Hello";

static const char *const reasons[] = {"invalid",     "malformed",  "media_type", "too_large",
                                      "rate_client", "rate_total", "key_reused", "store"};

/* Posts `body` from memory that is gone when the handler returns. */
static void post(struct fake *f, const char *type, const char *body)
{
    size_t n = strlen(body);
    char *copy = must_calloc(n + 1, 1);

    memcpy(copy, body, n + 1);
    fake_request(f, HTTP_POST);
    f->rq.head.content_type = slice_str(type);
    f->rq.body = (struct slice){copy, n};
    contact_post(&f->rq, &f->api);
    f->rq.body = SLICE_NONE;
    free(copy);
}

static void post_json(struct fake *f, const char *body)
{
    post(f, "application/json", body);
}

static void post_form(struct fake *f, const char *body)
{
    post(f, "application/x-www-form-urlencoded", body);
}

/* The loop's part: runs what pending_resume handed over. */
static void resume(struct fake *f, struct request *rq)
{
    struct pending *p = f->loop.resumed;

    assert_non_null(p);
    f->loop.resumed = NULL;
    f->rq.pending = NULL;
    p->fn(rq, p);
}

/* The store's part: the job comes back with `result`. */
static void done(struct fake *f, enum store_result result)
{
    struct store_job *job = f->store.job;

    assert_non_null(job);
    assert_int_equal(f->sent, 0);
    f->store.job = NULL;
    job->result = result;
    job->done(job);
}

static void finish(struct fake *f, enum store_result result)
{
    done(f, result);
    assert_int_equal(f->sent, 0);
    resume(f, &f->rq);
}

static uint64_t submissions(const struct fake *f, const char *source)
{
    struct slice values[] = {slice_str(source), f->api.service};

    return metric_value(f->api.registry,
                        series_get(f->api.registry, METRIC_CONTACT_SUBMISSIONS, values));
}

/* Exactly one rejection so far, for this reason. */
static void expect_rejected(const struct fake *f, const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        assert_int_equal(fake_count(f, METRIC_CONTACT_REJECTIONS, reasons[i]),
                         strcmp(reasons[i], reason) == 0);
}

static void expect_error(const struct fake *f, unsigned status, const char *code)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->rq.status, status);
    assert_true(answer_has(f, buf_cstr(&b)));
    assert_true(answer_has(f, "\"correlation_id\":\"test-id\"}"));
    buf_release(&b);
}

TEST(all_series_are_there_before_the_first_submission)
{
    struct fake f;

    fake_init(&f);
    assert_int_equal(registry_series(f.api.registry, METRIC_CONTACT_REJECTIONS),
                     ARRAY_LEN(reasons));
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        assert_int_equal(fake_count(&f, METRIC_CONTACT_REJECTIONS, reasons[i]), 0);
    assert_int_equal(registry_series(f.api.registry, METRIC_CONTACT_REJECTIONS),
                     ARRAY_LEN(reasons));
    assert_true(registry_series(f.api.registry, METRIC_CONTACT_SUBMISSIONS) >= 1);
    fake_release(&f);
}

TEST(a_submission_is_answered_and_counted_after_its_commit)
{
    struct fake f;
    char expected[128];

    fake_init(&f);
    post_json(&f, good);
    assert_int_equal(f.sent, 0);
    assert_int_equal(submissions(&f, "website"), 0);
    assert_non_null(f.store.job);
    assert_int_equal(strlen(f.store.job->sub.id), ID_LEN);
    (void)snprintf(expected, sizeof(expected), "{\"id\":\"%s\",\"status\":\"received\"}",
                   f.store.job->sub.id);
    finish(&f, STORE_STORED);
    expect_answer(&f, 201, expected);
    assert_true(slice_eq(f.rq.content_type, SLICE_LIT("application/json")));
    assert_null(fake_header(&f, "location"));
    assert_int_equal(submissions(&f, "website"), 1);
    expect_rejected(&f, "none");
    fake_release(&f);
}

TEST(the_store_gets_every_byte_as_sent)
{
    static const struct {
        bool form;
        const char *body, *message;
    } cases[] = {
        {false,
         "{\"name\":\" \\u00c9va \",\"email\":\"A@b\",\"message\":\"\\n'; DROP TABLE x;--\\r\\n\\ud83d\\ude00\",\"source\":\"blog_2\"}",
         "\n'; DROP TABLE x;--\r\n\xf0\x9f\x98\x80"},
        {true,  "name=+%C3%89va+&email=A%40b&message=%0D%0A%F0%9F%98%80%09&source=blog_2",
         "\r\n\xf0\x9f\x98\x80\t"                  },
    };
    struct fake f;

    fake_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct submission *sub;

        if (cases[i].form)
            post_form(&f, cases[i].body);
        else
            post_json(&f, cases[i].body);
        sub = &f.store.job->sub;
        assert_true(slice_eq(sub->name, SLICE_LIT(" \xc3\x89va ")));
        assert_true(slice_eq(sub->email, SLICE_LIT("A@b")));
        assert_true(slice_eq(sub->message, slice_str(cases[i].message)));
        assert_true(slice_eq(sub->source, SLICE_LIT("blog_2")));
        assert_true(slice_eq(sub->correlation_id, SLICE_LIT("test-id")));
        assert_int_equal(sub->received_ms, UINT64_C(1760000000123));
        assert_int_equal(sub->key.n, 0);
        assert_false(sub->flagged);
        finish(&f, STORE_STORED);
    }
    assert_int_equal(submissions(&f, "blog_2"), 2);
    assert_int_equal(submissions(&f, "website"), 0);
    fake_release(&f);
}

TEST(a_message_of_10000_characters_of_four_bytes_is_stored_whole)
{
    struct buf b = BUF_INIT;
    struct fake f;

    fake_init(&f);
    buf_add_str(&b, "{\"name\":\"Ada\",\"email\":\"a@b\",\"message\":\"");
    for (size_t i = 0; i < 10000; i++)
        buf_add_str(&b, i % 2 == 0 ? "\xf0\x9f\x98\x80" : "\\ud83d\\ude00");
    buf_add_str(&b, "\"}");
    post_json(&f, buf_cstr(&b));
    assert_int_equal(f.store.job->sub.message.n, 40000);
    for (size_t i = 0; i < 10000; i++)
        assert_memory_equal(f.store.job->sub.message.p + 4 * i, "\xf0\x9f\x98\x80", 4);
    finish(&f, STORE_STORED);
    assert_int_equal(f.rq.status, 201);
    buf_release(&b);
    fake_release(&f);
}

TEST(a_form_is_answered_with_the_configured_redirect)
{
    struct fake f;

    fake_init(&f);
    post_form(&f, good_form);
    f.live.contact_redirect = SLICE_LIT("https://example.com/thanks"); /* reloaded meanwhile */
    finish(&f, STORE_STORED);
    expect_answer(&f, 303, "");
    expect_header(&f, "location", "https://example.com/thanks");
    post_form(&f, good_form);
    finish(&f, STORE_REPLAYED);
    assert_int_equal(f.rq.status, 303);
    fake_release(&f);
}

TEST(a_filled_honeypot_is_stored_flagged_and_answered_alike)
{
    struct fake f;

    fake_init(&f);
    post_json(&f, "{\"name\":\"Ada\",\"email\":\"a@b\",\"message\":\"x\",\"website_url\":\"y\"}");
    assert_true(f.store.job->sub.flagged);
    finish(&f, STORE_STORED);
    assert_int_equal(f.rq.status, 201);
    post_form(&f, "name=Ada&email=a%40b&message=x&website_url=y");
    assert_true(f.store.job->sub.flagged);
    finish(&f, STORE_STORED);
    assert_int_equal(f.rq.status, 303);
    assert_int_equal(submissions(&f, "website"), 2);
    fake_release(&f);
}

TEST(a_replay_is_answered_with_the_earlier_id_and_counted_apart)
{
    struct fake f;

    fake_init(&f);
    post_form(&f, "name=Ada&email=a%40b&message=x&idempotency_key=k1");
    assert_true(slice_eq(f.store.job->sub.key, SLICE_LIT("k1")));
    finish(&f, STORE_STORED);
    post_json(&f, good);
    memcpy(f.store.job->sub.id, "01234567-89ab-7cde-8f01-23456789abcd", ID_LEN);
    finish(&f, STORE_REPLAYED);
    expect_answer(&f, 201,
                  "{\"id\":\"01234567-89ab-7cde-8f01-23456789abcd\",\"status\":\"received\"}");
    assert_int_equal(submissions(&f, "website"), 1);
    assert_int_equal(fake_count(&f, METRIC_CONTACT_REPLAYS, NULL), 1);
    expect_rejected(&f, "none");
    fake_release(&f);
}

TEST(the_same_submission_has_the_same_fingerprint_in_json_and_form)
{
    uint8_t first[STORE_FINGERPRINT];
    struct fake f;

    fake_init(&f);
    post_json(&f, good);
    memcpy(first, f.store.job->sub.fingerprint, sizeof(first));
    finish(&f, STORE_STORED);
    post_form(&f, "source=website&message=Hello&email=ada%40example.com&name=Ada&website_url=");
    assert_memory_equal(first, f.store.job->sub.fingerprint, sizeof(first));
    finish(&f, STORE_STORED);
    post_form(&f, "name=Ada&email=ada%40example.com&message=hello");
    assert_memory_not_equal(first, f.store.job->sub.fingerprint, sizeof(first));
    finish(&f, STORE_STORED);
    fake_release(&f);
}

TEST(a_reused_key_is_422)
{
    struct fake f;

    fake_init(&f);
    post_json(&f, good);
    finish(&f, STORE_KEY_REUSED);
    expect_error(&f, 422, "idempotency_key_reused");
    expect_rejected(&f, "key_reused");
    assert_int_equal(submissions(&f, "website"), 0);
    fake_release(&f);
}

TEST(a_failed_commit_is_503_with_retry_after)
{
    struct fake f;

    fake_init(&f);
    post_json(&f, good);
    finish(&f, STORE_FAILED);
    expect_error(&f, 503, "store_unavailable");
    expect_header(&f, "retry-after", "5");
    expect_rejected(&f, "store");
    assert_int_equal(submissions(&f, "website"), 0);
    fake_release(&f);
}

TEST(a_store_that_takes_nothing_is_503_with_retry_after)
{
    static const struct {
        enum store_refusal refusal;
        const char *code, *retry;
    } cases[] = {
        {STORE_FULL, "store_busy",        "1"},
        {STORE_DOWN, "store_unavailable", "5"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;

        fake_init(&f);
        f.store.refusal = cases[i].refusal;
        post_form(&f, good_form);
        assert_null(f.store.job);
        resume(&f, &f.rq);
        expect_error(&f, 503, cases[i].code);
        expect_header(&f, "retry-after", cases[i].retry);
        expect_rejected(&f, "store");
        assert_false(f.rq.limited);
        fake_release(&f);
    }
}

TEST(a_submission_counts_when_its_sender_has_left)
{
    struct fake f;

    fake_init(&f);
    post_json(&f, good);
    done(&f, STORE_STORED);
    resume(&f, NULL);
    assert_int_equal(f.sent, 0);
    assert_int_equal(submissions(&f, "website"), 1);
    post_json(&f, good);
    done(&f, STORE_FAILED);
    resume(&f, NULL);
    expect_rejected(&f, "store");
    fake_release(&f);
}

TEST(one_client_may_send_so_many_and_is_told_when_again)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_rate = (struct rate){2, 60 * NS_PER_SEC};
    for (size_t i = 0; i < 2; i++) {
        post_json(&f, good);
        finish(&f, STORE_STORED);
    }
    post_json(&f, good);
    assert_null(f.store.job);
    expect_error(&f, 429, "rate_limited");
    expect_header(&f, "retry-after", "30");
    assert_true(f.rq.limited);
    expect_rejected(&f, "rate_client");
    fake_release(&f);
}

TEST(refused_submissions_use_up_the_limit_too)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_rate = (struct rate){1, 60 * NS_PER_SEC};
    post_json(&f, "{");
    assert_int_equal(f.rq.status, 400);
    post_json(&f, good);
    expect_error(&f, 429, "rate_limited");
    fake_release(&f);
}

TEST(the_limit_of_all_is_told_from_a_clients_own)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_rate_total = (struct rate){1, NS_PER_SEC};
    post_json(&f, good);
    finish(&f, STORE_STORED);
    post_json(&f, good);
    assert_null(f.store.job);
    expect_error(&f, 429, "rate_limited_total");
    expect_header(&f, "retry-after", "1");
    assert_false(f.rq.limited); /* users were refused: the SLO counts it */
    expect_rejected(&f, "rate_total");
    fake_release(&f);
}

TEST(bodies_that_cannot_be_read_are_refused_and_counted)
{
    static const struct {
        const char *type, *body;
        unsigned status;
        const char *code, *reason;
    } cases[] = {
        {"application/json",                  "{",                 400, "malformed",              "malformed" },
        {"application/json",                  "",                  400, "malformed",              "malformed" },
        {"application/json",                  "{\"a\":1,\"a\":1}", 422, "invalid",                "invalid"   },
        {"application/json",                  "[]",                422, "invalid",                "invalid"   },
        {"application/x-www-form-urlencoded", "a=%",               400, "malformed",              "malformed" },
        {"application/x-www-form-urlencoded", "a=1&a=2",           422, "invalid",                "invalid"   },
        {"text/plain",                        "hello",             415, "unsupported_media_type", "media_type"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;

        fake_init(&f);
        post(&f, cases[i].type, cases[i].body);
        assert_null(f.store.job);
        expect_error(&f, cases[i].status, cases[i].code);
        expect_rejected(&f, cases[i].reason);
        assert_int_equal(fake_header(&f, "accept") != NULL, cases[i].status == 415);
        assert_false(answer_has(&f, "\"fields\""));
        fake_release(&f);
    }
}

TEST(wrong_fields_are_all_named_and_never_echoed)
{
    struct fake f;

    fake_init(&f);
    post_json(&f, "{\"name\":7,\"email\":\"<script>\",\"source\":\"<script>\"}");
    assert_null(f.store.job);
    expect_error(&f, 422, "invalid");
    assert_true(answer_has(&f, "\"fields\":{\"name\":\"must be a string\",\"email\":\"must be an "
                               "e-mail address such as ada@example.com, of at most 254 "
                               "characters\",\"message\":\"is required\",\"source\":\"must be 1 to "
                               "32 of a-z, 0-9, '_' and '-'\"}"));
    assert_false(answer_has(&f, "script"));
    expect_rejected(&f, "invalid");
    fake_release(&f);
}

TEST(a_bad_key_is_422_and_names_the_field)
{
    struct fake f;

    fake_init(&f);
    post_form(&f, "name=Ada&email=a%40b&message=x&idempotency_key=a+b");
    expect_error(&f, 422, "invalid");
    assert_true(answer_has(&f, "\"fields\":{\"idempotency_key\":\"must be 1 to 128 "));
    fake_release(&f);
}

TEST(the_message_limit_is_the_configured_one)
{
    struct fake f;

    fake_init(&f);
    f.live.contact_max_message = 4;
    post_json(&f, good);
    expect_error(&f, 422, "invalid");
    assert_true(answer_has(&f, "\"message\":\"must have 1 to 4 characters"));
    f.live.contact_max_message = 5;
    post_json(&f, good);
    finish(&f, STORE_STORED);
    assert_int_equal(f.rq.status, 201);
    fake_release(&f);
}

TEST(a_body_that_is_too_large_is_counted_but_not_answered_here)
{
    struct fake f;

    fake_init(&f);
    contact_too_large(&f.rq, &f.api);
    assert_int_equal(f.sent, 0);
    expect_rejected(&f, "too_large");
    fake_release(&f);
}

RUN_TESTS(T(all_series_are_there_before_the_first_submission),
          T(a_submission_is_answered_and_counted_after_its_commit),
          T(the_store_gets_every_byte_as_sent),
          T(a_message_of_10000_characters_of_four_bytes_is_stored_whole),
          T(a_form_is_answered_with_the_configured_redirect),
          T(a_filled_honeypot_is_stored_flagged_and_answered_alike),
          T(a_replay_is_answered_with_the_earlier_id_and_counted_apart),
          T(the_same_submission_has_the_same_fingerprint_in_json_and_form),
          T(a_reused_key_is_422),
          T(a_failed_commit_is_503_with_retry_after),
          T(a_store_that_takes_nothing_is_503_with_retry_after),
          T(a_submission_counts_when_its_sender_has_left),
          T(one_client_may_send_so_many_and_is_told_when_again),
          T(refused_submissions_use_up_the_limit_too),
          T(the_limit_of_all_is_told_from_a_clients_own),
          T(bodies_that_cannot_be_read_are_refused_and_counted),
          T(wrong_fields_are_all_named_and_never_echoed),
          T(a_bad_key_is_422_and_names_the_field),
          T(the_message_limit_is_the_configured_one),
          T(a_body_that_is_too_large_is_counted_but_not_answered_here))

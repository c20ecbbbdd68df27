/* SPDX-License-Identifier: MIT */
/*
 * What people find in their mailboxes: a real Alertmanager with the production routes and the
 * receivers of tools/secrets.sh, and a real mail server that wants TLS and a login. Waits of the
 * routes are scaled (lib/scale.py).
 */
#include "tests/e2e/lib/client.h"
#include "tests/stack/lib/secrets.h"
#include "tests/stack/lib/sink.h"
#include "tests/stack/lib/stack.h"

#include <signal.h>

enum { PORT = 9093 };
#define FACTOR "50"
#define PASSWORD "it's \"$ecret\" # \\ \xc3\xbc {{ . }}"

static const char login[] = "you:" PASSWORD;
static const char settings[] =
    "ALERT_EMAIL=you@example.com,me@example.com|OWNER_EMAIL=owner@example.com|"
    "SMTP_HOST=localhost:2525|SMTP_FROM=sidelight@example.com|SMTP_USER=you|SMTP_PASSWORD=" PASSWORD;

static void stop(void *arg)
{
    pid_t *pid = arg;
    int status = 0;

    (void)kill(*pid, SIGTERM);
    (void)process_wait(*pid, DEADLINE_MS, &status);
}

/* A certificate for localhost, of nobody's. */
static const char *certificate(struct fixture *f)
{
    const char *file = in_dir(f, "cert.pem");
    const struct outcome *o =
        run(f,
            ARGS("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                 "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                 in_dir(f, "key.pem"), "-out", file),
            NULL);

    assert_int_equal(o->status, 0);
    return file;
}

static bool answers(void)
{
    struct reply r = {.status = 0};
    bool ok =
        ask_port(PORT, &(struct ask){.path = "/-/ready"}, &r) == SENT_ANSWERED && r.status == 200;

    reply_release(&r);
    return ok;
}

/* Alertmanager with all of a person's settings; its mails arrive at the sink. */
static struct sink *start(struct fixture *f)
{
    const char *cert = certificate(f), *files = in_dir(f, "files"), *secrets = in_dir(f, "secrets");
    struct sink *sink = sink_start(f, NULL,
                                   ARGS("--smtp", "127.0.0.1:2525", "--login", login, "--tls",
                                        textf(f, "%s:%s", cert, in_dir(f, "key.pem"))));
    pid_t *pid = keep(f, sizeof(*pid));

    assert_int_equal(run(f, ARGS("tests/stack/lib/scale.py", FACTOR, ".", files), NULL)->status, 0);
    (void)must_make_secrets(f, settings, textf(f, "--files|%s", files));
    *pid = process_start(&(struct process_options){
        .argv = ARGS("prometheus-alertmanager",
                     "--cluster.listen-address=", "--web.listen-address=127.0.0.1:9093",
                     textf(f, "--config.file=%s/alertmanager.yml", secrets),
                     textf(f, "--storage.path=%s", in_dir(f, "data"))),
        .env = ARGS(textf(f, "SSL_CERT_FILE=%s", cert)),
        .in = PROCESS_CLOSED,
        .out = PROCESS_CLOSED,
        .err = PROCESS_CLOSED,
    });
    at_end(f, stop, pid);
    EVENTUALLY(answers());
    return sink;
}

/* As Prometheus says it: `more` is what else stands in the alert. */
static void say(struct fixture *f, const char *labels, const char *more)
{
    struct reply *r = reply_keep(f);
    const char *body = textf(f,
                             "[{\"labels\":{%s,\"service\":\"sidelight\"},\"annotations\":{"
                             "\"summary\":\"The sum of it\",\"description\":\"What is wrong.\","
                             "\"runbook_url\":\"https://example.com/runbook#it\","
                             "\"dashboard_url\":\"https://example.com/grafana/d/it\"}%s}]",
                             labels, more);

    assert_int_equal(
        ask_port(
            PORT,
            &(struct ask){.path = "/api/v2/alerts", .headers = HEADERS(JSON_TYPE), .body = body},
            r),
        SENT_ANSWERED);
    assert_status(r, 200);
}

#define PAGE "\"alertname\":\"SidelightDown\",\"severity\":\"page\""
#define TICKET "\"alertname\":\"LogLinesDropped\",\"severity\":\"ticket\""
#define CONTACT \
    "\"alertname\":\"ContactReceived\",\"severity\":\"info\",\"source\":\"ada@example.com says hello\""

static const char *mail_with(struct sink *s, const char *part)
{
    EVENTUALLY(sink_find(s, "mails", ARGS(part)) != NULL);
    return sink_find(s, "mails", ARGS(part));
}

static bool can_run(void)
{
    const char *why = environment("STACK_NO_WORLD");

    if (why != NULL)
        print_message("no ports of its own here: %s\n", why);
    return why == NULL;
}

TEST(a_page_and_a_ticket_come_with_what_to_do_and_the_end_of_it_is_told_too)
{
    struct fixture *f = *state;
    struct sink *s;
    const char *mail;

    if (!can_run())
        skip();
    s = start(f);
    say(f, PAGE, "");
    mail = mail_with(s, "PAGE: ");
    assert_json(f, mail, "subject", "PAGE: The sum of it");
    assert_json(f, mail, "from", "sidelight@example.com");
    assert_json(f, mail, "to", "[\"you@example.com\",\"me@example.com\"]");
    assert_json(f, mail, "tls", "true");
    assert_json(f, mail, "login.0", "you");
    assert_json(f, mail, "login.1", PASSWORD);
    assert_contains(json_text(f, mail, "text"), "What is wrong.");
    assert_contains(json_text(f, mail, "text"), "SidelightDown (page)");
    assert_contains(json_text(f, mail, "text"), "What to do: https://example.com/runbook#it\n");
    assert_contains(json_text(f, mail, "text"), "Dashboard:  https://example.com/grafana/d/it\n");
    say(f, TICKET, "");
    assert_contains(json_text(f, mail_with(s, "Ticket: "), "text"), "LogLinesDropped (ticket)");
    say(f, PAGE, ",\"endsAt\":\"2020-01-01T00:00:00Z\"");
    assert_contains(json_text(f, mail_with(s, "Resolved: "), "text"), "RESOLVED: The sum of it");
}

TEST(the_owner_is_told_that_a_contact_came_in_and_where_to_read_it_and_nothing_of_it)
{
    struct fixture *f = *state;
    struct sink *s;
    const char *mail, *text;

    if (!can_run())
        skip();
    s = start(f);
    say(f, CONTACT, "");
    mail = mail_with(s, "owner@example.com");
    text = json_text(f, mail, "text");
    assert_json(f, mail, "subject", "The sum of it");
    assert_json(f, mail, "to", "[\"owner@example.com\"]");
    assert_contains(text, "sidelight contacts list");
    /* A label's value may come from whoever wrote. */
    assert_lacks(mail, "ada@example.com");
    assert_lacks(mail, "says hello");
}

STACK_TESTS(T(a_page_and_a_ticket_come_with_what_to_do_and_the_end_of_it_is_told_too),
            T(the_owner_is_told_that_a_contact_came_in_and_where_to_read_it_and_nothing_of_it))

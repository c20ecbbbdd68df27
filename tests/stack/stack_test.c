/* SPDX-License-Identifier: MIT */
/*
 * tools/stack.sh as the other tests use it: networks, names, services that end and start, and a
 * contact's whole way.
 */
#include "tests/stack/lib/stack.h"

#include <math.h>
#include <signal.h>

TEST(a_contact_sent_through_caddy_shows_in_prometheus)
{
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){0});
    const char *ops[] = {stack_authorization(s), NULL};

    assert_status(
        ASK_TUNNEL(s, NULL, .path = "/contact", .headers = HEADERS(JSON_TYPE), .body = ADA), 201);
    EVENTUALLY(prom_value(s, "sum(contact_submissions_total)") == 1);
    assert_true(prom_value(s, "up{job=\"sidelight\"}") == 1);
    assert_true(isnan(prom_value(s, "up{job=\"cloudflared\"}")));
    assert_lacks(
        ASK_IN(s, "prometheus", "127.0.0.1", 9090, .path = "/prometheus/api/v1/labels")->body,
        "\"exported_"); /* a target's label would have taken the name of ours */

    assert_status(ASK_TUNNEL(s, NULL, .path = "/metrics"), 404);
    assert_status(ASK_TUNNEL(s, NULL, .path = "/prometheus/-/ready"), 404);
    assert_status(ASK_TUNNEL(s, NULL, .path = "/prometheus/api/v1/query?query=1"), 401);
    assert_status(ASK_TUNNEL(s, NULL, .path = "/prometheus/api/v1/query?query=1", .headers = ops),
                  200);
}

TEST(the_production_files_run_byte_for_byte)
{
    static const struct {
        const char *file, *copy;
    } files[] = {
        {"Caddyfile",                   "caddy/Caddyfile"            },
        {"config/sidelight.yaml",       "sidelight/sidelight.yaml"   },
        {"prometheus/prometheus.yml",   "prometheus/prometheus.yml"  },
        {"slo-rules.yml",               "prometheus/slo-rules.yml"   },
        {"prometheus/compat-rules.yml", "prometheus/compat-rules.yml"},
        {"prometheus/blackbox.yml",     "blackbox/blackbox.yml"      },
    };
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){0});

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *want = read_file(f, files[i].file);

        assert_true(strlen(want) > 0);
        assert_string_equal(read_file(f, textf(f, "%s/etc/%s", s->dir, files[i].copy)), want);
    }
}

TEST(only_prometheus_can_connect_to_the_metrics)
{
    static const char *const others[] = {"cloudflared",  "caddy",    "grafana",
                                         "alertmanager", "blackbox", "sink"};
    static const char *const addresses[] = {FRONT_SIDELIGHT_1, FRONT_SIDELIGHT_2,
                                            SCRAPE_SIDELIGHT_1, SCRAPE_SIDELIGHT_2};
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight", .replicas = 2});
    struct reply none = {0};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        for (size_t j = 0; j < ARRAY_LEN(addresses); j++) {
            struct ask ask = {.path = "/metrics", .netns = others[i], .host = addresses[j]};

            if (ask_port(9091, &ask, &none) != SENT_REFUSED)
                fail_msg("%s can connect to %s:9091", others[i], addresses[j]);
        }
    /*
     * On its other address it does not even listen for Prometheus' neighbours; on this one it does.
     */
    assert_status(ASK_IN(s, "prometheus", SCRAPE_SIDELIGHT_1, 9091, .path = "/metrics"), 200);
    assert_status(ASK_IN(s, "prometheus", SCRAPE_SIDELIGHT_2, 9091, .path = "/metrics"), 200);
    assert_status(ASK_IN(s, "caddy", FRONT_SIDELIGHT_2, 8000, .path = "/health"), 200);
    /* What has no network with Sidelight reaches no port of it. */
    assert_int_equal(
        ask_port(
            8000,
            &(struct ask){.path = "/health", .netns = "cloudflared", .host = FRONT_SIDELIGHT_1},
            &none),
        SENT_REFUSED);
}

/* The addresses of a name, sorted, a blank behind each. */
static const char *resolve(struct fixture *f, const char *netns, const char *name)
{
    const char *net = textf(f, "--net=/run/netns/%s", netns);

    return run(f,
               ARGS("nsenter", net, "sh", "-c",
                    "getent ahostsv4 \"$1\" | sed -n 's/ *STREAM.*//p' | sort | tr '\\n' ' '", "sh",
                    name),
               NULL)
        ->out;
}

TEST(each_namespace_knows_the_names_on_its_own_networks)
{
    static const struct {
        const char *netns, *name, *addresses;
    } cases[] = {
        {"caddy",        "sidelight",         "172.31.251.17 172.31.251.18 "},
        {"caddy",        "prometheus",        "172.31.252.18 "              },
        {"caddy",        "grafana",           "172.31.252.17 "              },
        {"caddy",        "sidelight-metrics", ""                            },
        {"caddy",        "cloudflared",       ""                            },
        {"prometheus",   "sidelight-metrics", "172.31.253.17 172.31.253.18 "},
        {"prometheus",   "caddy",             "172.31.252.3 "               },
        {"prometheus",   "alertmanager",      "172.31.252.19 "              },
        {"prometheus",   "blackbox",          "172.31.252.20 "              },
        {"prometheus",   "example.com",       ""                            },
        {"blackbox",     "caddy",             "172.31.252.3 "               },
        {"blackbox",     "sidelight",         ""                            },
        {"alertmanager", "sink",              "172.31.255.4 "               },
        {"alertmanager", "sidelight",         ""                            },
        {"grafana",      "prometheus",        "172.31.252.18 "              },
        {"cloudflared",  "caddy",             "172.31.250.3 "               },
        {"cloudflared",  "prometheus",        "172.31.254.3 "               },
        {"cloudflared",  "sidelight",         ""                            },
        {"sidelight-2",  "sidelight-metrics", "172.31.253.17 172.31.253.18 "},
        {"sidelight-2",  "localhost",         "127.0.0.1 "                  },
    };
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight", .replicas = 2});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = resolve(f, cases[i].netns, cases[i].name);

        if (strcmp(got, cases[i].addresses) != 0)
            fail_msg("%s resolves %s to '%s'", cases[i].netns, cases[i].name, got);
    }
    stack_dns(s, "cloudflared", EDGE_TUNNEL " " TUNNEL_METRICS_TUNNEL);
    stack_dns(s, "sidelight", FRONT_SIDELIGHT_2);
    assert_string_equal(resolve(f, "caddy", "cloudflared"), EDGE_TUNNEL " ");
    assert_string_equal(resolve(f, "prometheus", "cloudflared"), TUNNEL_METRICS_TUNNEL " ");
    assert_string_equal(resolve(f, "caddy", "sidelight"), FRONT_SIDELIGHT_2 " ");
    assert_string_equal(resolve(f, "caddy", "prometheus"), "172.31.252.18 ");
    assert_string_equal(resolve(f, "prometheus", "sidelight-metrics"),
                        "172.31.253.17 172.31.253.18 ");
    stack_dns(s, "sidelight", "");
    assert_string_equal(resolve(f, "caddy", "sidelight"), "");
}

TEST(a_service_that_was_killed_starts_again_with_its_data)
{
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy"});
    const struct ask contact = {.path = "/contact", .headers = HEADERS(JSON_TYPE), .body = ADA};
    struct reply none = {0};

    assert_status(ask_tunnel(s, NULL, &contact), 201);
    stack_signal(s, "sidelight-1", SIGKILL);
    assert_int_equal(
        ask_port(8000,
                 &(struct ask){.path = "/health", .netns = "caddy", .host = FRONT_SIDELIGHT_1},
                 &none),
        SENT_REFUSED);
    stack_again(s, "sidelight-1");
    assert_status(ask_tunnel(s, NULL, &contact), 201);
    assert_int_equal(
        count_of(run(f,
                     ARGS(program(), "contacts", "export", "--format", "json", "--set",
                          textf(f, "store.path=%s/data/sidelight-1/sidelight.db", s->dir)),
                     NULL)
                     ->out,
                 "ada@example.com"),
        2);
    /* One that is stopped for good is no fault of the stack's. */
    stack_signal(s, "caddy", SIGTERM);
}

STACK_TESTS(T(a_contact_sent_through_caddy_shows_in_prometheus),
            T(the_production_files_run_byte_for_byte),
            T(only_prometheus_can_connect_to_the_metrics),
            T(each_namespace_knows_the_names_on_its_own_networks),
            T(a_service_that_was_killed_starts_again_with_its_data))

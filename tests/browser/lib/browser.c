/* SPDX-License-Identifier: MIT */
/* Chromium's switches are at https://peter.sh/experiments/chromium-command-line-switches/. */
#include "tests/browser/lib/browser.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* WebDriver's name for "this is an element" (12.2). */
#define ELEMENT "element-6066-11e4-a52e-4f735466cecf"

/*
 * No sandbox, since a world of tests has no rights to build one in; and nothing that asks the internet, or keeps anything
 * outside the profile.
 */
static const char switches[] =
    "\"--headless=new\",\"--no-sandbox\",\"--disable-dev-shm-usage\",\"--disable-gpu\","
    "\"--no-first-run\",\"--no-default-browser-check\",\"--disable-background-networking\","
    "\"--disable-component-update\",\"--disable-sync\",\"--disable-extensions\",\"--mute-audio\","
    "\"--disable-crash-reporter\",\"--hide-scrollbars\",\"--password-store=basic\","
    "\"--disable-features=Translate,OptimizationHints,MediaRouter\","
    "\"--lang=en\",\"--force-color-profile=srgb\"";

static const char *capabilities(struct fixture *f, const struct browser_options *opt)
{
    return textf(f,
                 "{\"goog:loggingPrefs\":{\"browser\":\"ALL\"},"
                 "\"timeouts\":{\"pageLoad\":%d,\"script\":%d},"
                 "\"goog:chromeOptions\":{\"args\":[%s,\"--user-data-dir=%s\"]%s}}",
                 DEADLINE_MS, DEADLINE_MS, switches, in_dir(f, "profile"),
                 opt->no_javascript
                     ? ",\"prefs\":{\"profile.managed_default_content_settings.javascript\":2}"
                     : "");
}

void browser_screen(struct browser *b, const struct browser_options *opt)
{
    unsigned width = opt->width > 0 ? opt->width : 1280,
             height = opt->height > 0 ? opt->height : 800;

    (void)browser_cdp(b, "Emulation.setDeviceMetricsOverride",
                      textf(b->f,
                            "{\"width\":%u,\"height\":%u,\"deviceScaleFactor\":%u,\"mobile\":%s}",
                            width, height, opt->phone ? 2 : 1, opt->phone ? "true" : "false"));
    if (opt->phone)
        (void)browser_cdp(b, "Emulation.setTouchEmulationEnabled", "{\"enabled\":true}");
    (void)browser_cdp(b, "Emulation.setEmulatedMedia",
                      textf(b->f,
                            "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"%s\"}]}",
                            opt->dark ? "dark" : "light"));
}

struct browser *browser_start(struct fixture *f, const struct browser_options *opt)
{
    static const struct browser_options plain = {0};
    struct browser *b = keep(f, sizeof(*b));
    const char *why = webdriver_missing(f);

    if (why != NULL) {
        print_message("skipped: %s\n", why);
        skip();
    }
    opt = opt != NULL ? opt : &plain;
    b->f = f;
    b->w = webdriver_start(f, capabilities(f, opt));
    browser_screen(b, opt);
    return b;
}

/* ---- pages ---- */

void browser_go(struct browser *b, const char *url)
{
    (void)webdriver_post(b->w, "/url", textf(b->f, "{\"url\":%s}", json_quote(b->f, url)));
}

void browser_reload(struct browser *b)
{
    (void)webdriver_post(b->w, "/refresh", "{}");
}

const char *browser_url(struct browser *b)
{
    return webdriver_get(b->w, "/url");
}

static const char *execute(struct browser *b, const char *how, const char *script)
{
    return webdriver_post(b->w, textf(b->f, "/execute/%s", how),
                          textf(b->f, "{\"script\":%s,\"args\":[]}", json_quote(b->f, script)));
}

const char *browser_run(struct browser *b, const char *script)
{
    return execute(b, "sync", script);
}

const char *browser_run_later(struct browser *b, const char *script)
{
    return execute(b, "async", textf(b->f, "const done = arguments[0]; %s", script));
}

void browser_wait(struct browser *b, const char *expression)
{
    const char *script = textf(b->f, "return !!(%s)", expression);
    uint64_t end_ns = 0;

    while (strcmp(browser_run(b, script), "true") != 0)
        try_again(&end_ns, expression);
}

/* ---- elements ---- */

static const char *element(struct browser *b, const char *selector)
{
    const char *found = webdriver_post(
        b->w, "/element",
        textf(b->f, "{\"using\":\"css selector\",\"value\":%s}", json_quote(b->f, selector)));

    return textf(b->f, "/element/%s", json_text(b->f, found, ELEMENT));
}

void browser_click(struct browser *b, const char *selector)
{
    (void)webdriver_post(b->w, textf(b->f, "%s/click", element(b, selector)), "{}");
}

void browser_type(struct browser *b, const char *selector, const char *text)
{
    (void)webdriver_post(b->w, textf(b->f, "%s/value", element(b, selector)),
                         textf(b->f, "{\"text\":%s}", json_quote(b->f, text)));
}

const char *browser_text(struct browser *b, const char *selector)
{
    return webdriver_get(b->w, textf(b->f, "%s/text", element(b, selector)));
}

/* ---- beyond WebDriver ---- */

const char *browser_cdp(struct browser *b, const char *command, const char *params)
{
    return webdriver_post(b->w, "/goog/cdp/execute",
                          textf(b->f, "{\"cmd\":\"%s\",\"params\":%s}", command, params));
}

void browser_before_pages(struct browser *b, const char *script)
{
    (void)browser_cdp(b, "Page.addScriptToEvaluateOnNewDocument",
                      textf(b->f, "{\"source\":%s}", json_quote(b->f, script)));
}

/* The page that Chromium itself begins with complains, too: of nothing of ours. */
const char *browser_console(struct browser *b)
{
    const char *all = webdriver_post(b->w, "/se/log", "{\"type\":\"browser\"}"), *said = "";

    for (size_t i = 0; i < json_size(b->f, all, ""); i++) {
        const char *message = json_text(b->f, all, textf(b->f, "%zu.message", i));

        if (strncmp(message, "chrome://", 9) != 0)
            said = textf(b->f, "%s%s\n", said, message);
    }
    return said;
}

void browser_picture(struct browser *b, const char *path)
{
    const char *base64 = webdriver_get(b->w, "/screenshot");
    size_t n = strlen(base64), pad = n - strcspn(base64, "=");
    unsigned char *png = keep(b->f, n);
    int len = EVP_DecodeBlock(png, (const unsigned char *)base64, (int)n);
    FILE *file = fopen(path, "we");

    assert_true(len > (int)pad);
    assert_non_null(file);
    assert_int_equal(fwrite(png, 1, (size_t)len - pad, file), (size_t)len - pad);
    assert_int_equal(fclose(file), 0);
}

void browser_settle(struct browser *b)
{
    browser_wait(b, "performance.getEntriesByType('navigation')[0].loadEventEnd > 0 && "
                    "performance.getEntriesByName('first-contentful-paint').length > 0");
    /* The largest paint is told a frame or two after it. */
    (void)browser_run_later(
        b, "new PerformanceObserver(() => requestAnimationFrame(() => requestAnimationFrame(done)))"
           ".observe({type: 'largest-contentful-paint', buffered: true})");
}

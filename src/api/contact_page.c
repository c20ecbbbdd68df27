/* SPDX-License-Identifier: MIT */
/*
 * The contact form and its thank-you page: plain HTML that needs no script, written so that it is
 * well-formed XML, too.
 *
 * The field "website_url" is the honeypot: people do not see it, screen readers skip it.
 */
#include "api/contact.h"

#include <sodium.h>

/* STYLE_HASH is the SHA-256 of STYLE; the unit test says what it must be after a change. */
#define STYLE                                                                                 \
    "body{margin:0;background:#f4f5f7;color:#1c2430;font:1rem/1.5 system-ui,sans-serif}"      \
    "main{max-width:34rem;margin:8vh auto;padding:2rem;background:#fff;border-radius:.75rem;" \
    "box-shadow:0 1px 6px #0002}"                                                             \
    "h1{margin:0 0 1rem;font-size:1.6rem}"                                                    \
    "label{display:block;margin:1rem 0 .25rem;font-weight:600}"                               \
    "input,textarea{box-sizing:border-box;width:100%;padding:.6rem;border:1px solid #76808f;" \
    "border-radius:.4rem;background:#fff;color:inherit;font:inherit}"                         \
    "textarea{resize:vertical}"                                                               \
    "button{margin-top:1.5rem;padding:.7rem 1.6rem;border:0;border-radius:.4rem;"             \
    "background:#0b5cad;color:#fff;font:inherit;font-weight:600;cursor:pointer}"              \
    "button:hover{background:#094a8c}"                                                        \
    ":focus-visible{outline:3px solid #f5a623;outline-offset:2px}"                            \
    ".extra{position:absolute;left:-999rem}"                                                  \
    "@media(prefers-color-scheme:dark){body{background:#12161c;color:#e6e9ee}"                \
    "main,input,textarea{background:#1c222b}}"
#define STYLE_HASH "sha256-/HM4a4BU9p93AzpQVuAdk/3YOiFsUMzXEsb4saFA7/s="

#define POLICY                                   \
    "default-src 'none'; style-src '" STYLE_HASH \
    "'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

#define PAGE_START(title)                                                                      \
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"                 \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" title \
    "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n<h1>" title "</h1>\n"
#define PAGE_END "</main>\n</body>\n</html>\n"

static const char html[] = "text/html; charset=utf-8";

static const char form_start[] = PAGE_START(
    "Contact") "<form action=\"/contact\" method=\"post\" accept-charset=\"utf-8\">\n"
               "<label for=\"name\">Name</label>\n"
               "<input id=\"name\" name=\"name\" type=\"text\" required=\"required\" maxlength=\"200\" "
               "autocomplete=\"name\"/>\n"
               "<label for=\"email\">E-mail</label>\n"
               "<input id=\"email\" name=\"email\" type=\"email\" required=\"required\" maxlength=\"254\" "
               "autocomplete=\"email\"/>\n"
               "<label for=\"message\">Message</label>\n"
               "<textarea id=\"message\" name=\"message\" rows=\"8\" required=\"required\" maxlength=\"";
/* The limit of a message stands here. */
static const char form_middle[] =
    "\"></textarea>\n"
    "<div class=\"extra\" aria-hidden=\"true\">\n"
    "<label for=\"website_url\">Leave this field empty</label>\n"
    "<input id=\"website_url\" name=\"website_url\" type=\"text\" tabindex=\"-1\" "
    "autocomplete=\"off\"/>\n"
    "</div>\n"
    "<input name=\"idempotency_key\" type=\"hidden\" value=\"";
/* The key stands here. */
static const char form_end[] = "\"/>\n<button type=\"submit\">Send</button>\n</form>\n" PAGE_END;

static const char thanks[] =
    PAGE_START("Thank you") "<p>Your message has been received.</p>\n" PAGE_END;

/* "https://host:port" of a URL on another host, else nothing. */
static struct slice origin_of(struct slice url)
{
    const struct slice scheme = SLICE_LIT("https://");
    size_t n = scheme.n;

    if (url.n <= scheme.n || memcmp(url.p, scheme.p, scheme.n) != 0)
        return SLICE_NONE;
    while (n < url.n && strchr("/?#;, ", url.p[n]) == NULL)
        n++;
    return (struct slice){url.p, n};
}

/* Browsers apply form-action to the redirect after the form, too, so its origin must be allowed. */
static struct slice form_policy(struct request *rq, struct slice redirect)
{
    const struct slice start = SLICE_LIT(POLICY);
    struct slice origin = origin_of(redirect);
    char *text, *p;

    if (origin.n == 0)
        return start;
    text = request_alloc(rq, start.n + 1 + origin.n);
    p = fmt_slice(text, start);
    *p++ = ' ';
    p = fmt_slice(p, origin);
    return (struct slice){text, (size_t)(p - text)};
}

/* 128 random bits in hex: two pages never carry the same key. */
static char *write_key(char *dst)
{
    unsigned char random[16];
    char hex[2 * sizeof(random) + 1];

    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
    return fmt_slice(dst, (struct slice){hex, sizeof(hex) - 1});
}

void contact_form_get(struct request *rq, UNUSED void *ctx)
{
    const struct api_live *live = request_app_live(rq);
    char *text = request_alloc(rq, sizeof(form_start) + FMT_U64 + sizeof(form_middle) + 32 +
                                       sizeof(form_end));
    char *p = fmt_slice(text, slice_str(form_start));

    p = fmt_u64(p, live->contact_max_message);
    p = fmt_slice(p, slice_str(form_middle));
    p = write_key(p);
    p = fmt_slice(p, slice_str(form_end));
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_header(rq, "content-security-policy", form_policy(rq, live->contact_redirect));
    answer_borrowed(rq, 200, html, (struct slice){text, (size_t)(p - text)});
}

void contact_thanks_get(struct request *rq, UNUSED void *ctx)
{
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_header(rq, "content-security-policy", SLICE_LIT(POLICY));
    answer_borrowed(rq, 200, html, slice_str(thanks));
}

/* SPDX-License-Identifier: MIT */
/*
 * HTML pages from a text with {{placeholders}}: split once at the start, filled for each request.
 * What the placeholders mean is said by whoever owns the page.
 *
 * A placeholder is {{name}}, name of a-z 0-9 _, without blanks. Malformed or unknown ones end the
 * process: they are faults of our own file, so a unit test that makes the page finds them.
 *
 * Threads: a template is immutable; any thread may render it.
 */
#ifndef SIDELIGHT_API_PAGE_H
#define SIDELIGHT_API_PAGE_H

#include "base/buf.h"

enum {
    PAGE_CSP_HASH = 51, /* sha256- and 44 characters of base64 */
    PAGE_NAMES_MAX = 64 /* different names in one template */
};

/* What stands in a placeholder's place: text, which is escaped, or markup, which is not. */
struct page_value {
    struct slice text;
    bool markup;
};

/*
 * Cuts what stands before the next `open` ("{{", or longer) off `*rest`, and the name up to the
 * "}}" after it; *ret_name and *rest are SLICE_NONE when there is no further one.
 */
struct slice page_cut(struct slice *rest, const char *open, struct slice *ret_name);

struct page_template;

/*
 * Splits `text`, which is borrowed and must outlive the template. `names` (static) has `n` names;
 * each must occur in the text, and no other may. The same name may occur several times.
 */
struct page_template *page_template_new(struct slice text, const char *const *names, size_t n);
void page_template_free(struct page_template *t); /* NULL is fine */

/* Appends the page to `b`; values[i] stands for names[i]. */
void page_render(const struct page_template *t, const struct page_value *values, struct buf *b);

/*
 * Appends `s` so that it is text between tags or in a quoted attribute, never markup: & < > " and '
 * become character references. Controls and bytes that are not UTF-8 become U+FFFD, tabs and line
 * breaks stay.
 */
void page_escape(struct buf *b, struct slice s);

/*
 * The source expression of Content-Security-Policy for an inline <style> or <script> whose content
 * is exactly `text` (CSP Level 3, 2.3.1), without its quotes and without a NUL: "sha256-...=".
 */
void page_csp_hash(struct slice text, char ret[PAGE_CSP_HASH]);

#endif

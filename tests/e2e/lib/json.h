/* SPDX-License-Identifier: MIT */
/* JSON that the server wrote, read for assertions. Links -lcjson. */
#ifndef SIDELIGHT_TESTS_E2E_JSON_H
#define SIDELIGHT_TESTS_E2E_JSON_H

#include "tests/e2e/lib/fixture.h"

/*
 * What stands at `path` ("error.fields.name", "dependencies.0.status"), as text: a string's own, else as JSON writes it.
 * The test fails when `text` is not one JSON document. json_find gives NULL when there is nothing, json_text fails then.
 */
const char *json_find(struct fixture *f, const char *text, const char *path);
const char *json_text(struct fixture *f, const char *text, const char *path);
double json_number(struct fixture *f, const char *text, const char *path);
size_t json_size(struct fixture *f,
                 const char *text,
                 const char *path); /* members or items; "" is the document itself */

#define assert_json(f, text, path, want) assert_string_equal(json_text(f, text, path), want)

#endif

/* SPDX-License-Identifier: MIT */
/* Form bodies and media types: what is taken is UTF-8 without NUL, no longer than what was sent, and found by name. */
#include "base/utf8.h"
#include "http/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice body = {(const char *)data, size};
    const char *message = NULL;
    struct form f = FORM_INIT;
    enum form_verdict v = form_parse(body, &f, &message);
    size_t total = 0;

    (void)media_type_is(body, "application/json");
    (void)media_type_utf8(body);
    MUST((v == FORM_OK) == (message == NULL));
    if (v != FORM_OK)
        return 0;
    for (size_t i = 0; i < f.n; i++) {
        const struct form_field *field = &f.fields[i];

        MUST(utf8_valid(field->name) && utf8_valid(field->value));
        MUST(field->name.n == 0 || memchr(field->name.p, '\0', field->name.n) == NULL);
        MUST(field->value.n == 0 || memchr(field->value.p, '\0', field->value.n) == NULL);
        total += field->name.n + field->value.n;
    }
    MUST(f.n <= FORM_FIELDS_MAX && total <= size);
    MUST(form_get(&f, "name").n <= size);
    form_release(&f);
    return 0;
}

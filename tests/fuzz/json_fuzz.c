/* SPDX-License-Identifier: MIT */
/* JSON bodies: whatever comes in, the scanner and the tree agree, and what is taken has no NUL and no twins. */
#include "http/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"name", "email", "message", "source", "website_url", ""};
    const struct slice text = {(const char *)data, size};
    const char *message = NULL, *scan_message = NULL;
    struct json *doc = NULL;
    enum json_verdict scanned = json_scan(text, &scan_message);
    enum json_verdict v = json_parse(text, &doc, &message);

    MUST((v == JSON_OK) == (doc != NULL));
    MUST((v == JSON_OK) == (message == NULL));
    MUST(scanned == JSON_OK || scanned == v);
    /* What only the second look finds: anything else means that cJSON refuses what the scanner takes. */
    MUST(scanned != JSON_OK || v == JSON_OK || v == JSON_DUPLICATE ||
         strstr(message, "out of range") != NULL);
    if (doc == NULL)
        return 0;
    MUST(json_type(doc) != JSON_ABSENT);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice s = json_member_string(doc, names[i]);

        MUST((s.p != NULL) == (json_member_type(doc, names[i]) == JSON_STRING));
        MUST(s.n <= size);
    }
    json_free(doc);
    return 0;
}

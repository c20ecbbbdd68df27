/* SPDX-License-Identifier: MIT */
/*
 * Accept and Accept-Encoding, any bytes: an answer always, and the same one when read a second
 * time.
 */
#include "metrics/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice header = {(const char *)data, size};
    enum exposition_format f = exposition_negotiate(header);

    MUST(f == EXPOSITION_TEXT || f == EXPOSITION_OPENMETRICS);
    MUST(exposition_negotiate(header) == f);
    MUST(exposition_content_type(f) != NULL);
    /* No OpenMetrics for who did not name it or a range around it. */
    MUST(f == EXPOSITION_TEXT || memchr(header.p, '/', header.n) != NULL);
    MUST(!exposition_accepts_gzip(header) || memmem(header.p, header.n, "*", 1) != NULL ||
         memmem(header.p, header.n, "i", 1) != NULL || memmem(header.p, header.n, "I", 1) != NULL);
    return 0;
}

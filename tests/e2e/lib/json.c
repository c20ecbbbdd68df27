/* SPDX-License-Identifier: MIT */
/* Paths into JSON documents. */
#include "tests/e2e/lib/json.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>

static void delete_doc(void *doc)
{
    cJSON_Delete(doc);
}

static const cJSON *parse(struct fixture *f, const char *text)
{
    const char *end = NULL;
    cJSON *doc = cJSON_ParseWithOpts(text, &end, 1);

    if (doc == NULL)
        fail_msg("this is no JSON: %s", text);
    at_end(f, delete_doc, doc);
    return doc;
}

static const cJSON *step(const cJSON *at, const char *name)
{
    if (cJSON_IsArray(at))
        return cJSON_GetArrayItem(at, (int)strtoul(name, NULL, 10));
    return cJSON_GetObjectItemCaseSensitive(at, name);
}

static const cJSON *walk(struct fixture *f, const char *text, const char *path)
{
    char *rest = keep_text(f, path, strlen(path)), *name;
    const cJSON *at = parse(f, text);

    while (at != NULL && (name = strsep(&rest, ".")) != NULL)
        if (name[0] != '\0')
            at = step(at, name);
    return at;
}

const char *json_find(struct fixture *f, const char *text, const char *path)
{
    const cJSON *at = walk(f, text, path);
    char *printed;
    const char *kept;

    if (at == NULL)
        return NULL;
    if (cJSON_IsString(at))
        return at->valuestring;
    printed = cJSON_PrintUnformatted(at);
    MUST(printed != NULL);
    kept = keep_text(f, printed, strlen(printed));
    free(printed);
    return kept;
}

const char *json_text(struct fixture *f, const char *text, const char *path)
{
    const char *found = json_find(f, text, path);

    if (found == NULL)
        fail_msg("nothing is at '%s' of %s", path, text);
    return found;
}

double json_number(struct fixture *f, const char *text, const char *path)
{
    const cJSON *at = walk(f, text, path);

    if (!cJSON_IsNumber(at))
        fail_msg("no number is at '%s' of %s", path, text);
    return at->valuedouble;
}

size_t json_size(struct fixture *f, const char *text, const char *path)
{
    const cJSON *at = walk(f, text, path);

    if (at == NULL)
        fail_msg("nothing is at '%s' of %s", path, text);
    return (size_t)cJSON_GetArraySize(at);
}

/* SPDX-License-Identifier: MIT */
/* The configuration: whatever the file or --set says, an answer with a reason, nothing leaked, and only valid text handed out. */
#include "base/buf.h"
#include "base/utf8.h"
#include "config/live.h"
#include "config/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes every tree, so that the reader's own limits are met, and not only the table's. */
static bool visit(void *ctx, const struct yaml_node *node, struct err *err)
{
    size_t *nodes = ctx, dots = 0;

    (void)err;
    for (const char *p = node->path; *p != '\0'; p++)
        dots += *p == '.';
    MUST(node->path[0] != '\0' && dots < CONFIG_DEPTH_MAX);
    MUST(node->text.n == 0 || utf8_valid(node->text));
    (*nodes)++;
    return true;
}

/* A refusal has a reason that is whole text; `prefix` is where it happened. */
static void check_err(const struct err *err, const char *prefix)
{
    MUST(err->kind != ERR_NONE && strncmp(err->text, prefix, strlen(prefix)) == 0);
    MUST(strlen(err->text) > strlen(prefix));
    for (const char *p = err->text; *p != '\0'; p++)
        MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void use(struct config *c)
{
    struct config defaults;
    struct err err = ERR_INIT;
    char keys[64];

    config_init(&defaults);
    MUST(config_restart_keys(c, c, keys, sizeof(keys)) == 0);
    (void)config_restart_keys(&defaults, c, keys, sizeof(keys));
    if (!config_check(c, &err))
        check_err(&err, "");
    config_release(&defaults);
    settings_unref(settings_new(c));
}

static void try_file(struct slice text)
{
    struct config c;
    struct err err = ERR_INIT;

    config_init(&c);
    if (config_load_text(&c, "f", text, &err))
        use(&c);
    else
        check_err(&err, "f:");
    config_release(&c);
}

static void try_set(struct slice text)
{
    char *assignment = must_calloc(text.n + 1, 1);
    struct config c;
    struct err err = ERR_INIT;

    if (text.n > 0)
        memcpy(assignment, text.p, text.n);
    config_init(&c);
    if (config_set(&c, assignment, &err))
        use(&c);
    else
        check_err(&err, "--set: ");
    config_release(&c);
    free(assignment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    struct err err = ERR_INIT;
    size_t nodes = 0;

    if (!yaml_read("f", text, visit, &nodes, &err))
        check_err(&err, "f:");
    MUST(nodes <= size * 2);
    try_file(text);
    try_set(text);
    return 0;
}

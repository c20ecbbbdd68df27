/* SPDX-License-Identifier: MIT */
/*
 * Sources of the configuration: defaults, file, --set. Syntax is in yaml.c, values are in kinds.c.
 */
#include "config/config.h"
#include "base/buf.h"
#include "config/keys.h"
#include "config/quote.h"
#include "config/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void config_init(struct config *c)
{
    size_t n;
    const struct key *keys = keys_all(&n);

    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < n; i++)
        MUST(key_assign(&keys[i], c, slice_str(keys[i].def), NULL));
}

void config_release(struct config *c)
{
    size_t n;
    const struct key *keys = keys_all(&n);

    for (size_t i = 0; i < n; i++)
        key_release(&keys[i], c);
}

static bool unknown_key(const char *name, struct err *err)
{
    struct slice near = key_nearest(name);

    if (near.p == NULL)
        return err_set(err, ERR_INVALID, "there is no such key; see docs/config.md");
    return err_set(err, ERR_INVALID, "there is no such key; was \"%.*s\" meant?", (int)near.n,
                   near.p);
}

static bool visit_section(const struct yaml_node *node, struct err *err)
{
    switch (node->kind) {
    case YAML_NODE_KEY:
    case YAML_NODE_SECTION:
    case YAML_NODE_NULL: /* all its keys are commented out */
        return true;
    case YAML_NODE_LIST:
    case YAML_NODE_ENTRY:
    case YAML_NODE_VALUE:
        break;
    }
    return err_set(err, ERR_INVALID,
                   "is a section: its keys stand below it, indented, as \"key: value\"");
}

static bool visit_key(const struct key *k,
                      struct config *c,
                      const struct yaml_node *node,
                      struct err *err)
{
    const char *shape = k->kind->list ? "takes a list, like [a, b]; [] is the empty one"
                                      : "takes one value; quote one that begins with [ or {";
    bool empty = node->kind == YAML_NODE_NULL || node->text.n == 0;

    switch (node->kind) {
    case YAML_NODE_KEY:
        return true;
    case YAML_NODE_LIST:
        if (!k->kind->list)
            break;
        key_release(k, c);
        return true;
    case YAML_NODE_ENTRY:
        return key_read(k, c, node->text, err);
    case YAML_NODE_VALUE:
    case YAML_NODE_NULL:
        if (k->kind->list && !empty)
            break;
        return key_assign(k, c, node->text, err);
    case YAML_NODE_SECTION:
        break;
    }
    return err_set(err, ERR_INVALID, "%s", shape);
}

static bool visit_node(void *ctx, const struct yaml_node *node, struct err *err)
{
    const struct key *k = key_find(node->path);

    if (k != NULL)
        return visit_key(k, ctx, node, err);
    if (key_is_section(node->path))
        return visit_section(node, err);
    return unknown_key(node->path, err);
}

bool config_load_text(struct config *c, const char *name, struct slice text, struct err *err)
{
    char shown[PATH_SHOWN_MAX];

    if (text.n > CONFIG_FILE_MAX)
        return err_set(err, ERR_INVALID, "%s:1:1: larger than %d KiB", quote_path(name, shown),
                       CONFIG_FILE_MAX / 1024);
    return yaml_read(name, text, visit_node, c, err);
}

/* Reads until the end, an error, or one byte more than a file may have. */
static bool read_all(int fd, struct buf *text)
{
    for (;;) {
        size_t room = CONFIG_FILE_MAX + 1 - text->len;
        ssize_t n = room > 0 ? read(fd, buf_reserve(text, room), room) : 0;

        if (n == 0)
            return true;
        if (n > 0)
            text->len += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
}

bool config_load_file(struct config *c, const char *path, struct err *err)
{
    char shown[PATH_SHOWN_MAX];
    struct buf text = BUF_INIT;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
                            O_NONBLOCK); /* a FIFO must not block a reload */
    struct stat st;
    bool ok;

    if (fd < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;

        (void)err_set_errno(err, errno, "cannot open %s", quote_path(path, shown));
        if (missing && err != NULL)
            err->kind = ERR_NOT_FOUND;
        return false;
    }
    ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!ok)
        (void)err_set(err, ERR_IO, "%s is not a regular file, so a reload could not read it again",
                      quote_path(path, shown));
    ok = ok && (read_all(fd, &text) ||
                err_set_errno(err, errno, "cannot read %s", quote_path(path, shown)));
    (void)close(fd);
    ok = ok && config_load_text(c, path, (struct slice){text.data, text.len}, err);
    buf_release(&text);
    return ok;
}

bool config_set(struct config *c, const char *assignment, struct err *err)
{
    struct slice value = slice_str(assignment), name = slice_cut(&value, '=');
    char quoted[QUOTE_MAX], known[YAML_KEY_MAX + 1] = "";
    struct err why = ERR_INIT;
    const struct key *k = NULL;

    if (value.p == NULL)
        return err_set(err, ERR_INVALID, "--set: %s: must be KEY=VALUE", quote(name, quoted));
    if (name.n < sizeof(known)) {
        memcpy(known, name.p, name.n);
        known[name.n] = '\0';
        k = key_find(known);
    }
    if (k != NULL)
        return key_assign(k, c, value, &why) ||
               err_set(err, ERR_INVALID, "--set: %s: %s", k->name, why.text);
    if (key_is_section(known))
        (void)err_set(&why, ERR_INVALID, "is a section: name one of its keys");
    else
        (void)unknown_key(known, &why);
    return err_set(err, ERR_INVALID, "--set: %s: %s", quote(name, quoted), why.text);
}

size_t config_restart_keys(const struct config *running,
                           const struct config *wanted,
                           char *out,
                           size_t size)
{
    size_t n, changed = 0;
    const struct key *keys = keys_all(&n);
    struct buf names = BUF_INIT;

    MUST(size > 0);
    for (size_t i = 0; i < n; i++) {
        if (keys[i].live || key_equal(&keys[i], running, wanted))
            continue;
        if (changed++ > 0)
            buf_add_str(&names, ",");
        buf_add_str(&names, keys[i].name);
    }
    if (names.len >= size)
        names.len = size - 1;
    memcpy(out, buf_cstr(&names), names.len);
    out[names.len] = '\0';
    buf_release(&names);
    return changed;
}

void config_print_keys(struct buf *out)
{
    size_t n;
    const struct key *keys = keys_all(&n);

    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s: %s  (%s)  %s\n", keys[i].name,
                 keys[i].def[0] != '\0' ? keys[i].def : "[]", keys[i].live ? "live" : "restart",
                 keys[i].help);
}

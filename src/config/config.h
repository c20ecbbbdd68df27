/* SPDX-License-Identifier: MIT */
/*
 * The configuration: config_keys.def as a struct, read from one YAML file and from --set, checked
 * as a whole.
 *
 * A struct config is a value tree with an owner: config_init, then config_load any number of
 * sources, config_check, config_release. Errors say `file:line:column: key: what is wrong, what is
 * allowed` (`--set: key: ...` for the command line). On any error the caller throws the whole
 * struct away and keeps the old one.
 */
#ifndef SIDELIGHT_CONFIG_CONFIG_H
#define SIDELIGHT_CONFIG_CONFIG_H

#include "api/api.h"
#include "base/err.h"
#include "base/log.h"
#include "base/net.h"
#include "base/parse.h"
#include "http/live.h"

enum {
    CONFIG_FILE_MAX = 256 * 1024, /* bytes of the file */
    CONFIG_DEPTH_MAX = 16,        /* nested collections */
    CONFIG_LIST_MAX = 64,         /* entries of a list */
    EXIT_CONFIG = 78,             /* EX_CONFIG of sysexits.h */
};

struct config_strings {
    char **items;
    size_t n;
};
struct config_nets {
    struct ip_net *items;
    size_t n;
};

/* C types of the kinds of keys in config_keys.def. */
#define CONFIG_TYPE_address char *
#define CONFIG_TYPE_string char *
#define CONFIG_TYPE_strings struct config_strings
#define CONFIG_TYPE_origins struct config_strings
#define CONFIG_TYPE_pages struct config_strings
#define CONFIG_TYPE_nets struct config_nets
#define CONFIG_TYPE_duration uint64_t
#define CONFIG_TYPE_retention uint64_t
#define CONFIG_TYPE_size uint64_t
#define CONFIG_TYPE_count uint64_t
#define CONFIG_TYPE_rate struct rate
#define CONFIG_TYPE_ratio uint64_t
#define CONFIG_TYPE_boolean bool
#define CONFIG_TYPE_level enum log_level
#define CONFIG_TYPE_client_ip enum log_client_ip

struct config {
#define CONFIG(key, field, kind, ...) CONFIG_TYPE_##kind field;
#include "config/config_keys.def"
#undef CONFIG
};

void config_init(struct config *c); /* the defaults of the table */
void config_release(struct config *c);

/* Reads `path` over what is there. */
MUST_CHECK bool config_load_file(struct config *c, const char *path, struct err *err);
/* The same from memory; `name` stands for the file in messages. For tests and the fuzzer. */
MUST_CHECK bool config_load_text(struct config *c,
                                 const char *name,
                                 struct slice text,
                                 struct err *err);
/* One KEY=VALUE of --set; lists are comma-separated. */
MUST_CHECK bool config_set(struct config *c, const char *assignment, struct err *err);
/* What no single key can tell: combinations. */
MUST_CHECK bool config_check(const struct config *c, struct err *err);

/*
 * Keys that differ between two configurations and are not live, comma-separated into `out`
 * (NUL-terminated, cut when too long); the number of them.
 */
size_t config_restart_keys(const struct config *running,
                           const struct config *wanted,
                           char *out,
                           size_t size);

/* Prints "key: default  (live|restart)  help" lines. */
void config_print_keys(struct buf *out);

#endif

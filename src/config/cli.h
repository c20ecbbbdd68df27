/* SPDX-License-Identifier: MIT */
/*
 * The command line as data: which command, which configuration. Nothing is run and nothing printed
 * here.
 *
 * The strings in a struct cli are those of argv. A wrong call is ERR_INVALID with a hint at --help;
 * main ends with EXIT_USAGE. --help and --version win over everything that comes with them, as long
 * as the rest is well formed.
 */
#ifndef SIDELIGHT_CONFIG_CLI_H
#define SIDELIGHT_CONFIG_CLI_H

#include "config/config.h"

enum { EXIT_USAGE = 64 }; /* EX_USAGE of sysexits.h */

enum cli_command {
    CLI_SERVE,
    CLI_CHECK, /* --check */
    CLI_VERSION,
    CLI_HELP,
    CLI_HEALTHCHECK,
    CLI_CONTACTS_LIST,
    CLI_CONTACTS_EXPORT,
    CLI_CONTACTS_DELETE,
    CLI_STORE_BACKUP,
};

enum cli_format { CLI_FORMAT_NONE, CLI_FORMAT_CSV, CLI_FORMAT_JSON };

struct cli {
    enum cli_command command;
    const char *config_path; /* NULL: no file */
    const char **sets;       /* KEY=VALUE each; the array is owned */
    size_t n_sets;
    bool ready;             /* healthcheck: ask readiness, not liveness */
    bool flagged;           /* contacts list, export: the flagged ones, too */
    enum cli_format format; /* contacts export: never NONE */
    const char *operand;    /* contacts delete: the ID; store backup: the file; else NULL */
};

/* As main gets them: argv[0] is the program. */
MUST_CHECK bool cli_parse(int argc, char *const *argv, struct cli *ret, struct err *err);
void cli_release(struct cli *cli);

/* The text of --help. */
void cli_help(struct buf *out);

/* The defaults, then the file, then each --set, then config_check; the caller releases *ret. */
MUST_CHECK bool config_load_cli(const struct cli *cli, struct config *ret, struct err *err);

#endif

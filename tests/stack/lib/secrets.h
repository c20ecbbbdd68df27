/* SPDX-License-Identifier: MIT */
/* Runs tools/secrets.sh for a test, in secrets/ of the test's directory. */
#ifndef SIDELIGHT_TESTS_STACK_SECRETS_H
#define SIDELIGHT_TESTS_STACK_SECRETS_H

#include "tests/e2e/lib/process.h"

/*
 * With these settings (NAME=VALUE) and options, both separated by | or NULL. No setting of ours,
 * and none of .env, gets in.
 */
const struct outcome *make_secrets(struct fixture *f, const char *settings, const char *options);
/* The same; it must succeed in silence. */
const struct outcome *must_make_secrets(struct fixture *f,
                                        const char *settings,
                                        const char *options);
/* A file that it made, "" when there is none. */
const char *secret_file(struct fixture *f, const char *name);
/* What it printed behind `user: NAME  password: `. */
const char *password_of(struct fixture *f, const struct outcome *o, const char *name);

#endif

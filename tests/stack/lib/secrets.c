/* SPDX-License-Identifier: MIT */
/* Words for the script, and what it made of them. */
#include "tests/stack/lib/secrets.h"

enum { WORDS_MAX = 32 };

/* Adds the words of `text`, which | separates; NULL has none, "" an empty one. */
static size_t add_words(struct fixture *f, const char **argv, size_t n, const char *text)
{
    for (const char *at = text; at != NULL; at = *at == '|' ? at + 1 : NULL) {
        size_t len = strcspn(at, "|");

        MUST(n < WORDS_MAX - 1);
        argv[n++] = keep_text(f, at, len);
        at += len;
    }
    return n;
}

const struct outcome *make_secrets(struct fixture *f, const char *settings, const char *options)
{
    const char *argv[WORDS_MAX] = {"env", "-i", textf(f, "PATH=%s", environment("PATH"))};
    size_t n = add_words(f, argv, 3, settings);

    n = add_words(f, argv, n, textf(f, "tools/secrets.sh|--dir|%s", in_dir(f, "secrets")));
    if (options == NULL || strstr(options, "--env") == NULL)
        n = add_words(f, argv, n, "--env|/dev/null");
    (void)add_words(f, argv, n, options);
    return run(f, argv, NULL);
}

const struct outcome *must_make_secrets(struct fixture *f,
                                        const char *settings,
                                        const char *options)
{
    const struct outcome *o = make_secrets(f, settings, options);

    if (o->status != 0)
        fail_msg("%s", o->err);
    assert_string_equal(o->err, "");
    return o;
}

const char *secret_file(struct fixture *f, const char *name)
{
    return read_file(f, textf(f, "%s/secrets/%s", fixture_dir(f), name));
}

const char *password_of(struct fixture *f, const struct outcome *o, const char *name)
{
    const char *mark = textf(f, "user: %s  password: ", name), *at = strstr(o->out, mark);

    if (at == NULL)
        fail_msg("no '%s' in: %s", mark, o->out);
    return at != NULL ? keep_text(f, at + strlen(mark), strcspn(at + strlen(mark), "\n")) : "";
}

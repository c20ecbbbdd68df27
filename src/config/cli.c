/* SPDX-License-Identifier: MIT */
/* The command line by two tables: options and commands. What the commands do is app's. */
#include "config/cli.h"
#include "config/quote.h"

#include <stdlib.h>

/* In the order of the table below. */
enum { OPT_CONFIG, OPT_SET, OPT_FORMAT, OPT_CHECK, OPT_HELP, OPT_VERSION, OPT_READY, OPT_FLAGGED };
enum { N_OPTIONS = OPT_FLAGGED + 1, N_WORDS = 3 };

struct parse {
    struct cli cli;
    bool given[N_OPTIONS];
    const char *words[N_WORDS]; /* of the command, and its operand */
    size_t n_words;
};

typedef bool apply_fn(struct cli *cli, const char *value, struct err *err);

static bool apply_config(struct cli *cli, const char *value, struct err *err)
{
    if (cli->config_path != NULL)
        return err_set(err, ERR_INVALID, "--config is given twice");
    if (value[0] == '\0')
        return err_set(err, ERR_INVALID, "--config takes the name of a file");
    cli->config_path = value;
    return true;
}

static bool apply_set(struct cli *cli, const char *value, struct err *err)
{
    (void)err;
    cli->sets = must_realloc(cli->sets, (cli->n_sets + 1) * sizeof(*cli->sets));
    cli->sets[cli->n_sets++] = value;
    return true;
}

static bool apply_format(struct cli *cli, const char *value, struct err *err)
{
    if (strcmp(value, "csv") == 0)
        cli->format = CLI_FORMAT_CSV;
    else if (strcmp(value, "json") == 0)
        cli->format = CLI_FORMAT_JSON;
    else
        return err_set(err, ERR_INVALID, "--format takes csv or json");
    return true;
}

/* The commands an option goes with, as bits. */
#define WITH(command) (1u << (command))
#define WITH_ALL (~0u)
#define WITH_LISTS (WITH(CLI_CONTACTS_LIST) | WITH(CLI_CONTACTS_EXPORT))

static const struct option {
    const char *name;
    apply_fn *apply; /* takes the value; NULL: there is none */
    unsigned with;
} options[N_OPTIONS] = {
    {"--config",  apply_config, WITH_ALL                 },
    {"--set",     apply_set,    WITH_ALL                 },
    {"--format",  apply_format, WITH(CLI_CONTACTS_EXPORT)},
    {"--check",   NULL,         WITH(CLI_SERVE)          },
    {"--help",    NULL,         WITH_ALL                 },
    {"--version", NULL,         WITH_ALL                 },
    {"--ready",   NULL,         WITH(CLI_HEALTHCHECK)    },
    {"--flagged", NULL,         WITH_LISTS               },
};

static const struct command {
    const char *words[2];
    const char *operand; /* what it is called; NULL: there is none */
    enum cli_command command;
} commands[] = {
    {{"healthcheck", NULL},  NULL,   CLI_HEALTHCHECK    },
    {{"contacts", "list"},   NULL,   CLI_CONTACTS_LIST  },
    {{"contacts", "export"}, NULL,   CLI_CONTACTS_EXPORT},
    {{"contacts", "delete"}, "ID",   CLI_CONTACTS_DELETE},
    {{"store", "backup"},    "FILE", CLI_STORE_BACKUP   },
};

/* One option; *i is its place in argv, and moves on when the value is the next argument. */
static bool take_option(struct parse *p, int argc, char *const *argv, int *i, struct err *err)
{
    struct slice value = slice_str(argv[*i]), name = slice_cut(&value, '=');
    char quoted[QUOTE_MAX];
    size_t o = 0;

    while (o < N_OPTIONS && !slice_eq(slice_str(options[o].name), name))
        o++;
    if (o == N_OPTIONS)
        return err_set(err, ERR_INVALID, "there is no option %s", quote(name, quoted));
    p->given[o] = true;
    if (options[o].apply == NULL)
        return value.p == NULL || err_set(err, ERR_INVALID, "%s takes no value", options[o].name);
    if (value.p != NULL)
        return options[o].apply(&p->cli, value.p, err); /* the end of argv[i], so NUL-terminated */
    if (*i + 1 >= argc)
        return err_set(err, ERR_INVALID, "%s takes a value", options[o].name);
    return options[o].apply(&p->cli, argv[++*i], err);
}

static bool too_much(const char *word, struct err *err)
{
    char quoted[QUOTE_MAX];

    return err_set(err, ERR_INVALID, "%s is one word too many", quote(slice_str(word), quoted));
}

static bool take_arguments(struct parse *p, int argc, char *const *argv, struct err *err)
{
    bool options_end = false;

    for (int i = 1; i < argc; i++) {
        if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            options_end = strcmp(argv[i], "--") == 0;
            if (!options_end && !take_option(p, argc, argv, &i, err))
                return false;
            continue;
        }
        if (p->n_words == N_WORDS)
            return too_much(argv[i], err);
        p->words[p->n_words++] = argv[i];
    }
    return true;
}

static size_t words_of(const struct command *c)
{
    return c->words[1] != NULL ? 2 : 1;
}

static bool is_command(const struct parse *p, const struct command *c)
{
    for (size_t i = 0; i < words_of(c); i++)
        if (i >= p->n_words || strcmp(c->words[i], p->words[i]) != 0)
            return false;
    return true;
}

static bool take_command(struct parse *p, const struct command *c, struct err *err)
{
    size_t n = words_of(c);
    bool operand = p->n_words > n && p->words[n][0] != '\0';

    p->cli.command = c->command;
    if (c->operand != NULL && !operand)
        return err_set(err, ERR_INVALID, "%s %s takes %s", c->words[0], c->words[1], c->operand);
    if (c->operand != NULL)
        p->cli.operand = p->words[n++];
    return p->n_words == n || too_much(p->words[n], err);
}

static bool find_command(struct parse *p, struct err *err)
{
    char first[QUOTE_MAX], second[QUOTE_MAX];

    if (p->n_words == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (is_command(p, &commands[i]))
            return take_command(p, &commands[i], err);
    if (p->n_words == 1)
        return err_set(err, ERR_INVALID, "there is no command %s",
                       quote(slice_str(p->words[0]), first));
    return err_set(err, ERR_INVALID, "there is no command %s %s",
                   quote(slice_str(p->words[0]), first), quote(slice_str(p->words[1]), second));
}

static bool check_options(const struct parse *p, struct err *err)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (p->given[i] && (options[i].with & WITH(p->cli.command)) == 0)
            return err_set(err, ERR_INVALID, "%s does not go with this command", options[i].name);
    if (p->cli.command == CLI_CONTACTS_EXPORT && p->cli.format == CLI_FORMAT_NONE)
        return err_set(err, ERR_INVALID, "contacts export takes --format csv or --format json");
    return true;
}

static void finish(struct parse *p)
{
    p->cli.ready = p->given[OPT_READY];
    p->cli.flagged = p->given[OPT_FLAGGED];
    if (p->given[OPT_CHECK])
        p->cli.command = CLI_CHECK;
}

bool cli_parse(int argc, char *const *argv, struct cli *ret, struct err *err)
{
    struct parse p = {.cli = {.command = CLI_SERVE}};
    struct err why = ERR_INIT;
    bool ok = take_arguments(&p, argc, argv, &why);
    bool info = p.given[OPT_HELP] || p.given[OPT_VERSION];

    if (ok && info)
        p.cli.command = p.given[OPT_HELP] ? CLI_HELP : CLI_VERSION;
    else
        ok = ok && find_command(&p, &why) && check_options(&p, &why);
    if (!ok) {
        cli_release(&p.cli);
        return err_set(err, ERR_INVALID, "%s; see sidelight --help", why.text);
    }
    if (!info)
        finish(&p);
    *ret = p.cli;
    return true;
}

void cli_release(struct cli *cli)
{
    free(cli->sets);
    *cli = (struct cli){.command = CLI_SERVE};
}

bool config_load_cli(const struct cli *cli, struct config *ret, struct err *err)
{
    struct config c;
    bool ok;

    config_init(&c);
    ok = cli->config_path == NULL || config_load_file(&c, cli->config_path, err);
    for (size_t i = 0; ok && i < cli->n_sets; i++)
        ok = config_set(&c, cli->sets[i], err);
    ok = ok && config_check(&c, err);
    if (!ok) {
        config_release(&c);
        return false;
    }
    *ret = c;
    return true;
}

void cli_help(struct buf *out)
{
    buf_add_str(
        out,
        "usage: sidelight [--config FILE] [--set KEY=VALUE]... [--check]\n"
        "       sidelight healthcheck [--ready]\n"
        "       sidelight contacts list [--flagged]\n"
        "       sidelight contacts export --format csv|json [--flagged]\n"
        "       sidelight contacts delete ID\n"
        "       sidelight store backup FILE\n"
        "       sidelight --version | --help\n"
        "\n"
        "Without a command it serves: the public API on one port, its metrics on another.\n"
        "\n"
        "  --config FILE    read the settings in FILE (YAML), else take the defaults\n"
        "  --set KEY=VALUE  override one setting; lists are comma-separated\n"
        "  --check          check the settings and stop: 0 good, 78 not\n"
        "\n"
        "  healthcheck      exit 0 when the server here is alive; --ready: when it wants traffic\n"
        "  contacts         what the contact form received; --flagged: what looks like spam, too\n"
        "  store backup     copy the store while the server runs\n"
        "  Commands that need settings take --config and --set, as the server does.\n"
        "\n"
        "Signals: SIGHUP reads the settings again, SIGTERM and SIGINT drain and end.\n"
        "Exit status: 0 good, 64 wrong call, 78 wrong settings, 1 anything else.\n"
        "\n"
        "Examples:\n"
        "  sidelight --config /etc/sidelight/sidelight.yaml\n"
        "  sidelight --set listen.public=127.0.0.1:8080 --set contact.rate=5/m\n"
        "\n"
        "Settings, with their defaults:\n");
    config_print_keys(out);
}

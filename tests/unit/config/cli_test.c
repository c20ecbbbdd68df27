/* SPDX-License-Identifier: MIT */
/* The command line. */
#include "base/buf.h"
#include "config/cli.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <unistd.h>

enum { ARGS_MAX = 16 };

/* `line` split at spaces ("''" is an empty argument), after the name of the program. */
struct args {
    char text[256];
    char *argv[ARGS_MAX];
    int argc;
};

static void split(struct args *a, const char *line)
{
    char *at = a->text;

    assert_true(strlen(line) < sizeof(a->text));
    memcpy(a->text, line, strlen(line) + 1);
    memset(a->argv, 0, sizeof(a->argv));
    a->argc = 1;
    while (at != NULL && *at != '\0') {
        char *end = strchr(at, ' ');

        if (end != NULL)
            *end++ = '\0';
        assert_true(a->argc < ARGS_MAX - 1);
        a->argv[a->argc++] = strcmp(at, "''") == 0 ? at + 2 : at;
        at = end;
    }
}

static void parse(struct args *a, const char *line, struct cli *ret)
{
    struct err err = ERR_INIT;

    split(a, line);
    if (!cli_parse(a->argc, a->argv, ret, &err))
        fail_msg("'%s': %s", line, err.text);
}

TEST(words_name_the_command)
{
    static const struct {
        const char *line;
        enum cli_command command;
        const char *operand;
    } cases[] = {
        {"",                                    CLI_SERVE,           NULL       },
        {"--check",                             CLI_CHECK,           NULL       },
        {"--version",                           CLI_VERSION,         NULL       },
        {"--help",                              CLI_HELP,            NULL       },
        {"--help --version",                    CLI_HELP,            NULL       },
        {"contacts --help",                     CLI_HELP,            NULL       },
        {"frobnicate --help",                   CLI_HELP,            NULL       },
        {"--check --version",                   CLI_VERSION,         NULL       },
        {"healthcheck",                         CLI_HEALTHCHECK,     NULL       },
        {"contacts list",                       CLI_CONTACTS_LIST,   NULL       },
        {"contacts export --format csv",        CLI_CONTACTS_EXPORT, NULL       },
        {"contacts delete 12",                  CLI_CONTACTS_DELETE, "12"       },
        {"contacts delete -- -12",              CLI_CONTACTS_DELETE, "-12"      },
        {"store backup /tmp/b.db",              CLI_STORE_BACKUP,    "/tmp/b.db"},
        {"--config f store --set a=b backup x", CLI_STORE_BACKUP,    "x"        },
        {"-- contacts list",                    CLI_CONTACTS_LIST,   NULL       },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct args a;
        struct cli cli;

        parse(&a, cases[i].line, &cli);
        assert_int_equal(cli.command, cases[i].command);
        if (cases[i].operand == NULL)
            assert_null(cli.operand);
        else
            assert_string_equal(cli.operand, cases[i].operand);
        cli_release(&cli);
    }
}

TEST(options_stand_before_or_after_the_words_in_both_spellings)
{
    static const char *const lines[] = {
        "--config f.yaml --set a=1 --set b= --flagged --format json contacts export",
        "contacts export --config=f.yaml --set=a=1 --format=json --set=b= --flagged",
        "contacts --format=json --set a=1 export --flagged --config f.yaml --set=b=",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct args a;
        struct cli cli;

        parse(&a, lines[i], &cli);
        assert_int_equal(cli.command, CLI_CONTACTS_EXPORT);
        assert_string_equal(cli.config_path, "f.yaml");
        assert_int_equal(cli.n_sets, 2);
        assert_string_equal(cli.sets[0], "a=1");
        assert_string_equal(cli.sets[1], "b=");
        assert_int_equal(cli.format, CLI_FORMAT_JSON);
        assert_true(cli.flagged);
        assert_false(cli.ready);
        cli_release(&cli);
        assert_null(cli.sets);
        cli_release(&cli);
    }
}

TEST(flags_are_off_until_given)
{
    struct args a;
    struct cli cli;

    parse(&a, "healthcheck", &cli);
    assert_false(cli.ready);
    assert_null(cli.config_path);
    assert_int_equal(cli.n_sets, 0);
    cli_release(&cli);
    parse(&a, "--ready healthcheck", &cli);
    assert_true(cli.ready);
    cli_release(&cli);
    parse(&a, "contacts list", &cli);
    assert_false(cli.flagged);
    assert_int_equal(cli.format, CLI_FORMAT_NONE);
    cli_release(&cli);
}

TEST(wrong_calls_are_refused_with_a_hint)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--frob",                       "there is no option \"--frob\""                      },
        {"--frob=1",                     "there is no option \"--frob\""                      },
        {"-h",                           "there is no option \"-h\""                          },
        {"--conf f",                     "there is no option \"--conf\""                      },
        {"--config",                     "--config takes a value"                             },
        {"contacts list --set",          "--set takes a value"                                },
        {"--config ''",                  "--config takes the name of a file"                  },
        {"--config=",                    "--config takes the name of a file"                  },
        {"--config a --config b",        "--config is given twice"                            },
        {"--check=yes",                  "--check takes no value"                             },
        {"--help=",                      "--help takes no value"                              },
        {"serve",                        "there is no command \"serve\""                      },
        {"''",                           "there is no command \"\""                           },
        {"-",                            "there is no command \"-\""                          },
        {"contacts",                     "there is no command \"contacts\""                   },
        {"contacts drop",                "there is no command \"contacts\" \"drop\""          },
        {"store list",                   "there is no command \"store\" \"list\""             },
        {"healthcheck now",              "\"now\" is one word too many"                       },
        {"contacts list all",            "\"all\" is one word too many"                       },
        {"contacts delete",              "contacts delete takes ID"                           },
        {"contacts delete ''",           "contacts delete takes ID"                           },
        {"contacts delete 1 2",          "\"2\" is one word too many"                         },
        {"store backup",                 "store backup takes FILE"                            },
        {"contacts export",              "contacts export takes --format csv or --format json"},
        {"contacts export --format xml", "--format takes csv or json"                         },
        {"contacts list --format csv",   "--format does not go with this command"             },
        {"--format csv",                 "--format does not go with this command"             },
        {"--ready",                      "--ready does not go with this command"              },
        {"contacts list --ready",        "--ready does not go with this command"              },
        {"contacts delete 1 --flagged",  "--flagged does not go with this command"            },
        {"contacts list --check",        "--check does not go with this command"              },
        {"--set a=b --help --frob",      "there is no option \"--frob\""                      },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cli cli = {.command = CLI_STORE_BACKUP, .n_sets = 77};
        struct err err = ERR_INIT;
        struct args a;
        struct buf want = BUF_INIT;

        split(&a, cases[i].line);
        if (cli_parse(a.argc, a.argv, &cli, &err))
            fail_msg("'%s' was taken", cases[i].line);
        buf_addf(&want, "%s; see sidelight --help", cases[i].message);
        assert_string_equal(err.text, buf_cstr(&want));
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(cli.command, CLI_STORE_BACKUP);
        assert_int_equal(cli.n_sets, 77);
        buf_release(&want);
    }
}

TEST(the_command_line_wins_over_the_file_and_the_last_set_over_the_first)
{
    char path[] = "/tmp/sidelight-cli-XXXXXX", line[200];
    int fd = mkstemp(path);
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    struct args a;
    struct cli cli;
    struct config c;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "threads: 3\nservice: shop\n", 25), 25);
    assert_int_equal(close(fd), 0);
    buf_addf(&text, "--set threads=4 --config %s --set threads=5", path);
    memcpy(line, buf_cstr(&text), text.len + 1);
    parse(&a, line, &cli);
    if (!config_load_cli(&cli, &c, &err))
        fail_msg("%s", err.text);
    assert_int_equal(c.threads, 5);
    assert_string_equal(c.service, "shop");
    assert_string_equal(c.store_path, "./data/sidelight.db");
    config_release(&c);
    cli_release(&cli);
    assert_int_equal(unlink(path), 0);
    buf_release(&text);
}

TEST(a_configuration_that_fails_anywhere_is_not_handed_out)
{
    static const struct {
        const char *line, *message;
        enum err_kind kind;
    } cases[] = {
        {"--config /nowhere --set threads=1", "cannot open /nowhere: No such file or directory",
         ERR_NOT_FOUND                                                                                       },
        {"--set hosts=a --set threads=x",
         "--set: threads: \"x\" is not allowed: must be a whole number from 0 to 64",            ERR_INVALID },
        {"--set drain.delay=20s",
         "drain.delay: must be shorter than drain.timeout, which includes it",                   ERR_CONFLICT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config c, untouched;
        struct err err = ERR_INIT;
        struct args a;
        struct cli cli;

        memset(&c, 0x5a, sizeof(c));
        memset(&untouched, 0x5a, sizeof(untouched));
        parse(&a, cases[i].line, &cli);
        assert_false(config_load_cli(&cli, &c, &err));
        assert_string_equal(err.text, cases[i].message);
        assert_int_equal(err.kind, cases[i].kind);
        assert_memory_equal(&c, &untouched, sizeof(c));
        cli_release(&cli);
    }
}

TEST(the_help_names_every_command_and_option)
{
    static const char *const words[] = {
        "--config FILE",
        "--set KEY=VALUE",
        "--check",
        "--version",
        "--help",
        "healthcheck",
        "--ready",
        "contacts list",
        "--flagged",
        "contacts export",
        "--format csv|json",
        "contacts delete ID",
        "store backup FILE",
        "contact.rate: 10/m",
    };
    struct buf out = BUF_INIT;

    cli_help(&out);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(buf_cstr(&out), words[i]) == NULL)
            fail_msg("'%s' is not in the help", words[i]);
    buf_release(&out);
}

RUN_TESTS(T(words_name_the_command),
          T(options_stand_before_or_after_the_words_in_both_spellings),
          T(flags_are_off_until_given),
          T(wrong_calls_are_refused_with_a_hint),
          T(the_command_line_wins_over_the_file_and_the_last_set_over_the_first),
          T(a_configuration_that_fails_anywhere_is_not_handed_out),
          T(the_help_names_every_command_and_option))

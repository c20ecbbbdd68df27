/* SPDX-License-Identifier: MIT */
/* The command line's way in. */
#include "app/app.h"
#include "app/version.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int check(const struct cli *cli)
{
    struct err err = ERR_INIT;
    struct config c;

    if (!config_load_cli(cli, &c, &err))
        return app_fail(EXIT_CONFIG, &err);
    config_release(&c);
    (void)puts("the configuration is valid");
    return 0;
}

static int print_version(void)
{
    return printf("sidelight %s (%s)\n", sidelight_version, sidelight_revision) > 0 ? 0 : 1;
}

static int print_help(void)
{
    struct buf out = BUF_INIT;

    cli_help(&out);
    (void)fputs(buf_cstr(&out), stdout); /* main looks at stdout */
    buf_release(&out);
    return 0;
}

/*
 * A closed standard descriptor would be the next socket's number, and the log would be sent to a
 * client.
 */
static void open_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

static int run(const struct cli *cli)
{
    switch (cli->command) {
    case CLI_SERVE:
        return app_serve(cli);
    case CLI_CHECK:
        return check(cli);
    case CLI_VERSION:
        return print_version();
    case CLI_HELP:
        return print_help();
    case CLI_HEALTHCHECK:
        return app_healthcheck(cli);
    case CLI_CONTACTS_LIST:
    case CLI_CONTACTS_EXPORT:
        return app_contacts(cli);
    case CLI_CONTACTS_DELETE:
    case CLI_STORE_BACKUP:
        return app_admin(cli);
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct cli cli;
    int status;

    open_standard_fds();
    if (!cli_parse(argc, argv, &cli, &err))
        return app_fail(EXIT_USAGE, &err);
    status = run(&cli);
    cli_release(&cli);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == 0)
        status = app_fail(1, &(struct err){ERR_IO, "cannot write the output"});
    return status;
}

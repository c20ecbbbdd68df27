/* SPDX-License-Identifier: MIT */
/* Processes of the test, with their output in one file of its directory. */
#include "tests/faults/lib/peers.h"

#include "tests/e2e/lib/port.h"
#include "tests/e2e/lib/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* Where Debian has it, or NULL. */
static const char *find_program(struct fixture *f, const char *name)
{
    static const char *const places[] = {"/usr/sbin", "/usr/bin", "/usr/local/sbin",
                                         "/usr/local/bin"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *path = textf(f, "%s/%s", places[i], name);

        if (access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

const char *peer_program(struct fixture *f, const char *name)
{
    const char *path = find_program(f, name);

    if (path == NULL) {
        print_message("skipped: there is no %s here\n", name);
        skip();
    }
    return path;
}

/* `text` with every `mark` replaced. */
static const char *fill_in(struct fixture *f, const char *text, const char *mark, const char *value)
{
    struct buf b = BUF_INIT;
    const char *at;

    while ((at = strstr(text, mark)) != NULL) {
        buf_add(&b, text, (size_t)(at - text));
        buf_add_str(&b, value);
        text = at + strlen(mark);
    }
    buf_add_str(&b, text);
    text = keep_text(f, b.data, b.len);
    buf_release(&b);
    return text;
}

const char *peer_config(struct fixture *f, const char *name, unsigned port, unsigned upstream)
{
    const char *text = read_file(f, textf(f, "tests/faults/framing/%s", name));
    const char *path = in_dir(f, name);

    assert_true(text[0] != '\0');
    text = fill_in(f, text, "@PORT@", textf(f, "%u", port));
    text = fill_in(f, text, "@UPSTREAM@", textf(f, "%u", upstream));
    text = fill_in(f, text, "@DIR@", fixture_dir(f));
    write_file(path, text);
    return path;
}

static void stop(void *arg)
{
    const pid_t *pid = arg;
    int status;

    (void)kill(*pid, SIGTERM);
    if (process_wait(*pid, 2000, &status))
        return;
    (void)kill(*pid, SIGKILL); /* Caddy waits for connections that are still open */
    (void)process_wait(*pid, DEADLINE_MS, &status);
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

void peer_start(struct fixture *f, const char *const *argv, const char *const *env, unsigned port)
{
    pid_t *pid = keep(f, sizeof(*pid));
    int in = open_file("/dev/null", O_RDONLY);
    int out = open_file(in_dir(f, "peers.log"), O_WRONLY | O_CREAT | O_APPEND);

    *pid = process_start(
        &(struct process_options){.argv = argv, .env = env, .in = in, .out = out, .err = out});
    at_end(f, stop, pid);
    (void)close(in);
    (void)close(out);
    EVENTUALLY(port_listens(port));
}

void peer_start_caddy(struct fixture *f, const char *config, const char *const *env, unsigned port)
{
    peer_start(f,
               ARGS(peer_program(f, "caddy"), "run", "--config", config, "--adapter", "caddyfile"),
               env != NULL ? env : ARGS(textf(f, "HOME=%s", fixture_dir(f))), port);
}

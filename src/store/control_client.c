/* SPDX-License-Identifier: MIT */
/* The command line's end of `<store>.sock`. */
#include "base/clock.h"
#include "store/control.h"
#include "store/control_socket.h"

#include <unistd.h>

/* "ok", "ok <detail>" or "error <sentence>". */
static bool read_answer(struct slice answer, struct buf *ret, struct err *err)
{
    struct slice rest = answer, word = slice_cut(&rest, ' ');

    if (slice_eq(word, SLICE_LIT("ok"))) {
        buf_add_slice(ret, rest);
        return true;
    }
    if (slice_eq(word, SLICE_LIT("error")) && rest.n > 0)
        return err_set(err, ERR_INVALID, "%.*s", (int)rest.n, rest.p);
    return err_set(err, ERR_IO, "the server's answer makes no sense");
}

static bool ask(
    int fd, const char *request, const struct control_wait *wait, struct buf *ret, struct err *err)
{
    struct buf line = BUF_INIT;
    struct err why = ERR_INIT;
    bool ok;

    buf_addf(&line, "%s\n", request);
    ok = control_write_line(fd, (struct slice){line.data, line.len});
    buf_clear(&line);
    /* Also when it could not be sent: the server may have said why. */
    ok = control_read_line(fd, wait, CONTROL_LINE_MAX, &line, &why) && ok;
    if (ok)
        ok = read_answer((struct slice){line.data, line.len}, ret, err);
    else
        err_set(err, ERR_IO, "no answer from the server (%s); whether it was done is not known",
                why.text);
    buf_release(&line);
    return ok;
}

bool store_control_ask(
    const char *path, const char *request, uint32_t wait_ms, struct buf *ret, struct err *err)
{
    struct control_wait wait = {-1, wait_ms > 0 ? clock_mono_ns() + wait_ms * NS_PER_MS : 0};
    struct buf socket_path = BUF_INIT;
    int fd;
    bool ok;

    if (strchr(request, '\n') != NULL || strlen(request) >= CONTROL_LINE_MAX)
        return err_set(err, ERR_INVALID, "a request is one line of less than %d bytes",
                       CONTROL_LINE_MAX);
    control_socket_path(path, &socket_path);
    ok = control_connect(socket_path.data, &fd, err);
    buf_release(&socket_path);
    if (!ok)
        return false;
    ok = ask(fd, request, &wait, ret, err);
    (void)close(fd);
    return ok;
}

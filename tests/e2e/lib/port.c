/* SPDX-License-Identifier: MIT */
/* The kernel knows. */
#include "tests/e2e/lib/port.h"

#include "tests/e2e/lib/wire.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned port_free(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    (void)close(fd);
    return ntohs(a.sin_port);
}

bool port_listens(unsigned port)
{
    struct wire w;
    bool listens = wire_connect(&w, port);

    wire_close(&w);
    return listens;
}

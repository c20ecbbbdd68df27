/* SPDX-License-Identifier: MIT */
/*
 * The socket of a store: its mode, stale ones, long paths, strangers.
 */
#include "tests/unit/store/desk.h"

#include <sys/stat.h>
#include <sys/wait.h>

TEST(the_socket_is_for_its_owner_only_whatever_the_umask)
{
    static const mode_t umasks[] = {0, 022, 077};

    for (size_t i = 0; i < ARRAY_LEN(umasks); i++) {
        struct desk d;
        struct stat st;
        mode_t old = umask(umasks[i]);

        desk_open(&d);
        (void)umask(old);
        assert_int_equal(stat(d.socket, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0600);
        desk_close(&d);
    }
}

TEST(a_stale_socket_is_replaced_and_any_other_file_is_not)
{
    struct desk d;
    struct place *p = &d.bench.place;
    struct store_control *none = (struct store_control *)&d;
    struct store_control_options options;
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd;

    bench_start(&d.bench);
    options = (struct store_control_options){.path = p->path, .store = d.bench.store};
    (void)snprintf(d.socket, sizeof(d.socket), "%s.sock", p->path);
    write_file(d.socket, "mine", 4);
    assert_false(store_control_new(&options, &none, &err));
    assert_ptr_equal(none, &d);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_int_equal(unlink(d.socket), 0);
    /* As a killed server leaves it. */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(sun.sun_path, d.socket, strlen(d.socket));
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    (void)close(fd);
    assert_false(store_control_ask(p->path, "delete " ID, 0, &answer, &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_true(store_control_new(&options, &d.control, NULL));
    assert_true(store_control_ask(p->path, "delete " ID, 0, &answer, NULL));
    desk_close(&d);
}

TEST(without_a_server_nothing_is_asked)
{
    static const char *const paths[] = {"/nowhere/test.db", "/proc/self/environ/test.db"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct buf answer = BUF_INIT;
        struct err err = ERR_INIT;

        assert_false(store_control_ask(paths[i], "delete " ID, 0, &answer, &err));
        assert_int_equal(err.kind, ERR_NOT_FOUND);
        assert_int_equal(answer.len, 0);
    }
}

/* ---- long paths ---- */

TEST(a_path_too_long_for_an_address_works_and_a_name_too_long_does_not)
{
    enum { DEPTH = 8 };
    struct bench b;
    struct store_control *control = NULL;
    struct store_control_options options;
    struct buf path = BUF_INIT, answer = BUF_INIT, socket = BUF_INIT;
    struct err err = ERR_INIT;

    bench_start(&b);
    buf_add_str(&path, b.place.dir);
    for (int i = 0; i < DEPTH; i++) {
        buf_add_str(&path, "/a-directory-with-a-long-name-0123456789-0123456789");
        assert_int_equal(mkdir(buf_cstr(&path), 0700), 0);
    }
    buf_add_str(&path, "/test.db");
    options = (struct store_control_options){.path = buf_cstr(&path), .store = b.store};
    assert_true(store_control_new(&options, &control, NULL));
    assert_true(store_control_ask(path.data, "delete " ID, 0, &answer, NULL));
    store_control_free(control);
    buf_addf(&socket, "%s.sock", path.data);
    assert_int_not_equal(access(buf_cstr(&socket), F_OK), 0);

    control = (struct store_control *)&b;
    buf_addf(&path, "%0100d", 1);
    options.path = buf_cstr(&path);
    assert_false(store_control_new(&options, &control, &err));
    assert_ptr_equal(control, &b);
    assert_non_null(strstr(err.text, "too long"));
    assert_false(store_control_ask(path.data, "delete " ID, 0, &answer, &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    buf_release(&path);
    buf_release(&socket);
    bench_end(&b);
}

/* ---- strangers ---- */

/* A child of another user that got through to the socket; its exit status is 0 when it was refused. */
static void stranger(const char *path)
{
    char text[512];
    int fd;

    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(2);
    fd = connect_to(path);
    send_bytes(fd, "delete " ID "\n", sizeof("delete " ID));
    receive(fd, text, sizeof(text));
    _exit(strncmp(text, "error only root", 15) == 0 ? 0 : 1);
}

TEST(another_user_is_refused_even_when_the_mode_lets_it_in)
{
    struct desk d;
    int status;
    pid_t pid;

    if (geteuid() != 0) {
        print_message("skipped: only root can become another user\n");
        skip();
    }
    desk_open(&d);
    assert_int_equal(chmod(d.bench.place.dir, 0755), 0);
    assert_int_equal(chmod(d.socket, 0777), 0);
    pid = fork();
    if (pid == 0)
        stranger(d.socket);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(d.bench.backend.calls[DELETE], 0);
    desk_close(&d);
}

RUN_TESTS(T(the_socket_is_for_its_owner_only_whatever_the_umask),
          T(a_stale_socket_is_replaced_and_any_other_file_is_not),
          T(without_a_server_nothing_is_asked),
          T(a_path_too_long_for_an_address_works_and_a_name_too_long_does_not),
          T(another_user_is_refused_even_when_the_mode_lets_it_in))

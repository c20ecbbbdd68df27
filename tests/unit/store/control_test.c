/* SPDX-License-Identifier: MIT */
/*
 * Requests over `<store>.sock`, good and bad, on a fake store and a real one; clients that dawdle or leave. The socket itself is in
 * control_socket_test.c.
 */
#include "tests/unit/store/desk.h"

TEST(a_deletion_is_answered_when_it_is_committed)
{
    struct desk d;
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;

    desk_open(&d);
    assert_true(store_control_ask(d.bench.place.path, "delete " ID, 0, &answer, NULL));
    assert_int_equal(answer.len, 0);
    assert_int_equal(d.bench.backend.calls[DELETE], 1);
    assert_int_equal(d.bench.backend.calls[COMMIT], 1);
    d.bench.backend.missing = true;
    assert_false(store_control_ask(d.bench.place.path, "delete " ID, 0, &answer, &err));
    assert_string_equal(err.text, "there is no submission " ID);
    assert_int_equal(answer.len, 0);
    d.bench.backend.fail[OPEN] = true;
    d.bench.backend.fail[COMMIT] = true;
    assert_false(store_control_ask(d.bench.place.path, "delete " ID, 0, &answer, &err));
    assert_non_null(strstr(err.text, "failed"));
    assert_false(store_control_ask(d.bench.place.path, "delete " ID, 0, &answer, &err));
    assert_non_null(strstr(err.text, "out of service"));
    desk_close(&d);
}

TEST(a_deletion_that_finds_the_queue_full_says_so)
{
    struct desk d;
    struct test_job jobs[3];
    struct store_control_options options = {0};
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;

    bench_make(&d.bench);
    d.bench.options.queue_max = 1;
    assert_true(store_new(&d.bench.options, &d.bench.store, NULL));
    options.path = d.bench.place.path;
    options.store = d.bench.store;
    (void)snprintf(d.socket, sizeof(d.socket), "%s.sock", options.path);
    assert_true(store_control_new(&options, &d.control, NULL));
    start_commit(&d.bench, jobs, 3);
    assert_int_equal(store_submit(d.bench.store, &jobs[1].job), STORE_ACCEPTED);
    assert_false(store_control_ask(options.path, "delete " ID, 0, &answer, &err));
    assert_non_null(strstr(err.text, "busy"));
    unblock(&d.bench);
    for (int i = 0; i < 2; i++)
        assert_int_equal(test_job_wait(&jobs[i]), STORE_STORED);
    desk_close(&d);
}

TEST(a_backup_is_answered_with_its_size)
{
    struct desk d;
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;

    desk_open(&d);
    assert_true(store_control_ask(d.bench.place.path, "backup /a file.db", 0, &answer, NULL));
    assert_string_equal(buf_cstr(&answer), "4096");
    buf_clear(&answer);
    assert_false(store_control_ask(d.bench.place.path, "backup /taken", 0, &answer, &err));
    assert_string_equal(err.text, "'/taken' is taken");
    buf_release(&answer);
    desk_close(&d);
}

TEST(a_real_store_deletes_and_is_copied_by_its_socket)
{
    struct place p;
    struct store *s;
    struct store_control *control = NULL;
    struct store_control_options options;
    struct test_job job;
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;
    char request[160];

    place_make(&p);
    s = sqlite_store(&p);
    options = (struct store_control_options){.path = p.path, .store = s};
    assert_true(store_control_new(&options, &control, NULL));
    test_job_init(&job, 1);
    assert_int_equal(submit_and_wait(s, &job), STORE_STORED);
    (void)snprintf(request, sizeof(request), "backup %s/copy.db", p.dir);
    assert_true(store_control_ask(p.path, request, 0, &answer, NULL));
    assert_true(answer.len > 0);
    assert_false(store_control_ask(p.path, request, 0, &answer, &err));
    assert_non_null(strstr(err.text, "exists"));
    /* In whichever case it is written. */
    assert_true(
        store_control_ask(p.path, "delete 019A0000-0000-7000-8000-000000000001", 0, &answer, NULL));
    assert_false(store_control_ask(p.path, "delete " ID, 0, &answer, &err));
    assert_non_null(strstr(err.text, "no submission"));
    buf_release(&answer);
    store_control_free(control);
    store_free(s);
    place_remove(&p);
}

TEST(what_is_no_request_is_answered_with_an_error_and_does_nothing)
{
    static char long_line[CONTROL_LINE_MAX + 100];
    const struct {
        struct slice request;
        const char *answer;
    } cases[] = {
        {SLICE_LIT("\n"),                     "error a request is a command"     },
        {SLICE_LIT("delete\n"),               "error a request is a command"     },
        {SLICE_LIT("delete \n"),              "error that is not the ID"         },
        {SLICE_LIT("delete x\n"),             "error that is not the ID"         },
        {SLICE_LIT("delete  " ID "\n"),       "error that is not the ID"         },
        {SLICE_LIT("delete " ID " \n"),       "error that is not the ID"         },
        {SLICE_LIT("delete " ID "\r\n"),      "error that is not the ID"         },
        {SLICE_LIT("delete " ID "\0\n"),      "error a request is a command"     },
        {SLICE_LIT("DELETE " ID "\n"),        "error there is no such command"   },
        {SLICE_LIT("deletex " ID "\n"),       "error there is no such command"   },
        {SLICE_LIT("GET / HTTP/1.1\r\n\r\n"), "error there is no such command"   },
        {SLICE_LIT("\xff\xfe\x01 \x02\n"),    "error there is no such command"   },
        {{long_line, sizeof(long_line)},      "error the line has more than 8192"},
    };
    struct desk d;
    char text[512];

    memset(long_line, 'x', sizeof(long_line));
    desk_open(&d);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        exchange(&d, cases[i].request.p, cases[i].request.n, text, sizeof(text));
        if (strncmp(text, cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("case %zu: %s", i, text);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
    assert_int_equal(d.bench.backend.calls[DELETE], 0);
    /* In pieces, and with more behind it, it is one. */
    exchange(&d, "delete " ID "\ndelete " ID "\n", 2 * sizeof("delete " ID), text, sizeof(text));
    assert_string_equal(text, "ok\n");
    assert_int_equal(d.bench.backend.calls[DELETE], 1);
    desk_close(&d);
}

TEST(clients_that_leave_or_dawdle_do_not_keep_others_waiting)
{
    struct desk d;
    struct buf answer = BUF_INIT;
    char text[512];
    int idle, half;

    desk_open_with(&d, 20);
    (void)close(connect_to(d.socket));
    idle = connect_to(d.socket);
    half = connect_to(d.socket);
    send_bytes(half, "dele", 4);
    assert_true(store_control_ask(d.bench.place.path, "delete " ID, 0, &answer, NULL));
    receive(idle, text, sizeof(text));
    assert_string_equal(text, "error no line came in time\n");
    receive(half, text, sizeof(text));
    assert_string_equal(text, "error no line came in time\n");
    (void)close(idle);
    (void)close(half);
    desk_close(&d);
}

TEST(it_stops_at_once_beside_an_idle_client)
{
    struct desk d;
    char text[512];
    int served, idle;

    desk_open_with(&d, 3600 * 1000);
    served = connect_to(d.socket);
    send_bytes(served, "backup /b\n", 10);
    receive(served, text, sizeof(text));
    idle = connect_to(d.socket);
    send_bytes(idle, "dele", 4);
    desk_close(&d); /* or the test never ends */
    receive(idle, text, sizeof(text));
    assert_true(text[0] == '\0' || strcmp(text, "error the server stops\n") == 0);
    (void)close(idle);
    (void)close(served);
}

TEST(a_backup_ends_when_its_client_leaves_the_server_stops_or_the_store_goes_down)
{
    enum { LEAVE, STOP, DOWN, REASONS };

    for (int reason = LEAVE; reason < REASONS; reason++) {
        struct desk d;
        struct store_backend *b = &d.bench.backend;
        char text[512] = "";
        int fd;

        desk_open(&d);
        b->endless_backups = true;
        fd = connect_to(d.socket);
        send_bytes(fd, "backup /b\n", 10);
        /* It still wants the answer. */
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        WAIT_UNTIL(b->backing_up);
        b->fail[PROBE] = reason == DOWN;
        if (reason == LEAVE)
            (void)close(fd);
        if (reason == STOP)
            store_control_free(d.control);
        WAIT_UNTIL(!b->backing_up);
        if (reason != LEAVE) {
            receive(fd, text, sizeof(text));
            assert_string_equal(text, "error told to stop\n");
            (void)close(fd);
        }
        if (reason == STOP)
            d.control = NULL;
        desk_close(&d);
    }
}

TEST(a_request_is_one_line_and_a_server_that_says_nothing_is_given_up)
{
    struct desk d;
    struct buf answer = BUF_INIT;
    struct err err = ERR_INIT;
    char request[32];

    desk_open(&d);
    assert_false(store_control_ask(d.bench.place.path, "backup /a\n/b", 0, &answer, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    d.bench.backend.endless_backups = true;
    (void)snprintf(request, sizeof(request), "backup /b");
    assert_false(store_control_ask(d.bench.place.path, request, 30, &answer, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.text, "not known"));
    desk_close(&d);
}

RUN_TESTS(T(a_deletion_is_answered_when_it_is_committed),
          T(a_deletion_that_finds_the_queue_full_says_so),
          T(a_backup_is_answered_with_its_size),
          T(a_real_store_deletes_and_is_copied_by_its_socket),
          T(what_is_no_request_is_answered_with_an_error_and_does_nothing),
          T(clients_that_leave_or_dawdle_do_not_keep_others_waiting),
          T(it_stops_at_once_beside_an_idle_client),
          T(a_backup_ends_when_its_client_leaves_the_server_stops_or_the_store_goes_down),
          T(a_request_is_one_line_and_a_server_that_says_nothing_is_given_up))

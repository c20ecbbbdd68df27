/* SPDX-License-Identifier: MIT */
/* MUST and the allocators: what ends the process, and what does not. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct outer {
    int a, member;
};

/* Runs `f` in a child; returns its wait status, and what it wrote to stderr. */
static int run_in_child(void (*f)(void), char *text, size_t cap)
{
    int fds[2], status;
    size_t len = 0;
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        f();
        _exit(0);
    }
    close(fds[1]);
    while ((n = read(fds[0], text + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void break_a_fact(void)
{
    MUST(1 + 1 == 3);
}

static void keep_a_fact(void)
{
    MUST(1 + 1 == 2);
}

TEST(a_fact_that_does_not_hold_ends_the_process_and_says_where)
{
    char text[512];
    int status = run_in_child(break_a_fact, text, sizeof(text));

    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "base_test.c:"));
    assert_non_null(strstr(text, "MUST(1 + 1 == 3)"));
}

TEST(a_fact_that_holds_does_nothing)
{
    char text[512];
    int status = run_in_child(keep_a_fact, text, sizeof(text));

    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(text, "");
}

TEST(must_calloc_gives_zeroed_memory_and_must_realloc_keeps_it)
{
    char *p = must_calloc(4, 16);

    for (size_t i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    memset(p, 'x', 64);
    p = must_realloc(p, 4096);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(p[i], 'x');
    free(p);
}

TEST(container_of_finds_the_struct_of_a_member)
{
    struct outer o = {1, 2};

    assert_ptr_equal(CONTAINER_OF(&o.member, struct outer, member), &o);
}

RUN_TESTS(T(a_fact_that_does_not_hold_ends_the_process_and_says_where),
          T(a_fact_that_holds_does_nothing),
          T(must_calloc_gives_zeroed_memory_and_must_realloc_keeps_it),
          T(container_of_finds_the_struct_of_a_member))

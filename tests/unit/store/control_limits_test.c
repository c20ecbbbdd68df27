/* SPDX-License-Identifier: MIT */
/* How long a line on the store's socket may be. */
#include "tests/unit/store/desk.h"

TEST(a_line_is_read_up_to_its_limit_and_refused_one_byte_past_it)
{
    static const struct {
        size_t n;
        const char *answer;
    } cases[] = {
        {CONTROL_LINE_MAX - 1, "error that is not the ID"               },
        {CONTROL_LINE_MAX,     "error that is not the ID"               },
        {CONTROL_LINE_MAX + 1, "error the line has more than 8192 bytes"},
    };
    static const char command[] = "delete ";
    struct desk d;

    desk_open(&d);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[CONTROL_LINE_MAX + 2], text[512];

        memset(line, 'x', sizeof(line));
        memcpy(line, command, sizeof(command) - 1);
        line[cases[i].n] = '\n';
        exchange(&d, line, cases[i].n + 1, text, sizeof(text));
        if (strncmp(text, cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("%zu bytes: %s", cases[i].n, text);
    }
    desk_close(&d);
}

RUN_TESTS(T(a_line_is_read_up_to_its_limit_and_refused_one_byte_past_it))

/* SPDX-License-Identifier: MIT */
#include "tests/unit/api/fake.h"

TEST(the_welcome_is_plain_text)
{
    struct fake f;

    fake_init(&f);
    root_get(&f.rq, &f.api);
    assert_int_equal(f.sent, 1);
    assert_int_equal(f.rq.status, 200);
    assert_true(slice_eq(f.rq.content_type, SLICE_LIT("text/plain; charset=utf-8")));
    assert_true(answer_has(&f, "Welcome"));
    assert_int_equal(f.rq.answer.p[f.rq.answer.n - 1], '\n');
    fake_release(&f);
}

RUN_TESTS(T(the_welcome_is_plain_text))

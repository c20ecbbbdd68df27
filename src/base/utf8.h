/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by the book (RFC 3629; Unicode 15, table 3-7): no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef SIDELIGHT_BASE_UTF8_H
#define SIDELIGHT_BASE_UTF8_H

#include "base/slice.h"

bool utf8_valid(struct slice s);
/* Length in bytes (1-4) of the valid sequence at the start of `s`, or 0 when it is not valid. */
size_t utf8_sequence(struct slice s);

#endif

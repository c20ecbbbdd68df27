/* SPDX-License-Identifier: MIT */
/*
 * Compression of a page by zlib, at its fastest: a page shrinks to a tenth anyway, and the CPU is
 * the site's.
 */
#include "metrics/exposition.h"

#include <limits.h>
#define ZLIB_CONST /* zlib.h: next_in points to const */
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 }; /* zlib's 32 KiB window; 16 more asks for the format of RFC 1952 */

bool exposition_gzip(struct slice in, struct buf *out, struct err *err)
{
    z_stream z = {0};
    int rc;

    if (in.n > UINT_MAX / 2)
        return err_set(err, ERR_INVALID, "a page of %zu bytes is too long to compress", in.n);
    rc = deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK)
        return err_set(err, ERR_IO, "cannot start zlib: error %d", rc);
    size_t room = deflateBound(&z, (uLong)in.n);
    z.next_out = (Bytef *)buf_reserve(out, room);
    z.avail_out = (uInt)room;
    z.next_in = (const Bytef *)in.p;
    z.avail_in = (uInt)in.n;
    rc = deflate(&z, Z_FINISH);
    size_t n = z.total_out;
    (void)deflateEnd(&z);
    if (rc != Z_STREAM_END)
        return err_set(err, ERR_IO, "zlib cannot compress: error %d", rc);
    out->len += n;
    return true;
}

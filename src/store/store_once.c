/* SPDX-License-Identifier: MIT */
/* One job without a store, for the command line. */
#include "store/store.h"

static bool write_one(const struct store_ops *ops,
                      struct store_backend *b,
                      struct store_job *job,
                      struct err *err)
{
    if (!ops->begin(b, err))
        return false;
    if ((job->kind == STORE_ADD ? ops->add(b, job, err) : ops->remove(b, job, err)) &&
        ops->commit(b, err))
        return true;
    ops->rollback(b);
    return false;
}

/*
 * The checkpoint before, as in a store; the one after empties the log of what was deleted. A reader
 * may hold that up.
 */
bool store_once(const struct store_ops *ops, void *arg, struct store_job *job, struct err *err)
{
    struct store_backend *b = NULL;
    bool ok;

    if (!ops->open(arg, &b, err))
        return false;
    ok = ops->checkpoint(b, err) && write_one(ops, b, job, err);
    if (ok)
        (void)ops->checkpoint(b, NULL);
    else
        job->result = STORE_FAILED;
    ops->close(b);
    return ok;
}

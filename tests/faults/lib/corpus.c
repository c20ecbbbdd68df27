/* SPDX-License-Identifier: MIT */
/* Directories and files, read whole. */
#include "tests/faults/lib/corpus.h"

#include <dirent.h>
#include <stdlib.h>

#define DATA "tests/faults/data/"

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);

    return n > k && strcmp(name + n - k, suffix) == 0;
}

static struct slice read_bytes(struct fixture *f, const char *path)
{
    struct buf b = BUF_INIT;
    struct slice s;

    read_into(path, &b);
    s = (struct slice){keep_text(f, b.data, b.len), b.len};
    buf_release(&b);
    return s;
}

struct corpus corpus_read(struct fixture *f, const char *dir, const char *suffix)
{
    const char *path = textf(f, DATA "%s", dir);
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort);
    struct corpus_file *files;
    size_t kept = 0;

    if (n <= 0)
        fail_msg("%s can't be read; tests run at the root of the tree", path);
    files = keep(f, (size_t)n * sizeof(*files));
    for (int i = 0; i < n; i++) {
        const char *name = textf(f, "%s", entries[i]->d_name);

        if (ends_in(name, suffix))
            files[kept++] =
                (struct corpus_file){name, read_bytes(f, textf(f, "%s/%s", path, name))};
        free(entries[i]);
    }
    free(entries);
    assert_true(kept > 0);
    return (struct corpus){kept, files};
}

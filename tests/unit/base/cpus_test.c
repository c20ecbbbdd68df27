/* SPDX-License-Identifier: MIT */
/* Usable CPUs, on small copies of /proc and /sys. */
#include "base/buf.h"
#include "base/cpus.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    const char *path, *text;
};

struct tree {
    const char *name;
    unsigned quota; /* the CPUs the cgroup leaves; 0: all */
    struct file files[5];
};

#define GROUP "/proc/self/cgroup"
#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu,cpuacct"

static const struct tree trees[] = {
    {"nothing",                0, {{NULL, NULL}}                                                                         },
    {"v2 without a quota",     0, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "max 100000\n"}}                                   },
    {"v2 one",                 1, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "100000 100000\n"}}                                },
    {"v2 a fraction",          1, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "1000 100000\n"}}                                  },
    {"v2 rounded up",          2, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "100001 100000\n"}}                                },
    {"v2 another period",      2, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "20000 10000\n"}}                                  },
    {"v2 more than there are", 0, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "999900000 100000\n"}}                             },
    {"v2 own group",           1, {{GROUP, "0::/a/b\n"}, {V2 "/a/b/cpu.max", "50000 100000\n"}}                          },
    {"v2 parent is tighter",
     1,                           {{GROUP, "0::/a/b\n"},
      {V2 "/a/b/cpu.max", "200000 100000\n"},
      {V2 "/a/cpu.max", "100000 100000\n"}}                                                                       },
    {"v2 child is tighter",
     1,                           {{GROUP, "0::/a/b\n"},
      {V2 "/a/b/cpu.max", "100000 100000\n"},
      {V2 "/a/cpu.max", "200000 100000\n"},
      {V2 "/cpu.max", "max 100000\n"}}                                                                            },
    {"v2 path of the host",
     1,                           {{GROUP, "0::/docker/0123abcd\n"}, {V2 "/cpu.max", "100000 100000\n"}}                 },
    {"v2 other group",
     0,                           {{GROUP, "0::/a\n"}, {V2 "/b/cpu.max", "100000 100000\n"}, {V2 "/ab/cpu.max", "1 1\n"}}},
    {"v2 no newline",          1, {{GROUP, "0::/"}, {V2 "/cpu.max", "100000 100000"}}                                    },
    {"v2 nonsense",            0, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "some text\n"}}                                    },
    {"v2 zero",                0, {{GROUP, "0::/\n"}, {V2 "/cpu.max", "0 0\n"}}                                          },
    {"v2 empty",               0, {{GROUP, "0::/\n"}, {V2 "/cpu.max", ""}}                                               },
    {"group is nonsense",      0, {{GROUP, "x\n::\n0::\n"}, {V2 "/cpu.max", "1 1\n"}}                                    },
    {"v1",
     1,                           {{GROUP, "12:pids:/x\n4:cpu,cpuacct:/a\n1:name=systemd:/\n"},
      {V1 "/a/cpu.cfs_quota_us", "100000\n"},
      {V1 "/a/cpu.cfs_period_us", "100000\n"}}                                                                    },
    {"v1 without a quota",
     0,                           {{GROUP, "4:cpu,cpuacct:/\n"},
      {V1 "/cpu.cfs_quota_us", "-1\n"},
      {V1 "/cpu.cfs_period_us", "100000\n"}}                                                                      },
    {"v1 parent",
     1,                           {{GROUP, "4:cpuacct,cpu:/a/b\n0::/\n"},
      {V1 "/a/cpu.cfs_quota_us", "90000\n"},
      {V1 "/a/cpu.cfs_period_us", "100000\n"}}                                                                    },
    {"v1 cpuset is not cpu",
     0,                           {{GROUP, "4:cpuset:/\n"},
      {V1 "/cpu.cfs_quota_us", "90000\n"},
      {V1 "/cpu.cfs_period_us", "100000\n"}}                                                                      },
};

static void make_file(const char *root, const struct file *file)
{
    struct buf path = BUF_INIT;

    buf_addf(&path, "%s%s", root, file->path);
    for (size_t i = strlen(root) + 1; i < path.len; i++) {
        if (path.data[i] != '/')
            continue;
        char *text = strndup(path.data, i);
        (void)mkdir(text, 0700);
        free(text);
    }
    FILE *f = fopen(buf_cstr(&path), "w");
    assert_non_null(f);
    assert_true(fputs(file->text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    buf_release(&path);
}

/* The file and every directory that it leaves empty. */
static void drop_file(const char *root, const struct file *file)
{
    struct buf path = BUF_INIT;

    buf_addf(&path, "%s%s", root, file->path);
    while (path.len > strlen(root) && remove(buf_cstr(&path)) == 0)
        while (path.data[--path.len] != '/')
            ;
    buf_release(&path);
}

TEST(the_smallest_quota_of_the_group_and_those_above_counts)
{
    unsigned all = cpus_usable("/nonexistent");

    assert_true(all >= 1);
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        char root[] = "/tmp/cpus-XXXXXX";
        const struct tree *tree = &trees[i];

        assert_non_null(mkdtemp(root));
        size_t n = 0;
        for (; n < ARRAY_LEN(tree->files) && tree->files[n].path != NULL; n++)
            make_file(root, &tree->files[n]);
        unsigned want = tree->quota != 0 && tree->quota < all ? tree->quota : all;
        unsigned got = cpus_usable(root);
        if (got != want)
            print_error("%s\n", tree->name);
        while (n > 0)
            drop_file(root, &tree->files[--n]);
        assert_int_equal(rmdir(root), 0);
        assert_int_equal(got, want);
    }
}

TEST(the_real_machine_has_at_least_one)
{
    assert_in_range(cpus_usable(""), 1, sysconf(_SC_NPROCESSORS_CONF));
}

RUN_TESTS(T(the_smallest_quota_of_the_group_and_those_above_counts),
          T(the_real_machine_has_at_least_one))

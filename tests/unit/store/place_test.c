/* SPDX-License-Identifier: MIT */
/*
 * Where a store may lie.
 */
#include "store/place.h"

#include "tests/unit/store/fixture.h"

#include <sys/stat.h>
#include <sys/vfs.h>

TEST(network_file_systems_are_refused_and_local_ones_are_not)
{
    static const struct {
        uint64_t f_type;
        const char *name;
    } cases[] = {
        {0x6969,             "NFS" },
        {0xff534d42,         "CIFS"},
        {0xffffffffff534d42, "CIFS"}, /* f_type is signed and may be widened */
        {0xfe534d42,         "SMB2"},
        {0x00c36400,         "Ceph"},
        {0x01021997,         "9p"  },
        {0x65735546,         "FUSE"},
        {0xef53,             NULL  }, /* ext4 */
        {0x58465342,         NULL  }, /* XFS */
        {0x9123683e,         NULL  }, /* Btrfs */
        {0x01021994,         NULL  }, /* tmpfs */
        {0x794c7630,         NULL  }, /* overlayfs */
        {0x2fc12fc1,         NULL  }, /* ZFS */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *name = place_refused(cases[i].f_type);

        if (cases[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, cases[i].name);
    }
}

TEST(missing_directories_are_made_for_the_owner_only)
{
    struct place p;
    struct stat st;
    char path[160];

    place_make(&p);
    (void)snprintf(path, sizeof(path), "%s/a//b/c/store.db", p.dir);
    assert_true(place_prepare(path, NULL));
    assert_true(place_prepare(path, NULL)); /* they may be there */
    assert_int_not_equal(stat(path, &st), 0);
    (void)snprintf(path, sizeof(path), "%s/a/b/c", p.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    place_remove(&p);
}

TEST(a_name_without_a_directory_is_in_the_current_one)
{
    assert_true(place_prepare("no-such-store.db", NULL));
    assert_true(place_prepare("./no-such-store.db", NULL));
    assert_true(place_prepare("/no-such-store.db", NULL));
}

TEST(what_is_not_a_regular_file_of_its_own_is_refused)
{
    struct place p;
    char path[160], too_long[5000];
    struct err err;

    place_make(&p);
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';

    err = (struct err)ERR_INIT;
    assert_false(place_prepare(p.dir, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.text, "regular file"));

    (void)snprintf(path, sizeof(path), "%s/link.db", p.dir);
    assert_int_equal(symlink("elsewhere.db", path), 0);
    err = (struct err)ERR_INIT;
    assert_false(place_prepare(path, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.text, "symbolic link"));

    err = (struct err)ERR_INIT;
    assert_false(place_prepare("", &err));
    assert_int_equal(err.kind, ERR_INVALID);
    err = (struct err)ERR_INIT;
    assert_false(place_prepare("data/", &err));
    assert_int_equal(err.kind, ERR_INVALID);
    err = (struct err)ERR_INIT;
    assert_false(place_prepare(too_long, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    place_remove(&p);
}

TEST(a_file_with_a_second_name_is_refused_until_it_has_one)
{
    struct place p;
    struct err err = ERR_INIT;
    char other[128];

    place_make(&p);
    (void)snprintf(other, sizeof(other), "%s/other.db", p.dir);
    write_file(p.path, "", 0);
    assert_int_equal(link(p.path, other), 0);
    assert_false(place_prepare(p.path, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.text, "2 names (hard links)"));
    assert_false(place_prepare(other, NULL));
    assert_int_equal(unlink(p.path), 0);
    assert_true(place_prepare(other, NULL));
    place_remove(&p);
}

/* Whoever opens a FIFO waits for somebody at its other end. */
TEST(what_is_no_file_beside_a_store_is_refused_by_name_and_not_opened)
{
    static const char *const ends[] = {"-journal", "-wal", "-shm"};
    struct place p;

    place_make(&p);
    sqlite_ops.close(sqlite_backend(&p));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct store_backend *b = NULL;
        struct err err = ERR_INIT;
        uint64_t bytes = 0;
        char name[128];

        (void)snprintf(name, sizeof(name), "%s%s", p.path, ends[i]);
        assert_int_equal(mkfifo(name, 0600), 0);
        assert_false(place_prepare(p.path, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        assert_non_null(strstr(err.text, name));
        assert_false(sqlite_ops.open(&p.sqlite, &b, NULL));
        assert_false(sqlite_ops.backup(&p.sqlite, "/tmp/never", NULL, NULL, &bytes, NULL));
        assert_int_equal(unlink(name), 0);
        assert_int_equal(mkdir(name, 0700), 0);
        assert_false(place_prepare(p.path, NULL));
        assert_int_equal(rmdir(name), 0);
        write_file(name, "", 0);
        assert_true(place_prepare(p.path, NULL));
        assert_int_equal(unlink(name), 0);
    }
    place_remove(&p);
}

TEST(a_file_in_the_way_of_a_directory_is_an_error)
{
    struct place p;
    char path[160];
    struct err err = ERR_INIT;
    FILE *f;

    place_make(&p);
    f = fopen(p.path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(path, sizeof(path), "%s/below/store.db", p.path);
    assert_false(place_prepare(path, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.text, p.path));
    place_remove(&p);
}

RUN_TESTS(T(network_file_systems_are_refused_and_local_ones_are_not),
          T(missing_directories_are_made_for_the_owner_only),
          T(a_name_without_a_directory_is_in_the_current_one),
          T(what_is_not_a_regular_file_of_its_own_is_refused),
          T(a_file_with_a_second_name_is_refused_until_it_has_one),
          T(what_is_no_file_beside_a_store_is_refused_by_name_and_not_opened),
          T(a_file_in_the_way_of_a_directory_is_an_error))

/* SPDX-License-Identifier: MIT */
/* mount(2) where it does, mount(8) for loop devices. */
#include "tests/faults/lib/disk_mount.h"

#include "tests/e2e/lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* Root at once; another user as root of a namespace of users, where the machine lets it. */
static bool enter(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char map[32];

    if (uid == 0)
        return unshare(CLONE_NEWNS) == 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    (void)snprintf(map, sizeof(map), "0 %u 1", uid);
    if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map))
        return false;
    (void)snprintf(map, sizeof(map), "0 %u 1", gid);
    return write_text("/proc/self/gid_map", map);
}

/* The namespace of the parent says whether this is one of our own already. */
static bool is_inside(void)
{
    struct stat ours, theirs;
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)getppid());
    return stat("/proc/self/ns/mnt", &ours) == 0 && stat(path, &theirs) == 0 &&
           ours.st_ino != theirs.st_ino;
}

bool mounts_begin(void)
{
    if (is_inside() || (enter() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0))
        return true;
    print_message("skipped: no mount namespace can be made here\n");
    return false;
}

static void unmount(void *arg)
{
    (void)umount2(arg, MNT_DETACH);
}

/* A directory that is unmounted at the end. */
static char *mount_point(struct fixture *f, const char *name)
{
    const char *path = in_dir(f, name);
    char *dir = keep_text(f, path, strlen(path));

    assert_int_equal(mkdir(dir, 0700), 0);
    at_end(f, unmount, dir);
    return dir;
}

/* ---- tmpfs ---- */

const char *mount_tmpfs(struct fixture *f, const char *name, unsigned kib)
{
    const char *dir = mount_point(f, name);

    assert_int_equal(mount("tmpfs", dir, "tmpfs", 0, textf(f, "size=%uk", kib)), 0);
    return dir;
}

void mount_resize(const char *dir, unsigned kib)
{
    char size[32];

    (void)snprintf(size, sizeof(size), "size=%uk", kib);
    assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT, size), 0);
}

/* ---- ext4 ---- */

static bool put_on(struct fixture *f, const struct ext4 *fs, const char *dir)
{
    const struct outcome *o =
        run(f, ARGS("mount", "-t", "ext4", "-o", textf(f, "loop,%s", fs->options), fs->image, dir),
            NULL);

    if (o->status != 0)
        print_message("skipped: no ext4 on a loop device can be mounted here: %s", o->err);
    return o->status == 0;
}

const char *mount_ext4(struct fixture *f, const struct ext4 *fs)
{
    const char *dir = mount_point(f, fs->name);
    int fd = open(fs->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)fs->kib * 1024), 0);
    (void)close(fd);
    if (run(f, ARGS("mkfs.ext4", "-q", "-F", "-O", fs->mkfs, "-E", "lazy_itable_init=0", fs->image),
            NULL)
            ->status != 0) {
        print_message("skipped: there is no mkfs.ext4 here\n");
        return NULL;
    }
    return put_on(f, fs, dir) ? dir : NULL;
}

void mount_ext4_again(struct fixture *f, const struct ext4 *fs)
{
    const char *dir = in_dir(f, fs->name);

    assert_int_equal(umount2(dir, 0), 0);
    assert_true(put_on(f, fs, dir));
}

void mount_ext4_break(struct fixture *f, const char *dir)
{
    char device[PATH_MAX];
    struct stat st;
    ssize_t n;

    assert_int_equal(stat(dir, &st), 0);
    n = readlink(textf(f, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev)), device,
                 sizeof(device) - 1);
    assert_true(n > 0);
    device[n] = '\0';
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    assert_true(write_text(textf(f, "/sys/fs/ext4/%s/trigger_fs_error", basename(device)), "1"));
}

/* ---- read-only ---- */

void mount_read_only(const char *dir)
{
    assert_int_equal(mount(dir, dir, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
}

void mount_writable(const char *dir)
{
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

/* ---- full ---- */

static const char *ballast(struct fixture *f, const char *dir)
{
    return textf(f, "%s/ballast", dir);
}

void mount_fill(struct fixture *f, const char *dir)
{
    static const char block[4096];
    int fd = open(ballast(f, dir), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    size_t n = sizeof(block);

    assert_true(fd >= 0);
    while (write(fd, block, n) == (ssize_t)n)
        ;
    assert_int_equal(errno, ENOSPC);
    (void)close(fd);
}

void mount_free(struct fixture *f, const char *dir)
{
    assert_int_equal(unlink(ballast(f, dir)), 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * Where a store may lie: its directories, their file system, and what bears its name. Nothing here
 * opens the store.
 */
#include "store/place.h"

#include "base/buf.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *place_refused(uint64_t f_type)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } refused[] = {
        {0x6969,     "NFS"   },
        {0xff534d42, "CIFS"  },
        {0xfe534d42, "SMB2"  },
        {0x517b,     "SMB"   },
        {0x5346414f, "AFS"   },
        {0x6b414653, "AFS"   },
        {0x73757245, "Coda"  },
        {0x00c36400, "Ceph"  },
        {0x01021997, "9p"    },
        {0x65735546, "FUSE"  },
        {0x0bd00bd0, "Lustre"},
        {0x01161970, "GFS2"  },
        {0x7461636f, "OCFS2" },
        {0x47504653, "GPFS"  },
        {0x19830326, "BeeGFS"},
        {0x786f4256, "vboxsf"},
        {0xbacbacbc, "HGFS"  },
    };

    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (refused[i].magic == (uint32_t)f_type)
            return refused[i].name;
    return NULL;
}

bool place_sync(const char *directory, struct err *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return err_set_errno(err, errno, "cannot open '%s'", directory);
    ok = fsync(fd) == 0;
    if (!ok)
        err_set_errno(err, errno, "cannot sync '%s'", directory);
    (void)close(fd);
    return ok;
}

/*
 * Makes `dir`, whose parent is there. A new directory lives through a power cut only when its
 * parent was synced.
 */
static bool make_directory(const char *dir, const char *parent, struct err *err)
{
    if (mkdir(dir, 0700) == 0)
        return place_sync(parent, err);
    if (errno != EEXIST)
        return err_set_errno(err, errno, "cannot make the directory '%s'", dir);
    return true;
}

/*
 * Every directory above `path` ('/' cuts them), like mkdir -p. `path` is changed on the way and
 * restored.
 */
static bool make_directories(char *path, struct err *err)
{
    char parent[PATH_MAX] = ".";
    bool ok = true;

    if (path[0] == '/')
        parent[0] = '/';
    for (char *p = path + 1; ok && (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        ok = make_directory(path, parent, err);
        memcpy(parent, path, (size_t)(p - path) + 1);
        *p = '/';
    }
    return ok;
}

bool place_directory(const char *path, char ret[PATH_MAX], struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;

    if (path[0] == '\0' || (slash != NULL && slash[1] == '\0'))
        return err_set(err, ERR_INVALID, "'%s' does not name a file", path);
    if (strlen(path) + sizeof(".lock") > PATH_MAX)
        return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", path);
    memcpy(ret, slash == NULL ? "." : slash == path ? "/" : path, n != 0 ? n : 1);
    ret[n != 0 ? n : 1] = '\0';
    return true;
}

/* A link would give one database as many locks as it has names, and as many logs. */
static bool check_file(const char *path, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT || err_set_errno(err, errno, "cannot look at the store '%s'", path);
    if (S_ISLNK(st.st_mode))
        return err_set(err, ERR_INVALID,
                       "the store '%s' is a symbolic link; name the file it points to", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "the store '%s' is not a regular file", path);
    if (st.st_nlink > 1)
        return err_set(err, ERR_INVALID,
                       "the store '%s' has %llu names (hard links), and under another one it could "
                       "be served twice; delete the others, or serve a copy",
                       path, (unsigned long long)st.st_nlink);
    return true;
}

bool place_side_files(const char *path, struct err *err)
{
    static const char *const ends[] = {"-journal", "-wal", "-shm"};
    struct buf name = BUF_INIT;
    struct stat st;
    bool ok = true;

    for (size_t i = 0; ok && i < ARRAY_LEN(ends); i++) {
        buf_clear(&name);
        buf_addf(&name, "%s%s", path, ends[i]);
        if (lstat(buf_cstr(&name), &st) == 0 && !S_ISREG(st.st_mode))
            ok =
                err_set(err, ERR_INVALID,
                        "'%s' is not a regular file, but SQLite keeps one under that name; move it "
                        "away",
                        buf_cstr(&name));
    }
    buf_release(&name);
    return ok;
}

/* The log first: once it has a byte, its file is never empty. */
bool store_log_has_file(const char *path, struct err *err)
{
    struct buf name = BUF_INIT;
    struct stat file, log;
    bool logged, missing;

    buf_addf(&name, "%s-wal", path);
    logged = stat(buf_cstr(&name), &log) == 0 && log.st_size > 0;
    buf_release(&name);
    missing = stat(path, &file) != 0;
    if (!logged || (missing && errno != ENOENT) || (!missing && file.st_size > 0))
        return true;
    return err_set(err, ERR_INVALID,
                   "the store '%s' is %s, but not its log (-wal), which may hold messages; put the "
                   "file back, or move the log away to begin anew; nothing was changed",
                   path, missing ? "missing" : "empty");
}

bool place_prepare(const char *path, struct err *err)
{
    char dir[PATH_MAX];
    struct buf copy = BUF_INIT;
    struct statfs fs;
    const char *refused;
    bool made;

    if (!place_directory(path, dir, err))
        return false;
    buf_add_str(&copy, path);
    (void)buf_cstr(&copy);
    made = make_directories(copy.data, err);
    buf_release(&copy);
    if (!made)
        return false;
    if (statfs(dir, &fs) != 0)
        return err_set_errno(err, errno, "cannot look at '%s'", dir);
    refused = place_refused((uint64_t)fs.f_type);
    if (refused != NULL)
        return err_set(err, ERR_INVALID,
                       "the store '%s' is on a %s file system, where locks and syncs can't be "
                       "trusted; put it on a local disk",
                       path, refused);
    return check_file(path, err) && place_side_files(path, err);
}

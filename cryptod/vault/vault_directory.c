/* See vault_directory.h; vault_reserve() and vault_discard() are in vault.h. */
#include "cryptod/vault/vault_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/cleanup.h"

#define EMPTY_MARK "no-account"

enum { RESERVED_BYTES = 1 << 20 /* what a new account takes: its tables, keys and key packages */ };

bool vault_directory_is_id(const char *id)
{
        return strlen(id) == ACCOUNT_ID_SIZE && strspn(id, "0123456789abcdef") == ACCOUNT_ID_SIZE;
}

char *vault_directory_path(const char *state_directory, const char *id, const char *name)
{
        char *path;

        if (asprintf(&path, "%s/%s/%s", state_directory, id, name) < 0)
                abort();
        return path;
}

/* The file that says that a directory has no account: not yet, or not any more. Its absence is no proof of one, but
 * where it is not, something that is missing was lost. It keeps @room bytes of the disk. */
static int mark_empty(const char *state_directory, const char *id, off_t room)
{
        _cleanup_free_ char *path = vault_directory_path(state_directory, id, EMPTY_MARK);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r = fd < 0 ? errno : room > 0 ? posix_fallocate(fd, 0, room) : 0;

        return r == EOPNOTSUPP || r == EINVAL ? 0 : -r;
}

static bool is_marked_empty(const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = vault_directory_path(state_directory, id, EMPTY_MARK);

        return access(path, F_OK) == 0;
}

void vault_directory_unmark(const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = vault_directory_path(state_directory, id, EMPTY_MARK);

        (void) unlink(path); /* an account that is there is one in spite of it */
}

int vault_directory_missing(const char *state_directory, const char *id)
{
        _cleanup_free_ char *directory = vault_directory_path(state_directory, id, "");

        return is_marked_empty(state_directory, id) || access(directory, F_OK) < 0 ? -ENOENT : -EBADMSG;
}

int vault_directory_make(const char *state_directory, const char *id)
{
        _cleanup_free_ char *directory = vault_directory_path(state_directory, id, "");
        _cleanup_free_ char *path = vault_directory_path(state_directory, id, "vault.db");

        if (!vault_directory_is_id(id))
                return -EINVAL;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        return access(path, F_OK) == 0 && !is_marked_empty(state_directory, id) ? -EEXIST
                                                                                : mark_empty(state_directory, id, 0);
}

int vault_reserve(const char *state_directory, const char *id)
{
        _cleanup_free_ char *directory = vault_directory_path(state_directory, id, "");
        _cleanup_close_ int parent = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (!vault_directory_is_id(id))
                return -EINVAL;
        if (parent < 0 || mkdir(directory, 0700) < 0)
                return -errno;
        int r = mark_empty(state_directory, id, RESERVED_BYTES);
        if (r >= 0 && fsync(parent) < 0)
                r = -errno;
        if (r < 0)
                (void) vault_discard(state_directory, id);
        return r;
}

int vault_discard(const char *state_directory, const char *id)
{
        static const char *const names[] = { "cell-keys", "vault.db", "vault.db-wal", "vault.db-shm", EMPTY_MARK };
        _cleanup_free_ char *directory = vault_directory_path(state_directory, id, "");

        if (!vault_directory_is_id(id))
                return -EINVAL;
        if (access(directory, F_OK) == 0)
                (void) mark_empty(state_directory, id, 0); /* a full disk must not keep anything from being deleted */
        for (unsigned i = 0; i < COUNT_OF(names); i++) {
                _cleanup_free_ char *path = vault_directory_path(state_directory, id, names[i]);

                if (unlink(path) < 0 && errno != ENOENT)
                        return -errno;
        }
        return rmdir(directory) < 0 && errno != ENOENT ? -errno : 0;
}

/* See output_file.h. */
#include "ui/client/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"

enum { MODE = 0600 };

static char *format(const char *form, const char *text)
{
        char *out;

        if (asprintf(&out, form, text) < 0)
                abort();
        return out;
}

/* The directory that a file of this name is in. */
static char *directory_of(const char *path)
{
        const char *slash = strrchr(path, '/');
        char *directory = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t) (slash - path));

        if (!directory)
                abort();
        return directory;
}

int output_file_begin(const char *path, bool may_replace, struct output_file *out)
{
        _cleanup_free_ char *directory = NULL;

        *out = (struct output_file){ .fd = STDOUT_FILENO, .may_replace = may_replace };
        if (strcmp(path, "-") == 0)
                return 0;
        out->fd = -1;
        if (!may_replace && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;
        out->path = format("%s", path);
        directory = directory_of(path);
        out->fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, MODE);
        if (out->fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
                return out->fd < 0 ? -errno : 0;
        out->temporary = format("%s.XXXXXX", path);
        out->fd = mkostemp(out->temporary, O_CLOEXEC);
        if (out->fd >= 0)
                return 0;
        free(TAKE(out->temporary));
        return -errno;
}

/* Links the nameless file to a name, or gives the one with a temporary name its own. */
static int name_it(struct output_file *o)
{
        char self[64];

        (void) snprintf(self, sizeof(self), "/proc/self/fd/%d", o->fd);
        if (!o->temporary && linkat(AT_FDCWD, self, AT_FDCWD, o->path, AT_SYMLINK_FOLLOW) == 0)
                return 0;
        if (!o->temporary && (errno != EEXIST || !o->may_replace))
                return -errno;
        if (!o->temporary) {
                _cleanup_free_ char *name = format("%s.XXXXXX", o->path);
                int fd = mkostemp(name, O_CLOEXEC); /* a free name */

                if (fd < 0)
                        return -errno;
                close(fd);
                if (unlink(name) < 0 || linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
                        return -errno;
                o->temporary = TAKE(name);
        }
        if (renameat2(AT_FDCWD, o->temporary, AT_FDCWD, o->path, o->may_replace ? 0 : RENAME_NOREPLACE) < 0)
                return -errno;
        free(TAKE(o->temporary));
        return 0;
}

int output_file_finish(struct output_file *o)
{
        if (!o->path)
                return 0;
        return fsync(o->fd) < 0 ? -errno : name_it(o);
}

void output_file_release(struct output_file *o)
{
        if (o->path && o->fd >= 0)
                close(o->fd);
        if (o->temporary)
                (void) unlink(o->temporary);
        free(o->temporary);
        free(o->path);
}

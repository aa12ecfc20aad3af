/* See spool.h. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "services/cleanup.h"
#include "services/log.h"

enum { FLUSH_STEP = 8 * 1024 * 1024 };

struct spool {
        int directory;
};

int spool_open(const char *directory, struct spool **out)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ struct spool *s = calloc(1, sizeof(*s));
        int r = 0;

        if (!s || asprintf(&path, "%s/spool", directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                r = -errno;
        s->directory = r < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (s->directory < 0) {
                r = r < 0 ? r : -errno;
                log_error("The directory %s for files under way cannot be opened: %s. Make its parent writable.", path,
                          strerror(-r));
                return r;
        }
        *out = TAKE(s);
        return 0;
}

struct spool *spool_close(struct spool *s)
{
        if (s)
                close(s->directory);
        free(s);
        return NULL;
}

static int open_file(struct spool *s, const char *name, int flags, int *out)
{
        int fd = openat(s->directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        *out = fd;
        return 0;
}

int spool_create(struct spool *s, const char *name, int *out)
{
        return open_file(s, name, O_RDWR | O_CREAT | O_TRUNC, out);
}

int spool_find(struct spool *s, const char *name, int *out)
{
        return open_file(s, name, O_RDWR, out);
}

int spool_reopen(struct spool *s, const char *name, int *out)
{
        return open_file(s, name, O_RDONLY, out);
}

int spool_sync(struct spool *s, int fd)
{
        return fdatasync(fd) < 0 || fsync(s->directory) < 0 ? -errno : 0;
}

void spool_remove(struct spool *s, const char *name)
{
        if (unlinkat(s->directory, name, 0) < 0 && errno != ENOENT)
                log_warning("The file %s in the spool cannot be removed: %s.", name, strerror(errno));
}

int spool_sweep(struct spool *s, bool (*keep)(void *userdata, const char *name), void *userdata)
{
        int fd = openat(s->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;

        if (!d) {
                int r = -errno;

                if (fd >= 0)
                        close(fd);
                return r;
        }
        while ((e = readdir(d))) {
                if (e->d_name[0] != '.' && !keep(userdata, e->d_name))
                        spool_remove(s, e->d_name);
        }
        closedir(d);
        return 0;
}

int spool_write(int fd, struct bytes content, uint64_t offset)
{
        for (size_t done = 0; done < content.size;) {
                ssize_t n = pwrite(fd, content.data + done, content.size - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        if ((offset + content.size) % FLUSH_STEP == 0)
                (void) sync_file_range(fd, (off_t) (offset + content.size - FLUSH_STEP), FLUSH_STEP,
                                       SYNC_FILE_RANGE_WRITE);
        return 0;
}

int spool_read(int fd, uint8_t *out, size_t size, uint64_t offset)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = pread(fd, out + done, size - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                done += (size_t) n;
        }
        return 0;
}

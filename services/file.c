/* Atomic replacement of small files, and reading whole ones. */
#include "file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

static int write_all(int fd, struct bytes content)
{
        for (size_t done = 0; done < content.size;) {
                ssize_t n = write(fd, content.data + done, content.size - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t) n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

static int sync_directory_of(const char *path)
{
        _cleanup_free_ char *copy = strdup(path);
        _cleanup_close_ int fd = -1;

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* link(2) refuses an existing name where rename(2) would replace it. */
static int move_into_place(const char *temporary, const char *path, bool exclusive)
{
        if (!exclusive)
                return rename(temporary, path) < 0 ? -errno : 0;
        if (link(temporary, path) < 0)
                return -errno;
        return unlink(temporary) < 0 ? -errno : 0;
}

int file_write(const char *path, struct bytes content, bool exclusive)
{
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
        if (fd < 0)
                return -errno;

        int r = write_all(fd, content);
        if (r == 0)
                r = move_into_place(temporary, path, exclusive);
        if (r < 0) {
                unlink(temporary);
                return r;
        }
        return sync_directory_of(path);
}

int file_read_secret(const char *path, size_t max, struct secret **out)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        _cleanup_secret_ struct secret *buffer = NULL;
        struct stat st;
        size_t size = 0;

        assert(max < SECRET_SIZE_MAX);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;

        buffer = secret_new(max + 1);
        while (size < buffer->size) {
                ssize_t n = read(fd, buffer->data + size, buffer->size - size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                if (n > 0)
                        size += (size_t) n;
        }
        if (size > max)
                return -EMSGSIZE;
        *out = secret_copy(BYTES(buffer->data, size));
        return 0;
}

int file_read(int fd, size_t max, struct writer *out)
{
        struct stat st;
        size_t done = 0;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size == 0)
                return -ENODATA;
        if ((uint64_t) st.st_size > max)
                return -EMSGSIZE;
        uint8_t *data = writer_append(out, (size_t) st.st_size);

        if (!data)
                return writer_finish(out);
        while (done < (size_t) st.st_size) {
                ssize_t n = pread(fd, data + done, (size_t) st.st_size - done, (off_t) done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ENODATA; /* it shrank under our hands */
                done += (size_t) n;
        }
        return 0;
}

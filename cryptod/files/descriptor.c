/* See descriptor.h. */
#include "cryptod/files/descriptor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DISCARDED = 64 * 1024 };

static int wait_for(int fd, int stop, short events)
{
        struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = stop, .events = POLLIN } };

        while (poll(fds, 2, -1) < 0)
                if (errno != EINTR)
                        return -errno;
        return fds[1].revents ? -ECANCELED : 0;
}

static bool again(ssize_t n)
{
        return n < 0 && (errno == EINTR || errno == EAGAIN);
}

ssize_t descriptor_read(int fd, int stop, uint8_t *out, size_t size)
{
        size_t got = 0;

        while (got < size) {
                int r = wait_for(fd, stop, POLLIN);
                ssize_t n = r < 0 ? r : read(fd, out + got, size - got);

                if (r < 0)
                        return r;
                if (n == 0)
                        break;
                if (n < 0 && !again(n))
                        return -errno;
                got += n > 0 ? (size_t) n : 0;
        }
        return (ssize_t) got;
}

/* What can be written at once without waiting, when poll(2) says that something can. */
static size_t portion(int fd)
{
        struct stat st;

        return fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) ? SSIZE_MAX : PIPE_BUF;
}

int descriptor_write(int fd, int stop, const uint8_t *data, size_t size)
{
        size_t most = portion(fd);

        while (size > 0) {
                int r = wait_for(fd, stop, POLLOUT);
                ssize_t n = r < 0 ? r : write(fd, data, size < most ? size : most);

                if (r < 0)
                        return r;
                if (n < 0 && !again(n))
                        return -errno;
                data += n > 0 ? n : 0;
                size -= n > 0 ? (size_t) n : 0;
        }
        return 0;
}

int descriptor_skip(int fd, int stop, uint64_t size)
{
        uint8_t discarded[DISCARDED];

        if (size <= INT64_MAX && lseek(fd, (off_t) size, SEEK_CUR) >= 0)
                return 0;
        while (size > 0) {
                size_t part = size < sizeof(discarded) ? (size_t) size : sizeof(discarded);
                ssize_t n = descriptor_read(fd, stop, discarded, part);

                if (n < 0)
                        return (int) n;
                if ((size_t) n < part)
                        return -ENODATA;
                size -= part;
        }
        return 0;
}

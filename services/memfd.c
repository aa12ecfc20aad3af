/* See memfd.h. */
#include "memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "services/cleanup.h"
#include "services/file.h"

int memfd_read(int fd, size_t max, struct writer *out)
{
        static const int wanted = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        int seals = fcntl(fd, F_GET_SEALS);

        return seals < 0 || (seals & wanted) != wanted ? -EINVAL : file_read(fd, max, out);
}

int memfd_make(struct bytes content, int *out)
{
        _cleanup_close_ int fd = memfd_create("visavis", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        size_t done = 0;

        if (fd < 0)
                return -errno;
        while (done < content.size) {
                ssize_t n = pwrite(fd, content.data + done, content.size - done, (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        *out = TAKE_FD(fd);
        return 0;
}

/* See memfd.h. */
#include "memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "services/cleanup.h"

int memfd_read(int fd, size_t max, struct writer *out)
{
        static const int wanted = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        struct stat st;
        size_t done = 0;
        int seals = fcntl(fd, F_GET_SEALS);

        if (seals < 0 || (seals & wanted) != wanted)
                return -EINVAL;
        if (fstat(fd, &st) < 0)
                return -errno;
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

/* Pictures, videos and recordings, and what the process that has looked at them says. Without the confinement: what is
 * looked for is what it would have to hold. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ui/media/look.h"

enum { SIDE = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_readable(const struct finding *f)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct finding again = { 0 };

        finding_write(f, &w);
        if (writer_finish(&w) < 0 || finding_read(writer_bytes(&w), SIDE, &again) < 0)
                abort();
        finding_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const int fd = memfd_create("fuzz", MFD_CLOEXEC);
        struct finding f = { 0 };

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
        if (finding_read(BYTES(data, size), SIDE, &f) >= 0)
                expect_readable(&f);
        finding_release(&f);
        look(fd, (int64_t) size, SIDE, &f);
        expect_readable(&f);
        finding_release(&f);
        close(fd);
        return 0;
}

/* See copy_stream.h. */
#include "cryptod/files/copy_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cryptod/files/descriptor.h"
#include "services/cleanup.h"

enum { BUFFER_SIZE = 64 * 1024 };

struct copy_stream {
        int input, output, stop;
        uint8_t buffer[BUFFER_SIZE];
};

int copy_stream_new(int input, int output, struct copy_stream **out)
{
        struct copy_stream *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                abort();
        s->input = fcntl(input, F_DUPFD_CLOEXEC, 3);
        s->output = fcntl(output, F_DUPFD_CLOEXEC, 3);
        s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->input < 0 || s->output < 0 || s->stop < 0) {
                r = -errno;
                copy_stream_free(s);
                return r;
        }
        *out = s;
        return 0;
}

struct copy_stream *copy_stream_free(struct copy_stream *s)
{
        if (!s)
                return NULL;
        cleanup_close(&s->input);
        cleanup_close(&s->output);
        cleanup_close(&s->stop);
        explicit_bzero(s->buffer, sizeof(s->buffer));
        free(s);
        return NULL;
}

int copy_stream_run(struct copy_stream *s)
{
        ssize_t n;

        while ((n = descriptor_read(s->input, s->stop, s->buffer, sizeof(s->buffer))) > 0) {
                int r = descriptor_write(s->output, s->stop, s->buffer, (size_t) n);

                if (r < 0)
                        return r;
        }
        return (int) n;
}

void copy_stream_stop(struct copy_stream *s)
{
        if (eventfd_write(s->stop, 1) < 0)
                abort(); /* far from its limit */
}

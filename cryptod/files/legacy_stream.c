/* See legacy_stream.h. */
#include "cryptod/files/legacy_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "cryptod/files/descriptor.h"
#include "cryptod/files/legacy_envelope.h"
#include "services/cleanup.h"

enum { PART = 64 * 1024 };

struct legacy_stream {
        int input, output, passphrase, stop;
};

int legacy_stream_new(int input, int output, int passphrase, struct legacy_stream **out)
{
        struct legacy_stream *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                abort();
        s->input = fcntl(input, F_DUPFD_CLOEXEC, 3);
        s->output = fcntl(output, F_DUPFD_CLOEXEC, 3);
        s->passphrase = fcntl(passphrase, F_DUPFD_CLOEXEC, 3);
        s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->input < 0 || s->output < 0 || s->passphrase < 0 || s->stop < 0) {
                r = -errno;
                legacy_stream_free(s);
                return r;
        }
        *out = s;
        return 0;
}

struct legacy_stream *legacy_stream_free(struct legacy_stream *s)
{
        if (!s)
                return NULL;
        cleanup_close(&s->input);
        cleanup_close(&s->output);
        cleanup_close(&s->passphrase);
        cleanup_close(&s->stop);
        free(s);
        return NULL;
}

void legacy_stream_stop(struct legacy_stream *s)
{
        if (eventfd_write(s->stop, 1) < 0)
                abort(); /* far from its limit */
}

static int read_all(struct legacy_stream *s, size_t max, struct writer *out)
{
        ssize_t n;

        do {
                uint8_t *part = writer_append(out, PART);

                n = part ? descriptor_read(s->input, s->stop, part, PART) : writer_finish(out);
                if (n < 0)
                        return (int) n;
                out->size -= PART - (size_t) n;
        } while (n == PART && out->size <= max);
        return out->size <= max ? 0 : -EMSGSIZE;
}

int legacy_stream_seal(struct legacy_stream *s)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, text = WRITER_INIT;
        _cleanup_secret_ struct secret *passphrase = NULL;
        int r = read_all(s, LEGACY_ENVELOPE_CONTENT_MAX, &plain);

        if (r >= 0)
                r = secret_from_fd(s->passphrase, LEGACY_ENVELOPE_PASSPHRASE_MAX, true, &passphrase);
        if (r >= 0)
                r = legacy_envelope_write(passphrase, writer_bytes(&plain), &text);
        passphrase = secret_free(passphrase);
        write_u8(&text, '\n');
        if (r >= 0)
                r = writer_finish(&text);
        return r < 0 ? r : descriptor_write(s->output, s->stop, text.data, text.size);
}

int legacy_stream_open(struct legacy_stream *s, bool *authenticated)
{
        _cleanup_writer_ struct writer text = WRITER_INIT, plain = WRITER_INIT;
        _cleanup_secret_ struct secret *passphrase = NULL;
        int r = read_all(s, LEGACY_ENVELOPE_TEXT_MAX, &text);

        if (r >= 0)
                r = secret_from_fd(s->passphrase, LEGACY_ENVELOPE_PASSPHRASE_MAX, true, &passphrase);
        if (r >= 0)
                r = legacy_envelope_read(passphrase, writer_bytes(&text), &plain, authenticated);
        passphrase = secret_free(passphrase);
        return r < 0 ? r : descriptor_write(s->output, s->stop, plain.data, plain.size);
}

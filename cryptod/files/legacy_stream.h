/* The legacy envelope between two descriptors, in a thread that another one can stop. It is whole in memory meanwhile.
 */
#pragma once

#include "services/bytes.h"

struct legacy_stream;

/* The descriptors are duplicated; @passphrase is a memfd or pipe that has it, UTF-8, a newline at its end being
 * dropped. fcntl(2)'s and eventfd(2)'s errors. */
int legacy_stream_new(int input, int output, int passphrase, struct legacy_stream **out);
struct legacy_stream *legacy_stream_free(struct legacy_stream *s);

/* 0; -ECANCELED once it is stopped; what legacy_envelope.h, secret_from_fd() about the passphrase, read(2) and write(2)
 * say. The passphrase is read last, so that it is here no longer than the computation takes. */
int legacy_stream_seal(struct legacy_stream *s);
int legacy_stream_open(struct legacy_stream *s, bool *authenticated);

/* From another thread. */
void legacy_stream_stop(struct legacy_stream *s);

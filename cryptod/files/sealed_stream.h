/* Sealing and opening from one descriptor to another, chunk by chunk, in a thread that another one can stop.
 *
 *     sealed_stream_new ─▶ sealed_stream_seal, or sealed_stream_open ─▶ sealed_stream_free
 *                              ▲ sealed_stream_stop, at any time, from another thread
 *
 * Stopping wipes the keys at once, even while the thread hangs in a file that does not answer: it holds the lock on
 * them only while it computes. */
#pragma once

#include "cryptod/files/sealed_file.h"

struct sealed_stream;

/* The wrapping key passes over. The descriptors are duplicated. fcntl(2)'s and eventfd(2)'s errors. */
int sealed_stream_new(struct secret *wrapping_key, int input, int output, struct sealed_stream **out);
struct sealed_stream *sealed_stream_free(struct sealed_stream *s);

/* Seals all that the input has. 0, -ECANCELED, -EFBIG, what read(2) and write(2) say. */
int sealed_stream_seal(struct sealed_stream *s, enum sealed_file_key kind, struct bytes id);

/* After it: zeros, up to a size that a transfer can have (SEALED_FILE_PART_MIN). What descriptor_write() says. */
int sealed_stream_pad(struct sealed_stream *s);

/* Before it is opened: says that the file has @content bytes of content; what follows in the input is not its. */
void sealed_stream_expect(struct sealed_stream *s, uint64_t content);

/* Opens from @offset of the content on; nothing leaves before the tag of its chunk is verified. 0, a flaw, and as
 * above; -ENXIO if the content ends before @offset. */
int sealed_stream_open(struct sealed_stream *s, uint64_t offset);

/* From another thread: wipes the keys and has the first end with -ECANCELED. */
void sealed_stream_stop(struct sealed_stream *s);

/* From any thread: bytes of content that are done. */
uint64_t sealed_stream_progress(const struct sealed_stream *s);

/* Sealing and opening from one descriptor to another, chunk by chunk, in a thread that another one can stop, and
 * with a few of its own.
 *
 *     sealed_stream_new_sealing ─▶ sealed_stream_seal ─┬─▶ sealed_stream_free
 *     sealed_stream_new_opening ─▶ sealed_stream_open ─┘
 *                                    ▲ sealed_stream_stop, at any time, from another thread
 *
 * Stopping wipes the keys at once, even while the thread hangs in a file that does not answer: it holds the lock on
 * them only while it computes. */
#pragma once

#include "cryptod/files/cover.h"

struct sealed_stream;

/* Seals into a new file, after @head: its cover, if it has one, and its header. The file passes over, also on error.
 * The descriptors are duplicated. fcntl(2)'s and eventfd(2)'s errors. */
int sealed_stream_new_sealing(struct sealed_file *file, struct bytes head, int input, int output,
                              struct sealed_stream **out);

/* Opens with the wrapping key of the account's own files, or what opens the covers of others' (may be NULL: it opens
 * none), which pass over, also on error. The same errors. */
int sealed_stream_new_opening(struct secret *wrapping_key, struct cover_key *cover_key, int input, int output,
                              struct sealed_stream **out);

struct sealed_stream *sealed_stream_free(struct sealed_stream *s);

/* Seals all that the input has. 0, -ECANCELED, -EFBIG, what read(2) and write(2) say. */
int sealed_stream_seal(struct sealed_stream *s);

/* After it: zeros, up to a size that a transfer can have (SEALED_FILE_PART_MIN). What descriptor_write() says. */
int sealed_stream_pad(struct sealed_stream *s);

/* Before it is opened: says that the file has @content bytes of content; what follows in the input is not its. */
void sealed_stream_expect(struct sealed_stream *s, uint64_t content);

/* Opens from @offset of the content on; nothing leaves before the tag of its chunk is verified. 0, a flaw, and as
 * above; -ENXIO if the content ends before @offset. */
int sealed_stream_open(struct sealed_stream *s, uint64_t offset);

/* After sealed_stream_open(): what the file's cover says, but for the key; NULL if it has none. Borrowed. */
const struct cover_content *sealed_stream_cover(const struct sealed_stream *s);

/* From another thread: wipes the keys and has the first end with -ECANCELED. */
void sealed_stream_stop(struct sealed_stream *s);

/* From any thread: bytes of content that are done. */
uint64_t sealed_stream_progress(const struct sealed_stream *s);

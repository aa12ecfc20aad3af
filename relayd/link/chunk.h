/* A chunk: a part of a file as it lies on a hub, encrypted by whoever made it and named by its SHA-256. These are the
 * bodies of the frames about chunks; message.h has the others and says what readers and writers return.
 *
 * A chunk has one of four sizes, so that a file's size is told no more exactly than by their number and the last one's
 * size. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "services/bytes.h"

enum {
        CHUNK_NAME_SIZE = 32,
        CHUNK_SIZE_MIN = 4 * 1024,
        CHUNK_SIZE_MAX = 256 * 1024,
        CHUNK_NAMES_MAX = 256, /* in one request */
        CHUNK_PUTS_MAX = 16,   /* PUT_CHUNKs of one link that are not answered */
};

/* True for 4, 16, 64 and 256 KiB. */
bool chunk_size_valid(uint64_t size);

/* The name that @content has to have. -ENOMEM. */
int chunk_name_of(struct bytes content, uint8_t out[static CHUNK_NAME_SIZE]);

/* PUT_CHUNK. The answer is empty. */
struct chunk {
        uint8_t name[CHUNK_NAME_SIZE];
        struct bytes content;
};

void write_chunk(struct writer *w, const struct chunk *m);
int read_chunk(struct bytes body, struct chunk *out);

/* GET_CHUNK: a name, and its answer: the content. */
void write_chunk_name(struct writer *w, const uint8_t name[static CHUNK_NAME_SIZE]);
int read_chunk_name(struct bytes body, uint8_t out[static CHUNK_NAME_SIZE]);
void write_chunk_content(struct writer *w, struct bytes content);
int read_chunk_content(struct bytes body, struct bytes *out);

/* HAVE_CHUNKS and DROP_CHUNKS: 1 to CHUNK_NAMES_MAX names, one after the other. The answer to DROP_CHUNKS is empty. */
void write_chunk_names(struct writer *w, struct bytes names);
int read_chunk_names(struct bytes body, struct bytes *out);

/* Answer to HAVE_CHUNKS: a byte for each name, 1 if the hub has that chunk, else 0. */
void write_chunks_there(struct writer *w, struct bytes there);
int read_chunks_there(struct bytes body, struct bytes *out);

/* The one bounded reader and the one writer of the TLS presentation language as RFC 9420 §2.1 uses it.
 *
 * Every byte that comes from outside (the wire, a file, the bus) is taken apart here and nowhere else, so that no
 * other code does pointer arithmetic on input. Both objects keep a sticky error: call after call may be made without
 * a check, and reader_finish() or writer_finish() tells at the end whether all of them were good. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed view of bytes; whoever made them owns them. {NULL, 0} is empty. */
struct bytes {
        const uint8_t *data;
        size_t size;
};

#define BYTES(p, n) ((struct bytes){ (const uint8_t *) (p), (n) })
#define BYTES_OF(array) BYTES((array), sizeof(array))
#define BYTES_STRING(s) BYTES((s), __builtin_strlen(s))

/* True if both views hold the same bytes. Not constant time: use secret_equal() for secrets. */
bool bytes_equal(struct bytes a, struct bytes b);

struct reader {
        struct bytes rest; /* what has not been read yet */
        int error;         /* 0, or the first error: -EBADMSG, -EPROTONOSUPPORT */
};

/* Start to read @input, which must outlive the reader and all views that it returns. */
void reader_init(struct reader *r, struct bytes input);

/* Big-endian integers. After an error they return 0. */
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);

/* Exactly @size bytes as a view into the input; empty after an error. */
struct bytes read_fixed(struct reader *r, size_t size);

/* The variable-size vector header of RFC 9420 §2.1.2 (QUIC varint; only minimal encodings, at most 2^30 - 1) alone. */
uint32_t read_varint(struct reader *r);

/* opaque<V>: header and that many bytes as a view into the input; empty after an error. */
struct bytes read_vector(struct reader *r);

/* As read_vector(), but set up as a reader of its own for the elements. It inherits an error of @r; an error in it
 * must be handed back with reader_close_vector(). */
struct reader read_vector_open(struct reader *r);

/* Ends an inner reader: any error in it, or bytes left over in it, becomes the error of @r. */
void reader_close_vector(struct reader *r, const struct reader *inner);

/* optional<T>: reads the presence byte; true if a value follows. A byte other than 0 and 1 is an error. */
bool read_optional(struct reader *r);

/* Marks the input as bad, for a value that is well-formed but not allowed. */
void reader_fail(struct reader *r);

/* Marks it as something that is not known here, so that it cannot be read on (-EPROTONOSUPPORT). */
void reader_unsupported(struct reader *r);

/* True while nothing has failed and bytes are left. */
bool reader_more(const struct reader *r);

/* 0 if all was good and everything was read; else the first error. */
int reader_finish(const struct reader *r);

/* What was read between two states of one reader, for a structure whose exact bytes matter (a signature, a hash): keep
 * a copy of the reader, read, and ask. Empty after an error. */
struct bytes reader_between(const struct reader *before, const struct reader *after);

/* A growing buffer. Bytes that it gives up (by growing, by release) are wiped, so it may hold secrets for a moment. */
struct writer {
        uint8_t *data;
        size_t size;
        size_t capacity;
        int error; /* 0, -ENOMEM, or -EMSGSIZE when a vector would exceed 2^30 - 1 bytes */
};

#define WRITER_INIT ((struct writer){ 0 })
#define _cleanup_writer_ __attribute__((cleanup(writer_release)))

/* Wipes and frees what the writer holds and makes it empty again. */
void writer_release(struct writer *w);

void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_fixed(struct writer *w, struct bytes b);
void write_varint(struct writer *w, uint32_t v);
void write_vector(struct writer *w, struct bytes b);
void write_optional(struct writer *w, bool present);

/* A vector whose length is known only when its elements are written:
 *     size_t mark = writer_open_vector(w); … write elements … ; writer_close_vector(w, mark);  */
size_t writer_open_vector(struct writer *w);
void writer_close_vector(struct writer *w, size_t mark);

/* Makes room for @size bytes more at once, for a writer whose length is known beforehand. */
void writer_reserve(struct writer *w, size_t size);

/* Appends @size bytes and returns where they start, to be filled by the caller at once; NULL after an error. */
uint8_t *writer_append(struct writer *w, size_t size);

/* 0, or the first error. */
int writer_finish(const struct writer *w);

/* The bytes written so far, valid until the next write. */
struct bytes writer_bytes(const struct writer *w);

/* Gives the buffer away to the caller, who frees it with free() (or wipes it first), and makes the writer empty. */
uint8_t *writer_steal(struct writer *w, size_t *size);

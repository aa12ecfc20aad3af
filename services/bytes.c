/* The reader and the writer of bytes.h. The only code of the project that moves a pointer over input. */
#include "bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VARINT_MAX = (1 << 30) - 1, WRITER_CAPACITY_MIN = 64 };

bool bytes_equal(struct bytes a, struct bytes b)
{
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

void reader_init(struct reader *r, struct bytes input)
{
        *r = (struct reader){ .rest = input };
}

void reader_fail(struct reader *r)
{
        if (r->error == 0)
                r->error = -EBADMSG;
}

void reader_unsupported(struct reader *r)
{
        if (r->error == 0)
                r->error = -EPROTONOSUPPORT;
}

bool reader_more(const struct reader *r)
{
        return r->error == 0 && r->rest.size > 0;
}

struct bytes reader_between(const struct reader *before, const struct reader *after)
{
        if (after->error)
                return BYTES(NULL, 0);
        return BYTES(before->rest.data, before->rest.size - after->rest.size);
}

int reader_finish(const struct reader *r)
{
        return r->error == 0 && r->rest.size > 0 ? -EBADMSG : r->error;
}

struct bytes read_fixed(struct reader *r, size_t size)
{
        struct bytes taken = { NULL, 0 };

        if (r->error < 0 || size > r->rest.size) {
                reader_fail(r);
                return taken;
        }
        if (size == 0)
                return taken;

        taken = BYTES(r->rest.data, size);
        r->rest = BYTES(r->rest.data + size, r->rest.size - size);
        return taken;
}

static uint64_t read_integer(struct reader *r, size_t size)
{
        struct bytes b = read_fixed(r, size);
        uint64_t v = 0;

        for (size_t i = 0; i < b.size; i++)
                v = v << 8 | b.data[i];
        return v;
}

uint8_t read_u8(struct reader *r)
{
        struct bytes b = read_fixed(r, 1);

        return b.size > 0 ? b.data[0] : 0;
}

uint16_t read_u16(struct reader *r)
{
        return (uint16_t) read_integer(r, 2);
}

uint32_t read_u32(struct reader *r)
{
        return (uint32_t) read_integer(r, 4);
}

uint64_t read_u64(struct reader *r)
{
        return read_integer(r, 8);
}

static size_t varint_size(uint32_t v)
{
        return v < 1 << 6 ? 1 : v < 1 << 14 ? 2 : 4;
}

uint32_t read_varint(struct reader *r)
{
        uint8_t first = read_u8(r);
        size_t size = (size_t) 1 << (first >> 6);

        if (size == 1) /* most of them */
                return first;
        if (size > 4)
                reader_fail(r);
        if (r->error < 0)
                return 0;

        uint32_t v = (uint32_t) (first & 0x3f) << 8 * (size - 1) | (uint32_t) read_integer(r, size - 1);
        if (varint_size(v) != size)
                reader_fail(r);
        return r->error < 0 ? 0 : v;
}

struct bytes read_vector(struct reader *r)
{
        uint32_t size = read_varint(r);

        return read_fixed(r, size);
}

struct reader read_vector_open(struct reader *r)
{
        struct reader inner;

        reader_init(&inner, read_vector(r));
        inner.error = r->error;
        return inner;
}

void reader_close_vector(struct reader *r, const struct reader *inner)
{
        if (r->error == 0)
                r->error = reader_finish(inner);
}

bool read_optional(struct reader *r)
{
        uint8_t present = read_u8(r);

        if (present > 1)
                reader_fail(r);
        return r->error == 0 && present == 1;
}

static void writer_fail(struct writer *w, int error)
{
        if (w->error == 0)
                w->error = error;
}

static void wipe_and_free(uint8_t *data, size_t size)
{
        if (data)
                explicit_bzero(data, size);
        free(data);
}

void writer_release(struct writer *w)
{
        wipe_and_free(w->data, w->capacity);
        *w = WRITER_INIT;
}

/* realloc() would leave a copy of the old bytes behind. */
static void writer_move(struct writer *w, size_t capacity)
{
        uint8_t *data = malloc(capacity);
        if (!data) {
                writer_fail(w, -ENOMEM);
                return;
        }
        if (w->size > 0)
                memcpy(data, w->data, w->size);
        wipe_and_free(w->data, w->capacity);
        w->data = data;
        w->capacity = capacity;
}

static void writer_grow(struct writer *w, size_t needed)
{
        size_t capacity = w->capacity ? w->capacity : WRITER_CAPACITY_MIN;

        /* Twice as much; for a large piece, what it takes and a little: what is allocated is also wiped. */
        if (__builtin_mul_overflow(capacity, 2, &capacity) ||
            (capacity < needed && __builtin_add_overflow(needed, needed / 8 + WRITER_CAPACITY_MIN, &capacity)))
                writer_fail(w, -ENOMEM);
        else
                writer_move(w, capacity);
}

void writer_reserve(struct writer *w, size_t size)
{
        size_t needed;

        if (__builtin_add_overflow(w->size, size, &needed))
                writer_fail(w, -ENOMEM);
        else if (w->error == 0 && needed > w->capacity)
                writer_move(w, needed);
}

uint8_t *writer_append(struct writer *w, size_t size)
{
        size_t needed;

        if (__builtin_add_overflow(w->size, size, &needed))
                writer_fail(w, -ENOMEM);
        if (w->error == 0 && (needed > w->capacity || !w->data))
                writer_grow(w, needed);
        if (w->error < 0)
                return NULL;

        uint8_t *start = w->data + w->size;
        w->size = needed;
        return start;
}

void write_fixed(struct writer *w, struct bytes b)
{
        uint8_t *p = writer_append(w, b.size);

        if (p && b.size > 0)
                memcpy(p, b.data, b.size);
}

static void store_integer(uint8_t *p, uint64_t v, size_t size)
{
        for (size_t i = 0; i < size; i++)
                p[i] = (uint8_t) (v >> 8 * (size - 1 - i));
}

static void write_integer(struct writer *w, uint64_t v, size_t size)
{
        uint8_t *p = writer_append(w, size);

        if (p)
                store_integer(p, v, size);
}

void write_u8(struct writer *w, uint8_t v)
{
        write_integer(w, v, 1);
}

void write_u16(struct writer *w, uint16_t v)
{
        write_integer(w, v, 2);
}

void write_u32(struct writer *w, uint32_t v)
{
        write_integer(w, v, 4);
}

void write_u64(struct writer *w, uint64_t v)
{
        write_integer(w, v, 8);
}

static void store_varint(uint8_t *p, uint32_t v)
{
        size_t size = varint_size(v);

        store_integer(p, v, size);
        p[0] |= (uint8_t) ((size >> 1) << 6); /* sizes 1, 2, 4 are marked 00, 01, 10 */
}

void write_varint(struct writer *w, uint32_t v)
{
        if (v > VARINT_MAX) {
                writer_fail(w, -EMSGSIZE);
                return;
        }

        uint8_t *p = writer_append(w, varint_size(v));
        if (p)
                store_varint(p, v);
}

void write_vector(struct writer *w, struct bytes b)
{
        if (b.size > VARINT_MAX) {
                writer_fail(w, -EMSGSIZE);
                return;
        }
        write_varint(w, (uint32_t) b.size);
        write_fixed(w, b);
}

void write_optional(struct writer *w, bool present)
{
        write_u8(w, present);
}

size_t writer_open_vector(struct writer *w)
{
        return w->size;
}

void writer_close_vector(struct writer *w, size_t mark)
{
        assert(mark <= w->size);
        size_t size = w->size - mark;

        if (size > VARINT_MAX) {
                writer_fail(w, -EMSGSIZE);
                return;
        }

        size_t header = varint_size((uint32_t) size);
        if (!writer_append(w, header))
                return;
        memmove(w->data + mark + header, w->data + mark, size);
        store_varint(w->data + mark, (uint32_t) size);
}

int writer_finish(const struct writer *w)
{
        return w->error;
}

struct bytes writer_bytes(const struct writer *w)
{
        return (struct bytes){ w->data, w->size };
}

uint8_t *writer_steal(struct writer *w, size_t *size)
{
        uint8_t *data = w->data;

        *size = w->size;
        *w = WRITER_INIT;
        return data;
}

/* A walk through input that the input itself steers: its first part says what to read from the second. Whatever is
 * asked of it, the reader stays within the input and gives nothing after an error, and what it gave, written again, is
 * what it read. */
#include <errno.h>
#include <stdlib.h>

#include "services/bytes.h"

enum { DEPTH_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
        if (!good)
                abort();
}

static bool within(struct bytes view, struct bytes input)
{
        return view.size == 0 || (view.data >= input.data && view.size <= input.size &&
                                  (size_t) (view.data - input.data) <= input.size - view.size);
}

static void walk(struct reader *steps, struct reader *r, struct writer *w, unsigned depth);

static void walk_vector(struct reader *steps, struct reader *r, struct writer *w, unsigned depth)
{
        struct reader inner = read_vector_open(r);
        size_t mark = writer_open_vector(w);

        must(inner.error == r->error);
        walk(steps, &inner, w, depth + 1);
        writer_close_vector(w, mark);
        reader_close_vector(r, &inner);
        must(r->error < 0 || (inner.error == 0 && inner.rest.size == 0));
}

static void copy_vector(struct reader *r, struct writer *w, struct bytes input)
{
        struct bytes b = read_vector(r);

        must(within(b, input));
        write_vector(w, b);
}

static void copy_fixed(struct reader *r, struct writer *w, size_t size, struct bytes input)
{
        struct bytes b = read_fixed(r, size);

        must(within(b, input) && b.size == (r->error < 0 ? 0 : size));
        write_fixed(w, b);
}

/* False for the step that ends a vector. */
static bool step(uint8_t kind, struct reader *steps, struct reader *r, struct writer *w, unsigned depth)
{
        struct bytes input = r->rest;

        switch (kind & 15) {
        case 0:
                write_u8(w, read_u8(r));
                break;
        case 1:
                write_u16(w, read_u16(r));
                break;
        case 2:
                write_u32(w, read_u32(r));
                break;
        case 3:
                write_u64(w, read_u64(r));
                break;
        case 4:
                write_varint(w, read_varint(r));
                break;
        case 5:
                write_optional(w, read_optional(r));
                break;
        case 6:
                copy_vector(r, w, input);
                break;
        case 7:
                if (depth < DEPTH_MAX)
                        walk_vector(steps, r, w, depth);
                break;
        case 8:
                return false;
        case 9:
                copy_fixed(r, w, r->rest.size, input);
                break;
        case 10:
                copy_fixed(r, w, SIZE_MAX, input);
                break;
        default:
                copy_fixed(r, w, kind >> 4, input);
                break;
        }
        return true;
}

static void walk(struct reader *steps, struct reader *r, struct writer *w, unsigned depth)
{
        const struct reader before = *r;
        struct bytes passed;
        bool good;

        do {
                good = r->error == 0;
                if (!reader_more(steps) || !step(read_u8(steps), steps, r, w, depth))
                        break;
                must(good || r->error < 0); /* an error stays */
                must(r->rest.size <= before.rest.size && within(r->rest, before.rest));
        } while (true);
        passed = reader_between(&before, r);
        must(within(passed, before.rest) && (r->error == 0 || passed.size == 0));
        must(reader_more(r) == (r->error == 0 && r->rest.size > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader steps, r, start;

        reader_init(&r, BYTES(data, size));
        steps = read_vector_open(&r);
        start = r;
        walk(&steps, &r, &w, 0);
        if (r.error == 0)
                must(writer_finish(&w) == 0 && bytes_equal(writer_bytes(&w), reader_between(&start, &r)));
        must(reader_finish(&r) == (r.error < 0 || r.rest.size > 0 ? -EBADMSG : 0));
        return 0;
}

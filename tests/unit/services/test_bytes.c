/* The reader refuses all that is not exactly right; the writer writes what the reader takes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_headers.h"
#include "services/bytes.h"

static struct reader reader_of(struct bytes b)
{
        struct reader r;

        reader_init(&r, b);
        return r;
}

/* RFC 9000 §A.1 and RFC 9420 §2.1.2: the samples that both know (8-byte ones are QUIC's alone). */
static void varint_vectors_of_rfc_9000(void **state)
{
        static const struct {
                uint8_t encoded[4];
                size_t size;
                uint32_t value;
        } vectors[] = {
                { { 0x9d, 0x7f, 0x3e, 0x7d }, 4, 494878333 },
                { { 0x7b, 0xbd }, 2, 15293 },
                { { 0x25 }, 1, 37 },
                { { 0x00 }, 1, 0 },
                { { 0x3f }, 1, 63 },
                { { 0x40, 0x40 }, 2, 64 },
                { { 0x7f, 0xff }, 2, 16383 },
                { { 0x80, 0x00, 0x40, 0x00 }, 4, 16384 },
                { { 0xbf, 0xff, 0xff, 0xff }, 4, 1073741823 },
        };

        for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
                struct bytes encoded = BYTES(vectors[i].encoded, vectors[i].size);
                struct reader r = reader_of(encoded);
                _cleanup_writer_ struct writer w = WRITER_INIT;

                assert_int_equal(read_varint(&r), vectors[i].value);
                assert_int_equal(reader_finish(&r), 0);
                write_varint(&w, vectors[i].value);
                assert_true(bytes_equal(writer_bytes(&w), encoded));
        }
}

static void varints_that_are_not_minimal_are_refused(void **state)
{
        static const struct {
                uint8_t encoded[8];
                size_t size;
        } refused[] = {
                { { 0x40, 0x25 }, 2 }, /* 37 in two bytes: RFC 9000 §A.1 allows it, RFC 9420 does not */
                { { 0x40, 0x3f }, 2 },
                { { 0x80, 0x00, 0x00, 0x01 }, 4 },
                { { 0x80, 0x00, 0x3f, 0xff }, 4 },
                { { 0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c }, 8 }, /* prefix 11 */
                { { 0xff }, 1 },
                { { 0x40 }, 1 },
                { { 0x80, 0x01, 0x00 }, 3 },
                { { 0 }, 0 },
        };

        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
                struct reader r = reader_of(BYTES(refused[i].encoded, refused[i].size));

                assert_int_equal(read_varint(&r), 0);
                assert_int_equal(reader_finish(&r), -EBADMSG);
        }
}

/* struct { uint8; uint16; uint32; uint64; opaque<V>; uint16 list<V>; optional<uint8>; opaque[3]; } */
static void write_sample(struct writer *w)
{
        uint8_t text[100];

        memset(text, 'x', sizeof(text));
        write_u8(w, 0x01);
        write_u16(w, 0x0203);
        write_u32(w, 0x04050607);
        write_u64(w, 0x08090a0b0c0d0e0f);
        write_vector(w, BYTES_OF(text));
        size_t mark = writer_open_vector(w);
        for (uint16_t i = 0; i < 40; i++)
                write_u16(w, i);
        writer_close_vector(w, mark);
        write_optional(w, true);
        write_u8(w, 7);
        write_fixed(w, BYTES_STRING("end"));
}

static int read_sample(struct bytes input, unsigned *elements)
{
        struct reader r = reader_of(input);

        *elements = 0;
        read_u8(&r);
        read_u16(&r);
        read_u32(&r);
        read_u64(&r);
        read_vector(&r);
        struct reader list = read_vector_open(&r);
        while (reader_more(&list))
                *elements += read_u16(&list) == *elements;
        reader_close_vector(&r, &list);
        if (read_optional(&r))
                read_u8(&r);
        read_fixed(&r, 3);
        return reader_finish(&r);
}

static void integers_are_big_endian(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_sample(&w);
        assert_int_equal(writer_finish(&w), 0);
        for (uint8_t i = 0; i < 15; i++)
                assert_int_equal(w.data[i], i + 1);

        struct reader r = reader_of(writer_bytes(&w));
        assert_int_equal(read_u8(&r), 0x01);
        assert_int_equal(read_u16(&r), 0x0203);
        assert_int_equal(read_u32(&r), 0x04050607);
        assert_true(read_u64(&r) == 0x08090a0b0c0d0e0f);
}

static void what_is_written_is_read_back(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        unsigned elements;

        write_sample(&w);
        assert_int_equal(read_sample(writer_bytes(&w), &elements), 0);
        assert_int_equal(elements, 40);
}

/* Each truncation stands in an allocation of its own, so that the sanitizer sees a read past its end. */
static void every_truncation_is_refused(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        unsigned elements;

        write_sample(&w);
        for (size_t size = 0; size < w.size; size++) {
                uint8_t *copy = malloc(size + !size);

                assert_non_null(copy);
                memcpy(copy, w.data, size);
                assert_int_equal(read_sample(BYTES(copy, size), &elements), -EBADMSG);
                free(copy);
        }
}

static void bytes_left_over_are_refused(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        unsigned elements;

        write_sample(&w);
        write_u8(&w, 0);
        assert_int_equal(read_sample(writer_bytes(&w), &elements), -EBADMSG);
}

static void an_error_sticks_and_reads_give_zero(void **state)
{
        uint8_t input[16] = { 1, 2, 3, 4 };
        struct reader r = reader_of(BYTES_OF(input));

        reader_fail(&r);
        assert_false(reader_more(&r));
        assert_int_equal(read_u8(&r), 0);
        assert_int_equal(read_u16(&r), 0);
        assert_int_equal(read_u32(&r), 0);
        assert_true(read_u64(&r) == 0);
        assert_int_equal(read_varint(&r), 0);
        assert_int_equal(read_fixed(&r, 1).size, 0);
        assert_int_equal(read_vector(&r).size, 0);
        assert_false(read_optional(&r));

        struct reader inner = read_vector_open(&r);
        assert_int_equal(inner.error, -EBADMSG);
        assert_int_equal(reader_finish(&r), -EBADMSG);
}

static void presence_is_zero_or_one(void **state)
{
        for (unsigned value = 0; value < 256; value++) {
                uint8_t byte = (uint8_t) value;
                struct reader r = reader_of(BYTES(&byte, 1));

                assert_int_equal(read_optional(&r), value == 1);
                assert_int_equal(reader_finish(&r), value < 2 ? 0 : -EBADMSG);
        }
}

static void an_element_that_crosses_its_vector_is_refused(void **state)
{
        static const uint8_t input[] = { 0x03, 0, 1, 0, 2 };
        struct reader r = reader_of(BYTES_OF(input));
        struct reader inner = read_vector_open(&r);

        assert_int_equal(read_u16(&inner), 1);
        assert_int_equal(read_u16(&inner), 0);
        reader_close_vector(&r, &inner);
        assert_int_equal(reader_finish(&r), -EBADMSG);
}

static void a_vector_not_read_to_its_end_is_refused(void **state)
{
        static const uint8_t input[] = { 0x02, 0, 1 };
        struct reader r = reader_of(BYTES_OF(input));
        struct reader inner = read_vector_open(&r);

        read_u8(&inner);
        reader_close_vector(&r, &inner);
        assert_int_equal(reader_finish(&r), -EBADMSG);
}

/* The header is put in front of elements that have been written already, in each of its three sizes. */
static void nested_vectors_of_each_header_size(void **state)
{
        static const size_t sizes[] = { 0, 63, 64, 16383, 16384, 100000 };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;
                size_t outer = writer_open_vector(&w);
                size_t inner = writer_open_vector(&w);

                for (size_t n = 0; n < sizes[i]; n++)
                        write_u8(&w, (uint8_t) n);
                writer_close_vector(&w, inner);
                writer_close_vector(&w, outer);
                assert_int_equal(writer_finish(&w), 0);

                struct reader r = reader_of(writer_bytes(&w));
                struct reader inside = read_vector_open(&r);
                struct bytes b = read_vector(&inside);
                assert_int_equal(b.size, sizes[i]);
                for (size_t n = 0; n < b.size; n++)
                        assert_int_equal(b.data[n], (uint8_t) n);
                reader_close_vector(&r, &inside);
                assert_int_equal(reader_finish(&r), 0);
        }
}

static void a_vector_too_large_is_an_error_of_the_writer(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_varint(&w, 1 << 30);
        assert_int_equal(writer_finish(&w), -EMSGSIZE);
        write_u8(&w, 1);
        assert_null(writer_append(&w, 1));
        assert_int_equal(writer_bytes(&w).size, 0);
}

static void an_impossible_size_is_an_error_of_the_writer(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u8(&w, 1);
        assert_null(writer_append(&w, SIZE_MAX));
        assert_int_equal(writer_finish(&w), -ENOMEM);
}

static void stealing_empties_the_writer(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        size_t size;

        write_u16(&w, 0x6162);
        uint8_t *data = writer_steal(&w, &size);
        assert_int_equal(size, 2);
        assert_memory_equal(data, "ab", 2);
        assert_int_equal(writer_bytes(&w).size, 0);
        free(data);
}

static void empty_views_are_equal_whatever_they_point_to(void **state)
{
        assert_true(bytes_equal((struct bytes){ NULL, 0 }, BYTES_STRING("")));
        assert_false(bytes_equal(BYTES_STRING("a"), BYTES_STRING("b")));
        assert_false(bytes_equal(BYTES_STRING("a"), BYTES_STRING("ab")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(varint_vectors_of_rfc_9000),
                cmocka_unit_test(varints_that_are_not_minimal_are_refused),
                cmocka_unit_test(integers_are_big_endian),
                cmocka_unit_test(what_is_written_is_read_back),
                cmocka_unit_test(every_truncation_is_refused),
                cmocka_unit_test(bytes_left_over_are_refused),
                cmocka_unit_test(an_error_sticks_and_reads_give_zero),
                cmocka_unit_test(presence_is_zero_or_one),
                cmocka_unit_test(an_element_that_crosses_its_vector_is_refused),
                cmocka_unit_test(a_vector_not_read_to_its_end_is_refused),
                cmocka_unit_test(nested_vectors_of_each_header_size),
                cmocka_unit_test(a_vector_too_large_is_an_error_of_the_writer),
                cmocka_unit_test(an_impossible_size_is_an_error_of_the_writer),
                cmocka_unit_test(stealing_empties_the_writer),
                cmocka_unit_test(empty_views_are_equal_whatever_they_point_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

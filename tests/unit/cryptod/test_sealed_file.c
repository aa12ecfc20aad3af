/* Sealed files: what was sealed comes back, from any place; whatever else is done to a file is refused, and told apart
 * as far as that is possible. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cryptod/files/sealed_stream.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/text.h"
#include "services/thread.h"

enum { WHOLE = 3 * SEALED_FILE_CAPACITY + 1000 };

static struct secret *key_of(uint8_t first)
{
        struct secret *key = secret_new(SEALED_FILE_KEY_SIZE);

        for (size_t i = 0; i < key->size; i++)
                key->data[i] = (uint8_t) (first + i);
        return key;
}

static int memory_file(struct bytes content)
{
        int fd = memfd_create("test", MFD_CLOEXEC);

        assert_true(fd >= 0 && write(fd, content.data, content.size) == (ssize_t) content.size);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static void read_back(int fd, struct writer *out)
{
        off_t size = lseek(fd, 0, SEEK_END);

        if (size > 0)
                assert_true(pread(fd, writer_append(out, (size_t) size), (size_t) size, 0) == size);
}

static struct sealed_stream *sealing(enum sealed_file_key kind, uint8_t first, int in, int out)
{
        _cleanup_secret_ struct secret *key = key_of(first);
        uint8_t header[SEALED_FILE_HEADER_SIZE];
        struct sealed_file *f = sealed_file_new(key, kind, BYTES(NULL, 0), header);
        struct sealed_stream *s;

        assert_int_equal(sealed_stream_new_sealing(f, BYTES_OF(header), in, out, &s), 0);
        return s;
}

static int run(bool opens, uint8_t key, struct bytes input, uint64_t offset, struct writer *out)
{
        _cleanup_close_ int in = memory_file(input), result = memory_file(BYTES_STRING(""));
        struct sealed_stream *s;
        int r;

        if (opens)
                assert_int_equal(sealed_stream_new_opening(key_of(key), NULL, in, result, &s), 0);
        else
                s = sealing(SEALED_FILE_KEY_ACCOUNT, key, in, result);
        r = opens ? sealed_stream_open(s, offset) : sealed_stream_seal(s);
        sealed_stream_free(s);
        read_back(result, out);
        return r;
}

static void fill(struct writer *w, size_t size)
{
        for (size_t i = 0; i < size; i++)
                write_u8(w, (uint8_t) (i * 7 + i / 251));
}

static void test_there_and_back(void **state)
{
        static const size_t sizes[] = { 0,
                                        1,
                                        SEALED_FILE_FIRST_CAPACITY - 1,
                                        SEALED_FILE_FIRST_CAPACITY,
                                        SEALED_FILE_FIRST_CAPACITY + 1,
                                        SEALED_FILE_FIRST_CAPACITY + SEALED_FILE_CAPACITY,
                                        WHOLE };

        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, opened = WRITER_INIT;
                size_t chunks = sizes[i] <= SEALED_FILE_FIRST_CAPACITY
                                        ? 1
                                        : 2 + (sizes[i] - SEALED_FILE_FIRST_CAPACITY - 1) / SEALED_FILE_CAPACITY;

                fill(&plain, sizes[i]);
                assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
                assert_int_equal(sealed.size, SEALED_FILE_HEADER_SIZE + sizes[i] + chunks * SEALED_FILE_TAG_SIZE);
                assert_int_equal(run(true, 0, writer_bytes(&sealed), 0, &opened), 0);
                assert_true(bytes_equal(writer_bytes(&plain), writer_bytes(&opened)));
        }
}

/* As a transfer takes it: padded, and opened without what it was padded with. */
static void test_padded(void **state)
{
        static const size_t sizes[][2] = {
                { 0, SEALED_FILE_PART_MIN },
                { SEALED_FILE_PART_MIN, 4 * SEALED_FILE_PART_MIN },
                { SEALED_FILE_FIRST_CAPACITY, SEALED_FILE_CHUNK_SIZE },
                { SEALED_FILE_FIRST_CAPACITY + 1, SEALED_FILE_CHUNK_SIZE + SEALED_FILE_PART_MIN },
                { WHOLE, 3 * SEALED_FILE_CHUNK_SIZE + SEALED_FILE_PART_MIN },
        };

        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, opened = WRITER_INIT;
                _cleanup_close_ int in = -1, middle = memory_file(BYTES_STRING("")),
                                    out = memory_file(BYTES_STRING(""));
                struct sealed_stream *s;

                fill(&plain, sizes[i][0]);
                in = memory_file(writer_bytes(&plain));
                s = sealing(SEALED_FILE_KEY_MESSAGE, 0, in, middle);
                assert_int_equal(sealed_stream_seal(s), 0);
                assert_int_equal(sealed_stream_pad(s), 0);
                sealed_stream_free(s);
                read_back(middle, &sealed);
                assert_int_equal(sealed.size, sizes[i][1]);
                assert_int_equal(lseek(middle, 0, SEEK_SET), 0);
                assert_int_equal(sealed_stream_new_opening(key_of(0), NULL, middle, out, &s), 0);
                sealed_stream_expect(s, sizes[i][0]);
                assert_int_equal(sealed_stream_open(s, 0), 0);
                sealed_stream_free(s);
                read_back(out, &opened);
                assert_true(bytes_equal(writer_bytes(&plain), writer_bytes(&opened)));
        }
}

static void test_from_any_offset(void **state)
{
        static const size_t offsets[] = { 0,
                                          1,
                                          SEALED_FILE_FIRST_CAPACITY - 1,
                                          SEALED_FILE_FIRST_CAPACITY,
                                          SEALED_FILE_FIRST_CAPACITY + SEALED_FILE_CAPACITY + 5,
                                          WHOLE - 1,
                                          WHOLE };
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, none = WRITER_INIT;

        fill(&plain, WHOLE);
        assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
        for (size_t i = 0; i < COUNT_OF(offsets); i++) {
                _cleanup_writer_ struct writer opened = WRITER_INIT;

                assert_int_equal(run(true, 0, writer_bytes(&sealed), offsets[i], &opened), 0);
                assert_true(bytes_equal(BYTES(plain.data + offsets[i], WHOLE - offsets[i]), writer_bytes(&opened)));
        }
        assert_int_equal(run(true, 0, writer_bytes(&sealed), WHOLE + 1, &none), -ENXIO);
        assert_int_equal(run(true, 0, writer_bytes(&sealed), 10 * (uint64_t) WHOLE, &none), -ENXIO);
        assert_int_equal(run(true, 0, writer_bytes(&sealed), UINT64_MAX, &none), -EFBIG);
        assert_int_equal(none.size, 0);
}

static void test_from_the_end_of_a_full_chunk(void **state)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, none = WRITER_INIT;

        fill(&plain, SEALED_FILE_FIRST_CAPACITY);
        assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
        assert_int_equal(run(true, 0, writer_bytes(&sealed), SEALED_FILE_FIRST_CAPACITY, &none), 0);
        assert_int_equal(run(true, 0, writer_bytes(&sealed), SEALED_FILE_FIRST_CAPACITY + 1, &none), -ENXIO);
        assert_int_equal(none.size, 0);
}

/* A sealed file of four chunks, of which @count pieces are put together anew. */
struct piece {
        size_t from, size;
};

#define CHUNK(n) ((size_t) (n) *SEALED_FILE_CHUNK_SIZE)

static int opens_as(struct bytes sealed, const struct piece *pieces, size_t count, size_t good)
{
        _cleanup_writer_ struct writer forged = WRITER_INIT, opened = WRITER_INIT, plain = WRITER_INIT;
        int r;

        for (size_t i = 0; i < count; i++)
                write_fixed(&forged, BYTES(sealed.data + pieces[i].from, pieces[i].size));
        r = run(true, 0, writer_bytes(&forged), 0, &opened);
        fill(&plain, good);
        assert_true(bytes_equal(writer_bytes(&plain), writer_bytes(&opened)));
        return r;
}

#define OPENS_AS(sealed, good, ...)                                                                                    \
        opens_as(sealed, (const struct piece[]){ __VA_ARGS__ },                                                        \
                 sizeof((const struct piece[]){ __VA_ARGS__ }) / sizeof(struct piece), good)

static void test_what_was_done_is_told_apart(void **state)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;
        const size_t one = SEALED_FILE_FIRST_CAPACITY, two = one + SEALED_FILE_CAPACITY;
        const size_t three = two + SEALED_FILE_CAPACITY;

        fill(&plain, WHOLE);
        assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
        struct bytes b = writer_bytes(&sealed);
        const size_t rest = b.size - CHUNK(3);
        /* cut off: between chunks, within one, in the header */
        assert_int_equal(OPENS_AS(b, one, { 0, CHUNK(2) }), SEALED_FILE_CUT_OFF);
        assert_int_equal(OPENS_AS(b, one, { 0, CHUNK(2) - 1 }), SEALED_FILE_END_DAMAGED);
        assert_int_equal(OPENS_AS(b, three, { 0, b.size - 1 }), SEALED_FILE_END_DAMAGED);
        assert_int_equal(OPENS_AS(b, 0, { 0, SEALED_FILE_HEADER_SIZE }), SEALED_FILE_END_DAMAGED);
        assert_int_equal(OPENS_AS(b, 0, { 0, SEALED_FILE_HEADER_SIZE - 1 }), SEALED_FILE_CUT_OFF);
        assert_int_equal(OPENS_AS(b, 0, { 0, 4 }), SEALED_FILE_FOREIGN);
        /* something behind the end: after a short chunk */
        assert_int_equal(OPENS_AS(b, three, { 0, b.size }, { 0, 1 }), SEALED_FILE_END_DAMAGED);
        /* swapped, repeated, left out, the last one too early */
        assert_int_equal(
                OPENS_AS(b, one, { 0, CHUNK(1) }, { CHUNK(2), CHUNK(1) }, { CHUNK(1), CHUNK(1) }, { CHUNK(3), rest }),
                SEALED_FILE_MOVED);
        assert_int_equal(OPENS_AS(b, two, { 0, CHUNK(2) }, { CHUNK(1), CHUNK(1) }, { CHUNK(3), rest }),
                         SEALED_FILE_MOVED);
        assert_int_equal(OPENS_AS(b, one, { 0, CHUNK(1) }, { CHUNK(2), CHUNK(1) + rest }), SEALED_FILE_MOVED);
        assert_int_equal(OPENS_AS(b, one, { 0, CHUNK(1) }, { CHUNK(3), rest }), SEALED_FILE_MOVED);
}

static void test_something_behind_a_full_last_chunk(void **state)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;

        fill(&plain, SEALED_FILE_FIRST_CAPACITY);
        assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
        struct bytes b = writer_bytes(&sealed);
        assert_int_equal(OPENS_AS(b, 0, { 0, b.size }, { 0, 1 }), SEALED_FILE_EXTENDED);
        assert_int_equal(OPENS_AS(b, 0, { 0, b.size }, { 0, b.size }), SEALED_FILE_EXTENDED);
}

/* Each bit of a small file. */
static void test_flipped_bits(void **state)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;

        fill(&plain, 20);
        assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
        for (size_t bit = 0; bit < 8 * sealed.size; bit++) {
                _cleanup_writer_ struct writer opened = WRITER_INIT;
                size_t at = bit / 8;
                int r;

                sealed.data[at] ^= (uint8_t) (1U << bit % 8);
                r = run(true, 0, writer_bytes(&sealed), 0, &opened);
                sealed.data[at] ^= (uint8_t) (1U << bit % 8);
                assert_int_equal(opened.size, 0);
                assert_int_equal(r, at < 8                         ? SEALED_FILE_FOREIGN
                                    : at == 8                      ? SEALED_FILE_NEWER
                                    : at < SEALED_FILE_HEADER_SIZE ? SEALED_FILE_HEADER_DAMAGED
                                                                   : SEALED_FILE_END_DAMAGED);
        }
}

static void test_wrong_keys(void **state)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, opened = WRITER_INIT;
        uint8_t hash[32];

        fill(&plain, 20);
        assert_int_equal(run(false, 0, writer_bytes(&plain), 0, &sealed), 0);
        assert_int_equal(run(true, 1, writer_bytes(&sealed), 0, &opened), SEALED_FILE_WRONG_KEY);
        /* another id, with a checksum that fits: whoever has no key cannot say that it is another file */
        sealed.data[10] ^= 1;
        sha256(BYTES(sealed.data, SEALED_FILE_HEADER_SIZE - SEALED_FILE_CHECK_SIZE), hash);
        memcpy(sealed.data + SEALED_FILE_HEADER_SIZE - SEALED_FILE_CHECK_SIZE, hash, SEALED_FILE_CHECK_SIZE);
        assert_int_equal(run(true, 0, writer_bytes(&sealed), 0, &opened), SEALED_FILE_WRONG_KEY);
        assert_int_equal(opened.size, 0);
}

static void test_each_flaw_has_a_sentence(void **state)
{
        for (enum sealed_file_flaw f = SEALED_FILE_FOREIGN; f <= SEALED_FILE_OTHER_SEALER; f++)
                assert_true(strlen(sealed_file_flaw_text(f)) > 20);
}

/* The vector of docs/sealed-files.md. */
static void test_vector(void **state)
{
        static const char expected[] =
                "895656530d0a1a0a0101404142434445464748494a4b4c4d4e4f202122232425262728292a2b2c2d2e2f303132333435363738"
                "393a3b3c3d3e3f505152535455564c36eff05a5ad67696a0d08271180178ef009b0621978d58becc7200d48c889d4206639957"
                "227d3de69a3bb17211dadc359f67b668757d78b2f47e6d88b45ebf22e2fbe7adcf327266b610963d5d169328";
        _cleanup_secret_ struct secret *key = key_of(0x00), *salt = key_of(0x20), *rest = key_of(0x40);
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        _cleanup_free_ char *text = NULL;
        struct bytes plain = BYTES_STRING("Hello, stranger.\n");
        struct sealed_file *f = sealed_file_new_fixed(
                key, SEALED_FILE_KEY_ACCOUNT, BYTES(rest->data, SEALED_FILE_ID_SIZE), secret_bytes(salt),
                BYTES(rest->data + 16, SEALED_FILE_PREFIX_SIZE), writer_append(&sealed, SEALED_FILE_HEADER_SIZE));

        sealed_file_seal_chunk(f, 0, true, plain, writer_append(&sealed, plain.size + SEALED_FILE_TAG_SIZE));
        sealed_file_free(f);
        text = hex_encode(writer_bytes(&sealed));
        assert_string_equal(text, expected);
}

static void *seal_from_pipe(void *userdata)
{
        return (void *) (intptr_t) sealed_stream_seal(userdata);
}

/* A pipe that nobody writes into, and one that nobody reads from. */
static void test_stopping(void **state)
{
        for (int hangs = 0; hangs < 2; hangs++) {
                _cleanup_writer_ struct writer plain = WRITER_INIT;
                struct sealed_stream *s;
                pthread_t thread;
                void *result;
                int ends[2];

                fill(&plain, 4 * SEALED_FILE_CHUNK_SIZE);
                assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
                _cleanup_close_ int whole = memory_file(writer_bytes(&plain)), from = ends[0], to = ends[1];
                s = sealing(SEALED_FILE_KEY_ACCOUNT, 0, hangs ? whole : from, to);
                assert_int_equal(thread_start(&thread, NULL, seal_from_pipe, s), 0);
                usleep(20000);
                sealed_stream_stop(s);
                assert_int_equal(pthread_join(thread, &result), 0);
                assert_int_equal((intptr_t) result, -ECANCELED);
                sealed_stream_free(s);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_padded),
                cmocka_unit_test(test_from_any_offset),
                cmocka_unit_test(test_from_the_end_of_a_full_chunk),
                cmocka_unit_test(test_what_was_done_is_told_apart),
                cmocka_unit_test(test_something_behind_a_full_last_chunk),
                cmocka_unit_test(test_flipped_bits),
                cmocka_unit_test(test_wrong_keys),
                cmocka_unit_test(test_each_flaw_has_a_sentence),
                cmocka_unit_test(test_vector),
                cmocka_unit_test(test_stopping),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

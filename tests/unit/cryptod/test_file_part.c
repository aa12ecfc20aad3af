/* What a message says of its file: what is wrong in it is refused, and its name can do no harm. */
#include "tests/unit/services/cmocka_headers.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/file_part.h"
#include "cryptod/files/sealed_file.h"
#include "services/cleanup.h"

static uint8_t key[FILE_KEY_SIZE], chunks[3 * FILE_CHUNK_NAME_SIZE], thumbnail[FILE_THUMBNAIL_MAX] = { 64, 64 };

static struct file_part sample(void)
{
        return (struct file_part){ .name = BYTES_STRING("holiday.jpg"),
                                   .media_type = BYTES_STRING("image/jpeg"),
                                   .size = 3 * SEALED_FILE_CAPACITY - SEALED_FILE_HEADER_SIZE,
                                   .key = BYTES_OF(key),
                                   .chunks = BYTES_OF(chunks),
                                   .width = 4000,
                                   .height = 3000,
                                   .thumbnail = BYTES_OF(thumbnail) };
}

static int there_and_back(const struct file_part *p, struct writer *w, struct file_part *out)
{
        file_part_write(p, w);
        assert_int_equal(writer_finish(w), 0);
        return file_part_read(writer_bytes(w), out);
}

static void test_there_and_back(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct file_part p = sample(), q;

        assert_int_equal(there_and_back(&p, &w, &q), 0);
        assert_true(bytes_equal(p.name, q.name) && bytes_equal(p.media_type, q.media_type) &&
                    bytes_equal(p.key, q.key) && bytes_equal(p.chunks, q.chunks) &&
                    bytes_equal(p.thumbnail, q.thumbnail));
        assert_true(p.size == q.size && p.width == q.width && p.height == q.height && p.duration == q.duration);
}

static void test_a_voice_message_says_so(void **state)
{
        static const uint8_t levels[] = { 0, 128, 255 };
        _cleanup_writer_ struct writer w = WRITER_INIT, none = WRITER_INIT, plain = WRITER_INIT;
        struct file_part p = sample(), q;

        p.voice = true;
        assert_int_equal(there_and_back(&p, &none, &q), 0);
        assert_true(q.voice && q.levels.size == 0);
        p.levels = BYTES_OF(levels);
        assert_int_equal(there_and_back(&p, &w, &q), 0);
        assert_true(q.voice && bytes_equal(q.levels, p.levels));
        p = sample();
        assert_int_equal(there_and_back(&p, &plain, &q), 0);
        assert_false(q.voice);
}

/* An extension of a later version, before one that is known. */
static void test_what_a_later_version_adds(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT, later = WRITER_INIT;
        struct file_part p = sample(), q;

        p.voice = true;
        file_part_write(&p, &w);
        write_fixed(&later, BYTES(w.data, w.size - 4)); /* 4: a length of 3, and the type and length of the voice */
        write_fixed(&later, BYTES("\x08\x7f\xff\x02hi\x00\x01\x00", 9));
        assert_int_equal(file_part_read(writer_bytes(&later), &q), 0);
        assert_true(q.voice);
        later.size--;
        assert_int_equal(file_part_read(writer_bytes(&later), &q), -EBADMSG);
}

static void expect_refused(const struct file_part *p)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct file_part q;

        assert_int_equal(there_and_back(p, &w, &q), -EBADMSG);
}

static void test_what_is_wrong_is_refused(void **state)
{
        static uint8_t many[FILE_NAME_MAX + 1];
        struct file_part wrong[10];

        memset(many, 'a', sizeof(many));
        for (size_t i = 0; i < COUNT_OF(wrong); i++)
                wrong[i] = sample();
        wrong[0].name = BYTES(NULL, 0);
        wrong[1].name = BYTES_OF(many);
        wrong[2].name = BYTES_STRING("\xff");
        wrong[3].media_type = BYTES_STRING("image");
        wrong[4].media_type = BYTES_STRING("image/\x1b[2J");
        wrong[5].size++; /* a chunk more than there are names */
        wrong[6].size = UINT64_MAX;
        wrong[7].key.size--;
        wrong[8].chunks.size--;
        wrong[9].voice = true;
        wrong[9].levels = BYTES(many, FILE_LEVELS_MAX + 1);
        for (size_t i = 0; i < COUNT_OF(wrong); i++)
                expect_refused(&wrong[i]);
}

static void test_thumbnails_have_as_many_pixels_as_they_say(void **state)
{
        static uint8_t sides[][2] = { { 64, 63 }, { 64, 65 }, { 0, 64 }, { 65, 64 } };

        for (size_t i = 0; i < COUNT_OF(sides); i++) {
                struct file_part p = sample();
                uint8_t other[FILE_THUMBNAIL_MAX] = { sides[i][0], sides[i][1] };

                p.thumbnail = BYTES_OF(other);
                expect_refused(&p);
        }
}

/* A later version's bytes are no reason to refuse; anything else behind the end is. */
static void test_names_are_safe(void **state)
{
        static const char *const names[][2] = {
                { "holiday.jpg", "holiday.jpg" },
                { "été.pdf", "été.pdf" },
                { "../../.bashrc", "bashrc" },
                { "C:\\Windows\\x.exe", "x.exe" },
                { "/etc/passwd", "passwd" },
                { "a/", "file" },
                { "...", "file" },
                { "-rf", "rf" },
                { "x\x1b]0;title\x07.txt", "x]0;title.txt" },
                { "photo\xe2\x80\xaegpj.exe", "photogpj.exe" }, /* shown as photoexe.jpg */
                { "a\xc2\x9b"
                  "b\xd8\x9c"
                  "c\xe2\x81\xa6"
                  "d\xe2\x80\x8b",
                  "abcd" },
        };

        for (size_t i = 0; i < COUNT_OF(names); i++) {
                char out[FILE_NAME_MAX + 1];

                file_part_safe_name(BYTES_STRING(names[i][0]), out);
                assert_string_equal(out, names[i][1]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_a_voice_message_says_so),
                cmocka_unit_test(test_what_a_later_version_adds),
                cmocka_unit_test(test_what_is_wrong_is_refused),
                cmocka_unit_test(test_thumbnails_have_as_many_pixels_as_they_say),
                cmocka_unit_test(test_names_are_safe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

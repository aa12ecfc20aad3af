/* The frame and the bodies: what is written is read back, and nothing that is cut short or too long is taken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relayd/link/chunk.h"
#include "relayd/link/frame.h"
#include "relayd/link/message.h"
#include "relayd/link/room.h"

/* Reads from a copy of exactly that size, so that a sanitizer sees any byte read past the end. */
static int read_exact(int (*read)(struct bytes body), const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, data, size);
        int r = read(BYTES(copy, size));

        free(copy);
        return r;
}

static void refuses_every_truncation_and_a_byte_more(int (*read)(struct bytes body), struct writer *w)
{
        assert_int_equal(writer_finish(w), 0);
        assert_int_equal(read_exact(read, w->data, w->size), 0);
        for (size_t n = 0; n < w->size; n++)
                assert_int_equal(read_exact(read, w->data, n), -EBADMSG);
        write_u8(w, 0);
        assert_int_equal(read_exact(read, w->data, w->size), -EBADMSG);
        writer_release(w);
}

#define READS(name, type)                                                                                              \
        static int reads_##name(struct bytes body)                                                                     \
        {                                                                                                              \
                type m;                                                                                                \
                return read_##name(body, &m);                                                                          \
        }
READS(hello, struct hello)
READS(hello_answer, struct hello_answer)
READS(registration, struct registration)
READS(authentication, struct authentication)
READS(authentication_answer, struct authentication_answer)
READS(key_packages, struct key_packages)
READS(key_packages_left, uint32_t)
READS(claim, struct bytes)
READS(send, struct send)
READS(fetch, struct fetch)
READS(entry, struct entry)
READS(ack, uint64_t)
READS(failure, struct wire_failure)
READS(chunk, struct chunk)
READS(room_post, struct room_post)
READS(room_departed, struct bytes)
READS(room_state, struct room_state)
READS(rooms, struct bytes)
READS(room_entry, struct room_entry)
READS(chunk_content, struct bytes)
READS(chunk_names, struct bytes)
READS(chunks_there, struct bytes)

static int reads_claim_answer(struct bytes body)
{
        struct bytes package;
        bool last_resort;

        return read_claim_answer(body, &last_resort, &package);
}

static int reads_chunk_name(struct bytes body)
{
        uint8_t name[CHUNK_NAME_SIZE];

        return read_chunk_name(body, name);
}

static void bodies_about_chunks_refuse_every_truncation(void **state)
{
        static const uint8_t content[CHUNK_SIZE_MIN], names[3 * CHUNK_NAME_SIZE], there[] = { 0, 1, 1 };
        struct writer w = WRITER_INIT;

        write_chunk(&w, &(struct chunk){ .name = "name", .content = BYTES_OF(content) });
        refuses_every_truncation_and_a_byte_more(reads_chunk, &w);
        write_chunk_content(&w, BYTES_OF(content));
        refuses_every_truncation_and_a_byte_more(reads_chunk_content, &w);
        write_chunk_name(&w, names);
        refuses_every_truncation_and_a_byte_more(reads_chunk_name, &w);
        write_chunk_names(&w, BYTES_OF(names));
        refuses_every_truncation_and_a_byte_more(reads_chunk_names, &w);
        write_chunks_there(&w, BYTES_OF(there));
        refuses_every_truncation_and_a_byte_more(reads_chunks_there, &w);
}

static void bodies_about_rooms_refuse_every_truncation(void **state)
{
        _cleanup_writer_ struct writer names = WRITER_INIT, rooms = WRITER_INIT;
        struct writer w = WRITER_INIT;
        struct room_post post = { .room = BYTES_STRING("general"),
                                  .group = BYTES_STRING("group"),
                                  .step = ROOM_COMMIT,
                                  .epoch = 7,
                                  .removed_count = 1,
                                  .group_info = BYTES_STRING("info"),
                                  .payload = BYTES_STRING("commit") };

        write_recipient(&names, BYTES_STRING("bob"));
        post.removed = writer_bytes(&names);
        write_room_post(&w, &post);
        refuses_every_truncation_and_a_byte_more(reads_room_post, &w);
        write_room_departed(&w, writer_bytes(&names));
        refuses_every_truncation_and_a_byte_more(reads_room_departed, &w);
        write_room_state(&w, &(struct room_state){ BYTES_STRING("group"), 7, BYTES_STRING("info") });
        refuses_every_truncation_and_a_byte_more(reads_room_state, &w);
        write_room(&rooms, BYTES_STRING("general"), 3);
        write_rooms(&w, writer_bytes(&rooms));
        refuses_every_truncation_and_a_byte_more(reads_rooms, &w);
        write_room_entry(&w, &(struct room_entry){ ROOM_JOIN, BYTES_STRING("bob"), BYTES_STRING("commit") });
        assert_true(room_entry_is(writer_bytes(&w)));
        refuses_every_truncation_and_a_byte_more(reads_room_entry, &w);
}

/* What is only said has no epoch, removes nobody and brings no GroupInfo; a commit has one. */
static void what_is_sent_to_a_room_fits_its_step(void **state)
{
        static const struct {
                enum room_step step;
                uint64_t epoch;
                const char *info;
                int result;
        } cases[] = {
                { ROOM_SAY, 0, "", 0 },         { ROOM_SAY, 1, "", -EBADMSG }, { ROOM_SAY, 0, "i", -EBADMSG },
                { ROOM_LEAVE, 0, "", 0 },       { ROOM_COMMIT, 1, "i", 0 },    { ROOM_COMMIT, 1, "", -EBADMSG },
                { ROOM_JOIN, 1, "", -EBADMSG }, { ROOM_JOIN, 0, "i", 0 },      { 4, 0, "i", -EBADMSG },
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;
                struct room_post m;

                write_room_post(&w, &(struct room_post){ .room = BYTES_STRING("general"),
                                                         .group = BYTES_STRING("g"),
                                                         .step = cases[i].step,
                                                         .epoch = cases[i].epoch,
                                                         .group_info = BYTES_STRING(cases[i].info),
                                                         .payload = BYTES_STRING("x") });
                assert_int_equal(read_room_post(writer_bytes(&w), &m), cases[i].result);
        }
}

static void a_chunk_has_one_of_four_sizes(void **state)
{
        static const uint8_t content[CHUNK_SIZE_MAX + 1], twos[] = { 2 };
        static const size_t good[] = { 4096, 16384, 65536, 262144 }, bad[] = { 0, 1, 4095, 4097, 32768, 262145 };
        static const uint8_t names[(CHUNK_NAMES_MAX + 1) * CHUNK_NAME_SIZE];
        struct writer w = WRITER_INIT;

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                write_chunk(&w, &(struct chunk){ .content = BYTES(content, good[i]) });
                assert_int_equal(reads_chunk(writer_bytes(&w)), 0);
                writer_release(&w);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                write_chunk(&w, &(struct chunk){ .content = BYTES(content, bad[i]) });
                assert_int_equal(reads_chunk(writer_bytes(&w)), -EBADMSG);
                writer_release(&w);
        }
        write_chunk_names(&w, BYTES_OF(names)); /* one more than allowed */
        assert_int_equal(reads_chunk_names(writer_bytes(&w)), -EBADMSG);
        writer_release(&w);
        write_chunks_there(&w, BYTES_OF(twos));
        assert_int_equal(reads_chunks_there(writer_bytes(&w)), -EBADMSG);
        writer_release(&w);
}

static void bodies_refuse_every_truncation(void **state)
{
        struct writer w = WRITER_INIT, list = WRITER_INIT;
        struct send send = { .id = "0123456789abcde",
                             .has_group = true,
                             .group = BYTES_STRING("group"),
                             .epoch = 7,
                             .payload = BYTES_STRING("payload") };

        write_hello(&w, &(struct hello){ .versions = { 1, 2 }, .version_count = 2 });
        refuses_every_truncation_and_a_byte_more(reads_hello, &w);
        write_hello_answer(&w, &(struct hello_answer){ 1, 2, 3, 4, 5 });
        refuses_every_truncation_and_a_byte_more(reads_hello_answer, &w);
        write_registration(&w, &(struct registration){ .name = BYTES_STRING("alice"), .token = BYTES_STRING("t") });
        refuses_every_truncation_and_a_byte_more(reads_registration, &w);
        write_authentication(&w, &(struct authentication){ .name = BYTES_STRING("alice") });
        refuses_every_truncation_and_a_byte_more(reads_authentication, &w);
        write_authentication_answer(
                &w, &(struct authentication_answer){ .newest = 3, .key_packages = 2, .gone = 3, .sent = { 4 } });
        refuses_every_truncation_and_a_byte_more(reads_authentication_answer, &w);
        write_authentication_answer(&w, &(struct authentication_answer){ .newest = 3, .gone = 4 });
        assert_int_equal(reads_authentication_answer(writer_bytes(&w)), -EBADMSG);
        writer_release(&w);
        write_authentication_answer(&w, &(struct authentication_answer){ .newest = 1ULL << 63 });
        assert_int_equal(reads_authentication_answer(writer_bytes(&w)), -EBADMSG);
        writer_release(&w);
        write_key_package(&list, false, BYTES_STRING("one"));
        write_key_package(&list, true, BYTES_STRING("two"));
        write_key_packages(&w, writer_bytes(&list));
        refuses_every_truncation_and_a_byte_more(reads_key_packages, &w);
        writer_release(&list);
        write_key_packages_left(&w, 9);
        refuses_every_truncation_and_a_byte_more(reads_key_packages_left, &w);
        write_claim(&w, BYTES_STRING("bob"));
        refuses_every_truncation_and_a_byte_more(reads_claim, &w);
        write_claim_answer(&w, true, BYTES_STRING("package"));
        refuses_every_truncation_and_a_byte_more(reads_claim_answer, &w);
        write_recipient(&list, BYTES_STRING("bob"));
        write_recipient(&list, BYTES_STRING("carol"));
        send.recipients = writer_bytes(&list);
        write_send(&w, &send);
        refuses_every_truncation_and_a_byte_more(reads_send, &w);
        send.has_group = false;
        write_send(&w, &send);
        refuses_every_truncation_and_a_byte_more(reads_send, &w);
        writer_release(&list);
        write_fetch(&w, &(struct fetch){ 5, 64 });
        refuses_every_truncation_and_a_byte_more(reads_fetch, &w);
        write_entry(&w, &(struct entry){ 5, BYTES_STRING("x") });
        refuses_every_truncation_and_a_byte_more(reads_entry, &w);
        write_ack(&w, 77);
        refuses_every_truncation_and_a_byte_more(reads_ack, &w);
        write_failure(&w, &(struct wire_failure){ 7, 12, BYTES_STRING("bob"), BYTES_STRING("sentence") });
        refuses_every_truncation_and_a_byte_more(reads_failure, &w);
}

static void a_send_is_read_back_as_it_was_written(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT, list = WRITER_INIT;
        struct send in = { .id = "0123456789abcde",
                           .has_group = true,
                           .group = BYTES_STRING("group"),
                           .epoch = 1ULL << 40,
                           .payload = BYTES_STRING("payload") },
                    out;
        struct reader r;
        struct bytes name;

        write_recipient(&list, BYTES_STRING("bob"));
        write_recipient(&list, BYTES_STRING("carol"));
        in.recipients = writer_bytes(&list);
        write_send(&w, &in);
        assert_int_equal(read_send(writer_bytes(&w), &out), 0);
        assert_memory_equal(out.id, in.id, sizeof(in.id));
        assert_int_equal(out.recipient_count, 2);
        assert_true(out.has_group);
        assert_true(bytes_equal(out.group, in.group));
        assert_int_equal(out.epoch, in.epoch);
        assert_true(bytes_equal(out.payload, in.payload));
        reader_init(&r, out.recipients);
        assert_true(recipient_next(&r, &name));
        assert_true(bytes_equal(name, BYTES_STRING("bob")));
        assert_true(recipient_next(&r, &name));
        assert_true(bytes_equal(name, BYTES_STRING("carol")));
        assert_false(recipient_next(&r, &name));
        assert_int_equal(reader_finish(&r), 0);
}

static void a_send_to_nobody_must_be_a_commit(void **state)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, commit = WRITER_INIT;
        struct send m = { .payload = BYTES_STRING("x") }, out;

        write_send(&plain, &m);
        assert_int_equal(read_send(writer_bytes(&plain), &out), -EBADMSG);
        m.has_group = true;
        m.group = BYTES_STRING("g");
        write_send(&commit, &m);
        assert_int_equal(read_send(writer_bytes(&commit), &out), 0);
}

static void names_follow_the_rule_of_addresses(void **state)
{
        static const char *const good[] = { "a", "0", "alice", "a.b_c-d",
                                            "a23456789012345678901234567890123456789012345678901234567890abcd" };
        static const char *const bad[] = {
                "",    ".a",       "-a",
                "_a",  "Alice",    "a b",
                "a@b", "\xc3\xa4", "a23456789012345678901234567890123456789012345678901234567890abcde"
        };

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                assert_true(wire_name_valid(BYTES_STRING(good[i])));
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_false(wire_name_valid(BYTES_STRING(bad[i])));
        assert_false(wire_name_valid(BYTES("a\0b", 3)));
}

static void a_frame_is_read_back_and_every_prefix_asks_for_more(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct frame f;
        size_t size;

        frame_write(&w, FRAME_SEND, 0x01020304, BYTES_STRING("body"));
        assert_int_equal(w.size, FRAME_HEADER_SIZE + 4);
        for (size_t n = 0; n < w.size; n++) {
                assert_int_equal(frame_parse(BYTES(w.data, n), FRAME_LENGTH_MAX, &f, &size), 0);
                assert_int_equal(size, n < FRAME_LENGTH_SIZE ? FRAME_HEADER_SIZE : w.size);
        }
        write_u8(&w, 0xaa); /* the start of the next one */
        assert_int_equal(frame_parse(writer_bytes(&w), FRAME_LENGTH_MAX, &f, &size), 1);
        assert_int_equal(size, w.size - 1);
        assert_int_equal(f.type, FRAME_SEND);
        assert_int_equal(f.request, 0x01020304);
        assert_true(bytes_equal(f.body, BYTES_STRING("body")));
}

static void a_frame_that_is_too_long_or_too_short_is_refused_by_its_length_alone(void **state)
{
        static const uint8_t long_one[] = { 0, 0, 0x10, 0x01 }, short_one[] = { 0, 0, 0, 4 };
        struct frame f;
        size_t size;

        assert_int_equal(frame_parse(BYTES_OF(long_one), 4096, &f, &size), -EMSGSIZE);
        assert_int_equal(frame_parse(BYTES_OF(long_one), 4097, &f, &size), 0);
        assert_int_equal(frame_parse(BYTES_OF(short_one), 4096, &f, &size), -EBADMSG);
}

static const char *document;

/* The hex of an example in docs/wire-protocol.md: from its marker to the next, without what follows a #. */
static size_t example(const char *name, uint8_t *out, size_t capacity)
{
        char line[512], marker[64];
        bool inside = false;
        size_t n = 0;
        FILE *f = fopen(document, "re");

        assert_non_null(f);
        (void) snprintf(marker, sizeof(marker), "<!-- example: %s -->", name);
        while (fgets(line, sizeof(line), f)) {
                if (strncmp(line, "<!--", 4) == 0) {
                        inside = strncmp(line, marker, strlen(marker)) == 0;
                        continue;
                }
                for (char *p = line; inside && *p && *p != '#' && *p != '\n';) {
                        unsigned byte;

                        if (*p == ' ') {
                                p++;
                                continue;
                        }
                        assert_int_equal(sscanf(p, "%2x", &byte), 1);
                        assert_true(n < capacity);
                        out[n++] = (uint8_t) byte;
                        p += 2;
                }
        }
        fclose(f);
        return n;
}

static void assert_example(const char *name, uint8_t type, uint32_t request, struct writer *body)
{
        _cleanup_writer_ struct writer frame = WRITER_INIT;
        uint8_t written[512];
        size_t size = example(name, written, sizeof(written));

        frame_write(&frame, type, request, writer_bytes(body));
        assert_int_equal(size, frame.size);
        assert_memory_equal(written, frame.data, size);
        writer_release(body);
}

static void the_examples_of_the_document_are_what_is_sent(void **state)
{
        struct writer body = WRITER_INIT, list = WRITER_INIT;
        struct authentication authentication = { .name = BYTES_STRING("alice") };
        struct send send = { .payload = BYTES_STRING("hi") };

        write_hello(&body, &(struct hello){ .versions = { 1 }, .version_count = 1 });
        assert_example("hello", FRAME_HELLO, 1, &body);
        for (unsigned i = 0; i < 32; i++) {
                authentication.signature[i] = (uint8_t) (0xe0 + i);
                authentication.signature[32 + i] = (uint8_t) i;
        }
        write_authentication(&body, &authentication);
        assert_example("authenticate", FRAME_AUTHENTICATE, 2, &body);
        for (unsigned i = 0; i < sizeof(send.id); i++)
                send.id[i] = (uint8_t) (0xa0 + i);
        write_recipient(&list, BYTES_STRING("bob"));
        send.recipients = writer_bytes(&list);
        write_send(&body, &send);
        writer_release(&list);
        assert_example("send", FRAME_SEND, 3, &body);
        assert_example("sent", FRAME_SEND | FRAME_ANSWER, 3, &body);
        write_failure(&body, &(struct wire_failure){
                                     .code = WIRE_ERROR_STALE, .value = 5, .sentence = BYTES_STRING("too late") });
        assert_example("stale", FRAME_ERROR, 4, &body);

        static const uint8_t names[2 * CHUNK_NAME_SIZE] = { [0] = 0xc0, [31] = 0xc1, [32] = 0xd0, [63] = 0xd1 };
        static const uint8_t there[] = { 1, 0 };

        write_chunk_names(&body, BYTES_OF(names));
        assert_example("have chunks", FRAME_HAVE_CHUNKS, 5, &body);
        write_chunks_there(&body, BYTES_OF(there));
        assert_example("chunks there", FRAME_HAVE_CHUNKS | FRAME_ANSWER, 5, &body);
        write_chunk_name(&body, names);
        assert_example("get chunk", FRAME_GET_CHUNK, 6, &body);

        struct room_post say = { .room = BYTES_STRING("general"),
                                 .group = BYTES_STRING("g1"),
                                 .payload = send.payload };
        struct writer entry = WRITER_INIT;

        memcpy(say.id, send.id, sizeof(say.id));
        write_room_post(&body, &say);
        assert_example("say", FRAME_SEND_TO_ROOM, 7, &body);
        write_room_entry(&entry, &(struct room_entry){ ROOM_JOIN, BYTES_STRING("bob"), BYTES_STRING("comm") });
        write_entry(&body, &(struct entry){ 9, writer_bytes(&entry) });
        writer_release(&entry);
        assert_example("joined", FRAME_ENTRY, 0, &body);
}

int main(int argc, char *argv[])
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(bodies_refuse_every_truncation),
                cmocka_unit_test(bodies_about_chunks_refuse_every_truncation),
                cmocka_unit_test(bodies_about_rooms_refuse_every_truncation),
                cmocka_unit_test(what_is_sent_to_a_room_fits_its_step),
                cmocka_unit_test(a_chunk_has_one_of_four_sizes),
                cmocka_unit_test(a_send_is_read_back_as_it_was_written),
                cmocka_unit_test(a_send_to_nobody_must_be_a_commit),
                cmocka_unit_test(names_follow_the_rule_of_addresses),
                cmocka_unit_test(a_frame_is_read_back_and_every_prefix_asks_for_more),
                cmocka_unit_test(a_frame_that_is_too_long_or_too_short_is_refused_by_its_length_alone),
                cmocka_unit_test(the_examples_of_the_document_are_what_is_sent),
        };

        document = argc > 1 ? argv[1] : "docs/wire-protocol.md";
        return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}

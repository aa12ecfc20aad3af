/* The frame and every body: the first byte of the input chooses the decoder. What is taken must be written back as the
 * same bytes. */
#include <stdlib.h>
#include <string.h>

#include "relayd/link/chunk.h"
#include "relayd/link/frame.h"
#include "relayd/link/message.h"
#include "relayd/link/room.h"

/* A decoder that accepts something which its encoder writes differently would let two parties read one message in two
 * ways. */
static void expect(struct writer *w, struct bytes input)
{
        if (writer_finish(w) < 0 || !bytes_equal(writer_bytes(w), input))
                abort();
        writer_release(w);
}

static void fuzz_frame(struct bytes input)
{
        struct writer w = WRITER_INIT;
        struct frame f;
        size_t size;

        if (frame_parse(input, FRAME_LENGTH_MAX, &f, &size) != 1)
                return;
        frame_write(&w, f.type, f.request, f.body);
        expect(&w, BYTES(input.data, size));
}

static void fuzz_key_packages(struct bytes input)
{
        struct writer w = WRITER_INIT;
        struct key_packages m;

        if (read_key_packages(input, &m) < 0)
                return;
        write_key_packages(&w, m.packages);
        expect(&w, input);
}

static void fuzz_claim_answer(struct bytes input)
{
        struct writer w = WRITER_INIT;
        struct bytes package;
        bool last_resort;

        if (read_claim_answer(input, &last_resort, &package) < 0)
                return;
        write_claim_answer(&w, last_resort, package);
        expect(&w, input);
}

static void fuzz_integers(struct bytes input)
{
        struct writer w = WRITER_INIT;
        uint64_t sequence;
        uint32_t left;

        if (read_ack(input, &sequence) >= 0) {
                write_ack(&w, sequence);
                expect(&w, input);
        }
        if (read_key_packages_left(input, &left) >= 0) {
                write_key_packages_left(&w, left);
                expect(&w, input);
        }
}

static void fuzz_claim(struct bytes input)
{
        struct writer w = WRITER_INIT;
        struct bytes name;

        if (read_claim(input, &name) < 0)
                return;
        write_claim(&w, name);
        expect(&w, input);
}

#define FUZZ(name, type)                                                                                               \
        static void fuzz_##name(struct bytes input)                                                                    \
        {                                                                                                              \
                struct writer w = WRITER_INIT;                                                                         \
                struct type m;                                                                                         \
                if (read_##name(input, &m) < 0)                                                                        \
                        return;                                                                                        \
                write_##name(&w, &m);                                                                                  \
                expect(&w, input);                                                                                     \
        }
FUZZ(hello, hello)
FUZZ(hello_answer, hello_answer)
FUZZ(registration, registration)
FUZZ(authentication, authentication)
FUZZ(authentication_answer, authentication_answer)
FUZZ(send, send)
FUZZ(fetch, fetch)
FUZZ(entry, entry)
FUZZ(failure, wire_failure)

FUZZ(chunk, chunk)
FUZZ(room_post, room_post)
FUZZ(room_state, room_state)
FUZZ(room_entry, room_entry)

static void fuzz_room_lists(struct bytes input)
{
        struct writer w = WRITER_INIT;
        struct bytes content;

        if (read_room_departed(input, &content) >= 0) {
                write_room_departed(&w, content);
                expect(&w, input);
        }
        if (read_rooms(input, &content) >= 0) {
                write_rooms(&w, content);
                expect(&w, input);
        }
}

static void fuzz_chunk_bodies(struct bytes input)
{
        static const struct {
                int (*read)(struct bytes body, struct bytes *out);
                void (*write)(struct writer *w, struct bytes content);
        } bodies[] = { { read_chunk_content, write_chunk_content },
                       { read_chunk_names, write_chunk_names },
                       { read_chunks_there, write_chunks_there } };
        uint8_t name[CHUNK_NAME_SIZE];
        struct writer w = WRITER_INIT;
        struct bytes content;

        for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
                if (bodies[i].read(input, &content) < 0)
                        continue;
                bodies[i].write(&w, content);
                expect(&w, input);
        }
        if (read_chunk_name(input, name) >= 0) {
                write_chunk_name(&w, name);
                expect(&w, input);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const decoders[])(struct bytes input) = {
                fuzz_frame,        fuzz_hello,          fuzz_hello_answer,
                fuzz_registration, fuzz_authentication, fuzz_authentication_answer,
                fuzz_key_packages, fuzz_claim,          fuzz_claim_answer,
                fuzz_send,         fuzz_fetch,          fuzz_entry,
                fuzz_failure,      fuzz_integers,       fuzz_chunk,
                fuzz_chunk_bodies, fuzz_room_post,      fuzz_room_state,
                fuzz_room_entry,   fuzz_room_lists,
        };

        if (size > 0)
                decoders[data[0] % (sizeof(decoders) / sizeof(*decoders))](BYTES(data + 1, size - 1));
        return 0;
}

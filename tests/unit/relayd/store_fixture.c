/* See store_fixture.h. */
#include "store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

const struct store_limits limits = {
        .mailbox_entries = 5,
        .mailbox_bytes = 4096,
        .key_packages = 4,
        .retention_usec = 1000 * 1000000ULL,
        .idempotency_usec = 1000 * 1000000ULL,
        .group_usec = 1000 * 1000000ULL,
        .chunk_bytes = 10,
        .chunk_usec = 1000 * 1000000ULL,
        .name_usec = 1000 * 1000000ULL,
};

struct store_request run(struct store *s, struct store_request r)
{
        struct store_request *one = &r;

        (void) store_run(s, &one, 1);
        return r;
}

int64_t add_account(struct store *s, const char *name, uint8_t key)
{
        struct store_request r = { .operation = STORE_REGISTER, .name = BYTES_STRING(name), .transport_key = { key } };

        assert_int_equal(run(s, r).result, STORE_DONE);
        return run(s, (struct store_request){ .operation = STORE_LOOK_UP, .name = BYTES_STRING(name) }).mailbox;
}

int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        f->directory = temporary_directory();
        assert_int_equal(store_open(f->directory, &limits, &f->store), 0);
        f->alice = add_account(f->store, "alice", 1);
        f->bob = add_account(f->store, "bob", 2);
        f->carol = add_account(f->store, "carol", 3);
        *state = f;
        return 0;
}

int teardown(void **state)
{
        struct fixture *f = *state;

        store_close(f->store);
        temporary_remove(f->directory);
        free(f);
        return 0;
}

void open_again(struct fixture *f)
{
        f->store = store_close(f->store);
        assert_int_equal(store_open(f->directory, &limits, &f->store), 0);
}

struct store_request sending(int64_t from, uint8_t id, const char *to, const char *text)
{
        static uint8_t lists[64][1200];
        static unsigned next;
        uint8_t *list = lists[next++ % 64];
        struct store_request r = { .operation = STORE_SEND,
                                   .mailbox = from,
                                   .send = { .id = { id }, .payload = BYTES_STRING(text) } };
        _cleanup_writer_ struct writer w = WRITER_INIT;

        while (*to) {
                size_t n = strcspn(to, " ");

                write_recipient(&w, BYTES(to, n));
                r.send.recipient_count++;
                to += n + (to[n] == ' ');
        }
        assert_true(w.size <= sizeof(lists[0]));
        if (w.size > 0)
                memcpy(list, w.data, w.size);
        r.send.recipients = BYTES(list, w.size);
        return r;
}

enum store_result send_it(struct store *s, struct store_request r)
{
        r = run(s, r);
        store_request_release(&r);
        return r.result;
}

static bool append_entry(void *userdata, uint64_t sequence, struct bytes payload)
{
        char *out = userdata;

        (void) sprintf(out + strlen(out), "%llu=%.*s ", (unsigned long long) sequence, (int) payload.size,
                       (const char *) payload.data);
        return true;
}

const char *entries(struct store *s, int64_t mailbox, uint64_t after)
{
        static char out[4096];

        out[0] = '\0';
        assert_int_equal(store_fetch(s, mailbox, after, 100, append_entry, out), 0);
        return out;
}

int64_t count(struct fixture *f, const char *table)
{
        _cleanup_free_ char *command = NULL;
        int64_t n = -1;

        /* Looks at the file as somebody else would. */
        assert_true(asprintf(&command, "%s/hub.db", f->directory) > 0);
        n = temporary_count(command, table);
        return n;
}

enum store_result publish(struct fixture *f, bool last_resort, const char *text)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_key_package(&w, last_resort, BYTES_STRING(text));
        return run(f->store, (struct store_request){ .operation = STORE_PUBLISH,
                                                     .mailbox = f->bob,
                                                     .packages = writer_bytes(&w) })
                .result;
}

void assert_claimed(struct store_request *r, const char *text, bool last_resort)
{
        assert_int_equal(r->result, STORE_DONE);
        assert_true(bytes_equal(BYTES(r->package, r->package_size), BYTES_STRING(text)));
        assert_int_equal(r->last_resort, last_resort);
        store_request_release(r);
}

void expire(struct store *s, uint64_t now_usec)
{
        struct store_request r;

        do {
                r = run(s, (struct store_request){ .operation = STORE_EXPIRE, .now_usec = now_usec });
                assert_int_equal(r.result, STORE_DONE);
        } while (r.more);
}

enum store_result register_with(struct store *s, const char *name, uint8_t key, enum store_policy policy, uint8_t token)
{
        return run(s, (struct store_request){ .operation = STORE_REGISTER,
                                              .name = BYTES_STRING(name),
                                              .transport_key = { key },
                                              .policy = policy,
                                              .token = { token } })
                .result;
}

void invite(struct store *s, uint8_t token, int64_t uses, uint64_t until_usec)
{
        assert_int_equal(run(s, (struct store_request){ .operation = STORE_INVITE,
                                                        .token = { token },
                                                        .uses = uses,
                                                        .until_usec = until_usec })
                                 .result,
                         STORE_DONE);
}

enum store_result put_chunk(struct store *s, int64_t mailbox, const char *text, bool honest)
{
        struct store_request r = { .operation = STORE_PUT_CHUNK,
                                   .mailbox = mailbox,
                                   .chunk = { .content = BYTES_STRING(text) } };

        assert_int_equal(chunk_name_of(r.chunk.content, r.chunk.name), 0);
        r.chunk.name[0] ^= !honest;
        return run(s, r).result;
}

static void expect_content(void *userdata, struct bytes content)
{
        assert_true(bytes_equal(content, BYTES_STRING((const char *) userdata)));
}

bool has_chunk(struct store *s, const char *text)
{
        uint8_t name[CHUNK_NAME_SIZE];

        assert_int_equal(chunk_name_of(BYTES_STRING(text), name), 0);
        int r = store_read_chunk(s, name, expect_content, (void *) (uintptr_t) text);

        if (r < 0)
                assert_int_equal(r, -ENOENT);
        return r >= 0;
}

/* Chunks of files at a hub: what is put is what is got, whoever asks faster than it reads gets no more of the hub's
 * memory, and messages get by. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "relayd/link/chunk.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "temporary.h"

struct part {
        uint8_t content[CHUNK_SIZE_MAX], name[CHUNK_NAME_SIZE];
        size_t size;
};

static struct part *make_part(size_t size)
{
        struct part *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        p->size = size;
        random_fill(p->content, size);
        assert_int_equal(chunk_name_of(BYTES(p->content, size), p->name), 0);
        return p;
}

static void write_part(struct writer *w, const struct part *p)
{
        struct chunk m = { .content = BYTES(p->content, p->size) };

        memcpy(m.name, p->name, sizeof(m.name));
        write_chunk(w, &m);
}

static struct answer put(struct client *c, const struct part *p)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_part(&w, p);
        return ask(c, FRAME_PUT_CHUNK, &w);
}

static struct answer about(struct client *c, enum frame_type type, const struct part *p)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_chunk_names(&w, BYTES_OF(p->name));
        return ask(c, type, &w);
}

struct got {
        const struct part *expected;
        unsigned done, failed;
        uint16_t code;
};

static void on_got(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct got *g = userdata;
        struct bytes content;

        g->done++;
        if (error) {
                g->failed++;
                g->code = error->code;
                return;
        }
        assert_int_equal(read_chunk_content(answer, &content), 0);
        assert_true(bytes_equal(content, BYTES(g->expected->content, g->expected->size)));
}

static void get(struct client *c, const struct part *p, struct got *g)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        g->expected = p;
        write_chunk_name(&w, p->name);
        assert_int_equal(link_request(c->link, FRAME_GET_CHUNK, writer_bytes(&w), on_got, g), 0);
}

static struct got get_now(struct client *c, const struct part *p)
{
        struct got g = { 0 };

        get(c, p, &g);
        UNTIL(c->event, g.done);
        return g;
}

static void what_one_puts_another_gets_by_its_name(void **state)
{
        static const size_t sizes[] = { 4096, 16384, 65536, 262144 };
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                _cleanup_free_ struct part *p = make_part(sizes[i]);

                assert_int_equal(about(&alice, FRAME_HAVE_CHUNKS, p).body[1], 0);
                assert_int_equal(get_now(&bob, p).code, WIRE_ERROR_NO_CHUNK);
                assert_false(put(&alice, p).failed);
                assert_false(put(&alice, p).failed); /* again is no error */
                assert_int_equal(about(&alice, FRAME_HAVE_CHUNKS, p).body[1], 1);
                assert_false(get_now(&bob, p).failed);
                assert_false(about(&alice, FRAME_DROP_CHUNKS, p).failed);
                assert_int_equal(get_now(&bob, p).code, WIRE_ERROR_NO_CHUNK);
        }
}

static void a_name_that_is_not_the_contents_is_refused_and_the_link_lives(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_free_ struct part *p = make_part(4096);

        client_up(&alice, f->event, &f->address, "alice", true);
        p->name[31] ^= 1;
        assert_int_equal(put(&alice, p).code, WIRE_ERROR_MISMATCH);
        assert_int_equal(get_now(&alice, p).code, WIRE_ERROR_NO_CHUNK);
        p->name[31] ^= 1;
        assert_false(put(&alice, p).failed);
}

static void a_chunk_of_another_size_ends_the_link(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_free_ struct part *p = make_part(5000);

        client_up(&alice, f->event, &f->address, "alice", true);
        assert_int_equal(put(&alice, p).code, WIRE_ERROR_PROTOCOL);
        UNTIL(f->event, alice.down);
}

static void a_full_quota_is_refused_until_something_is_dropped(void **state)
{
        enum { FIT = 256 }; /* of what the fixture allows */
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        struct part *first = NULL;

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        for (unsigned i = 0; i < FIT; i++) {
                struct part *p = make_part(CHUNK_SIZE_MAX);

                assert_false(put(&alice, p).failed);
                if (first)
                        free(p);
                else
                        first = p;
        }
        _cleanup_free_ struct part *last = make_part(4096);
        struct answer a = put(&alice, last);

        assert_int_equal(a.code, WIRE_ERROR_QUOTA);
        assert_int_equal(a.value, 64 << 20);
        assert_false(put(&alice, first).failed); /* is there already */
        assert_false(about(&alice, FRAME_DROP_CHUNKS, first).failed);
        assert_false(put(&alice, last).failed);
        assert_false(put(&bob, first).failed); /* has a quota of his own */
        free(first);
}

static void more_at_once_than_allowed_waits_and_is_answered_all_the_same(void **state)
{
        enum { COUNT = 3 * CHUNK_PUTS_MAX };
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        struct answer answers[COUNT] = { 0 };
        unsigned done = 0;

        client_up(&alice, f->event, &f->address, "alice", true);
        for (unsigned i = 0; i < COUNT; i++) {
                _cleanup_free_ struct part *p = make_part(65536);
                _cleanup_writer_ struct writer w = WRITER_INIT;

                write_part(&w, p);
                UNTIL(f->event, link_room(alice.link) > 0);
                assert_int_equal(link_request(alice.link, FRAME_PUT_CHUNK, writer_bytes(&w), on_answer, &answers[i]),
                                 0);
        }
        UNTIL(f->event, (done += answers[done].done) == COUNT);
        for (unsigned i = 0; i < COUNT; i++)
                assert_false(answers[i].failed);
}

static void other_answers_are_not_kept_waiting_by_a_file(void **state)
{
        enum { CHUNKS = 120, AHEAD = 4 };
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_free_ struct part *p = make_part(CHUNK_SIZE_MAX);
        struct got g = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        assert_false(put(&alice, p).failed);
        for (unsigned i = 0; i < CHUNKS; i++)
                get(&alice, p, &g);
        fetch_after(&alice, 0, 64); /* needs no disk */
        assert_true(g.done < AHEAD);
        UNTIL(f->event, g.done == CHUNKS);
        assert_int_equal(g.failed, 0);
}

static long resident_kib(pid_t pid)
{
        char path[64];
        long pages = 0;

        (void) snprintf(path, sizeof(path), "/proc/%d/statm", pid);
        FILE *file = fopen(path, "re");

        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
        fclose(file);
        return pages * sysconf(_SC_PAGESIZE) / 1024;
}

static void who_asks_and_does_not_read_gets_no_more_of_the_hubs_memory(void **state)
{
        enum { READERS = 8, CHUNKS = 200, SLACK_KIB = 16 * 1024 }; /* they ask for 400 MiB */
        struct server server = { .directory = temporary_directory() };
        struct client readers[READERS] = { 0 };
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_free_ struct part *p = make_part(CHUNK_SIZE_MAX);
        struct got g = { 0 };
        sd_event *idle, *event;
        char name[16];

        pid_t pid = fork_server(&server);
        struct address address = { .host = "127.0.0.1", .port = server.port, .has_key = true };

        memcpy(address.key, server.identity.pin, sizeof(address.key));
        assert_true(sd_event_new(&event) >= 0 && sd_event_new(&idle) >= 0);
        client_up(&alice, event, &address, "alice", true);
        assert_false(put(&alice, p).failed);
        long before = resident_kib(pid);

        for (unsigned i = 0; i < READERS; i++) {
                (void) snprintf(name, sizeof(name), "r%u", i);
                client_up(&readers[i], idle, &address, name, true);
        }
        for (unsigned i = 0; i < READERS * CHUNKS; i++)
                get(&readers[i % READERS], p, &g);
        for (unsigned i = 0; i < 2 * READERS; i++) /* the questions leave; then nobody reads any more */
                assert_true(sd_event_run(idle, 100000) >= 0);
        for (unsigned i = 0; i < 20; i++)
                assert_false(get_now(&alice, p).failed); /* and others are served */
        long grown = resident_kib(pid) - before;

#ifdef __SANITIZE_ADDRESS__ /* which does not give memory back */
        (void) grown;
#else
        assert_true(grown < SLACK_KIB);
#endif
        for (unsigned i = 0; i < READERS; i++)
                client_release(&readers[i]);
        client_end(&alice);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        sd_event_unref(event);
        sd_event_unref(idle);
        temporary_remove(server.directory);
}

enum { RATE = 2 * CHUNK_SIZE_MAX, BURST = 5 * 2 }; /* bytes a second; chunks, of five seconds */

static int setup_rate(void **state)
{
        fixture_settings.gate.chunk_rate = RATE;
        return setup(state);
}

static int teardown_rate(void **state)
{
        fixture_settings.gate.chunk_rate = 0;
        return teardown(state);
}

static uint64_t clock_of(sd_event *event)
{
        uint64_t now = 0;

        assert_true(sd_event_now(event, CLOCK_BOOTTIME, &now) >= 0);
        return now;
}

/* One more than the burst leaves a debt of half a second. */
static void above_the_rate_chunks_wait_and_messages_to_their_reader_do_not(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        _cleanup_free_ struct part *p = make_part(CHUNK_SIZE_MAX);
        struct got g = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        for (unsigned i = 0; i < BURST + 1; i++)
                assert_false(put(&alice, p).failed);
        uint64_t from = clock_of(f->event);

        assert_false(put(&alice, p).failed);
        assert_true(clock_of(f->event) - from > 300000);

        for (unsigned i = 0; i < BURST + 2; i++)
                get(&bob, p, &g);
        UNTIL(f->event, g.done == BURST + 1);
        from = clock_of(f->event);
        assert_false(say(&bob, 1, "alice", "meanwhile").failed);
        assert_int_equal(g.done, BURST + 1);
        UNTIL(f->event, g.done == BURST + 2);
        assert_true(clock_of(f->event) - from > 300000);
        assert_int_equal(g.failed, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(what_one_puts_another_gets_by_its_name),
                TEST(a_name_that_is_not_the_contents_is_refused_and_the_link_lives),
                TEST(a_chunk_of_another_size_ends_the_link),
                TEST(a_full_quota_is_refused_until_something_is_dropped),
                TEST(more_at_once_than_allowed_waits_and_is_answered_all_the_same),
                TEST(other_answers_are_not_kept_waiting_by_a_file),
                cmocka_unit_test_setup_teardown(above_the_rate_chunks_wait_and_messages_to_their_reader_do_not,
                                                setup_rate, teardown_rate),
                cmocka_unit_test(who_asks_and_does_not_read_gets_no_more_of_the_hubs_memory),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as daemon_run() does */
        log_open("test", LOG_CRIT);
        return cmocka_run_group_tests_name("hub chunks", tests, NULL, NULL);
}

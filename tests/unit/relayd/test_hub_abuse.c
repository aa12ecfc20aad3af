/* What strangers do to a hub: it is a process of its own here, and they speak to it over raw sockets and raw TLS. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "relayd/link/tls.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "temporary.h"

enum { IDLE = 2000, OPENERS = 8, MEMORY = 8 * 1024 * 1024 };

struct stage {
        struct server server;
        pid_t pid;
        sd_event *event;
        struct address address;
};

static void stage_start(struct stage *s)
{
        s->pid = fork_server(&s->server);
        s->address = (struct address){ .host = "127.0.0.1", .port = s->server.port, .has_key = true };
        memcpy(s->address.key, s->server.identity.pin, sizeof(s->address.key));
}

static void stage_kill(struct stage *s)
{
        assert_int_equal(kill(s->pid, SIGKILL), 0);
        assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
}

static int setup_stage(void **state)
{
        struct stage *s = calloc(1, sizeof(*s));

        fixture_settings.handshake_usec = 1000000;
        s->server.directory = temporary_directory();
        assert_true(sd_event_new(&s->event) >= 0);
        stage_start(s);
        *state = s;
        return 0;
}

static int setup_with_little_memory(void **state)
{
        fixture_settings.memory_max = MEMORY;
        int r = setup_stage(state);

        fixture_settings.memory_max = 0;
        return r;
}

static int teardown_stage(void **state)
{
        struct stage *s = *state;

        stage_kill(s);
        temporary_remove(s->server.directory);
        sd_event_unref(s->event);
        free(s);
        return 0;
}

static int connect_raw(const struct stage *s)
{
        struct sockaddr_in in = { .sin_family = AF_INET,
                                  .sin_port = htons(s->server.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct timeval patience = { .tv_sec = 10 };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        assert_int_equal(connect(fd, (struct sockaddr *) &in, sizeof(in)), 0);
        return fd;
}

/* True if the hub closes the connection by itself, whatever it says before. */
static bool hangs_up(int fd)
{
        char byte[4096];
        ssize_t n;

        while ((n = recv(fd, byte, sizeof(byte), 0)) > 0)
                continue;
        return n == 0 || errno == ECONNRESET;
}

struct raw {
        int fd;
        SSL_CTX *context;
        SSL *ssl;
        struct tls_pin pin;
        uint32_t request;
};

static void raw_open(struct raw *r, const struct stage *s)
{
        *r = (struct raw){ .fd = connect_raw(s) };
        assert_int_equal(tls_client_context(&r->context), 0);
        assert_int_equal(tls_new(r->context, r->fd, &r->pin, &r->ssl), 0);
        assert_int_equal(SSL_connect(r->ssl), 1);
}

static void raw_close(struct raw *r)
{
        SSL_free(r->ssl);
        SSL_CTX_free(r->context);
        close(r->fd);
}
#define _cleanup_raw_ __attribute__((cleanup(raw_close)))

static void raw_write(struct raw *r, struct bytes b)
{
        assert_int_equal(SSL_write(r->ssl, b.data, (int) b.size), (int) b.size);
}

static void raw_send(struct raw *r, uint8_t type, const struct writer *body)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        frame_write(&w, type, ++r->request, writer_bytes(body));
        raw_write(r, writer_bytes(&w));
}

/* Reads a frame and returns its type; for an ERROR, @code is set. */
static uint8_t raw_receive(struct raw *r, uint16_t *code)
{
        static uint8_t data[65536];
        struct wire_failure m = { 0 };
        struct frame f;
        size_t have = 0, size = 1;

        while (frame_parse(BYTES(data, have), sizeof(data) - 4, &f, &size) == 0) {
                int n = SSL_read(r->ssl, data + have, (int) (size - have));

                assert_true(n > 0);
                have += (size_t) n;
        }
        if (f.type == FRAME_ERROR)
                assert_int_equal(read_failure(f.body, &m), 0);
        *code = m.code;
        return f.type;
}

static void raw_hello(struct raw *r)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        uint16_t code;

        write_hello(&w, &(struct hello){ .versions = { WIRE_VERSION }, .version_count = 1 });
        raw_send(r, FRAME_HELLO, &w);
        assert_int_equal(raw_receive(r, &code), FRAME_HELLO | FRAME_ANSWER);
}

static bool raw_hangs_up(struct raw *r)
{
        char byte[4096];
        int n;

        while ((n = SSL_read(r->ssl, byte, sizeof(byte))) > 0)
                continue;
        return hangs_up(r->fd);
}

/* Whatever has been done to it, the hub serves the next one. */
static void assert_serves(struct stage *s)
{
        _cleanup_client_ struct client alice = { 0 };

        client_up(&alice, s->event, &s->address, "alice-after-all", true);
        assert_false(say(&alice, 1, "alice-after-all", "x").failed);
}

static void garbage_before_the_handshake_is_cut_off(void **state)
{
        struct stage *s = *state;
        _cleanup_close_ int fd = connect_raw(s);
        uint8_t garbage[4096];

        random_fill(garbage, sizeof(garbage));
        assert_int_equal(send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL), sizeof(garbage));
        assert_true(hangs_up(fd));
        assert_serves(s);
}

static void silence_and_a_drip_before_the_handshake_are_cut_off_in_time(void **state)
{
        static const uint8_t start[] = { 0x16, 0x03, 0x01, 0x02 }; /* of a TLS record, as it should be */
        struct stage *s = *state;
        _cleanup_close_ int silent = connect_raw(s), drip = connect_raw(s);

        assert_int_equal(send(drip, start, 1, MSG_NOSIGNAL), 1);
        usleep(700000);
        assert_int_equal(send(drip, start + 1, 3, MSG_NOSIGNAL), 3);
        assert_true(hangs_up(drip));
        assert_true(hangs_up(silent));
        assert_serves(s);
}

static void a_handshake_for_something_else_fails(void **state)
{
        static const struct {
                const char *alpn;
                int version;
        } others[] = { { "\x08http/1.1", TLS1_3_VERSION },
                       { NULL, TLS1_3_VERSION },
                       { "\x09visavis/1", TLS1_2_VERSION } };
        struct stage *s = *state;

        for (unsigned i = 0; i < COUNT_OF(others); i++) {
                SSL_CTX *context = SSL_CTX_new(TLS_client_method());
                _cleanup_close_ int fd = connect_raw(s);
                SSL *ssl = SSL_new(context);
                char byte;

                assert_int_equal(SSL_set_max_proto_version(ssl, others[i].version), 1);
                if (others[i].alpn)
                        assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *) others[i].alpn,
                                                             (unsigned) strlen(others[i].alpn)),
                                         0);
                assert_int_equal(SSL_set_fd(ssl, fd), 1);
                if (SSL_connect(ssl) == 1)
                        assert_true(SSL_read(ssl, &byte, 1) <= 0);
                assert_true(hangs_up(fd));
                SSL_free(ssl);
                SSL_CTX_free(context);
        }
        assert_serves(s);
}

static void garbage_after_the_handshake_is_cut_off(void **state)
{
        static const struct {
                uint8_t bytes[12];
                size_t size;
        } kinds[] = {
                { { 0xff, 0xff, 0xff, 0xff, 1 }, 5 },        /* a length beyond all limits */
                { { 0, 0, 0x10, 1, 1 }, 5 },                 /* one more than before AUTHENTICATE */
                { { 0, 0, 0, 4, 1, 0, 0, 0 }, 8 },           /* shorter than a frame can be */
                { { 0, 0, 0, 5, 0x41, 0, 0, 0, 1 }, 9 },     /* an event, from a client */
                { { 0, 0, 0, 7, 1, 0, 0, 0, 1, 9, 9 }, 11 }, /* HELLO with a vector that is cut off */
                { { 0, 0, 0, 5, 9, 0, 0, 0, 1 }, 9 },        /* PING before HELLO */
        };
        struct stage *s = *state;

        for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
                _cleanup_raw_ struct raw r;

                raw_open(&r, s);
                raw_write(&r, BYTES(kinds[i].bytes, kinds[i].size));
                assert_true(raw_hangs_up(&r));
        }
        assert_serves(s);
}

static void half_a_frame_is_waited_for_but_not_for_ever(void **state)
{
        static const uint8_t half[] = { 0, 0, 0, 8, 1, 0 };
        struct stage *s = *state;
        _cleanup_raw_ struct raw r, patient;

        raw_open(&r, s);
        raw_open(&patient, s);
        raw_write(&r, BYTES_OF(half));
        raw_write(&patient, BYTES_OF(half));
        raw_write(&patient, BYTES("\0\0\x01\x02\0\x01", 6)); /* the rest */
        uint16_t code;

        assert_int_equal(raw_receive(&patient, &code), FRAME_HELLO | FRAME_ANSWER);
        assert_true(raw_hangs_up(&r));
        assert_serves(s);
}

static void attempts_on_one_link_are_counted(void **state)
{
        struct stage *s = *state;
        _cleanup_writer_ struct writer w = WRITER_INIT;
        _cleanup_raw_ struct raw r;
        unsigned refused = 0;
        uint16_t code = 0;

        raw_open(&r, s);
        raw_hello(&r);
        write_authentication(&w, &(struct authentication){ .name = BYTES_STRING("alice") });
        while (code != WIRE_ERROR_TOO_FAST) {
                raw_send(&r, FRAME_AUTHENTICATE, &w);
                assert_int_equal(raw_receive(&r, &code), FRAME_ERROR);
                assert_true(++refused < 20);
        }
        assert_true(raw_hangs_up(&r));
}

static void a_proof_is_of_no_use_on_another_connection(void **state)
{
        struct stage *s = *state;
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_raw_ struct raw one, two;
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct authentication m = { .name = BYTES_STRING("alice") };
        uint8_t exporter[TLS_EXPORTER_SIZE];
        uint16_t code;

        client_up(&alice, s->event, &s->address, "alice", true);
        raw_open(&one, s);
        raw_open(&two, s);
        assert_int_equal(tls_exporter(one.ssl, exporter), 0);
        assert_int_equal(transport_key_prove(alice.key, TRANSPORT_AUTHENTICATE, exporter, m.name, m.signature), 0);
        write_authentication(&w, &m);
        raw_hello(&two);
        raw_send(&two, FRAME_AUTHENTICATE, &w);
        assert_int_equal(raw_receive(&two, &code), FRAME_ERROR);
        assert_int_equal(code, WIRE_ERROR_NOT_AUTHENTICATED);
        raw_hello(&one);
        raw_send(&one, FRAME_AUTHENTICATE, &w);
        assert_int_equal(raw_receive(&one, &code), FRAME_AUTHENTICATE | FRAME_ANSWER);
}

struct opener {
        pthread_t thread;
        const struct stage *stage;
        struct raw *first;
};

static void *open_share(void *userdata)
{
        struct opener *o = userdata;

        for (unsigned i = 0; i < IDLE / OPENERS; i++)
                raw_open(&o->first[i], o->stage);
        return NULL;
}

static void open_idle(const struct stage *s, struct raw *idle)
{
        struct opener openers[OPENERS];

        for (unsigned i = 0; i < OPENERS; i++) {
                openers[i] = (struct opener){ .stage = s, .first = idle + i * (IDLE / OPENERS) };
                assert_int_equal(pthread_create(&openers[i].thread, NULL, open_share, &openers[i]), 0);
        }
        for (unsigned i = 0; i < OPENERS; i++)
                assert_int_equal(pthread_join(openers[i].thread, NULL), 0);
}

static void the_hub_serves_beside_two_thousand_that_say_nothing(void **state)
{
        struct rlimit files;
        struct stage *s = *state;
        struct raw *idle = calloc(IDLE, sizeof(*idle));

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = files.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
        stage_kill(s);
        fixture_settings.handshake_usec = 120 * 1000000ULL;
        fixture_settings.connections_max = IDLE + 10;
        stage_start(s);
        open_idle(s, idle);
        assert_serves(s);
        for (unsigned i = 0; i < IDLE; i += IDLE / 10)
                raw_hello(&idle[i]); /* they are still there */
        for (unsigned i = 0; i < IDLE; i++)
                raw_close(&idle[i]);
        free(idle);
}

__attribute__((unused)) static long resident_kib(pid_t pid)
{
        _cleanup_free_ char *path = NULL;
        long pages, resident;

        assert_true(asprintf(&path, "/proc/%d/statm", (int) pid) > 0);
        _cleanup_fclose_ FILE *f = fopen(path, "re");

        assert_non_null(f);
        assert_int_equal(fscanf(f, "%ld %ld", &pages, &resident), 2);
        return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void authenticate_raw(struct raw *r, struct client *known, const char *name)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct authentication m = { .name = BYTES_STRING(name) };
        uint8_t exporter[TLS_EXPORTER_SIZE];
        uint16_t code;

        assert_int_equal(tls_exporter(r->ssl, exporter), 0);
        assert_int_equal(transport_key_prove(known->key, TRANSPORT_AUTHENTICATE, exporter, m.name, m.signature), 0);
        raw_hello(r);
        write_authentication(&w, &m);
        raw_send(r, FRAME_AUTHENTICATE, &w);
        assert_int_equal(raw_receive(r, &code), FRAME_AUTHENTICATE | FRAME_ANSWER);
}

static void one_who_does_not_read_costs_the_hub_little_memory(void **state)
{
        enum { PAYLOAD = 256 * 1024, COUNT = 200 };
        struct stage *s = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        _cleanup_raw_ struct raw deaf;
        _cleanup_writer_ struct writer fetch = WRITER_INIT;
        uint8_t *payload = calloc(1, PAYLOAD);

        client_up(&alice, s->event, &s->address, "alice", true);
        client_up(&bob, s->event, &s->address, "bob", true);
        client_end(&bob);
        raw_open(&deaf, s);
        authenticate_raw(&deaf, &bob, "bob");
        write_fetch(&fetch, &(struct fetch){ 0, WIRE_WINDOW_MAX });
        raw_send(&deaf, FRAME_FETCH, &fetch);
        assert_false(say(&alice, COUNT, "alice", "so that all buffers are warm").failed);
        __attribute__((unused)) long before = resident_kib(s->pid);

        for (uint64_t i = 0; i < COUNT; i++) { /* 50 MiB */
                _cleanup_writer_ struct writer w = WRITER_INIT;

                write_message(&w, i, "bob", BYTES(payload, PAYLOAD), -1);
                assert_false(ask(&alice, FRAME_SEND, &w).failed);
        }
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
        /* What one link may have queued, SQLite's cache of pages, and the heap's slack; not 50 MiB. */
        assert_true(resident_kib(s->pid) - before < 16 * 1024);
#endif
        assert_serves(s);
        free(payload);
}

/* Deaf readers, each of whom alone would be within what one link may have queued. */
static void many_who_do_not_read_stay_within_the_hubs_memory(void **state)
{
        enum { DEAF = 40, PAYLOAD = 64 * 1024, COUNT = 40, TINY = 4096 };
        struct stage *s = *state;
        _cleanup_client_ struct client alice = { 0 };
        struct client *ears = calloc(DEAF, sizeof(*ears)); /* they know the keys */
        struct raw deaf[DEAF];
        _cleanup_writer_ struct writer fetch = WRITER_INIT;
        uint8_t *payload = calloc(1, PAYLOAD);
        char names[DEAF][8];
        int tiny = TINY;

        client_up(&alice, s->event, &s->address, "alice", true);
        write_fetch(&fetch, &(struct fetch){ 0, WIRE_WINDOW_MAX });
        for (unsigned i = 0; i < DEAF; i++) {
                (void) snprintf(names[i], sizeof(names[i]), "deaf%u", i);
                client_up(&ears[i], s->event, &s->address, names[i], true);
                client_end(&ears[i]);
                raw_open(&deaf[i], s);
                assert_int_equal(setsockopt(deaf[i].fd, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
                authenticate_raw(&deaf[i], &ears[i], names[i]);
                raw_send(&deaf[i], FRAME_FETCH, &fetch);
        }
        assert_false(say(&alice, COUNT, "alice", "so that all buffers are warm").failed);
        __attribute__((unused)) long before = resident_kib(s->pid);

        for (uint64_t i = 0; i < COUNT; i++) { /* 2.5 MiB for each, 100 MiB for all */
                _cleanup_writer_ struct writer w = WRITER_INIT, to = WRITER_INIT;
                struct send m = { .recipient_count = DEAF, .payload = BYTES(payload, PAYLOAD) };

                memcpy(m.id, &(uint64_t){ 1000 + i }, sizeof(i));
                for (unsigned j = 0; j < DEAF; j++)
                        write_recipient(&to, BYTES_STRING(names[j]));
                m.recipients = writer_bytes(&to);
                write_send(&w, &m);
                assert_false(ask(&alice, FRAME_SEND, &w).failed);
        }
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
        /* Theirs would be 20 MiB and more (a buffer grows by doubling); there is SQLite's cache and the heap's slack.
         */
        assert_in_range(resident_kib(s->pid) - before, 0, MEMORY / 1024 + 6 * 1024);
#endif
        assert_serves(s);
        for (unsigned i = 0; i < DEAF; i++) {
                raw_close(&deaf[i]);
                client_release(&ears[i]);
        }
        free(ears);
        free(payload);
}

static void a_full_disk_is_said_and_loses_nothing(void **state)
{
        struct stage *s = *state;
        struct rlimit before, small = { 1 << 20, RLIM_INFINITY };
        _cleanup_client_ struct client alice = { 0 };
        static uint8_t payload[16 * 1024];
        unsigned stored = 0;
        struct answer a;

        stage_kill(s);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small.rlim_max = before.rlim_max;
        (void) signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        stage_start(s);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        client_up(&alice, s->event, &s->address, "alice", true);
        do {
                _cleanup_writer_ struct writer w = WRITER_INIT;

                memcpy(payload, &stored, sizeof(stored));
                write_message(&w, stored, "alice", BYTES_OF(payload), -1);
                a = ask(&alice, FRAME_SEND, &w);
                stored += !a.failed;
        } while (!a.failed && stored < 1000);
        assert_int_equal(a.code, WIRE_ERROR_STORAGE);
        assert_true(stored > 10);
        stage_kill(s);
        stage_start(s); /* there is room again */
        client_end(&alice);
        client_up(&alice, s->event, &s->address, "alice", false);
        assert_int_equal(alice.state.mailbox.newest, stored);
        fetch_after(&alice, 0, WIRE_WINDOW_MAX);
        UNTIL(s->event, alice.entries == stored);
        assert_false(say(&alice, stored, "alice", "under the id that had failed").failed);
        UNTIL(s->event, alice.entries == stored + 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_stage, teardown_stage)
        static const struct CMUnitTest tests[] = {
                TEST(garbage_before_the_handshake_is_cut_off),
                TEST(silence_and_a_drip_before_the_handshake_are_cut_off_in_time),
                TEST(a_handshake_for_something_else_fails),
                TEST(garbage_after_the_handshake_is_cut_off),
                TEST(half_a_frame_is_waited_for_but_not_for_ever),
                TEST(attempts_on_one_link_are_counted),
                TEST(a_proof_is_of_no_use_on_another_connection),
                TEST(one_who_does_not_read_costs_the_hub_little_memory),
                cmocka_unit_test_setup_teardown(many_who_do_not_read_stay_within_the_hubs_memory,
                                                setup_with_little_memory, teardown_stage),
                TEST(a_full_disk_is_said_and_loses_nothing),
                TEST(the_hub_serves_beside_two_thousand_that_say_nothing),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as daemon_run() does */
        log_open("test", LOG_CRIT);
        return cmocka_run_group_tests_name("hub abuse", tests, NULL, NULL);
}

/* A link against a hub that is played by the test: what is resumed, what is not, and what a hub may not do. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/hub/identity.h"
#include "relayd/link/channel.h"
#include "relayd/link/link.h"
#include "relayd/link/tls.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "temporary.h"

/* The hub's side: answers what a client needs to be up, and checks the proof; @twist breaks a rule. */
struct played {
        sd_event *event;
        sd_event_source *listener;
        char *directory;
        struct identity identity, other;
        SSL_CTX *context;
        struct address address;
        struct channel *channel;
        unsigned connections;
        int proof; /* what transport_key_check() said of the last AUTHENTICATE */
        uint8_t transport_key[32];
        struct authentication seen; /* of the last AUTHENTICATE; its name is not kept */
        bool silent_after_up;
        const char *garbage; /* sent as a frame's bytes in place of the answer to HELLO */
        size_t garbage_size;
};

static void answer_frame(struct played *p, const struct frame *f)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        uint8_t exporter[TLS_EXPORTER_SIZE];

        if (f->type == FRAME_HELLO) {
                write_hello_answer(&w, &(struct hello_answer){ 1, 1000, 10, 8, 60 });
        } else if (f->type == FRAME_AUTHENTICATE) {
                assert_int_equal(read_authentication(f->body, &p->seen), 0);
                assert_int_equal(tls_exporter(channel_ssl(p->channel), exporter), 0);
                p->proof = transport_key_check(p->transport_key, TRANSPORT_AUTHENTICATE, exporter, p->seen.name,
                                               p->seen.signature);
                write_authentication_answer(&w, &(struct authentication_answer){ .newest = 7 });
        } else if (p->silent_after_up) {
                return;
        }
        channel_send(p->channel, f->type | FRAME_ANSWER, f->request, writer_bytes(&w));
}

static void on_received(struct channel *c, void *userdata, const struct frame *f)
{
        struct played *p = userdata;

        if (f->type == FRAME_HELLO && p->garbage)
                (void) SSL_write(channel_ssl(c), p->garbage, (int) p->garbage_size);
        else
                answer_frame(p, f);
}

static void on_opened(struct channel *c, void *userdata)
{
}

static void on_closed(struct channel *c, void *userdata, int error, const char *sentence)
{
        struct played *p = userdata;

        p->channel = channel_free(c);
}

static const struct channel_handlers hub_handlers = { .opened = on_opened,
                                                      .received = on_received,
                                                      .closed = on_closed };

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct played *p = userdata;
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        SSL *ssl;

        assert_true(client >= 0);
        p->connections++;
        channel_free(p->channel);
        assert_int_equal(tls_new(p->context, client, NULL, &ssl), 0);
        assert_int_equal(channel_new(p->event, client, ssl, false, 30000000, &hub_handlers, p, &p->channel), 0);
        return 0;
}

static int setup(void **state)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(in);
        struct played *p = calloc(1, sizeof(*p));
        _cleanup_free_ char *key = NULL, *other = NULL;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        p->directory = temporary_directory();
        assert_true(asprintf(&key, "%s/hub.key", p->directory) > 0 &&
                    asprintf(&other, "%s/other.key", p->directory) > 0);
        assert_int_equal(identity_open(key, &p->identity), 0);
        assert_int_equal(identity_open(other, &p->other), 0);
        assert_int_equal(tls_hub_context(p->identity.key, p->identity.certificate, &p->context), 0);
        assert_true(sd_event_new(&p->event) >= 0);
        assert_true(bind(fd, (struct sockaddr *) &in, sizeof(in)) == 0 && listen(fd, 8) == 0 &&
                    getsockname(fd, (struct sockaddr *) &in, &size) == 0);
        assert_true(sd_event_add_io(p->event, &p->listener, fd, EPOLLIN, on_accept, p) >= 0);
        assert_true(sd_event_source_set_io_fd_own(p->listener, true) >= 0);
        p->address =
                (struct address){ .name = "alice", .host = "127.0.0.1", .port = ntohs(in.sin_port), .has_key = true };
        memcpy(p->address.key, p->identity.pin, sizeof(p->address.key));
        *state = p;
        return 0;
}

static int teardown(void **state)
{
        struct played *p = *state;

        channel_free(p->channel);
        sd_event_source_disable_unref(p->listener);
        SSL_CTX_free(p->context);
        identity_release(&p->identity);
        identity_release(&p->other);
        sd_event_unref(p->event);
        temporary_remove(p->directory);
        free(p);
        return 0;
}

struct client {
        struct secret *key;
        SSL_SESSION *session;
        struct link *link;
        bool up, down, resumed;
        enum link_failure failure;
};

static void on_up(struct link *l, void *userdata, const struct link_up *up)
{
        struct client *c = userdata;

        c->up = true;
        c->resumed = up->resumed;
}

static void on_down(struct link *l, void *userdata, const struct link_error *error)
{
        struct client *c = userdata;

        c->down = true;
        c->failure = error->failure;
}

static void on_entry(struct link *l, void *userdata, const struct entry *e)
{
}

static void on_low(struct link *l, void *userdata, uint32_t left)
{
}

static const struct link_handlers handlers = { on_up, on_down, on_entry, on_low, NULL };

/* Runs the loop until the condition holds; a test that waits for ten seconds has failed. */
#define UNTIL(event, condition)                                                                                        \
        do {                                                                                                           \
                uint64_t start_, now_;                                                                                 \
                sd_event_now(event, CLOCK_MONOTONIC, &start_);                                                         \
                while (!(condition)) {                                                                                 \
                        assert_true(sd_event_run(event, 100000) >= 0);                                                 \
                        sd_event_now(event, CLOCK_MONOTONIC, &now_);                                                   \
                        if (now_ - start_ > 10000000)                                                                  \
                                fail_msg("never came true: %s", #condition);                                           \
                }                                                                                                      \
        } while (0)

static void client_run(struct client *c, struct played *p, const struct address *address)
{
        if (!c->key)
                c->key = secret_random(TRANSPORT_KEY_SIZE);
        assert_int_equal(transport_key_public(c->key, p->transport_key), 0);
        c->link = link_free(c->link);
        c->up = c->down = false;
        assert_int_equal(link_open(p->event,
                                   &(struct link_parameters){
                                           .address = address, .transport_key = c->key, .session = &c->session },
                                   &handlers, c, &c->link),
                         0);
        UNTIL(p->event, c->up || c->down);
}

/* The ticket comes after the handshake; a PING's answer comes after the ticket. */
static void client_talk(struct client *c, struct played *p)
{
        link_probe(c->link);
        UNTIL(p->event, c->session);
}

static void client_release(struct client *c)
{
        link_free(c->link);
        SSL_SESSION_free(c->session);
        secret_free(c->key);
}
#define _cleanup_client_ __attribute__((cleanup(client_release)))

static void the_second_link_resumes_the_session_and_is_proven_anew(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };
        uint8_t first[WIRE_SIGNATURE_SIZE];

        client_run(&c, p, &p->address);
        assert_true(c.up && !c.resumed && p->proof == 0);
        memcpy(first, p->seen.signature, sizeof(first));
        client_talk(&c, p);
        client_run(&c, p, &p->address);
        assert_true(c.up && c.resumed);
        assert_int_equal(p->proof, 0);
        assert_memory_not_equal(first, p->seen.signature, sizeof(first)); /* so it cannot be replayed */
}

static void a_proof_of_another_connection_is_refused(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };
        uint8_t exporter[TLS_EXPORTER_SIZE], first[WIRE_SIGNATURE_SIZE];

        client_run(&c, p, &p->address);
        memcpy(first, p->seen.signature, sizeof(first));
        client_talk(&c, p);
        client_run(&c, p, &p->address); /* even if it resumes the same session */
        assert_true(c.resumed);
        assert_int_equal(tls_exporter(channel_ssl(p->channel), exporter), 0);
        assert_int_equal(
                transport_key_check(p->transport_key, TRANSPORT_AUTHENTICATE, exporter, BYTES_STRING("alice"), first),
                -EACCES);
}

static void a_ticket_is_used_once(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };

        client_run(&c, p, &p->address);
        client_talk(&c, p);
        SSL_SESSION *session = SSL_SESSION_dup(c.session);

        assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
        client_run(&c, p, &p->address);
        client_talk(&c, p);
        assert_true(SSL_SESSION_get_ticket_lifetime_hint(c.session) > 0);
        size_t a_size, b_size;
        const unsigned char *a, *b;

        SSL_SESSION_get0_ticket(session, &a, &a_size);
        SSL_SESSION_get0_ticket(c.session, &b, &b_size);
        assert_true(a_size != b_size || memcmp(a, b, a_size) != 0);
        SSL_SESSION_free(session);
}

static void make_older(SSL_SESSION *session, long seconds)
{
#if OPENSSL_VERSION_NUMBER >= 0x30400000L /* which deprecates the other */
        (void) SSL_SESSION_set_time_ex(session, SSL_SESSION_get_time_ex(session) - seconds);
#else
        (void) SSL_SESSION_set_time(session, SSL_SESSION_get_time(session) - seconds);
#endif
}

static void an_expired_session_costs_a_handshake_and_nothing_else(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };

        client_run(&c, p, &p->address);
        client_talk(&c, p);
        make_older(c.session, 2 * TLS_SESSION_SECONDS);
        client_run(&c, p, &p->address);
        assert_true(c.up && !c.resumed);
        assert_int_equal(p->proof, 0);
}

static void a_session_of_a_hub_that_has_forgotten_it_costs_a_handshake(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };

        client_run(&c, p, &p->address);
        client_talk(&c, p);
        SSL_CTX_free(p->context); /* the ticket's key was in it */
        assert_int_equal(tls_hub_context(p->identity.key, p->identity.certificate, &p->context), 0);
        client_run(&c, p, &p->address);
        assert_true(c.up && !c.resumed);
}

static void a_resumed_session_does_not_pass_by_the_pin(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };
        struct address other = p->address;

        client_run(&c, p, &p->address);
        client_talk(&c, p);
        memcpy(other.key, p->other.pin, sizeof(other.key));
        client_run(&c, p, &other);
        assert_true(c.down && !c.up);
        assert_int_equal(c.failure, LINK_WRONG_KEY);
}

static void a_probe_of_a_hub_that_is_gone_ends_the_link_within_seconds(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };

        p->silent_after_up = true;
        client_run(&c, p, &p->address);
        link_probe(c.link);
        UNTIL(p->event, c.down);
        assert_int_equal(c.failure, LINK_UNREACHABLE);
}

static void a_probe_that_is_answered_leaves_the_link_up(void **state)
{
        struct played *p = *state;
        _cleanup_client_ struct client c = { 0 };
        uint64_t start, now;

        client_run(&c, p, &p->address);
        link_probe(c.link);
        sd_event_now(p->event, CLOCK_MONOTONIC, &start);
        do {
                assert_true(sd_event_run(p->event, 100000) >= 0);
                sd_event_now(p->event, CLOCK_MONOTONIC, &now);
        } while (now - start < 6000000);
        assert_false(c.down);
}

static void hub_garbage(struct played *p, const char *garbage, size_t size)
{
        _cleanup_client_ struct client c = { 0 };

        p->garbage = garbage;
        p->garbage_size = size;
        client_run(&c, p, &p->address);
        assert_true(c.down && !c.up);
}

static void a_hub_that_sends_garbage_is_left(void **state)
{
        hub_garbage(*state, "\xff\xff\xff\xff\xff", 5);    /* longer than any frame */
        hub_garbage(*state, "\0\0\0\0", 4);                /* shorter than any */
        hub_garbage(*state, "\0\0\0\5\x99\0\0\0\1", 9);    /* a type that is none */
        hub_garbage(*state, "\0\0\0\6\x81\0\0\0\1\0", 10); /* an answer that is cut short */
        hub_garbage(*state, "\0\0\0\5\x41\0\0\0\0", 9);    /* an event before its time */
        hub_garbage(*state, "\0\0\0\x17\x81\0\0\0\1\0\1\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\1", 27); /* a limit of nothing */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(the_second_link_resumes_the_session_and_is_proven_anew),
                TEST(a_proof_of_another_connection_is_refused),
                TEST(a_ticket_is_used_once),
                TEST(an_expired_session_costs_a_handshake_and_nothing_else),
                TEST(a_session_of_a_hub_that_has_forgotten_it_costs_a_handshake),
                TEST(a_resumed_session_does_not_pass_by_the_pin),
                TEST(a_probe_of_a_hub_that_is_gone_ends_the_link_within_seconds),
                TEST(a_probe_that_is_answered_leaves_the_link_up),
                TEST(a_hub_that_sends_garbage_is_left),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as daemon_run() does */
        log_open("test", LOG_CRIT);
        return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}

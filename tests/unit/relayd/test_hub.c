/* A hub and links to it, over loopback and in one event loop: what one side promises, the other sees. */
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayd/hub/hub.h"
#include "relayd/hub/identity.h"
#include "relayd/link/link.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "temporary.h"

static const struct store_limits limits = {
        .mailbox_entries = 100000,
        .mailbox_bytes = 1 << 30,
        .key_packages = 100,
        .retention_usec = 1000 * 1000000ULL,
        .idempotency_usec = 1000 * 1000000ULL,
        .group_usec = 1000 * 1000000ULL,
};

static const struct hub_settings settings = {
        .connections_max = 100,
        .payload_max = WIRE_PAYLOAD_MAX,
        .reserved_names = "hub root",
        .gate = { .claims_per_minute = 60 },
        .key_packages_low = 2,
        .handshake_usec = 5 * 1000000ULL,
        .idle_usec = 60 * 1000000ULL,
};

/* A hub in this process, on a port that the kernel chose and that stays the same when the hub is opened again. */
struct server {
        char *directory;
        uint16_t port;
        struct identity identity;
        struct store *store;
        SSL_CTX *context;
        struct hub *hub;
};

struct fixture {
        sd_event *event;
        struct server server;
        struct address address;
};

static int listening_socket(uint16_t *port)
{
        struct sockaddr_in in = { .sin_family = AF_INET,
                                  .sin_port = htons(*port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
        socklen_t size = sizeof(in);

        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (fd < 0 || bind(fd, (struct sockaddr *) &in, sizeof(in)) < 0 || listen(fd, 64) < 0 ||
            getsockname(fd, (struct sockaddr *) &in, &size) < 0)
                return -errno;
        *port = ntohs(in.sin_port);
        return fd;
}

static int server_open(struct server *s, sd_event *event)
{
        _cleanup_free_ char *key = NULL;
        int fd = listening_socket(&s->port);

        if (fd < 0 || asprintf(&key, "%s/hub.key", s->directory) < 0)
                return -EIO;
        int r = identity_open(key, &s->identity);

        if (r >= 0)
                r = store_open(s->directory, &limits, &s->store);
        if (r >= 0)
                r = tls_hub_context(s->identity.key, s->identity.certificate, &s->context);
        if (r >= 0)
                r = hub_new(event, s->store, s->context, NULL, &settings, &s->hub);
        return r < 0 ? r : hub_listen(s->hub, fd);
}

static void server_close(struct server *s)
{
        s->hub = hub_free(s->hub);
        SSL_CTX_free(TAKE(s->context));
        identity_release(&s->identity);
        s->store = store_close(s->store);
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        f->server.directory = temporary_directory();
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(server_open(&f->server, f->event), 0);
        f->address = (struct address){ .host = "127.0.0.1", .port = f->server.port, .has_key = true };
        memcpy(f->address.key, f->server.identity.pin, sizeof(f->address.key));
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        server_close(&f->server);
        sd_event_unref(f->event);
        temporary_remove(f->server.directory);
        free(f);
        return 0;
}

/* A person's side, which notes all that happens to it. */
struct client {
        sd_event *event;
        struct secret *key;
        struct link *link;
        bool up, down;
        struct link_up state;
        enum link_failure failure;
        uint16_t code;
        char seen[1 << 16]; /* "1=text 2=text " */
        unsigned entries, answered;
        uint64_t last;
        uint32_t low;
};

static void on_up(struct link *l, void *userdata, const struct link_up *up)
{
        struct client *c = userdata;

        c->up = true;
        c->state = *up;
}

static void on_down(struct link *l, void *userdata, const struct link_error *error)
{
        struct client *c = userdata;

        c->down = true;
        c->failure = error->failure;
        c->code = error->code;
        assert_true(error->sentence[0] != '\0');
}

static void on_entry(struct link *l, void *userdata, const struct entry *e)
{
        struct client *c = userdata;
        size_t used = strlen(c->seen);

        c->entries++;
        c->last = e->sequence;
        if (e->payload.size < 64)
                (void) snprintf(c->seen + used, sizeof(c->seen) - used, "%llu=%.*s ", (unsigned long long) e->sequence,
                                (int) e->payload.size, (const char *) e->payload.data);
}

static void on_low(struct link *l, void *userdata, uint32_t left)
{
        struct client *c = userdata;

        c->low = left + 1; /* 0: nothing heard */
}

static const struct link_handlers handlers = { on_up, on_down, on_entry, on_low };

static void client_start(struct client *c, sd_event *event, const struct address *hub, const char *name,
                         bool registering)
{
        struct address a = *hub;

        (void) snprintf(a.name, sizeof(a.name), "%s", name);
        c->event = event;
        c->up = c->down = false;
        if (!c->key)
                c->key = secret_random(32);
        assert_int_equal(link_open(event,
                                   &(struct link_parameters){
                                           .address = &a, .transport_key = c->key, .registering = registering },
                                   &handlers, c, &c->link),
                         0);
}

static void client_end(struct client *c)
{
        c->link = link_free(c->link);
}

static void client_release(struct client *c)
{
        client_end(c);
        c->key = secret_free(c->key);
}
#define _cleanup_client_ __attribute__((cleanup(client_release)))

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

static void client_up(struct client *c, sd_event *event, const struct address *hub, const char *name, bool registering)
{
        client_start(c, event, hub, name, registering);
        UNTIL(event, c->up || c->down);
        if (!c->up)
                fail_msg("%s did not come up", name);
}

struct answer {
        bool done, failed;
        enum link_failure failure;
        uint16_t code;
        uint64_t value;
        char subject[WIRE_SUBJECT_MAX + 1];
        uint8_t body[256];
        size_t size;
};

static void on_answer(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct answer *a = userdata;

        a->done = true;
        a->failed = error;
        if (error) {
                a->failure = error->failure;
                a->code = error->code;
                a->value = error->value;
                (void) snprintf(a->subject, sizeof(a->subject), "%s", error->subject);
        } else {
                a->size = answer.size < sizeof(a->body) ? answer.size : sizeof(a->body);
                if (a->size > 0)
                        memcpy(a->body, answer.data, a->size);
        }
}

static struct answer ask(struct client *c, enum frame_type type, const struct writer *body)
{
        struct answer a = { 0 };

        assert_int_equal(link_request(c->link, type, writer_bytes(body), on_answer, &a), 0);
        UNTIL(c->event, a.done);
        return a;
}

static void write_message(struct writer *w, uint64_t id, const char *to, struct bytes payload, int64_t epoch)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct send m = {
                .has_group = epoch >= 0, .group = BYTES_STRING("group"), .epoch = (uint64_t) epoch, .payload = payload
        };

        memcpy(m.id, &id, sizeof(id));
        if (to)
                write_recipient(&list, BYTES_STRING(to));
        m.recipients = writer_bytes(&list);
        m.recipient_count = to != NULL;
        write_send(w, &m);
}

static struct answer say(struct client *c, uint64_t id, const char *to, const char *text)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_message(&w, id, to, BYTES_STRING(text), -1);
        return ask(c, FRAME_SEND, &w);
}

static void fetch_after(struct client *c, uint64_t after, uint32_t window)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_fetch(&w, &(struct fetch){ after, window });
        assert_false(ask(c, FRAME_FETCH, &w).failed);
}

static void acknowledge(struct client *c, uint64_t sequence)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_ack(&w, sequence);
        assert_false(ask(c, FRAME_ACK, &w).failed);
}

static void a_message_reaches_who_is_online(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        fetch_after(&bob, 0, 16);
        assert_false(say(&alice, 1, "bob", "hello").failed);
        UNTIL(f->event, bob.entries == 1);
        assert_string_equal(bob.seen, "1=hello ");
}

static void who_was_offline_gets_it_later(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&bob, f->event, &f->address, "bob", true);
        client_end(&bob);
        client_up(&alice, f->event, &f->address, "alice", true);
        assert_false(say(&alice, 1, "bob", "one").failed);
        assert_false(say(&alice, 2, "bob", "two").failed);
        client_up(&bob, f->event, &f->address, "bob", false);
        assert_int_equal(bob.state.mailbox.newest, 2);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 2);
        assert_string_equal(bob.seen, "1=one 2=two ");
}

static void what_is_not_acknowledged_comes_again_and_what_is_does_not(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        assert_false(say(&alice, 1, "bob", "one").failed);
        assert_false(say(&alice, 2, "bob", "two").failed);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 2);
        acknowledge(&bob, 1);
        client_end(&bob);
        client_up(&bob, f->event, &f->address, "bob", false);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 3);
        assert_string_equal(bob.seen, "1=one 2=two 2=two ");
}

static void the_window_holds_back_until_it_is_moved(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        fetch_after(&bob, 0, 3);
        for (uint64_t i = 0; i < 10; i++)
                assert_false(say(&alice, i, "bob", "x").failed);
        UNTIL(f->event, bob.entries == 3);
        assert_false(say(&alice, 10, "bob", "x").failed);
        assert_int_equal(bob.entries, 3);
        acknowledge(&bob, 2);
        UNTIL(f->event, bob.entries == 5);
        acknowledge(&bob, 5);
        UNTIL(f->event, bob.entries == 8);
        acknowledge(&bob, 8);
        UNTIL(f->event, bob.entries == 11);
        assert_int_equal(bob.last, 11);
}

static void a_wrong_pinned_key_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        struct address other = f->address;

        other.key[0] ^= 1;
        client_start(&alice, f->event, &other, "alice", true);
        UNTIL(f->event, alice.down);
        assert_false(alice.up);
        assert_int_equal(alice.failure, LINK_WRONG_KEY);
}

static void without_a_key_the_one_seen_is_handed_over_to_be_remembered(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        struct address unpinned = f->address;

        unpinned.has_key = false;
        client_up(&alice, f->event, &unpinned, "alice", true);
        assert_memory_equal(alice.state.hub_key, f->server.identity.pin, sizeof(f->server.identity.pin));
}

static void a_wrong_transport_key_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, mallory = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_start(&mallory, f->event, &f->address, "alice", false);
        UNTIL(f->event, mallory.down);
        assert_false(mallory.up);
        assert_int_equal(mallory.failure, LINK_REFUSED);
        assert_int_equal(mallory.code, WIRE_ERROR_NOT_AUTHENTICATED);
        assert_false(alice.down);
}

static void a_taken_name_is_refused_but_the_same_key_may_register_again(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, mallory = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_start(&mallory, f->event, &f->address, "alice", true);
        UNTIL(f->event, mallory.down);
        assert_int_equal(mallory.code, WIRE_ERROR_NAME_TAKEN);
        client_end(&alice);
        client_up(&alice, f->event, &f->address, "alice", true);
}

static void a_newer_link_of_the_same_account_takes_over(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client first = { 0 }, second = { 0 };

        client_up(&first, f->event, &f->address, "alice", true);
        second.key = secret_copy(secret_bytes(first.key));
        client_up(&second, f->event, &f->address, "alice", false);
        UNTIL(f->event, first.down);
        assert_int_equal(first.code, WIRE_ERROR_REPLACED);
        fetch_after(&second, 0, 4);
        assert_false(say(&second, 1, "alice", "to myself").failed);
        UNTIL(f->event, second.entries == 1);
}

static void an_unknown_recipient_is_named(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        struct answer a = say(&alice, 1, "nobody", "x");

        assert_true(a.failed);
        assert_int_equal(a.code, WIRE_ERROR_UNKNOWN_RECIPIENT);
        assert_string_equal(a.subject, "nobody");
        assert_false(say(&alice, 2, "alice", "the link goes on").failed);
}

static void publish(struct client *c, const char *text)
{
        _cleanup_writer_ struct writer list = WRITER_INIT, w = WRITER_INIT;

        write_key_package(&list, false, BYTES_STRING(text));
        write_key_packages(&w, writer_bytes(&list));
        assert_false(ask(c, FRAME_PUBLISH_KEY_PACKAGES, &w).failed);
}

static void two_links_that_race_for_a_key_package_get_different_ones(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 }, carol = { 0 };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct answer one = { 0 }, two = { 0 }, three = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        client_up(&carol, f->event, &f->address, "carol", true);
        publish(&carol, "A");
        publish(&carol, "B");
        fetch_after(&carol, 0, 1);
        write_claim(&w, BYTES_STRING("carol"));
        assert_int_equal(link_request(alice.link, FRAME_CLAIM_KEY_PACKAGE, writer_bytes(&w), on_answer, &one), 0);
        assert_int_equal(link_request(bob.link, FRAME_CLAIM_KEY_PACKAGE, writer_bytes(&w), on_answer, &two), 0);
        assert_int_equal(link_request(alice.link, FRAME_CLAIM_KEY_PACKAGE, writer_bytes(&w), on_answer, &three), 0);
        UNTIL(f->event, one.done && two.done && three.done);
        struct answer *all[] = { &one, &two, &three };
        unsigned a = 0, b = 0, none = 0;

        for (unsigned i = 0; i < 3; i++) {
                struct bytes package;
                bool last_resort;

                if (all[i]->failed) {
                        assert_int_equal(all[i]->code, WIRE_ERROR_NO_KEY_PACKAGE);
                        none++;
                        continue;
                }
                assert_int_equal(read_claim_answer(BYTES(all[i]->body, all[i]->size), &last_resort, &package), 0);
                a += bytes_equal(package, BYTES_STRING("A"));
                b += bytes_equal(package, BYTES_STRING("B"));
        }
        assert_int_equal(a, 1);
        assert_int_equal(b, 1);
        assert_int_equal(none, 1);
        UNTIL(f->event, carol.low == 1); /* none left */
}

static void an_account_that_is_deleted_is_nobody_any_more(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        _cleanup_writer_ struct writer own = WRITER_INIT, others = WRITER_INIT;

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        write_delete_account(&others, BYTES_STRING("alice"));
        assert_int_equal(ask(&bob, FRAME_DELETE_ACCOUNT, &others).code, WIRE_ERROR_NOT_ALLOWED);
        write_delete_account(&own, BYTES_STRING("bob"));
        assert_false(ask(&bob, FRAME_DELETE_ACCOUNT, &own).failed);
        UNTIL(f->event, bob.down);
        assert_int_equal(bob.code, WIRE_ERROR_DELETED);
        assert_int_equal(say(&alice, 1, "bob", "x").code, WIRE_ERROR_UNKNOWN_RECIPIENT);
        client_end(&bob);
        client_start(&bob, f->event, &f->address, "bob", false);
        UNTIL(f->event, bob.down);
        assert_int_equal(bob.code, WIRE_ERROR_NOT_AUTHENTICATED);
}

static void a_name_that_people_would_take_for_the_hub_is_refused(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client mallory = { 0 };

        client_start(&mallory, f->event, &f->address, "root", true);
        UNTIL(f->event, mallory.down);
        assert_int_equal(mallory.code, WIRE_ERROR_NOT_ALLOWED);
}

static void of_two_commits_for_one_epoch_the_loser_hears_the_epoch(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        _cleanup_writer_ struct writer first = WRITER_INIT, second = WRITER_INIT;
        struct answer one = { 0 }, two = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        write_message(&first, 1, "bob", BYTES_STRING("a"), 3);
        write_message(&second, 2, "alice", BYTES_STRING("b"), 3);
        assert_int_equal(link_request(alice.link, FRAME_SEND, writer_bytes(&first), on_answer, &one), 0);
        assert_int_equal(link_request(bob.link, FRAME_SEND, writer_bytes(&second), on_answer, &two), 0);
        UNTIL(f->event, one.done && two.done);
        assert_int_equal(one.failed + two.failed, 1);
        assert_int_equal(one.failed ? one.code : two.code, WIRE_ERROR_STALE);
        assert_int_equal(one.failed ? one.value : two.value, 4);
}

static void a_payload_of_a_mebibyte_arrives_and_a_larger_one_breaks_the_link(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };
        _cleanup_writer_ struct writer fits = WRITER_INIT, too_large = WRITER_INIT;
        uint8_t *payload = calloc(1, WIRE_PAYLOAD_MAX + 1);

        client_up(&alice, f->event, &f->address, "alice", true);
        fetch_after(&alice, 0, 4);
        write_message(&fits, 1, "alice", BYTES(payload, WIRE_PAYLOAD_MAX), -1);
        assert_false(ask(&alice, FRAME_SEND, &fits).failed);
        UNTIL(f->event, alice.entries == 1);
        write_message(&too_large, 2, "alice", BYTES(payload, WIRE_PAYLOAD_MAX + 1), -1);
        assert_int_equal(ask(&alice, FRAME_SEND, &too_large).code, WIRE_ERROR_PROTOCOL);
        UNTIL(f->event, alice.down);
        free(payload);
}

static void a_slow_reader_is_not_buffered_for(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };
        uint8_t *payload = calloc(1, 256 * 1024);
        struct answer last = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        fetch_after(&bob, 0, WIRE_WINDOW_MAX);
        /* 32 MiB for bob arrive faster than his link, in this one loop, is ever four times the output limit behind. */
        for (uint64_t i = 0; i < 128; i++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;

                write_message(&w, i, "bob", BYTES(payload, 256 * 1024), -1);
                UNTIL(f->event, link_room(alice.link) > 0);
                last.done = false;
                assert_int_equal(link_request(alice.link, FRAME_SEND, writer_bytes(&w), on_answer, &last), 0);
        }
        UNTIL(f->event, last.done && bob.entries == 128);
        assert_false(last.failed);
        assert_false(bob.down);
        free(payload);
}

static void a_hub_that_starts_again_knows_everything(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 }, bob = { 0 };

        client_up(&alice, f->event, &f->address, "alice", true);
        client_up(&bob, f->event, &f->address, "bob", true);
        assert_false(say(&alice, 1, "bob", "before").failed);
        server_close(&f->server);
        UNTIL(f->event, alice.down && bob.down);
        assert_int_equal(alice.code, WIRE_ERROR_STOPPING);
        assert_int_equal(server_open(&f->server, f->event), 0);
        client_end(&alice);
        client_end(&bob);
        client_up(&alice, f->event, &f->address, "alice", false);
        client_up(&bob, f->event, &f->address, "bob", false);
        assert_false(say(&alice, 1, "bob", "before").failed); /* the same id */
        assert_false(say(&alice, 2, "bob", "after").failed);
        fetch_after(&bob, 0, 16);
        UNTIL(f->event, bob.entries == 2);
        assert_string_equal(bob.seen, "1=before 2=after ");
}

/* A hub in a process of its own. Returns its pid. */
static pid_t fork_server(struct server *s)
{
        int ready[2];
        char byte;

        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();

        if (pid == 0) {
                sd_event *event;

                close(ready[0]);
                if (sd_event_new(&event) < 0 || server_open(s, event) < 0)
                        _exit(1);
                if (write(ready[1], s->identity.pin, sizeof(s->identity.pin)) < 0 ||
                    write(ready[1], &s->port, sizeof(s->port)) < 0)
                        _exit(1);
                (void) sd_event_loop(event);
                _exit(0);
        }
        close(ready[1]);
        for (size_t i = 0; i < sizeof(s->identity.pin) + sizeof(s->port); i++) {
                assert_int_equal(read(ready[0], &byte, 1), 1);
                if (i < sizeof(s->identity.pin))
                        s->identity.pin[i] = (uint8_t) byte;
                else
                        memcpy((char *) &s->port + i - sizeof(s->identity.pin), &byte, 1);
        }
        close(ready[0]);
        return pid;
}

static void acknowledged_is_never_lost_or_doubled_when_the_hub_is_killed(void **state)
{
        enum { ROUNDS = 5, MESSAGES = 40 };
        struct server s = { .directory = temporary_directory() };
        pid_t pid = fork_server(&s);
        struct address address = { .host = "127.0.0.1", .port = s.port, .has_key = true };
        struct answer answers[MESSAGES];
        struct client *alice = calloc(1, sizeof(*alice)), *bob = calloc(1, sizeof(*bob));
        sd_event *event;
        uint64_t id = 0, confirmed = 0;

        memcpy(address.key, s.identity.pin, sizeof(address.key));
        assert_true(sd_event_new(&event) >= 0);
        client_up(bob, event, &address, "bob", true);
        client_end(bob);
        for (unsigned round = 0; round < ROUNDS; round++) {
                unsigned answered = 0;

                client_up(alice, event, &address, "alice", round == 0);
                memset(answers, 0, sizeof(answers));
                for (unsigned i = 0; i < MESSAGES; i++) {
                        _cleanup_writer_ struct writer w = WRITER_INIT;
                        char text[32];
                        uint64_t n = id + i;

                        (void) snprintf(text, sizeof(text), "m%llu", (unsigned long long) n);
                        write_message(&w, n, "bob", BYTES_STRING(text), -1);
                        assert_int_equal(
                                link_request(alice->link, FRAME_SEND, writer_bytes(&w), on_answer, &answers[i]), 0);
                }
                /* Killed at another moment in each round: when so many have been answered. */
                UNTIL(event, answers[round * MESSAGES / ROUNDS].done);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                UNTIL(event, alice->down);
                client_end(alice);
                while (answered < MESSAGES && answers[answered].done && !answers[answered].failed)
                        answered++;
                assert_true(answered > round * MESSAGES / ROUNDS);
                id += answered; /* the others are sent again, under the same ids */
                confirmed = id;
                pid = fork_server(&s);
        }
        client_up(bob, event, &address, "bob", false);
        assert_true(bob->state.mailbox.newest >= confirmed);
        fetch_after(bob, 0, WIRE_WINDOW_MAX);
        UNTIL(event, bob->last == bob->state.mailbox.newest);
        char *expected = calloc(1, 1 << 16);

        for (uint64_t i = 0; i < bob->last; i++)
                (void) sprintf(expected + strlen(expected), "%llu=m%llu ", (unsigned long long) i + 1,
                               (unsigned long long) i);
        assert_string_equal(bob->seen, expected);
        free(expected);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        client_release(alice);
        client_release(bob);
        free(alice);
        free(bob);
        sd_event_unref(event);
        temporary_remove(s.directory);
}

static void nobody_listening_is_told_in_words(void **state)
{
        struct fixture *f = *state;
        _cleanup_client_ struct client alice = { 0 };

        server_close(&f->server);
        client_start(&alice, f->event, &f->address, "alice", true);
        UNTIL(f->event, alice.down);
        assert_int_equal(alice.failure, LINK_UNREACHABLE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(acknowledged_is_never_lost_or_doubled_when_the_hub_is_killed),
                TEST(a_message_reaches_who_is_online),
                TEST(who_was_offline_gets_it_later),
                TEST(what_is_not_acknowledged_comes_again_and_what_is_does_not),
                TEST(the_window_holds_back_until_it_is_moved),
                TEST(a_wrong_pinned_key_is_refused),
                TEST(without_a_key_the_one_seen_is_handed_over_to_be_remembered),
                TEST(a_wrong_transport_key_is_refused),
                TEST(a_taken_name_is_refused_but_the_same_key_may_register_again),
                TEST(a_newer_link_of_the_same_account_takes_over),
                TEST(an_unknown_recipient_is_named),
                TEST(two_links_that_race_for_a_key_package_get_different_ones),
                TEST(an_account_that_is_deleted_is_nobody_any_more),
                TEST(a_name_that_people_would_take_for_the_hub_is_refused),
                TEST(of_two_commits_for_one_epoch_the_loser_hears_the_epoch),
                TEST(a_payload_of_a_mebibyte_arrives_and_a_larger_one_breaks_the_link),
                TEST(a_slow_reader_is_not_buffered_for),
                TEST(a_hub_that_starts_again_knows_everything),
                TEST(nobody_listening_is_told_in_words),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as daemon_run() does */
        log_open("test", LOG_CRIT);
        return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}

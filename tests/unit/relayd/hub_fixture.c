/* See hub_fixture.h. */
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub_fixture.h"
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
        .chunk_bytes = 64LL << 20,
        .chunk_usec = 1000 * 1000000ULL,
};

struct hub_settings fixture_settings = {
        .connections_max = 100,
        .payload_max = WIRE_PAYLOAD_MAX,
        .reserved_names = "hub root",
        .gate = { .claims_per_minute = 60 },
        .key_packages_low = 2,
        .handshake_usec = 5 * 1000000ULL,
        .idle_usec = 60 * 1000000ULL,
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

int server_open(struct server *s, sd_event *event)
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
                r = hub_new(event, s->store, s->context, NULL, &fixture_settings, &s->hub);
        return r < 0 ? r : hub_listen(s->hub, fd);
}

void server_close(struct server *s)
{
        s->hub = hub_free(s->hub);
        SSL_CTX_free(TAKE(s->context));
        identity_release(&s->identity);
        s->store = store_close(s->store);
}

int setup(void **state)
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

int teardown(void **state)
{
        struct fixture *f = *state;

        server_close(&f->server);
        sd_event_unref(f->event);
        temporary_remove(f->server.directory);
        free(f);
        return 0;
}

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
        if (c->on_entry) {
                c->on_entry(c, e);
                return;
        }
        if (e->payload.size < 64)
                (void) snprintf(c->seen + used, sizeof(c->seen) - used, "%llu=%.*s ", (unsigned long long) e->sequence,
                                (int) e->payload.size, (const char *) e->payload.data);
}

static void on_low(struct link *l, void *userdata, uint32_t left)
{
        struct client *c = userdata;

        c->low = left + 1; /* 0: nothing heard */
}

static const struct link_handlers handlers = { on_up, on_down, on_entry, on_low, NULL };

void client_start(struct client *c, sd_event *event, const struct address *hub, const char *name, bool registering)
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

void client_end(struct client *c)
{
        c->link = link_free(c->link);
}

void client_release(struct client *c)
{
        client_end(c);
        c->key = secret_free(c->key);
}

void client_up(struct client *c, sd_event *event, const struct address *hub, const char *name, bool registering)
{
        client_start(c, event, hub, name, registering);
        UNTIL(event, c->up || c->down);
        if (!c->up)
                fail_msg("%s did not come up", name);
}

void on_answer(void *userdata, const struct link_error *error, struct bytes answer)
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

struct answer ask(struct client *c, enum frame_type type, const struct writer *body)
{
        struct answer a = { 0 };

        assert_int_equal(link_request(c->link, type, writer_bytes(body), on_answer, &a), 0);
        UNTIL(c->event, a.done);
        return a;
}

void write_message(struct writer *w, uint64_t id, const char *to, struct bytes payload, int64_t epoch)
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

struct answer say(struct client *c, uint64_t id, const char *to, const char *text)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_message(&w, id, to, BYTES_STRING(text), -1);
        return ask(c, FRAME_SEND, &w);
}

void fetch_after(struct client *c, uint64_t after, uint32_t window)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_fetch(&w, &(struct fetch){ after, window });
        assert_false(ask(c, FRAME_FETCH, &w).failed);
}

void acknowledge(struct client *c, uint64_t sequence)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_ack(&w, sequence);
        assert_false(ask(c, FRAME_ACK, &w).failed);
}

pid_t fork_server(struct server *s)
{
        int ready[2];
        char byte;

        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();

        if (pid == 0) {
                sd_event *event;

                close(ready[0]);
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that fails */
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

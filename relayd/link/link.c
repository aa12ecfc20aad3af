/* See link.h. */
#include "link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "resolve.h"
#include "services/cleanup.h"
#include "tls.h"
#include "transport_key.h"

enum {
        PING_USEC = 40 * 1000 * 1000,    /* a PING when nothing came for so long */
        SILENCE_USEC = 60 * 1000 * 1000, /* its answer is then due by here */
        CONNECT_USEC = 7 * 1000 * 1000,  /* for one of several addresses */
        PROBE_USEC = 5 * 1000 * 1000,    /* for an answer to link_probe() */
};

enum link_state {
        LINK_RESOLVING,
        LINK_CONNECTING,
        LINK_HELLO,
        LINK_REGISTER,
        LINK_AUTHENTICATE,
        LINK_UP,
        LINK_DOWN,
};

struct pending {
        uint32_t request;
        uint8_t type;
        link_answer done;
        void *userdata;
};

struct link {
        enum link_state state;
        sd_event *event;
        struct address address;
        const struct secret *transport_key;
        bool registering, register_sent;
        char token[WIRE_TOKEN_MAX + 1];
        SSL_CTX *context;
        struct tls_pin pin;
        struct resolve *resolve;
        struct addrinfo *addresses, *next_address;
        struct socks_proxy proxy;
        struct socks *socks;
        struct channel *channel;
        uint64_t probed_at;
        sd_event_source *patience, *keep_alive, *probe, *ended;
        struct link_up up;
        uint32_t last_request;
        struct pending pending[WIRE_IN_FLIGHT_MAX]; /* a ring in the order of asking; done == NULL: answered */
        unsigned first, count;
        bool going_away;
        enum link_failure failure;
        uint16_t code;
        uint64_t value;
        char subject[WIRE_SUBJECT_MAX + 1], sentence[WIRE_SENTENCE_MAX + 1];
        const struct link_handlers *handlers;
        void *userdata;
};

static void try_next_address(struct link *l);

/* Notes why the link ends, if nothing was noted before, and has down() called from the loop. */
static void end(struct link *l, enum link_failure failure, const char *sentence)
{
        if (l->state == LINK_DOWN)
                return;
        l->state = LINK_DOWN;
        if (l->sentence[0] == '\0') {
                l->failure = failure;
                (void) snprintf(l->sentence, sizeof(l->sentence), "%s", sentence);
        }
        l->patience = sd_event_source_disable_unref(l->patience);
        l->keep_alive = sd_event_source_disable_unref(l->keep_alive);
        l->probe = sd_event_source_disable_unref(l->probe);
        l->resolve = resolve_free(l->resolve);
        l->socks = socks_free(l->socks);
        (void) sd_event_source_set_enabled(l->ended, SD_EVENT_ONESHOT);
}

static void copy_text(char *out, size_t size, struct bytes text)
{
        size_t n = text.size < size - 1 ? text.size : size - 1;

        if (n > 0)
                memcpy(out, text.data, n);
        out[n] = '\0';
}

static int on_ended(sd_event_source *source, void *userdata)
{
        struct link *l = userdata;
        struct link_error error = { l->failure, l->code, l->value, l->subject, l->sentence };

        /* A request that has no answer may still have been carried out, so none of them was refused. */
        struct link_error lost = { l->failure == LINK_REFUSED ? LINK_UNREACHABLE : l->failure, 0, 0, "", l->sentence };

        l->channel = channel_free(l->channel);
        for (; l->count > 0; l->count--) {
                struct pending p = l->pending[l->first];

                l->first = (l->first + 1) % WIRE_IN_FLIGHT_MAX;
                if (p.done)
                        p.done(p.userdata, &lost, BYTES(NULL, 0));
        }
        l->handlers->down(l, l->userdata, &error);
        return 0;
}

static void send_frame(struct link *l, uint8_t type, const struct writer *body)
{
        if (writer_finish(body) < 0)
                end(l, LINK_LOCAL, "There is not enough memory for a request.");
        else
                channel_send(l->channel, type, ++l->last_request, writer_bytes(body));
}

static void send_hello(struct link *l)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        l->state = LINK_HELLO;
        write_hello(&body, &(struct hello){ .versions = { WIRE_VERSION }, .version_count = 1 });
        send_frame(l, FRAME_HELLO, &body);
}

static int prove(struct link *l, enum transport_purpose purpose, uint8_t signature[static WIRE_SIGNATURE_SIZE])
{
        uint8_t exporter[TLS_EXPORTER_SIZE];
        int r = tls_exporter(channel_ssl(l->channel), exporter);

        return r < 0 ? r
                     : transport_key_prove(l->transport_key, purpose, exporter, BYTES_STRING(l->address.name),
                                           signature);
}

static void send_register(struct link *l)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct registration m = { .name = BYTES_STRING(l->address.name), .token = BYTES_STRING(l->token) };

        l->state = LINK_REGISTER;
        if (transport_key_public(l->transport_key, m.transport_key) < 0 ||
            prove(l, TRANSPORT_REGISTER, m.signature) < 0) {
                end(l, LINK_LOCAL, "The account's transport key cannot be used.");
                return;
        }
        l->register_sent = true;
        write_registration(&body, &m);
        send_frame(l, FRAME_REGISTER, &body);
}

static void send_authenticate(struct link *l)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct authentication m = { .name = BYTES_STRING(l->address.name) };

        l->state = LINK_AUTHENTICATE;
        if (prove(l, TRANSPORT_AUTHENTICATE, m.signature) < 0) {
                end(l, LINK_LOCAL, "The account's transport key cannot be used.");
                return;
        }
        write_authentication(&body, &m);
        send_frame(l, FRAME_AUTHENTICATE, &body);
}

static int on_keep_alive(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct link *l = userdata;
        uint64_t now, due = channel_last_received(l->channel) + PING_USEC;

        if (sd_event_now(l->event, CLOCK_BOOTTIME, &now) < 0)
                now = usec;
        if (now >= due) {
                channel_send(l->channel, FRAME_PING, ++l->last_request, BYTES(NULL, 0));
                due = now + PING_USEC;
        }
        (void) sd_event_source_set_time(source, due);
        return 0;
}

static void go_up(struct link *l)
{
        uint64_t now = 0;

        l->state = LINK_UP;
        l->patience = sd_event_source_disable_unref(l->patience);
        (void) sd_event_now(l->event, CLOCK_BOOTTIME, &now);
        if (sd_event_add_time(l->event, &l->keep_alive, CLOCK_BOOTTIME, now + PING_USEC, 0, on_keep_alive, l) < 0 ||
            sd_event_source_set_enabled(l->keep_alive, SD_EVENT_ON) < 0) {
                end(l, LINK_LOCAL, "There is not enough memory for a link.");
                return;
        }
        channel_set_limits(l->channel, FRAME_LENGTH_MAX, SILENCE_USEC);
        memcpy(l->up.hub_key, l->pin.seen, sizeof(l->up.hub_key));
        l->up.resumed = SSL_session_reused(channel_ssl(l->channel));
        l->handlers->up(l, l->userdata, &l->up);
}

static bool limits_usable(const struct hello_answer *m)
{
        return m->version == WIRE_VERSION && m->in_flight_max > 0 && m->payload_max > 0 && m->recipients_max > 0;
}

/* Answers before UP: one request at a time is under way. */
static void advance(struct link *l, const struct frame *f)
{
        if (l->state == LINK_HELLO && f->type == (FRAME_HELLO | FRAME_ANSWER) &&
            read_hello_answer(f->body, &l->up.limits) >= 0 && limits_usable(&l->up.limits)) {
                if (l->registering)
                        send_register(l);
                else
                        send_authenticate(l);
        } else if (l->state == LINK_REGISTER && f->type == (FRAME_REGISTER | FRAME_ANSWER) &&
                   read_empty(f->body) >= 0) {
                send_authenticate(l);
        } else if (l->state == LINK_AUTHENTICATE && f->type == (FRAME_AUTHENTICATE | FRAME_ANSWER) &&
                   read_authentication_answer(f->body, &l->up.mailbox) >= 0) {
                go_up(l);
        } else {
                end(l, LINK_PROTOCOL, "The hub answered with something that is not in the protocol.");
        }
}

/* A refusal of the whole link. */
static void refuse(struct link *l, const struct wire_failure *m)
{
        if (l->sentence[0] != '\0')
                return;
        l->failure = LINK_REFUSED;
        l->code = m->code;
        l->value = m->value;
        copy_text(l->subject, sizeof(l->subject), m->subject);
        copy_text(l->sentence, sizeof(l->sentence), m->sentence);
        if (l->sentence[0] == '\0')
                (void) snprintf(l->sentence, sizeof(l->sentence), "The hub refused with error %u.", m->code);
}

static struct pending *find_pending(struct link *l, uint32_t request)
{
        for (unsigned i = 0; i < l->count; i++) {
                struct pending *p = &l->pending[(l->first + i) % WIRE_IN_FLIGHT_MAX];

                if (p->request == request && p->done)
                        return p;
        }
        return NULL;
}

static void answer(struct link *l, const struct frame *f)
{
        struct pending *p = find_pending(l, f->request);
        struct wire_failure m;

        if (f->type == (FRAME_PING | FRAME_ANSWER))
                return;
        if (!p || (f->type != (p->type | FRAME_ANSWER) && f->type != FRAME_ERROR) ||
            (f->type == FRAME_ERROR && read_failure(f->body, &m) < 0)) {
                end(l, LINK_PROTOCOL, "The hub answered with something that is not in the protocol.");
                return;
        }
        struct pending taken = *p;

        p->done = NULL;
        while (l->count > 0 && !l->pending[l->first].done) {
                l->first = (l->first + 1) % WIRE_IN_FLIGHT_MAX;
                l->count--;
        }
        if (f->type == FRAME_ERROR) {
                char subject[WIRE_SUBJECT_MAX + 1], sentence[WIRE_SENTENCE_MAX + 1];

                copy_text(subject, sizeof(subject), m.subject);
                copy_text(sentence, sizeof(sentence), m.sentence);
                taken.done(taken.userdata, &(struct link_error){ LINK_REFUSED, m.code, m.value, subject, sentence },
                           BYTES(NULL, 0));
        } else {
                taken.done(taken.userdata, NULL, f->body);
        }
}

static void on_received(struct channel *c, void *userdata, const struct frame *f)
{
        struct link *l = userdata;
        struct wire_failure failure;
        struct entry entry;
        uint32_t left;

        if (l->state == LINK_DOWN)
                return;
        if (f->type == FRAME_GOING_AWAY && read_failure(f->body, &failure) >= 0) {
                refuse(l, &failure); /* what was asked before is still answered; then the hub closes */
                l->going_away = true;
        } else if (f->type == FRAME_ERROR && (f->request == 0 || l->state != LINK_UP) &&
                   read_failure(f->body, &failure) >= 0) {
                refuse(l, &failure);
                end(l, LINK_REFUSED, "");
        } else if (l->state != LINK_UP) {
                advance(l, f);
        } else if (f->type == FRAME_ENTRY && read_entry(f->body, &entry) >= 0) {
                l->handlers->entry(l, l->userdata, &entry);
        } else if (f->type == FRAME_KEY_PACKAGES_LOW && read_key_packages_left(f->body, &left) >= 0) {
                l->handlers->key_packages_low(l, l->userdata, left);
        } else {
                answer(l, f);
        }
}

#define WRONG_KEY                                                                                                      \
        "The hub has another key than its address says. Compare the address with the hub's owner: somebody may be in " \
        "between."

static void on_opened(struct channel *c, void *userdata)
{
        struct link *l = userdata;

        if (tls_pin_kept(channel_ssl(c), &l->pin))
                send_hello(l);
        else
                end(l, LINK_WRONG_KEY, WRONG_KEY);
}

static void on_closed(struct channel *c, void *userdata, int error, const char *sentence)
{
        struct link *l = userdata;

        if (l->state == LINK_DOWN)
                return; /* on_ended() frees the channel */
        if (l->pin.refused) {
                end(l, LINK_WRONG_KEY, WRONG_KEY);
        } else if (l->state == LINK_CONNECTING && error != -EPROTO && l->next_address) {
                l->channel = channel_free(l->channel);
                try_next_address(l);
        } else {
                end(l, error == -EPROTO || error == -EPROTONOSUPPORT ? LINK_PROTOCOL : LINK_UNREACHABLE, sentence);
        }
}

static void on_room(struct channel *c, void *userdata)
{
        struct link *l = userdata;

        if (l->state == LINK_UP && l->handlers->bulk_room)
                l->handlers->bulk_room(l, l->userdata);
}

static const struct channel_handlers channel_handlers = {
        .opened = on_opened,
        .received = on_received,
        .room = on_room,
        .closed = on_closed,
};

/* Takes over @fd. */
static int start_tls(struct link *l, int fd, bool connecting, uint64_t patience_usec)
{
        SSL *ssl;
        int r = tls_new(l->context, fd, &l->pin, &ssl);

        if (r < 0) {
                close(fd);
                return r;
        }
        return channel_new(l->event, fd, ssl, connecting, patience_usec, &channel_handlers, l, &l->channel);
}

static void on_proxied(void *userdata, int fd, const char *sentence)
{
        struct link *l = userdata;

        l->socks = socks_free(l->socks);
        if (fd < 0)
                end(l, LINK_UNREACHABLE, sentence);
        else if (start_tls(l, fd, false, LINK_PATIENCE_USEC) < 0)
                end(l, LINK_LOCAL, "There is not enough memory for a link.");
}

static int connect_to(struct link *l, const struct addrinfo *a)
{
        int one = 1, fd, r;

        fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
                r = -errno;
                close(fd);
                return r;
        }
        if (l->proxy.host[0] != '\0')
                return socks_connect(l->event, fd, l->address.host, l->address.port, l->proxy.user, on_proxied, l,
                                     &l->socks);
        return start_tls(l, fd, true, a->ai_next ? CONNECT_USEC : LINK_PATIENCE_USEC);
}

static void try_next_address(struct link *l)
{
        char sentence[160];
        int r = -EHOSTUNREACH;

        l->state = LINK_CONNECTING;
        while (l->next_address) {
                const struct addrinfo *a = l->next_address;

                l->next_address = a->ai_next;
                r = connect_to(l, a);
                if (r >= 0)
                        return;
        }
        (void) snprintf(sentence, sizeof(sentence),
                        "The hub cannot be reached: %s. See whether the network and the hub are up.", strerror(-r));
        end(l, LINK_UNREACHABLE, sentence);
}

static void on_resolved(void *userdata, int error, struct addrinfo *addresses)
{
        struct link *l = userdata;
        char sentence[400];

        l->resolve = resolve_free(l->resolve);
        if (error != 0) {
                bool proxied = l->proxy.host[0] != '\0';

                (void) snprintf(sentence, sizeof(sentence), "The %s's name %s could not be looked up: %s.",
                                proxied ? "proxy" : "hub", proxied ? l->proxy.host : l->address.host,
                                gai_strerror(error));
                end(l, LINK_UNREACHABLE, sentence);
                return;
        }
        l->addresses = addresses;
        l->next_address = addresses;
        try_next_address(l);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        end(userdata, LINK_UNREACHABLE, "The hub did not answer in time.");
        return 0;
}

int link_open(sd_event *event, const struct link_parameters *p, const struct link_handlers *handlers, void *userdata,
              struct link **out)
{
        struct link *l;
        int r;

        if (p->transport_key->size != TRANSPORT_KEY_SIZE)
                return -EINVAL;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->address = *p->address;
        l->transport_key = p->transport_key;
        l->registering = p->registering;
        (void) snprintf(l->token, sizeof(l->token), "%s", p->token ? p->token : "");
        l->pin.known = p->address->has_key;
        memcpy(l->pin.key, p->address->key, sizeof(l->pin.key));
        l->pin.session = p->session;
        if (p->proxy)
                l->proxy = *p->proxy;
        bool proxied = l->proxy.host[0] != '\0';

        l->handlers = handlers;
        l->userdata = userdata;
        r = tls_client_context(&l->context);
        if (r >= 0)
                r = sd_event_add_defer(event, &l->ended, on_ended, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->ended, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &l->patience, CLOCK_BOOTTIME, LINK_PATIENCE_USEC, 0, on_patience,
                                               l);
        if (r >= 0)
                r = resolve_start(event, proxied ? l->proxy.host : l->address.host,
                                  proxied ? l->proxy.port : l->address.port, on_resolved, l, &l->resolve);
        if (r < 0) {
                link_free(l);
                return r;
        }
        *out = l;
        return 0;
}

struct link *link_free(struct link *l)
{
        if (!l)
                return NULL;
        resolve_free(l->resolve);
        socks_free(l->socks);
        channel_free(l->channel);
        if (l->addresses)
                freeaddrinfo(l->addresses);
        sd_event_source_disable_unref(l->patience);
        sd_event_source_disable_unref(l->keep_alive);
        sd_event_source_disable_unref(l->probe);
        sd_event_source_disable_unref(l->ended);
        SSL_CTX_free(l->context);
        sd_event_unref(l->event);
        explicit_bzero(l->token, sizeof(l->token));
        free(l);
        return NULL;
}

void link_close(struct link *l, const char *sentence)
{
        end(l, LINK_UNREACHABLE, sentence);
}

static int on_probe(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct link *l = userdata;

        l->probe = sd_event_source_disable_unref(l->probe);
        if (channel_last_received(l->channel) <= l->probed_at)
                end(l, LINK_UNREACHABLE, "The hub did not answer after the network had changed.");
        return 0;
}

void link_probe(struct link *l)
{
        if (l->state != LINK_UP || l->probe)
                return;
        (void) sd_event_now(l->event, CLOCK_BOOTTIME, &l->probed_at);
        channel_send(l->channel, FRAME_PING, ++l->last_request, BYTES(NULL, 0));
        (void) sd_event_add_time(l->event, &l->probe, CLOCK_BOOTTIME, l->probed_at + PROBE_USEC, 0, on_probe, l);
}

void link_traffic(const struct link *l, uint64_t *received, uint64_t *sent)
{
        SSL *ssl = l->channel ? channel_ssl(l->channel) : NULL;

        *received = ssl ? BIO_number_read(SSL_get_rbio(ssl)) : 0;
        *sent = ssl ? BIO_number_written(SSL_get_wbio(ssl)) : 0;
}

unsigned link_room(const struct link *l)
{
        unsigned max =
                l->up.limits.in_flight_max < WIRE_IN_FLIGHT_MAX ? l->up.limits.in_flight_max : WIRE_IN_FLIGHT_MAX;

        if (l->state != LINK_UP || l->going_away || channel_queued(l->channel) >= CHANNEL_OUTPUT_HIGH)
                return 0;
        return l->count < max ? max - l->count : 0;
}

bool link_has_bulk_room(struct link *l)
{
        if (l->state != LINK_UP || l->going_away)
                return false;
        if (channel_has_room(l->channel))
                return link_room(l) > 0;
        channel_await_room(l->channel);
        return false;
}

int link_request(struct link *l, enum frame_type type, struct bytes body, link_answer done, void *userdata)
{
        if (l->state != LINK_UP || l->going_away)
                return -ENOTCONN;
        if (body.size > FRAME_LENGTH_MAX - FRAME_LENGTH_MIN)
                return -EMSGSIZE;
        if (link_room(l) == 0)
                return -EAGAIN;
        uint32_t request = ++l->last_request;

        if (request == 0)
                request = ++l->last_request;
        l->pending[(l->first + l->count++) % WIRE_IN_FLIGHT_MAX] = (struct pending){ request, type, done, userdata };
        channel_send(l->channel, type, request, body);
        return 0;
}

bool link_may_have_registered(const struct link *l)
{
        return l->register_sent;
}

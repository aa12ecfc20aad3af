/* See session.h. */
#include "session_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/link/tls.h"
#include "services/cleanup.h"

enum {
        UNPROVEN_FRAMES = 8, /* what a link may ask before it has proved a key */
        PUSH_STEP = 64,      /* entries read from the store at a time */
};

void session_fail(struct session *s, uint8_t type, uint32_t request, const struct wire_failure *m, struct bytes subject,
                  const char *format, ...)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        char sentence[WIRE_SENTENCE_MAX];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        write_failure(&body, &(struct wire_failure){ m->code, m->value, subject, BYTES_STRING(sentence) });
        channel_send(s->channel, type, request, writer_bytes(&body));
}

void session_answer(struct session *s, const struct job *j, const struct writer *body)
{
        if (writer_finish(body) < 0)
                REFUSE(s, j->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
        else
                channel_send(s->channel, j->type | FRAME_ANSWER, j->request, writer_bytes(body));
}

void session_throttle(struct session *s)
{
        channel_pause(s->channel, s->waiting || s->in_flight + s->desk.count >= WIRE_IN_FLIGHT_MAX ||
                                          s->puts > CHUNK_PUTS_MAX || work_is_full(hub_work(s->hub), s->puts > 0) ||
                                          channel_queued(s->channel) >= CHANNEL_OUTPUT_HIGH);
}

void session_break_off(struct session *s, uint32_t request, enum wire_error code, const char *sentence)
{
        if (s->state == SESSION_ENDING)
                return;
        REFUSE(s, request, code, 0, NOBODY, "%s", sentence);
        s->state = SESSION_ENDING;
        channel_close(s->channel, -EPROTO, "%s", sentence);
}

bool session_has_memory(struct session *s, size_t bytes)
{
        if (pressure_has_room(hub_pressure(s->hub), bytes))
                return true;
        s->starved = true;
        return false;
}

/* Whether the reader has taken enough of what was pushed to get more. */
static bool may_push(struct session *s)
{
        return s->fetching && s->state == SESSION_PROVEN && s->pushed - s->acknowledged < s->window &&
               channel_queued(s->channel) < pressure_share(hub_pressure(s->hub));
}

static bool push_one(void *userdata, uint64_t sequence, struct bytes payload)
{
        _cleanup_writer_ struct writer head = WRITER_INIT;
        struct session *s = userdata;

        if (!session_has_memory(s, payload.size))
                return false;
        write_entry_head(&head, sequence, payload.size);
        if (writer_finish(&head) < 0)
                return false;
        channel_send_parts(s->channel, FRAME_ENTRY, 0, writer_bytes(&head), payload);
        s->acknowledged +=
                sequence - s->pushed - 1; /* the window counts entries, not the numbers of those that are gone */
        s->pushed = sequence;
        return may_push(s);
}

void session_push(struct session *s)
{
        while (s->pushed < s->newest && may_push(s)) {
                uint64_t before = s->pushed, room = s->window - (s->pushed - s->acknowledged);

                if (store_fetch(hub_store(s->hub), s->place.mailbox, s->pushed,
                                room < PUSH_STEP ? (unsigned) room : PUSH_STEP, push_one, s) < 0) {
                        session_break_off(s, 0, WIRE_ERROR_STORAGE,
                                          "The hub could not read from its disk; come back later.");
                        return;
                }
                if (s->pushed == before)
                        return;
        }
        if (!channel_has_room(s->channel))
                channel_await_room(s->channel); /* its share may have become less than what drained() comes at */
}

void session_arrived(struct session *s, uint64_t sequence, struct bytes payload)
{
        s->newest = sequence;
        if (sequence == s->pushed + 1 && may_push(s))
                (void) push_one(s, sequence, payload);
        else
                session_push(s);
}

size_t session_memory(const struct session *s)
{
        return channel_memory(s->channel);
}

void session_evict(struct session *s)
{
        access_log_write(hub_access_log(s->hub), s->peer, "evicted", s->name[0] ? s->name : NULL);
        session_free(s, false);
}

void session_key_packages_low(struct session *s, uint32_t left)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (!s->fetching || s->told_left == left)
                return;
        s->told_left = left;
        write_key_packages_left(&body, left);
        channel_send(s->channel, FRAME_KEY_PACKAGES_LOW, 0, writer_bytes(&body));
}

void session_replace(struct session *s)
{
        if (s->state == SESSION_ENDING)
                return;
        s->state = SESSION_ENDING;
        session_fail(s, FRAME_GOING_AWAY, 0, &(struct wire_failure){ .code = WIRE_ERROR_REPLACED }, NOBODY,
                     "Another link with the same transport key has taken over.");
        channel_close(s->channel, 0, "Replaced by a newer link.");
}

void session_deleted(struct session *s)
{
        if (s->state == SESSION_ENDING)
                return;
        access_log_write(hub_access_log(s->hub), s->peer, "deleted", s->name);
        s->state = SESSION_ENDING;
        session_fail(s, FRAME_GOING_AWAY, 0, &(struct wire_failure){ .code = WIRE_ERROR_DELETED }, NOBODY,
                     "This account was deleted from the hub.");
        channel_close(s->channel, 0, "The account was deleted.");
}

static void hello(struct session *s, const struct frame *f)
{
        const struct hub_settings *settings = hub_settings(s->hub);
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct hello m;
        bool common = false;

        if (f->type != FRAME_HELLO || read_hello(f->body, &m) < 0) {
                session_break_off(s, f->request, WIRE_ERROR_PROTOCOL, "A link starts with HELLO.");
                return;
        }
        for (unsigned i = 0; i < m.version_count; i++)
                common = common || m.versions[i] == WIRE_VERSION;
        if (!common) {
                REFUSE(s, f->request, WIRE_ERROR_VERSION, WIRE_VERSION, NOBODY,
                       "This hub speaks version %d alone; update the client or the hub.", WIRE_VERSION);
                s->state = SESSION_ENDING;
                channel_close(s->channel, -EPROTONOSUPPORT, "No version in common.");
                return;
        }
        s->state = SESSION_UNPROVEN;
        write_hello_answer(&body, &(struct hello_answer){ .version = WIRE_VERSION,
                                                          .payload_max = settings->payload_max,
                                                          .recipients_max = WIRE_RECIPIENTS_MAX,
                                                          .in_flight_max = WIRE_IN_FLIGHT_MAX,
                                                          .idle_seconds = (uint32_t) (settings->idle_usec / 1000000) });
        channel_send(s->channel, FRAME_HELLO | FRAME_ANSWER, f->request, writer_bytes(&body));
}

bool session_wait_for(struct session *s, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t then)
{
        if (!*timer)
                return sd_event_add_time_relative(hub_event(s->hub), timer, CLOCK_BOOTTIME, usec, 1000, then, s) >= 0;
        return sd_event_source_set_time_relative(*timer, usec) >= 0 &&
               sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT) >= 0;
}

static int on_slow(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct session *s = userdata;

        s->waiting = false;
        session_throttle(s);
        return 0;
}

void session_resume(struct session *s)
{
        session_throttle(s);
        if (!s->starved)
                return;
        s->starved = false;
        session_push(s);
        session_serve_chunks(s);
}

static void fetch(struct session *s, const struct frame *f)
{
        struct fetch m;

        if (read_fetch(f->body, &m) < 0) {
                session_break_off(s, f->request, WIRE_ERROR_PROTOCOL, "FETCH is malformed.");
                return;
        }
        s->fetching = true;
        s->pushed = s->acknowledged = m.after;
        s->window = m.window;
        channel_send(s->channel, FRAME_FETCH | FRAME_ANSWER, f->request, NOBODY);
        session_push(s);
}

/* Every request but PING counts against the rate, and what a PUT_CHUNK carries against that of chunks; a session that
 * has used it up is read again when it has some left. */
static void spend(struct session *s, const struct frame *f)
{
        struct gate *g = hub_gate(s->hub);
        uint64_t now = hub_now(s->hub), wait = gate_request(g, s->place.mailbox, now), of_chunks = 0;

        if (f->type == FRAME_PUT_CHUNK)
                of_chunks = gate_chunk(g, &s->pass, s->place.mailbox, f->body.size, now);
        if (wait < of_chunks)
                wait = of_chunks;
        s->waiting = wait > 0 && session_wait_for(s, &s->slow, wait, on_slow);
}

static void submit(struct session *s, const struct frame *f, session_prepare *prepare)
{
        struct job *j;
        int r = job_new(s, f, &j);

        if (r < 0) {
                REFUSE(s, f->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
                return;
        }
        r = prepare(s, j);
        if (r != 0) {
                job_free(j);
                if (r < 0)
                        session_break_off(s, f->request, WIRE_ERROR_PROTOCOL, "A request is malformed.");
                return;
        }
        s->in_flight++;
        work_submit(hub_work(s->hub), j);
}

static void received_proven(struct session *s, const struct frame *f)
{
        session_prepare *prepare = session_preparer(s, f->type);

        if (f->type == FRAME_PING && read_empty(f->body) >= 0) {
                channel_send(s->channel, FRAME_PING | FRAME_ANSWER, f->request, NOBODY);
                return;
        }
        spend(s, f);
        if (f->type == FRAME_FETCH)
                fetch(s, f);
        else if (f->type == FRAME_GET_CHUNK)
                session_get_chunk(s, f);
        else if (prepare)
                submit(s, f, prepare);
        else
                session_break_off(s, f->request, WIRE_ERROR_PROTOCOL, "There is no such request here.");
}

static void on_received(struct channel *c, void *userdata, const struct frame *f)
{
        struct session *s = userdata;

        switch (s->state) {
        case SESSION_HELLO:
                hello(s, f);
                break;
        case SESSION_UNPROVEN:
                if (++s->frames > UNPROVEN_FRAMES)
                        session_break_off(s, f->request, WIRE_ERROR_TOO_FAST, "Too many attempts on one link.");
                else if (session_preparer(s, f->type))
                        submit(s, f, session_preparer(s, f->type));
                else
                        session_break_off(s, f->request, WIRE_ERROR_PROTOCOL, "Prove a transport key first.");
                break;
        case SESSION_PROVEN:
                received_proven(s, f);
                break;
        case SESSION_ENDING:
                break;
        }
        session_throttle(s);
}

static void on_opened(struct channel *c, void *userdata)
{
        struct session *s = userdata;

        if (tls_exporter(channel_ssl(c), s->exporter) < 0)
                channel_close(c, -EPROTO, "TLS gave no exporter.");
}

static void on_drained(struct channel *c, void *userdata)
{
        session_throttle(userdata);
        session_push(userdata);
}

static void on_room(struct channel *c, void *userdata)
{
        session_push(userdata);
        session_serve_chunks(userdata);
        session_throttle(userdata);
}

static void on_closed(struct channel *c, void *userdata, int error, const char *sentence)
{
        session_free(userdata, false);
}

static const struct channel_handlers channel_handlers = {
        .opened = on_opened,
        .received = on_received,
        .drained = on_drained,
        .room = on_room,
        .closed = on_closed,
};

static void format_peer(const struct sockaddr_storage *peer, char *out, size_t size)
{
        char host[INET6_ADDRSTRLEN] = "?";

        if (peer->ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *) peer;

                (void) inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
                (void) snprintf(out, size, "%s:%u", host, ntohs(in->sin_port));
        } else if (peer->ss_family == AF_INET6) {
                const struct sockaddr_in6 *in = (const struct sockaddr_in6 *) peer;

                (void) inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
                (void) snprintf(out, size, "[%s]:%u", host, ntohs(in->sin6_port));
        } else {
                (void) snprintf(out, size, "local");
        }
}

int session_new(struct hub *h, int fd, SSL *ssl, const struct sockaddr_storage *peer, const struct gate_pass *pass,
                struct session **out)
{
        const struct hub_settings *settings = hub_settings(h);
        struct session *s = calloc(1, sizeof(*s));
        int r;

        if (!s) {
                SSL_free(ssl);
                close(fd);
                return -ENOMEM;
        }
        s->hub = h;
        s->pass = *pass;
        format_peer(peer, s->peer, sizeof(s->peer));
        r = channel_new(hub_event(h), fd, ssl, false, settings->handshake_usec, &channel_handlers, s, &s->channel);
        if (r < 0) {
                free(s);
                return r;
        }
        channel_set_budget(s->channel, pressure_budget(hub_pressure(h)));
        access_log_write(hub_access_log(h), s->peer, "connected", NULL);
        *out = s;
        return 0;
}

struct session *session_free(struct session *s, bool stopping)
{
        if (stopping && s->state != SESSION_ENDING)
                session_fail(s, FRAME_GOING_AWAY, 0, &(struct wire_failure){ .code = WIRE_ERROR_STOPPING }, NOBODY,
                             "The hub stops or starts again; come back in a moment.");
        access_log_write(hub_access_log(s->hub), s->peer, "left", s->name[0] ? s->name : NULL);
        gate_leave(hub_gate(s->hub), &s->pass);
        hub_remove(s->hub, s);
        channel_free(s->channel);
        chunk_desk_clear(&s->desk);
        sd_event_source_disable_unref(s->slow);
        sd_event_source_disable_unref(s->desk_slow);
        free(s);
        return NULL;
}

struct session_place *session_place(struct session *s)
{
        return &s->place;
}

/* See session.h. */
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_desk.h"
#include "invitation.h"
#include "names.h"
#include "relayd/link/channel.h"
#include "relayd/link/tls.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"

enum {
        UNPROVEN_FRAMES = 8, /* what a link may ask before it has proved a key */
        PUSH_STEP = 64,      /* entries read from the store at a time */
};

enum session_state {
        SESSION_HELLO,
        SESSION_UNPROVEN,
        SESSION_PROVEN,
        SESSION_ENDING,
};

struct session {
        enum session_state state;
        struct hub *hub;
        struct channel *channel;
        struct session_place place;
        char peer[INET6_ADDRSTRLEN + 10];
        char name[WIRE_NAME_MAX + 1];
        uint8_t exporter[TLS_EXPORTER_SIZE];
        unsigned frames, in_flight, puts;
        struct chunk_desk desk;
        bool starved; /* something waits for it, and the hub had no memory for that */
        struct gate_pass pass;
        sd_event_source *slow, *desk_slow; /* reading, and the desk, go on when the rate allows it */
        bool waiting, desk_waiting, fetching;
        uint64_t newest, pushed, acknowledged, window;
        uint32_t told_left;
};

static void __attribute__((format(printf, 6, 7)))
send_failure(struct session *s, uint8_t type, uint32_t request, const struct wire_failure *m, struct bytes subject,
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

#define REFUSE(s, request, code, value, subject, ...)                                                                  \
        send_failure(s, FRAME_ERROR, request, &(struct wire_failure){ code, value, { NULL, 0 }, { NULL, 0 } },         \
                     subject, __VA_ARGS__)
#define NOBODY BYTES(NULL, 0)

static void send_answer(struct session *s, const struct job *j, const struct writer *body)
{
        if (writer_finish(body) < 0)
                REFUSE(s, j->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
        else
                channel_send(s->channel, j->type | FRAME_ANSWER, j->request, writer_bytes(body));
}

/* Reading pauses while too much is under way in either direction. */
static void throttle(struct session *s)
{
        channel_pause(s->channel, s->waiting || s->in_flight + s->desk.count >= WIRE_IN_FLIGHT_MAX ||
                                          s->puts > CHUNK_PUTS_MAX || hub_is_full(s->hub, s->puts > 0) ||
                                          channel_queued(s->channel) >= CHANNEL_OUTPUT_HIGH);
}

static void break_off(struct session *s, uint32_t request, enum wire_error code, const char *sentence)
{
        if (s->state == SESSION_ENDING)
                return;
        REFUSE(s, request, code, 0, NOBODY, "%s", sentence);
        s->state = SESSION_ENDING;
        channel_close(s->channel, -EPROTO, "%s", sentence);
}

/* If not, session_resume() is called when it has. */
static bool has_memory(struct session *s, size_t bytes)
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

        if (!has_memory(s, payload.size))
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

static void push(struct session *s)
{
        while (s->pushed < s->newest && may_push(s)) {
                uint64_t before = s->pushed, room = s->window - (s->pushed - s->acknowledged);

                if (store_fetch(hub_store(s->hub), s->place.mailbox, s->pushed,
                                room < PUSH_STEP ? (unsigned) room : PUSH_STEP, push_one, s) < 0) {
                        break_off(s, 0, WIRE_ERROR_STORAGE, "The hub could not read from its disk; come back later.");
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
                push(s);
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
        send_failure(s, FRAME_GOING_AWAY, 0, &(struct wire_failure){ .code = WIRE_ERROR_REPLACED }, NOBODY,
                     "Another link with the same transport key has taken over.");
        channel_close(s->channel, 0, "Replaced by a newer link.");
}

void session_deleted(struct session *s)
{
        if (s->state == SESSION_ENDING)
                return;
        access_log_write(hub_access_log(s->hub), s->peer, "deleted", s->name);
        s->state = SESSION_ENDING;
        send_failure(s, FRAME_GOING_AWAY, 0, &(struct wire_failure){ .code = WIRE_ERROR_DELETED }, NOBODY,
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
                break_off(s, f->request, WIRE_ERROR_PROTOCOL, "A link starts with HELLO.");
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

/* Each prepare_*() fills in the store's request from the job's body: 0, 1 if the request has been answered already, or
 * -EBADMSG. */
static int prepare_register(struct session *s, struct job *j)
{
        const struct hub_settings *settings = hub_settings(s->hub);
        struct registration m;
        const char *fault;
        uint64_t wait;

        if (read_registration(BYTES(j->body, j->body_size), &m) < 0)
                return -EBADMSG;
        if (transport_key_check(m.transport_key, TRANSPORT_REGISTER, s->exporter, m.name, m.signature) < 0) {
                REFUSE(s, j->request, WIRE_ERROR_NOT_AUTHENTICATED, 0, NOBODY,
                       "The signature does not fit the transport key.");
                return 1;
        }
        fault = name_fault(m.name, settings->reserved_names ? settings->reserved_names : "");
        if (fault) {
                REFUSE(s, j->request, WIRE_ERROR_NOT_ALLOWED, 0, m.name, "%s", fault);
                return 1;
        }
        wait = gate_register(hub_gate(s->hub), &s->pass, hub_now(s->hub));
        if (wait > 0) {
                REFUSE(s, j->request, WIRE_ERROR_TOO_FAST, wait / 1000 + 1, NOBODY,
                       "Too many names were registered from your address; wait %u minutes.",
                       (unsigned) (wait / 60000000 + 1));
                return 1;
        }
        j->store.operation = STORE_REGISTER;
        j->store.policy = settings->registration;
        j->store.name = m.name;
        memcpy(j->store.transport_key, m.transport_key, sizeof(m.transport_key));
        return invitation_hash(m.token, j->store.token);
}

static int prepare_authenticate(struct session *s, struct job *j)
{
        struct authentication m;

        if (read_authentication(BYTES(j->body, j->body_size), &m) < 0)
                return -EBADMSG;
        j->store.operation = STORE_LOOK_UP;
        j->store.name = m.name;
        memcpy(j->signature, m.signature, sizeof(j->signature));
        return 0;
}

static int prepare_publish(struct session *s, struct job *j)
{
        struct key_packages m;

        if (read_key_packages(BYTES(j->body, j->body_size), &m) < 0)
                return -EBADMSG;
        j->store.operation = STORE_PUBLISH;
        j->store.packages = m.packages;
        j->store.mailbox = s->place.mailbox;
        return 0;
}

static int prepare_claim(struct session *s, struct job *j)
{
        uint64_t wait;

        if (read_claim(BYTES(j->body, j->body_size), &j->store.name) < 0)
                return -EBADMSG;
        wait = gate_claim(hub_gate(s->hub), s->place.mailbox, hub_now(s->hub));
        if (wait > 0) {
                REFUSE(s, j->request, WIRE_ERROR_TOO_FAST, wait / 1000 + 1, NOBODY,
                       "Too many key packages were asked for; wait %u seconds.", (unsigned) (wait / 1000000 + 1));
                return 1;
        }
        j->store.operation = STORE_CLAIM;
        j->store.last_resort_only = !gate_one_time(hub_gate(s->hub), s->place.mailbox, j->store.name, hub_now(s->hub));
        return 0;
}

static int prepare_send(struct session *s, struct job *j)
{
        uint32_t max = hub_settings(s->hub)->payload_max;

        if (read_send(BYTES(j->body, j->body_size), &j->store.send) < 0)
                return -EBADMSG;
        if (room_entry_is(j->store.send.payload)) {
                REFUSE(s, j->request, WIRE_ERROR_NOT_ALLOWED, 0, NOBODY,
                       "The message begins as only what this hub writes itself for a room.");
                return 1;
        }
        if (j->store.send.payload.size > max) {
                REFUSE(s, j->request, WIRE_ERROR_TOO_LARGE, max, NOBODY,
                       "The message has %zu bytes; this hub takes at most %u.", j->store.send.payload.size, max);
                return 1;
        }
        j->store.operation = STORE_SEND;
        j->store.mailbox = s->place.mailbox;
        return 0;
}

static const char *rooms_of(const struct session *s)
{
        const char *rooms = hub_settings(s->hub)->rooms;

        return rooms ? rooms : "";
}

/* Rooms are large to hand out and slow to count, so what is asked about them counts as a claim. 0, or 1 if it was said
 * that it is too much. */
static int spend_on_rooms(struct session *s, const struct job *j)
{
        uint64_t wait = gate_claim(hub_gate(s->hub), s->place.mailbox, hub_now(s->hub));

        if (wait == 0)
                return 0;
        REFUSE(s, j->request, WIRE_ERROR_TOO_FAST, wait / 1000 + 1, NOBODY,
               "Rooms were asked for too often; wait %u seconds.", (unsigned) (wait / 1000000 + 1));
        return 1;
}

/* The job has a copy of the names: the hub may read its configuration again before it is done. */
static int prepare_list_rooms(struct session *s, struct job *j)
{
        if (read_empty(BYTES(j->body, j->body_size)) < 0)
                return -EBADMSG;
        if (spend_on_rooms(s, j) != 0)
                return 1;
        j->entry = (uint8_t *) strdup(rooms_of(s));
        if (!j->entry) {
                REFUSE(s, j->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
                return 1;
        }
        j->store.operation = STORE_LIST_ROOMS;
        j->store.name = BYTES_STRING((const char *) j->entry);
        return 0;
}

/* 0, or 1 if it was said that there is no such room. */
static int check_room(struct session *s, const struct job *j, struct bytes name)
{
        if (names_hold(rooms_of(s), name))
                return 0;
        REFUSE(s, j->request, WIRE_ERROR_NO_ROOM, 0, name, "This hub has no room #%.*s.", (int) name.size,
               (const char *) name.data);
        return 1;
}

static int prepare_fetch_room(struct session *s, struct job *j)
{
        if (read_claim(BYTES(j->body, j->body_size), &j->store.name) < 0)
                return -EBADMSG;
        if (spend_on_rooms(s, j) != 0)
                return 1;
        j->store.operation = STORE_FETCH_ROOM;
        return check_room(s, j, j->store.name);
}

/* The entry says what the hub has seen to: which step it was, and who has joined. */
static int prepare_send_to_room(struct session *s, struct job *j)
{
        const struct room_post *m = &j->store.room;
        _cleanup_writer_ struct writer entry = WRITER_INIT;
        uint32_t max = hub_settings(s->hub)->payload_max - ROOM_ENTRY_HEAD_MAX;

        if (read_room_post(BYTES(j->body, j->body_size), &j->store.room) < 0)
                return -EBADMSG;
        if (check_room(s, j, m->room) != 0)
                return 1;
        if (m->payload.size + m->group_info.size > max) {
                REFUSE(s, j->request, WIRE_ERROR_TOO_LARGE, max, NOBODY,
                       "The message has %zu bytes; this hub takes at most %u for a room.",
                       m->payload.size + m->group_info.size, max);
                return 1;
        }
        write_room_entry(&entry, &(struct room_entry){ m->step, m->step == ROOM_JOIN ? BYTES_STRING(s->name) : NOBODY,
                                                       m->payload });
        if (writer_finish(&entry) < 0) {
                REFUSE(s, j->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
                return 1;
        }
        j->entry = writer_steal(&entry, &j->entry_size);
        memcpy(j->store.send.id, m->id, sizeof(m->id));
        j->store.send.payload = BYTES(j->entry, j->entry_size);
        j->store.operation = STORE_SEND_TO_ROOM;
        j->store.mailbox = s->place.mailbox;
        return 0;
}

/* The name is said again, so that no mistake deletes anything. */
static int prepare_delete(struct session *s, struct job *j)
{
        if (read_delete_account(BYTES(j->body, j->body_size), &j->store.name) < 0)
                return -EBADMSG;
        if (!bytes_equal(j->store.name, BYTES_STRING(s->name))) {
                REFUSE(s, j->request, WIRE_ERROR_NOT_ALLOWED, 0, j->store.name, "That is not your own account.");
                return 1;
        }
        j->store.operation = STORE_DELETE;
        return 0;
}

static int prepare_ack(struct session *s, struct job *j)
{
        if (read_ack(BYTES(j->body, j->body_size), &j->store.sequence) < 0)
                return -EBADMSG;
        j->store.operation = STORE_ACK;
        j->store.mailbox = s->place.mailbox;
        return 0;
}

static int prepare_put_chunk(struct session *s, struct job *j)
{
        if (read_chunk(BYTES(j->body, j->body_size), &j->store.chunk) < 0)
                return -EBADMSG;
        j->store.operation = STORE_PUT_CHUNK;
        j->store.mailbox = s->place.mailbox;
        s->puts++;
        return 0;
}

static int prepare_have_chunks(struct session *s, struct job *j)
{
        j->store.operation = STORE_HAVE_CHUNKS;
        j->store.mailbox = s->place.mailbox;
        return read_chunk_names(BYTES(j->body, j->body_size), &j->store.chunk_names);
}

static int prepare_drop_chunks(struct session *s, struct job *j)
{
        j->store.operation = STORE_DROP_CHUNKS;
        j->store.mailbox = s->place.mailbox;
        return read_chunk_names(BYTES(j->body, j->body_size), &j->store.chunk_names);
}

/* True if @then is called after @usec. */
static bool wait_for(struct session *s, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t then)
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
        throttle(s);
        return 0;
}

static void write_content(void *userdata, struct bytes content)
{
        write_chunk_content(userdata, content);
}

static void serve_chunks(struct session *s);

static int on_desk_slow(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct session *s = userdata;

        s->desk_waiting = false;
        serve_chunks(s);
        throttle(s);
        return 0;
}

/* The bytes that have just left count against the rate of chunks. */
static void spend_chunk(struct session *s, size_t size)
{
        uint64_t now = hub_now(s->hub), wait = gate_chunk(hub_gate(s->hub), &s->pass, s->place.mailbox, size, now);

        s->desk_waiting = wait > 0 && wait_for(s, &s->desk_slow, wait, on_desk_slow);
}

static void hand_out(struct session *s, uint32_t request, const uint8_t name[static CHUNK_NAME_SIZE])
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        int r = store_read_chunk(hub_store(s->hub), name, write_content, &body);

        if (r >= 0)
                r = writer_finish(&body);
        if (r >= 0) {
                channel_send(s->channel, FRAME_GET_CHUNK | FRAME_ANSWER, request, writer_bytes(&body));
                spend_chunk(s, body.size);
        } else if (r == -ENOENT) {
                REFUSE(s, request, WIRE_ERROR_NO_CHUNK, 0, NOBODY,
                       "This hub has no chunk of that name, or none any more.");
        } else {
                REFUSE(s, request, WIRE_ERROR_STORAGE, 0, NOBODY,
                       "The hub could not read from its disk; try again later.");
        }
}

static void serve_chunks(struct session *s)
{
        uint8_t name[CHUNK_NAME_SIZE];
        uint32_t request;

        while (s->state == SESSION_PROVEN && !s->desk_waiting && channel_has_room(s->channel) && s->desk.count > 0 &&
               has_memory(s, CHUNK_SIZE_MAX) && chunk_desk_take(&s->desk, &request, name))
                hand_out(s, request, name);
        if (s->desk.count > 0 && !s->starved && !s->desk_waiting)
                channel_await_room(s->channel);
}

void session_resume(struct session *s)
{
        throttle(s);
        if (!s->starved)
                return;
        s->starved = false;
        push(s);
        serve_chunks(s);
}

static void get_chunk(struct session *s, const struct frame *f)
{
        uint8_t name[CHUNK_NAME_SIZE];

        if (read_chunk_name(f->body, name) < 0)
                break_off(s, f->request, WIRE_ERROR_PROTOCOL, "GET_CHUNK is malformed.");
        else if (chunk_desk_ask(&s->desk, f->request, name) < 0)
                REFUSE(s, f->request, WIRE_ERROR_STORAGE, 0, NOBODY, "The hub is out of memory; try again later.");
        else
                serve_chunks(s);
}

static void fetch(struct session *s, const struct frame *f)
{
        struct fetch m;

        if (read_fetch(f->body, &m) < 0) {
                break_off(s, f->request, WIRE_ERROR_PROTOCOL, "FETCH is malformed.");
                return;
        }
        s->fetching = true;
        s->pushed = s->acknowledged = m.after;
        s->window = m.window;
        channel_send(s->channel, FRAME_FETCH | FRAME_ANSWER, f->request, NOBODY);
        push(s);
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
        s->waiting = wait > 0 && wait_for(s, &s->slow, wait, on_slow);
}

static void submit(struct session *s, const struct frame *f, int (*prepare)(struct session *s, struct job *j))
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
                        break_off(s, f->request, WIRE_ERROR_PROTOCOL, "A request is malformed.");
                return;
        }
        s->in_flight++;
        hub_submit(s->hub, j);
}

static void received_proven(struct session *s, const struct frame *f)
{
        static int (*const prepare[])(struct session * s, struct job * j) = {
                [FRAME_PUBLISH_KEY_PACKAGES] = prepare_publish,
                [FRAME_CLAIM_KEY_PACKAGE] = prepare_claim,
                [FRAME_SEND] = prepare_send,
                [FRAME_ACK] = prepare_ack,
                [FRAME_DELETE_ACCOUNT] = prepare_delete,
                [FRAME_PUT_CHUNK] = prepare_put_chunk,
                [FRAME_HAVE_CHUNKS] = prepare_have_chunks,
                [FRAME_DROP_CHUNKS] = prepare_drop_chunks,
                [FRAME_LIST_ROOMS] = prepare_list_rooms,
                [FRAME_FETCH_ROOM] = prepare_fetch_room,
                [FRAME_SEND_TO_ROOM] = prepare_send_to_room,
        };

        if (f->type == FRAME_PING && read_empty(f->body) >= 0) {
                channel_send(s->channel, FRAME_PING | FRAME_ANSWER, f->request, NOBODY);
                return;
        }
        spend(s, f);
        if (f->type == FRAME_FETCH)
                fetch(s, f);
        else if (f->type == FRAME_GET_CHUNK)
                get_chunk(s, f);
        else if (f->type < COUNT_OF(prepare) && prepare[f->type])
                submit(s, f, prepare[f->type]);
        else
                break_off(s, f->request, WIRE_ERROR_PROTOCOL, "There is no such request here.");
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
                        break_off(s, f->request, WIRE_ERROR_TOO_FAST, "Too many attempts on one link.");
                else if (f->type == FRAME_REGISTER)
                        submit(s, f, prepare_register);
                else if (f->type == FRAME_AUTHENTICATE)
                        submit(s, f, prepare_authenticate);
                else
                        break_off(s, f->request, WIRE_ERROR_PROTOCOL, "Prove a transport key first.");
                break;
        case SESSION_PROVEN:
                received_proven(s, f);
                break;
        case SESSION_ENDING:
                break;
        }
        throttle(s);
}

static void complete_authenticate(struct session *s, struct job *j)
{
        const struct hub_settings *settings = hub_settings(s->hub);
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct authentication_answer m = { .newest = j->store.sequence,
                                           .key_packages = j->store.key_packages,
                                           .gone = j->store.gone };

        if (s->state != SESSION_UNPROVEN)
                return;
        if (j->store.result != STORE_DONE || transport_key_check(j->store.transport_key, TRANSPORT_AUTHENTICATE,
                                                                 s->exporter, j->store.name, j->signature) < 0) {
                access_log_write(hub_access_log(s->hub), s->peer, "refused", NULL);
                REFUSE(s, j->request, WIRE_ERROR_NOT_AUTHENTICATED, 0, NOBODY,
                       "This hub does not know that name with that transport key.");
                return;
        }
        memcpy(s->name, j->store.name.data, j->store.name.size);
        memcpy(m.generation, j->store.generation, sizeof(m.generation));
        memcpy(m.sent, j->store.sent, sizeof(m.sent));
        s->state = SESSION_PROVEN;
        s->newest = j->store.sequence;
        s->told_left = UINT32_MAX;
        channel_set_limits(s->channel, FRAME_LENGTH_MAX, settings->idle_usec);
        gate_proven(hub_gate(s->hub), &s->pass);
        hub_attach(s->hub, s, j->store.mailbox);
        access_log_write(hub_access_log(s->hub), s->peer, "authenticated", s->name);
        write_authentication_answer(&body, &m);
        send_answer(s, j, &body);
}

static const char *refusal_sentence(const struct store_request *r)
{
        if (r->policy == STORE_CLOSED)
                return "This hub takes no new accounts; ask its owner.";
        switch (r->refusal) {
        case STORE_TOKEN_USED:
                return "That invitation has been used up; ask the hub's owner for another.";
        case STORE_TOKEN_EXPIRED:
                return "That invitation has expired; ask the hub's owner for another.";
        case STORE_TOKEN_REVOKED:
                return "That invitation was taken back by the hub's owner; ask for another.";
        default:
                return "This hub takes new accounts by invitation alone; ask its owner for one that is "
                       "good, and sign up with it.";
        }
}

static void refuse_result(struct session *s, const struct job *j)
{
        const struct store_request *r = &j->store;
        struct bytes subject = BYTES_STRING(r->subject);

        switch (r->result) {
        case STORE_EXISTS:
                REFUSE(s, j->request, WIRE_ERROR_NAME_TAKEN, 0, subject,
                       "The name %s is taken on this hub; choose another.", r->subject);
                break;
        case STORE_REFUSED:
                REFUSE(s, j->request, WIRE_ERROR_NOT_ALLOWED, 0, NOBODY, "%s", refusal_sentence(r));
                break;
        case STORE_UNKNOWN:
                REFUSE(s, j->request, WIRE_ERROR_UNKNOWN_RECIPIENT, 0, subject, "Nobody is called %s on this hub.",
                       r->subject);
                break;
        case STORE_STALE:
                REFUSE(s, j->request, WIRE_ERROR_STALE, r->value, NOBODY,
                       "Another commit was first; the group's epoch is %llu now.", (unsigned long long) r->value);
                break;
        case STORE_OUTSIDE:
                REFUSE(s, j->request, WIRE_ERROR_OUTSIDE, 0, r->room.room,
                       "You are not in the room any more, or it was begun anew; join it again.");
                break;
        case STORE_FULL:
                REFUSE(s, j->request, WIRE_ERROR_TOO_LARGE, r->value, r->room.room,
                       "The room is full: it takes %llu members.", (unsigned long long) r->value);
                break;
        case STORE_EMPTY:
                REFUSE(s, j->request, WIRE_ERROR_NO_KEY_PACKAGE, 0, subject,
                       "%s has no key package on this hub; try again when they have been online.", r->subject);
                break;
        case STORE_QUOTA:
                if (r->operation == STORE_PUBLISH)
                        REFUSE(s, j->request, WIRE_ERROR_QUOTA, r->key_packages, NOBODY,
                               "The stock of key packages is full.");
                else if (r->operation == STORE_PUT_CHUNK)
                        REFUSE(s, j->request, WIRE_ERROR_QUOTA, r->value, NOBODY,
                               "This hub keeps at most %llu MiB of files for you; it has room again when older ones "
                               "are "
                               "past their time or withdrawn.",
                               (unsigned long long) (r->value >> 20));
                else
                        REFUSE(s, j->request, WIRE_ERROR_QUOTA, 0, subject,
                               "The mailbox of %s is full until its owner has been online.", r->subject);
                break;
        case STORE_MISMATCH:
                REFUSE(s, j->request, WIRE_ERROR_MISMATCH, 0, NOBODY,
                       "The chunk's name is not the SHA-256 of its content; it was damaged before it was sent.");
                break;
        default:
                REFUSE(s, j->request, WIRE_ERROR_STORAGE, 0, NOBODY,
                       "The hub could not write to its disk; try again later.");
                break;
        }
}

static void complete_done(struct session *s, struct job *j)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        switch (j->store.operation) {
        case STORE_PUBLISH:
                s->told_left = UINT32_MAX;
                write_key_packages_left(&body, j->store.key_packages);
                break;
        case STORE_CLAIM:
                write_claim_answer(&body, j->store.last_resort, BYTES(j->store.package, j->store.package_size));
                break;
        case STORE_LIST_ROOMS:
        case STORE_FETCH_ROOM:
        case STORE_SEND_TO_ROOM:
                write_fixed(&body, BYTES(j->store.package, j->store.package_size));
                break;
        case STORE_REGISTER:
                access_log_write(hub_access_log(s->hub), s->peer, "registered", NULL);
                break;
        case STORE_HAVE_CHUNKS:
                write_chunks_there(&body, BYTES(j->store.there, j->store.chunk_names.size / CHUNK_NAME_SIZE));
                break;
        case STORE_ACK:
                if (j->store.sequence > s->acknowledged)
                        s->acknowledged = j->store.sequence < s->pushed ? j->store.sequence : s->pushed;
                break;
        default:
                break;
        }
        send_answer(s, j, &body);
        if (j->store.operation == STORE_ACK)
                push(s);
}

void session_complete(struct session *s, struct job *j)
{
        s->in_flight--;
        s->puts -= j->store.operation == STORE_PUT_CHUNK;
        if (s->state == SESSION_ENDING)
                return;
        if (j->type == FRAME_AUTHENTICATE && j->store.result != STORE_FAILED)
                complete_authenticate(s, j);
        else if (j->store.result == STORE_DONE || j->store.result == STORE_REPEATED)
                complete_done(s, j);
        else
                refuse_result(s, j);
        throttle(s);
}

static void on_opened(struct channel *c, void *userdata)
{
        struct session *s = userdata;

        if (tls_exporter(channel_ssl(c), s->exporter) < 0)
                channel_close(c, -EPROTO, "TLS gave no exporter.");
}

static void on_drained(struct channel *c, void *userdata)
{
        throttle(userdata);
        push(userdata);
}

static void on_room(struct channel *c, void *userdata)
{
        push(userdata);
        serve_chunks(userdata);
        throttle(userdata);
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
                send_failure(s, FRAME_GOING_AWAY, 0, &(struct wire_failure){ .code = WIRE_ERROR_STOPPING }, NOBODY,
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

/* See session_parts.h: from a request to what the store is asked. */
#include "session_parts.h"

#include <errno.h>
#include <string.h>

#include "invitation.h"
#include "names.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"

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

session_prepare *session_preparer(const struct session *s, uint8_t type)
{
        static session_prepare *const unproven[] = {
                [FRAME_REGISTER] = prepare_register,
                [FRAME_AUTHENTICATE] = prepare_authenticate,
        };
        static session_prepare *const proven[] = {
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

        if (s->state == SESSION_UNPROVEN)
                return type < COUNT_OF(unproven) ? unproven[type] : NULL;
        return type < COUNT_OF(proven) ? proven[type] : NULL;
}

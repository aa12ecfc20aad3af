/* See session_parts.h: what the store has done becomes the answer. */
#include "session_parts.h"

#include <string.h>

#include "relayd/link/transport_key.h"
#include "services/cleanup.h"

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
        session_answer(s, j, &body);
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
        session_answer(s, j, &body);
        if (j->store.operation == STORE_ACK)
                session_push(s);
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
        session_throttle(s);
}

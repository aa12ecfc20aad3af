/* See messenger_state.h: an envelope that the hub took for nobody, since one of its recipients cannot be reached: a
 * mailbox that is full, an account that is gone.
 *
 *     refused ─┬─ a commit ───────────▶ made again without recipients, and brought to them when it has been accepted;
 *              │                        unless it adds somebody, who may be the one: then nothing comes of it
 *              ├─ several recipients ─▶ one half and the other
 *              └─ a single one ───────▶ said in the conversation; from now on an envelope of their own, as long as it
 *                                       is refused
 *
 * So the others get what there is, after as many envelopes as the logarithm of their number. */
#include <errno.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/parcel.h"
#include "services/cleanup.h"
#include "services/storage.h"

static unsigned count(struct bytes list)
{
        unsigned n = 0;
        struct reader r;

        for (reader_init(&r, list); reader_more(&r); n++)
                (void) read_vector(&r);
        return n;
}

static int queue_to(struct messenger *m, const struct envelope *e, struct bytes recipients)
{
        struct envelope part = { .message = e->message, .recipients = recipients, .content = e->content };

        return messenger_queue(m, &part);
}

/* Those on the hub by which it was to go; the ways round that hub have been tried, too. */
static void write_first_way(struct bytes recipients, struct writer *out)
{
        struct bytes first = BYTES(NULL, 0);
        struct reader r;

        for (reader_init(&r, recipients); reader_more(&r);) {
                struct bytes who = read_vector(&r);

                if (first.size == 0)
                        first = who;
                if (same_hub(first, who))
                        write_vector(out, who);
        }
}

static int split(struct messenger *m, const struct envelope *e, unsigned recipients)
{
        _cleanup_writer_ struct writer half = WRITER_INIT, rest = WRITER_INIT;
        struct reader r;
        int error;

        reader_init(&r, e->recipients);
        for (unsigned i = 0; reader_more(&r); i++)
                write_vector(i < recipients / 2 ? &half : &rest, read_vector(&r));
        error = queue_to(m, e, writer_bytes(&half));
        return error < 0 ? error : queue_to(m, e, writer_bytes(&rest));
}

/* The group that an envelope is of; NULL if it is none, or ours no more. */
static struct membership *group_of(struct messenger *m, struct bytes content, struct conversation **c)
{
        struct message_peek peek;
        struct parcel parcel;

        if (parcel_read(content, &parcel) < 0 || message_peek(parcel.message, &peek) < 0)
                return NULL;
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->group && !g->gone && bytes_equal(membership_group_id(g), peek.group_id))
                                return g;
                }
        }
        return NULL;
}

static int note_unreachable(struct messenger *m, const struct envelope *e)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;
        struct conversation *c;
        struct membership *g = group_of(m, e->content, &c);
        struct bytes who;
        struct reader r;

        reader_init(&r, e->recipients);
        who = read_vector(&r);
        if (!g || c->kind != CONVERSATION_GROUP || list_holds(writer_bytes(&g->unreachable), who))
                return 0;
        membership_addresses(g, &members);
        if (!list_holds(writer_bytes(&members), who)) /* has gone, and was to be told */
                return 0;
        list_add(&g->unreachable, who);
        return notice_add(m, c,
                          "The hub cannot bring %.*s what is said here: their mailbox is full, or their account is "
                          "gone. The others get it.",
                          (int) who.size, (const char *) who.data);
}

int messenger_undelivered(struct messenger *m, const struct envelope *e)
{
        _cleanup_writer_ struct writer first = WRITER_INIT;
        struct envelope part = *e;
        int r;

        write_first_way(e->recipients, &first);
        part.recipients = writer_bytes(&first);
        if (count(part.recipients) > 1) {
                r = split(m, &part, count(part.recipients));
                return r < 0 ? r : 1;
        }
        r = note_unreachable(m, &part);
        return r < 0 ? r : outbox_has_message(m->vault, e->message, BYTES_OF(e->id));
}

void messenger_delivered(struct messenger *m, const struct envelope *e)
{
        struct conversation *c;
        struct membership *g = count(e->recipients) == 1 ? group_of(m, e->content, &c) : NULL;
        struct reader r;

        reader_init(&r, e->recipients);
        if (g)
                list_remove(&g->unreachable, read_vector(&r));
}

int messenger_commit_alone(struct messenger *m, struct membership *g, const struct envelope *refused)
{
        struct envelope e = { .membership = refused->membership,
                              .group = refused->group,
                              .epoch = refused->epoch,
                              .content = refused->content };
        int r = messenger_queue(m, &e);

        if (r < 0)
                return r;
        memcpy(g->pending, e.id, sizeof(g->pending));
        return membership_store(m->vault, g);
}

int messenger_queue_to_members(struct messenger *m, const struct membership *g, struct envelope *e,
                               struct bytes recipients)
{
        _cleanup_writer_ struct writer reachable = WRITER_INIT;
        struct bytes not = writer_bytes(&g->unreachable);
        struct reader r;
        int error = 0;

        reader_init(&r, recipients);
        while (reader_more(&r)) {
                struct bytes who = read_vector(&r);

                if (!list_holds(not, who))
                        write_vector(&reachable, who);
        }
        e->recipients = writer_bytes(&reachable);
        if (e->recipients.size > 0)
                error = messenger_queue(m, e);
        reader_init(&r, recipients);
        while (error >= 0 && reader_more(&r)) {
                _cleanup_writer_ struct writer single = WRITER_INIT;
                struct bytes who = read_vector(&r);

                write_vector(&single, who);
                if (list_holds(not, who))
                        error = queue_to(m, e, writer_bytes(&single));
        }
        return error;
}

/* See messenger_content.h: what is erased by itself, because its time is over or there is too much of it. */
#include <errno.h>

#include "cryptod/conversation/keeping.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/messenger_state.h"
#include "services/cleanup.h"

enum {
        ERASED_AT_ONCE = 500, /* in one transaction, before others have their turn */
        DAY = 24 * 3600,
        LOOK_AFTER = 3600, /* seconds: what is kept for days, or by its number, need not go on the minute */
};

struct erasing {
        struct messenger *messenger;
        uint64_t time; /* of the retention clock */
        unsigned left; /* of ERASED_AT_ONCE */
        bool limited;  /* something has limits */
};

static int erase_disappearing(struct erasing *e)
{
        struct expired gone;
        int r = 0;

        for (; e->left > 0 && (r = retention_expired(e->messenger->vault, e->time, &gone)) > 0; e->left--) {
                struct conversation *c = messenger_find(e->messenger, BYTES_OF(gone.conversation));

                r = c ? messenger_erase(e->messenger, c, gone.id) : -EBADMSG;
                if (r < 0)
                        break;
        }
        return r;
}

/* One of before this was noted came when its author's clock says that it was written. What is damaged has no time. */
static bool is_old(const struct erasing *e, const struct message *m, uint32_t days)
{
        const uint64_t arrived = m->arrived > 0 ? m->arrived : m->time / 1000000;

        return days > 0 && !m->damaged && arrived + (uint64_t) days * DAY <= e->time;
}

/* From the oldest on. What waits here to be sent stays. */
static int thin(struct erasing *e, struct conversation *c)
{
        struct vault *v = e->messenger->vault;
        struct keeping k;
        uint64_t after = 0;
        int64_t tail;
        int r = keeping_load(v, conversation_id(c), &k);

        if (r < 0 || (k.days == 0 && k.messages == 0))
                return r;
        e->limited = true;
        tail = k.messages > 0 ? history_tail(v, conversation_id(c), k.messages) : 0;
        if (tail < 0)
                return (int) tail;
        while (e->left > 0 && r >= 0) {
                _cleanup_(message_release) struct message m = { 0 };

                r = history_next(v, conversation_id(c), after, &m);
                if (r <= 0)
                        break;
                after = m.id;
                if (m.state == MESSAGE_UNSENT || m.state == MESSAGE_QUEUED)
                        continue;
                if (m.id > (uint64_t) tail && !is_old(e, &m, k.days))
                        break;
                r = messenger_erase(e->messenger, c, m.id);
                e->left--;
        }
        return r;
}

int messenger_erase_expired(struct messenger *m, const struct instant *now, uint64_t *seconds)
{
        struct erasing e = { .messenger = m, .left = ERASED_AT_ONCE };
        uint64_t next = 0, in;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = retention_time(m->vault, now, &e.time);
        if (r >= 0)
                r = erase_disappearing(&e);
        for (struct conversation *c = m->conversations; c && r >= 0 && e.left > 0; c = c->next)
                r = thin(&e, c);
        if (r >= 0)
                r = retention_next(m->vault, &next);
        r = messenger_end(m, NULL, r);
        if (r < 0)
                return r;
        in = next == 0 ? 0 : next > e.time ? next - e.time : 1;
        if (e.limited && (in == 0 || in > LOOK_AFTER))
                in = LOOK_AFTER;
        *seconds = e.left == 0 ? 1 : in;
        return 0;
}

int messenger_set_keeping(struct messenger *m, const struct conversation *c, const struct keeping *k)
{
        const struct bytes conversation = c ? conversation_id(c) : BYTES(NULL, 0);
        int r;

        if (k && (k->days > KEEPING_DAYS_MAX || k->messages > KEEPING_MESSAGES_MAX))
                return -EINVAL;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_DEADLINE_SET });
        return messenger_end(m, NULL,
                             k ? keeping_store(m->vault, conversation, k) : keeping_erase(m->vault, conversation));
}

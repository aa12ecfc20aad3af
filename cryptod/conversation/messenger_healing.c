/* See messenger_healing.h. */
#include "cryptod/conversation/messenger_healing.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/healing.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"

enum {
        AGAIN_SECONDS = 60,               /* between two questions in a conversation, and two answers to one person */
        SENT_AGAIN_MAX = 100,             /* messages in one answer */
        HAVE_MAX = 256,                   /* ids of what is here in one question; as many of what was erased */
        ANSWERED_MAX = 64,                /* members whose answers to one question are told of */
        GIVEN_UP_SECONDS = 7 * 24 * 3600, /* after which a question that nothing has come of is told to be in vain */
};

static uint64_t seconds(void)
{
        return notice_time() / 1000000;
}

/* -- noted -------------------------------------------------------------------------------------------------------- */

int messenger_note_lost(struct messenger *m, struct conversation *c, bool told)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        int r = c->kind == CONVERSATION_ROOM ? 1 : healing_load(m->vault, conversation_id(c), &h);

        if (r != 0 || h.due)
                return r < 0 ? r : 0;
        h.due = true;
        h.open = h.open || !told;
        c->heals = true;
        r = healing_store(m->vault, conversation_id(c), &h);
        if (r >= 0 && !told)
                r = notice_add(m, c, "Something that was said could not be decrypted. It is asked for again.");
        return r;
}

int messenger_note_arrivals(struct messenger *m, struct conversation *c, const struct membership *g,
                            struct bytes before)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        _cleanup_(message_release) struct message last = { 0 };
        struct device_credential who;
        uint8_t author[AUTHOR_SIZE];
        bool changed = false;
        int r = 0;

        for (uint32_t leaf = 0; r >= 0 && membership_member(g, &leaf, &who); leaf++) {
                _cleanup_writer_ struct writer spelt = WRITER_INIT;

                messenger_spell(m, &who, &spelt);
                if (list_holds(before, writer_bytes(&spelt)))
                        continue;
                if (!changed) {
                        r = healing_load(m->vault, conversation_id(c), &h);
                        if (r >= 0)
                                r = history_last(m->vault, conversation_id(c), &last);
                }
                changed = true;
                content_author(who.address, who.root_key, author);
                healing_note_arrival(&h, BYTES_OF(author), last.id);
        }
        return r < 0 || !changed ? r : healing_store(m->vault, conversation_id(c), &h);
}

int messenger_note_newcomer(struct messenger *m, const struct conversation *c, struct bytes root_key)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        _cleanup_(message_release) struct message last = { 0 };
        uint8_t author[AUTHOR_SIZE];
        int r = healing_load(m->vault, conversation_id(c), &h);

        if (r >= 0)
                r = history_last(m->vault, conversation_id(c), &last);
        if (r < 0)
                return r;
        content_author(BYTES_STRING(c->address), root_key, author);
        healing_note_arrival(&h, BYTES_OF(author), last.id);
        return healing_store(m->vault, conversation_id(c), &h);
}

int messenger_note_erased(struct messenger *m, const struct conversation *c, uint64_t id)
{
        _cleanup_(message_release) struct message message = { 0 };
        _cleanup_(healing_release) struct healing h = { 0 };
        int r = history_get(m->vault, conversation_id(c), id, &message);

        if (r <= 0 || message.content_id.size == 0 || message.sender == SENDER_SELF)
                return r < 0 ? r : 0;
        r = healing_load(m->vault, conversation_id(c), &h);
        healing_note_erased(&h, message.content_id);
        return r < 0 ? r : healing_store(m->vault, conversation_id(c), &h);
}

int messenger_note_cleared(struct messenger *m, const struct conversation *c)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        int r = healing_load(m->vault, conversation_id(c), &h);

        h.cleared = notice_time();
        writer_release(&h.erased);
        return r < 0 ? r : healing_store(m->vault, conversation_id(c), &h);
}

/* -- asked -------------------------------------------------------------------------------------------------------- */

/* The ids of the newest messages that are here, and the time from which on all that are not are wanted. */
static int write_have(struct messenger *m, const struct conversation *c, const struct healing *h, struct writer *have,
                      uint64_t *since)
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        int r = history_before(m->vault, conversation_id(c), 0, &cursor);

        *since = h->cleared;
        while (r >= 0) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_read(&cursor, &message);
                if (r <= 0)
                        break;
                if (message.content_id.size == 0)
                        continue;
                write_fixed(have, message.content_id);
                if (have->size >= HAVE_MAX * CONTENT_ID_SIZE) {
                        if (message.time > *since)
                                *since = message.time;
                        break;
                }
        }
        write_fixed(have, writer_bytes(&h->erased));
        return r < 0 ? r : writer_finish(have);
}

static int ask(struct messenger *m, struct conversation *c, struct healing *h, uint64_t now)
{
        _cleanup_writer_ struct writer have = WRITER_INIT, body = WRITER_INIT;
        uint64_t since;
        int r = write_have(m, c, h, &have, &since);

        if (r < 0)
                return r;
        write_u64(&body, since);
        write_vector(&body, writer_bytes(&have));
        h->due = false;
        h->asked = now;
        writer_release(&h->answered);
        r = messenger_send_silent(m, c, CONTENT_ASK_AGAIN, writer_bytes(&body));
        return r < 0 ? r : healing_store(m->vault, conversation_id(c), h);
}

/* Nothing has come of the question. */
static int give_up(struct messenger *m, struct conversation *c, struct healing *h)
{
        int r = notice_add(m, c, "What could not be decrypted was not sent again by anybody, and is lost.");

        h->open = false;
        return r < 0 ? r : healing_store(m->vault, conversation_id(c), h);
}

/* 1 if there is something to do later. */
static int heal(struct messenger *m, struct conversation *c, struct membership *g, uint64_t now)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        int r = healing_load(m->vault, conversation_id(c), &h);
        uint64_t passed = now >= h.asked ? now - h.asked : UINT64_MAX;

        if (r < 0)
                return r;
        if (h.due && passed < AGAIN_SECONDS)
                return 1;
        c->heals = h.due || (h.open && passed < GIVEN_UP_SECONDS);
        if (!h.due && (!h.open || passed < GIVEN_UP_SECONDS))
                return 0;
        r = messenger_begin(m);
        return r < 0 ? r : messenger_end(m, g, h.due ? ask(m, c, &h, now) : give_up(m, c, &h));
}

int messenger_heal(struct messenger *m, uint64_t *wait)
{
        uint64_t now = seconds();
        int r = 0;

        *wait = 0;
        for (struct conversation *c = m->conversations; r >= 0 && c; c = c->next) {
                struct membership *g = c->heals ? conversation_current(c) : NULL;

                if (!g || !membership_other(g))
                        continue;
                r = heal(m, c, g, now);
                if (r > 0)
                        *wait = AGAIN_SECONDS;
        }
        return r < 0 ? r : 0;
}

int messenger_load_healing(struct messenger *m)
{
        int r = 0;

        for (struct conversation *c = m->conversations; r >= 0 && c; c = c->next) {
                _cleanup_(healing_release) struct healing h = { 0 };

                r = healing_load(m->vault, conversation_id(c), &h);
                c->heals = h.due || h.open;
        }
        return r;
}

/* -- answered ----------------------------------------------------------------------------------------------------- */

struct question {
        uint64_t since;
        struct bytes have;
};

static int read_question(struct bytes body, struct question *out)
{
        struct reader r;

        reader_init(&r, body);
        out->since = read_u64(&r);
        out->have = read_vector(&r);
        return reader_finish(&r) < 0 || out->have.size % CONTENT_ID_SIZE != 0 ||
                               out->have.size > 2 * HAVE_MAX * CONTENT_ID_SIZE
                       ? -EBADMSG
                       : 0;
}

static bool has(const struct question *q, struct bytes id)
{
        for (size_t at = 0; at < q->have.size; at += CONTENT_ID_SIZE) {
                if (bytes_equal(BYTES(q->have.data + at, CONTENT_ID_SIZE), id))
                        return true;
        }
        return false;
}

/* What is ours, was said as it stands there, and they do not have. */
static bool is_wanted(const struct question *q, const struct message *message)
{
        return message->sender == SENDER_SELF && message->content_id.size > 0 && !message->deleted &&
               !message->damaged && message->edited == 0 && message->encoded.size > 0 &&
               message->state != MESSAGE_UNSENT && message->state != MESSAGE_FAILED && !has(q, message->content_id);
}

static int send_again(struct messenger *m, struct conversation *c, struct membership *g, const struct question *q,
                      uint64_t after, struct bytes whom)
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        unsigned count = 0;
        int r = history_before(m->vault, conversation_id(c), 0, &cursor);

        while (r >= 0 && count < SENT_AGAIN_MAX) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_read(&cursor, &message);
                if (r <= 0 || message.id <= after || (message.sender == SENDER_SELF && message.time < q->since))
                        break;
                if (!is_wanted(q, &message))
                        continue;
                count++;
                r = messenger_encrypt_to_one(m, c, g, message.encoded, &whom);
        }
        return r < 0 ? r : (int) count;
}

/* How many were sent again, behind them. */
static int send_count(struct messenger *m, const struct conversation *c, struct membership *g, const struct origin *o,
                      unsigned count, struct bytes whom)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        write_fixed(&body, BYTES_OF(o->author));
        write_u32(&body, count);
        return messenger_encrypt_silent(
                m, c, g, &(struct content){ .kind = CONTENT_SENT_AGAIN, .body = writer_bytes(&body) }, &whom);
}

/* Whether this one was answered a moment ago. */
static bool was_answered(struct messenger *m, const struct origin *o, const struct conversation *c, uint64_t now)
{
        struct answered *oldest = &m->answered[0];

        for (unsigned i = 0; i < COUNT_OF(m->answered); i++) {
                struct answered *a = &m->answered[i];

                if (a->conversation == c && bytes_equal(BYTES_OF(a->author), BYTES_OF(o->author)) && now >= a->time &&
                    now - a->time < AGAIN_SECONDS / 2)
                        return true;
                if (a->time < oldest->time)
                        oldest = a;
        }
        oldest->conversation = c;
        oldest->time = now;
        memcpy(oldest->author, o->author, sizeof(oldest->author));
        return false;
}

int messenger_take_question(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body)
{
        struct bytes who = c->kind == CONVERSATION_PERSON ? BYTES_STRING(c->address) : o->from;
        _cleanup_(healing_release) struct healing h = { 0 };
        struct membership *g = conversation_current(c);
        struct question q;
        uint64_t now = seconds();
        int r = read_question(body, &q);

        if (r < 0 || c->kind == CONVERSATION_ROOM || o->sender == SENDER_SELF || !g ||
            c->standing.approval != APPROVAL_GIVEN || c->standing.blocked)
                return r;
        if (who.size == 0 || who.data[0] == '?' || was_answered(m, o, c, now)) /* ?: with another key than before */
                return 0;
        r = healing_load(m->vault, conversation_id(c), &h);
        if (r >= 0)
                r = send_again(m, c, g, &q, healing_arrival(&h, BYTES_OF(o->author)), who);
        return r <= 0 ? r : send_count(m, c, g, o, (unsigned) r, who);
}

/* -- the last word ------------------------------------------------------------------------------------------------ */

static bool has_answered(const struct healing *h, struct bytes author)
{
        struct reader r;

        reader_init(&r, writer_bytes(&h->answered));
        while (reader_more(&r)) {
                if (bytes_equal(read_fixed(&r, AUTHOR_SIZE), author))
                        return true;
        }
        return false;
}

int messenger_take_count(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        struct origin self;
        struct bytes asker;
        struct reader reader;
        uint32_t count;
        int r;

        reader_init(&reader, body);
        asker = read_fixed(&reader, AUTHOR_SIZE);
        count = read_u32(&reader);
        if (reader_finish(&reader) < 0 || count == 0 || count > SENT_AGAIN_MAX)
                return -EBADMSG;
        messenger_self(m, c, &self);
        if (o->sender == SENDER_SELF || !bytes_equal(asker, BYTES_OF(self.author)))
                return 0;
        r = healing_load(m->vault, conversation_id(c), &h);
        if (r < 0 || h.asked == 0 || has_answered(&h, BYTES_OF(o->author)) ||
            h.answered.size >= ANSWERED_MAX * AUTHOR_SIZE)
                return r;
        h.open = false;
        write_fixed(&h.answered, BYTES_OF(o->author));
        r = notice_add(m, c, "What was lost was sent again%s%.*s: %u message%s.", o->from.size > 0 ? " by " : "",
                       (int) o->from.size, (const char *) o->from.data, count, count == 1 ? "" : "s");
        return r < 0 ? r : healing_store(m->vault, conversation_id(c), &h);
}

/* See messenger_content.h: what a content does, whoever says it. */
#include "cryptod/conversation/messenger_content.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* Somebody's clock may be ahead of ours by this much; what is said to be from later does not stand for ever. */
enum { CLOCK_AHEAD_USEC = 5 * 60 * 1000000, TYPING_STALE_USEC = 30 * 1000000 };

void messenger_self(const struct messenger *m, const struct conversation *c, struct origin *out)
{
        *out = (struct origin){ .sender = SENDER_SELF };
        content_author(messenger_own_address(m, c), writer_bytes(&m->device->root_key), out->author);
}

/* -- ids ---------------------------------------------------------------------------------------------------------- */

/* What all members know the conversation by. */
static void write_reference(const struct messenger *m, const struct conversation *c, struct writer *out)
{
        uint8_t other[AUTHOR_SIZE];
        struct origin self;

        if (c->kind != CONVERSATION_PERSON) {
                write_fixed(out, conversation_id(c));
                return;
        }
        messenger_self(m, c, &self);
        content_author(BYTES_STRING(c->address), writer_bytes(&c->root_key), other);
        if (memcmp(self.author, other, AUTHOR_SIZE) < 0) {
                write_fixed(out, BYTES_OF(self.author));
                write_fixed(out, BYTES_OF(other));
        } else {
                write_fixed(out, BYTES_OF(other));
                write_fixed(out, BYTES_OF(self.author));
        }
}

/* A content as it is taken in. */
struct taking {
        struct messenger *messenger;
        struct conversation *conversation;
        const struct origin *origin;
        const struct content *content;
        struct bytes encoded;
        uint8_t id[CONTENT_ID_SIZE];
        uint64_t time; /* of the content, and not from the future */
};

static struct bytes where(const struct taking *t)
{
        return conversation_id(t->conversation);
}

/* Whether what @t says is newer than what was said at @time in @id: the same order everywhere. */
static bool is_newer(const struct taking *t, uint64_t time, struct bytes id)
{
        if (t->time != time || id.size != sizeof(t->id))
                return t->time > time;
        return memcmp(t->id, id.data, id.size) > 0;
}

static void tell(const struct taking *t, enum event_kind kind, uint64_t message)
{
        messenger_tell(t->messenger,
                       &(struct pending_event){ .kind = kind, .conversation = t->conversation, .message = message });
}

/* -- what is about a message -------------------------------------------------------------------------------------- */

static enum annotation_kind annotation_kind_of(const struct taking *t)
{
        switch (t->content->kind) {
        case CONTENT_EDIT:
                return ANNOTATION_EDIT;
        case CONTENT_DELETION:
                return ANNOTATION_DELETION;
        case CONTENT_REACTION:
                return ANNOTATION_REACTION;
        default:
                return ANNOTATION_PIN;
        }
}

static int count_pins(const struct taking *t, unsigned *out)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor c = { 0 };
        int r = annotation_of_kind(t->messenger->vault, where(t), ANNOTATION_PIN, &c);

        *out = 0;
        while (r >= 0) {
                _cleanup_(annotation_release) struct annotation a = { 0 };

                r = annotation_read(&c, &a);
                if (r <= 0)
                        break;
                *out += a.content.on;
        }
        return r;
}

/* The newest stands. */
static int annotate(const struct taking *t, bool waiting)
{
        _cleanup_(annotation_release) struct annotation before = { 0 };
        const struct annotation a = { .kind = annotation_kind_of(t),
                                      .sender = t->origin->sender,
                                      .from = t->origin->from,
                                      .author = BYTES_OF(t->origin->author),
                                      .content_id = BYTES_OF(t->id),
                                      .time = t->time,
                                      .target = t->content->target };
        struct vault *v = t->messenger->vault;
        unsigned pins = 0;
        int r = annotation_get(v, where(t), a.target, a.kind, a.author, &before);

        if (r > 0 && !is_newer(t, before.time, before.content_id))
                return 0;
        if (r >= 0 && a.kind == ANNOTATION_PIN && t->content->on && !(r > 0 && before.content.on))
                r = count_pins(t, &pins);
        if (r >= 0 && pins >= PINS_MAX)
                return -E2BIG;
        return r < 0 ? r : annotation_put(v, where(t), &a, t->encoded, waiting);
}

static bool is_author(const struct taking *t, const struct message *target)
{
        return bytes_equal(target->author, BYTES_OF(t->origin->author));
}

static bool can_change(const struct message *target)
{
        return !target->deleted && (target->content.kind == CONTENT_TEXT || target->content.kind == CONTENT_FILE);
}

static int edit(const struct taking *t, const struct message *target)
{
        struct content text = *t->content;
        int r;

        if (!is_author(t, target))
                return target->damaged ? 0 : -EPERM;
        if (!can_change(target))
                return target->deleted ? 0 : -EOPNOTSUPP;
        if (!is_newer(t, target->edited, target->edit_id))
                return 0;
        text.time = t->time;
        r = history_edit(t->messenger->vault, where(t), target, &text, BYTES_OF(t->id));
        if (r >= 0)
                tell(t, EVENT_EDITED, target->id);
        return r;
}

static int retract(const struct taking *t, const struct message *target)
{
        int r;

        if (!is_author(t, target))
                return target->damaged ? 0 : -EPERM;
        if (target->deleted)
                return 0;
        if (target->content.kind == CONTENT_LIFETIME)
                return -EOPNOTSUPP;
        r = history_retract(t->messenger->vault, where(t), target);
        if (r >= 0)
                tell(t, EVENT_EDITED, target->id);
        return r;
}

static int take_about(const struct taking *t)
{
        _cleanup_(message_release) struct message target = { 0 };
        int r = history_find(t->messenger->vault, where(t), t->content->target, &target);

        if (r == 0)
                return annotate(t, true);
        if (r < 0)
                return r;
        if (t->content->kind == CONTENT_EDIT)
                return edit(t, &target);
        if (t->content->kind == CONTENT_DELETION)
                return retract(t, &target);
        if (target.deleted)
                return 0;
        r = annotate(t, false);
        if (r >= 0)
                tell(t, EVENT_EDITED, target.id);
        return r;
}

/* -- what stands in the history ----------------------------------------------------------------------------------- */

static int take_lifetime(const struct taking *t)
{
        struct settings *s = &t->conversation->settings;

        if (!is_newer(t, s->lifetime_time, BYTES_OF(s->lifetime_id)))
                return 0;
        s->lifetime = t->content->seconds;
        s->lifetime_time = t->time;
        memcpy(s->lifetime_id, t->id, sizeof(s->lifetime_id));
        tell(t, EVENT_CONVERSATION, 0);
        return settings_store(t->messenger->vault, where(t), s);
}

/* Follows what came before the message itself: of its author an edit, or its deletion. */
static int follow_waiting(const struct taking *t, uint64_t id)
{
        _cleanup_(annotation_release) struct annotation deletion = { 0 }, edited = { 0 };
        _cleanup_(message_release) struct message m = { 0 };
        struct vault *v = t->messenger->vault;
        struct bytes author = BYTES_OF(t->origin->author), target = BYTES_OF(t->id);
        int r = annotation_exists(v, where(t), target);

        if (r <= 0)
                return r;
        r = annotation_get(v, where(t), target, ANNOTATION_DELETION, author, &deletion);
        if (r == 0)
                r = annotation_get(v, where(t), target, ANNOTATION_EDIT, author, &edited);
        if (r > 0)
                r = history_get(v, where(t), id, &m);
        if (r > 0 && deletion.plain)
                return history_retract(v, where(t), &m);
        if (r > 0 && can_change(&m)) {
                edited.content.time = edited.time;
                r = history_edit(v, where(t), &m, &edited.content, edited.content_id);
        }
        return r < 0 ? r : annotation_settle(v, where(t), target);
}

static int add_deadline(const struct taking *t, struct message *m)
{
        struct instant now = instant_now();
        uint64_t time;
        int r;

        if (t->content->lifetime == 0)
                return 0;
        r = retention_time(t->messenger->vault, &now, &time);
        m->deadline = time + t->content->lifetime;
        tell(t, EVENT_DEADLINE_SET, 0);
        return r;
}

static int take_shown(const struct taking *t, enum message_state state, uint64_t *message)
{
        _cleanup_(message_release) struct message before = { 0 };
        struct message added = { .state = state,
                                 .sender = t->origin->sender,
                                 .from = t->origin->from,
                                 .content_id = BYTES_OF(t->id),
                                 .author = BYTES_OF(t->origin->author),
                                 .time = t->content->time,
                                 .encoded = t->encoded };
        struct vault *v = t->messenger->vault;
        int r = history_find(v, where(t), BYTES_OF(t->id), &before);

        if (r != 0)
                return r < 0 ? r : -EALREADY;
        if (state == MESSAGE_RECEIVED && messenger_gives_receipts(t->conversation)) {
                added.owed = RECEIPT_DELIVERED;
                messenger_tell(t->messenger, &(struct pending_event){ .kind = EVENT_RECEIPTS_OWED });
        }
        r = add_deadline(t, &added);
        if (r >= 0)
                r = history_add(v, where(t), &added);
        if (r >= 0 && t->content->kind == CONTENT_LIFETIME)
                r = take_lifetime(t);
        if (r >= 0)
                r = follow_waiting(t, added.id);
        if (r < 0)
                return r;
        *message = added.id;
        messenger_tell_added(t->messenger, t->conversation, added.id);
        return 0;
}

/* An older client's, or a later one's: there is nothing by which others could refer to it. */
static int take_bare(const struct taking *t, enum message_state state, uint64_t *message)
{
        struct message added = { .state = state,
                                 .sender = t->origin->sender,
                                 .from = t->origin->from,
                                 .time = t->content->version == 1 ? t->content->time : notice_time(),
                                 .encoded = t->encoded };
        int r = history_add(t->messenger->vault, where(t), &added);

        if (r < 0)
                return r;
        *message = added.id;
        messenger_tell_added(t->messenger, t->conversation, added.id);
        return 0;
}

static int take_typing(const struct taking *t)
{
        struct pending_event e = { .kind = EVENT_TYPING, .conversation = t->conversation, .typing = t->content->on };
        struct bytes who =
                t->conversation->kind == CONVERSATION_PERSON ? BYTES_STRING(t->conversation->address) : t->origin->from;

        (void) snprintf(e.who, sizeof(e.who), "%.*s", (int) who.size, (const char *) who.data);
        if (t->time + TYPING_STALE_USEC > notice_time())
                messenger_tell(t->messenger, &e);
        return 0;
}

int messenger_take(struct messenger *m, struct conversation *c, const struct origin *o, const struct content *content,
                   struct bytes encoded, enum message_state state, uint64_t *message)
{
        _cleanup_writer_ struct writer reference = WRITER_INIT;
        struct taking t = { m, c, o, content, encoded, .time = content->time };
        uint64_t latest = notice_time() + CLOCK_AHEAD_USEC;

        *message = 0;
        if (content->version != 2)
                return take_bare(&t, state, message);
        write_reference(m, c, &reference);
        if (writer_finish(&reference) < 0)
                return -ENOMEM;
        content_id(BYTES_OF(o->author), writer_bytes(&reference), encoded, content->salt, t.id);
        if (t.time > latest)
                t.time = latest;
        if (content_is_shown(content))
                return take_shown(&t, state, message);
        switch (content->kind) {
        case CONTENT_EDIT:
        case CONTENT_REACTION:
        case CONTENT_DELETION:
        case CONTENT_PIN:
                return take_about(&t);
        case CONTENT_RECEIPT:
                return messenger_take_receipt(m, c, o, content);
        case CONTENT_TYPING:
                return take_typing(&t);
        case CONTENT_KNOCK:
                return messenger_take_knock(m, c, o, content->body);
        case CONTENT_ASK_AGAIN:
                return messenger_take_question(m, c, o, content->body);
        case CONTENT_SENT_AGAIN:
                return messenger_take_count(m, c, o, content->body);
        case CONTENT_OPENING:
                return messenger_take_opening(m, c, o, content->body);
        default: /* a later version's, which does nothing here */
                return 0;
        }
}

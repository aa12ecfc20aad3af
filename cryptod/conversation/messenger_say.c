/* See messenger_content.h: what the person says and does. */
#include <errno.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/unsent.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"
#include "services/text.h"

/* -- anything ----------------------------------------------------------------------------------------------------- */

static int take_and_send(struct messenger *m, struct conversation *c, const struct content *content,
                         struct bytes encoded, uint64_t *message)
{
        struct origin self;
        int r;

        messenger_self(m, c, &self);
        r = messenger_take(m, c, &self, content, encoded, messenger_state_in(conversation_current(c)), message);
        return r < 0 ? r : messenger_send_content(m, c, *message, encoded);
}

static int encode(const struct conversation *c, struct content *content, struct writer *out)
{
        struct content again;
        int r;

        if (content->text.size > CONTENT_TEXT_MAX)
                return -EMSGSIZE;
        if (content->time == 0)
                content->time = notice_time();
        if (content->kind == CONTENT_TEXT || content->kind == CONTENT_FILE)
                content->lifetime = c->settings.lifetime;
        content_write(out, content);
        r = writer_finish(out);
        if (r >= 0 && content_read(writer_bytes(out), &again) < 0)
                r = -EINVAL;
        if (r >= 0)
                *content = again;
        return r;
}

/* Whoever speaks wants the conversation, and wants it in sight. */
static int take_up(struct messenger *m, struct conversation *c)
{
        bool asks = c->standing.approval != APPROVAL_GIVEN;

        if (!asks && !c->standing.archived)
                return 0;
        c->standing.archived = false;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        return asks ? messenger_approve(m, c) : conversation_store(m->vault, c);
}

/* @transfer: whose record is over with that, or NULL. */
static int say(struct messenger *m, struct conversation *c, const struct content *content, const uint8_t *transfer,
               uint64_t *message)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        uint8_t salt[CONTENT_SALT_SIZE];
        struct content said = *content;
        struct standing before = c->standing;
        int r;

        if (c->memberships ? c->memberships->wanted.leave : c->kind == CONVERSATION_PERSON || !c->rejoin)
                return -ENOTCONN;
        if (c->standing.blocked)
                return -ECONNREFUSED;
        random_fill(salt, sizeof(salt));
        said.salt = BYTES_OF(salt);
        r = encode(c, &said, &encoded);
        if (r >= 0)
                r = messenger_begin(m);
        if (r < 0)
                return r;
        r = transfer ? transfer_record_erase(m->vault, transfer) : 0;
        if (r >= 0)
                r = take_up(m, c);
        if (r >= 0)
                r = take_and_send(m, c, &said, writer_bytes(&encoded), message);
        r = messenger_end(m, conversation_current(c), r);
        if (r < 0)
                c->standing = before;
        return r;
}

int messenger_say(struct messenger *m, struct conversation *c, struct content *content, uint64_t *message)
{
        return say(m, c, content, NULL, message);
}

int messenger_say_file(struct messenger *m, struct conversation *c, const struct transfer_record *t, uint64_t *message)
{
        struct content content = { .kind = CONTENT_FILE, .text = t->caption, .file = t->part };

        return say(m, c, &content, t->id, message);
}

/* -- about a message ---------------------------------------------------------------------------------------------- */

static int find(struct messenger *m, const struct conversation *c, uint64_t id, struct message *out)
{
        int r = history_get(m->vault, conversation_id(c), id, out);

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        return out->content_id.size > 0 && !out->deleted ? 0 : -EOPNOTSUPP;
}

/* Says @content about @message. */
static int say_about(struct messenger *m, struct conversation *c, uint64_t message, struct content *content)
{
        _cleanup_(message_release) struct message target = { 0 };
        uint64_t none;
        int r = find(m, c, message, &target);

        if (r < 0)
                return r;
        content->target = target.content_id;
        return messenger_say(m, c, content, &none);
}

int messenger_reply(struct messenger *m, struct conversation *c, uint64_t to, struct content *content,
                    uint64_t *message)
{
        _cleanup_(message_release) struct message target = { 0 };
        int r = find(m, c, to, &target);

        if (r < 0)
                return r;
        content->replies_to = target.content_id;
        return messenger_say(m, c, content, message);
}

int messenger_edit(struct messenger *m, struct conversation *c, uint64_t message, struct bytes text)
{
        return say_about(m, c, message, &(struct content){ .kind = CONTENT_EDIT, .text = text });
}

int messenger_react(struct messenger *m, struct conversation *c, uint64_t message, struct bytes emoji)
{
        return say_about(m, c, message, &(struct content){ .kind = CONTENT_REACTION, .list = emoji });
}

int messenger_pin(struct messenger *m, struct conversation *c, uint64_t message, bool pinned)
{
        return say_about(m, c, message, &(struct content){ .kind = CONTENT_PIN, .on = pinned });
}

int messenger_set_lifetime(struct messenger *m, struct conversation *c, uint32_t seconds)
{
        struct content content = { .kind = CONTENT_LIFETIME, .seconds = seconds };
        uint64_t message;

        return c->settings.lifetime == seconds ? 0 : messenger_say(m, c, &content, &message);
}

int messenger_forward(struct messenger *m, struct conversation *from, uint64_t message, struct conversation *to,
                      uint64_t *forwarded)
{
        _cleanup_(message_release) struct message source = { 0 };
        struct content content;
        int r = history_get(m->vault, conversation_id(from), message, &source);

        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        if (source.deleted || source.damaged || source.sender == SENDER_NOTICE ||
            (source.content.kind != CONTENT_TEXT && source.content.kind != CONTENT_FILE))
                return -EOPNOTSUPP;
        content = (struct content){
                .kind = source.content.kind, .text = source.content.text, .part = source.content.part, .forwarded = true
        };
        return messenger_say(m, to, &content, forwarded);
}

/* -- deleted ------------------------------------------------------------------------------------------------------ */

int messenger_erase(struct messenger *m, struct conversation *c, uint64_t id)
{
        int r = unsent_remove_message(m->vault, id);

        if (r >= 0)
                r = messenger_note_erased(m, c, id);
        if (r >= 0)
                r = history_erase(m->vault, conversation_id(c), id);
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_ERASED, .conversation = c, .message = id });
        return r;
}

static int delete_for_all(struct messenger *m, struct conversation *c, uint64_t id)
{
        _cleanup_(message_release) struct message message = { 0 };
        struct origin self;
        int r = find(m, c, id, &message);

        if (r < 0)
                return message.deleted ? 0 : r;
        messenger_self(m, c, &self);
        if (!bytes_equal(message.author, BYTES_OF(self.author)))
                return -EPERM;
        if (message.state != MESSAGE_UNSENT && message.state != MESSAGE_FAILED)
                return say_about(m, c, id, &(struct content){ .kind = CONTENT_DELETION });
        r = messenger_begin(m); /* what has not left here is nowhere else, and leaves no mark */
        return r < 0 ? r : messenger_end(m, NULL, messenger_erase(m, c, id));
}

int messenger_delete(struct messenger *m, struct conversation *c, uint64_t message, bool for_all)
{
        _cleanup_(message_release) struct message there = { 0 };
        int r;

        if (for_all)
                return delete_for_all(m, c, message);
        r = history_get(m->vault, conversation_id(c), message, &there);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = messenger_begin(m);
        return r < 0 ? r : messenger_end(m, NULL, messenger_erase(m, c, message));
}

int messenger_clear(struct messenger *m, struct conversation *c)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        r = messenger_note_cleared(m, c);
        return messenger_end(m, NULL, r < 0 ? r : history_clear(m->vault, conversation_id(c)));
}

/* -- here alone --------------------------------------------------------------------------------------------------- */

static int set(struct messenger *m, struct conversation *c, const struct settings *s)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        c->settings = *s;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        return messenger_end(m, NULL, settings_store(m->vault, conversation_id(c), s));
}

int messenger_set_silent(struct messenger *m, struct conversation *c, bool silent)
{
        struct settings s = c->settings;

        s.silent = silent;
        return set(m, c, &s);
}

int messenger_mark_unread(struct messenger *m, struct conversation *c)
{
        struct settings s = c->settings;

        s.marked_unread = true;
        return set(m, c, &s);
}

int messenger_set_draft(struct messenger *m, struct conversation *c, struct bytes text, uint64_t replies_to)
{
        _cleanup_(message_release) struct message target = { 0 };
        int r = 0;

        if (text.size > CONTENT_TEXT_MAX)
                return -EMSGSIZE;
        if (!utf8_valid(text))
                return -EINVAL;
        if (replies_to > 0)
                r = find(m, c, replies_to, &target);
        if (r >= 0)
                r = messenger_begin(m);
        if (r < 0)
                return r;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        return messenger_end(m, NULL, draft_store(m->vault, conversation_id(c), text, target.content_id));
}

/* See messenger_content.h: who has got and read what, and who is typing.
 *
 * A receipt is owed from the transaction that stores its message until the one that sends it, so a crash loses none. It
 * goes to the author's devices alone: the others' ratchets have to step over it, of which they keep keys for a while,
 * so every so often one goes to all. Receipts and notices do not make a commit due by themselves. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

enum {
        TO_ALL_EVERY = 32,   /* fewer than the keys of skipped generations that are kept (secret_tree.h) */
        BATCHES_AT_ONCE = 8, /* before others have their turn */
};

static size_t count_members(const struct conversation *c)
{
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        const struct membership *g = conversation_current(c);
        size_t count = 0;
        struct reader r;

        if (!g)
                return 0;
        membership_addresses(g, &addresses);
        reader_init(&r, writer_bytes(&addresses));
        while (reader_more(&r)) {
                (void) read_vector(&r);
                count++;
        }
        return count;
}

/* Whether it is small enough for them: each that is taken in counts the members and the receipts. */
static bool has_receipts(const struct conversation *c)
{
        const struct membership *g = conversation_current(c);

        /* A tree is at most twice as large: so it is not counted for each message of a large group. */
        return c->kind != CONVERSATION_ROOM && g && group_epoch(g->group)->tree.leaves <= 2 * RECEIPTS_MEMBERS_MAX &&
               count_members(c) <= RECEIPTS_MEMBERS_MAX;
}

bool messenger_gives_receipts(const struct conversation *c)
{
        return !c->settings.silent && c->standing.approval == APPROVAL_GIVEN && !c->standing.blocked && has_receipts(c);
}

int messenger_owe_receipts(struct messenger *m, struct conversation *c)
{
        if (!messenger_gives_receipts(c))
                return 0;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_RECEIPTS_OWED });
        return history_owe_delivered(m->vault, conversation_id(c));
}

/* -- taken in ----------------------------------------------------------------------------------------------------- */

static enum message_state state_of(enum message_state state, size_t others, unsigned delivered, unsigned read)
{
        if (state != MESSAGE_STORED && state != MESSAGE_QUEUED && state != MESSAGE_DELIVERED)
                return state;
        return read >= others ? MESSAGE_READ : delivered >= others ? MESSAGE_DELIVERED : state;
}

static int note_state(struct messenger *m, struct conversation *c, const struct message *message)
{
        size_t members = count_members(c);
        enum message_state state;
        unsigned delivered, read;
        int r = annotation_count_receipts(m->vault, conversation_id(c), message->content_id, &delivered, &read);

        if (r < 0 || members < 2)
                return r;
        state = state_of(message->state, members - 1, delivered, read);
        if (state == message->state)
                return 0;
        messenger_tell_changed(m, c, message->id, state);
        return history_set_state(m->vault, message->id, state);
}

static int note_receipt(struct messenger *m, struct conversation *c, const struct origin *o, enum receipt what,
                        const struct message *message)
{
        _cleanup_(annotation_release) struct annotation before = { 0 };
        struct annotation a = { .kind = ANNOTATION_RECEIPT,
                                .sender = o->sender,
                                .from = o->from,
                                .author = BYTES_OF(o->author),
                                .time = notice_time(),
                                .target = message->content_id };
        int r = annotation_get(m->vault, conversation_id(c), a.target, a.kind, a.author, &before);

        if (r < 0 || (r > 0 && (before.read > 0 || what == RECEIPT_DELIVERED)))
                return r < 0 ? r : 0;
        if (what == RECEIPT_READ)
                a.read = a.time;
        if (r > 0)
                a.time = before.time;
        r = annotation_put(m->vault, conversation_id(c), &a, BYTES(NULL, 0), false);
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_EDITED, .conversation = c, .message = message->id });
        return r < 0 ? r : note_state(m, c, message);
}

int messenger_take_receipt(struct messenger *m, struct conversation *c, const struct origin *o,
                           const struct content *content)
{
        struct reader reader;
        int r = 0;

        if (o->sender == SENDER_SELF || !has_receipts(c))
                return 0;
        reader_init(&reader, content->list);
        while (r >= 0 && reader_more(&reader)) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_find(m->vault, conversation_id(c), read_fixed(&reader, CONTENT_ID_SIZE), &message);
                if (r > 0 && message.sender == SENDER_SELF && !message.deleted)
                        r = note_receipt(m, c, o, content->receipt, &message);
        }
        return r;
}

/* -- sent --------------------------------------------------------------------------------------------------------- */

int messenger_encrypt_to_one(struct messenger *m, const struct conversation *c, struct membership *g,
                             struct bytes content, const struct bytes *recipient)
{
        return messenger_encrypt(m, c, g, 0, content, g->messages % TO_ALL_EVERY == 0 ? NULL : recipient);
}

int messenger_encrypt_silent(struct messenger *m, const struct conversation *c, struct membership *g,
                             struct content *content, const struct bytes *recipient)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        uint8_t salt[CONTENT_SALT_SIZE];
        int r;

        random_fill(salt, sizeof(salt));
        content->salt = BYTES_OF(salt);
        content->time = notice_time();
        content_write(&encoded, content);
        r = writer_finish(&encoded);
        return r < 0 ? r : messenger_encrypt_to_one(m, c, g, writer_bytes(&encoded), recipient);
}

/* Receipts of one kind for messages of one author. */
struct batch {
        struct writer author, address, ids;
        enum receipt what;
};

static void batch_release(struct batch *b)
{
        writer_release(&b->author);
        writer_release(&b->address);
        writer_release(&b->ids);
}

/* Takes a message in if it belongs to the batch, or begins it. */
static int batch_add(struct messenger *m, const struct conversation *c, const struct message *message, struct batch *b)
{
        if (b->ids.size == 0) {
                b->what = message->owed;
                write_fixed(&b->author, message->author);
                write_fixed(&b->address, c->kind == CONVERSATION_PERSON ? BYTES_STRING(c->address) : message->from);
        } else if (b->what != message->owed || !bytes_equal(writer_bytes(&b->author), message->author)) {
                return 0;
        }
        write_fixed(&b->ids, message->content_id);
        return storage_run(vault_database(m->vault), "UPDATE message SET owed = 0 WHERE id = ?", "i",
                           (int64_t) message->id);
}

static int collect(struct messenger *m, const struct conversation *c, struct batch *b)
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        int r = history_owing(m->vault, conversation_id(c), &cursor);

        while (r >= 0 && b->ids.size < CONTENT_TARGETS_MAX * CONTENT_ID_SIZE) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_read(&cursor, &message);
                if (r <= 0)
                        break;
                r = batch_add(m, c, &message, b);
        }
        return r < 0 ? r : writer_finish(&b->ids);
}

/* Nobody tells a stranger with a known address what was read. */
static int send_batch(struct messenger *m, struct conversation *c, struct membership *g)
{
        _cleanup_(batch_release) struct batch b = { 0 };
        struct content content = { .kind = CONTENT_RECEIPT };
        struct bytes address;
        int r = collect(m, c, &b);

        if (r < 0 || b.ids.size == 0)
                return r;
        address = writer_bytes(&b.address);
        content.receipt = b.what;
        content.list = writer_bytes(&b.ids);
        return address.size == 0 || address.data[0] == '?' ? 0 : messenger_encrypt_silent(m, c, g, &content, &address);
}

int messenger_send_receipts(struct messenger *m)
{
        uint8_t id[CONVERSATION_ID_SIZE];
        int r = 0;

        for (unsigned i = 0; i < BATCHES_AT_ONCE && (r = history_owing_conversation(m->vault, id)) > 0; i++) {
                struct conversation *c = messenger_find(m, BYTES_OF(id));
                struct membership *g = c && messenger_gives_receipts(c) ? conversation_current(c) : NULL;

                r = messenger_begin(m);
                if (r < 0)
                        return r;
                r = messenger_end(m, g, g ? send_batch(m, c, g) : history_owe_nothing(m->vault, BYTES_OF(id)));
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : history_owing_conversation(m->vault, id);
}

/* -- typing ------------------------------------------------------------------------------------------------------- */

static uint64_t boot_usec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static bool is_idle(struct messenger *m)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };

        return outbox_next(m->vault, 0, &e) == 0;
}

int messenger_typing(struct messenger *m, struct conversation *c, bool typing)
{
        struct membership *g = messenger_gives_receipts(c) ? conversation_current(c) : NULL;
        struct content content = { .kind = CONTENT_TYPING, .on = typing };
        uint64_t now = boot_usec();
        bool told = c->typing_told > 0 && now < c->typing_told + (uint64_t) 2 * TYPING_SECONDS * 1000000;
        int r;

        if (!g || !membership_other(g) || count_members(c) > TYPING_MEMBERS_MAX || !is_idle(m))
                return 0;
        if (typing ? told && now < c->typing_told + (uint64_t) TYPING_SECONDS * 1000000 : !told)
                return 0;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        r = messenger_end(m, g, messenger_encrypt_silent(m, c, g, &content, NULL));
        if (r >= 0)
                c->typing_told = typing ? now : 0;
        return r;
}

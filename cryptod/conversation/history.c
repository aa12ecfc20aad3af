/* See history.h. */
#include "cryptod/conversation/history.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cryptod/conversation/annotation.h"
#include "cryptod/conversation/retention.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to struct { opaque conversation<V>; uint64 id; }:
 *
 *     struct { uint8 format = 17; uint8 sender; opaque from<V>, content_id<V>, author<V>; uint64 time, edited;
 *              opaque edit_id<V>; Content content<V>; uint64 arrived; }     content: none if it was deleted
 *
 * Format 16 is without arrived. Those of before are struct { uint8 sender; [opaque from<V>;] Content content; }, from
 * if the sender is SENDER_NAMED.
 */
enum { ROW_FORMAT = 17, ROW_FORMAT_BEFORE = 16 };

#define COLUMNS "SELECT id, state, content, deadline, owed, conversation, tag FROM message "

const char *message_state_name(enum message_state s)
{
        static const char *const names[] = {
                [MESSAGE_UNSENT] = "queued",     [MESSAGE_QUEUED] = "queued",  [MESSAGE_STORED] = "stored",
                [MESSAGE_RECEIVED] = "received", [MESSAGE_FAILED] = "failed",  [MESSAGE_DELIVERED] = "delivered",
                [MESSAGE_READ] = "read",         [MESSAGE_NOTICE] = "received"
        };

        return names[s];
}

void message_release(struct message *m)
{
        secret_free(m->plain);
        *m = (struct message){ 0 };
}

/* -- writing ------------------------------------------------------------------------------------------------------ */

static void write_row(struct bytes conversation, uint64_t id, struct writer *w)
{
        write_vector(w, conversation);
        write_u64(w, id);
}

int history_tag(struct vault *v, struct bytes conversation, struct bytes content_id, uint8_t out[static VAULT_TAG_SIZE])
{
        _cleanup_writer_ struct writer value = WRITER_INIT;
        int r;

        write_vector(&value, conversation);
        write_vector(&value, content_id);
        r = writer_finish(&value);
        return r < 0 ? r : vault_tag(v, "message", writer_bytes(&value), out);
}

/* One integer; 0 if the query has no row or NULL. */
static int64_t query(struct vault *v, const char *sql, struct bytes conversation, int64_t argument)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, sql, "bi", conversation, argument);

        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : storage_column_integer(s, 0);
}

static int next_id(struct vault *v, uint64_t *id)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s,
                                "SELECT MAX((SELECT COALESCE(MAX(id), 0) FROM message),"
                                "           (SELECT last FROM message_erased)) + 1",
                                "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                *id = (uint64_t) storage_column_integer(s, 0);
        return r < 0 ? r : 0;
}

static int seal_row(struct vault *v, struct bytes conversation, const struct message *m, struct writer *sealed)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, row = WRITER_INIT;
        int r;

        write_row(conversation, m->id, &row);
        write_u8(&plain, ROW_FORMAT);
        write_u8(&plain, (uint8_t) m->sender);
        write_vector(&plain, m->from);
        write_vector(&plain, m->content_id);
        write_vector(&plain, m->author);
        write_u64(&plain, m->time);
        write_u64(&plain, m->edited);
        write_vector(&plain, m->edit_id);
        write_vector(&plain, m->encoded);
        write_u64(&plain, m->arrived);
        r = writer_finish(&plain);
        return r < 0 ? r : vault_seal(v, "message", writer_bytes(&row), writer_bytes(&plain), sealed);
}

int history_add(struct vault *v, struct bytes conversation, struct message *m)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        uint8_t tag[VAULT_TAG_SIZE];
        int r = next_id(v, &m->id);

        if (r >= 0)
                r = retention_now(v, &m->arrived);
        if (r >= 0)
                r = seal_row(v, conversation, m, &sealed);
        if (r >= 0 && m->content_id.size > 0)
                r = history_tag(v, conversation, m->content_id, tag);
        if (r >= 0)
                r = storage_run(vault_database(v),
                                "INSERT INTO message VALUES (?, ?, ?, ?, NULLIF(?, x''), NULLIF(?, 0), ?)", "ibibbii",
                                (int64_t) m->id, conversation, (int64_t) m->state, writer_bytes(&sealed),
                                m->content_id.size > 0 ? BYTES_OF(tag) : BYTES(NULL, 0), (int64_t) m->deadline,
                                (int64_t) m->owed);
        return r;
}

int history_set_state(struct vault *v, uint64_t id, enum message_state state)
{
        return storage_run(vault_database(v), "UPDATE message SET state = ? WHERE id = ?", "ii", (int64_t) state,
                           (int64_t) id);
}

static int replace(struct vault *v, struct bytes conversation, const struct message *m)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        int r = seal_row(v, conversation, m, &sealed);

        vault_forget(v);
        return r < 0 ? r
                     : storage_run(vault_database(v), "UPDATE message SET content = ? WHERE id = ?", "bi",
                                   writer_bytes(&sealed), (int64_t) m->id);
}

int history_edit(struct vault *v, struct bytes conversation, const struct message *m, const struct content *edit,
                 struct bytes edit_id)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        struct message edited = *m;

        edited.edited = edit->time;
        edited.edit_id = edit_id;
        edited.content.text = edit->text;
        edited.content.mentions = edit->mentions;
        content_write(&encoded, &edited.content);
        edited.encoded = writer_bytes(&encoded);
        return writer_finish(&encoded) < 0 ? -ENOMEM : replace(v, conversation, &edited);
}

int history_retract(struct vault *v, struct bytes conversation, const struct message *m)
{
        struct message left = *m;
        int r;

        left.edited = 0;
        left.edit_id = left.encoded = BYTES(NULL, 0);
        r = annotation_erase(v, conversation, m->content_id);
        return r < 0 ? r : replace(v, conversation, &left);
}

int history_erase(struct vault *v, struct bytes conversation, uint64_t id)
{
        _cleanup_(message_release) struct message m = { 0 };
        sqlite3 *db = vault_database(v);
        int r = history_get(v, conversation, id, &m);

        if (r <= 0)
                return r;
        vault_forget(v);
        r = m.content_id.size > 0 ? annotation_erase(v, conversation, m.content_id) : 0;
        if (r >= 0)
                r = storage_run(db, "UPDATE outbox SET message = NULL WHERE message = ?", "i", (int64_t) id);
        if (r >= 0)
                r = storage_run(db, "UPDATE message_erased SET last = MAX(last, ?)", "i", (int64_t) id);
        return r < 0 ? r : storage_run(db, "DELETE FROM message WHERE id = ?", "i", (int64_t) id);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

/* Of before messages had ids. */
static int read_old_row(struct message *m, struct reader *r)
{
        if (m->sender == SENDER_NAMED)
                m->from = read_vector(r);
        m->encoded = r->rest;
        if (r->error < 0 || content_read(m->encoded, &m->content) < 0)
                return -EBADMSG;
        m->time = m->content.time;
        return 0;
}

static int read_plain(struct message *m)
{
        struct reader r;
        uint8_t first;
        bool formatted;

        reader_init(&r, secret_bytes(m->plain));
        first = read_u8(&r);
        formatted = first == ROW_FORMAT || first == ROW_FORMAT_BEFORE;
        m->sender = (enum message_sender)(formatted ? read_u8(&r) : first);
        if (m->sender > SENDER_NAMED)
                return -EBADMSG;
        if (!formatted)
                return read_old_row(m, &r);
        m->from = read_vector(&r);
        m->content_id = read_vector(&r);
        m->author = read_vector(&r);
        m->time = read_u64(&r);
        m->edited = read_u64(&r);
        m->edit_id = read_vector(&r);
        m->encoded = read_vector(&r);
        if (first == ROW_FORMAT)
                m->arrived = read_u64(&r);
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        m->deleted = m->encoded.size == 0;
        return m->deleted ? 0 : content_read(m->encoded, &m->content);
}

static int read_message(struct vault *v, struct bytes conversation, sqlite3_stmt *s, struct message *out)
{
        _cleanup_writer_ struct writer row = WRITER_INIT;
        _cleanup_(message_release) struct message m = { 0 };
        struct bytes tag;
        int r;

        m.id = (uint64_t) storage_column_integer(s, 0);
        m.state = (enum message_state) storage_column_integer(s, 1);
        m.deadline = (uint64_t) storage_column_integer(s, 3);
        m.owed = (enum receipt) storage_column_integer(s, 4);
        tag = storage_column_bytes(s, 6);
        if (tag.size == sizeof(m.tag))
                memcpy(m.tag, tag.data, tag.size);
        if (m.state > MESSAGE_NOTICE)
                return -EBADMSG;
        write_row(conversation, m.id, &row);
        r = vault_unseal(v, "message", writer_bytes(&row), storage_column_bytes(s, 2), &m.plain);
        if (r >= 0)
                r = read_plain(&m);
        if (r < 0)
                return r;
        *out = m;
        m.plain = NULL;
        return 1;
}

/* One that is damaged keeps its place, so that all others can be read. */
static int note_damaged(sqlite3_stmt *s, struct message *out)
{
        static const char remark[] = "A message stood here. It is damaged on this machine's disk and cannot be read.";
        int64_t state = storage_column_integer(s, 1);

        *out = (struct message){ .id = (uint64_t) storage_column_integer(s, 0),
                                 .state = state < 0 || state > MESSAGE_NOTICE ? MESSAGE_FAILED : state,
                                 .sender = SENDER_NOTICE,
                                 .content = { .version = 2, .kind = CONTENT_TEXT, .text = BYTES_STRING(remark) },
                                 .damaged = true };
        return 1;
}

static int read_or_note(struct vault *v, struct bytes conversation, sqlite3_stmt *s, struct message *out)
{
        int r = read_message(v, conversation, s, out);

        return r == -EBADMSG ? note_damaged(s, out) : r;
}

static int open_cursor(struct vault *v, const char *sql, struct bytes conversation, uint64_t from,
                       struct history_cursor *out)
{
        *out = (struct history_cursor){ v, conversation, false, NULL };
        return storage_prepare(vault_database(v), &out->statement, sql, "bi", conversation, (int64_t) from);
}

int history_after(struct vault *v, struct bytes conversation, uint64_t from, struct history_cursor *out)
{
        return open_cursor(v, COLUMNS "WHERE conversation = ? AND id > ? ORDER BY id", conversation, from, out);
}

int history_before(struct vault *v, struct bytes conversation, uint64_t from, struct history_cursor *out)
{
        return open_cursor(v, COLUMNS "WHERE conversation = ? AND id < ? ORDER BY id DESC", conversation,
                           from == 0 ? INT64_MAX : from, out);
}

static int open_cursor_of_all(struct vault *v, const char *sql, uint64_t from, struct history_cursor *out)
{
        *out = (struct history_cursor){ v, BYTES(NULL, 0), true, NULL };
        return storage_prepare(vault_database(v), &out->statement, sql, "i", (int64_t) from);
}

int history_all_after(struct vault *v, uint64_t from, struct history_cursor *out)
{
        return open_cursor_of_all(v, COLUMNS "WHERE id > ? ORDER BY id", from, out);
}

int history_all_before(struct vault *v, uint64_t from, struct history_cursor *out)
{
        return open_cursor_of_all(v, COLUMNS "WHERE id < ? ORDER BY id DESC", from == 0 ? INT64_MAX : from, out);
}

int history_read(struct history_cursor *c, struct message *out)
{
        int r = storage_step(c->statement);

        if (r > 0 && c->all)
                c->conversation = storage_column_bytes(c->statement, 5);
        if (r > 0 && c->conversation.size != CONVERSATION_ID_SIZE)
                return -EBADMSG;
        return r <= 0 ? r : read_or_note(c->vault, c->conversation, c->statement, out);
}

void history_cursor_release(struct history_cursor *c)
{
        storage_statement_release(&c->statement);
}

int history_next(struct vault *v, struct bytes conversation, uint64_t after, struct message *out)
{
        _cleanup_(history_cursor_release) struct history_cursor c;
        int r = history_after(v, conversation, after, &c);

        return r < 0 ? r : history_read(&c, out);
}

int history_last(struct vault *v, struct bytes conversation, struct message *out)
{
        _cleanup_(history_cursor_release) struct history_cursor c;
        int r = history_before(v, conversation, 0, &c);

        return r < 0 ? r : history_read(&c, out);
}

int history_get(struct vault *v, struct bytes conversation, uint64_t id, struct message *out)
{
        _cleanup_(history_cursor_release) struct history_cursor c;
        int r = open_cursor(v, COLUMNS "WHERE conversation = ? AND id = ?", conversation, id, &c);

        return r < 0 ? r : history_read(&c, out);
}

int history_find(struct vault *v, struct bytes conversation, struct bytes content_id, struct message *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        uint8_t tag[VAULT_TAG_SIZE];
        int r = history_tag(v, conversation, content_id, tag);

        if (r >= 0)
                r = storage_prepare(vault_database(v), &s, COLUMNS "WHERE tag = ?", "b", BYTES_OF(tag));
        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : read_or_note(v, conversation, s, out);
}

int history_at(struct vault *v, struct bytes conversation, uint64_t time, uint64_t *id)
{
        _cleanup_(message_release) struct message last = { 0 };
        uint64_t low = 1, high; /* the one that is looked for has an id in [low, high] */
        int r = history_last(v, conversation, &last);

        if (r <= 0 || last.time < time)
                return r < 0 ? r : 0;
        high = last.id;
        while (low < high) {
                _cleanup_(message_release) struct message m = { 0 };
                uint64_t middle = low + (high - low) / 2;

                r = history_next(v, conversation, middle - 1, &m);
                if (r <= 0)
                        return r < 0 ? r : -EBADMSG; /* the last one is there */
                if (m.time < time)
                        low = m.id + 1;
                else
                        high = middle;
        }
        message_release(&last);
        r = history_next(v, conversation, low - 1, &last);
        *id = last.id;
        return r;
}

int history_clear(struct vault *v, struct bytes conversation)
{
        static_assert(MESSAGE_UNSENT == 0 && MESSAGE_QUEUED == 1, "stand in the statements");
        static const char *const statements[] = {
                "DELETE FROM annotation WHERE conversation = ?",
                "UPDATE outbox SET message = NULL"
                " WHERE message IN (SELECT id FROM message WHERE conversation = ? AND state > 1)",
                "UPDATE message_erased SET last = MAX(last, (SELECT COALESCE(MAX(id), 0) FROM message"
                "                                            WHERE conversation = ?))",
                "DELETE FROM message WHERE conversation = ? AND state > 1",
        };
        int r = 0;

        vault_forget(v);
        for (unsigned i = 0; i < COUNT_OF(statements) && r >= 0; i++)
                r = storage_run(vault_database(v), statements[i], "b", conversation);
        return r;
}

int history_owe_read(struct vault *v, struct bytes conversation, uint64_t after, uint64_t to)
{
        static_assert(MESSAGE_RECEIVED == 3 && RECEIPT_READ == 2, "stand in the statement");

        return storage_run(vault_database(v),
                           "UPDATE message SET owed = 2"
                           " WHERE conversation = ? AND id > ? AND id <= ? AND state = 3 AND tag IS NOT NULL",
                           "bii", conversation, (int64_t) after, (int64_t) to);
}

int history_owe_delivered(struct vault *v, struct bytes conversation)
{
        static_assert(MESSAGE_RECEIVED == 3 && RECEIPT_DELIVERED == 1, "stand in the statement");

        return storage_run(vault_database(v),
                           "UPDATE message SET owed = 1"
                           " WHERE conversation = ? AND state = 3 AND owed = 0 AND tag IS NOT NULL",
                           "b", conversation);
}

int history_owe_nothing(struct vault *v, struct bytes conversation)
{
        return storage_run(vault_database(v), "UPDATE message SET owed = 0 WHERE conversation = ? AND owed > 0", "b",
                           conversation);
}

int history_owing(struct vault *v, struct bytes conversation, struct history_cursor *out)
{
        return open_cursor(v, COLUMNS "WHERE conversation = ? AND id > ? AND owed > 0 ORDER BY id", conversation, 0,
                           out);
}

int history_owing_conversation(struct vault *v, uint8_t out[static CONVERSATION_ID_SIZE])
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct bytes id;
        int r = storage_prepare(vault_database(v), &s, "SELECT conversation FROM message WHERE owed > 0 LIMIT 1", "");

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        id = storage_column_bytes(s, 0);
        if (id.size != CONVERSATION_ID_SIZE)
                return -EBADMSG;
        memcpy(out, id.data, id.size);
        return 1;
}

int64_t history_tail(struct vault *v, struct bytes conversation, unsigned count)
{
        return query(v, "SELECT id FROM message WHERE conversation = ? ORDER BY id DESC LIMIT 1 OFFSET ?", conversation,
                     count);
}

int64_t history_unread(struct vault *v, struct bytes conversation, uint64_t after)
{
        static_assert(MESSAGE_RECEIVED == 3, "stands in the query");

        return query(v, "SELECT COUNT(*) FROM message WHERE conversation = ? AND id > ? AND state = 3", conversation,
                     (int64_t) after);
}

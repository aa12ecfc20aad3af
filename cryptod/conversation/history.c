/* See history.h. */
#include "cryptod/conversation/history.h"

#include <assert.h>
#include <errno.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to struct { opaque conversation<V>; uint64 id; }:
 *     struct { uint8 sender; [opaque from<V>;] Content content; }      from: if the sender is SENDER_NAMED */

const char *message_state_name(enum message_state s)
{
        static const char *const names[] = { [MESSAGE_UNSENT] = "queued",
                                             [MESSAGE_QUEUED] = "queued",
                                             [MESSAGE_STORED] = "stored",
                                             [MESSAGE_RECEIVED] = "received",
                                             [MESSAGE_FAILED] = "failed" };

        return names[s];
}

void message_release(struct message *m)
{
        secret_free(m->plain);
        *m = (struct message){ 0 };
}

static void write_row(struct bytes conversation, uint64_t id, struct writer *w)
{
        write_vector(w, conversation);
        write_u64(w, id);
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
        int r = storage_prepare(vault_database(v), &s, "SELECT COALESCE(MAX(id), 0) + 1 FROM message", "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                *id = (uint64_t) storage_column_integer(s, 0);
        return r < 0 ? r : 0;
}

int history_add(struct vault *v, struct bytes conversation, enum message_state state, enum message_sender sender,
                struct bytes from, const struct content *content, uint64_t *id)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, row = WRITER_INIT;
        int r = next_id(v, id);

        if (r < 0)
                return r;
        write_row(conversation, *id, &row);
        write_u8(&plain, (uint8_t) sender);
        if (sender == SENDER_NAMED)
                write_vector(&plain, from);
        content_write(&plain, content);
        r = writer_finish(&plain);
        if (r >= 0)
                r = vault_seal(v, "message", writer_bytes(&row), writer_bytes(&plain), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v), "INSERT INTO message VALUES (?, ?, ?, ?)", "ibib", (int64_t) *id,
                                conversation, (int64_t) state, writer_bytes(&sealed));
        return r;
}

int history_set_state(struct vault *v, uint64_t id, enum message_state state)
{
        return storage_run(vault_database(v), "UPDATE message SET state = ? WHERE id = ?", "ii", (int64_t) state,
                           (int64_t) id);
}

static int read_message(struct vault *v, struct bytes conversation, sqlite3_stmt *s, struct message *out)
{
        _cleanup_writer_ struct writer row = WRITER_INIT;
        _cleanup_(message_release) struct message m = { 0 };
        struct reader reader;
        int r;

        m.id = (uint64_t) storage_column_integer(s, 0);
        m.state = (enum message_state) storage_column_integer(s, 1);
        if (m.state > MESSAGE_FAILED)
                return -EBADMSG;
        write_row(conversation, m.id, &row);
        r = vault_unseal(v, "message", writer_bytes(&row), storage_column_bytes(s, 2), &m.plain);
        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(m.plain));
        m.sender = (enum message_sender) read_u8(&reader);
        if (m.sender > SENDER_NAMED)
                return -EBADMSG;
        if (m.sender == SENDER_NAMED)
                m.from = read_vector(&reader);
        r = content_read(reader.rest, &m.content);
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
                                 .state = state < 0 || state > MESSAGE_FAILED ? MESSAGE_FAILED : state,
                                 .sender = SENDER_NOTICE,
                                 .content.text = BYTES_STRING(remark),
                                 .damaged = true };
        return 1;
}

static int find(struct vault *v, const char *sql, struct bytes conversation, int64_t argument, struct message *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, sql, "bi", conversation, argument);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        r = read_message(v, conversation, s, out);
        return r == -EBADMSG ? note_damaged(s, out) : r;
}

int history_next(struct vault *v, struct bytes conversation, uint64_t after, struct message *out)
{
        return find(v, "SELECT id, state, content FROM message WHERE conversation = ? AND id > ? ORDER BY id LIMIT 1",
                    conversation, (int64_t) after, out);
}

int history_last(struct vault *v, struct bytes conversation, struct message *out)
{
        return find(v,
                    "SELECT id, state, content FROM message WHERE conversation = ? AND id > ? ORDER BY id DESC LIMIT 1",
                    conversation, 0, out);
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

int64_t history_first_unsent(struct vault *v, struct bytes conversation)
{
        return query(v, "SELECT MIN(id) FROM message WHERE conversation = ? AND state = ?", conversation,
                     MESSAGE_UNSENT);
}

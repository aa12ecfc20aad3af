/* See annotation.h. */
#include "cryptod/conversation/annotation.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to struct { opaque target[16]; uint8 kind; opaque author[16]; }, which are tags:
 *
 *     struct { uint8 sender; opaque from<V>, author<V>, content_id<V>, target<V>; uint64 time, read;
 *              Content content<V>; }                                      content: none in a receipt */
struct place {
        uint8_t target[VAULT_TAG_SIZE], kind, author[VAULT_TAG_SIZE];
};

#define COLUMNS "SELECT target, kind, author, content FROM annotation "

void annotation_release(struct annotation *a)
{
        secret_free(a->plain);
        *a = (struct annotation){ 0 };
}

/* A pin is nobody's own. */
static int find_place(struct vault *v, struct bytes conversation, const struct annotation *a, struct place *out)
{
        struct bytes author = a->kind == ANNOTATION_PIN ? BYTES(NULL, 0) : a->author;
        int r = history_tag(v, conversation, a->target, out->target);

        out->kind = (uint8_t) a->kind;
        return r < 0 ? r : vault_tag(v, "annotation", author, out->author);
}

static int drop_oldest_waiting(struct vault *v, struct bytes conversation)
{
        return storage_run(vault_database(v),
                           "DELETE FROM annotation WHERE conversation = ?1 AND waiting <="
                           " (SELECT MAX(waiting) FROM annotation WHERE conversation = ?1) - ?2",
                           "bi", conversation, (int64_t) ANNOTATIONS_WAITING_MAX);
}

int annotation_put(struct vault *v, struct bytes conversation, const struct annotation *a, struct bytes encoded,
                   bool waiting)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;
        struct place place;
        int r = find_place(v, conversation, a, &place);

        write_u8(&plain, (uint8_t) a->sender);
        write_vector(&plain, a->from);
        write_vector(&plain, a->author);
        write_vector(&plain, a->content_id);
        write_vector(&plain, a->target);
        write_u64(&plain, a->time);
        write_u64(&plain, a->read);
        write_vector(&plain, encoded);
        if (r >= 0)
                r = writer_finish(&plain);
        if (r >= 0)
                r = vault_seal(v, "annotation", BYTES(&place, sizeof(place)), writer_bytes(&plain), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v),
                                "INSERT OR REPLACE INTO annotation VALUES (?1, ?2, ?3, ?4, CASE WHEN ?5 THEN"
                                " (SELECT COALESCE(MAX(waiting), 0) + 1 FROM annotation WHERE conversation = ?4) END,"
                                " ?6)",
                                "bibbib", BYTES_OF(place.target), (int64_t) place.kind, BYTES_OF(place.author),
                                conversation, (int64_t) waiting, writer_bytes(&sealed));
        return r < 0 || !waiting ? r : drop_oldest_waiting(v, conversation);
}

static int read_plain(struct annotation *a)
{
        struct bytes encoded;
        struct reader r;

        reader_init(&r, secret_bytes(a->plain));
        a->sender = (enum message_sender) read_u8(&r);
        a->from = read_vector(&r);
        a->author = read_vector(&r);
        a->content_id = read_vector(&r);
        a->target = read_vector(&r);
        a->time = read_u64(&r);
        a->read = read_u64(&r);
        encoded = read_vector(&r);
        if (reader_finish(&r) < 0 || a->sender > SENDER_NAMED)
                return -EBADMSG;
        return a->kind == ANNOTATION_RECEIPT ? 0 : content_read(encoded, &a->content);
}

static int read_row(struct vault *v, sqlite3_stmt *s, struct annotation *out)
{
        _cleanup_(annotation_release) struct annotation a = { 0 };
        struct bytes target = storage_column_bytes(s, 0), author = storage_column_bytes(s, 2);
        struct place place = { .kind = (uint8_t) storage_column_integer(s, 1) };
        int r;

        if (target.size != sizeof(place.target) || author.size != sizeof(place.author))
                return -EBADMSG;
        memcpy(place.target, target.data, target.size);
        memcpy(place.author, author.data, author.size);
        a.kind = (enum annotation_kind) place.kind;
        r = vault_unseal(v, "annotation", BYTES(&place, sizeof(place)), storage_column_bytes(s, 3), &a.plain);
        if (r >= 0)
                r = read_plain(&a);
        if (r < 0)
                return r;
        *out = a;
        a.plain = NULL;
        return 1;
}

int annotation_get(struct vault *v, struct bytes conversation, struct bytes target, enum annotation_kind kind,
                   struct bytes author, struct annotation *out)
{
        const struct annotation wanted = { .kind = kind, .author = author, .target = target };
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct place place;
        int r = find_place(v, conversation, &wanted, &place);

        if (r >= 0)
                r = storage_prepare(vault_database(v), &s, COLUMNS "WHERE target = ? AND kind = ? AND author = ?",
                                    "bib", BYTES_OF(place.target), (int64_t) kind, BYTES_OF(place.author));
        if (r >= 0)
                r = storage_step(s);
        return r <= 0 ? r : read_row(v, s, out);
}

int annotation_exists(struct vault *v, struct bytes conversation, struct bytes target)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        uint8_t tag[VAULT_TAG_SIZE];
        int r = history_tag(v, conversation, target, tag);

        if (r >= 0)
                r = storage_prepare(vault_database(v), &s, "SELECT 1 FROM annotation WHERE target = ? LIMIT 1", "b",
                                    BYTES_OF(tag));
        return r < 0 ? r : storage_step(s);
}

static int open_cursor(struct annotation_cursor *c)
{
        return storage_prepare(vault_database(c->vault), &c->statement, COLUMNS "WHERE target = ?", "b",
                               BYTES_OF(c->target));
}

int annotation_of(struct vault *v, struct bytes conversation, struct bytes target, struct annotation_cursor *out)
{
        int r;

        *out = (struct annotation_cursor){ .vault = v };
        r = history_tag(v, conversation, target, out->target);
        return r < 0 ? r : open_cursor(out);
}

int annotation_of_message(struct vault *v, const struct message *m, struct annotation_cursor *out)
{
        *out = (struct annotation_cursor){ .vault = v };
        memcpy(out->target, m->tag, sizeof(out->target));
        return open_cursor(out);
}

int annotation_of_kind(struct vault *v, struct bytes conversation, enum annotation_kind kind,
                       struct annotation_cursor *out)
{
        *out = (struct annotation_cursor){ .vault = v };
        return storage_prepare(vault_database(v), &out->statement,
                               COLUMNS "WHERE conversation = ? AND kind = ? AND waiting IS NULL", "bi", conversation,
                               (int64_t) kind);
}

int annotation_read(struct annotation_cursor *c, struct annotation *out)
{
        int r = storage_step(c->statement);

        return r <= 0 ? r : read_row(c->vault, c->statement, out);
}

void annotation_cursor_release(struct annotation_cursor *c)
{
        storage_statement_release(&c->statement);
}

/* Runs @sql, whose only parameter is the tag of @target. */
static int run_for(struct vault *v, const char *sql, struct bytes conversation, struct bytes target)
{
        uint8_t tag[VAULT_TAG_SIZE];
        int r = history_tag(v, conversation, target, tag);

        return r < 0 ? r : storage_run(vault_database(v), sql, "b", BYTES_OF(tag));
}

int annotation_settle(struct vault *v, struct bytes conversation, struct bytes target)
{
        static_assert(ANNOTATION_EDIT == 1 && ANNOTATION_DELETION == 2, "stand in the statement");
        int r = run_for(v, "DELETE FROM annotation WHERE target = ? AND kind IN (1, 2)", conversation, target);

        return r < 0 ? r : run_for(v, "UPDATE annotation SET waiting = NULL WHERE target = ?", conversation, target);
}

int annotation_erase(struct vault *v, struct bytes conversation, struct bytes target)
{
        vault_forget(v);
        return run_for(v, "DELETE FROM annotation WHERE target = ?", conversation, target);
}

int annotation_count_receipts(struct vault *v, struct bytes conversation, struct bytes target, unsigned *delivered,
                              unsigned *read)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor c = { 0 };
        int r = annotation_of(v, conversation, target, &c);

        *delivered = *read = 0;
        while (r >= 0) {
                _cleanup_(annotation_release) struct annotation a = { 0 };

                r = annotation_read(&c, &a);
                if (r <= 0)
                        return r;
                *delivered += a.kind == ANNOTATION_RECEIPT;
                *read += a.kind == ANNOTATION_RECEIPT && a.read > 0;
        }
        return r;
}

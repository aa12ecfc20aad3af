/* See conversation.h. */
#include "cryptod/conversation/conversation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

/* A sealed row, bound to its id:
 *     struct { opaque address<V>, root_key<V>; uint64 read; uint8 kind; opaque name<V>; uint8 rejoin;
 *              opaque standing<V>; }
 * Those of before there were groups end behind read, before there were rooms behind name, before there were requests
 * behind rejoin; all that stands in such is accepted. */

struct bytes conversation_id(const struct conversation *c)
{
        return BYTES_OF(c->id);
}

struct conversation *conversation_new(const char *address)
{
        struct conversation *c = calloc(1, sizeof(*c));

        if (!c)
                abort();
        random_fill(c->id, sizeof(c->id));
        (void) snprintf(c->address, sizeof(c->address), "%s", address);
        return c;
}

struct conversation *conversation_new_group(struct bytes id, const struct profile *p)
{
        struct conversation *c = conversation_new("");

        memcpy(c->id, id.data, sizeof(c->id));
        c->kind = p->kind;
        memcpy(c->name, p->name.data, p->name.size);
        return c;
}

struct conversation *conversation_new_room(struct bytes name)
{
        struct conversation *c = conversation_new("");

        c->kind = CONVERSATION_ROOM;
        (void) snprintf(c->name, sizeof(c->name), "#%.*s", (int) name.size, (const char *) name.data);
        return c;
}

const char *conversation_title(const struct conversation *c)
{
        return c->kind == CONVERSATION_PERSON ? c->address : c->name;
}

struct conversation *conversation_free(struct conversation *c)
{
        if (!c)
                return NULL;
        while (c->memberships)
                conversation_detach(c, c->memberships);
        writer_release(&c->root_key);
        free(c);
        return NULL;
}

int conversation_store(struct vault *v, const struct conversation *c)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, standing = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_vector(&plain, BYTES_STRING(c->address));
        write_vector(&plain, writer_bytes(&c->root_key));
        write_u64(&plain, c->read);
        write_u8(&plain, (uint8_t) c->kind);
        write_vector(&plain, BYTES_STRING(c->name));
        write_u8(&plain, c->kind != CONVERSATION_PERSON && c->rejoin);
        standing_write(&c->standing, &standing);
        write_vector(&plain, writer_bytes(&standing));
        r = writer_finish(&plain);
        if (r >= 0)
                r = vault_seal(v, "conversation", conversation_id(c), writer_bytes(&plain), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v),
                                "INSERT INTO conversation VALUES (?, ?)"
                                " ON CONFLICT (id) DO UPDATE SET content = excluded.content",
                                "bb", conversation_id(c), writer_bytes(&sealed));
        return r;
}

static int copy_text(struct bytes text, char *out, size_t size)
{
        if (text.size >= size)
                return -EBADMSG;
        if (text.size > 0)
                memcpy(out, text.data, text.size);
        out[text.size] = '\0';
        return 0;
}

static int read_row(struct vault *v, sqlite3_stmt *s, struct conversation *c)
{
        _cleanup_secret_ struct secret *plain = NULL;
        struct bytes id = storage_column_bytes(s, 0);
        struct reader reader;
        int r;

        if (id.size != sizeof(c->id))
                return -EBADMSG;
        memcpy(c->id, id.data, id.size);
        r = vault_unseal(v, "conversation", id, storage_column_bytes(s, 1), &plain);
        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(plain));
        if (copy_text(read_vector(&reader), c->address, sizeof(c->address)) < 0)
                return -EBADMSG;
        write_fixed(&c->root_key, read_vector(&reader));
        c->read = read_u64(&reader);
        if (reader_more(&reader)) {
                c->kind = (enum conversation_kind) read_u8(&reader);
                r = copy_text(read_vector(&reader), c->name, sizeof(c->name));
                if (r < 0 || c->kind > CONVERSATION_ROOM)
                        return -EBADMSG;
        }
        if (reader_more(&reader))
                c->rejoin = read_u8(&reader) != 0;
        if (reader_more(&reader) && standing_read(read_vector(&reader), &c->standing) < 0)
                return -EBADMSG;
        r = reader_finish(&reader);
        return r < 0 ? r : writer_finish(&c->root_key);
}

static int load_memberships(struct vault *v, struct conversation *c)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT id FROM membership WHERE conversation = ?", "b",
                                conversation_id(c));

        while (r >= 0 && (r = storage_step(s)) > 0) {
                struct membership *m = calloc(1, sizeof(*m));

                if (!m)
                        abort();
                m->id = storage_column_integer(s, 0);
                conversation_attach(c, m);
                r = membership_load(v, m);
                if (r == -EBADMSG) /* it has no group then */
                        r = 0;
        }
        return r;
}

int conversation_load_all(struct vault *v, struct conversation **out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct conversation *all = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT id, content FROM conversation", "");

        while (r >= 0 && (r = storage_step(s)) > 0) {
                struct conversation *c = conversation_new("");

                c->next = all;
                all = c;
                r = read_row(v, s, c);
                if (r >= 0)
                        r = settings_load(v, conversation_id(c), &c->settings);
                if (r >= 0)
                        r = load_memberships(v, c);
        }
        if (r < 0) {
                while (all) {
                        struct conversation *next = all->next;

                        conversation_free(all);
                        all = next;
                }
                return r;
        }
        *out = all;
        return 0;
}

static bool smaller(struct bytes a, struct bytes b)
{
        int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

        return order != 0 ? order < 0 : a.size < b.size;
}

static bool precedes(const struct membership *a, const struct membership *b)
{
        if (membership_is_shared(a) != membership_is_shared(b))
                return membership_is_shared(a);
        return smaller(membership_group_id(a), membership_group_id(b));
}

struct membership *conversation_current(const struct conversation *c)
{
        struct membership *best = NULL;

        for (struct membership *m = c->memberships; m; m = m->next) {
                if (!m->gone && membership_ready(m) && (!best || precedes(m, best)))
                        best = m;
        }
        return best;
}

struct membership *conversation_superfluous(const struct conversation *c, unsigned max)
{
        struct membership *worst = NULL;
        unsigned count = 0;

        for (struct membership *m = c->memberships; m; m = m->next) {
                count++;
                if (m->group && (!worst || smaller(membership_group_id(worst), membership_group_id(m))))
                        worst = m;
        }
        return count >= max ? worst : NULL;
}

void conversation_attach(struct conversation *c, struct membership *m)
{
        m->next = c->memberships;
        c->memberships = m;
}

void conversation_detach(struct conversation *c, struct membership *m)
{
        for (struct membership **p = &c->memberships; *p; p = &(*p)->next) {
                if (*p == m) {
                        *p = m->next;
                        membership_free(m);
                        return;
                }
        }
}

/* See membership.h. */
#include "cryptod/conversation/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/group_disk.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* Two sealed rows, both bound to the id:
 *     struct { opaque pending[16]; uint32 messages, refused; }
 *     struct { uint8 leave + 2 * joining; opaque added<V>, removed<V>, name<V>, leavers<V>, roles<V>, picture<V>;
 *              uint8 policy; opaque invitations<V>; }     what is wanted; none: nothing
 * Those of before there were roles end behind messages and leavers, before there were invitations behind policy. */

static int seal_for(struct vault *v, const char *table, int64_t id, struct bytes content, struct writer *out)
{
        _cleanup_writer_ struct writer row = WRITER_INIT;

        write_u64(&row, (uint64_t) id);
        return vault_seal(v, table, writer_bytes(&row), content, out);
}

static int unseal_for(struct vault *v, const char *table, int64_t id, struct bytes sealed, struct secret **out)
{
        _cleanup_writer_ struct writer row = WRITER_INIT;

        write_u64(&row, (uint64_t) id);
        return vault_unseal(v, table, writer_bytes(&row), sealed, out);
}

static void note_stored(struct membership *m)
{
        memcpy(m->stored.pending, m->pending, sizeof(m->pending));
        m->stored.messages = m->messages;
        m->stored.refused = m->refused;
}

static bool is_stored(const struct membership *m)
{
        return m->stored.messages == m->messages && m->stored.refused == m->refused &&
               bytes_equal(BYTES_OF(m->stored.pending), BYTES_OF(m->pending));
}

static int store_row(struct vault *v, struct membership *m)
{
        _cleanup_writer_ struct writer content = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_fixed(&content, BYTES_OF(m->pending));
        write_u32(&content, m->messages);
        write_u32(&content, m->refused);
        r = seal_for(v, "membership", m->id, writer_bytes(&content), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v), "UPDATE membership SET content = ? WHERE id = ?", "bi",
                                writer_bytes(&sealed), m->id);
        if (r >= 0)
                note_stored(m);
        return r;
}

bool wanted_any(const struct wanted *w)
{
        return w->added.size > 0 || w->removed.size > 0 || w->name.size > 0 || w->roles.size > 0 ||
               w->picture.size > 0 || w->invitations.size > 0 || w->policy != 0;
}

static int store_wanted(struct vault *v, const struct membership *m)
{
        const struct wanted *w = &m->wanted;
        _cleanup_writer_ struct writer content = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        if (!w->leave && !w->joining && !wanted_any(w) && w->leavers.size == 0)
                return storage_run(vault_database(v), "DELETE FROM wanted WHERE membership = ?", "i", m->id);
        write_u8(&content, (uint8_t) (w->leave | w->joining << 1));
        write_vector(&content, writer_bytes(&w->added));
        write_vector(&content, writer_bytes(&w->removed));
        write_vector(&content, writer_bytes(&w->name));
        write_vector(&content, writer_bytes(&w->leavers));
        write_vector(&content, writer_bytes(&w->roles));
        write_vector(&content, writer_bytes(&w->picture));
        write_u8(&content, w->policy);
        write_vector(&content, writer_bytes(&w->invitations));
        r = writer_finish(&content);
        if (r >= 0)
                r = seal_for(v, "wanted", m->id, writer_bytes(&content), &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO wanted VALUES (?, ?)", "ib", m->id,
                                   writer_bytes(&sealed));
}

int membership_add(struct vault *v, struct membership *m, struct bytes conversation)
{
        int r = storage_run(vault_database(v), "INSERT INTO membership VALUES (NULL, ?, x'')", "b", conversation);

        if (r < 0)
                return r;
        m->id = sqlite3_last_insert_rowid(vault_database(v));
        membership_note_roles(m);
        r = store_row(v, m);
        return r < 0 ? r : membership_store(v, m);
}

int membership_store(struct vault *v, struct membership *m)
{
        int r = is_stored(m) ? 0 : store_row(v, m);

        if (r >= 0 && m->wanted.changed)
                r = store_wanted(v, m);
        if (r >= 0)
                m->wanted.changed = false;
        return r < 0 ? r : group_disk_save(v, m->id, m->group);
}

static int load_row(struct vault *v, struct membership *m)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *content = NULL;
        struct reader reader;
        struct bytes pending;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM membership WHERE id = ?", "i", m->id);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = unseal_for(v, "membership", m->id, storage_column_bytes(s, 0), &content);
        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(content));
        pending = read_fixed(&reader, sizeof(m->pending));
        m->messages = read_u32(&reader);
        m->refused = reader_more(&reader) ? read_u32(&reader) : 0;
        if (reader_finish(&reader) < 0)
                return -EBADMSG;
        memcpy(m->pending, pending.data, pending.size);
        note_stored(m);
        return 0;
}

static void wanted_release(struct wanted *w)
{
        writer_release(&w->added);
        writer_release(&w->removed);
        writer_release(&w->name);
        writer_release(&w->leavers);
        writer_release(&w->roles);
        writer_release(&w->picture);
        writer_release(&w->invitations);
        *w = (struct wanted){ 0 };
}

static int load_wanted(struct vault *v, struct membership *m)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *content = NULL;
        struct wanted *w = &m->wanted;
        struct reader reader;
        uint8_t flags;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM wanted WHERE membership = ?", "i", m->id);

        wanted_release(w);
        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                r = unseal_for(v, "wanted", m->id, storage_column_bytes(s, 0), &content);
        if (r < 0 || !content)
                return r;
        reader_init(&reader, secret_bytes(content));
        flags = read_u8(&reader);
        w->leave = flags & 1;
        w->joining = flags & 2;
        write_fixed(&w->added, read_vector(&reader));
        write_fixed(&w->removed, read_vector(&reader));
        write_fixed(&w->name, read_vector(&reader));
        write_fixed(&w->leavers, read_vector(&reader));
        if (reader_more(&reader)) {
                write_fixed(&w->roles, read_vector(&reader));
                write_fixed(&w->picture, read_vector(&reader));
                w->policy = read_u8(&reader);
        }
        if (reader_more(&reader))
                write_fixed(&w->invitations, read_vector(&reader));
        return reader_finish(&reader);
}

int membership_load(struct vault *v, struct membership *m)
{
        int r;

        m->gone = false;
        m->group = group_free(m->group);
        r = group_disk_load(v, m->id, &m->group);
        if (r >= 0)
                r = load_row(v, m);
        if (r >= 0)
                r = load_wanted(v, m);
        if (r < 0)
                m->group = group_free(m->group);
        else
                membership_note_roles(m);
        return r;
}

int membership_erase(struct vault *v, const struct membership *m)
{
        int r = group_disk_erase(v, m->id);

        if (r >= 0)
                r = storage_run(vault_database(v), "DELETE FROM wanted WHERE membership = ?", "i", m->id);
        return r < 0 ? r : storage_run(vault_database(v), "DELETE FROM membership WHERE id = ?", "i", m->id);
}

struct membership *membership_free(struct membership *m)
{
        if (!m)
                return NULL;
        group_free(m->group);
        wanted_release(&m->wanted);
        writer_release(&m->noted);
        writer_release(&m->unreachable);
        free(m);
        return NULL;
}

struct bytes membership_group_id(const struct membership *m)
{
        return group_epoch(m->group)->context.group_id;
}

uint64_t membership_epoch(const struct membership *m)
{
        return group_epoch(m->group)->context.epoch;
}

void membership_slot(const struct membership *m, struct writer *out)
{
        _cleanup_writer_ struct writer count = WRITER_INIT;
        _cleanup_secret_ struct secret *name = NULL;

        if (m->refused == 0) {
                write_fixed(out, membership_group_id(m));
                return;
        }
        write_u32(&count, m->refused);
        name = group_export(m->group, "visavis commit slot", writer_bytes(&count), membership_group_id(m).size);
        write_fixed(out, secret_bytes(name));
}

void membership_roles(const struct membership *m, struct profile *profile, struct roles *out)
{
        const struct epoch *e = group_epoch(m->group);

        if (profile_read(e->context.extensions, profile) < 0)
                *profile = (struct profile){ 0 };
        *out = (struct roles){ 0 };
        if (profile->kind != CONVERSATION_ROOM) /* where nobody has one */
                roles_resolve(profile->roles, &e->tree, NULL, NULL, out);
}

bool membership_may_invite(const struct membership *m)
{
        const struct epoch *e = group_epoch(m->group);
        struct device_credential self;
        struct profile profile;
        struct roles roles;

        membership_roles(m, &profile, &roles);
        return profile.kind == CONVERSATION_GROUP &&
               device_credential_peek(ratchet_tree_leaf(&e->tree, e->keys.leaf), &self) >= 0 &&
               ((profile.policy & POLICY_MEMBERS_ADD) || roles_of(&roles, self.root_key) >= ROLE_ADMIN);
}

void membership_note_roles(struct membership *m)
{
        struct profile profile;
        struct roles roles;

        membership_roles(m, &profile, &roles);
        writer_release(&m->noted);
        roles_write(&roles, &group_epoch(m->group)->tree, NULL, NULL, BYTES(NULL, 0), ROLE_MEMBER, &m->noted);
}

bool membership_is_shared(const struct membership *m)
{
        return m->heard || group_epoch(m->group)->keys.leaf != 0;
}

const struct leaf_node *membership_other(const struct membership *m)
{
        const struct epoch *e = group_epoch(m->group);

        for (uint32_t i = 0; i < e->tree.leaves; i++) {
                const struct leaf_node *leaf = i == e->keys.leaf ? NULL : ratchet_tree_leaf(&e->tree, i);

                if (leaf)
                        return leaf;
        }
        return NULL;
}

bool membership_ready(const struct membership *m)
{
        return m->group && m->wanted.removed.size == 0 && !m->wanted.joining &&
               (membership_other(m) || !group_has_pending(m->group));
}

bool membership_is_pair(const struct membership *m)
{
        return group_epoch(m->group)->tree.leaves == 2 && membership_other(m);
}

bool membership_member(const struct membership *m, uint32_t *leaf, struct device_credential *out)
{
        const struct ratchet_tree *tree = &group_epoch(m->group)->tree;

        for (; *leaf < tree->leaves; ++*leaf) {
                const struct leaf_node *node = ratchet_tree_leaf(tree, *leaf);

                if (node && device_credential_peek(node, out) >= 0)
                        return true;
        }
        return false;
}

struct bytes membership_own_address(const struct membership *m)
{
        const struct epoch *e = group_epoch(m->group);
        struct device_credential who = { 0 };

        (void) device_credential_peek(ratchet_tree_leaf(&e->tree, e->keys.leaf), &who); /* it is ours */
        return who.address;
}

bool membership_is_first_beside(const struct membership *m, uint32_t leaf)
{
        struct device_credential who;
        uint32_t first = 0;

        while (membership_member(m, &first, &who) && first == leaf)
                first++;
        return first == group_epoch(m->group)->keys.leaf;
}

static int by_bytes(const void *a, const void *b)
{
        const struct bytes *x = a, *y = b;
        int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);

        return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

void membership_addresses(const struct membership *m, struct writer *out)
{
        _cleanup_free_ struct bytes *all = calloc(group_epoch(m->group)->tree.leaves + 1, sizeof(*all));
        struct device_credential who;
        size_t n = 0;

        if (!all)
                abort();
        for (uint32_t leaf = 0; membership_member(m, &leaf, &who); leaf++)
                all[n++] = who.address;
        qsort(all, n, sizeof(*all), by_bytes);
        for (size_t i = 0; i < n; i++) {
                if (i == 0 || !bytes_equal(all[i], all[i - 1]))
                        write_vector(out, all[i]);
        }
}

#include "cryptod/mls/group_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

enum { FORMAT = 3 };

void part_id_write(const struct part_id *id, struct writer *w)
{
        write_u8(w, (uint8_t) id->scope);
        if (id->scope == PART_EPOCH) {
                write_u64(w, id->epoch);
                write_u8(w, (uint8_t) id->kind);
        }
        if (id->scope != PART_GROUP)
                write_u32(w, id->index);
}

void part_id_read(struct reader *r, struct part_id *out)
{
        *out = (struct part_id){ .scope = (enum part_scope) read_u8(r) };
        if (out->scope == PART_EPOCH) {
                out->epoch = read_u64(r);
                out->kind = (enum part_kind) read_u8(r);
        }
        if (out->scope != PART_GROUP)
                out->index = read_u32(r);
        if (out->scope > PART_PROPOSAL || out->kind > EPOCH_SECRETS ||
            (out->kind != EPOCH_SECRETS && out->scope == PART_EPOCH && out->index != 0))
                reader_fail(r);
}

bool part_is_secret(const struct part_id *id)
{
        return id->scope != PART_NODE && !(id->scope == PART_EPOCH && id->kind == EPOCH_TREE);
}

static void write_secret(struct writer *w, const struct secret *s)
{
        write_optional(w, s != NULL);
        if (s)
                write_vector(w, secret_bytes(s));
}

static struct secret *read_secret(struct reader *r)
{
        return read_optional(r) ? secret_copy(read_vector(r)) : NULL;
}

/* -- the group ---------------------------------------------------------------------------------------------------- */

/* struct { uint8 format; uint16 suite; uint64 epoch; uint32 leaves; opaque signature_key<V>;
 *          struct { uint64 epoch; opaque psk<V>; } resumptions<V>; } */
void part_write_group(const struct group *g, const struct group_head *head, struct writer *w)
{
        _cleanup_secret_ struct secret *signature_key = signature_key_private(g->signature_key);
        size_t mark;

        write_u8(w, FORMAT);
        write_u16(w, head->suite->id);
        write_u64(w, head->epoch);
        write_u32(w, head->leaves);
        write_vector(w, secret_bytes(signature_key));
        mark = writer_open_vector(w);
        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS && g->resumptions[i].psk; i++) {
                write_u64(w, g->resumptions[i].epoch);
                write_vector(w, secret_bytes(g->resumptions[i].psk));
        }
        writer_close_vector(w, mark);
}

static void read_resumptions(struct reader *r, struct group *g)
{
        struct reader list = read_vector_open(r);

        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS && reader_more(&list); i++) {
                g->resumptions[i].epoch = read_u64(&list);
                g->resumptions[i].psk = secret_copy(read_vector(&list));
        }
        reader_close_vector(r, &list);
}

int part_read_group(struct reader *r, struct group *g, struct group_head *out)
{
        _cleanup_secret_ struct secret *signature_key = NULL;
        struct group_head head = { 0 };

        if (read_u8(r) != FORMAT && !r->error)
                return -EPROTONOSUPPORT;
        head.suite = suite_by_id(read_u16(r));
        if (!head.suite && !r->error)
                return -EPROTONOSUPPORT;
        head.epoch = read_u64(r);
        head.leaves = read_u32(r);
        signature_key = secret_copy(read_vector(r));
        read_resumptions(r, g);
        if (r->error || signature_key_new(head.suite, signature_key, &g->signature_key) < 0)
                return -EBADMSG;
        *out = head;
        return 0;
}

/* -- an epoch's tree ---------------------------------------------------------------------------------------------- */

/* struct { uint32 leaves; struct { uint32 node; optional<Node> content; } changed<V>; } */
void part_write_tree(const struct ratchet_tree *before, const struct ratchet_tree *t, struct writer *w)
{
        size_t mark;

        write_u32(w, t->leaves);
        mark = writer_open_vector(w);
        for (uint32_t i = 0; (i = node_array_difference(&before->nodes, &t->nodes, i)) < t->nodes.width; i++) {
                write_u32(w, i);
                ratchet_tree_write_node(t, i, w);
        }
        writer_close_vector(w, mark);
}

int part_read_tree(struct reader *r, struct ratchet_tree *t)
{
        uint32_t leaves = read_u32(r);
        uint64_t next = 0;
        struct reader list = read_vector_open(r);

        if (r->error || !tree_leaves_valid(leaves))
                return -EBADMSG;
        ratchet_tree_resize(t, leaves);
        while (reader_more(&list)) {
                uint32_t node = read_u32(&list);
                bool was_blank = node < t->nodes.width && !ratchet_tree_node(t, node);

                if (node < next || ratchet_tree_read_node(t, node, &list) < 0 ||
                    (was_blank && !ratchet_tree_node(t, node)))
                        return -EBADMSG;
                next = (uint64_t) node + 1;
        }
        reader_close_vector(r, &list);
        return r->error;
}

/* -- an epoch's state --------------------------------------------------------------------------------------------- */

/* The secrets of a key schedule in one order for both directions. */
enum { SCHEDULE_SECRETS = 9 };

static void schedule_secrets(struct key_schedule *k, struct secret **out[static SCHEDULE_SECRETS])
{
        struct secret **all[SCHEDULE_SECRETS] = {
                &k->sender_data_secret, &k->encryption_secret,   &k->exporter_secret,
                &k->external_secret,    &k->confirmation_key,    &k->membership_key,
                &k->resumption_psk,     &k->epoch_authenticator, &k->init_secret,
        };

        memcpy(out, all, sizeof(all));
}

/* struct { GroupContext context; uint32 leaf; struct { uint32 node; opaque key<V>; } keys<V>;
 *          optional<opaque<V>> schedule[9]; opaque interim_transcript_hash<V>; optional<opaque<V>> signature_key;
 *          opaque reinit<V>; } */
void part_write_epoch(const struct epoch *e, struct writer *w)
{
        struct key_schedule schedule = e->schedule;
        _cleanup_secret_ struct secret *signature_key =
                e->signature_key ? signature_key_private(e->signature_key) : NULL;
        struct secret **secrets[SCHEDULE_SECRETS];
        size_t mark;

        write_fixed(w, group_context_bytes(&e->context));
        write_u32(w, e->keys.leaf);
        mark = writer_open_vector(w);
        for (uint32_t i = 0; i < e->keys.count; i++) {
                write_u32(w, e->keys.items[i].node);
                write_vector(w, secret_bytes(e->keys.items[i].key));
        }
        writer_close_vector(w, mark);
        schedule_secrets(&schedule, secrets);
        for (unsigned i = 0; i < SCHEDULE_SECRETS; i++)
                write_secret(w, *secrets[i]);
        write_vector(w, BYTES(e->interim_transcript_hash, e->context.suite->hash_size));
        write_secret(w, signature_key);
        write_vector(w, e->reinit);
}

static void read_reinit(struct reader *r, struct bytes *out)
{
        struct bytes encoded = read_vector(r);
        struct proposal p;
        struct reader inner;
        uint8_t *copy;

        if (r->error || encoded.size == 0)
                return;
        reader_init(&inner, encoded);
        proposal_read(&inner, &p);
        if (reader_finish(&inner) < 0 || p.type != PROPOSAL_REINIT) {
                reader_fail(r);
                return;
        }
        copy = malloc(encoded.size);
        if (!copy)
                abort();
        memcpy(copy, encoded.data, encoded.size);
        *out = BYTES(copy, encoded.size);
}

static void read_keys(struct reader *r, uint32_t leaves, struct private_keys *out)
{
        struct reader list;

        out->leaf = read_u32(r);
        list = read_vector_open(r);
        while (reader_more(&list)) {
                uint32_t node = read_u32(&list);
                struct bytes key = read_vector(&list);

                if (node >= tree_width(leaves) ||
                    (out->count > 0 && node <= out->items[out->count - 1].node)) /* ascending */
                        reader_fail(&list);
                if (!list.error)
                        private_keys_set(out, node, secret_copy(key));
        }
        reader_close_vector(r, &list);
}

/* True if all secrets are there that an epoch which is not over needs, or the one that is left of one that is (retire()
 * in group.c). */
static bool schedule_fits(const struct key_schedule *k, size_t size)
{
        const struct secret *live[] = {
                k->exporter_secret, k->external_secret,     k->confirmation_key,
                k->membership_key,  k->epoch_authenticator, k->init_secret,
        };
        size_t present = 0;

        for (size_t i = 0; i < COUNT_OF(live); i++)
                present += live[i] != NULL && live[i]->size == size;
        return k->sender_data_secret && k->sender_data_secret->size == size && !k->encryption_secret &&
               present == (k->init_secret ? COUNT_OF(live) : 0) && !k->init_secret == !k->resumption_psk;
}

/* True if it is the tree that all members have agreed on. */
static bool tree_fits(const struct ratchet_tree *t, const struct group_context *c)
{
        uint8_t hash[SUITE_HASH_MAX];

        ratchet_tree_hash(t, tree_root(t->leaves), hash);
        return t->suite == c->suite && bytes_equal(BYTES(hash, t->suite->hash_size), c->tree_hash);
}

int part_read_epoch(struct reader *r, const struct ratchet_tree *t, struct epoch **out)
{
        _cleanup_epoch_ struct epoch *e = calloc(1, sizeof(*e));
        _cleanup_secret_ struct secret *signature_key = NULL;
        struct secret **secrets[SCHEDULE_SECRETS];
        struct bytes interim;

        if (!e)
                abort();
        if (group_context_read(r, &e->context) < 0 || !tree_fits(t, &e->context))
                return -EBADMSG;
        ratchet_tree_copy(t, &e->tree);
        read_keys(r, t->leaves, &e->keys);
        schedule_secrets(&e->schedule, secrets);
        for (unsigned i = 0; i < SCHEDULE_SECRETS; i++)
                *secrets[i] = read_secret(r);
        interim = read_vector(r);
        signature_key = read_secret(r);
        read_reinit(r, &e->reinit);
        if (reader_finish(r) < 0 || !schedule_fits(&e->schedule, t->suite->hash_size) ||
            interim.size != t->suite->hash_size || !ratchet_tree_leaf(t, e->keys.leaf) ||
            (signature_key && signature_key_new(t->suite, signature_key, &e->signature_key) < 0))
                return -EBADMSG;
        memcpy(e->interim_transcript_hash, interim.data, interim.size);
        e->secret_tree = secret_tree_empty(t->suite, t->leaves);
        *out = TAKE(e);
        return 0;
}

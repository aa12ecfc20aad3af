/* A group's exact state as bytes, and back. What is written holds every secret: the caller seals it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/group_state.h"
#include "services/cleanup.h"

enum { GROUP_STATE_VERSION = 2 };

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

static void epoch_write(const struct epoch *e, struct writer *w)
{
        struct key_schedule schedule = e->schedule;
        _cleanup_secret_ struct secret *signature_key =
                e->signature_key ? signature_key_private(e->signature_key) : NULL;
        struct secret **secrets[SCHEDULE_SECRETS];
        size_t mark;

        write_fixed(w, group_context_bytes(&e->context));
        ratchet_tree_write(&e->tree, w);
        write_u32(w, e->keys.leaf);
        mark = writer_open_vector(w);
        for (uint32_t i = 0; i < e->keys.width; i++)
                if (e->keys.keys[i]) {
                        write_u32(w, i);
                        write_vector(w, secret_bytes(e->keys.keys[i]));
                }
        writer_close_vector(w, mark);
        schedule_secrets(&schedule, secrets);
        for (unsigned i = 0; i < SCHEDULE_SECRETS; i++)
                write_secret(w, *secrets[i]);
        secret_tree_write(e->secret_tree, w);
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

static int epoch_read(struct reader *r, struct epoch **out)
{
        _cleanup_epoch_ struct epoch *e = calloc(1, sizeof(*e));
        _cleanup_secret_ struct secret *signature_key = NULL;
        struct secret **secrets[SCHEDULE_SECRETS];
        struct bytes interim;
        struct reader list;

        if (!e)
                abort();
        if (group_context_read(r, &e->context) < 0 || ratchet_tree_restore(e->context.suite, r, &e->tree) < 0)
                return -EBADMSG;
        e->keys.leaf = read_u32(r);
        list = read_vector_open(r);
        while (reader_more(&list)) {
                uint32_t node = read_u32(&list);
                struct bytes key = read_vector(&list);

                if (node >= tree_width(e->tree.leaves) || node < e->keys.width) /* ascending */
                        reader_fail(&list);
                if (!list.error)
                        private_keys_set(&e->keys, node, secret_copy(key));
        }
        reader_close_vector(r, &list);
        schedule_secrets(&e->schedule, secrets);
        for (unsigned i = 0; i < SCHEDULE_SECRETS; i++)
                *secrets[i] = read_secret(r);
        if (r->error)
                return -EBADMSG;
        e->secret_tree = secret_tree_read(e->context.suite, r);
        interim = read_vector(r);
        signature_key = read_secret(r);
        read_reinit(r, &e->reinit);
        if (signature_key && signature_key_new(e->context.suite, signature_key, &e->signature_key) < 0)
                return -EBADMSG;
        if (!e->secret_tree || r->error || interim.size != e->context.suite->hash_size ||
            !ratchet_tree_leaf(&e->tree, e->keys.leaf))
                return -EBADMSG;
        memcpy(e->interim_transcript_hash, interim.data, interim.size);
        *out = TAKE(e);
        return 0;
}

void group_write(const struct group *g, struct writer *w)
{
        _cleanup_secret_ struct secret *signature_key = signature_key_private(g->signature_key);

        write_u8(w, GROUP_STATE_VERSION);
        write_secret(w, signature_key);
        epoch_write(g->current, w);
        write_optional(w, g->pending != NULL);
        if (g->pending)
                epoch_write(g->pending, w);
        for (unsigned i = 0; i < GROUP_PAST_EPOCHS; i++) {
                write_optional(w, g->past[i] != NULL);
                if (g->past[i])
                        epoch_write(g->past[i], w);
        }
        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS; i++) {
                write_u64(w, g->resumptions[i].epoch);
                write_secret(w, g->resumptions[i].psk);
        }
        proposal_store_write(&g->proposals, g->current->context.suite, w);
}

int group_read(struct reader *r, struct group **out)
{
        _cleanup_group_ struct group *g = calloc(1, sizeof(*g));
        _cleanup_secret_ struct secret *signature_key = NULL;

        if (!g)
                abort();
        if (read_u8(r) != GROUP_STATE_VERSION)
                return -EBADMSG;
        signature_key = read_secret(r);
        if (r->error || !signature_key || epoch_read(r, &g->current) < 0 ||
            signature_key_new(g->current->context.suite, signature_key, &g->signature_key) < 0)
                return -EBADMSG;
        if (read_optional(r) && epoch_read(r, &g->pending) < 0)
                return -EBADMSG;
        for (unsigned i = 0; i < GROUP_PAST_EPOCHS; i++)
                if (read_optional(r) && epoch_read(r, &g->past[i]) < 0)
                        return -EBADMSG;
        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS; i++) {
                g->resumptions[i].epoch = read_u64(r);
                g->resumptions[i].psk = read_secret(r);
        }
        proposal_store_read(r, g->current->context.suite, &g->proposals);
        if (r->error)
                return -EBADMSG;
        *out = TAKE(g);
        return 0;
}

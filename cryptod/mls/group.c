#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/private_message.h"
#include "cryptod/mls/public_message.h"
#include "services/cleanup.h"

struct group *group_new(struct signature_key *signature_key, struct epoch *current)
{
        struct group *g = calloc(1, sizeof(*g));

        if (!g)
                abort();
        g->signature_key = signature_key;
        g->current = current;
        return g;
}

int group_create(const struct suite *s, struct bytes group_id, struct bytes leaf_node, struct secret *leaf_key,
                 struct secret *signature_key, struct bytes extensions, struct group **out)
{
        _cleanup_secret_ struct secret *private_key = signature_key;
        _cleanup_signature_key_ struct signature_key *key = NULL;
        struct epoch *e;
        int r = epoch_create(s, group_id, leaf_node, leaf_key, extensions, &e);

        if (r < 0)
                return r;
        r = signature_key_new(s, private_key, &key);
        if (r < 0) {
                epoch_free(e);
                return r;
        }
        *out = group_new(TAKE(key), e);
        return 0;
}

int group_join(struct bytes message, const struct joiner *joiner, struct bytes tree, struct secret *signature_key,
               const struct group_host *host, struct group **out)
{
        _cleanup_secret_ struct secret *private_key = signature_key;
        _cleanup_signature_key_ struct signature_key *key = NULL;
        _cleanup_epoch_ struct epoch *e = NULL;
        struct group_psks psks = { .host = host, .linking = true };
        struct welcome welcome;
        struct reader reader;
        int r;

        reader_init(&reader, message);
        if (read_u16(&reader) != PROTOCOL_MLS10 || read_u16(&reader) != WIRE_FORMAT_WELCOME)
                return -EBADMSG;
        r = welcome_read(&reader, &welcome);
        if (r >= 0)
                r = reader_finish(&reader);
        if (r >= 0)
                r = epoch_join(&welcome, joiner, tree, &(struct psk_source){ group_find_psk, &psks },
                               host ? host->threads : 1, &e);
        if (r >= 0 && host && host->group && host->group(host->userdata, e->context.group_id))
                r = -EEXIST;
        if (r >= 0)
                r = group_check_link(e, &psks);
        if (r >= 0)
                r = group_check_credentials(NULL, e, NODE_NONE, NODE_NONE, host);
        if (r >= 0)
                r = signature_key_new(e->context.suite, private_key, &key);
        if (r < 0)
                return r;
        *out = group_new(TAKE(key), TAKE(e));
        return 0;
}

struct group *group_free(struct group *g)
{
        if (!g)
                return NULL;
        signature_key_free(g->signature_key);
        epoch_free(g->current);
        epoch_free(g->pending);
        for (unsigned i = 0; i < GROUP_PAST_EPOCHS; i++)
                epoch_free(g->past[i]);
        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS; i++)
                secret_free(g->resumptions[i].psk);
        proposal_store_release(&g->proposals);
        free(g->saved.nodes);
        free(g);
        return NULL;
}

void group_release(struct group **g)
{
        *g = group_free(*g);
}

const struct epoch *group_epoch(const struct group *g)
{
        return g->current;
}

const struct leaf_node *group_leaf(const struct group *g, uint64_t epoch, uint32_t leaf)
{
        if (epoch == g->current->context.epoch)
                return ratchet_tree_leaf(&g->current->tree, leaf);
        for (unsigned i = 0; i < GROUP_PAST_EPOCHS && g->past[i]; i++) {
                if (g->past[i]->context.epoch == epoch)
                        return ratchet_tree_leaf(&g->past[i]->tree, leaf);
        }
        return NULL;
}

static void note_altered(struct epoch *e)
{
        if (e->saved == EPOCH_SAVED)
                e->saved = EPOCH_ALTERED;
}

/* Leaves of an epoch that is over what opens late messages, and nothing that leads into another epoch. */
static void retire(struct epoch *e)
{
        struct secret *sender_data_secret = TAKE(e->schedule.sender_data_secret);
        uint32_t leaf = e->keys.leaf;

        private_keys_release(&e->keys);
        e->keys.leaf = leaf;
        key_schedule_release(&e->schedule);
        e->schedule.sender_data_secret = sender_data_secret;
        note_altered(e);
}

void group_advance(struct group *g, struct epoch *next)
{
        struct resumption *last = &g->resumptions[GROUP_RESUMPTION_PSKS - 1];
        _cleanup_epoch_ struct epoch *over = g->past[GROUP_PAST_EPOCHS - 1];

        secret_free(last->psk);
        memmove(&g->resumptions[1], g->resumptions, sizeof(g->resumptions) - sizeof(*last));
        g->resumptions[0] = (struct resumption){ g->current->context.epoch, TAKE(g->current->schedule.resumption_psk) };
        retire(g->current);
        memmove(&g->past[1], g->past, sizeof(g->past) - sizeof(g->past[0]));
        g->past[0] = g->current;
        if (over)
                group_note_oldest(g, &over->tree, &g->past[GROUP_PAST_EPOCHS - 1]->tree);
        g->current = next;
        if (next->signature_key) {
                signature_key_free(g->signature_key);
                g->signature_key = TAKE(next->signature_key);
                note_altered(next);
        }
        proposal_store_release(&g->proposals);
        g->saved.group = false;
}

bool group_same_client(const struct group_host *host, const struct leaf_node *a, const struct leaf_node *b)
{
        if (host && host->same_client)
                return host->same_client(host->userdata, a, b);
        return a->credential.type == b->credential.type && bytes_equal(a->credential.content, b->credential.content);
}

/* One leaf that has changed: @then may be NULL. */
static int check_credential(const struct leaf_node *then, const struct leaf_node *now, const struct group_host *host)
{
        /* One that ends before it begins is as long as can be. */
        if (host && host->lifetime_max && now->source == LEAF_NODE_KEY_PACKAGE &&
            now->not_after - now->not_before > host->lifetime_max)
                return -EBADMSG;
        if (then && now->source != LEAF_NODE_KEY_PACKAGE && !group_same_client(host, then, now))
                return -EBADMSG;
        if (then && then->credential.type == now->credential.type &&
            bytes_equal(then->credential.content, now->credential.content) &&
            bytes_equal(then->signature_key, now->signature_key))
                return 0;
        return host && host->credential ? host->credential(host->userdata, now) : 0;
}

static int check_extensions(const struct epoch *before, const struct epoch *after, const struct group_host *host)
{
        struct bytes then = before ? before->context.extensions : BYTES(NULL, 0), now = after->context.extensions;

        return host && host->extensions && !bytes_equal(then, now) ? host->extensions(host->userdata, now) : 0;
}

int group_check_credentials(const struct epoch *before, const struct epoch *after, uint32_t leaf, uint32_t replaced,
                            const struct group_host *host)
{
        const struct node_array nothing = { 0 }, *then = before ? &before->tree.nodes : &nothing;
        const struct node_array *now = &after->tree.nodes;
        int r = check_extensions(before, after, host);

        for (uint32_t n = 0; r >= 0 && (n = node_array_difference(then, now, n)) != NODE_NONE; n++) {
                uint32_t old = n == tree_leaf_node(leaf) && replaced != NODE_NONE ? tree_leaf_node(replaced) : n;
                const struct tree_node *was = node_array_get(then, old), *is = node_array_get(now, n);

                if (is && tree_is_leaf(n))
                        r = check_credential(was ? &was->leaf : NULL, &is->leaf, host);
        }
        return r;
}

/* The resumption PSK of one of a group's own epochs. */
static const struct secret *resumption_psk(const struct group *g, uint64_t epoch)
{
        if (epoch == g->current->context.epoch)
                return g->current->schedule.resumption_psk;
        for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS; i++)
                if (g->resumptions[i].psk && g->resumptions[i].epoch == epoch)
                        return g->resumptions[i].psk;
        return NULL;
}

const struct secret *group_find_psk(void *userdata, const struct psk_id *id)
{
        struct group_psks *p = userdata;
        const struct group_host *host = p->host;
        const struct group *g = NULL;

        if (id->type == PSK_EXTERNAL)
                return host && host->psk ? host->psk(host->userdata, id) : NULL;
        if (id->usage != RESUMPTION_APPLICATION && (!p->linking || p->linked))
                return NULL;
        if (p->group && bytes_equal(id->group_id, p->group->current->context.group_id))
                g = p->group;
        else if (host && host->group)
                g = host->group(host->userdata, id->group_id);
        if (g && id->usage != RESUMPTION_APPLICATION) {
                p->linked = g;
                p->usage = id->usage;
                p->epoch = id->epoch;
        }
        return g ? resumption_psk(g, id->epoch) : host && host->psk ? host->psk(host->userdata, id) : NULL;
}

int group_writable(const struct group *g)
{
        return g->current->reinit.size > 0 ? -ESHUTDOWN : 0;
}

int group_frame(struct group *g, const struct authenticated_content *a, size_t pad_to, struct writer *out)
{
        const struct epoch *e = g->current;
        const struct suite *s = e->context.suite;

        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, (uint16_t) a->wire_format);
        return a->wire_format == WIRE_FORMAT_PUBLIC_MESSAGE
                       ? public_message_write(s, e->schedule.membership_key, group_context_bytes(&e->context), a, out)
                       : private_message_seal(s, e->secret_tree, e->schedule.sender_data_secret, a, pad_to, out);
}

int group_protect(struct group *g, struct bytes data, struct bytes authenticated_data, size_t pad_to,
                  struct writer *out)
{
        const struct epoch *e = g->current;
        _cleanup_writer_ struct writer signature = WRITER_INIT;
        struct authenticated_content a = {
                .wire_format = WIRE_FORMAT_PRIVATE_MESSAGE,
                .content = { .group_id = e->context.group_id,
                             .epoch = e->context.epoch,
                             .sender_type = SENDER_MEMBER,
                             .sender = e->keys.leaf,
                             .authenticated_data = authenticated_data,
                             .content_type = CONTENT_APPLICATION,
                             .body = data },
        };
        int r = group_writable(g);

        if (r >= 0)
                r = authenticated_content_sign(g->signature_key, group_context_bytes(&e->context), &a, &signature);
        if (r < 0)
                return r;
        a.auth.signature = writer_bytes(&signature);
        return group_frame(g, &a, pad_to, out);
}

bool group_has_pending(const struct group *g)
{
        return g->pending != NULL;
}

void group_merge_pending(struct group *g)
{
        assert(g->pending);
        group_advance(g, TAKE(g->pending));
}

void group_clear_pending(struct group *g)
{
        g->pending = epoch_free(g->pending);
}

struct secret *group_export(const struct group *g, const char *label, struct bytes context, size_t size)
{
        return key_schedule_export(g->current->context.suite, &g->current->schedule, label, context, size);
}

const struct secret *group_epoch_authenticator(const struct group *g)
{
        return g->current->schedule.epoch_authenticator;
}

size_t group_proposals(const struct group *g)
{
        return g->proposals.count;
}

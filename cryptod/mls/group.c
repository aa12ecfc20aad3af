#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/private_message.h"
#include "services/cleanup.h"

static struct group *group_new(struct signature_key *signature_key, struct epoch *current)
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
        struct group_psks psks = { NULL, host };
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
                r = epoch_join(&welcome, joiner, tree, &(struct psk_source){ group_find_psk, &psks }, &e);
        if (r >= 0)
                r = group_check_credentials(NULL, e, host);
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

/* Leaves of an epoch that is over what opens late messages, and nothing that leads into another epoch. */
static void retire(struct epoch *e)
{
        struct secret *sender_data_secret = TAKE(e->schedule.sender_data_secret);
        uint32_t leaf = e->keys.leaf;

        private_keys_release(&e->keys);
        e->keys.leaf = leaf;
        key_schedule_release(&e->schedule);
        e->schedule.sender_data_secret = sender_data_secret;
}

void group_advance(struct group *g, struct epoch *next)
{
        struct resumption *last = &g->resumptions[GROUP_RESUMPTION_PSKS - 1];

        secret_free(last->psk);
        memmove(&g->resumptions[1], g->resumptions, sizeof(g->resumptions) - sizeof(*last));
        g->resumptions[0] = (struct resumption){ g->current->context.epoch, TAKE(g->current->schedule.resumption_psk) };
        retire(g->current);
        epoch_free(g->past[GROUP_PAST_EPOCHS - 1]);
        memmove(&g->past[1], g->past, sizeof(g->past) - sizeof(g->past[0]));
        g->past[0] = g->current;
        g->current = next;
        proposal_store_release(&g->proposals);
}

int group_check_credentials(const struct epoch *before, const struct epoch *after, const struct group_host *host)
{
        for (uint32_t i = 0; host && host->credential && i < after->tree.leaves; i++) {
                const struct leaf_node *now = ratchet_tree_leaf(&after->tree, i);
                const struct leaf_node *then = before ? ratchet_tree_leaf(&before->tree, i) : NULL;
                int r;

                if (!now || now == then ||
                    (then && then->credential.type == now->credential.type &&
                     bytes_equal(then->credential.content, now->credential.content) &&
                     bytes_equal(then->signature_key, now->signature_key)))
                        continue;
                r = host->credential(host->userdata, now);
                if (r < 0)
                        return r;
        }
        return 0;
}

const struct secret *group_find_psk(void *userdata, const struct psk_id *id)
{
        const struct group_psks *p = userdata;

        if (id->type == PSK_RESUMPTION && p->group && bytes_equal(id->group_id, p->group->current->context.group_id)) {
                if (id->epoch == p->group->current->context.epoch)
                        return p->group->current->schedule.resumption_psk;
                for (unsigned i = 0; i < GROUP_RESUMPTION_PSKS; i++)
                        if (p->group->resumptions[i].psk && p->group->resumptions[i].epoch == id->epoch)
                                return p->group->resumptions[i].psk;
                return NULL;
        }
        return p->host && p->host->psk ? p->host->psk(p->host->userdata, id) : NULL;
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
        int r = authenticated_content_sign(g->signature_key, group_context_bytes(&e->context), &a, &signature);

        if (r < 0)
                return r;
        a.auth.signature = writer_bytes(&signature);
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_PRIVATE_MESSAGE);
        return private_message_seal(e->context.suite, e->secret_tree, e->schedule.sender_data_secret, &a, pad_to, out);
}

bool group_has_pending(const struct group *g)
{
        return g->pending != NULL;
}

void group_merge_pending(struct group *g)
{
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

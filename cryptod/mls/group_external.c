/* Joining by an external commit, and the GroupInfo that it takes (RFC 9420 §12.4.3.2). */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/public_message.h"
#include "cryptod/mls/transcript.h"
#include "services/cleanup.h"

static int publish_info(const struct group *g, const struct epoch *e, bool with_tree, struct writer *out)
{
        const struct suite *s = e->context.suite;
        _cleanup_writer_ struct writer extensions = WRITER_INIT, inner = WRITER_INIT, key = WRITER_INIT;
        uint8_t tag[SUITE_HASH_MAX];
        int r = group_writable(g);

        if (r < 0)
                return r;
        secret_free(key_schedule_external_key_pair(s, &e->schedule, &key));
        write_vector(&inner, writer_bytes(&key));
        write_u16(&extensions, EXTENSION_EXTERNAL_PUB);
        write_vector(&extensions, writer_bytes(&inner));
        if (with_tree) {
                _cleanup_writer_ struct writer tree = WRITER_INIT;

                ratchet_tree_write(&e->tree, &tree);
                write_u16(&extensions, EXTENSION_RATCHET_TREE);
                write_vector(&extensions, writer_bytes(&tree));
        }
        if (writer_finish(&extensions) < 0)
                return -EMSGSIZE;
        suite_mac(s, secret_bytes(e->schedule.confirmation_key), e->context.confirmed_transcript_hash, tag);
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_GROUP_INFO);
        return group_info_write(&e->context, writer_bytes(&extensions), BYTES(tag, s->hash_size), e->keys.leaf,
                                g->signature_key, out);
}

int group_publish_info(const struct group *g, bool with_tree, struct writer *out)
{
        return publish_info(g, g->current, with_tree, out);
}

int group_publish_pending_info(const struct group *g, bool with_tree, struct writer *out)
{
        return publish_info(g, g->pending, with_tree, out);
}

/* What can be known of an epoch from outside: its context, its tree, its transcript. */
static int read_epoch(const struct external_join *join, unsigned threads, struct epoch *e, struct group_info *info)
{
        const struct suite *s;
        struct reader reader;
        int r;

        reader_init(&reader, join->group_info);
        if (read_u16(&reader) != PROTOCOL_MLS10 || read_u16(&reader) != WIRE_FORMAT_GROUP_INFO)
                return -EBADMSG;
        r = group_info_read(&reader, info);
        if (r < 0)
                return r;
        s = info->context.suite;
        if (reader_finish(&reader) < 0)
                return -EBADMSG;
        if (join->self->suite != s)
                return -EPROTONOSUPPORT;
        r = epoch_read_tree(info, join->tree, threads, &e->tree);
        if (r >= 0)
                r = group_context_make(s, info->context.group_id, info->context.epoch, info->context.tree_hash,
                                       info->context.confirmed_transcript_hash, info->context.extensions, &e->context);
        if (r >= 0)
                r = transcript_interim(s, e->context.confirmed_transcript_hash, info->confirmation_tag,
                                       e->interim_transcript_hash);
        return r;
}

/* The init secret of the next epoch, and the ExternalInit that tells it to the members (§8.3). */
static int make_init(const struct group_info *info, struct writer *proposals, struct secret **out)
{
        _cleanup_writer_ struct writer kem_output = WRITER_INIT;
        const struct suite *s = info->context.suite;
        struct bytes extension, key;
        struct reader r;
        int result;

        if (!extension_find(info->extensions, EXTENSION_EXTERNAL_PUB, &extension))
                return -ENOENT;
        reader_init(&r, extension);
        key = read_vector(&r);
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        result = hpke_send_export(s, key, BYTES(NULL, 0), BYTES_STRING("MLS 1.0 external init secret"), s->hash_size,
                                  &kem_output, out);
        if (result >= 0)
                proposal_write_external_init(proposals, writer_bytes(&kem_output));
        return result;
}

/* The leaf that we have had in it before. */
static uint32_t find_old_leaf(const struct external_join *join, const struct ratchet_tree *tree)
{
        for (uint32_t i = 0; join->resync_same_key && i < tree->leaves; i++) {
                const struct leaf_node *leaf = ratchet_tree_leaf(tree, i);

                if (leaf && bytes_equal(leaf->signature_key, join->self->signature_key))
                        return i;
        }
        return join->resync_same_key ? NODE_NONE : join->resync;
}

static int list_proposals(const struct external_join *join, uint32_t resync, struct writer *proposals,
                          struct proposal_list *list)
{
        struct reader r;

        if (join->psk_count > EXTERNAL_PROPOSALS_MAX - 2) /* beside the init and a removal */
                return -E2BIG;
        if (resync != NODE_NONE)
                proposal_write_remove(proposals, resync);
        for (size_t i = 0; i < join->psk_count; i++)
                group_write_psk(join->self->suite, &join->psks[i], proposals);
        if (writer_finish(proposals) < 0)
                return -EMSGSIZE;
        reader_init(&r, writer_bytes(proposals));
        while (reader_more(&r)) {
                struct proposal p;

                proposal_read(&r, &p);
                if (!r.error)
                        proposal_list_add(list, &p, NODE_NONE);
        }
        return reader_finish(&r);
}

static int write_commit(const struct commit_draft *d, struct writer *out)
{
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_PUBLIC_MESSAGE);
        return public_message_write(d->before->context.suite, NULL, group_context_bytes(&d->before->context),
                                    &d->content, out);
}

int group_join_external(const struct external_join *join, const struct group_host *host, struct writer *commit,
                        struct group **out)
{
        struct group_psks psks = { .host = host };
        const struct psk_source source = { group_find_psk, &psks };
        _cleanup_(group_info_release) struct group_info info = { 0 };
        _cleanup_(commit_draft_release) struct commit_draft d = { .psks = &source };
        _cleanup_epoch_ struct epoch *before = calloc(1, sizeof(*before));
        _cleanup_signature_key_ struct signature_key *key = NULL;
        _cleanup_secret_ struct secret *init_secret = NULL;
        _cleanup_writer_ struct writer proposals = WRITER_INIT, capabilities = WRITER_INIT;
        uint32_t resync = NODE_NONE;
        int r;

        if (!before)
                abort();
        r = read_epoch(join, host ? host->threads : 1, before, &info);
        if (r >= 0)
                resync = find_old_leaf(join, &before->tree);
        if (r >= 0 && host && host->group && host->group(host->userdata, info.context.group_id) && resync == NODE_NONE)
                r = -EEXIST;
        if (r >= 0)
                r = group_check_credentials(NULL, before, NODE_NONE, NODE_NONE, host);
        if (r >= 0)
                r = make_init(&info, &proposals, &init_secret);
        if (r >= 0)
                r = list_proposals(join, resync, &proposals, &d.list);
        if (r >= 0)
                r = identity_leaf(join->self, &capabilities, &d.leaf);
        if (r >= 0)
                r = signature_key_new(join->self->suite, join->self->signature_private_key, &key);
        if (r < 0)
                return r;
        d.before = before;
        d.init_secret = init_secret;
        d.framing_key = d.leaf_key = key;
        d.sender_type = SENDER_NEW_MEMBER_COMMIT;
        d.wire_format = WIRE_FORMAT_PUBLIC_MESSAGE;
        d.authenticated_data = join->authenticated_data;
        if (host && host->commit)
                r = host->commit(host->userdata,
                                 &(struct commit_view){ before, &d.list, NODE_NONE, &d.leaf, d.authenticated_data });
        if (r >= 0)
                r = commit_draft_make(&d);
        if (r >= 0)
                r = group_check_credentials(before, d.next, d.next->keys.leaf, resync, host);
        if (r >= 0)
                r = write_commit(&d, commit);
        if (r < 0)
                return r;
        *out = group_new(TAKE(key), TAKE(d.next));
        return 0;
}

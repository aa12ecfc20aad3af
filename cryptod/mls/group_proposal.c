/* Proposals as messages of their own (RFC 9420 §12.1), from members and from outside. */
#include <errno.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/public_message.h"
#include "services/cleanup.h"
#include "services/seal.h"

void group_write_psk(const struct suite *s, const struct psk_id *psk, struct writer *w)
{
        struct psk_id id = *psk;
        uint8_t nonce[SUITE_HASH_MAX];

        random_fill(nonce, s->hash_size);
        id.nonce = BYTES(nonce, s->hash_size);
        proposal_write_psk(w, &id);
}

/* Reads the proposal as a receiver will, and judges it. */
static int check(const struct group *g, struct bytes proposal)
{
        struct listed_proposal p = { .sender = g->current->keys.leaf };
        struct reader r;

        reader_init(&r, proposal);
        proposal_read(&r, &p.proposal);
        return reader_finish(&r) < 0 ? -EBADMSG
                                     : proposal_validate(&p, &g->current->tree, g->current->context.group_id);
}

/* Signs, keeps and frames it. */
static int propose(struct group *g, struct bytes proposal, struct bytes authenticated_data,
                   const struct group_framing *framing, struct stored_proposal **stored, struct writer *out)
{
        const struct epoch *e = g->current;
        _cleanup_writer_ struct writer signature = WRITER_INIT;
        struct authenticated_content a = {
                .wire_format = framing && framing->public ? WIRE_FORMAT_PUBLIC_MESSAGE : WIRE_FORMAT_PRIVATE_MESSAGE,
                .content = { .group_id = e->context.group_id,
                             .epoch = e->context.epoch,
                             .sender_type = SENDER_MEMBER,
                             .sender = e->keys.leaf,
                             .authenticated_data = authenticated_data,
                             .content_type = CONTENT_PROPOSAL,
                             .body = proposal },
        };
        int r = group_writable(g);

        if (r >= 0)
                r = check(g, proposal);
        if (r >= 0)
                r = authenticated_content_sign(g->signature_key, group_context_bytes(&e->context), &a, &signature);
        if (r < 0)
                return r;
        a.auth.signature = writer_bytes(&signature);
        r = proposal_store_add(&g->proposals, e->context.suite, &a, stored);
        return r < 0 ? r : group_frame(g, &a, framing ? framing->pad_to : 0, out);
}

int group_propose(struct group *g, struct bytes proposal, struct bytes authenticated_data,
                  const struct group_framing *framing, struct writer *out)
{
        /* An update whose private key nobody keeps would lock us out. */
        if (proposal.size < 2 || (proposal.data[0] == 0 && proposal.data[1] == PROPOSAL_UPDATE))
                return -EINVAL;
        return propose(g, proposal, authenticated_data, framing, NULL, out);
}

int group_propose_update(struct group *g, const struct identity *identity, struct bytes authenticated_data,
                         const struct group_framing *framing, struct writer *out)
{
        const struct epoch *e = g->current;
        const struct suite *s = e->context.suite;
        struct leaf_node leaf = *ratchet_tree_leaf(&e->tree, e->keys.leaf);
        _cleanup_signature_key_ struct signature_key *new_key = NULL;
        _cleanup_secret_ struct secret *seed = secret_random(s->hash_size), *leaf_key = NULL;
        _cleanup_writer_ struct writer key = WRITER_INIT, encoded = WRITER_INIT, proposal = WRITER_INIT;
        struct stored_proposal *stored;
        int r = identity ? signature_key_new(s, identity->signature_private_key, &new_key) : 0;

        if (r < 0)
                return r;
        leaf_key = hpke_derive_key_pair(s, secret_bytes(seed), &key);
        leaf.encryption_key = writer_bytes(&key);
        leaf.source = LEAF_NODE_UPDATE;
        if (identity) {
                leaf.signature_key = identity->signature_key;
                leaf.credential = identity->credential;
        }
        r = leaf_node_write(&leaf, new_key ? new_key : g->signature_key, e->context.group_id, e->keys.leaf, &encoded);
        if (r < 0)
                return r;
        proposal_write_update(&proposal, writer_bytes(&encoded));
        r = propose(g, writer_bytes(&proposal), authenticated_data, framing, &stored, out);
        if (r < 0)
                return r;
        stored->leaf_key = TAKE(leaf_key);
        stored->signature_key = identity ? secret_copy(secret_bytes(identity->signature_private_key)) : NULL;
        return 0;
}

int group_propose_psk(struct group *g, const struct psk_id *psk, struct bytes authenticated_data,
                      const struct group_framing *framing, struct writer *out)
{
        _cleanup_writer_ struct writer proposal = WRITER_INIT;

        group_write_psk(g->current->context.suite, psk, &proposal);
        return propose(g, writer_bytes(&proposal), authenticated_data, framing, NULL, out);
}

/* Signs and frames a proposal of somebody outside, which no group context is bound into. */
static int propose_from_outside(const struct suite *s, struct framed_content *content,
                                const struct secret *signature_key, struct writer *out)
{
        struct authenticated_content a = { .wire_format = WIRE_FORMAT_PUBLIC_MESSAGE, .content = *content };
        _cleanup_writer_ struct writer signature = WRITER_INIT;
        _cleanup_signature_key_ struct signature_key *key = NULL;
        int r = signature_key_new(s, signature_key, &key);

        if (r >= 0)
                r = authenticated_content_sign(key, BYTES(NULL, 0), &a, &signature);
        if (r < 0)
                return r;
        a.auth.signature = writer_bytes(&signature);
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_PUBLIC_MESSAGE);
        return public_message_write(s, NULL, BYTES(NULL, 0), &a, out);
}

int external_propose(const struct suite *s, struct bytes group_id, uint64_t epoch, uint32_t index,
                     const struct secret *signature_key, struct bytes proposal, struct bytes authenticated_data,
                     struct writer *out)
{
        struct framed_content content = { .group_id = group_id,
                                          .epoch = epoch,
                                          .sender_type = SENDER_EXTERNAL,
                                          .sender = index,
                                          .authenticated_data = authenticated_data,
                                          .content_type = CONTENT_PROPOSAL,
                                          .body = proposal };

        return propose_from_outside(s, &content, signature_key, out);
}

int new_member_propose(const struct suite *s, struct bytes group_id, uint64_t epoch, struct bytes key_package,
                       const struct secret *signature_key, struct bytes authenticated_data, struct writer *out)
{
        _cleanup_writer_ struct writer proposal = WRITER_INIT;
        struct framed_content content = { .group_id = group_id,
                                          .epoch = epoch,
                                          .sender_type = SENDER_NEW_MEMBER_PROPOSAL,
                                          .authenticated_data = authenticated_data,
                                          .content_type = CONTENT_PROPOSAL };

        proposal_write_add(&proposal, key_package);
        if (writer_finish(&proposal) < 0)
                return -EMSGSIZE;
        content.body = writer_bytes(&proposal);
        return propose_from_outside(s, &content, signature_key, out);
}

/* The rules for one proposal by itself (RFC 9420 §12.1.1 to §12.1.7, §10.1). */
#include <errno.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/proposal_list.h"

static int validate_add(const struct key_package *k, const struct suite *s)
{
        int r;

        if (k->cipher_suite != s->id)
                return -EPROTONOSUPPORT;
        /* A lifetime that ended while the message was under way is the sender's business (§7.3). */
        r = key_package_check(k, k->leaf.not_before);
        return r == -ESTALE ? -EBADMSG : r;
}

static int validate_update(const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id)
{
        const struct leaf_node *before = ratchet_tree_leaf(t, p->sender), *after = &p->proposal.update;

        if (!before || after->source != LEAF_NODE_UPDATE ||
            bytes_equal(before->encryption_key, after->encryption_key) ||
            hpke_check_public_key(t->suite, after->encryption_key) < 0)
                return -EBADMSG;
        return leaf_node_verify(t->suite, after, group_id, p->sender);
}

int proposal_validate(const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id)
{
        const struct psk_id *psk = &p->proposal.psk;

        switch (p->proposal.type) {
        case PROPOSAL_ADD:
                return validate_add(&p->proposal.add, t->suite);
        case PROPOSAL_UPDATE:
                return validate_update(p, t, group_id);
        case PROPOSAL_REMOVE:
                return ratchet_tree_leaf(t, p->proposal.removed) ? 0 : -EBADMSG;
        case PROPOSAL_PSK:
                return psk->nonce.size == t->suite->hash_size &&
                                       (psk->type == PSK_EXTERNAL || psk->usage == RESUMPTION_APPLICATION)
                               ? 0
                               : -EBADMSG;
        case PROPOSAL_REINIT:
                return p->proposal.reinit.version >= PROTOCOL_MLS10 ? 0 : -EBADMSG;
        case PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
                return 0; /* who has to support them is known with the whole list */
        case PROPOSAL_EXTERNAL_INIT:
                return -EBADMSG;
        }
        return -EBADMSG;
}

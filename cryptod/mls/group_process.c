/* Messages that come in (RFC 9420 §6, §12.4.2). */
#include <errno.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/private_message.h"
#include "cryptod/mls/public_message.h"
#include "services/cleanup.h"

void received_release(struct received *r)
{
        writer_release(&r->plain);
        *r = (struct received){ 0 };
}

int message_peek(struct bytes message, struct message_peek *out)
{
        struct message_peek peek = { 0 };
        struct reader r;

        reader_init(&r, message);
        if (read_u16(&r) != PROTOCOL_MLS10)
                return -EBADMSG;
        peek.wire_format = (enum wire_format) read_u16(&r);
        if (peek.wire_format == WIRE_FORMAT_PRIVATE_MESSAGE || peek.wire_format == WIRE_FORMAT_PUBLIC_MESSAGE) {
                peek.group_id = read_vector(&r);
                peek.epoch = read_u64(&r);
        }
        if (peek.wire_format == WIRE_FORMAT_PRIVATE_MESSAGE) {
                peek.content_type = (enum content_type) read_u8(&r);
        } else if (peek.wire_format == WIRE_FORMAT_PUBLIC_MESSAGE) {
                struct authenticated_content a;
                struct bytes tag;
                int error;

                reader_init(&r, BYTES(message.data + 4, message.size - 4));
                error = public_message_read(&r, &a, &tag);
                if (error < 0)
                        return error;
                peek.content_type = a.content.content_type;
                peek.external_commit = a.content.sender_type == SENDER_NEW_MEMBER_COMMIT;
        }
        if (r.error)
                return -EBADMSG;
        *out = peek;
        return 0;
}

/* The nth key of the external_senders extension. */
static int external_sender_key(const struct epoch *e, uint32_t index, struct bytes *key)
{
        struct bytes list;
        struct reader outer, r;

        if (!extension_find(e->context.extensions, EXTENSION_EXTERNAL_SENDERS, &list))
                return -EBADMSG;
        reader_init(&outer, list);
        r = read_vector_open(&outer);
        for (uint32_t i = 0; i <= index && reader_more(&r); i++) {
                *key = read_vector(&r);
                read_u16(&r);
                read_vector(&r);
                if (i == index && !r.error)
                        return 0;
        }
        return -EBADMSG;
}

/* The types that an external sender may propose (§12.1.8). */
static bool may_come_from_outside(enum proposal_type type)
{
        return type == PROPOSAL_ADD || type == PROPOSAL_REMOVE || type == PROPOSAL_PSK || type == PROPOSAL_REINIT ||
               type == PROPOSAL_GROUP_CONTEXT_EXTENSIONS;
}

/* The key that a content must be signed with. */
static int sender_key(const struct epoch *e, const struct framed_content *c, struct bytes *key)
{
        const struct leaf_node *leaf;
        struct proposal proposal;
        struct commit commit;
        struct reader r;

        reader_init(&r, c->body);
        switch (c->sender_type) {
        case SENDER_MEMBER:
                leaf = ratchet_tree_leaf(&e->tree, c->sender);
                if (!leaf)
                        return -EBADMSG;
                *key = leaf->signature_key;
                return 0;
        case SENDER_EXTERNAL:
                if (c->content_type != CONTENT_PROPOSAL)
                        return -EBADMSG;
                proposal_read(&r, &proposal);
                return may_come_from_outside(proposal.type) ? external_sender_key(e, c->sender, key) : -EBADMSG;
        case SENDER_NEW_MEMBER_PROPOSAL:
                if (c->content_type != CONTENT_PROPOSAL)
                        return -EBADMSG;
                proposal_read(&r, &proposal);
                *key = proposal.add.leaf.signature_key;
                return proposal.type == PROPOSAL_ADD ? r.error : -EBADMSG;
        case SENDER_NEW_MEMBER_COMMIT:
                if (c->content_type != CONTENT_COMMIT)
                        return -EBADMSG;
                commit_read(&r, &commit);
                *key = commit.path.leaf.signature_key;
                return commit.has_path ? r.error : -EBADMSG;
        }
        return -EBADMSG;
}

static int verify(const struct epoch *e, const struct authenticated_content *a)
{
        struct bytes key;
        int r = sender_key(e, &a->content, &key);

        return r < 0 ? r : authenticated_content_verify(e->context.suite, key, group_context_bytes(&e->context), a);
}

/* Keeps a proposal that may be committed. */
static int accept_proposal(struct group *g, const struct authenticated_content *a, const struct group_host *host)
{
        const struct epoch *e = g->current;
        struct listed_proposal p = { .sender =
                                             a->content.sender_type == SENDER_MEMBER ? a->content.sender : NODE_NONE };
        struct reader reader;
        int r;

        if (proposal_store_has(&g->proposals, e->context.suite, a))
                return -EALREADY;
        reader_init(&reader, a->content.body);
        proposal_read(&reader, &p.proposal);
        r = proposal_validate(&p, &e->tree, e->context.group_id);
        if (r >= 0 && host && host->proposal)
                r = host->proposal(host->userdata, &p.proposal, p.sender);
        else if (r >= 0 && p.sender == NODE_NONE)
                r = -EACCES;
        return r < 0 ? r : proposal_store_add(&g->proposals, e->context.suite, a, NULL);
}

/* Acts on a content that has been authenticated. */
static int accept(struct group *g, const struct authenticated_content *a, const struct group_host *host,
                  struct received *out)
{
        struct group_psks psks = { .group = g, .host = host };
        struct commit_judge judge = { host ? host->commit : NULL, host ? host->userdata : NULL };
        _cleanup_epoch_ struct epoch *next = NULL;
        struct committer who;
        int r;

        if (g->current->reinit.size > 0)
                return -ESHUTDOWN;
        if (a->content.content_type == CONTENT_PROPOSAL) {
                out->kind = RECEIVED_PROPOSAL;
                return accept_proposal(g, a, host);
        }
        out->kind = RECEIVED_COMMIT;
        r = epoch_receive_commit(g->current, a, &g->proposals, &(struct psk_source){ group_find_psk, &psks }, &judge,
                                 &who, &next);
        if (r >= 0)
                r = group_check_credentials(g->current, next, who.leaf, who.replaced, host);
        if (r < 0)
                return r;
        out->sender = who.leaf;
        group_clear_pending(g);
        group_advance(g, TAKE(next));
        return 0;
}

static int process_public(struct group *g, struct reader *reader, const struct group_host *host, struct received *out)
{
        const struct epoch *e = g->current;
        struct authenticated_content a;
        struct bytes tag;

        if (public_message_read(reader, &a, &tag) < 0 || a.content.content_type == CONTENT_APPLICATION ||
            !bytes_equal(a.content.group_id, e->context.group_id))
                return -EBADMSG;
        if (a.content.epoch != e->context.epoch)
                return a.content.epoch < e->context.epoch ? -ESTALE : -EAGAIN;
        if (a.content.sender_type == SENDER_MEMBER &&
            public_message_check_membership(e->context.suite, e->schedule.membership_key,
                                            group_context_bytes(&e->context), &a, tag) < 0)
                return -EBADMSG;
        if (a.content.sender_type == SENDER_MEMBER && a.content.sender == e->keys.leaf)
                return -EALREADY;
        if (verify(e, &a) < 0)
                return -EBADMSG;
        out->sender = a.content.sender_type == SENDER_MEMBER ? a.content.sender : NODE_NONE;
        out->authenticated_data = a.content.authenticated_data;
        return accept(g, &a, host, out);
}

/* The epoch of a private message: the current one, or for application data one of the past. */
static int find_epoch(struct group *g, const struct private_message *m, struct epoch **out)
{
        if (m->epoch > g->current->context.epoch)
                return -EAGAIN;
        if (m->epoch == g->current->context.epoch) {
                *out = g->current;
                return 0;
        }
        for (unsigned i = 0; m->content_type == CONTENT_APPLICATION && i < GROUP_PAST_EPOCHS && g->past[i]; i++)
                if (g->past[i]->context.epoch == m->epoch) {
                        *out = g->past[i];
                        return 0;
                }
        return -ESTALE;
}

static int process_private(struct group *g, struct reader *reader, const struct group_host *host, struct received *out)
{
        struct private_message m;
        struct opened_message opened;
        struct epoch *e;
        int r;

        if (private_message_read(reader, &m) < 0 || !bytes_equal(m.group_id, g->current->context.group_id))
                return -EBADMSG;
        r = find_epoch(g, &m, &e);
        if (r >= 0)
                r = private_message_open(e->context.suite, e->secret_tree, e->schedule.sender_data_secret, &m, &opened);
        if (r < 0)
                return r;
        out->plain = opened.plain;
        out->sender = opened.content.content.sender;
        out->authenticated_data = m.authenticated_data;
        if (verify(e, &opened.content) < 0)
                return -EBADMSG;
        if (m.content_type == CONTENT_APPLICATION) {
                out->kind = RECEIVED_APPLICATION;
                out->data = opened.content.content.body;
                private_message_consume(e->secret_tree, &opened);
                return 0;
        }
        /* After a commit, @e is the newest of the past epochs. */
        r = accept(g, &opened.content, host, out);
        if (r >= 0)
                private_message_consume(e->secret_tree, &opened);
        return r;
}

int group_process(struct group *g, struct bytes message, const struct group_host *host, struct received *out)
{
        struct received received = { .sender = NODE_NONE };
        struct message_peek peek;
        struct reader reader;
        int r = message_peek(message, &peek);

        if (r < 0)
                return r;
        reader_init(&reader, message);
        read_fixed(&reader, 4);
        received.epoch = peek.epoch;
        if (peek.wire_format == WIRE_FORMAT_PUBLIC_MESSAGE)
                r = process_public(g, &reader, host, &received);
        else if (peek.wire_format == WIRE_FORMAT_PRIVATE_MESSAGE)
                r = process_private(g, &reader, host, &received);
        else
                r = -EBADMSG;
        if (r < 0) {
                received_release(&received);
                return r;
        }
        *out = received;
        return 0;
}

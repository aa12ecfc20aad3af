#include "tests/unit/mls/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"

void delivery_release(struct delivery *d)
{
        for (uint64_t e = 0; e < d->count; e++) {
                for (unsigned i = 0; i < d->epochs[e].proposal_count; i++)
                        writer_release(&d->epochs[e].proposals[i].message);
                writer_release(&d->epochs[e].commit);
        }
        free(d->epochs);
        *d = (struct delivery){ 0 };
}

struct service_epoch *delivery_now(const struct delivery *d)
{
        return &d->epochs[d->count - 1];
}

uint32_t walker_at(const struct ratchet_tree *t, uint32_t leaf)
{
        const struct leaf_node *n = ratchet_tree_leaf(t, leaf);
        uint32_t walker = 0;

        if (!n)
                return NODE_NONE;
        for (size_t i = 1; i < n->credential.content.size; i++)
                walker = walker * 10 + (n->credential.content.data[i] - '0');
        return walker;
}

uint32_t leaf_of(const struct ratchet_tree *t, unsigned walker)
{
        for (uint32_t i = 0; i < t->leaves; i++)
                if (walker_at(t, i) == walker)
                        return i;
        return NODE_NONE;
}

static struct agreement agreement_of(const struct group *g)
{
        const struct group_context *c = &group_epoch(g)->context;
        _cleanup_secret_ struct secret *exported = group_export(g, "walk", BYTES_STRING("context"), 32);
        const struct secret *authenticator = group_epoch_authenticator(g);
        struct agreement a = { 0 };

        memcpy(a.authenticator, authenticator->data, authenticator->size);
        memcpy(a.exported, exported->data, exported->size);
        memcpy(a.tree_hash, c->tree_hash.data, c->tree_hash.size);
        return a;
}

void delivery_open_epoch(struct delivery *d, const struct group *g)
{
        const struct epoch *e = group_epoch(g);
        struct service_epoch *next;

        assert_int_equal(e->context.epoch, d->count);
        d->epochs = reallocarray(d->epochs, d->count + 1, sizeof(*d->epochs));
        assert_non_null(d->epochs);
        next = &d->epochs[d->count++];
        *next = (struct service_epoch){ .agreement = agreement_of(g) };
        for (uint32_t i = 0; i < e->tree.leaves; i++)
                if (walker_at(&e->tree, i) != NODE_NONE)
                        next->present[walker_at(&e->tree, i)] = true;
}

bool delivery_post_proposal(struct delivery *d, unsigned sender, uint64_t epoch, bool public, struct bytes message)
{
        struct service_epoch *now = delivery_now(d);
        struct posted_proposal *p = &now->proposals[now->proposal_count];

        if (epoch != d->count - 1)
                return false;
        assert_true(now->proposal_count < EPOCH_PROPOSALS);
        now->proposal_count++;
        *p = (struct posted_proposal){ .sender = sender, .public = public };
        write_fixed(&p->message, message);
        return true;
}

bool delivery_post_commit(struct delivery *d, unsigned committer, uint64_t epoch, struct bytes message,
                          const struct group *next)
{
        if (epoch != d->count - 1)
                return false;
        delivery_now(d)->committer = committer;
        write_fixed(&delivery_now(d)->commit, message);
        delivery_open_epoch(d, next);
        return true;
}

void delivery_check(const struct delivery *d, const struct group *g)
{
        struct agreement found = agreement_of(g);

        assert_memory_equal(&found, &d->epochs[group_epoch(g)->context.epoch].agreement, sizeof(found));
}

/* What of a group's state is written, and when. The bytes are group_part.h's. */
#include <stdlib.h>

#include "cryptod/mls/group_part.h"

enum { EPOCHS_MAX = GROUP_PAST_EPOCHS + 2 };

/* A group's epochs, oldest first. */
struct epochs {
        struct epoch *items[EPOCHS_MAX];
        unsigned count;
};

static struct epochs epochs_of(const struct group *g)
{
        struct epochs all = { .count = 0 };

        for (unsigned i = GROUP_PAST_EPOCHS; i-- > 0;)
                if (g->past[i])
                        all.items[all.count++] = g->past[i];
        all.items[all.count++] = g->current;
        if (g->pending)
                all.items[all.count++] = g->pending;
        return all;
}

/* A round of writing. */
struct save {
        const struct group *group;
        const struct group_store *store;
        bool all; /* what has not changed as well */
        struct epochs epochs;
        int result;
};

/* Gives the store a part; its content may be empty: then it is gone. */
static void put(struct save *s, const struct part_id *id, const struct writer *content)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        part_id_write(id, &w);
        if (s->result >= 0)
                s->result = writer_finish(&w);
        if (s->result >= 0)
                s->result = writer_finish(content);
        if (s->result < 0)
                return;
        s->result = content->size > 0 ? s->store->put(s->store->userdata, writer_bytes(&w), writer_bytes(content),
                                                      part_is_secret(id))
                                      : s->store->drop(s->store->userdata, writer_bytes(&w));
}

static void drop_epoch(struct save *s, uint64_t epoch)
{
        _cleanup_writer_ struct writer prefix = WRITER_INIT;

        write_u8(&prefix, PART_EPOCH);
        write_u64(&prefix, epoch);
        if (s->result >= 0)
                s->result = s->store->drop(s->store->userdata, writer_bytes(&prefix));
}

static bool holds_saved(const struct epochs *all, uint64_t epoch)
{
        for (unsigned i = 0; i < all->count; i++)
                if (all->items[i]->context.epoch == epoch)
                        return all->items[i]->saved != EPOCH_UNSAVED;
        return false;
}

/* How many of the kept proposals are saved. Whenever the epoch changes, they are others. */
static size_t proposals_saved(const struct save *s)
{
        return !s->all && s->group->saved.group ? s->group->saved.proposals : 0;
}

/* What was saved and is no more, or will be written anew. */
static void drop_old(struct save *s)
{
        static const uint8_t proposals = PART_PROPOSAL;
        const struct group_saved *saved = &s->group->saved;

        for (unsigned i = 0; i < saved->epochs; i++)
                if (!holds_saved(&s->epochs, saved->first + i))
                        drop_epoch(s, saved->first + i);
        if (s->result >= 0 && proposals_saved(s) < saved->proposals)
                s->result = s->store->drop(s->store->userdata, BYTES(&proposals, 1));
}

static void save_group(struct save *s)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        const struct epoch *oldest = s->epochs.items[0];

        part_write_group(
                s->group,
                &(struct group_head){ oldest->context.suite, s->group->current->context.epoch, oldest->tree.leaves },
                &w);
        put(s, &(struct part_id){ .scope = PART_GROUP }, &w);
}

/* A node of the oldest epoch's tree. */
static void save_node(struct save *s, uint32_t node)
{
        const struct ratchet_tree *t = &s->epochs.items[0]->tree;
        _cleanup_writer_ struct writer w = WRITER_INIT;

        if (ratchet_tree_node(t, node))
                ratchet_tree_write_node(t, node, &w);
        put(s, &(struct part_id){ .scope = PART_NODE, .index = node }, &w);
}

static void save_tree(struct save *s)
{
        const struct group_saved *saved = &s->group->saved;
        const struct epoch *oldest = s->epochs.items[0];

        if (s->all || saved->epochs == 0) {
                for (uint32_t i = 0; i < tree_width(oldest->tree.leaves); i++)
                        if (ratchet_tree_node(&oldest->tree, i))
                                save_node(s, i);
                return;
        }
        for (size_t i = 0; i < saved->node_count; i++)
                save_node(s, saved->nodes[i]);
        if (saved->first != oldest->context.epoch)
                put(s, &(struct part_id){ PART_EPOCH, oldest->context.epoch, EPOCH_TREE, 0 }, &WRITER_INIT);
}

static void save_secrets(struct save *s, const struct epoch *e, uint32_t part)
{
        struct part_id id = { PART_EPOCH, e->context.epoch, EPOCH_SECRETS, part };
        _cleanup_writer_ struct writer w = WRITER_INIT;

        secret_tree_write_part(e->secret_tree, part, &w);
        if (!s->all || w.size > 0)
                put(s, &id, &w);
}

static void save_epoch(struct save *s, unsigned i)
{
        const struct epoch *e = s->epochs.items[i];
        _cleanup_writer_ struct writer tree = WRITER_INIT, state = WRITER_INIT;
        size_t count;
        const uint32_t *changed = secret_tree_changed(e->secret_tree, &count);

        if (i > 0 && (s->all || e->saved == EPOCH_UNSAVED)) {
                part_write_tree(&s->epochs.items[i - 1]->tree, &e->tree, &tree);
                put(s, &(struct part_id){ PART_EPOCH, e->context.epoch, EPOCH_TREE, 0 }, &tree);
        }
        if (s->all || e->saved != EPOCH_SAVED) {
                part_write_epoch(e, &state);
                put(s, &(struct part_id){ PART_EPOCH, e->context.epoch, EPOCH_STATE, 0 }, &state);
        }
        for (uint32_t part = 0; s->all && part < secret_tree_parts(e->secret_tree); part++)
                save_secrets(s, e, part);
        for (size_t k = 0; !s->all && k < count; k++)
                save_secrets(s, e, changed[k]);
}

static void save_proposals(struct save *s)
{
        const struct group *g = s->group;

        for (size_t i = proposals_saved(s); i < g->proposals.count; i++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;

                stored_proposal_write(&g->proposals.items[i], g->current->context.suite, &w);
                put(s, &(struct part_id){ .scope = PART_PROPOSAL, .index = (uint32_t) i }, &w);
        }
}

static int save(const struct group *g, const struct group_store *store, bool all)
{
        struct save s = { .group = g, .store = store, .all = all, .epochs = epochs_of(g) };

        if (!all)
                drop_old(&s);
        if (all || !g->saved.group)
                save_group(&s);
        save_tree(&s);
        for (unsigned i = 0; i < s.epochs.count; i++)
                save_epoch(&s, i);
        save_proposals(&s);
        return s.result;
}

void group_note_saved(struct group *g)
{
        struct epochs all = epochs_of(g);

        for (unsigned i = 0; i < all.count; i++) {
                all.items[i]->saved = EPOCH_SAVED;
                secret_tree_saved(all.items[i]->secret_tree);
        }
        free(g->saved.nodes);
        g->saved = (struct group_saved){ .group = true,
                                         .first = all.items[0]->context.epoch,
                                         .epochs = all.count,
                                         .proposals = g->proposals.count };
}

int group_save(struct group *g, const struct group_store *store)
{
        int r = save(g, store, false);

        if (r >= 0)
                group_note_saved(g);
        return r;
}

/* The oldest epoch has given way to the next one: the nodes of its tree that differ are to be saved. */
void group_note_oldest(struct group *g, const struct ratchet_tree *before, const struct ratchet_tree *now)
{
        if (g->saved.epochs == 0)
                return;
        for (uint32_t i = 0; (i = node_array_difference(&before->nodes, &now->nodes, i)) != NODE_NONE; i++) {
                g->saved.nodes = reallocarray(g->saved.nodes, g->saved.node_count + 1, sizeof(*g->saved.nodes));
                if (!g->saved.nodes)
                        abort();
                g->saved.nodes[g->saved.node_count++] = i;
        }
}

static int append(void *userdata, struct bytes id, struct bytes content, bool secret)
{
        struct writer *w = userdata;

        write_vector(w, id);
        write_vector(w, content);
        return writer_finish(w);
}

void group_write(const struct group *g, struct writer *w)
{
        (void) save(g, &(struct group_store){ .put = append, .userdata = w }, true);
}

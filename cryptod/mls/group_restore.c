/* A group made anew from the parts of its state (group_part.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/group_part.h"
#include "services/cleanup.h"

/* What has been read so far. Parts come by ascending ids: the nodes of the oldest epoch's tree, then epoch by epoch how
 * the tree changes, the state, the secret tree. */
struct restore {
        struct group *group;
        struct group_head head;
        struct ratchet_tree tree; /* of @epoch */
        uint64_t epoch;           /* that is being read */
        struct epoch *state;      /* its state, in its place in the group; NULL: it has not come yet */
        bool in_epochs;
};

static void restore_release(struct restore *r)
{
        group_free(r->group);
        ratchet_tree_release(&r->tree);
}

static int read_group(struct restore *r, struct reader *content)
{
        int result = part_read_group(content, r->group, &r->head);

        if (result < 0)
                return result;
        if (reader_finish(content) < 0 || !tree_leaves_valid(r->head.leaves))
                return -EBADMSG;
        r->tree.suite = r->head.suite;
        ratchet_tree_resize(&r->tree, r->head.leaves);
        return 0;
}

static int read_node(struct restore *r, uint32_t node, struct reader *content)
{
        int result = ratchet_tree_read_node(&r->tree, node, content);

        return result < 0 || !ratchet_tree_node(&r->tree, node) ? -EBADMSG : reader_finish(content);
}

/* Where an epoch belongs in the group; NULL: nowhere. */
static struct epoch **place_of(const struct restore *r, uint64_t epoch)
{
        if (epoch == r->head.epoch)
                return &r->group->current;
        if (epoch > r->head.epoch)
                return epoch - r->head.epoch == 1 ? &r->group->pending : NULL;
        return r->head.epoch - epoch <= GROUP_PAST_EPOCHS ? &r->group->past[r->head.epoch - epoch - 1] : NULL;
}

static int read_tree(struct restore *r, uint64_t epoch, struct reader *content)
{
        int result;

        if (!r->state || epoch != r->epoch + 1) /* none is missing between two epochs */
                return -EBADMSG;
        r->epoch = epoch;
        r->state = NULL;
        result = part_read_tree(content, &r->tree);
        return result < 0 ? result : reader_finish(content);
}

static int read_state(struct restore *r, uint64_t epoch, struct reader *content)
{
        struct epoch **place = place_of(r, epoch);
        int result;

        if (!place || r->state || (r->in_epochs && epoch != r->epoch))
                return -EBADMSG;
        result = part_read_epoch(content, &r->tree, place);
        if (result < 0 || (*place)->context.epoch != epoch)
                return -EBADMSG;
        r->state = *place;
        r->epoch = epoch;
        r->in_epochs = true;
        return 0;
}

static int read_part(struct restore *r, const struct part_id *id, struct bytes bytes)
{
        struct reader content;

        reader_init(&content, bytes);
        if (id->scope == PART_GROUP)
                return read_group(r, &content);
        if (!r->head.suite)
                return -EBADMSG;
        if (id->scope == PART_NODE)
                return read_node(r, id->index, &content);
        if (id->scope == PART_PROPOSAL)
                return proposal_store_read(&r->group->proposals, id->index, r->head.suite, bytes);
        if (id->kind == EPOCH_TREE)
                return read_tree(r, id->epoch, &content);
        if (id->kind == EPOCH_STATE)
                return read_state(r, id->epoch, &content);
        return r->state && id->epoch == r->epoch ? secret_tree_read_part(r->state->secret_tree, id->index, bytes)
                                                 : -EBADMSG;
}

/* The parts one after the other, each behind the last. */
static int read_parts(struct restore *r, struct reader *reader)
{
        struct bytes last = BYTES(NULL, 0);

        while (reader_more(reader)) {
                struct bytes encoded = read_vector(reader), content = read_vector(reader);
                size_t common = last.size < encoded.size ? last.size : encoded.size;
                struct part_id id;
                struct reader inner;
                int order, result;

                reader_init(&inner, encoded);
                part_id_read(&inner, &id);
                if (reader->error || reader_finish(&inner) < 0)
                        return -EBADMSG;
                order = common > 0 ? memcmp(last.data, encoded.data, common) : -1;
                if (order > 0 || (order == 0 && last.size >= encoded.size))
                        return -EBADMSG;
                result = read_part(r, &id, content);
                if (result < 0)
                        return result;
                last = encoded;
        }
        return reader->error;
}

/* True if an epoch that is not over has all that it needs. */
static bool is_live(const struct epoch *e)
{
        return e->schedule.init_secret && secret_tree_is_whole(e->secret_tree);
}

/* True if the current epoch is there, the last epoch that has been begun is complete, and so is every secret tree. */
static bool is_whole(const struct restore *r)
{
        const struct group *g = r->group;

        if (!g->current || !r->state || !is_live(g->current) || (g->pending && !is_live(g->pending)))
                return false;
        for (unsigned i = 0; i < GROUP_PAST_EPOCHS && g->past[i]; i++)
                if (!secret_tree_is_whole(g->past[i]->secret_tree))
                        return false;
        return true;
}

int group_read(struct reader *reader, struct group **out)
{
        _cleanup_(restore_release) struct restore r = { .group = calloc(1, sizeof(*r.group)) };
        int result;

        if (!r.group)
                abort();
        result = read_parts(&r, reader);
        if (result < 0)
                return result;
        if (!is_whole(&r))
                return -EBADMSG;
        group_note_saved(r.group);
        *out = TAKE(r.group);
        return 0;
}

/* Vectors of the ratchet tree: tree-operations, tree-validation. */
#include <stdio.h>
#include <stdlib.h>

#include "cryptod/mls/proposal.h"
#include "cryptod/mls/ratchet_tree.h"
#include "cryptod/mls/vectors.h"
#include "services/cleanup.h"

static bool read_tree(const struct suite *s, json_object *o, const char *name, struct ratchet_tree *out)
{
        _cleanup_hex_ struct hex encoded = vector_hex(o, name);
        _cleanup_writer_ struct writer again = WRITER_INIT;
        struct reader r;

        reader_init(&r, hex_bytes(&encoded));
        EXPECT(ratchet_tree_read(s, &r, out) == 0);
        EXPECT(reader_finish(&r) == 0);
        ratchet_tree_write(out, &again);
        EXPECT(bytes_equal(writer_bytes(&again), hex_bytes(&encoded)));
        return true;
}

static bool hash_is(const struct ratchet_tree *t, json_object *o, const char *name)
{
        uint8_t hash[SUITE_HASH_MAX];

        ratchet_tree_hash(t, tree_root(t->leaves), hash);
        return vector_equals(o, name, BYTES(hash, t->suite->hash_size));
}

bool vector_tree_operations(json_object *o)
{
        const struct suite *s = vector_suite(o);
        uint32_t sender = (uint32_t) vector_integer(o, "proposal_sender"), added;
        _cleanup_hex_ struct hex encoded = vector_hex(o, "proposal");
        _cleanup_(ratchet_tree_release) struct ratchet_tree t = { 0 };
        _cleanup_writer_ struct writer after = WRITER_INIT;
        struct proposal p;
        struct reader r;

        EXPECT(read_tree(s, o, "tree_before", &t));
        EXPECT(hash_is(&t, o, "tree_hash_before"));
        reader_init(&r, hex_bytes(&encoded));
        proposal_read(&r, &p);
        EXPECT(reader_finish(&r) == 0);
        switch (p.type) {
        case PROPOSAL_ADD:
                EXPECT(ratchet_tree_add(&t, p.add.leaf.encoded, &added) == 0);
                break;
        case PROPOSAL_UPDATE:
                EXPECT(ratchet_tree_update(&t, sender, p.update.encoded) == 0);
                break;
        case PROPOSAL_REMOVE:
                EXPECT(ratchet_tree_remove(&t, p.removed) == 0);
                break;
        default:
                EXPECT(!"a proposal that changes the tree");
        }
        EXPECT(hash_is(&t, o, "tree_hash_after"));
        ratchet_tree_write(&t, &after);
        EXPECT(vector_equals(o, "tree_after", writer_bytes(&after)));
        return true;
}

static bool resolution_is(const struct ratchet_tree *t, uint32_t node, json_object *expected)
{
        struct node_list resolution = ratchet_tree_resolution(t, node, NULL);
        bool same = resolution.count == json_object_array_length(expected);

        for (uint32_t i = 0; same && i < resolution.count; i++)
                same = resolution.nodes[i] == json_object_get_uint64(json_object_array_get_idx(expected, i));
        free(resolution.nodes);
        return same;
}

bool vector_tree_validation(json_object *o)
{
        const struct suite *s = vector_suite(o);
        _cleanup_(ratchet_tree_release) struct ratchet_tree t = { 0 };
        _cleanup_hex_ struct hex group_id = vector_hex(o, "group_id");
        json_object *resolutions = vector_member(o, "resolutions"), *hashes = vector_member(o, "tree_hashes");

        EXPECT(read_tree(s, o, "tree", &t));
        EXPECT(json_object_array_length(resolutions) == tree_width(t.leaves));
        for (uint32_t node = 0; node < tree_width(t.leaves); node++) {
                _cleanup_hex_ struct hex expected = vector_hex_string(json_object_array_get_idx(hashes, node));
                uint8_t hash[SUITE_HASH_MAX];

                EXPECT(resolution_is(&t, node, json_object_array_get_idx(resolutions, node)));
                ratchet_tree_hash(&t, node, hash);
                EXPECT(bytes_equal(BYTES(hash, s->hash_size), hex_bytes(&expected)));
        }
        EXPECT(ratchet_tree_validate(&t, hex_bytes(&group_id)) == 0);
        return true;
}

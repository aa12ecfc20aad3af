/* Vectors of the ratchet tree: tree-operations, tree-validation, treekem. */
#include <stdio.h>
#include <stdlib.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/proposal.h"
#include "cryptod/mls/treekem.h"
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
        uint32_t sender = vector_number(o, "proposal_sender"), added;
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
        vector_expect_array(expected, "resolutions");

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
        json_object *resolutions = vector_array(o, "resolutions"), *hashes = vector_array(o, "tree_hashes");

        EXPECT(read_tree(s, o, "tree", &t));
        EXPECT(json_object_array_length(resolutions) == tree_width(t.leaves));
        for (uint32_t node = 0; node < tree_width(t.leaves); node++) {
                _cleanup_hex_ struct hex expected = vector_hex_string(json_object_array_get_idx(hashes, node));
                uint8_t hash[SUITE_HASH_MAX];

                EXPECT(resolution_is(&t, node, json_object_array_get_idx(resolutions, node)));
                ratchet_tree_hash(&t, node, hash);
                EXPECT(bytes_equal(BYTES(hash, s->hash_size), hex_bytes(&expected)));
        }
        EXPECT(ratchet_tree_validate(&t, hex_bytes(&group_id), 1) == 0);
        return true;
}

/* What one member of a treekem case knows. */
static struct private_keys member_keys(const struct suite *s, json_object *o)
{
        struct private_keys k = { .leaf = vector_number(o, "index") };
        json_object *path_secrets = vector_array(o, "path_secrets");

        private_keys_set(&k, tree_leaf_node(k.leaf), vector_secret(o, "encryption_priv"));
        for (size_t i = 0; i < json_object_array_length(path_secrets); i++) {
                json_object *p = json_object_array_get_idx(path_secrets, i);
                _cleanup_secret_ struct secret *path_secret = vector_secret(p, "path_secret");
                _cleanup_secret_ struct secret *node_secret = suite_derive_secret(s, path_secret, "node");
                _cleanup_writer_ struct writer public_key = WRITER_INIT;

                private_keys_set(&k, vector_number(p, "node"),
                                 hpke_derive_key_pair(s, secret_bytes(node_secret), &public_key));
        }
        return k;
}

/* The private keys that a member is given belong to the public ones in the tree. */
static bool keys_fit(const struct ratchet_tree *t, const struct private_keys *k)
{
        for (uint32_t i = 0; i < k->count; i++) {
                uint32_t node = k->items[i].node;
                _cleanup_writer_ struct writer kem_output = WRITER_INIT, ciphertext = WRITER_INIT, plain = WRITER_INIT;

                EXPECT(ratchet_tree_node(t, node));
                EXPECT(hpke_seal(t->suite, ratchet_tree_key(t, node), BYTES(NULL, 0), BYTES(NULL, 0),
                                 BYTES_STRING("fits"), &kem_output, &ciphertext) == 0);
                EXPECT(hpke_open(t->suite, k->items[i].key, ratchet_tree_key(t, node), writer_bytes(&kem_output),
                                 BYTES(NULL, 0), BYTES(NULL, 0), writer_bytes(&ciphertext), &plain) == 0);
        }
        return true;
}

struct treekem_case {
        const struct suite *suite;
        struct hex group_id, transcript_hash;
        uint64_t epoch;
        struct ratchet_tree tree;
        json_object *members;
};

static void write_context(struct writer *w, const struct treekem_case *c, const struct ratchet_tree *t)
{
        uint8_t hash[SUITE_HASH_MAX];

        ratchet_tree_hash(t, tree_root(t->leaves), hash);
        vector_write_group_context(w, c->suite, hex_bytes(&c->group_id), c->epoch, BYTES(hash, c->suite->hash_size),
                                   hex_bytes(&c->transcript_hash));
}

/* Every other member gets the expected commit secret from a merged path. */
static bool members_agree(const struct treekem_case *c, const struct ratchet_tree *after, uint32_t sender,
                          const struct update_path *path, struct bytes commit_secret)
{
        _cleanup_writer_ struct writer context = WRITER_INIT;

        write_context(&context, c, after);
        for (size_t i = 0; i < json_object_array_length(c->members); i++) {
                _cleanup_(private_keys_release) struct private_keys k =
                        member_keys(c->suite, json_object_array_get_idx(c->members, i));
                _cleanup_secret_ struct secret *own = NULL;

                EXPECT(keys_fit(&c->tree, &k));
                if (k.leaf == sender)
                        continue;
                EXPECT(treekem_decrypt(after, &k, sender, path, NULL, writer_bytes(&context), &own) == 0);
                EXPECT(secret_equal(secret_bytes(own), commit_secret));
        }
        return true;
}

static bool update_path_case(const struct treekem_case *c, json_object *o)
{
        uint32_t sender = vector_number(o, "sender");
        _cleanup_hex_ struct hex encoded = vector_hex(o, "update_path"), commit_secret = vector_hex(o, "commit_secret");
        _cleanup_(ratchet_tree_release) struct ratchet_tree after = { 0 };
        struct update_path path;
        struct reader r;

        reader_init(&r, hex_bytes(&encoded));
        update_path_read(&r, &path);
        EXPECT(reader_finish(&r) == 0);
        EXPECT(leaf_node_verify(c->suite, &path.leaf, hex_bytes(&c->group_id), sender) == 0);
        ratchet_tree_copy(&c->tree, &after);
        EXPECT(ratchet_tree_leaf(&after, sender));
        EXPECT(treekem_merge(&after, sender, &path) == 0);
        EXPECT(hash_is(&after, o, "tree_hash_after"));
        EXPECT(members_agree(c, &after, sender, &path, hex_bytes(&commit_secret)));
        EXPECT(ratchet_tree_validate(&after, hex_bytes(&c->group_id), 2) == 0);
        return true;
}

static void case_release(struct treekem_case *c)
{
        hex_release(&c->group_id);
        hex_release(&c->transcript_hash);
        ratchet_tree_release(&c->tree);
}

bool vector_treekem(json_object *o)
{
        _cleanup_(case_release) struct treekem_case c = {
                .suite = vector_suite(o),
                .group_id = vector_hex(o, "group_id"),
                .transcript_hash = vector_hex(o, "confirmed_transcript_hash"),
                .epoch = vector_integer(o, "epoch"),
                .members = vector_array(o, "leaves_private"),
        };
        json_object *paths = vector_array(o, "update_paths");

        EXPECT(read_tree(c.suite, o, "ratchet_tree", &c.tree));
        for (size_t i = 0; i < json_object_array_length(paths); i++)
                EXPECT(update_path_case(&c, json_object_array_get_idx(paths, i)));
        return true;
}

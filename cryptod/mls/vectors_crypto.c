/* Vectors of the primitives: crypto-basics, tree-math. */
#include <stdio.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/tree_math.h"
#include "cryptod/mls/vectors.h"
#include "services/cleanup.h"

static bool ref_hash(const struct suite *s, json_object *o)
{
        _cleanup_hex_ struct hex value = vector_hex(o, "value");
        uint8_t out[SUITE_HASH_MAX];

        suite_ref_hash(s, vector_string(o, "label"), hex_bytes(&value), out);
        EXPECT(vector_equals(o, "out", BYTES(out, s->hash_size)));
        return true;
}

static bool kdf(const struct suite *s, json_object *expand, json_object *derive, json_object *tree)
{
        _cleanup_secret_ struct secret *a = vector_secret(expand, "secret"), *b = vector_secret(derive, "secret"),
                                       *c = vector_secret(tree, "secret");
        _cleanup_hex_ struct hex context = vector_hex(expand, "context");
        _cleanup_secret_ struct secret *expanded = suite_expand_with_label(
                s, a, vector_string(expand, "label"), hex_bytes(&context), vector_size(expand, "length"));
        _cleanup_secret_ struct secret *derived = suite_derive_secret(s, b, vector_string(derive, "label"));
        _cleanup_secret_ struct secret *generation = suite_derive_tree_secret(
                s, c, vector_string(tree, "label"), vector_number(tree, "generation"), vector_size(tree, "length"));

        EXPECT(vector_equals(expand, "out", secret_bytes(expanded)));
        EXPECT(vector_equals(derive, "out", secret_bytes(derived)));
        EXPECT(vector_equals(tree, "out", secret_bytes(generation)));
        return true;
}

static bool signature(const struct suite *s, json_object *o)
{
        _cleanup_secret_ struct secret *private_key = vector_secret(o, "priv");
        _cleanup_hex_ struct hex public_key = vector_hex(o, "pub"), content = vector_hex(o, "content"),
                                 given = vector_hex(o, "signature");
        const char *label = vector_string(o, "label");
        _cleanup_writer_ struct writer own = WRITER_INIT;

        EXPECT(suite_verify_with_label(s, hex_bytes(&public_key), label, hex_bytes(&content), hex_bytes(&given)) == 0);
        EXPECT(suite_sign_with_label(s, private_key, label, hex_bytes(&content), &own) == 0);
        EXPECT(suite_verify_with_label(s, hex_bytes(&public_key), label, hex_bytes(&content), writer_bytes(&own)) == 0);
        own.data[own.size - 1] ^= 1;
        EXPECT(suite_verify_with_label(s, hex_bytes(&public_key), label, hex_bytes(&content), writer_bytes(&own)) < 0);
        return true;
}

static bool encryption(const struct suite *s, json_object *o)
{
        _cleanup_secret_ struct secret *private_key = vector_secret(o, "priv");
        _cleanup_hex_ struct hex public_key = vector_hex(o, "pub"), context = vector_hex(o, "context"),
                                 plaintext = vector_hex(o, "plaintext"), kem_output = vector_hex(o, "kem_output"),
                                 ciphertext = vector_hex(o, "ciphertext");
        const char *label = vector_string(o, "label");
        _cleanup_writer_ struct writer opened = WRITER_INIT, own_kem_output = WRITER_INIT, own = WRITER_INIT,
                                       own_opened = WRITER_INIT;

        EXPECT(hpke_decrypt_with_label(s, private_key, BYTES(NULL, 0), label, hex_bytes(&context),
                                       hex_bytes(&kem_output), hex_bytes(&ciphertext), &opened) == 0);
        EXPECT(bytes_equal(writer_bytes(&opened), hex_bytes(&plaintext)));
        EXPECT(hpke_encrypt_with_label(s, hex_bytes(&public_key), label, hex_bytes(&context), hex_bytes(&plaintext),
                                       &own_kem_output, &own) == 0);
        EXPECT(hpke_decrypt_with_label(s, private_key, BYTES(NULL, 0), label, hex_bytes(&context),
                                       writer_bytes(&own_kem_output), writer_bytes(&own), &own_opened) == 0);
        EXPECT(bytes_equal(writer_bytes(&own_opened), hex_bytes(&plaintext)));
        return true;
}

bool vector_crypto_basics(json_object *o)
{
        const struct suite *s = vector_suite(o);

        return ref_hash(s, vector_member(o, "ref_hash")) &&
               kdf(s, vector_member(o, "expand_with_label"), vector_member(o, "derive_secret"),
                   vector_member(o, "derive_tree_secret")) &&
               signature(s, vector_member(o, "sign_with_label")) &&
               encryption(s, vector_member(o, "encrypt_with_label"));
}

/* Entry @node of an array, where null stands for "there is none". */
static uint32_t entry(json_object *o, const char *name, uint32_t node)
{
        json_object *e = json_object_array_get_idx(vector_array(o, name), node);

        return e ? (uint32_t) json_object_get_uint64(e) : NODE_NONE;
}

bool vector_tree_math(json_object *o)
{
        uint32_t leaves = vector_number(o, "n_leaves"), nodes = tree_width(leaves);

        EXPECT(tree_leaves_valid(leaves));
        EXPECT(nodes == vector_integer(o, "n_nodes"));
        EXPECT(tree_root(leaves) == vector_integer(o, "root"));
        for (uint32_t node = 0; node < nodes; node++) {
                EXPECT(tree_left(node) == entry(o, "left", node));
                EXPECT(tree_right(node) == entry(o, "right", node));
                EXPECT(tree_parent(node, leaves) == entry(o, "parent", node));
                EXPECT(tree_sibling(node, leaves) == entry(o, "sibling", node));
        }
        return true;
}

#include "cryptod/mls/key_package.h"

#include <errno.h>

#include "cryptod/mls/hpke.h"

void key_package_read(struct reader *r, struct key_package *out)
{
        struct reader start = *r;

        *out = (struct key_package){ 0 };
        out->version = read_u16(r);
        out->cipher_suite = read_u16(r);
        out->init_key = read_vector(r);
        leaf_node_read(r, &out->leaf);
        out->extensions = read_vector(r);
        if (extensions_check(out->extensions) < 0)
                reader_fail(r);
        out->content = reader_between(&start, r);
        out->signature = read_vector(r);
        out->encoded = reader_between(&start, r);
}

int key_package_check(const struct key_package *k, uint64_t now)
{
        const struct suite *s = suite_by_id(k->cipher_suite);
        int r;

        if (k->version != PROTOCOL_MLS10 || !s)
                return -EPROTONOSUPPORT;
        if (k->leaf.source != LEAF_NODE_KEY_PACKAGE || bytes_equal(k->init_key, k->leaf.encryption_key))
                return -EBADMSG;
        r = hpke_check_public_key(s, k->init_key);
        if (r >= 0)
                r = hpke_check_public_key(s, k->leaf.encryption_key);
        if (r >= 0)
                r = leaf_node_verify(s, &k->leaf, BYTES(NULL, 0), 0);
        if (r >= 0)
                r = suite_verify_with_label(s, k->leaf.signature_key, "KeyPackageTBS", k->content, k->signature);
        if (r < 0)
                return r;
        return now < k->leaf.not_before || now > k->leaf.not_after ? -ESTALE : 0;
}

void key_package_ref(const struct suite *s, const struct key_package *k, uint8_t out[static SUITE_HASH_MAX])
{
        suite_ref_hash(s, "MLS 1.0 KeyPackage Reference", k->encoded, out);
}

#include "cryptod/mls/identity.h"

#include "cryptod/mls/grease.h"
#include "cryptod/mls/group_info.h"
#include "cryptod/mls/hpke.h"
#include "services/cleanup.h"
#include "services/seal.h"

void key_package_keys_release(struct key_package_keys *k)
{
        k->init_key = secret_free(k->init_key);
        k->leaf_key = secret_free(k->leaf_key);
}

static struct secret *new_key_pair(const struct suite *s, struct writer *public_key)
{
        _cleanup_secret_ struct secret *seed = secret_random(s->hash_size);

        return hpke_derive_key_pair(s, secret_bytes(seed), public_key);
}

/* struct Capabilities, then the leaf's extensions. */
static void write_lists(const struct identity *i, struct writer *w)
{
        const struct suite *s;
        uint16_t extension = grease_value();
        size_t mark = writer_open_vector(w);

        write_u16(w, PROTOCOL_MLS10);
        writer_close_vector(w, mark);
        mark = writer_open_vector(w);
        for (unsigned n = 0; (s = suite_at(n)); n++)
                write_u16(w, s->id);
        write_u16(w, grease_value());
        writer_close_vector(w, mark);
        mark = writer_open_vector(w);
        write_u16(w, EXTENSION_LAST_RESORT);
        write_fixed(w, i->extension_types);
        write_u16(w, extension);
        writer_close_vector(w, mark);
        mark = writer_open_vector(w);
        write_u16(w, grease_value()); /* no proposals beyond the protocol's own */
        writer_close_vector(w, mark);
        mark = writer_open_vector(w);
        write_u16(w, i->credential.type);
        write_fixed(w, i->credential_types);
        write_u16(w, grease_value());
        writer_close_vector(w, mark);
        mark = writer_open_vector(w);
        write_fixed(w, i->leaf_extensions);
        write_u16(w, extension);
        write_vector(w, BYTES(NULL, 0));
        writer_close_vector(w, mark);
}

int identity_leaf(const struct identity *i, struct writer *lists, struct leaf_node *out)
{
        struct reader r;
        int result;

        write_lists(i, lists);
        result = writer_finish(lists);
        if (result < 0)
                return result;
        reader_init(&r, writer_bytes(lists));
        *out = (struct leaf_node){ .signature_key = i->signature_key, .credential = i->credential };
        out->capabilities.versions = read_vector(&r);
        out->capabilities.cipher_suites = read_vector(&r);
        out->capabilities.extensions = read_vector(&r);
        out->capabilities.proposals = read_vector(&r);
        out->capabilities.credentials = read_vector(&r);
        out->extensions = read_vector(&r);
        return reader_finish(&r);
}

/* Appends @tbs and the signature over it. */
static int write_signed(const struct identity *i, const char *label, const struct writer *tbs, struct writer *out)
{
        _cleanup_writer_ struct writer signature = WRITER_INIT;
        int r = writer_finish(tbs);

        if (r >= 0)
                r = suite_sign_with_label(i->suite, i->signature_private_key, label, writer_bytes(tbs), &signature);
        if (r < 0)
                return r;
        write_fixed(out, writer_bytes(tbs));
        write_vector(out, writer_bytes(&signature));
        return writer_finish(out);
}

static int write_leaf(const struct identity *i, struct bytes encryption_key, uint64_t not_before, uint64_t not_after,
                      struct writer *out)
{
        _cleanup_writer_ struct writer lists = WRITER_INIT;
        _cleanup_signature_key_ struct signature_key *key = NULL;
        struct leaf_node leaf;
        int r = identity_leaf(i, &lists, &leaf);

        if (r >= 0)
                r = signature_key_new(i->suite, i->signature_private_key, &key);
        if (r < 0)
                return r;
        leaf.encryption_key = encryption_key;
        leaf.source = LEAF_NODE_KEY_PACKAGE;
        leaf.not_before = not_before;
        leaf.not_after = not_after;
        return leaf_node_write(&leaf, key, BYTES(NULL, 0), 0, out);
}

int identity_key_package(const struct identity *i, uint64_t not_before, uint64_t not_after, bool last_resort,
                         struct writer *out, struct key_package_keys *keys)
{
        _cleanup_(key_package_keys_release) struct key_package_keys k = { 0 };
        _cleanup_writer_ struct writer init_key = WRITER_INIT, leaf_key = WRITER_INIT, tbs = WRITER_INIT;
        size_t mark;
        int r;

        k.init_key = new_key_pair(i->suite, &init_key);
        k.leaf_key = new_key_pair(i->suite, &leaf_key);
        write_u16(&tbs, PROTOCOL_MLS10);
        write_u16(&tbs, i->suite->id);
        write_vector(&tbs, writer_bytes(&init_key));
        r = write_leaf(i, writer_bytes(&leaf_key), not_before, not_after, &tbs);
        if (r < 0)
                return r;
        mark = writer_open_vector(&tbs);
        if (last_resort) {
                write_u16(&tbs, EXTENSION_LAST_RESORT);
                write_vector(&tbs, BYTES(NULL, 0));
        }
        write_fixed(&tbs, i->key_package_extensions);
        grease_write_extension(&tbs);
        writer_close_vector(&tbs, mark);
        r = write_signed(i, "KeyPackageTBS", &tbs, out);
        if (r < 0)
                return r;
        *keys = k;
        k = (struct key_package_keys){ 0 };
        return 0;
}

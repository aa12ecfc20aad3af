#include "tests/unit/mls/forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cryptod/mls/leaf_node_validation.h"

struct forge forge;

void forge_end(void)
{
        forge = (struct forge){ 0 };
}

int __real_proposal_list_check(const struct proposal_list *l, uint32_t sender, bool has_path);
int __wrap_proposal_list_check(const struct proposal_list *l, uint32_t sender, bool has_path);
int __wrap_proposal_list_check(const struct proposal_list *l, uint32_t sender, bool has_path)
{
        return forge.off & CHECK_LIST ? 0 : __real_proposal_list_check(l, sender, has_path);
}

int __real_proposal_validate(const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id);
int __wrap_proposal_validate(const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id);
int __wrap_proposal_validate(const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id)
{
        return forge.off & CHECK_PROPOSAL ? 0 : __real_proposal_validate(p, t, group_id);
}

int __real_leaf_node_validate(const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id,
                              struct bytes extensions);
int __wrap_leaf_node_validate(const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id,
                              struct bytes extensions);
int __wrap_leaf_node_validate(const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id,
                              struct bytes extensions)
{
        return forge.off & CHECK_LEAF ? 0 : __real_leaf_node_validate(t, leaf, group_id, extensions);
}

int __real_group_extensions_validate(const struct ratchet_tree *t, struct bytes extensions);
int __wrap_group_extensions_validate(const struct ratchet_tree *t, struct bytes extensions);
int __wrap_group_extensions_validate(const struct ratchet_tree *t, struct bytes extensions)
{
        return forge.off & CHECK_EXTENSIONS ? 0 : __real_group_extensions_validate(t, extensions);
}

int __real_key_package_check(const struct key_package *k, uint64_t now);
int __wrap_key_package_check(const struct key_package *k, uint64_t now);
int __wrap_key_package_check(const struct key_package *k, uint64_t now)
{
        return forge.off & CHECK_PACKAGE ? 0 : __real_key_package_check(k, now);
}

int __real_leaf_node_write(const struct leaf_node *leaf, const struct signature_key *key, struct bytes group_id,
                           uint32_t leaf_index, struct writer *out);
int __wrap_leaf_node_write(const struct leaf_node *leaf, const struct signature_key *key, struct bytes group_id,
                           uint32_t leaf_index, struct writer *out);
int __wrap_leaf_node_write(const struct leaf_node *leaf, const struct signature_key *key, struct bytes group_id,
                           uint32_t leaf_index, struct writer *out)
{
        struct leaf_node changed = *leaf;

        if (forge.leaf)
                forge.leaf(&changed);
        return __real_leaf_node_write(&changed, key, group_id, leaf_index, out);
}

int __real_authenticated_content_sign(const struct signature_key *key, struct bytes group_context,
                                      const struct authenticated_content *a, struct writer *signature);
int __wrap_authenticated_content_sign(const struct signature_key *key, struct bytes group_context,
                                      const struct authenticated_content *a, struct writer *signature);
int __wrap_authenticated_content_sign(const struct signature_key *key, struct bytes group_context,
                                      const struct authenticated_content *a, struct writer *signature)
{
        int r;

        if (forge.content) /* what is signed is also what is sent */
                forge.content(&((struct authenticated_content *) a)->content);
        r = __real_authenticated_content_sign(key, group_context, a, signature);
        if (r >= 0 && forge.bad_signature)
                signature->data[signature->size - 1] ^= 1;
        return r;
}

int __real_epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);
int __wrap_epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);
int __wrap_epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX])
{
        int r = __real_epoch_complete(next, joiner_secret, psk_secret, confirmation_tag, tag);

        if (forge.bad_confirmation_tag)
                tag[0] ^= 1;
        return r;
}

int __real_group_info_write(const struct group_context *c, struct bytes extensions, struct bytes confirmation_tag,
                            uint32_t signer, const struct signature_key *key, struct writer *out);
int __wrap_group_info_write(const struct group_context *c, struct bytes extensions, struct bytes confirmation_tag,
                            uint32_t signer, const struct signature_key *key, struct writer *out);
int __wrap_group_info_write(const struct group_context *c, struct bytes extensions, struct bytes confirmation_tag,
                            uint32_t signer, const struct signature_key *key, struct writer *out)
{
        int r = __real_group_info_write(c, extensions, confirmation_tag, signer, key, out);

        if (r >= 0 && forge.bad_info_signature)
                out->data[out->size - 1] ^= 1;
        return r;
}

bool __real_proposals_collide(const struct listed_proposal *a, const struct listed_proposal *b);
bool __wrap_proposals_collide(const struct listed_proposal *a, const struct listed_proposal *b);
bool __wrap_proposals_collide(const struct listed_proposal *a, const struct listed_proposal *b)
{
        return !forge.collisions && __real_proposals_collide(a, b);
}

void __wrap_proposal_write_external_init(struct writer *w, struct bytes kem_output);
void __wrap_proposal_write_external_init(struct writer *w, struct bytes kem_output)
{
        if (!forge.no_external_init)
                __real_proposal_write_external_init(w, kem_output);
        write_fixed(w, forge.extra_external);
}

void forge_package(const struct person *p, const struct package_forgery *f, struct writer *out)
{
        struct key_package k = package_of(p);
        _cleanup_signature_key_ struct signature_key *key = NULL;
        _cleanup_writer_ struct writer leaf = WRITER_INIT, tbs = WRITER_INIT, signature = WRITER_INIT;

        assert_int_equal(signature_key_new(p->suite, p->signature_key, &key), 0);
        if (f->leaf)
                f->leaf(&k.leaf);
        assert_int_equal(__real_leaf_node_write(&k.leaf, key, BYTES(NULL, 0), 0, &leaf), 0);
        if (f->bad_leaf_signature)
                leaf.data[leaf.size - 1] ^= 1;
        write_u16(&tbs, f->version ? f->version : PROTOCOL_MLS10);
        write_u16(&tbs, f->cipher_suite ? f->cipher_suite : p->suite->id);
        write_vector(&tbs, f->same_keys ? k.leaf.encryption_key : k.init_key);
        write_fixed(&tbs, writer_bytes(&leaf));
        write_vector(&tbs, f->extensions);
        assert_int_equal(signature_key_sign_with_label(key, "KeyPackageTBS", writer_bytes(&tbs), &signature), 0);
        if (f->bad_signature)
                signature.data[signature.size - 1] ^= 1;
        write_fixed(out, writer_bytes(&tbs));
        write_vector(out, writer_bytes(&signature));
}

#include "tests/unit/mls/forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/public_message.h"

struct forge forge;
static struct writer whole_path; /* what forge.path() was given last */

void forge_end(void)
{
        forge = (struct forge){ 0 };
}

void forge_release(void)
{
        forge_end();
        writer_release(&whole_path);
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

        if (forge.unprotected)
                ((struct authenticated_content *) a)->wire_format = WIRE_FORMAT_PUBLIC_MESSAGE;
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

void __real_suite_seal_in_place(const struct suite *s, const struct secret *key, const struct secret *nonce,
                                struct bytes aad, uint8_t *data, size_t size);
void __wrap_suite_seal_in_place(const struct suite *s, const struct secret *key, const struct secret *nonce,
                                struct bytes aad, uint8_t *data, size_t size);
void __wrap_suite_seal_in_place(const struct suite *s, const struct secret *key, const struct secret *nonce,
                                struct bytes aad, uint8_t *data, size_t size)
{
        if (forge.seal > 0 && --forge.seal == 0)
                data[size - 1] ^= 1;
        __real_suite_seal_in_place(s, key, nonce, aad, data, size);
}

int __real_suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes sealed, struct writer *out);
int __wrap_suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes sealed, struct writer *out);
int __wrap_suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes sealed, struct writer *out)
{
        int r = __real_suite_open(s, key, nonce, aad, sealed, out);

        if (r >= 0 && forge.open > 0 && --forge.open == 0)
                out->data[out->size - 1] ^= 1;
        return r;
}

int __real_public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                                const struct authenticated_content *a, struct writer *out);
int __wrap_public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                                const struct authenticated_content *a, struct writer *out);
int __wrap_public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                                const struct authenticated_content *a, struct writer *out)
{
        _cleanup_writer_ struct writer tbm = WRITER_INIT;
        uint8_t tag[SUITE_HASH_MAX];

        if (!forge.unprotected)
                return __real_public_message_write(s, membership_key, group_context, a, out);
        framed_content_write_tbs(&tbm, a->wire_format, &a->content, group_context);
        framed_content_auth_write(&tbm, a->content.content_type, &a->auth);
        suite_mac(s, secret_bytes(membership_key), writer_bytes(&tbm), tag);
        framed_content_write(out, &a->content);
        framed_content_auth_write(out, a->content.content_type, &a->auth);
        write_vector(out, BYTES(tag, s->hash_size));
        return writer_finish(out);
}

void __real_ratchet_tree_parent_hash(const struct ratchet_tree *t, uint32_t node, uint32_t sibling,
                                     uint8_t out[static SUITE_HASH_MAX]);
void __wrap_ratchet_tree_parent_hash(const struct ratchet_tree *t, uint32_t node, uint32_t sibling,
                                     uint8_t out[static SUITE_HASH_MAX]);
void __wrap_ratchet_tree_parent_hash(const struct ratchet_tree *t, uint32_t node, uint32_t sibling,
                                     uint8_t out[static SUITE_HASH_MAX])
{
        __real_ratchet_tree_parent_hash(t, node, sibling, out);
        out[0] ^= forge.bad_parent_hash;
}

int __real_ratchet_tree_validate(const struct ratchet_tree *t, struct bytes group_id, unsigned threads);
int __wrap_ratchet_tree_validate(const struct ratchet_tree *t, struct bytes group_id, unsigned threads);
int __wrap_ratchet_tree_validate(const struct ratchet_tree *t, struct bytes group_id, unsigned threads)
{
        return forge.off & CHECK_TREE ? 0 : __real_ratchet_tree_validate(t, group_id, threads);
}

int __real_treekem_encrypt(const struct ratchet_tree *t, const struct path_secrets *p, const struct node_list *added,
                           struct bytes group_context, unsigned threads, struct writer *out);
int __wrap_treekem_encrypt(const struct ratchet_tree *t, const struct path_secrets *p, const struct node_list *added,
                           struct bytes group_context, unsigned threads, struct writer *out);
int __wrap_treekem_encrypt(const struct ratchet_tree *t, const struct path_secrets *p, const struct node_list *added,
                           struct bytes group_context, unsigned threads, struct writer *out)
{
        struct reader r;
        size_t mark;

        if (!forge.path)
                return __real_treekem_encrypt(t, p, added, group_context, threads, out);
        writer_release(&whole_path);
        assert_int_equal(__real_treekem_encrypt(t, p, added, group_context, threads, &whole_path), 0);
        reader_init(&r, writer_bytes(&whole_path));
        mark = writer_open_vector(out);
        forge.path(read_vector(&r), out);
        writer_close_vector(out, mark);
        return writer_finish(out);
}

/* The path that was sent, or the one before it was changed. */
static struct update_path path_to_take(const struct update_path *sent)
{
        struct update_path path = *sent;
        struct reader r;

        reader_init(&r, writer_bytes(&whole_path));
        if (forge.off & CHECK_PATH)
                path.nodes = read_vector(&r);
        return path;
}

int __real_treekem_merge(struct ratchet_tree *t, uint32_t sender, const struct update_path *update);
int __wrap_treekem_merge(struct ratchet_tree *t, uint32_t sender, const struct update_path *update);
int __wrap_treekem_merge(struct ratchet_tree *t, uint32_t sender, const struct update_path *update)
{
        struct update_path path = path_to_take(update);

        return __real_treekem_merge(t, sender, &path);
}

int __real_treekem_decrypt(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender,
                           const struct update_path *update, const struct node_list *added, struct bytes group_context,
                           struct secret **commit_secret);
int __wrap_treekem_decrypt(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender,
                           const struct update_path *update, const struct node_list *added, struct bytes group_context,
                           struct secret **commit_secret);
int __wrap_treekem_decrypt(const struct ratchet_tree *t, struct private_keys *k, uint32_t sender,
                           const struct update_path *update, const struct node_list *added, struct bytes group_context,
                           struct secret **commit_secret)
{
        struct update_path path = path_to_take(update);

        return __real_treekem_decrypt(t, k, sender, &path, added, group_context, commit_secret);
}

struct secret *__real_hpke_derive_key_pair(const struct suite *s, struct bytes ikm, struct writer *public_key);
struct secret *__wrap_hpke_derive_key_pair(const struct suite *s, struct bytes ikm, struct writer *public_key);
struct secret *__wrap_hpke_derive_key_pair(const struct suite *s, struct bytes ikm, struct writer *public_key)
{
        struct secret *key = __real_hpke_derive_key_pair(s, ikm, public_key);

        if (forge.derive > 0 && --forge.derive == 0) {
                writer_release(public_key);
                write_fixed(public_key, forge.derived);
        }
        return key;
}

int __real_commit_draft_make(struct commit_draft *d);
int __wrap_commit_draft_make(struct commit_draft *d);
int __wrap_commit_draft_make(struct commit_draft *d)
{
        if (forge.draft)
                forge.draft(d);
        return __real_commit_draft_make(d);
}

int __real_proposal_list_collect(const struct suite *suite, const struct commit *c, uint32_t sender,
                                 const struct proposal_store *store, struct proposal_list *out);
int __wrap_proposal_list_collect(const struct suite *suite, const struct commit *c, uint32_t sender,
                                 const struct proposal_store *store, struct proposal_list *out);
int __wrap_proposal_list_collect(const struct suite *suite, const struct commit *c, uint32_t sender,
                                 const struct proposal_store *store, struct proposal_list *out)
{
        return __real_proposal_list_collect(suite, c, forge.references ? 0 : sender, store, out);
}

int __real_welcome_write(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                         struct bytes psks, struct bytes group_info, const struct welcome_recipient *recipients,
                         size_t count, unsigned threads, struct writer *out);
int __wrap_welcome_write(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                         struct bytes psks, struct bytes group_info, const struct welcome_recipient *recipients,
                         size_t count, unsigned threads, struct writer *out);
int __wrap_welcome_write(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                         struct bytes psks, struct bytes group_info, const struct welcome_recipient *recipients,
                         size_t count, unsigned threads, struct writer *out)
{
        struct welcome_recipient all[2] = { recipients[0] };
        uint8_t ref[SUITE_HASH_MAX];
        struct key_package package;

        if (!forge.uninvited)
                return __real_welcome_write(s, joiner_secret, psk_secret, psks, group_info, recipients, count, threads,
                                            out);
        assert_int_equal(count, 1);
        package = package_of(forge.uninvited);
        key_package_ref(s, &package, ref);
        all[1] = (struct welcome_recipient){ BYTES(ref, s->hash_size), package.init_key, NULL };
        return __real_welcome_write(s, joiner_secret, psk_secret, psks, group_info, all, 2, threads, out);
}

void __real_group_write_psk(const struct suite *s, const struct psk_id *psk, struct writer *w);
void __wrap_group_write_psk(const struct suite *s, const struct psk_id *psk, struct writer *w);
void __wrap_group_write_psk(const struct suite *s, const struct psk_id *psk, struct writer *w)
{
        struct psk_id changed = *psk;

        if (forge.psk)
                forge.psk(&changed);
        __real_group_write_psk(s, &changed, w);
}

int __real_group_check_link(const struct epoch *e, const struct group_psks *psks);
int __wrap_group_check_link(const struct epoch *e, const struct group_psks *psks);
int __wrap_group_check_link(const struct epoch *e, const struct group_psks *psks)
{
        return forge.off & CHECK_LINK ? 0 : __real_group_check_link(e, psks);
}

static const struct secret *find_any(void *userdata, const struct psk_id *id)
{
        return forge.any_psk;
}

static const struct psk_source any_source = { find_any, NULL };

int __real_epoch_proposed_psk_secret(const struct suite *s, const struct proposal_list *l,
                                     const struct psk_source *source, struct secret **out);
int __wrap_epoch_proposed_psk_secret(const struct suite *s, const struct proposal_list *l,
                                     const struct psk_source *source, struct secret **out);
int __wrap_epoch_proposed_psk_secret(const struct suite *s, const struct proposal_list *l,
                                     const struct psk_source *source, struct secret **out)
{
        return __real_epoch_proposed_psk_secret(s, l, forge.any_psk ? &any_source : source, out);
}

int __real_epoch_psk_secret(const struct suite *s, const struct psk_id *ids, size_t count,
                            const struct psk_source *source, struct secret **out);
int __wrap_epoch_psk_secret(const struct suite *s, const struct psk_id *ids, size_t count,
                            const struct psk_source *source, struct secret **out);
int __wrap_epoch_psk_secret(const struct suite *s, const struct psk_id *ids, size_t count,
                            const struct psk_source *source, struct secret **out)
{
        return __real_epoch_psk_secret(s, ids, count, forge.any_psk ? &any_source : source, out);
}

int __real_hpke_check_public_key(const struct suite *s, struct bytes public_key);
int __wrap_hpke_check_public_key(const struct suite *s, struct bytes public_key);
int __wrap_hpke_check_public_key(const struct suite *s, struct bytes public_key)
{
        return forge.off & CHECK_KEY ? 0 : __real_hpke_check_public_key(s, public_key);
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
        write_vector(&tbs, f->same_keys ? k.leaf.encryption_key : f->init_key.size > 0 ? f->init_key : k.init_key);
        write_fixed(&tbs, writer_bytes(&leaf));
        write_vector(&tbs, f->extensions);
        assert_int_equal(signature_key_sign_with_label(key, "KeyPackageTBS", writer_bytes(&tbs), &signature), 0);
        if (f->bad_signature)
                signature.data[signature.size - 1] ^= 1;
        write_fixed(out, writer_bytes(&tbs));
        write_vector(out, writer_bytes(&signature));
}

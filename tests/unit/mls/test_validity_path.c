/* What a receiver must refuse, continued (scene.h): paths, trees that arrive, and what is left of messages and
 * external commits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/public_message.h"
#include "services/cleanup.h"
#include "tests/unit/mls/scene.h"

/* §6.3.1, §6.2: messages. */

RULE(padding_is_all_zero)
{
        forge.seal = 1;
        protect(&s->people[ALICE], "hello", &s->message);
        refused(s, -EBADMSG);
        forge.open = 2; /* after the sender data */
        assert_int_equal(receive(s), 0);
}

/* A commit that refers to nothing that came: taken for a handshake message, it would be refused for that. */
static void as_if_handshake(struct framed_content *c)
{
        static const uint8_t body[] = { 2, PROPOSAL_BY_REFERENCE, 0, 0 };

        c->body = BYTES_OF(body);
}

RULE(a_public_message_has_no_application_data)
{
        const struct epoch *e = group_epoch(s->people[BOB].group);
        struct authenticated_content a;
        struct bytes tag;
        struct reader r;

        forge.unprotected = true;
        forge.content = as_if_handshake;
        protect(&s->people[ALICE], "hello", &s->message);
        refused(s, -EBADMSG);
        reader_init(&r, writer_bytes(&s->message));
        read_fixed(&r, 4);
        assert_int_equal(public_message_read(&r, &a, &tag), 0);
        assert_int_equal(public_message_check_membership(e->context.suite, e->schedule.membership_key,
                                                         group_context_bytes(&e->context), &a, tag),
                         0);
        assert_int_equal(authenticated_content_verify(e->context.suite, writer_bytes(&s->people[ALICE].public_key),
                                                      group_context_bytes(&e->context), &a),
                         0);
}

/* §12.2: the list. */

RULE(a_committer_does_not_remove_itself)
{
        proposal_write_remove(&s->proposals[0], ALICE);
        commit_values(s, false);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

/* §7.5, §7.6, §12.4.2: the path's nodes. */

/* How a node of a path is written anew: its ciphertexts and how many of the first are left out, and written twice. */
static void write_node(struct bytes key, struct bytes ciphertexts, unsigned without, unsigned twice, struct writer *out)
{
        size_t mark;
        struct reader r;

        write_vector(out, key);
        mark = writer_open_vector(out);
        reader_init(&r, ciphertexts);
        for (unsigned i = 0; reader_more(&r); i++) {
                struct bytes kem_output, ciphertext;

                hpke_ciphertext_read(&r, &kem_output, &ciphertext);
                for (unsigned n = i < without ? 0 : i < twice ? 2 : 1; n > 0; n--) {
                        write_vector(out, kem_output);
                        write_vector(out, ciphertext);
                }
        }
        writer_close_vector(out, mark);
}

static unsigned chosen_node, without, twice;

static void other_ciphertexts(struct bytes nodes, struct writer *out)
{
        struct bytes key, ciphertexts;
        struct reader r;

        reader_init(&r, nodes);
        for (unsigned i = 0; reader_more(&r); i++) {
                update_path_node_read(&r, &key, &ciphertexts);
                write_node(key, ciphertexts, i == chosen_node ? without : 0, i == chosen_node ? twice : 0, out);
        }
}

/* Bob's node is the first of Alice's path, Carol's the second. */
static void refuse_ciphertexts(struct scene *s, unsigned node)
{
        chosen_node = node;
        forge.path = other_ciphertexts;
        commit(s, &(struct group_change){ 0 });
        refused_by(s, CHECK_PATH, -EBADMSG);
}

RULE(a_path_s_node_has_no_more_ciphertexts)
{
        without = 0;
        twice = 1;
        refuse_ciphertexts(s, 0);
}

RULE(a_path_s_node_has_no_fewer_ciphertexts)
{
        without = 1;
        twice = 0;
        refuse_ciphertexts(s, 0);
}

RULE(another_s_node_has_no_more_ciphertexts)
{
        without = 0;
        twice = 1;
        refuse_ciphertexts(s, 1);
}

RULE(another_s_node_has_no_fewer_ciphertexts)
{
        without = 1;
        twice = 0;
        refuse_ciphertexts(s, 1);
}

/* The last node once more, with a key of its own. */
static void one_node_more(struct bytes nodes, struct writer *out)
{
        _cleanup_writer_ struct writer another = WRITER_INIT;
        struct bytes key, ciphertexts;
        struct reader r;

        secret_free(hpke_derive_key_pair(suite_by_id(1), BYTES_STRING("the key material of another node"), &another));

        reader_init(&r, nodes);
        while (reader_more(&r))
                update_path_node_read(&r, &key, &ciphertexts);
        write_fixed(out, nodes);
        write_node(writer_bytes(&another), ciphertexts, 0, 0, out);
}

RULE(a_path_has_no_more_nodes)
{
        forge.path = one_node_more;
        commit(s, &(struct group_change){ 0 });
        refused_by(s, CHECK_PATH, -EBADMSG);
}

static void one_node_less(struct bytes nodes, struct writer *out)
{
        struct bytes key, ciphertexts;
        struct reader r;

        reader_init(&r, nodes);
        update_path_node_read(&r, &key, &ciphertexts);
        write_node(key, ciphertexts, 0, 0, out);
}

RULE(a_path_has_no_fewer_nodes)
{
        forge.path = one_node_less;
        commit(s, &(struct group_change){ 0 });
        refused_by(s, CHECK_PATH, -EBADMSG);
}

RULE(a_path_s_keys_are_those_of_its_secrets)
{
        _cleanup_writer_ struct writer another = WRITER_INIT;

        secret_free(hpke_derive_key_pair(s->frank.suite, BYTES_STRING("the key material of another node"), &another));
        forge.derive = 2; /* the leaf's, then the first node's */
        forge.derived = writer_bytes(&another);
        commit(s, &(struct group_change){ 0 });
        refused(s, -EBADMSG);
        forge.derive = 1;
        forge.derived = writer_bytes(&another);
        assert_int_equal(receive(s), 0);
}

/* A tree in which a key stands twice nobody would join (§12.4.3.1). */

static struct bytes taken_key;

static void with_a_taken_key(struct leaf_node *leaf)
{
        leaf->encryption_key = taken_key;
}

/* Carol's path has a node above her and Frank, whose key Bob does not derive: her leaf gets it too. */
RULE(a_path_s_keys_differ)
{
        _cleanup_writer_ struct writer another = WRITER_INIT;

        secret_free(hpke_derive_key_pair(s->frank.suite, BYTES_STRING("the key material of another node"), &another));
        taken_key = writer_bytes(&another);
        add(&s->people[ALICE], &s->frank, s->people, PRESENT);
        open_ratchets(s);
        for (unsigned both = 2; both-- > 0;) {
                writer_release(&s->message);
                forge.derive = 2;
                forge.derived = taken_key;
                forge.leaf = both ? with_a_taken_key : NULL;
                commit_of(s, CAROL, &(struct group_change){ 0 });
                if (both)
                        refused(s, -EBADMSG);
        }
        forge_end();
        assert_int_equal(receive(s), 0);
}

RULE(a_leaf_s_encryption_key_is_no_node_s)
{
        const struct ratchet_tree *tree = &group_epoch(s->people[BOB].group)->tree;
        struct bytes package;

        taken_key = ratchet_tree_key(tree, tree_root(tree->leaves));
        forge_package(&s->frank, &(struct package_forgery){ .leaf = with_a_taken_key }, &s->package);
        package = writer_bytes(&s->package);
        commit(s, &(struct group_change){ .add = &package, .add_count = 1, .without_path = true });
        refused_by(s, CHECK_LEAF, -EBADMSG);
}

/* Keys that nobody can encrypt to: of X25519 those of small order. */

static const uint8_t small_order[32];

static void with_a_key_of_small_order(struct leaf_node *leaf)
{
        leaf->encryption_key = BYTES_OF(small_order);
}

RULE(a_path_s_leaf_can_be_encrypted_to)
{
        forge.leaf = with_a_key_of_small_order;
        commit(s, &(struct group_change){ 0 });
        refused_by(s, CHECK_KEY, -EBADMSG);
}

/* Carol's path has a node above her and Frank, whose key Bob does not derive. */
RULE(a_path_s_nodes_can_be_encrypted_to)
{
        add(&s->people[ALICE], &s->frank, s->people, PRESENT);
        open_ratchets(s);
        forge.derive = 2;
        forge.derived = BYTES_OF(small_order);
        commit_of(s, CAROL, &(struct group_change){ 0 });
        refused_by(s, CHECK_KEY, -EBADMSG);
}

RULE(an_update_s_leaf_can_be_encrypted_to)
{
        forge.off = CHECK_ALL;
        forge.leaf = with_a_key_of_small_order;
        assert_int_equal(group_propose_update(s->people[ALICE].group, NULL, BYTES(NULL, 0), NULL, &s->message), 0);
        refused_by(s, CHECK_KEY, -EBADMSG);
}

/* As a proposal: whoever commits it would have to encrypt to it. */
static void propose_forged(struct scene *s, const struct package_forgery *f)
{
        forge_package(&s->frank, f, &s->package);
        proposal_write_add(&s->proposals[0], writer_bytes(&s->package));
        propose(s);
        refused_by(s, CHECK_KEY, -EBADMSG);
}

RULE(a_key_package_s_leaf_can_be_encrypted_to)
{
        propose_forged(s, &(struct package_forgery){ .leaf = with_a_key_of_small_order });
}

RULE(a_key_package_s_init_key_can_be_encrypted_to)
{
        propose_forged(s, &(struct package_forgery){ .init_key = BYTES_OF(small_order) });
}

/* §12.4.3.2: external commits. */

static void leave_path_out(struct commit_draft *d)
{
        d->without_path = true;
}

RULE(an_external_commit_has_a_path)
{
        forge.draft = leave_path_out;
        join_external(s, NODE_NONE, NULL);
        refused(s, -EBADMSG);
}

static const struct stored_proposal *referred;

static void refer(struct commit_draft *d)
{
        struct proposal p;
        struct reader r;

        reader_init(&r, BYTES(referred->data, referred->size));
        proposal_read(&r, &p);
        proposal_list_add(&d->list, &p, NODE_NONE);
        d->list.items[d->list.count - 1].stored = referred;
}

static const struct secret *shared_psk(void *userdata, const struct psk_id *id)
{
        return userdata;
}

RULE(an_external_commit_refers_to_nothing)
{
        _cleanup_secret_ struct secret *value = secret_copy(BYTES_STRING("value"));
        struct group_host host = { .psk = shared_psk, .userdata = value };
        struct psk_id psk = { .type = PSK_EXTERNAL, .external_id = BYTES_STRING("shared") };

        s->host = host;
        assert_int_equal(group_propose_psk(s->people[CAROL].group, &psk, BYTES(NULL, 0), NULL, &s->message), 0);
        assert_int_equal(receive(s), 0);
        writer_release(&s->message);
        referred = &s->people[BOB].group->proposals.items[0];
        forge.draft = refer;
        join_external(s, NODE_NONE, &host);
        refused(s, -EBADMSG);
        forge.references = true;
        assert_int_equal(receive(s), 0);
}

/* §7.9.2, §12.4.3.1: a tree that arrives. */

/* Frank refuses the tree of the Welcome, and takes it without these checks. */
static void refuse_tree(struct scene *s, unsigned checks)
{
        invite(s, false);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EBADMSG);
        forge.off = checks;
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), 0);
}

RULE(a_tree_s_parents_are_parent_hash_valid)
{
        forge.bad_parent_hash = true;
        refuse_tree(s, CHECK_TREE);
}

static struct bytes key_of_carol;

static void with_the_encryption_key_of_carol(struct leaf_node *leaf)
{
        leaf->encryption_key = key_of_carol;
}

RULE(an_encryption_key_stands_once_in_a_tree)
{
        key_of_carol = ratchet_tree_leaf(&group_epoch(s->people[ALICE].group)->tree, CAROL)->encryption_key;
        forge.leaf = with_the_encryption_key_of_carol;
        refuse_tree(s, CHECK_TREE);
}

RULE(a_tree_s_leaves_can_be_encrypted_to)
{
        forge.leaf = with_a_key_of_small_order;
        refuse_tree(s, CHECK_KEY);
}

/* The node above Alice and Bob, whose key Frank does not derive. */
RULE(a_tree_s_parents_can_be_encrypted_to)
{
        forge.derive = 2;
        forge.derived = BYTES_OF(small_order);
        refuse_tree(s, CHECK_KEY);
}

RULE(a_joiner_stands_in_the_tree)
{
        struct person grace;
        struct bytes package;

        person_make(s->frank.suite, "grace", &grace);
        package = writer_bytes(&grace.package);
        forge.uninvited = &s->frank;
        commit(s, &(struct group_change){ .add = &package, .add_count = 1 });
        forge_end();
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EBADMSG);
        join(&grace, writer_bytes(&s->welcome));
        person_release(&grace);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(padding_is_all_zero),
                cmocka_unit_test(a_public_message_has_no_application_data),
                cmocka_unit_test(a_committer_does_not_remove_itself),
                cmocka_unit_test(a_path_s_node_has_no_more_ciphertexts),
                cmocka_unit_test(a_path_s_node_has_no_fewer_ciphertexts),
                cmocka_unit_test(another_s_node_has_no_more_ciphertexts),
                cmocka_unit_test(another_s_node_has_no_fewer_ciphertexts),
                cmocka_unit_test(a_path_has_no_more_nodes),
                cmocka_unit_test(a_path_has_no_fewer_nodes),
                cmocka_unit_test(a_path_s_keys_are_those_of_its_secrets),
                cmocka_unit_test(a_path_s_keys_differ),
                cmocka_unit_test(a_leaf_s_encryption_key_is_no_node_s),
                cmocka_unit_test(a_path_s_leaf_can_be_encrypted_to),
                cmocka_unit_test(a_path_s_nodes_can_be_encrypted_to),
                cmocka_unit_test(an_update_s_leaf_can_be_encrypted_to),
                cmocka_unit_test(a_key_package_s_leaf_can_be_encrypted_to),
                cmocka_unit_test(a_key_package_s_init_key_can_be_encrypted_to),
                cmocka_unit_test(an_external_commit_has_a_path),
                cmocka_unit_test(an_external_commit_refers_to_nothing),
                cmocka_unit_test(a_tree_s_parents_are_parent_hash_valid),
                cmocka_unit_test(an_encryption_key_stands_once_in_a_tree),
                cmocka_unit_test(a_tree_s_leaves_can_be_encrypted_to),
                cmocka_unit_test(a_tree_s_parents_can_be_encrypted_to),
                cmocka_unit_test(a_joiner_stands_in_the_tree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

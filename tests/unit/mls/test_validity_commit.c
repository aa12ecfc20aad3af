/* Of a member's commit: its list, its path, its leaf: what a receiver must refuse (docs/mls-validity.md, scene.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/scene.h"

static const uint8_t nonce[32];

/* §12.2: the list of a member's commit. */

/* A leaf of Alice's as an update brings it. */
static void write_update(struct scene *s, struct writer *out)
{
        _cleanup_writer_ struct writer message = WRITER_INIT;
        struct reader r;

        assert_int_equal(group_propose_update(s->people[ALICE].group, NULL, BYTES(NULL, 0),
                                              &(struct group_framing){ .public = true }, &message),
                         0);
        /* The proposal stands in the public message after group id, epoch, sender, empty data and content type. */
        reader_init(&r, writer_bytes(&message));
        read_fixed(&r, 4);
        struct framed_content content;

        framed_content_read(&r, &content);
        write_fixed(out, content.body);
}

RULE(a_committer_does_not_commit_its_own_update)
{
        write_update(s, &s->proposals[0]);
        commit_values(s, false);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(a_leaf_is_not_updated_and_removed)
{
        _cleanup_writer_ struct writer update = WRITER_INIT;
        uint32_t leaf = CAROL;

        assert_int_equal(group_propose_update(s->people[CAROL].group, NULL, BYTES(NULL, 0), NULL, &update), 0);
        assert_int_equal(process(&s->people[ALICE], writer_bytes(&update)), 0);
        assert_int_equal(process(&s->people[BOB], writer_bytes(&update)), 0);
        forge.collisions = true;
        commit(s, &(struct group_change){ .remove = &leaf, .remove_count = 1, .cached = true });
        refused_by(s, CHECK_LIST | CHECK_LEAF, -EBADMSG);
}

RULE(a_client_is_not_added_twice)
{
        struct bytes packages[2];

        forge_package(&s->frank, &(struct package_forgery){ 0 }, &s->package);
        packages[0] = packages[1] = writer_bytes(&s->package);
        commit(s, &(struct group_change){ .add = packages, .add_count = 2 });
        refused_by(s, CHECK_LIST | CHECK_LEAF, -EBADMSG);
}

/* §7.2. */
RULE(a_lifetime_is_not_too_long)
{
        struct bytes package = writer_bytes(&s->frank.package);

        commit(s, &(struct group_change){ .add = &package, .add_count = 1 });
        s->host.lifetime_max = LIFETIME - 1;
        refused(s, -EBADMSG);
        s->host.lifetime_max = LIFETIME;
        assert_int_equal(receive(s), 0);
}

RULE(a_client_that_is_there_is_not_added)
{
        struct bytes package = writer_bytes(&s->people[CAROL].package);

        commit(s, &(struct group_change){ .add = &package, .add_count = 1 });
        refused_by(s, CHECK_LEAF, -EBADMSG);
}

static const struct secret *psk_of_bob(void *userdata, const struct psk_id *id)
{
        return userdata;
}

RULE(a_psk_is_not_named_twice)
{
        struct psk_id psk = { .type = PSK_RESUMPTION,
                              .usage = RESUMPTION_APPLICATION,
                              .group_id = BYTES_STRING("group"),
                              .epoch = 2,
                              .nonce = BYTES_OF(nonce) };

        proposal_write_psk(&s->proposals[0], &psk);
        proposal_write_psk(&s->proposals[1], &psk);
        commit_values(s, false);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(a_psk_must_be_known)
{
        _cleanup_secret_ struct secret *value = secret_copy(BYTES_STRING("value"));
        struct group_host host = { .psk = psk_of_bob, .userdata = value };
        struct psk_id psk = { .type = PSK_EXTERNAL, .external_id = BYTES_STRING("shared") };

        assert_int_equal(group_commit(s->people[ALICE].group, &(struct group_change){ .psks = &psk, .psk_count = 1 },
                                      &host, &s->message, &s->welcome),
                         0);
        refused(s, -ENOKEY);
        s->host = host;
        assert_int_equal(receive(s), 0);
}

RULE(extensions_are_replaced_once)
{
        proposal_write_group_context_extensions(&s->proposals[0], BYTES(NULL, 0));
        proposal_write_group_context_extensions(&s->proposals[1], BYTES(NULL, 0));
        commit_values(s, false);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(a_reinit_stands_alone)
{
        proposal_write_reinit(&s->proposals[0], BYTES_STRING("next"), suite_by_id(1), BYTES(NULL, 0));
        proposal_write_remove(&s->proposals[1], CAROL);
        commit_values(s, false);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(a_member_s_commit_has_no_external_init)
{
        proposal_write_external_init(&s->proposals[0], BYTES_STRING("kem"));
        commit_values(s, false);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(a_reference_is_to_a_proposal_that_came)
{
        proposal_write_remove(&s->proposals[0], CAROL);
        propose(s);
        writer_release(&s->message);
        commit(s, &(struct group_change){ .cached = true });
        refused(s, -ENOENT);
}

/* A type that is not the protocol's own, as a proposal and by value in a commit without a path. */
static void of_unknown_type(struct framed_content *c)
{
        static const uint8_t proposal[] = { 0xf0, 0x01, 0, 0, 0, 1 };
        static const uint8_t commit[] = { 7, PROPOSAL_BY_VALUE, 0xf0, 0x01, 0, 0, 0, 1, 0 };

        c->body = c->content_type == CONTENT_COMMIT ? BYTES_OF(commit) : BYTES_OF(proposal);
}

RULE(a_proposal_s_type_is_known)
{
        for (unsigned public = 0; public < 2; public ++) {
                struct group_framing framing = { .public = public };

                writer_release(&s->proposals[0]);
                proposal_write_remove(&s->proposals[0], CAROL);
                forge.content = of_unknown_type;
                writer_release(&s->message);
                assert_int_equal(group_propose(s->people[ALICE].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0),
                                               &framing, &s->message),
                                 0);
                refused(s, -EPROTONOSUPPORT);
                forge.content = of_unknown_type;
                writer_release(&s->message);
                commit(s, &(struct group_change){ .framing = framing });
                refused(s, -EPROTONOSUPPORT);
        }
}

/* §12.4: when a commit needs a path. */

RULE(an_empty_commit_has_a_path)
{
        commit(s, &(struct group_change){ .without_path = true });
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(a_removal_needs_a_path)
{
        proposal_write_remove(&s->proposals[0], CAROL);
        commit_values(s, true);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(new_extensions_need_a_path)
{
        proposal_write_group_context_extensions(&s->proposals[0], BYTES(NULL, 0));
        commit_values(s, true);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(an_update_needs_a_path)
{
        _cleanup_writer_ struct writer update = WRITER_INIT;

        assert_int_equal(group_propose_update(s->people[CAROL].group, NULL, BYTES(NULL, 0), NULL, &update), 0);
        assert_int_equal(process(&s->people[ALICE], writer_bytes(&update)), 0);
        assert_int_equal(process(&s->people[BOB], writer_bytes(&update)), 0);
        commit(s, &(struct group_change){ .cached = true, .without_path = true });
        refused_by(s, CHECK_LIST, -EBADMSG);
}

/* §12.4.2, §7.3: the path's leaf. */

static void commit_leaf(struct scene *s, void (*leaf)(struct leaf_node *leaf))
{
        forge.leaf = leaf;
        commit(s, &(struct group_change){ 0 });
}

static void from_update(struct leaf_node *leaf)
{
        leaf->source = LEAF_NODE_UPDATE;
}

RULE(a_path_s_leaf_is_from_a_commit)
{
        commit_leaf(s, from_update);
        refused(s, -EBADMSG);
}

RULE(a_path_brings_a_new_encryption_key)
{
        old_key = ratchet_tree_leaf(&group_epoch(s->people[ALICE].group)->tree, ALICE)->encryption_key;
        commit_leaf(s, with_old_key);
        refused(s, -EBADMSG);
}

RULE(a_path_s_keys_are_nobody_s)
{
        old_key = ratchet_tree_leaf(&group_epoch(s->people[ALICE].group)->tree, CAROL)->encryption_key;
        commit_leaf(s, with_old_key);
        refused(s, -EBADMSG);
}

static void with_another_parent_hash(struct leaf_node *leaf)
{
        leaf->parent_hash = BYTES_OF(nonce);
}

RULE(a_path_s_leaf_carries_the_parent_hash)
{
        commit_leaf(s, with_another_parent_hash);
        refused(s, -EBADMSG);
}

static void without_versions(struct leaf_node *leaf)
{
        leaf->capabilities.versions = BYTES(NULL, 0);
}

RULE(a_leaf_can_do_the_version)
{
        commit_leaf(s, without_versions);
        refused_by(s, CHECK_LEAF, -EPROTONOSUPPORT);
}

static void without_suites(struct leaf_node *leaf)
{
        leaf->capabilities.cipher_suites = BYTES_STRING("\0\2");
}

RULE(a_leaf_can_do_the_suite)
{
        commit_leaf(s, without_suites);
        refused_by(s, CHECK_LEAF, -EPROTONOSUPPORT);
}

static void without_its_extensions(struct leaf_node *leaf)
{
        leaf->capabilities.extensions = BYTES(NULL, 0);
}

RULE(a_leaf_can_do_its_own_extensions)
{
        commit_leaf(s, without_its_extensions);
        refused_by(s, CHECK_LEAF, -EPROTONOSUPPORT);
}

static void with_certificates(struct leaf_node *leaf)
{
        leaf->credential = (struct credential){ CREDENTIAL_X509, BYTES_STRING("\4cert") };
        leaf->capabilities.credentials = BYTES_STRING("\0\1\0\2");
}

static struct bytes many_types, many_extensions;

static void with_many_extensions(struct leaf_node *leaf)
{
        leaf->capabilities.extensions = many_types;
        leaf->extensions = many_extensions;
}

/* However many they are: the last one is not listed, or is. */
RULE(a_leaf_can_do_its_own_extensions_of_many)
{
        for (unsigned missing = 2; missing-- > 0;) {
                _cleanup_writer_ struct writer types = WRITER_INIT, extensions = WRITER_INIT;

                for (uint16_t i = 0; i < 100; i++) {
                        if (i < 100 - missing)
                                write_u16(&types, 0xf000 + i);
                        write_u16(&extensions, 0xf000 + i);
                        write_vector(&extensions, BYTES(NULL, 0));
                }
                many_types = writer_bytes(&types);
                many_extensions = writer_bytes(&extensions);
                writer_release(&s->message);
                forge.leaf = with_many_extensions;
                commit(s, &(struct group_change){ 0 });
                if (missing)
                        refused(s, -EPROTONOSUPPORT);
        }
        forge_end();
        assert_int_equal(receive(s), 0);
}

RULE(a_leaf_s_credential_is_of_a_type_that_all_can_do)
{
        commit_forged(s, &(struct package_forgery){ .leaf = with_certificates });
        refused_by(s, CHECK_LEAF, -EPROTONOSUPPORT);
}

static void without_credentials(struct leaf_node *leaf)
{
        leaf->capabilities.credentials = BYTES_STRING("\0\2");
}

RULE(a_leaf_can_do_the_credential_types_of_all)
{
        commit_leaf(s, without_credentials);
        refused_by(s, CHECK_LEAF, -EPROTONOSUPPORT);
}

static void with_a_broken_chain(struct leaf_node *leaf)
{
        leaf->credential = (struct credential){ CREDENTIAL_X509, BYTES_STRING("\5cert") };
}

RULE(a_chain_of_certificates_is_well_formed)
{
        commit_forged(s, &(struct package_forgery){ .leaf = with_a_broken_chain });
        refused_by(s, CHECK_LEAF, -EBADMSG);
}

static struct bytes key_of_carol;

static void with_the_signature_key_of_carol(struct leaf_node *leaf)
{
        leaf->signature_key = key_of_carol;
}

RULE(a_signature_key_is_nobody_else_s)
{
        struct identity carol = identity_of(&s->people[CAROL]);

        carol.credential.content = BYTES_STRING("alice");
        key_of_carol = carol.signature_key;
        forge.leaf = with_the_signature_key_of_carol;
        commit(s, &(struct group_change){ .identity = &carol });
        refused_by(s, CHECK_LEAF, -EBADMSG);
}

RULE(an_encryption_key_is_nobody_else_s)
{
        old_key = ratchet_tree_leaf(&group_epoch(s->people[ALICE].group)->tree, CAROL)->encryption_key;
        commit_forged(s, &(struct package_forgery){ .leaf = with_old_key });
        refused_by(s, CHECK_LEAF, -EBADMSG);
}

static void with_a_short_key(struct leaf_node *leaf)
{
        leaf->encryption_key.size--;
}

RULE(an_encryption_key_is_one_of_the_suite)
{
        commit_forged(s, &(struct package_forgery){ .leaf = with_a_short_key });
        refused_by(s, CHECK_LEAF | CHECK_KEY, -EBADMSG);
}

RULE(a_new_credential_succeeds_the_old_one)
{
        struct identity mallory = identity_of(&s->people[ALICE]);
        struct group_host host = { .same_client = same_client };

        mallory.credential.content = BYTES_STRING("mallory");
        assert_int_equal(group_commit(s->people[ALICE].group, &(struct group_change){ .identity = &mallory }, &host,
                                      &s->message, &s->welcome),
                         0);
        refused(s, -EBADMSG);
        s->host.same_client = same_client;
        assert_int_equal(receive(s), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_committer_does_not_commit_its_own_update),
                cmocka_unit_test(a_leaf_is_not_updated_and_removed),
                cmocka_unit_test(a_client_is_not_added_twice),
                cmocka_unit_test(a_lifetime_is_not_too_long),
                cmocka_unit_test(a_client_that_is_there_is_not_added),
                cmocka_unit_test(a_psk_is_not_named_twice),
                cmocka_unit_test(a_psk_must_be_known),
                cmocka_unit_test(extensions_are_replaced_once),
                cmocka_unit_test(a_reinit_stands_alone),
                cmocka_unit_test(a_member_s_commit_has_no_external_init),
                cmocka_unit_test(a_reference_is_to_a_proposal_that_came),
                cmocka_unit_test(a_proposal_s_type_is_known),
                cmocka_unit_test(an_empty_commit_has_a_path),
                cmocka_unit_test(a_removal_needs_a_path),
                cmocka_unit_test(new_extensions_need_a_path),
                cmocka_unit_test(an_update_needs_a_path),
                cmocka_unit_test(a_path_s_leaf_is_from_a_commit),
                cmocka_unit_test(a_path_brings_a_new_encryption_key),
                cmocka_unit_test(a_path_s_keys_are_nobody_s),
                cmocka_unit_test(a_path_s_leaf_carries_the_parent_hash),
                cmocka_unit_test(a_leaf_can_do_the_version),
                cmocka_unit_test(a_leaf_can_do_the_suite),
                cmocka_unit_test(a_leaf_can_do_its_own_extensions),
                cmocka_unit_test(a_leaf_can_do_its_own_extensions_of_many),
                cmocka_unit_test(a_leaf_s_credential_is_of_a_type_that_all_can_do),
                cmocka_unit_test(a_leaf_can_do_the_credential_types_of_all),
                cmocka_unit_test(a_chain_of_certificates_is_well_formed),
                cmocka_unit_test(a_signature_key_is_nobody_else_s),
                cmocka_unit_test(an_encryption_key_is_nobody_else_s),
                cmocka_unit_test(an_encryption_key_is_one_of_the_suite),
                cmocka_unit_test(a_new_credential_succeeds_the_old_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a receiver must refuse (docs/mls-validity.md): for each rule a message that breaks it and nothing else. It is
 * refused with the state as it was, byte for byte; and where the check can be switched off, the same message is taken
 * without it, so that nothing but this check has refused it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/scene.h"

/* §6.1, §6.2: what a message is authenticated by. */

RULE(a_signature_must_hold)
{
        forge.bad_signature = true;
        commit(s, &(struct group_change){ 0 });
        refused(s, -EBADMSG);
}

RULE(a_public_message_s_signature_must_hold)
{
        forge.bad_signature = true;
        commit(s, &(struct group_change){ .framing = { .public = true } });
        refused(s, -EBADMSG);
}

RULE(a_membership_tag_must_hold)
{
        commit(s, &(struct group_change){ .framing = { .public = true } });
        s->message.data[s->message.size - 1] ^= 1;
        refused(s, -EBADMSG);
}

RULE(a_confirmation_tag_must_hold)
{
        forge.bad_confirmation_tag = true;
        commit(s, &(struct group_change){ 0 });
        refused(s, -EBADMSG);
}

static void other_group(struct framed_content *c)
{
        c->group_id = BYTES_STRING("gruop");
}

RULE(a_message_is_for_its_group)
{
        forge.content = other_group;
        commit(s, &(struct group_change){ .framing = { .public = true } });
        refused(s, -EBADMSG);
}

static void epoch_before(struct framed_content *c)
{
        c->epoch--;
}

RULE(a_commit_is_for_the_current_epoch)
{
        forge.content = epoch_before;
        commit(s, &(struct group_change){ .framing = { .public = true } });
        refused(s, -ESTALE);
}

static void epoch_after(struct framed_content *c)
{
        c->epoch++;
}

RULE(a_message_of_an_epoch_to_come_waits)
{
        forge.content = epoch_after;
        commit(s, &(struct group_change){ .framing = { .public = true } });
        refused(s, -EAGAIN);
}

static void blank_sender(struct framed_content *c)
{
        c->sender = 3;
}

RULE(a_member_sends_from_a_leaf_that_is_not_blank)
{
        forge.content = blank_sender;
        commit(s, &(struct group_change){ .framing = { .public = true } });
        refused(s, -EBADMSG);
}

static void another_sender(struct framed_content *c)
{
        c->sender = CAROL;
}

RULE(a_member_sends_under_its_own_name)
{
        forge.content = another_sender;
        commit(s, &(struct group_change){ .framing = { .public = true } });
        refused(s, -EBADMSG);
}

/* §12.1.8: proposals from outside. */

static void propose_from_outside(struct scene *s, uint32_t index)
{
        assert_int_equal(external_propose(s->frank.suite, BYTES_STRING("group"), 2, index, s->frank.signature_key,
                                          writer_bytes(&s->proposals[0]), BYTES(NULL, 0), &s->message),
                         0);
}

static int allow(void *userdata, const struct proposal *proposal, uint32_t sender)
{
        return 0;
}

/* Frank becomes an external sender. */
static void let_frank_propose(struct scene *s)
{
        _cleanup_writer_ struct writer senders = WRITER_INIT, extensions = WRITER_INIT;
        size_t mark = writer_open_vector(&senders);

        write_vector(&senders, writer_bytes(&s->frank.public_key));
        write_u16(&senders, CREDENTIAL_BASIC);
        write_vector(&senders, BYTES_STRING("frank"));
        writer_close_vector(&senders, mark);
        write_u16(&extensions, EXTENSION_EXTERNAL_SENDERS);
        write_vector(&extensions, writer_bytes(&senders));
        proposal_write_group_context_extensions(&s->proposals[0], writer_bytes(&extensions));
        commit_values(s, false);
        forge_end();
        assert_int_equal(receive(s), 0);
        writer_release(&s->message);
        writer_release(&s->proposals[0]);
        s->host.proposal = allow;
}

static void propose_in_epoch_3(struct scene *s, uint32_t index, const struct secret *key)
{
        assert_int_equal(external_propose(s->frank.suite, BYTES_STRING("group"), 3, index, key,
                                          writer_bytes(&s->proposals[0]), BYTES(NULL, 0), &s->message),
                         0);
}

RULE(nobody_proposes_from_outside_without_the_extension)
{
        proposal_write_remove(&s->proposals[0], CAROL);
        s->host.proposal = allow;
        propose_from_outside(s, 0);
        refused(s, -EBADMSG);
}

RULE(an_external_sender_stands_in_the_extension)
{
        let_frank_propose(s);
        proposal_write_remove(&s->proposals[0], CAROL);
        propose_in_epoch_3(s, 1, s->frank.signature_key);
        refused(s, -EBADMSG);
}

RULE(an_external_sender_signs_with_its_key)
{
        let_frank_propose(s);
        proposal_write_remove(&s->proposals[0], CAROL);
        propose_in_epoch_3(s, 0, s->people[CAROL].signature_key);
        refused(s, -EBADMSG);
}

RULE(an_external_sender_is_allowed_by_the_application)
{
        let_frank_propose(s);
        s->host.proposal = NULL;
        proposal_write_remove(&s->proposals[0], CAROL);
        propose_in_epoch_3(s, 0, s->frank.signature_key);
        refused(s, -EACCES);
        s->host.proposal = allow;
        assert_int_equal(receive(s), 0);
}

RULE(an_external_sender_proposes_no_update)
{
        struct key_package k = package_of(&s->frank);

        let_frank_propose(s);
        proposal_write_update(&s->proposals[0], k.leaf.encoded);
        propose_in_epoch_3(s, 0, s->frank.signature_key);
        refused(s, -EBADMSG);
}

RULE(an_external_sender_proposes_no_external_init)
{
        let_frank_propose(s);
        proposal_write_external_init(&s->proposals[0], BYTES_STRING("kem"));
        propose_in_epoch_3(s, 0, s->frank.signature_key);
        refused(s, -EBADMSG);
}

static void as_new_member(struct framed_content *c)
{
        c->sender_type = SENDER_NEW_MEMBER_PROPOSAL;
}

RULE(a_new_member_proposes_only_to_be_added)
{
        s->host.proposal = allow;
        proposal_write_remove(&s->proposals[0], CAROL);
        forge.content = as_new_member;
        propose_from_outside(s, 0);
        refused(s, -EBADMSG);
}

RULE(a_new_member_signs_with_its_own_key)
{
        s->host.proposal = allow;
        assert_int_equal(new_member_propose(s->frank.suite, BYTES_STRING("group"), 2, writer_bytes(&s->frank.package),
                                            s->people[CAROL].signature_key, BYTES(NULL, 0), &s->message),
                         0);
        refused(s, -EBADMSG);
}

/* §12.1: each proposal by itself. */

RULE(a_key_package_is_of_the_group_s_suite)
{
        commit_forged(s, &(struct package_forgery){ .cipher_suite = 3 });
        refused(s, -EPROTONOSUPPORT);
}

RULE(a_key_package_is_of_the_group_s_version)
{
        commit_forged(s, &(struct package_forgery){ .version = 2 });
        refused_by(s, CHECK_PACKAGE, -EPROTONOSUPPORT);
}

RULE(a_key_package_s_signature_must_hold)
{
        commit_forged(s, &(struct package_forgery){ .bad_signature = true });
        refused_by(s, CHECK_PACKAGE, -EBADMSG);
}

RULE(a_key_package_s_leaf_s_signature_must_hold)
{
        commit_forged(s, &(struct package_forgery){ .bad_leaf_signature = true });
        refused_by(s, CHECK_PACKAGE | CHECK_LEAF, -EBADMSG);
}

RULE(an_init_key_is_not_the_encryption_key)
{
        commit_forged(s, &(struct package_forgery){ .same_keys = true });
        refused_by(s, CHECK_PACKAGE, -EBADMSG);
}

static void from_commit(struct leaf_node *leaf)
{
        leaf->source = LEAF_NODE_COMMIT;
}

RULE(a_key_package_s_leaf_is_from_a_key_package)
{
        commit_forged(s, &(struct package_forgery){ .leaf = from_commit });
        refused_by(s, CHECK_PACKAGE | CHECK_LEAF, -EBADMSG);
}

static void propose_update(struct scene *s)
{
        forge.off = CHECK_ALL;
        assert_int_equal(group_propose_update(s->people[ALICE].group, NULL, BYTES(NULL, 0), NULL, &s->message), 0);
}

static void from_key_package(struct leaf_node *leaf)
{
        leaf->source = LEAF_NODE_KEY_PACKAGE;
}

RULE(an_update_s_leaf_is_from_an_update)
{
        forge.leaf = from_key_package;
        propose_update(s);
        refused_by(s, CHECK_PROPOSAL, -EBADMSG);
}

static struct bytes old_key;

static void with_old_key(struct leaf_node *leaf)
{
        leaf->encryption_key = old_key;
}

RULE(an_update_brings_a_new_encryption_key)
{
        old_key = ratchet_tree_leaf(&group_epoch(s->people[ALICE].group)->tree, ALICE)->encryption_key;
        forge.leaf = with_old_key;
        propose_update(s);
        refused_by(s, CHECK_PROPOSAL, -EBADMSG);
}

RULE(a_removal_is_of_somebody_who_is_there)
{
        proposal_write_remove(&s->proposals[0], 3);
        propose(s);
        refused_by(s, CHECK_PROPOSAL, -EBADMSG);
}

static void propose_psk(struct scene *s, struct psk_id psk)
{
        proposal_write_psk(&s->proposals[0], &psk);
        propose(s);
        refused_by(s, CHECK_PROPOSAL, -EBADMSG);
}

static const uint8_t nonce[32];

RULE(a_psk_s_nonce_has_nh_bytes)
{
        propose_psk(s, (struct psk_id){ .type = PSK_EXTERNAL,
                                        .external_id = BYTES_STRING("shared"),
                                        .nonce = BYTES(nonce, sizeof(nonce) - 1) });
}

RULE(a_reinit_psk_is_no_proposal)
{
        propose_psk(s, (struct psk_id){ .type = PSK_RESUMPTION,
                                        .usage = RESUMPTION_REINIT,
                                        .group_id = BYTES_STRING("group"),
                                        .epoch = 2,
                                        .nonce = BYTES_OF(nonce) });
}

RULE(a_branch_psk_is_no_proposal)
{
        propose_psk(s, (struct psk_id){ .type = PSK_RESUMPTION,
                                        .usage = RESUMPTION_BRANCH,
                                        .group_id = BYTES_STRING("group"),
                                        .epoch = 2,
                                        .nonce = BYTES_OF(nonce) });
}

RULE(a_reinit_lowers_no_version)
{
        write_u16(&s->proposals[0], PROPOSAL_REINIT);
        write_vector(&s->proposals[0], BYTES_STRING("next"));
        write_u16(&s->proposals[0], 0);
        write_u16(&s->proposals[0], 1);
        write_vector(&s->proposals[0], BYTES(NULL, 0));
        propose(s);
        refused_by(s, CHECK_PROPOSAL, -EBADMSG);
}

RULE(an_external_init_is_no_proposal_of_a_member)
{
        proposal_write_external_init(&s->proposals[0], BYTES_STRING("kem"));
        propose(s);
        refused_by(s, CHECK_PROPOSAL, -EBADMSG);
}

/* required_capabilities for one type that nobody has. */
static void require(struct writer *out, unsigned list)
{
        _cleanup_writer_ struct writer required = WRITER_INIT, extensions = WRITER_INIT;

        for (unsigned i = 0; i < 3; i++) {
                size_t mark = writer_open_vector(&required);

                if (i == list)
                        write_u16(&required, 0xff01);
                writer_close_vector(&required, mark);
        }
        write_u16(&extensions, EXTENSION_REQUIRED_CAPABILITIES);
        write_vector(&extensions, writer_bytes(&required));
        proposal_write_group_context_extensions(out, writer_bytes(&extensions));
}

RULE(extensions_require_what_all_can_do)
{
        for (unsigned list = 0; list < 3; list++) {
                writer_release(&s->proposals[0]);
                writer_release(&s->message);
                require(&s->proposals[0], list);
                commit_values(s, false);
                refused(s, -EPROTONOSUPPORT);
        }
        forge.off = CHECK_EXTENSIONS | CHECK_LEAF;
        assert_int_equal(receive(s), 0);
}

RULE(extensions_are_such_as_all_can_do)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;

        write_u16(&extensions, 0xff01);
        write_vector(&extensions, BYTES(NULL, 0));
        proposal_write_group_context_extensions(&s->proposals[0], writer_bytes(&extensions));
        commit_values(s, false);
        refused_by(s, CHECK_EXTENSIONS | CHECK_LEAF, -EPROTONOSUPPORT);
}

RULE(no_extension_stands_twice)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;

        proposal_write_remove(&s->proposals[0], CAROL);
        commit_values(s, false);
        writer_release(&s->message);
        writer_release(&s->proposals[0]);
        for (unsigned i = 0; i < 2; i++) {
                write_u16(&extensions, EXTENSION_APPLICATION_ID);
                write_vector(&extensions, BYTES(NULL, 0));
        }
        proposal_write_group_context_extensions(&s->proposals[0], writer_bytes(&extensions));
        assert_int_equal(external_propose(s->frank.suite, BYTES_STRING("group"), 2, 0, s->frank.signature_key,
                                          writer_bytes(&s->proposals[0]), BYTES(NULL, 0), &s->message),
                         0);
        refused(s, -EBADMSG);
}

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

RULE(a_proposal_s_type_is_known)
{
        assert_int_equal(external_propose(s->frank.suite, BYTES_STRING("group"), 2, 0, s->frank.signature_key,
                                          BYTES_STRING("\x0a\x0a"), BYTES(NULL, 0), &s->message),
                         0);
        refused(s, -EBADMSG);
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

static bool same_client(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        return true;
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

/* §12.2, §12.4.3.2: external commits. */

RULE(an_external_commit_has_an_external_init)
{
        forge.no_external_init = true;
        join_external(s, NODE_NONE, NULL);
        refused(s, -EBADMSG);
}

RULE(an_external_commit_has_one_external_init)
{
        __real_proposal_write_external_init(&s->proposals[0], BYTES_STRING("kem"));
        forge.extra_external = writer_bytes(&s->proposals[0]);
        join_external(s, NODE_NONE, NULL);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(an_external_commit_removes_one_leaf_at_most)
{
        proposal_write_remove(&s->proposals[0], CAROL);
        proposal_write_remove(&s->proposals[0], ALICE);
        forge.extra_external = writer_bytes(&s->proposals[0]);
        join_external(s, NODE_NONE, &(struct group_host){ .same_client = same_client });
        s->host.same_client = same_client;
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(an_external_commit_adds_nobody)
{
        struct person grace;

        person_make(s->frank.suite, "grace", &grace);
        proposal_write_add(&s->proposals[0], writer_bytes(&grace.package));
        person_release(&grace);
        forge.extra_external = writer_bytes(&s->proposals[0]);
        join_external(s, NODE_NONE, NULL);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(an_external_commit_replaces_no_extensions)
{
        proposal_write_group_context_extensions(&s->proposals[0], BYTES(NULL, 0));
        forge.extra_external = writer_bytes(&s->proposals[0]);
        join_external(s, NODE_NONE, NULL);
        refused_by(s, CHECK_LIST, -EBADMSG);
}

RULE(an_external_committer_takes_out_only_itself)
{
        join_external(s, CAROL, &(struct group_host){ .same_client = same_client });
        refused(s, -EBADMSG);
        s->host.same_client = same_client;
        assert_int_equal(receive(s), 0);
}

RULE(an_external_commit_s_signature_must_hold)
{
        forge.bad_signature = true;
        join_external(s, NODE_NONE, NULL);
        refused(s, -EBADMSG);
}

/* §11, §12.4.3.1: Welcome. */

RULE(a_group_info_s_signature_must_hold)
{
        forge.bad_info_signature = true;
        invite(s, false);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EBADMSG);
}

RULE(a_welcome_s_confirmation_tag_must_hold)
{
        forge.bad_confirmation_tag = true;
        invite(s, false);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EBADMSG);
}

RULE(a_welcome_is_for_a_key_package_of_ours)
{
        struct person grace;

        person_make(s->frank.suite, "frank", &grace);
        invite(s, false);
        person_release(&s->frank);
        s->frank = grace;
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -ENOENT);
}

RULE(a_tree_has_the_context_s_hash)
{
        _cleanup_writer_ struct writer tree = WRITER_INIT;

        invite(s, true);
        ratchet_tree_write(&group_epoch(s->people[ALICE].group)->tree, &tree); /* before Frank */
        assert_int_equal(join_with(s, writer_bytes(&tree), NULL), -EBADMSG);
}

static const struct group *group_of_alice(void *userdata, struct bytes group_id)
{
        return userdata;
}

RULE(a_group_is_not_joined_twice)
{
        struct group_host host = { .group = group_of_alice, .userdata = s->people[ALICE].group };

        invite(s, false);
        assert_int_equal(join_with(s, BYTES(NULL, 0), &host), -EEXIST);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), 0);
}

RULE(a_joiner_can_do_the_group_s_extensions)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        struct bytes values[1], package = writer_bytes(&s->frank.package);

        write_u16(&extensions, 0xff01);
        write_vector(&extensions, BYTES(NULL, 0));
        proposal_write_group_context_extensions(&s->proposals[0], writer_bytes(&extensions));
        values[0] = writer_bytes(&s->proposals[0]);
        commit(s, &(struct group_change){ .add = &package, .add_count = 1, .proposals = values, .proposal_count = 1 });
        forge_end();
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EPROTONOSUPPORT);
}

/* A tree as wide as a message may be, with hardly anybody in it, costs neither memory nor hashes. */
RULE(a_tree_is_not_much_wider_than_its_nodes_justify)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        _cleanup_(ratchet_tree_release) struct ratchet_tree tree = { 0 };
        struct key_package k = package_of(&s->frank);
        size_t mark = writer_open_vector(&list);
        struct reader r;

        for (unsigned i = 0; i < 1 << 20; i++)
                write_optional(&list, false);
        write_optional(&list, true);
        write_u8(&list, 1);
        write_fixed(&list, k.leaf.encoded);
        writer_close_vector(&list, mark);
        reader_init(&r, writer_bytes(&list));
        assert_int_equal(ratchet_tree_read(s->frank.suite, &r, &tree), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signature_must_hold),
                cmocka_unit_test(a_public_message_s_signature_must_hold),
                cmocka_unit_test(a_membership_tag_must_hold),
                cmocka_unit_test(a_confirmation_tag_must_hold),
                cmocka_unit_test(a_message_is_for_its_group),
                cmocka_unit_test(a_commit_is_for_the_current_epoch),
                cmocka_unit_test(a_message_of_an_epoch_to_come_waits),
                cmocka_unit_test(a_member_sends_from_a_leaf_that_is_not_blank),
                cmocka_unit_test(a_member_sends_under_its_own_name),
                cmocka_unit_test(nobody_proposes_from_outside_without_the_extension),
                cmocka_unit_test(an_external_sender_stands_in_the_extension),
                cmocka_unit_test(an_external_sender_signs_with_its_key),
                cmocka_unit_test(an_external_sender_is_allowed_by_the_application),
                cmocka_unit_test(an_external_sender_proposes_no_update),
                cmocka_unit_test(an_external_sender_proposes_no_external_init),
                cmocka_unit_test(a_new_member_proposes_only_to_be_added),
                cmocka_unit_test(a_new_member_signs_with_its_own_key),
                cmocka_unit_test(a_key_package_is_of_the_group_s_suite),
                cmocka_unit_test(a_key_package_is_of_the_group_s_version),
                cmocka_unit_test(a_key_package_s_signature_must_hold),
                cmocka_unit_test(a_key_package_s_leaf_s_signature_must_hold),
                cmocka_unit_test(an_init_key_is_not_the_encryption_key),
                cmocka_unit_test(a_key_package_s_leaf_is_from_a_key_package),
                cmocka_unit_test(an_update_s_leaf_is_from_an_update),
                cmocka_unit_test(an_update_brings_a_new_encryption_key),
                cmocka_unit_test(a_removal_is_of_somebody_who_is_there),
                cmocka_unit_test(a_psk_s_nonce_has_nh_bytes),
                cmocka_unit_test(a_reinit_psk_is_no_proposal),
                cmocka_unit_test(a_branch_psk_is_no_proposal),
                cmocka_unit_test(a_reinit_lowers_no_version),
                cmocka_unit_test(an_external_init_is_no_proposal_of_a_member),
                cmocka_unit_test(extensions_require_what_all_can_do),
                cmocka_unit_test(extensions_are_such_as_all_can_do),
                cmocka_unit_test(no_extension_stands_twice),
                cmocka_unit_test(a_committer_does_not_commit_its_own_update),
                cmocka_unit_test(a_leaf_is_not_updated_and_removed),
                cmocka_unit_test(a_client_is_not_added_twice),
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
                cmocka_unit_test(a_leaf_s_credential_is_of_a_type_that_all_can_do),
                cmocka_unit_test(a_leaf_can_do_the_credential_types_of_all),
                cmocka_unit_test(a_chain_of_certificates_is_well_formed),
                cmocka_unit_test(a_signature_key_is_nobody_else_s),
                cmocka_unit_test(an_encryption_key_is_nobody_else_s),
                cmocka_unit_test(an_encryption_key_is_one_of_the_suite),
                cmocka_unit_test(a_new_credential_succeeds_the_old_one),
                cmocka_unit_test(an_external_commit_has_an_external_init),
                cmocka_unit_test(an_external_commit_has_one_external_init),
                cmocka_unit_test(an_external_commit_removes_one_leaf_at_most),
                cmocka_unit_test(an_external_commit_adds_nobody),
                cmocka_unit_test(an_external_commit_replaces_no_extensions),
                cmocka_unit_test(an_external_committer_takes_out_only_itself),
                cmocka_unit_test(an_external_commit_s_signature_must_hold),
                cmocka_unit_test(a_group_info_s_signature_must_hold),
                cmocka_unit_test(a_welcome_s_confirmation_tag_must_hold),
                cmocka_unit_test(a_welcome_is_for_a_key_package_of_ours),
                cmocka_unit_test(a_tree_has_the_context_s_hash),
                cmocka_unit_test(a_group_is_not_joined_twice),
                cmocka_unit_test(a_joiner_can_do_the_group_s_extensions),
                cmocka_unit_test(a_tree_is_not_much_wider_than_its_nodes_justify),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

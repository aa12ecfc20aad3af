/* Of proposals, from outside and from members: what a receiver must refuse (docs/mls-validity.md, scene.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/scene.h"

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

/* required_capabilities for one type, in one of the three lists. */
static void require(struct writer *out, unsigned list, uint16_t type)
{
        _cleanup_writer_ struct writer required = WRITER_INIT, extensions = WRITER_INIT;

        for (unsigned i = 0; i < 3; i++) {
                size_t mark = writer_open_vector(&required);

                if (i == list)
                        write_u16(&required, type);
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
                require(&s->proposals[0], list, 0xff01);
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

/* The first of a list that is reserved to mean nothing (§13.5). */
static uint16_t grease_in(struct bytes list)
{
        struct reader r;
        uint16_t value = 0;

        reader_init(&r, list);
        while (reader_more(&r) && (value & 0x0f0f) != 0x0a0a)
                value = read_u16(&r);
        assert_int_equal(value & 0x0f0f, 0x0a0a);
        return value;
}

static void grace_may_not_commit(struct person *grace, const struct writer *proposal)
{
        const struct bytes value = writer_bytes(proposal);
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;

        assert_int_equal(group_commit(grace->group, &(struct group_change){ .proposals = &value, .proposal_count = 1 },
                                      NULL, &message, &welcome),
                         -EPROTONOSUPPORT);
}

/* A leaf lists some of the values, so that they look as if all members could do them; we cannot. */
RULE(a_reserved_value_is_supported_by_nobody)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        const struct capabilities *c;
        struct person grace;

        person_make(s->frank.suite, "grace", &grace);
        create(s->frank.suite, &grace);
        c = &ratchet_tree_leaf(&group_epoch(grace.group)->tree, 0)->capabilities;
        write_u16(&extensions, grease_in(c->extensions));
        write_vector(&extensions, BYTES(NULL, 0));
        proposal_write_group_context_extensions(&s->proposals[0], writer_bytes(&extensions));
        grace_may_not_commit(&grace, &s->proposals[0]);
        for (unsigned list = 0; list < 3; list++) {
                writer_release(&s->proposals[0]);
                require(&s->proposals[0], list,
                        grease_in(list == 0   ? c->extensions
                                  : list == 1 ? c->proposals
                                              : c->credentials));
                grace_may_not_commit(&grace, &s->proposals[0]);
        }
        person_release(&grace);
}

static uint16_t credential_type;

static void with_a_reserved_credential_type(struct leaf_node *leaf)
{
        leaf->credential.type = credential_type;
}

RULE(a_credential_is_of_no_reserved_type)
{
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;
        struct person grace;

        person_make(s->frank.suite, "grace", &grace);
        create(s->frank.suite, &grace);
        credential_type = grease_in(ratchet_tree_leaf(&group_epoch(grace.group)->tree, 0)->capabilities.credentials);
        forge.leaf = with_a_reserved_credential_type;
        assert_int_equal(group_commit(grace.group, &(struct group_change){ 0 }, NULL, &message, &welcome),
                         -EPROTONOSUPPORT);
        person_release(&grace);
}

static int refuse_extensions(void *userdata, struct bytes extensions)
{
        return extensions.size > 0 ? -EKEYREJECTED : 0;
}

/* §5.3.1: who may propose from outside is for the application to judge, in a commit and in a group that is joined. */
RULE(the_application_judges_new_extensions)
{
        const struct group_host host = { .extensions = refuse_extensions };
        struct bytes package = writer_bytes(&s->frank.package);

        require(&s->proposals[0], 3, 0);
        s->host = host;
        commit_values(s, false);
        refused(s, -EKEYREJECTED);
        s->host = (struct group_host){ 0 };
        assert_int_equal(receive(s), 0);
        assert_int_equal(process(&s->people[CAROL], writer_bytes(&s->message)), 0);
        writer_release(&s->message);
        assert_int_equal(group_commit(s->people[BOB].group, &(struct group_change){ .add = &package, .add_count = 1 },
                                      &host, &s->message, &s->welcome),
                         0);
        assert_int_equal(join_with(s, BYTES(NULL, 0), &host), -EKEYREJECTED);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), 0);
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

/* However many there are. */
RULE(no_extension_of_many_stands_twice)
{
        for (uint16_t again = 0; again < 40; again += 13) {
                _cleanup_writer_ struct writer extensions = WRITER_INIT;

                for (uint16_t type = 0; type < 40; type++) {
                        write_u16(&extensions, type);
                        write_vector(&extensions, BYTES(NULL, 0));
                }
                assert_int_equal(extensions_check(writer_bytes(&extensions)), 0);
                write_u16(&extensions, again);
                write_vector(&extensions, BYTES(NULL, 0));
                assert_int_equal(extensions_check(writer_bytes(&extensions)), -EBADMSG);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
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
                cmocka_unit_test(a_reserved_value_is_supported_by_nobody),
                cmocka_unit_test(a_credential_is_of_no_reserved_type),
                cmocka_unit_test(the_application_judges_new_extensions),
                cmocka_unit_test(no_extension_stands_twice),
                cmocka_unit_test(no_extension_of_many_stands_twice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

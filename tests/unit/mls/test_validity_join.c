/* Of external commits and of Welcomes: what a receiver must refuse (docs/mls-validity.md, scene.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "services/seal.h"
#include "tests/unit/mls/scene.h"

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

RULE(an_external_init_is_an_encapsulated_secret)
{
        forge.no_external_init = true;
        __real_proposal_write_external_init(&s->proposals[0], BYTES_STRING("kem"));
        forge.extra_external = writer_bytes(&s->proposals[0]);
        join_external(s, NODE_NONE, NULL);
        refused(s, -EBADMSG);
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

RULE(a_welcome_is_of_the_key_package_s_suite)
{
        invite(s, false);
        s->welcome.data[5] = 3; /* after version and wire format */
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EPROTONOSUPPORT);
}

/* A Welcome of suite 1 around the GroupInfo of a group in the suite @id, as it is opened. */
static int open_group_info(uint16_t id)
{
        const struct suite *s = suite_by_id(1), *other = suite_by_id(id);
        _cleanup_writer_ struct writer public_key = WRITER_INIT, info = WRITER_INIT, made = WRITER_INIT,
                                       plain = WRITER_INIT;
        _cleanup_secret_ struct secret *private_key = suite_signature_generate(other, &public_key);
        _cleanup_secret_ struct secret *joiner_secret = secret_random(s->hash_size), *psk = psk_secret(s, NULL, 0);
        _cleanup_signature_key_ struct signature_key *key = NULL;
        _cleanup_(group_context_release) struct group_context context = { 0 };
        _cleanup_(group_info_release) struct group_info opened = { 0 };
        const uint8_t hash[SUITE_HASH_MAX] = { 0 };
        struct bytes hash_of = BYTES(hash, other->hash_size);
        struct welcome welcome;
        struct reader r;

        assert_int_equal(signature_key_new(other, private_key, &key), 0);
        assert_int_equal(
                group_context_make(other, BYTES_STRING("group"), 1, hash_of, hash_of, BYTES(NULL, 0), &context), 0);
        assert_int_equal(group_info_write(&context, BYTES(NULL, 0), hash_of, 0, key, &info), 0);
        assert_int_equal(welcome_write(s, joiner_secret, psk, BYTES(NULL, 0), writer_bytes(&info),
                                       &(struct welcome_recipient){ 0 }, 0, 1, &made),
                         0);
        reader_init(&r, writer_bytes(&made));
        assert_int_equal(welcome_read(&r, &welcome), 0);
        return welcome_open_group_info(&welcome, joiner_secret, psk, &plain, &opened);
}

RULE(a_group_info_is_of_the_welcome_s_suite)
{
        assert_int_equal(open_group_info(3), -EBADMSG);
        assert_int_equal(open_group_info(1), 0);
}

RULE(a_tree_has_the_context_s_hash)
{
        _cleanup_writer_ struct writer tree = WRITER_INIT;

        invite(s, true);
        ratchet_tree_write(&group_epoch(s->people[ALICE].group)->tree, &tree); /* before Frank */
        assert_int_equal(join_with(s, writer_bytes(&tree), NULL), -EBADMSG);
}

/* The group of Alice as if it stood in another epoch. */
static void set_epoch(struct scene *s, uint64_t epoch)
{
        struct group_context *c = (struct group_context *) &group_epoch(s->people[ALICE].group)->context, far;

        assert_int_equal(group_context_make(c->suite, c->group_id, epoch, c->tree_hash, c->confirmed_transcript_hash,
                                            c->extensions, &far),
                         0);
        group_context_release(c);
        *c = far;
}

RULE(an_epoch_is_not_near_the_last)
{
        set_epoch(s, UINT64_MAX - 2);
        invite(s, false);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), -EBADMSG);
        set_epoch(s, INT64_MAX - 1);
        writer_release(&s->welcome);
        invite(s, false);
        assert_int_equal(join_with(s, BYTES(NULL, 0), NULL), 0);
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

/* A node as it stands in a tree: a leaf, or a parent with these unmerged leaves; or a blank one. */
static void write_leaf(struct writer *w, const struct scene *s)
{
        struct key_package k = package_of(&s->frank);

        write_optional(w, true);
        write_u8(w, 1);
        write_fixed(w, k.leaf.encoded);
}

static void write_parent(struct writer *w, uint32_t first, uint32_t second)
{
        size_t mark;

        write_optional(w, true);
        write_u8(w, 2);
        write_vector(w, BYTES_STRING("key"));
        write_vector(w, BYTES(NULL, 0));
        mark = writer_open_vector(w);
        write_u32(w, first);
        write_u32(w, second);
        writer_close_vector(w, mark);
}

static int read_tree(const struct scene *s, const struct writer *nodes)
{
        _cleanup_(ratchet_tree_release) struct ratchet_tree tree = { 0 };
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct reader r;

        write_vector(&list, writer_bytes(nodes));
        reader_init(&r, writer_bytes(&list));
        return ratchet_tree_read(s->frank.suite, &r, &tree);
}

RULE(a_tree_does_not_end_in_a_blank_node)
{
        _cleanup_writer_ struct writer nodes = WRITER_INIT;

        write_leaf(&nodes, s);
        assert_int_equal(read_tree(s, &nodes), 0);
        write_optional(&nodes, false);
        write_optional(&nodes, false);
        assert_int_equal(read_tree(s, &nodes), -EBADMSG);
}

RULE(a_tree_has_leaves_and_parents_in_their_places)
{
        _cleanup_writer_ struct writer leaves = WRITER_INIT, parents = WRITER_INIT;

        for (unsigned i = 0; i < 3; i++)
                write_leaf(&leaves, s);
        assert_int_equal(read_tree(s, &leaves), -EBADMSG);
        for (unsigned i = 0; i < 3; i++)
                write_parent(&parents, 0, 1);
        assert_int_equal(read_tree(s, &parents), -EBADMSG);
}

RULE(unmerged_leaves_stand_in_order_and_once)
{
        for (uint32_t second = 3; second-- > 0;) {
                _cleanup_writer_ struct writer nodes = WRITER_INIT;

                write_leaf(&nodes, s);
                write_parent(&nodes, 1, second);
                write_leaf(&nodes, s);
                assert_int_equal(read_tree(s, &nodes), second > 1 ? 0 : -EBADMSG);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_external_commit_has_an_external_init),
                cmocka_unit_test(an_external_commit_has_one_external_init),
                cmocka_unit_test(an_external_init_is_an_encapsulated_secret),
                cmocka_unit_test(an_external_commit_removes_one_leaf_at_most),
                cmocka_unit_test(an_external_commit_adds_nobody),
                cmocka_unit_test(an_external_commit_replaces_no_extensions),
                cmocka_unit_test(an_external_committer_takes_out_only_itself),
                cmocka_unit_test(an_external_commit_s_signature_must_hold),
                cmocka_unit_test(a_group_info_s_signature_must_hold),
                cmocka_unit_test(a_welcome_s_confirmation_tag_must_hold),
                cmocka_unit_test(a_welcome_is_for_a_key_package_of_ours),
                cmocka_unit_test(a_welcome_is_of_the_key_package_s_suite),
                cmocka_unit_test(a_group_info_is_of_the_welcome_s_suite),
                cmocka_unit_test(a_tree_has_the_context_s_hash),
                cmocka_unit_test(an_epoch_is_not_near_the_last),
                cmocka_unit_test(a_group_is_not_joined_twice),
                cmocka_unit_test(a_joiner_can_do_the_group_s_extensions),
                cmocka_unit_test(a_tree_is_not_much_wider_than_its_nodes_justify),
                cmocka_unit_test(a_tree_does_not_end_in_a_blank_node),
                cmocka_unit_test(a_tree_has_leaves_and_parents_in_their_places),
                cmocka_unit_test(unmerged_leaves_stand_in_order_and_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

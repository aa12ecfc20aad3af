/* What a receiver must refuse, continued (scene.h): groups that continue another one or branch off from it
 * (RFC 9420 §11.2, §11.3, §12.4.3.1). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/mls/group_state.h"
#include "services/cleanup.h"
#include "tests/unit/mls/scene.h"

/* The same people with new keys, for the group to come. */
static struct person next[PRESENT];
static struct bytes packages[PRESENT];

static void renew(const struct scene *s, uint16_t suite)
{
        for (unsigned i = 0; i < PRESENT; i++) {
                person_make(suite_by_id(suite), s->people[i].name, &next[i]);
                packages[i] = writer_bytes(&next[i].package);
        }
}

/* What a ReInit asks for. */
struct asked {
        const char *group_id;
        uint16_t version, cipher_suite;
        struct bytes extensions;
};

static const struct asked what_comes = { "next", PROTOCOL_MLS10, 1, { NULL, 0 } };

static void write_reinit(const struct asked *a, struct writer *out)
{
        write_u16(out, PROPOSAL_REINIT);
        write_vector(out, BYTES_STRING(a->group_id));
        write_u16(out, a->version);
        write_u16(out, a->cipher_suite);
        write_vector(out, a->extensions);
}

/* The group ends with a ReInit that asks for @asked; and Alice, who has forgotten, believes that it was for what comes.
 */
static void end_group(struct scene *s, const struct asked *asked)
{
        _cleanup_writer_ struct writer believed = WRITER_INIT;
        struct bytes value;
        struct epoch *e;

        write_reinit(asked, &s->proposals[0]);
        value = writer_bytes(&s->proposals[0]);
        assert_int_equal(
                group_commit(s->people[ALICE].group,
                             &(struct group_change){ .proposals = &value, .proposal_count = 1, .without_path = true },
                             NULL, &s->message, &s->welcome),
                0);
        group_merge_pending(s->people[ALICE].group);
        assert_int_equal(receive(s), 0);
        e = s->people[ALICE].group->current;
        write_reinit(&what_comes, &believed);
        free((void *) e->reinit.data);
        e->reinit = BYTES(malloc(believed.size), believed.size);
        assert_non_null(e->reinit.data);
        memcpy((void *) e->reinit.data, believed.data, believed.size);
}

static void continue_group(struct scene *s)
{
        struct key_package k = package_of(&next[ALICE]);

        assert_int_equal(group_continue(s->people[ALICE].group, k.leaf.encoded,
                                        secret_copy(secret_bytes(next[ALICE].keys.leaf_key)),
                                        secret_copy(secret_bytes(next[ALICE].signature_key)),
                                        &(struct group_change){ .add = packages + BOB, .add_count = PRESENT - 1 }, NULL,
                                        &s->welcome, &next[ALICE].group),
                         0);
}

static const struct group *old_group(void *userdata, struct bytes group_id)
{
        const struct group *g = userdata;

        return bytes_equal(group_epoch(g)->context.group_id, group_id) ? g : NULL;
}

static int join_next(struct scene *s)
{
        struct joiner joiner = { packages[BOB], next[BOB].keys.init_key, next[BOB].keys.leaf_key };
        struct group_host host = { .group = old_group, .userdata = s->people[BOB].group };

        return group_join(writer_bytes(&s->welcome), &joiner, BYTES(NULL, 0),
                          secret_copy(secret_bytes(next[BOB].signature_key)), &host, &next[BOB].group);
}

/* Bob does not join, his old group is as it was; without this check he joins. */
static void not_joined(struct scene *s, int error)
{
        _cleanup_writer_ struct writer before = state_of(&s->people[BOB]), after = WRITER_INIT;

        forge_end();
        assert_int_equal(join_next(s), error);
        assert_null(next[BOB].group);
        after = state_of(&s->people[BOB]);
        assert_true(bytes_equal(writer_bytes(&before), writer_bytes(&after)));
}

static void not_joined_by_link(struct scene *s)
{
        not_joined(s, -EBADMSG);
        forge.off = CHECK_LINK;
        assert_int_equal(join_next(s), 0);
        assert_agreed(&next[ALICE], &next[BOB]);
        people_release(next, PRESENT);
}

static void refuse_continuation(struct scene *s, const struct asked *asked)
{
        renew(s, 1);
        end_group(s, asked);
        continue_group(s);
        not_joined_by_link(s);
}

RULE(a_continuation_is_what_the_reinit_asked_for)
{
        renew(s, 1);
        end_group(s, &what_comes);
        continue_group(s);
        assert_int_equal(join_next(s), 0);
        assert_agreed(&next[ALICE], &next[BOB]);
        people_release(next, PRESENT);
}

RULE(a_continuation_has_the_reinit_s_group_id)
{
        refuse_continuation(s, &(struct asked){ "another", PROTOCOL_MLS10, 1, { NULL, 0 } });
}

RULE(a_continuation_has_the_reinit_s_version)
{
        refuse_continuation(s, &(struct asked){ "next", PROTOCOL_MLS10 + 1, 1, { NULL, 0 } });
}

RULE(a_continuation_has_the_reinit_s_suite)
{
        refuse_continuation(s, &(struct asked){ "next", PROTOCOL_MLS10, 3, { NULL, 0 } });
}

RULE(a_continuation_has_the_reinit_s_extensions)
{
        static const uint8_t extensions[] = { 0, EXTENSION_APPLICATION_ID, 0 };

        refuse_continuation(s, &(struct asked){ "next", PROTOCOL_MLS10, 1, BYTES_OF(extensions) });
}

static void of_the_epoch_before(struct psk_id *psk)
{
        psk->epoch--;
}

RULE(a_continuation_follows_the_last_epoch)
{
        renew(s, 1);
        end_group(s, &what_comes);
        forge.psk = of_the_epoch_before;
        continue_group(s);
        not_joined_by_link(s);
}

RULE(a_continuation_follows_a_reinit)
{
        renew(s, 1);
        end_group(s, &what_comes);
        continue_group(s);
        /* Bob's group has not ended. */
        free((void *) s->people[BOB].group->current->reinit.data);
        s->people[BOB].group->current->reinit = BYTES(NULL, 0);
        not_joined_by_link(s);
}

/* Alice's new group, with nobody else in it yet. */
static void start_alone(const struct suite *suite)
{
        struct key_package k = package_of(&next[ALICE]);

        assert_int_equal(group_create(suite, BYTES_STRING("next"), k.leaf.encoded,
                                      secret_copy(secret_bytes(next[ALICE].keys.leaf_key)),
                                      secret_copy(secret_bytes(next[ALICE].signature_key)), BYTES(NULL, 0),
                                      &next[ALICE].group),
                         0);
}

/* She adds Bob, with PSKs that link the group to the old one, whatever epoch the new one is in. */
static void link_groups(struct scene *s, enum resumption_psk_usage usage, size_t count)
{
        const struct group *old = s->people[ALICE].group;
        const struct psk_id psk = { .type = PSK_RESUMPTION,
                                    .usage = usage,
                                    .group_id = old->current->context.group_id,
                                    .epoch = old->current->context.epoch };
        struct psk_id psks[2] = { psk, psk };
        struct group_change change = { .add = packages + BOB, .add_count = 1, .psks = psks, .psk_count = count };
        _cleanup_writer_ struct writer values = WRITER_INIT;
        _cleanup_(commit_draft_release) struct commit_draft d = { 0 };

        assert_int_equal(group_draft_commit(next[ALICE].group, &change, NULL, old, &values, &d), 0);
        assert_int_equal(commit_draft_welcome(&d, true, &s->welcome), 0);
        group_advance(next[ALICE].group, TAKE(d.next));
}

RULE(a_linked_group_is_in_its_first_epoch)
{
        renew(s, 1);
        start_alone(suite_by_id(1));
        assert_int_equal(group_commit(next[ALICE].group, &(struct group_change){ 0 }, NULL, &s->message, &s->welcome),
                         0);
        group_merge_pending(next[ALICE].group);
        link_groups(s, RESUMPTION_BRANCH, 1);
        not_joined_by_link(s);
}

RULE(a_branch_has_the_group_s_suite)
{
        renew(s, 3);
        start_alone(suite_by_id(3));
        link_groups(s, RESUMPTION_BRANCH, 1);
        not_joined_by_link(s);
}

RULE(a_group_is_linked_by_one_psk)
{
        const struct secret *value = s->people[ALICE].group->current->schedule.resumption_psk;

        renew(s, 1);
        start_alone(suite_by_id(1));
        forge.any_psk = value;
        link_groups(s, RESUMPTION_BRANCH, 2);
        not_joined(s, -ENOKEY);
        forge.any_psk = value; /* the old group's, which is Bob's too */
        assert_int_equal(join_next(s), 0);
        assert_agreed(&next[ALICE], &next[BOB]);
        people_release(next, PRESENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_continuation_is_what_the_reinit_asked_for),
                cmocka_unit_test(a_continuation_has_the_reinit_s_group_id),
                cmocka_unit_test(a_continuation_has_the_reinit_s_version),
                cmocka_unit_test(a_continuation_has_the_reinit_s_suite),
                cmocka_unit_test(a_continuation_has_the_reinit_s_extensions),
                cmocka_unit_test(a_continuation_follows_the_last_epoch),
                cmocka_unit_test(a_continuation_follows_a_reinit),
                cmocka_unit_test(a_linked_group_is_in_its_first_epoch),
                cmocka_unit_test(a_branch_has_the_group_s_suite),
                cmocka_unit_test(a_group_is_linked_by_one_psk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

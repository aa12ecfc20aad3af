/* Which of the proposals that came a commit of our own refers to: one that nobody could follow does not stand in the
 * way of the others until the epoch ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/scene.h"

static struct left_out {
        unsigned count;
        enum proposal_type type;
        uint32_t sender;
        int error;
} left_out;

static void note(void *userdata, const struct proposal *proposal, uint32_t sender, int error)
{
        left_out = (struct left_out){ left_out.count + 1, proposal->type, sender, error };
}

/* Carol proposes the removal of Alice, which is good, and what her message says, which is not. */
static void carol_proposes(struct scene *s, struct writer *message)
{
        _cleanup_writer_ struct writer removal = WRITER_INIT, good = WRITER_INIT;

        forge_end();
        assert_int_equal(process(&s->people[BOB], writer_bytes(message)), 0);
        proposal_write_remove(&removal, ALICE);
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&removal), BYTES(NULL, 0), NULL, &good), 0);
        assert_int_equal(process(&s->people[BOB], writer_bytes(&good)), 0);
}

/* Bob commits what fits, and Carol follows. */
static void bob_leaves_out(struct scene *s, enum proposal_type type, int error)
{
        const struct group_change all = { .cached = true };
        _cleanup_writer_ struct writer welcome = WRITER_INIT;

        left_out = (struct left_out){ 0 };
        s->host.left_out = note;
        writer_release(&s->message);
        assert_int_equal(group_commit(s->people[BOB].group, &all, &s->host, &s->message, &welcome), 0);
        assert_int_equal(left_out.count, 1);
        assert_int_equal(left_out.type, type);
        assert_int_equal(left_out.sender, CAROL);
        assert_int_equal(left_out.error, error);
        group_merge_pending(s->people[BOB].group);
        assert_int_equal(process(&s->people[CAROL], writer_bytes(&s->message)), 0);
        assert_agreed(&s->people[BOB], &s->people[CAROL]);
        assert_null(ratchet_tree_leaf(&group_epoch(s->people[BOB].group)->tree, ALICE));
}

static void without_versions(struct leaf_node *leaf)
{
        leaf->capabilities.versions = BYTES(NULL, 0);
}

RULE(an_update_that_breaks_a_rule_is_left_out)
{
        forge.off = CHECK_ALL;
        forge.leaf = without_versions;
        assert_int_equal(group_propose_update(s->people[CAROL].group, NULL, BYTES(NULL, 0), NULL, &s->message), 0);
        carol_proposes(s, &s->message);
        bob_leaves_out(s, PROPOSAL_UPDATE, -EPROTONOSUPPORT);
}

RULE(somebody_who_is_there_is_not_added)
{
        proposal_write_add(&s->proposals[0], writer_bytes(&s->people[BOB].package));
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
        carol_proposes(s, &s->message);
        bob_leaves_out(s, PROPOSAL_ADD, -EBADMSG);
}

RULE(somebody_whose_time_is_over_is_not_added)
{
        proposal_write_add(&s->proposals[0], writer_bytes(&s->frank.package));
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
        carol_proposes(s, &s->message);
        s->host.now = LIFETIME + 1;
        bob_leaves_out(s, PROPOSAL_ADD, -ESTALE);
}

static int refuse_frank(void *userdata, const struct leaf_node *leaf)
{
        return bytes_equal(leaf->credential.content, BYTES_STRING("frank")) ? -EKEYREJECTED : 0;
}

RULE(somebody_whom_the_application_refuses_is_not_added)
{
        proposal_write_add(&s->proposals[0], writer_bytes(&s->frank.package));
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
        carol_proposes(s, &s->message);
        s->host.credential = refuse_frank;
        bob_leaves_out(s, PROPOSAL_ADD, -EKEYREJECTED);
}

RULE(a_psk_that_is_not_known_is_left_out)
{
        const struct psk_id psk = { .type = PSK_EXTERNAL, .external_id = BYTES_STRING("unheard of") };

        assert_int_equal(group_propose_psk(s->people[CAROL].group, &psk, BYTES(NULL, 0), NULL, &s->message), 0);
        carol_proposes(s, &s->message);
        bob_leaves_out(s, PROPOSAL_PSK, -ENOKEY);
}

RULE(extensions_that_not_all_can_do_are_left_out)
{
        static const uint8_t unknown[] = { 0xf0, 0x0f, 0 };

        proposal_write_group_context_extensions(&s->proposals[0], BYTES_OF(unknown));
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
        carol_proposes(s, &s->message);
        bob_leaves_out(s, PROPOSAL_GROUP_CONTEXT_EXTENSIONS, -EPROTONOSUPPORT);
}

static int refuse_extensions(void *userdata, struct bytes extensions)
{
        return -EKEYREJECTED;
}

RULE(extensions_that_the_application_refuses_are_left_out)
{
        static const uint8_t application_id[] = { 0, EXTENSION_APPLICATION_ID, 0 };

        proposal_write_group_context_extensions(&s->proposals[0], BYTES_OF(application_id));
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
        carol_proposes(s, &s->message);
        s->host.extensions = refuse_extensions;
        bob_leaves_out(s, PROPOSAL_GROUP_CONTEXT_EXTENSIONS, -EKEYREJECTED);
}

RULE(what_is_wrong_by_value_is_still_an_error)
{
        const struct bytes package = writer_bytes(&s->people[CAROL].package);
        _cleanup_writer_ struct writer welcome = WRITER_INIT;

        proposal_write_remove(&s->proposals[0], ALICE);
        assert_int_equal(group_propose(s->people[CAROL].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
        assert_int_equal(process(&s->people[BOB], writer_bytes(&s->message)), 0);
        assert_int_equal(group_commit(s->people[BOB].group,
                                      &(struct group_change){ .add = &package, .add_count = 1, .cached = true }, NULL,
                                      &s->message, &welcome),
                         -EBADMSG);
        assert_false(group_has_pending(s->people[BOB].group));
        assert_int_equal(welcome.size, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_update_that_breaks_a_rule_is_left_out),
                cmocka_unit_test(somebody_who_is_there_is_not_added),
                cmocka_unit_test(somebody_whose_time_is_over_is_not_added),
                cmocka_unit_test(somebody_whom_the_application_refuses_is_not_added),
                cmocka_unit_test(a_psk_that_is_not_known_is_left_out),
                cmocka_unit_test(extensions_that_not_all_can_do_are_left_out),
                cmocka_unit_test(extensions_that_the_application_refuses_are_left_out),
                cmocka_unit_test(what_is_wrong_by_value_is_still_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

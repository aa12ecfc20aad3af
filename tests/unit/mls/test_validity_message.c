/* Of messages, whoever sends them: what a receiver must refuse (docs/mls-validity.md, scene.h). */
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

RULE(a_message_is_of_the_version)
{
        for (unsigned public = 0; public < 2; public ++) {
                writer_release(&s->message);
                commit(s, &(struct group_change){ .framing = { .public = public } });
                s->message.data[1] = PROTOCOL_MLS10 + 1;
                refused(s, -EBADMSG);
                s->message.data[1] = PROTOCOL_MLS10;
        }
        assert_int_equal(receive(s), 0);
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

/* §6.3.1, §9.2: an application message, and a proposal of either framing. */
RULE(a_message_is_taken_once)
{
        for (unsigned i = 0; i < 3; i++) {
                writer_release(&s->message);
                writer_release(&s->proposals[0]);
                proposal_write_remove(&s->proposals[0], CAROL);
                if (i == 0)
                        protect(&s->people[ALICE], "once", &s->message);
                else
                        assert_int_equal(group_propose(s->people[ALICE].group, writer_bytes(&s->proposals[0]),
                                                       BYTES(NULL, 0), &(struct group_framing){ .public = i == 2 },
                                                       &s->message),
                                         0);
                assert_int_equal(receive(s), 0);
                refused(s, -EALREADY);
        }
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signature_must_hold),
                cmocka_unit_test(a_public_message_s_signature_must_hold),
                cmocka_unit_test(a_membership_tag_must_hold),
                cmocka_unit_test(a_confirmation_tag_must_hold),
                cmocka_unit_test(a_message_is_of_the_version),
                cmocka_unit_test(a_message_is_for_its_group),
                cmocka_unit_test(a_commit_is_for_the_current_epoch),
                cmocka_unit_test(a_message_of_an_epoch_to_come_waits),
                cmocka_unit_test(a_message_is_taken_once),
                cmocka_unit_test(a_member_sends_from_a_leaf_that_is_not_blank),
                cmocka_unit_test(a_member_sends_under_its_own_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

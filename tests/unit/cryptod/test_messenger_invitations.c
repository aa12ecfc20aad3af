/* Groups that are joined by a link, and come back into by who has lost them: who is let in, who is not, and that all
 * members agree on it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/healing.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_healing.h"
#include "cryptod/conversation/messenger_invitation.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "messenger_hub.h"
#include "services/cleanup.h"

static uint64_t in(unsigned seconds)
{
        return notice_time() / 1000000 + seconds;
}

static unsigned person_at(const char *address)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                if (strcmp(fixture->people[who].address, address) == 0)
                        return who;
        }
        fail();
        return 0;
}

/* What the daemon does while somebody looks for a way in. */
static void seek(unsigned who)
{
        char address[ADDRESS_TEXT_MAX];
        uint64_t wait;

        while (messenger_seek_entrance(fixture->people[who].messenger, address, &wait) == 1) {
                _cleanup_writer_ struct writer package = WRITER_INIT;
                struct conversation *c;

                person_claim(&fixture->people[person_at(address)], &package);
                assert_int_equal(
                        messenger_start(fixture->people[who].messenger, address, writer_bytes(&package), NOW, &c), 0);
        }
}

static void invite(unsigned who, unsigned seconds, uint32_t uses, char link[static CONTACT_LINK_MAX])
{
        assert_int_equal(messenger_invite(fixture->people[who].messenger, group_of(who), in(seconds), uses, link), 0);
}

static int follow(unsigned who, const char *link)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        const char *reason;

        assert_int_equal(invitation_link_read(link, &l, &reason), 0);
        return messenger_join_by_link(fixture->people[who].messenger, &l);
}

static void join(unsigned who, const char *link)
{
        assert_int_equal(follow(who, link), 0);
        seek(who);
        settle();
}

static unsigned count_invitations(unsigned who)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct invitation i;
        struct reader r;
        unsigned n = 0;

        assert_int_equal(messenger_invitations(fixture->people[who].messenger, group_of(who), &list), 0);
        for (reader_init(&r, writer_bytes(&list)); reader_more(&r); n++)
                invitation_read(&r, &i);
        return n;
}

/* The last remark in the conversation of two. */
static void assert_told(unsigned who, unsigned whom, const char *text)
{
        _cleanup_(message_release) struct message m = { 0 };
        struct person *p = &fixture->people[who];
        struct conversation *c = messenger_find_address(p->messenger, fixture->people[whom].address);

        assert_non_null(c);
        assert_int_equal(history_last(p->vault, conversation_id(c), &m), 1);
        assert_true(bytes_equal(m.content.text, BYTES_STRING(text)));
}

#define NOT_VALID "The invitation into a group is not valid any more; ask for a new one."

/* All of them are in the same epoch of the same group. */
static void assert_agreed(const char *members, unsigned count)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                struct membership *g =
                        fixture->people[who].messenger && group_of(who) ? group_of(who)->memberships : NULL;

                if (!g)
                        continue;
                count--;
                assert_members(who, members);
                assert_true(secret_equal(secret_bytes(group_epoch_authenticator(g->group)),
                                         secret_bytes(group_epoch_authenticator(group_of(0)->memberships->group))));
        }
        assert_int_equal(count, 0);
}

static void who_has_a_link_comes_in(void **state)
{
        char link[CONTACT_LINK_MAX];

        create(3);
        invite(0, 3600, 0, link);
        settle();
        assert_int_equal(count_invitations(2), 1);
        sign_up(3);
        join(3, link);
        say(3, "hello");
        say(1, "welcome");
        settle();
        assert_agreed("alice bob carol dave ", 4);
        assert_history(3, "* You joined “friends” by an invitation.|me: hello|bob: welcome|");
        assert_history(1, "* You were added to “friends”.|* dave joined.|me: welcome|dave: hello|");
        sign_up(4);
        person_restart(&fixture->people[0]);
        assert_int_equal(follow(4, link), 0);
        person_restart(&fixture->people[4]);
        seek(4);
        post(4);
        person_restart(&fixture->people[4]);
        settle();
        assert_agreed("alice bob carol dave erin ", 5);
        /* alice has no request of theirs, for they have asked for the group alone */
        for (const struct conversation *c = messenger_conversations(fixture->people[0].messenger); c; c = c->next)
                assert_int_not_equal(c->standing.approval, APPROVAL_REQUEST);
}

static void a_link_that_is_not_valid_opens_nothing(void **state)
{
        char link[CONTACT_LINK_MAX], old[CONTACT_LINK_MAX], *part;
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct invitation i;
        struct reader r;

        create(2);
        sign_up(3);
        assert_int_equal(messenger_invite(fixture->people[0].messenger, group_of(0), in(0), 0, link), -ERANGE);
        invite(0, 1, 0, old);
        invite(0, 3600, 0, link);
        settle();
        assert_int_equal(messenger_invitations(fixture->people[1].messenger, group_of(1), &list), 0);
        reader_init(&r, writer_bytes(&list));
        while (reader_more(&r)) /* the last one */
                invitation_read(&r, &i);
        part = strstr(old, "&until=");
        snprintf(part, 32, "&until=%llu", (unsigned long long) in(3600)); /* its holder says so */
        sleep(1);
        join(3, old);
        seek(3);
        assert_told(3, 0, NOT_VALID);
        assert_agreed("alice bob ", 2);
        part = strstr(link, "&join=") + 6 + 40; /* in the middle of the key */
        *part = *part == 'A' ? 'B' : 'A';
        join(3, link);
        seek(3);
        assert_told(3, 0, NOT_VALID);
        *part = 'A';
        assert_int_equal(messenger_revoke(fixture->people[1].messenger, group_of(1), i.id), 0);
        settle();
        assert_int_equal(count_invitations(0), 0);
        assert_int_equal(messenger_revoke(fixture->people[1].messenger, group_of(1), i.id), -ENOENT);
        join(3, link);
        seek(3);
        assert_told(3, 0, NOT_VALID);
        assert_agreed("alice bob ", 2);
}

static void a_link_for_one_is_for_one(void **state)
{
        char link[CONTACT_LINK_MAX];

        create(2);
        sign_up(2);
        sign_up(3);
        invite(0, 3600, 1, link);
        settle();
        assert_int_equal(follow(2, link), 0);
        assert_int_equal(follow(3, link), 0);
        for (unsigned who = 2; who < 4; who++)
                seek(who);
        for (unsigned i = 0; i < 4; i++) { /* both are on their way in the same epoch */
                for (unsigned who = 0; who < 4; who++)
                        post(who);
                for (unsigned who = 0; who < 4; who++)
                        fetch(who, false);
        }
        settle();
        for (unsigned i = 0; i < 2; i++) {
                seek(3);
                settle();
        }
        assert_told(3, 0, NOT_VALID);
        assert_int_equal(fixture->stale > 0, 1);
        assert_int_equal(count_invitations(1), 0);
        assert_members(0, "alice bob carol ");
        assert_members(2, "alice bob carol ");
}

static void whoever_is_removed_stays_out(void **state)
{
        char link[CONTACT_LINK_MAX], another[CONTACT_LINK_MAX];

        create(2);
        sign_up(2);
        invite(0, 3600, 0, link);
        settle();
        join(2, link);
        assert_agreed("alice bob carol ", 3);
        invite(0, 3600, 0, another);
        settle();
        remove_member(0, 2);
        settle();
        assert_members(1, "alice bob ");
        assert_int_equal(count_invitations(1), 0);
        join(2, link);
        seek(2);
        assert_told(2, 0, NOT_VALID);
        assert_members(1, "alice bob ");
        invite(0, 3600, 0, link); /* a new one is a new decision */
        settle();
        join(2, link);
        assert_agreed("alice bob carol ", 3);
}

static bool same(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        return true;
}

/* An external commit of @who's under @address, made past every client, with a GroupInfo that a member has leaked. */
static void force_in_as(unsigned who, const char *address, unsigned member, struct bytes proof)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, commit = WRITER_INIT, addresses = WRITER_INIT,
                                       credential = WRITER_INIT;
        const struct group_host host = { .same_client = same };
        struct membership *g = group_of(member)->memberships;
        struct group *joined = NULL;
        struct device *d = NULL;
        struct identity self;

        assert_int_equal(device_load(fixture->people[who].vault, &d), 0);
        self = device_identity(d, &d->places[0]);
        assert_int_equal(device_credential_write(d->suite, BYTES_STRING(address), writer_bytes(&d->root_key),
                                                 d->root_private_key, writer_bytes(&d->signature_key), &credential),
                         0);
        self.credential.content = writer_bytes(&credential);
        assert_int_equal(group_publish_info(g->group, true, &info), 0);
        assert_int_equal(group_join_external(&(struct external_join){ .group_info = writer_bytes(&info),
                                                                      .self = &self,
                                                                      .resync_same_key = true,
                                                                      .authenticated_data = proof },
                                             &host, &commit, &joined),
                         0);
        membership_addresses(g, &addresses);
        inject(who, membership_group_id(g), membership_epoch(g), writer_bytes(&addresses), writer_bytes(&commit));
        group_free(joined);
        device_free(d);
}

static void force_in(unsigned who, unsigned member, struct bytes proof)
{
        force_in_as(who, fixture->people[who].address, member, proof);
}

/* The proof of @who, under @address, for the epoch in which @member is. */
static void prove_as(unsigned who, const char *address, unsigned member, const struct invitation_link *l,
                     unsigned later, struct writer *out)
{
        struct membership *g = group_of(member)->memberships;
        uint8_t author[AUTHOR_SIZE];
        struct device *d = NULL;

        assert_int_equal(device_load(fixture->people[who].vault, &d), 0);
        content_author(BYTES_STRING(address), writer_bytes(&d->root_key), author);
        assert_int_equal(invitation_prove(d->suite, BYTES_OF(l->id), l->key,
                                          &(struct invitation_claim){ BYTES_OF(author), membership_group_id(g),
                                                                      membership_epoch(g) + later },
                                          out),
                         0);
        device_free(d);
}

static void prove(unsigned who, unsigned member, const struct invitation_link *l, unsigned later, struct writer *out)
{
        prove_as(who, fixture->people[who].address, member, l, later, out);
}

static void nobody_comes_in_without_a_proof_that_is_theirs(void **state)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        _cleanup_writer_ struct writer anothers = WRITER_INIT, later = WRITER_INIT, own = WRITER_INIT;
        char link[CONTACT_LINK_MAX];
        const char *reason;

        create(2);
        sign_up(2);
        sign_up(3);
        invite(0, 3600, 0, link);
        settle();
        assert_int_equal(invitation_link_read(link, &l, &reason), 0);
        force_in(2, 1, BYTES(NULL, 0));
        settle();
        assert_agreed("alice bob ", 2);
        say(0, "the group goes on");
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("first")), 0);
        settle();
        assert_string_equal(group_of(1)->name, "first");
        prove(3, 1, &l, 0, &anothers);
        force_in(2, 1, writer_bytes(&anothers));
        settle();
        assert_agreed("alice bob ", 2);
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("second")), 0);
        settle();
        prove(2, 1, &l, 1, &later); /* of another epoch */
        force_in(2, 1, writer_bytes(&later));
        settle();
        assert_agreed("alice bob ", 2);
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("third")), 0);
        settle();
        assert_string_equal(group_of(1)->name, "third");
        prove(2, 1, &l, 0, &own); /* which shows that it is the proofs that were wrong */
        force_in(2, 1, writer_bytes(&own));
        settle();
        assert_members(0, "alice bob carol ");
        assert_members(1, "alice bob carol ");
}

/* Nor does who has a link come in under the name of a member. */
static void nobody_comes_in_as_somebody_who_is_there(void **state)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        _cleanup_writer_ struct writer proof = WRITER_INIT;
        char link[CONTACT_LINK_MAX];
        const char *reason;

        create(2);
        sign_up(2);
        invite(0, 3600, 0, link);
        settle();
        assert_int_equal(invitation_link_read(link, &l, &reason), 0);
        prove_as(2, fixture->people[1].address, 0, &l, 0, &proof);
        force_in_as(2, fixture->people[1].address, 0, writer_bytes(&proof));
        settle();
        assert_agreed("alice bob ", 2);
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("it goes on")), 0);
        settle();
        assert_string_equal(group_of(1)->name, "it goes on");
}

/* It is for who comes in by it, and for nobody who comes back. */
static void a_return_uses_no_invitation_up(void **state)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        _cleanup_writer_ struct writer proof = WRITER_INIT;
        char link[CONTACT_LINK_MAX];
        const char *reason;

        create(3);
        sign_up(3);
        invite(0, 3600, 1, link);
        settle();
        assert_int_equal(invitation_link_read(link, &l, &reason), 0);
        prove(2, 0, &l, 0, &proof);
        force_in(2, 0, writer_bytes(&proof));
        settle();
        assert_members(0, "alice bob carol ");
        assert_int_equal(count_invitations(0), 1);
        join(3, link);
        assert_members(0, "alice bob carol dave ");
        assert_int_equal(count_invitations(0), 0);
}

static void only_who_has_made_a_link_answers_for_it(void **state)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        char link[CONTACT_LINK_MAX];
        const char *reason;

        create(2);
        sign_up(2);
        invite(0, 3600, 1, link);
        settle();
        assert_int_equal(invitation_link_read(link, &l, &reason), 0);
        messenger_contact_link(fixture->people[1].messenger, &l.inviter);
        assert_int_equal(messenger_join_by_link(fixture->people[2].messenger, &l), 0);
        seek(2);
        settle();
        seek(2);
        assert_told(2, 1, NOT_VALID);
        assert_agreed("alice bob ", 2);
        join(2, link);
        assert_agreed("alice bob carol ", 3);
}

static void who_may_not_add_may_not_invite(void **state)
{
        char link[CONTACT_LINK_MAX];

        create(3);
        invite(1, 3600, 0, link); /* the policy lets every member */
        settle();
        assert_int_equal(messenger_set_policy(fixture->people[0].messenger, group_of(0), 0), 0);
        settle();
        assert_int_equal(messenger_invite(fixture->people[1].messenger, group_of(1), in(60), 0, link), -EPERM);
        sign_up(3);
        join(3, link); /* bob's client does not answer for it any more */
        seek(3);
        assert_told(3, 1, NOT_VALID);
        assert_members(0, "alice bob carol ");
}

/* -- back --------------------------------------------------------------------------------------------------------- */

/* As if the vault had been put back from an older copy. */
static void roll_back(unsigned who)
{
        struct person *p = &fixture->people[who];

        fixture->posted[who] += 100;
        assert_int_equal(messenger_witness(p->messenger, &(struct witness){ .queued = fixture->posted[who],
                                                                            .delivered = p->sequence }),
                         1);
        for (const char *address; (address = messenger_next_rejoin(p->messenger));) {
                _cleanup_writer_ struct writer package = WRITER_INIT;
                struct conversation *c;

                person_claim(&fixture->people[person_at(address)], &package);
                assert_int_equal(messenger_start(p->messenger, address, writer_bytes(&package), NOW, &c), 0);
        }
}

/* What is on its way to somebody is lost. */
static void lose_mail(unsigned who)
{
        for (unsigned i = fixture->first[who]; i < fixture->end[who]; i++) {
                writer_release(&fixture->mail[who][i].content);
                fixture->mail[who][i] = (struct mail){ 0 };
        }
        fixture->first[who] = fixture->end[who] = 0;
}

static void heal(unsigned who)
{
        uint64_t wait;

        assert_int_equal(messenger_heal(fixture->people[who].messenger, &wait), 0);
        settle();
}

static void who_has_lost_the_state_comes_back(void **state)
{
        create(4);
        say(1, "before");
        settle();
        roll_back(1);
        assert_true(messenger_is_returning(fixture->people[1].messenger, group_of(1)));
        say(1, "waits");
        say(2, "meanwhile");
        settle();
        person_restart(&fixture->people[1]);
        seek(1);
        settle();
        assert_agreed("alice bob carol dave ", 4);
        heal(1);
        say(1, "after");
        settle();
        assert_history(0, "* You created “friends”.|* You added bob, carol, dave.|bob: before|carol: meanwhile|"
                          "bob: waits|bob: after|");
        assert_history(1, "* You were added to “friends”.|me: before|* The state of this account was put back from an "
                          "older copy, or it was away for too long, so its keys for this conversation are not used "
                          "again; it is joined anew.|me: waits|* You are back in “friends”.|carol: meanwhile|* What "
                          "was lost was sent again by carol: 1 "
                          "message.|me: after|");
        assert_false(messenger_is_returning(fixture->people[1].messenger, group_of(1)));
}

static void two_come_back_while_others_change_the_group(void **state)
{
        create(5);
        roll_back(1);
        roll_back(2);
        seek(1);
        seek(2);
        assert_int_equal(messenger_rename(fixture->people[3].messenger, group_of(3), BYTES_STRING("other")), 0);
        for (unsigned i = 0; i < 4; i++) {
                for (unsigned who = 0; who < 5; who++)
                        post(who);
                for (unsigned who = 0; who < 5; who++)
                        fetch(who, who % 2 == 0);
                assert_int_equal(messenger_update(fixture->people[4].messenger, group_of(4)), 0);
        }
        for (unsigned i = 0; i < 6; i++) {
                settle();
                seek(1);
                seek(2);
        }
        settle();
        assert_true(fixture->stale > 0);
        assert_agreed("alice bob carol dave erin ", 5);
        assert_string_equal(group_of(1)->name, "other");
}

static void who_has_missed_a_commit_comes_back(void **state)
{
        create(4);
        assert_int_equal(messenger_rename(fixture->people[0].messenger, group_of(0), BYTES_STRING("first")), 0);
        post(0);
        lose_mail(2);
        settle();
        assert_string_equal(group_of(2)->name, "friends");
        say(1, "of an epoch that carol does not have");
        settle();
        assert_true(messenger_is_returning(fixture->people[2].messenger, group_of(2)));
        seek(2);
        settle();
        assert_agreed("alice bob carol dave ", 4);
        say(2, "there");
        settle();
        assert_string_equal(group_of(2)->name, "first");
}

/* alice's and carol's vaults are as they were, but bob is no member any more, and does not know it. */
static void whoever_was_removed_does_not_come_back(void **state)
{
        create(3);
        roll_back(1);
        remove_member(0, 1);
        post(0);
        lose_mail(1);
        settle();
        for (unsigned i = 0; i < 4; i++) {
                seek(1);
                settle();
        }
        assert_members(0, "alice carol ");
        assert_null(group_of(1)->memberships);
        assert_false(messenger_is_returning(fixture->people[1].messenger, group_of(1)));
}

#define LOST "* Something that was said could not be decrypted. It is asked for again.|"
#define AGAIN "* What was lost was sent again by alice: 1 message.|"
#define IN_VAIN "* What could not be decrypted was not sent again by anybody, and is lost.|"

/* dave gets again what he could not read any more, and nothing from before his time; and once, however often it comes.
 */
static void what_comes_too_late_is_asked_for_again(void **state)
{
        _cleanup_writer_ struct writer late = WRITER_INIT;
        uint64_t wait;

        create(3);
        say(0, "early");
        settle();
        sign_up(3);
        assert_int_equal(change(1, NULL, 3, 4), 0);
        settle();
        say(0, "late");
        post(0);
        write_fixed(&late, writer_bytes(&fixture->mail[3][fixture->first[3]].content));
        lose_mail(3);
        for (unsigned i = 0; i < 5; i++) {
                settle();
                assert_int_equal(messenger_update(fixture->people[1].messenger, group_of(1)), 0);
        }
        settle();
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(messenger_deliver(fixture->people[3].messenger, ++fixture->people[3].sequence,
                                                   writer_bytes(&late)),
                                 0);
        person_restart(&fixture->people[3]);
        heal(3);
        assert_history(3, "* You were added to “friends”.|" LOST "alice: late|" AGAIN);
        assert_int_equal(
                messenger_deliver(fixture->people[3].messenger, ++fixture->people[3].sequence, writer_bytes(&late)), 0);
        assert_int_equal(messenger_heal(fixture->people[3].messenger, &wait), 0); /* not so soon */
        assert_true(wait > 0);
        settle();
        assert_history(3, "* You were added to “friends”.|" LOST "alice: late|" AGAIN LOST);
}

/* Has somebody ask for all that they do not have. */
static void ask_for_all(unsigned who, bool told)
{
        struct messenger *m = fixture->people[who].messenger;

        assert_int_equal(messenger_begin(m), 0);
        assert_int_equal(messenger_end(m, NULL, messenger_note_lost(m, group_of(who), told)), 0);
        heal(who);
}

/* What bob could not read has been deleted meanwhile, and after a week he learns that it does not come any more. */
static void what_nobody_sends_again_is_told_to_be_lost(void **state)
{
        _cleanup_(healing_release) struct healing h = { 0 };
        struct person *bob;
        uint64_t message;

        create(2);
        bob = &fixture->people[1];
        assert_int_equal(messenger_send(fixture->people[0].messenger, group_of(0), BYTES_STRING("gone"), 1, &message),
                         0);
        post(0);
        lose_mail(1);
        assert_int_equal(messenger_delete(fixture->people[0].messenger, group_of(0), message, true), 0);
        settle();
        ask_for_all(1, false);
        settle();
        assert_history(1, "* You were added to “friends”.|" LOST);
        assert_int_equal(healing_load(bob->vault, conversation_id(group_of(1)), &h), 0);
        assert_true(h.open);
        for (unsigned day = 0; day < 2; day++) { /* the seventh, and one more */
                h.asked -= (day == 0 ? 6 : 1) * 24 * 3600;
                assert_int_equal(healing_store(bob->vault, conversation_id(group_of(1)), &h), 0);
                person_restart(bob);
                heal(1);
                assert_history(1, day == 0 ? "* You were added to “friends”.|" LOST
                                           : "* You were added to “friends”.|" LOST IN_VAIN);
        }
        person_restart(bob);
        heal(1); /* once */
        assert_history(1, "* You were added to “friends”.|" LOST IN_VAIN);
}

static void who_was_away_when_somebody_came_sends_them_nothing_of_before(void **state)
{
        create(3);
        say(2, "of then");
        settle();
        remove_member(0, 2);
        settle();
        sign_up(3);
        assert_int_equal(change(0, NULL, 3, 4), 0);
        settle();
        assert_int_equal(change(0, NULL, 2, 3), 0);
        settle();
        say(2, "of now");
        settle();
        ask_for_all(3, true);
        assert_history(3, "* You were added to “friends”.|* alice added carol.|carol: of now|");
}

/* alice learns from bob's commit that hers, which added dave, was the first of its epoch. */
static void whoever_comes_by_a_commit_without_an_outcome_gets_nothing_of_before(void **state)
{
        create(2);
        say(0, "early");
        settle();
        sign_up(3);
        assert_int_equal(change(0, NULL, 3, 4), 0);
        post(0);
        fetch(1, false);
        assert_int_equal(messenger_rename(fixture->people[1].messenger, group_of(1), BYTES_STRING("other")), 0);
        post(1);
        fetch(0, true);
        settle();
        assert_agreed("alice bob dave ", 3);
        ask_for_all(3, true);
        assert_history(3, "* You were added to “friends”.|* The name is now “other”.|");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_make, hub_release)
        const struct CMUnitTest tests[] = {
                TEST(who_has_a_link_comes_in),
                TEST(a_link_that_is_not_valid_opens_nothing),
                TEST(a_link_for_one_is_for_one),
                TEST(whoever_is_removed_stays_out),
                TEST(nobody_comes_in_without_a_proof_that_is_theirs),
                TEST(nobody_comes_in_as_somebody_who_is_there),
                TEST(a_return_uses_no_invitation_up),
                TEST(only_who_has_made_a_link_answers_for_it),
                TEST(who_may_not_add_may_not_invite),
                TEST(who_has_lost_the_state_comes_back),
                TEST(two_come_back_while_others_change_the_group),
                TEST(who_has_missed_a_commit_comes_back),
                TEST(whoever_was_removed_does_not_come_back),
                TEST(what_comes_too_late_is_asked_for_again),
                TEST(what_nobody_sends_again_is_told_to_be_lost),
                TEST(who_was_away_when_somebody_came_sends_them_nothing_of_before),
                TEST(whoever_comes_by_a_commit_without_an_outcome_gets_nothing_of_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

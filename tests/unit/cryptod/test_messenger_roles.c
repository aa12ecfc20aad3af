/* Who may do what in a group: what a person is told at once, what all members refuse alike when somebody's program does
 * not ask, and how the group goes on after that. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_invitation.h"
#include "cryptod/conversation/notice.h"
#include "messenger_hub.h"
#include "services/cleanup.h"

#define OUTLAW                                                                                                         \
        "tried to change the group in a way that only others may. Nobody has followed; an admin can remove them.|"

/* The roles as somebody sees them: a letter a member, in the order of the tree. */
static void assert_roles(unsigned who, const char *expected)
{
        char found[PEOPLE + 1] = "";
        struct member_view v;
        unsigned n = 0;

        for (uint32_t leaf = 0;
             messenger_next_member(fixture->people[who].messenger, group_of(who), &leaf, &v) > 0 && n < PEOPLE; leaf++)
                found[n++] = role_name(v.role)[0];
        assert_string_equal(found, expected);
}

static int set_role(unsigned who, unsigned whom, enum role role)
{
        return messenger_set_role(fixture->people[who].messenger, group_of(who), fixture->people[whom].address, role);
}

static int take_out(unsigned who, unsigned whom)
{
        return messenger_remove_member(fixture->people[who].messenger, group_of(who), fixture->people[whom].address);
}

static int rename_to(unsigned who, const char *name)
{
        return messenger_rename(fixture->people[who].messenger, group_of(who), BYTES_STRING(name));
}

static void an_owner_gives_roles_and_all_see_them(void **state)
{
        struct profile p;

        create(4);
        assert_roles(0, "ommm");
        assert_roles(3, "ommm");
        give_role(0, 1, ROLE_ADMIN);
        give_role(0, 2, ROLE_OWNER);
        settle();
        assert_roles(3, "oaom");
        give_role(2, 0, ROLE_MEMBER);
        settle();
        person_restart(&fixture->people[3]);
        assert_roles(3, "maom");
        assert_history(3, "* You were added to “friends”.|* bob is an admin now.|* carol is an owner now.|"
                          "* alice is a member without a role now.|");
        assert_history(1, "* You were added to “friends”.|* You are an admin now.|* carol is an owner now.|"
                          "* alice is a member without a role now.|");
        assert_int_equal(
                messenger_set_picture(fixture->people[1].messenger, group_of(1), BYTES_STRING("not looked at")), 0);
        settle();
        assert_int_equal(messenger_group_profile(group_of(3), &p), 0);
        assert_true(bytes_equal(p.picture, BYTES_STRING("not looked at")));
        sign_up(4);
        assert_int_equal(change(3, NULL, 4, 5), 0);
        settle();
        assert_roles(4, "maomm");
        assert_int_equal(messenger_group_profile(group_of(4), &p), 0);
        assert_true(bytes_equal(p.picture, BYTES_STRING("not looked at")));
}

static void who_may_not_is_told_at_once(void **state)
{
        static const uint8_t large[CONVERSATION_PICTURE_MAX + 1];
        struct messenger *bob, *carol;

        create(5);
        bob = fixture->people[1].messenger;
        carol = fixture->people[2].messenger;
        give_role(0, 1, ROLE_ADMIN);
        settle();
        give_role(0, 3, ROLE_ADMIN);
        settle();
        assert_int_equal(set_role(2, 2, ROLE_ADMIN), -EPERM);
        assert_int_equal(set_role(1, 2, ROLE_ADMIN), -EPERM);
        assert_int_equal(set_role(1, 1, ROLE_OWNER), -EPERM);
        assert_int_equal(set_role(1, 0, ROLE_MEMBER), -EPERM);
        assert_int_equal(set_role(1, 5, ROLE_MEMBER), -ENOENT);
        assert_int_equal(take_out(2, 4), -EPERM);
        assert_int_equal(take_out(1, 3), -EPERM);
        assert_int_equal(take_out(1, 0), -EPERM);
        assert_int_equal(messenger_set_policy(carol, group_of(2), POLICY_MEMBERS_ADD), -EPERM);
        assert_int_equal(messenger_set_picture(bob, group_of(1), BYTES_OF(large)), -EMSGSIZE);
        assert_int_equal(rename_to(2, "ours"), 0);
        settle();
        assert_int_equal(messenger_set_policy(bob, group_of(1), 0), 0);
        settle();
        sign_up(5);
        assert_int_equal(rename_to(2, "mine"), -EPERM);
        assert_int_equal(messenger_set_picture(carol, group_of(2), BYTES_STRING("x")), -EPERM);
        assert_int_equal(change(2, NULL, 5, 6), -EPERM);
        assert_int_equal(change(1, NULL, 5, 6), 0);
        settle();
        assert_int_equal(take_out(1, 2), 0);
        assert_int_equal(set_role(3, 3, ROLE_MEMBER), 0); /* lays it down, and it races */
        settle();
        assert_members(5, "alice bob dave erin frank ");
        assert_roles(5, "oammm");
        assert_int_equal(set_role(0, 0, ROLE_MEMBER), 0); /* the only owner: the admin has to be it */
        settle();
        assert_roles(5, "mommm");
}

/* The first owner is followed by the admin who has been one for longest, and that one by the first in the tree; whoever
 * is put into the place of somebody who left is not taken for the first. */
static void a_group_always_has_an_owner(void **state)
{
        create(5);
        give_role(0, 3, ROLE_ADMIN);
        settle();
        give_role(0, 2, ROLE_ADMIN);
        settle();
        assert_int_equal(messenger_leave(fixture->people[0].messenger, group_of(0)), 0);
        settle();
        assert_roles(4, "maom");
        assert_int_equal(messenger_leave(fixture->people[3].messenger, group_of(3)), 0);
        settle();
        assert_int_equal(messenger_leave(fixture->people[2].messenger, group_of(2)), 0);
        settle();
        assert_members(4, "bob erin ");
        assert_roles(4, "om");
        assert_int_equal(change(4, NULL, 0, 1), 0); /* alice, who was an owner, comes back into the first leaf */
        settle();
        assert_roles(0, "mom");
        assert_roles(1, "mom");
        give_role(1, 4, ROLE_OWNER);
        settle();
        assert_roles(0, "moo");
}

/* Makes a commit of @change in @who's group without asking whether it may, and has the hub bring it to the others under
 * @slot (empty: the group's id). What @who has is as before. */
static void force(unsigned who, const struct group_change *change, struct bytes slot)
{
        const struct group_host host = { .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT, addresses = WRITER_INIT;
        struct membership *g = group_of(who)->memberships;

        assert_int_equal(group_commit(g->group, change, &host, &commit, &welcome), 0);
        group_clear_pending(g->group);
        membership_addresses(g, &addresses);
        inject(who, slot.size > 0 ? slot : membership_group_id(g), membership_epoch(g), writer_bytes(&addresses),
               writer_bytes(&commit));
        person_restart(&fixture->people[who]);
}

/* All have the same group, which has @members and @roles, and can still be changed by alice. */
static void assert_unmoved(unsigned count, const char *members, const char *roles)
{
        static unsigned round;
        char name[32];

        settle();
        for (unsigned who = 0; who < count; who++) {
                assert_members(who, members);
                assert_roles(who, roles);
        }
        snprintf(name, sizeof(name), "round %u", ++round);
        assert_int_equal(rename_to(0, name), 0);
        settle();
        for (unsigned who = 0; who < count; who++) {
                assert_string_equal(group_of(who)->name, name);
                assert_true(secret_equal(secret_bytes(group_epoch_authenticator(group_of(who)->memberships->group)),
                                         secret_bytes(group_epoch_authenticator(group_of(0)->memberships->group))));
        }
}

/* A proposal of @who's that gives the group the extensions of @p, and @more behind them. */
static void extensions_of(const struct profile *p, struct bytes more, struct writer *out)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;

        profile_write(p, &extensions);
        write_fixed(&extensions, more);
        proposal_write_group_context_extensions(out, writer_bytes(&extensions));
}

static void force_extensions(unsigned who, const struct profile *p, struct bytes more)
{
        _cleanup_writer_ struct writer proposal = WRITER_INIT;
        struct bytes view;

        extensions_of(p, more, &proposal);
        view = writer_bytes(&proposal);
        force(who, &(struct group_change){ .proposals = &view, .proposal_count = 1 }, BYTES(NULL, 0));
}

static void whoever_breaks_the_rules_is_not_followed(void **state)
{
        static const uint8_t senders[] = { 0, 5, 1, 0 }; /* external_senders */
        _cleanup_writer_ struct writer reinit = WRITER_INIT;
        static char found[16384];
        const uint32_t alice = 0, bob = 1;
        struct profile p, changed;
        struct bytes view;

        create(4);
        give_role(0, 1, ROLE_ADMIN);
        settle();
        /* carol, without a role, takes the owner out, who does not go either; bob, an admin, does the same. */
        force(2, &(struct group_change){ .remove = &alice, .remove_count = 1 }, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        force(1, &(struct group_change){ .remove = &alice, .remove_count = 1 }, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        force(2, &(struct group_change){ .remove = &bob, .remove_count = 1 }, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        /* A role, by name and by leaving everybody out; a policy; an extension; an end. */
        assert_int_equal(messenger_group_profile(group_of(2), &p), 0);
        changed = p;
        changed.roles = BYTES(NULL, 0);
        force_extensions(2, &changed, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        assert_int_equal(messenger_group_profile(group_of(2), &p), 0);
        changed = p;
        changed.policy = 0;
        force_extensions(2, &changed, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        assert_int_equal(messenger_group_profile(group_of(1), &p), 0);
        force_extensions(1, &p, BYTES_OF(senders));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        assert_int_equal(messenger_group_profile(group_of(1), &p), 0);
        changed = p;
        changed.kind = CONVERSATION_ROOM;
        force_extensions(1, &changed, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        proposal_write_reinit(&reinit, BYTES_STRING("another group id"), suite_by_name(PERSON_SUITE), BYTES(NULL, 0));
        view = writer_bytes(&reinit);
        force(1, &(struct group_change){ .proposals = &view, .proposal_count = 1 }, BYTES(NULL, 0));
        assert_unmoved(4, "alice bob carol dave ", "oamm");
        write_history(3, found, sizeof(found));
        assert_non_null(strstr(found, "* carol@hub.example.org:7843 " OUTLAW));
        assert_non_null(strstr(found, "* bob@hub.example.org:7843 " OUTLAW));
}

/* Where members may not add, an uninvited Add is refused; and where they may, whoever is added brings no role. */
/* bob, an admin, makes an invitation in the name of alice, and lets more people come by one of hers. */
static void nobody_invites_for_another(void **state)
{
        _cleanup_writer_ struct writer list = WRITER_INIT, forged = WRITER_INIT, raised = WRITER_INIT;
        char link[CONTACT_LINK_MAX];
        struct invitation i;
        struct profile p;
        struct reader r;

        create(2);
        give_role(0, 1, ROLE_ADMIN);
        settle();
        assert_int_equal(
                messenger_invite(fixture->people[0].messenger, group_of(0), notice_time() / 1000000 + 3600, 1, link),
                0);
        settle();
        assert_int_equal(messenger_group_profile(group_of(1), &p), 0);
        write_fixed(&list, p.invitations);
        reader_init(&r, writer_bytes(&list));
        invitation_read(&r, &i);
        assert_true(r.error >= 0);
        i.uses = 0;
        invitation_write(&i, &raised);
        p.invitations = writer_bytes(&raised);
        force_extensions(1, &p, BYTES(NULL, 0));
        assert_unmoved(2, "alice bob ", "oa");
        i.id = BYTES_STRING("another id of 16");
        i.uses = 1;
        write_fixed(&forged, writer_bytes(&list));
        invitation_write(&i, &forged);
        assert_int_equal(messenger_group_profile(group_of(1), &p), 0);
        p.invitations = writer_bytes(&forged);
        force_extensions(1, &p, BYTES(NULL, 0));
        assert_unmoved(2, "alice bob ", "oa");
        assert_int_equal(messenger_group_profile(group_of(1), &p), 0);
        assert_true(bytes_equal(p.invitations, writer_bytes(&list)));
        p.invitations = BYTES(NULL, 0); /* taken back it may be */
        force_extensions(1, &p, BYTES(NULL, 0));
        settle();
        assert_int_equal(messenger_group_profile(group_of(0), &p), 0);
        assert_int_equal(p.invitations.size, 0);
}

static void whoever_is_added_brings_no_role(void **state)
{
        struct device_credential dave;
        struct key_package k;
        struct reader r;

        _cleanup_writer_ struct writer package = WRITER_INIT, roles = WRITER_INIT, proposal = WRITER_INIT;
        struct bytes added, view;
        struct profile p, changed;

        create(3);
        sign_up(3);
        person_claim(&fixture->people[3], &package);
        added = writer_bytes(&package);
        assert_int_equal(messenger_group_profile(group_of(1), &p), 0);
        changed = p;
        write_fixed(&roles, p.roles);
        reader_init(&r, added);
        key_package_read(&r, &k);
        assert_int_equal(device_credential_peek(&k.leaf, &dave), 0);
        write_vector(&roles, dave.root_key);
        write_u8(&roles, ROLE_ADMIN);
        changed.roles = writer_bytes(&roles);
        extensions_of(&changed, BYTES(NULL, 0), &proposal);
        view = writer_bytes(&proposal);
        force(1, &(struct group_change){ .add = &added, .add_count = 1, .proposals = &view, .proposal_count = 1 },
              BYTES(NULL, 0));
        assert_unmoved(3, "alice bob carol ", "omm");
        assert_int_equal(messenger_set_policy(fixture->people[0].messenger, group_of(0), 0), 0);
        settle();
        force(1, &(struct group_change){ .add = &added, .add_count = 1 }, BYTES(NULL, 0));
        assert_unmoved(3, "alice bob carol ", "omm");
}

/* The commit that takes the owner out is carol's, since bob is away; who is added with it finds the owner written down.
 */
static void an_owner_who_leaves_keeps_nobody_from_adding(void **state)
{
        create(4);
        sign_up(4);
        assert_int_equal(messenger_leave(fixture->people[0].messenger, group_of(0)), 0);
        post(0);
        fetch(2, false);
        assert_int_equal(change(2, NULL, 4, 5), 0);
        post(2);
        settle();
        assert_members(4, "bob carol dave erin ");
        give_role(1, 4, ROLE_ADMIN);
        settle();
        assert_members(2, "bob carol dave erin ");
        person_restart(&fixture->people[3]);
        assert_int_equal(set_role(3, 4, ROLE_MEMBER), -EPERM);
        assert_int_equal(set_role(1, 4, ROLE_MEMBER), 0);
}

static bool same(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        return true;
}

/* @who takes the own leaf out and comes in again, into the first place that is blank. */
static void come_back_from_outside(unsigned who)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, commit = WRITER_INIT, addresses = WRITER_INIT;
        const struct group_host host = { .same_client = same };
        struct membership *g = group_of(who)->memberships;
        struct group *joined = NULL;
        struct device *d = NULL;
        struct identity self;

        assert_int_equal(device_load(fixture->people[who].vault, &d), 0);
        self = device_identity(d, &d->places[0]);
        assert_int_equal(group_publish_info(g->group, true, &info), 0);
        assert_int_equal(group_join_external(&(struct external_join){ .group_info = writer_bytes(&info),
                                                                      .self = &self,
                                                                      .resync_same_key = true },
                                             &host, &commit, &joined),
                         0);
        membership_addresses(g, &addresses);
        inject(who, membership_group_id(g), membership_epoch(g), writer_bytes(&addresses), writer_bytes(&commit));
        group_free(joined);
        device_free(d);
}

/* dave comes into the place that the owner has left: not while the place makes an owner of him. */
static void nobody_becomes_the_owner_from_outside(void **state)
{
        create(4);
        assert_int_equal(messenger_leave(fixture->people[0].messenger, group_of(0)), 0);
        settle();
        assert_roles(2, "omm");
        come_back_from_outside(3);
        settle();
        assert_members(2, "bob carol dave ");
        assert_roles(2, "omm");
        give_role(1, 2, ROLE_ADMIN);
        settle();
        come_back_from_outside(3);
        settle();
        assert_members(2, "bob carol dave ");
        assert_roles(2, "moa"); /* dave stands first now */
}

/* alice's change has lost to one that nobody follows: it is made again under the next name; whatever comes first, the
 * outcome or the commit, and if the outlaw takes that name, too. */
static void a_change_that_lost_to_an_outlaw_comes_about(void **state)
{
        const uint32_t alice = 0;
        _cleanup_writer_ struct writer slot = WRITER_INIT;

        for (unsigned i = 0; i < 2; i++) {
                if (i == 0)
                        create(3);
                assert_int_equal(rename_to(0, i == 0 ? "first" : "second"), 0);
                force(1, &(struct group_change){ .remove = &alice, .remove_count = 1 }, BYTES(NULL, 0));
                post(0);
                assert_int_equal(fixture->stale, i + 1);
                fetch(0, i == 1);
                settle();
                assert_string_equal(group_of(2)->name, i == 0 ? "first" : "second");
        }
        force(1, &(struct group_change){ .remove = &alice, .remove_count = 1 }, BYTES(NULL, 0));
        settle();
        assert_int_equal(rename_to(0, "third"), 0);
        membership_slot(group_of(0)->memberships, &slot);
        force(1, &(struct group_change){ .remove = &alice, .remove_count = 1 }, writer_bytes(&slot));
        person_restart(&fixture->people[0]);
        settle();
        assert_string_equal(group_of(2)->name, "third");
        assert_unmoved(3, "alice bob carol ", "omm");
}

/* bob's right is gone when his wish is to be committed. */
static void who_has_lost_a_role_is_told(void **state)
{
        create(3);
        give_role(0, 1, ROLE_ADMIN);
        settle();
        give_role(0, 1, ROLE_MEMBER);
        remove_member(1, 2);
        post(0);
        settle();
        assert_members(0, "alice bob carol ");
        assert_history(1,
                       "* You were added to “friends”.|* You are an admin now.|* You are a member without a role now.|"
                       "* A change of the group could not be made; try it again.|");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hub_make, hub_release)
        const struct CMUnitTest tests[] = {
                TEST(an_owner_gives_roles_and_all_see_them),
                TEST(who_may_not_is_told_at_once),
                TEST(a_group_always_has_an_owner),
                TEST(whoever_breaks_the_rules_is_not_followed),
                TEST(nobody_invites_for_another),
                TEST(whoever_is_added_brings_no_role),
                TEST(a_change_that_lost_to_an_outlaw_comes_about),
                TEST(who_has_lost_a_role_is_told),
                TEST(nobody_becomes_the_owner_from_outside),
                TEST(an_owner_who_leaves_keeps_nobody_from_adding),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

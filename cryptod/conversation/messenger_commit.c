/* See messenger_state.h: how a group moves on from epoch to epoch.
 *
 *     what is wanted ─ messenger_commit ─▶ pending, queued ─┬─ stored ──▶ messenger_accepted ─┐
 *           ▲                                               ├─ stale ───▶ dropped             ├─▶ messenger_followed
 *           │                                               └─ refused ─▶ messenger_refused   │
 *           │                              somebody else's commit ────────────────────────────┘
 *           └────────── what the new epoch has not brought is committed anew ─────────────────┘ */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/further_addresses.h"
#include "cryptod/conversation/invitation.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/parcel.h"
#include "cryptod/conversation/rules.h"
#include "cryptod/conversation/unsent.h"
#include "services/cleanup.h"

/* The address in a key package that was checked before. */
static struct bytes package_address(struct bytes package)
{
        struct device_credential who = { 0 };
        struct key_package k;
        struct reader r;

        reader_init(&r, package);
        key_package_read(&r, &k);
        return r.error < 0 || device_credential_peek(&k.leaf, &who) < 0 ? BYTES(NULL, 0) : who.address;
}

/* -- making one --------------------------------------------------------------------------------------------------- */

struct draft {
        const struct membership *membership;
        struct bytes *add;
        uint32_t *remove;
        struct writer extensions; /* a proposal, for another name */
        struct bytes proposal;
        struct group_change change;
        struct writer recipients;
};

static void draft_release(struct draft *d)
{
        free(d->add);
        free(d->remove);
        writer_release(&d->extensions);
        writer_release(&d->recipients);
}

static void draft_adds(const struct membership *g, struct draft *d)
{
        struct reader r;

        reader_init(&r, writer_bytes(&g->wanted.added));
        while (reader_more(&r)) {
                struct bytes package = read_vector(&r), address = package_address(package);

                d->add = reallocarray(d->add, d->change.add_count + 1, sizeof(*d->add));
                if (!d->add)
                        abort();
                d->add[d->change.add_count++] = package;
                list_add(&d->recipients, address);
        }
        d->change.add = d->add;
}

static void draft_removals(const struct membership *g, struct draft *d)
{
        const struct epoch *e = group_epoch(g->group);
        struct device_credential who;

        d->remove = calloc(e->tree.leaves + 1, sizeof(*d->remove));
        if (!d->remove)
                abort();
        for (uint32_t leaf = 0; membership_member(g, &leaf, &who); leaf++) {
                if (leaf != e->keys.leaf &&
                    (leaf + 1 == g->intruder || list_holds(writer_bytes(&g->wanted.removed), who.address)))
                        d->remove[d->change.remove_count++] = leaf;
        }
        d->change.remove = d->remove;
}

/* A member as messenger_spell() writes it, without the mark. */
static struct bytes unmarked(struct bytes spelt)
{
        return spelt.size > 0 && spelt.data[0] == '?' ? BYTES(spelt.data + 1, spelt.size - 1) : spelt;
}

/* Whoever has proposed to leave is taken out by any commit. */
static bool wants_out(const struct membership *g, uint32_t leaf)
{
        struct device_credential who;
        struct reader r;

        if (device_credential_peek(ratchet_tree_leaf(&group_epoch(g->group)->tree, leaf), &who) < 0)
                return false;
        reader_init(&r, writer_bytes(&g->wanted.leavers));
        while (reader_more(&r)) {
                if (bytes_equal(unmarked(read_vector(&r)), who.address))
                        return true;
        }
        return false;
}

/* Members whom the draft leaves in. */
static bool stays(const void *userdata, uint32_t leaf)
{
        const struct draft *d = userdata;

        for (size_t i = 0; i < d->change.remove_count; i++) {
                if (d->remove[i] == leaf)
                        return false;
        }
        return !wants_out(d->membership, leaf);
}

/* Gives one more role in @list. */
static void give_role(const struct membership *g, const struct draft *d, struct writer *list, struct bytes address,
                      enum role role)
{
        const struct ratchet_tree *tree = &group_epoch(g->group)->tree;
        struct writer changed = WRITER_INIT;
        struct device_credential who;
        struct roles roles;

        for (uint32_t leaf = 0; membership_member(g, &leaf, &who); leaf++) {
                if (!bytes_equal(who.address, address))
                        continue;
                roles_resolve(writer_bytes(list), tree, stays, d, &roles);
                roles_write(&roles, tree, stays, d, who.root_key, role, &changed);
                writer_release(list);
                *list = changed;
                return;
        }
}

/* Whether it takes out somebody else's device, who has not asked for it. */
static bool expels(const struct membership *g, const struct draft *d)
{
        const struct epoch *e = group_epoch(g->group);
        struct device_credential self, who;

        (void) device_credential_peek(ratchet_tree_leaf(&e->tree, e->keys.leaf), &self); /* it is ours */
        for (size_t i = 0; i < d->change.remove_count; i++) {
                if (device_credential_peek(ratchet_tree_leaf(&e->tree, d->remove[i]), &who) >= 0 &&
                    !bytes_equal(who.root_key, self.root_key))
                        return true;
        }
        return false;
}

/* The invitations as they are to be (rules.h). */
static void draft_invitations(const struct membership *g, const struct draft *d, struct bytes before,
                              struct writer *out)
{
        if (!membership_may_invite(g))
                write_fixed(out, before);
        else if (!expels(g, d))
                invitations_apply(before, writer_bytes(&g->wanted.invitations), notice_time() / 1000000, out);
}

/* The roles as they are to be. Whoever adds somebody or invites writes down what they are (rules.h). */
static void draft_roles(const struct membership *g, const struct draft *d, bool invites, struct bytes before,
                        struct writer *out)
{
        const struct ratchet_tree *tree = &group_epoch(g->group)->tree;
        struct roles roles;
        struct reader r;

        if (g->wanted.roles.size == 0 && d->change.add_count == 0 && !invites) {
                write_fixed(out, before);
                return;
        }
        roles_resolve(before, tree, stays, d, &roles);
        roles_write(&roles, tree, stays, d, BYTES(NULL, 0), ROLE_MEMBER, out);
        reader_init(&r, writer_bytes(&g->wanted.roles));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                give_role(g, d, out, address, (enum role) read_u8(&r));
        }
}

static int draft_profile(const struct membership *g, struct draft *d)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT, roles = WRITER_INIT, invitations = WRITER_INIT;
        struct bytes before = group_epoch(g->group)->context.extensions;
        const struct wanted *w = &g->wanted;
        struct profile p;
        struct reader picture;
        int r = profile_read(before, &p);

        if (r < 0 || p.kind == CONVERSATION_PERSON)
                return r;
        draft_invitations(g, d, p.invitations, &invitations);
        draft_roles(g, d, invitations.size > 0, p.roles, &roles);
        if (bytes_equal(writer_bytes(&roles), p.roles) && bytes_equal(writer_bytes(&invitations), p.invitations) &&
            w->name.size == 0 && w->picture.size == 0 && w->policy == 0)
                return 0;
        p.roles = writer_bytes(&roles);
        p.invitations = writer_bytes(&invitations);
        if (w->name.size > 0)
                p.name = writer_bytes(&w->name);
        if (w->policy != 0)
                p.policy = w->policy & ~WANTED_POLICY;
        reader_init(&picture, writer_bytes(&w->picture));
        if (reader_more(&picture))
                p.picture = read_vector(&picture);
        profile_write(&p, &extensions);
        profile_write_others(before, &extensions);
        proposal_write_group_context_extensions(&d->extensions, writer_bytes(&extensions));
        d->proposal = writer_bytes(&d->extensions);
        d->change.proposals = &d->proposal;
        d->change.proposal_count = 1;
        return writer_finish(&d->extensions);
}

/* Whoever goes is told afterwards, as is whoever cannot be reached: the hub takes an envelope for all or for none, and
 * a mailbox that is full or gone must not keep its owner in the group. */
static void leave_out(struct writer *recipients, struct bytes who)
{
        struct reader r;

        reader_init(&r, who);
        while (reader_more(&r))
                list_remove(recipients, unmarked(read_vector(&r)));
}

int messenger_tell_others(struct messenger *m, const struct membership *g, struct bytes before, struct bytes after)
{
        _cleanup_(envelope_release) struct envelope commit = { 0 };
        _cleanup_writer_ struct writer members = WRITER_INIT, others = WRITER_INIT;
        struct reader reader;
        int r = outbox_find(m->vault, BYTES_OF(g->pending), &commit);

        if (r <= 0 || commit.is_for_room) /* the hub has done that */
                return r < 0 ? r : 0;
        messenger_recipients(m, g, &members);
        reader_init(&reader, before);
        while (reader_more(&reader)) {
                struct bytes who = read_vector(&reader);

                if (!list_holds(after, who))
                        list_add(&members, unmarked(who));
        }
        reader_init(&reader, writer_bytes(&members));
        while (reader_more(&reader)) {
                struct bytes who = read_vector(&reader);

                if (!list_holds(commit.recipients, who))
                        write_vector(&others, who);
        }
        return messenger_queue_to_members(m, g, &(struct envelope){ .content = commit.content }, writer_bytes(&others));
}

/* struct group_host's commit(): whoever makes one keeps the rules, too. */
static int judge(void *userdata, const struct commit_view *commit)
{
        return rules_judge(commit);
}

static int post_to_room(struct messenger *m, struct conversation *c, struct membership *g, const struct writer *commit)
{
        _cleanup_writer_ struct writer gone = WRITER_INIT;
        struct reader r;

        write_fixed(&gone, writer_bytes(&g->wanted.removed));
        reader_init(&r, writer_bytes(&g->wanted.leavers));
        while (reader_more(&r))
                list_add(&gone, unmarked(read_vector(&r)));
        return messenger_post_commit(m, c, g, writer_bytes(&gone), writer_bytes(commit));
}

int messenger_commit_unless_pending(struct messenger *m, struct conversation *c, struct membership *g)
{
        if (group_has_pending(g->group) || !wanted_any(&g->wanted))
                return membership_store(m->vault, g);
        return messenger_commit(m, c, g);
}

int messenger_commit(struct messenger *m, struct conversation *c, struct membership *g)
{
        _cleanup_(draft_release) struct draft d = { .membership = g, .change.cached = true };
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT, content = WRITER_INIT;
        _cleanup_writer_ struct writer slot = WRITER_INIT, extensions = WRITER_INIT;
        struct bytes leaf_extensions;
        const struct group_host host = { .commit = judge, .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        struct envelope e = { .membership = g->id, .epoch = membership_epoch(g) };
        int r;

        messenger_recipients(m, g, &d.recipients);
        leave_out(&d.recipients, writer_bytes(&g->wanted.removed));
        leave_out(&d.recipients, writer_bytes(&g->wanted.leavers));
        leave_out(&d.recipients, writer_bytes(&g->unreachable));
        draft_adds(g, &d);
        draft_removals(g, &d);
        r = draft_profile(g, &d);
        if (r >= 0 && c->kind != CONVERSATION_ROOM && further_addresses_due(m->device, g)) {
                further_addresses_renew(m->device, g, &extensions);
                r = writer_finish(&extensions);
                leaf_extensions = writer_bytes(&extensions);
                d.change.leaf_extensions = &leaf_extensions;
        }
        if (r >= 0)
                r = group_commit(g->group, &d.change, &host, &commit, &welcome);
        if (r < 0)
                return r;
        if (c->kind == CONVERSATION_ROOM)
                return post_to_room(m, c, g, &commit);
        parcel_write(&(struct parcel){ writer_bytes(&commit), writer_bytes(&welcome) }, &content);
        r = writer_finish(&content);
        if (r >= 0)
                r = writer_finish(&d.recipients);
        if (r >= 0 && content.size > ENVELOPE_MAX)
                r = -EMSGSIZE;
        if (r < 0)
                return r;
        membership_slot(g, &slot);
        e.group = writer_bytes(&slot);
        e.recipients = writer_bytes(&d.recipients);
        e.content = writer_bytes(&content);
        r = messenger_queue(m, &e);
        if (r < 0)
                return r;
        memcpy(g->pending, e.id, sizeof(g->pending));
        return membership_store(m->vault, g);
}

int messenger_propose_to_leave(struct messenger *m, struct conversation *c, struct membership *g)
{
        _cleanup_writer_ struct writer proposal = WRITER_INIT, message = WRITER_INIT, recipients = WRITER_INIT;
        struct envelope e = { 0 };
        int r;

        proposal_write_remove(&proposal, group_epoch(g->group)->keys.leaf);
        messenger_recipients(m, g, &recipients);
        r = group_propose(g->group, writer_bytes(&proposal), BYTES(NULL, 0), &(struct group_framing){ 0 }, &message);
        if (r < 0)
                return r;
        if (c->kind == CONVERSATION_ROOM)
                return messenger_leave_room(m, c, g, writer_bytes(&message));
        e.recipients = writer_bytes(&recipients);
        e.content = writer_bytes(&message);
        r = messenger_queue(m, &e);
        return r < 0 ? r : membership_store(m->vault, g);
}

/* -- what the new epoch is ---------------------------------------------------------------------------------------- */

/* Of @list, what is still to be: items that the members' addresses hold, or with @held false do not hold. */
static void keep_open(struct writer *list, struct bytes members, bool held, struct bytes (*address)(struct bytes item))
{
        struct writer open = WRITER_INIT;
        struct reader r;

        reader_init(&r, writer_bytes(list));
        while (reader_more(&r)) {
                struct bytes item = read_vector(&r);

                if (list_holds(members, address(item)) == held)
                        write_vector(&open, item);
        }
        writer_release(list);
        *list = open;
}

static struct bytes itself(struct bytes address)
{
        return address;
}

/* Roles that are to be given still, to people who are in it still. */
static void keep_open_roles(struct wanted *w, const struct membership *g, const struct roles *roles)
{
        struct writer open = WRITER_INIT;
        struct device_credential who;
        struct reader r;

        reader_init(&r, writer_bytes(&w->roles));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);
                uint8_t role = read_u8(&r);

                for (uint32_t leaf = 0; membership_member(g, &leaf, &who); leaf++) {
                        if (!bytes_equal(who.address, address))
                                continue;
                        if (roles_of(roles, who.root_key) != (enum role) role) {
                                write_vector(&open, address);
                                write_u8(&open, role);
                        }
                        break;
                }
        }
        writer_release(&w->roles);
        w->roles = open;
}

/* Drops what has been brought about, by whomever. */
static void forget_what_is(struct wanted *w, const struct membership *g)
{
        _cleanup_writer_ struct writer members = WRITER_INIT, picture = WRITER_INIT;
        struct profile profile;
        struct roles roles;

        membership_addresses(g, &members);
        keep_open(&w->added, writer_bytes(&members), false, package_address);
        keep_open(&w->removed, writer_bytes(&members), true, itself);
        writer_release(&w->leavers);
        membership_roles(g, &profile, &roles);
        keep_open_roles(w, g, &roles);
        if (bytes_equal(profile.name, writer_bytes(&w->name)))
                writer_release(&w->name);
        write_vector(&picture, profile.picture);
        if (bytes_equal(writer_bytes(&picture), writer_bytes(&w->picture)))
                writer_release(&w->picture);
        if (w->policy == (profile.policy | WANTED_POLICY))
                w->policy = 0;
        if (membership_may_invite(g))
                invitations_settle(profile.invitations, notice_time() / 1000000, &w->invitations);
        else
                writer_release(&w->invitations);
        w->changed = true;
}

static int follow_profile(struct messenger *m, struct conversation *c, struct membership *g)
{
        struct profile p;
        struct roles roles;
        int r;

        membership_roles(g, &p, &roles);
        r = notice_add_roles(m, c, g, &roles);
        membership_note_roles(g);
        if (r < 0 || p.name.size == 0 || bytes_equal(p.name, BYTES_STRING(c->name)))
                return r;
        memcpy(c->name, p.name.data, p.name.size);
        c->name[p.name.size] = '\0';
        r = conversation_store(m->vault, c);
        return r < 0 ? r : notice_add(m, c, "The name is now “%s”.", c->name);
}

/* What cannot be committed is given up, and said, so that it does not stand in the way of the rest. */
static int commit_again(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r = messenger_commit(m, c, g);

        if (r >= 0 || !wanted_any(&g->wanted))
                return r;
        group_clear_pending(g->group);
        messenger_give_up(g);
        r = notice_add(m, c, "A change of the group could not be made; try it again.");
        return r < 0 ? r : membership_store(m->vault, g);
}

void messenger_give_up(struct membership *g)
{
        writer_release(&g->wanted.added);
        writer_release(&g->wanted.removed);
        writer_release(&g->wanted.name);
        writer_release(&g->wanted.roles);
        writer_release(&g->wanted.picture);
        writer_release(&g->wanted.invitations);
        g->wanted.policy = 0;
        g->wanted.changed = true;
}

int messenger_followed(struct messenger *m, struct conversation *c, struct membership *g, struct bytes before,
                       struct bytes actor, bool again)
{
        _cleanup_writer_ struct writer after = WRITER_INIT;
        int r = 0;

        if (c->kind != CONVERSATION_PERSON)
                messenger_members(m, g, &after);
        if (c->kind == CONVERSATION_GROUP) {
                r = notice_add_changes(m, c, before, writer_bytes(&after), actor, writer_bytes(&g->wanted.leavers));
                if (r >= 0 && c->standing.approval != APPROVAL_REQUEST)
                        r = messenger_meet(m, g);
                if (r >= 0)
                        r = follow_profile(m, c, g);
        } else if (c->kind == CONVERSATION_ROOM) { /* nobody is put out: whoever goes has left */
                r = notice_add_changes(m, c, before, writer_bytes(&after), actor, before);
                writer_release(&g->wanted.removed); /* who has gone is said anew: they may be back */
        }
        g->refused = 0;
        forget_what_is(&g->wanted, g);
        if (r >= 0)
                r = messenger_caught_up(m, c);
        if (r >= 0 && c->kind == CONVERSATION_GROUP)
                r = messenger_note_arrivals(m, c, g, before);
        if (r >= 0 && g->wanted.leave && c->kind == CONVERSATION_ROOM)
                return membership_store(m->vault, g); /* the hub knows */
        if (r >= 0 && g->wanted.leave)
                return membership_other(g) ? messenger_propose_to_leave(m, c, g) : messenger_gone(m, c, g);
        if (r >= 0 && (again || wanted_any(&g->wanted)))
                r = commit_again(m, c, g);
        return r < 0 ? r : membership_store(m->vault, g);
}

/* -- what became of ours ------------------------------------------------------------------------------------------ */

int messenger_accepted(struct messenger *m, struct conversation *c, struct membership *g)
{
        _cleanup_writer_ struct writer before = WRITER_INIT, after = WRITER_INIT;
        int r;

        messenger_members(m, g, &before);
        group_merge_pending(g->group);
        messenger_members(m, g, &after);
        g->messages = 0;
        r = messenger_tell_others(m, g, writer_bytes(&before), writer_bytes(&after));
        if (r >= 0)
                r = messenger_followed(m, c, g, writer_bytes(&before), BYTES(NULL, 0), false);
        return r < 0 || g->gone ? r : messenger_encrypt_waiting(m, c);
}

int messenger_fail_waiting(struct messenger *m, struct conversation *c)
{
        for (;;) {
                _cleanup_(unsent_release) struct unsent u = { 0 };
                int r = unsent_next(m->vault, conversation_id(c), &u);

                if (r <= 0)
                        return r;
                if (u.message > 0) {
                        r = history_set_state(m->vault, u.message, MESSAGE_FAILED);
                        messenger_tell_changed(m, c, u.message, MESSAGE_FAILED);
                }
                if (r >= 0)
                        r = unsent_remove(m->vault, u.number);
                if (r < 0)
                        return r;
        }
}

int messenger_gone(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r = membership_erase(m->vault, g);

        g->gone = true;
        if (r >= 0 && c->kind != CONVERSATION_PERSON)
                r = g->wanted.leave ? notice_add(m, c, "You left.") : notice_add(m, c, "You were removed.");
        return r < 0 || conversation_current(c) ? r : messenger_fail_waiting(m, c);
}

int messenger_outlaw(struct messenger *m, struct conversation *c, struct membership *g, struct bytes actor)
{
        int r = g->refused++ > 0 ? 0
                                 : notice_add(m, c,
                                              "%.*s tried to change the group in a way that only others may. Nobody "
                                              "has followed; an admin can remove them.",
                                              (int) actor.size, (const char *) actor.data);

        if (r >= 0 && wanted_any(&g->wanted) && !group_has_pending(g->group))
                r = commit_again(m, c, g);
        return r < 0 ? r : membership_store(m->vault, g);
}

int messenger_refused(struct messenger *m, struct conversation *c, struct membership *g, bool stale, bool winner_comes)
{
        int r;

        group_clear_pending(g->group);
        if (c->kind == CONVERSATION_PERSON && !membership_other(g)) /* nobody but us has ever been in it */
                return messenger_gone(m, c, g);
        if (stale && winner_comes) { /* and what is wanted is committed on top of it */
                if (c->kind == CONVERSATION_GROUP)
                        c->stale_since = notice_time() / 1000000;
                return membership_store(m->vault, g);
        }
        if (stale) /* it has come, and was refused */
                return commit_again(m, c, g);
        r = wanted_any(&g->wanted) ? notice_add(m, c, "The hub refused a change of the group; try it again.") : 0;
        messenger_give_up(g);
        if (r >= 0)
                r = membership_store(m->vault, g);
        if (r < 0)
                return r;
        return membership_other(g) ? messenger_encrypt_waiting(m, c) : messenger_fail_waiting(m, c);
}

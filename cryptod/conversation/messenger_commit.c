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

#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/parcel.h"
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
                if (leaf != e->keys.leaf && list_holds(writer_bytes(&g->wanted.removed), who.address))
                        d->remove[d->change.remove_count++] = leaf;
        }
        d->change.remove = d->remove;
}

static int draft_name(const struct conversation *c, const struct membership *g, struct draft *d)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        const struct profile profile = { c->kind, writer_bytes(&g->wanted.name) };

        if (profile.name.size == 0)
                return 0;
        profile_write(&profile, &extensions);
        proposal_write_group_context_extensions(&d->extensions, writer_bytes(&extensions));
        d->proposal = writer_bytes(&d->extensions);
        d->change.proposals = &d->proposal;
        d->change.proposal_count = 1;
        return writer_finish(&d->extensions);
}

/* A member as messenger_spell() writes it, without the mark. */
static struct bytes unmarked(struct bytes spelt)
{
        return spelt.size > 0 && spelt.data[0] == '?' ? BYTES(spelt.data + 1, spelt.size - 1) : spelt;
}

/* Whoever goes is told afterwards: the hub takes an envelope for all or for none, and a mailbox that is full or gone
 * must not keep its owner in the group. */
static void leave_out(struct writer *recipients, struct bytes who)
{
        struct reader r;

        reader_init(&r, who);
        while (reader_more(&r))
                list_remove(recipients, unmarked(read_vector(&r)));
}

int messenger_tell_removed(struct messenger *m, const struct membership *g, struct bytes before, struct bytes after)
{
        _cleanup_(envelope_release) struct envelope commit = { 0 };
        struct reader reader;
        int r = outbox_find(m->vault, BYTES_OF(g->pending), &commit);

        reader_init(&reader, before);
        while (r > 0 && reader_more(&reader)) {
                struct bytes who = read_vector(&reader);
                _cleanup_writer_ struct writer recipients = WRITER_INIT;
                struct envelope e = { .content = commit.content };

                if (list_holds(after, who))
                        continue;
                write_vector(&recipients, unmarked(who));
                e.recipients = writer_bytes(&recipients);
                r = messenger_queue(m, &e);
                r = r < 0 ? r : 1;
        }
        return r < 0 ? r : 0;
}

int messenger_commit(struct messenger *m, struct conversation *c, struct membership *g)
{
        _cleanup_(draft_release) struct draft d = { .change.cached = true };
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT, content = WRITER_INIT;
        const struct group_host host = { .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        struct envelope e = { .membership = g->id, .group = membership_group_id(g), .epoch = membership_epoch(g) };
        int r;

        messenger_recipients(m, g, &d.recipients);
        leave_out(&d.recipients, writer_bytes(&g->wanted.removed));
        leave_out(&d.recipients, writer_bytes(&g->wanted.leavers));
        draft_adds(g, &d);
        draft_removals(g, &d);
        r = draft_name(c, g, &d);
        if (r >= 0)
                r = group_commit(g->group, &d.change, &host, &commit, &welcome);
        if (r < 0)
                return r;
        parcel_write(&(struct parcel){ writer_bytes(&commit), writer_bytes(&welcome) }, &content);
        r = writer_finish(&content);
        if (r >= 0)
                r = writer_finish(&d.recipients);
        if (r >= 0 && content.size > ENVELOPE_MAX)
                r = -EMSGSIZE;
        if (r < 0)
                return r;
        e.recipients = writer_bytes(&d.recipients);
        e.content = writer_bytes(&content);
        r = messenger_queue(m, &e);
        if (r < 0)
                return r;
        memcpy(g->pending, e.id, sizeof(g->pending));
        return membership_store(m->vault, g);
}

int messenger_propose_to_leave(struct messenger *m, struct membership *g)
{
        _cleanup_writer_ struct writer proposal = WRITER_INIT, message = WRITER_INIT, recipients = WRITER_INIT;
        struct envelope e = { 0 };
        int r;

        proposal_write_remove(&proposal, group_epoch(g->group)->keys.leaf);
        messenger_recipients(m, g, &recipients);
        r = group_propose(g->group, writer_bytes(&proposal), BYTES(NULL, 0), &(struct group_framing){ 0 }, &message);
        if (r < 0)
                return r;
        e.recipients = writer_bytes(&recipients);
        e.content = writer_bytes(&message);
        r = messenger_queue(m, &e);
        return r < 0 ? r : membership_store(m->vault, g);
}

/* -- what the new epoch is ---------------------------------------------------------------------------------------- */

/* Drops what has been brought about, by whomever. */
static void forget_what_is(struct wanted *w, const struct membership *g)
{
        _cleanup_writer_ struct writer members = WRITER_INIT, added = WRITER_INIT, removed = WRITER_INIT;
        struct profile profile;
        struct reader r;

        membership_addresses(g, &members);
        reader_init(&r, writer_bytes(&w->added));
        while (reader_more(&r)) {
                struct bytes package = read_vector(&r);

                if (!list_holds(writer_bytes(&members), package_address(package)))
                        write_vector(&added, package);
        }
        reader_init(&r, writer_bytes(&w->removed));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                if (list_holds(writer_bytes(&members), address))
                        write_vector(&removed, address);
        }
        writer_release(&w->added);
        writer_release(&w->removed);
        writer_release(&w->leavers);
        if (profile_read(group_epoch(g->group)->context.extensions, &profile) >= 0 &&
            bytes_equal(profile.name, writer_bytes(&w->name)))
                writer_release(&w->name);
        w->added = added;
        w->removed = removed;
        added = removed = WRITER_INIT;
        w->changed = true;
}

static int follow_name(struct messenger *m, struct conversation *c, const struct membership *g)
{
        struct profile p;
        int r = profile_read(group_epoch(g->group)->context.extensions, &p);

        if (r < 0 || bytes_equal(p.name, BYTES_STRING(c->name)))
                return r < 0 ? 0 : r; /* a name that is none leaves the old one */
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
        g->wanted.changed = true;
}

int messenger_followed(struct messenger *m, struct conversation *c, struct membership *g, struct bytes before,
                       struct bytes actor, bool again)
{
        _cleanup_writer_ struct writer after = WRITER_INIT;
        int r = 0;

        if (c->kind != CONVERSATION_PERSON) {
                messenger_members(m, g, &after);
                r = notice_add_changes(m, c, before, writer_bytes(&after), actor, writer_bytes(&g->wanted.leavers));
                if (r >= 0)
                        r = messenger_meet(m, g);
                if (r >= 0)
                        r = follow_name(m, c, g);
        }
        forget_what_is(&g->wanted, g);
        if (r >= 0 && g->wanted.leave)
                return membership_other(g) ? messenger_propose_to_leave(m, g) : messenger_gone(m, c, g);
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
        r = messenger_tell_removed(m, g, writer_bytes(&before), writer_bytes(&after));
        if (r >= 0)
                r = messenger_followed(m, c, g, writer_bytes(&before), BYTES(NULL, 0), false);
        return r < 0 || g->gone ? r : messenger_encrypt_waiting(m, c);
}

int messenger_fail_waiting(struct messenger *m, struct conversation *c)
{
        int64_t id;
        int r = 0;

        while (r >= 0 && (id = history_first_unsent(m->vault, conversation_id(c))) > 0) {
                r = history_set_state(m->vault, (uint64_t) id, MESSAGE_FAILED);
                messenger_tell_changed(m, c, (uint64_t) id, MESSAGE_FAILED);
        }
        return r < 0 ? r : id < 0 ? (int) id : 0;
}

int messenger_gone(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r = membership_erase(m->vault, g);

        g->gone = true;
        if (r >= 0 && c->kind != CONVERSATION_PERSON)
                r = g->wanted.leave ? notice_add(m, c, "You left.") : notice_add(m, c, "You were removed.");
        return r < 0 || conversation_current(c) ? r : messenger_fail_waiting(m, c);
}

int messenger_refused(struct messenger *m, struct conversation *c, struct membership *g, bool stale)
{
        int r;

        group_clear_pending(g->group);
        if (c->kind == CONVERSATION_PERSON && !membership_other(g)) /* nobody but us has ever been in it */
                return messenger_gone(m, c, g);
        if (stale) /* the winner comes, and what is wanted is committed on top of it */
                return membership_store(m->vault, g);
        r = wanted_any(&g->wanted) ? notice_add(m, c, "The hub refused a change of the group; try it again.") : 0;
        messenger_give_up(g);
        if (r >= 0)
                r = membership_store(m->vault, g);
        if (r < 0)
                return r;
        return membership_other(g) ? messenger_encrypt_waiting(m, c) : messenger_fail_waiting(m, c);
}

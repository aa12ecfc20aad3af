/* See messenger_room.h. */
#include "cryptod/conversation/messenger_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"

struct conversation *messenger_room(struct messenger *m, struct bytes name)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                if (c->kind == CONVERSATION_ROOM && bytes_equal(BYTES_STRING(c->name + 1), name))
                        return c;
        }
        return NULL;
}

bool messenger_is_in_room(const struct conversation *c)
{
        return messenger_is_member(c) && !c->memberships->wanted.joining;
}

/* -- what is sent ------------------------------------------------------------------------------------------------- */

int messenger_post(struct messenger *m, const struct conversation *c, struct membership *g, struct room_post *p,
                   struct envelope *e)
{
        _cleanup_writer_ struct writer content = WRITER_INIT;
        int r;

        p->room = BYTES_STRING(c->name + 1);
        p->group = membership_group_id(g);
        r = room_post_write(p, &content);
        if (r < 0)
                return r;
        e->is_for_room = true;
        e->membership = g->id;
        e->content = writer_bytes(&content);
        return messenger_queue(m, e);
}

/* The same for what is waited for. */
static int post_pending(struct messenger *m, const struct conversation *c, struct membership *g, struct room_post *p)
{
        struct envelope e = { 0 };
        int r = messenger_post(m, c, g, p, &e);

        if (r < 0)
                return r;
        memcpy(g->pending, e.id, sizeof(g->pending));
        return membership_store(m->vault, g);
}

/* The names of addresses on our hub, which alone can be in the room. */
static void list_names(struct bytes addresses, struct writer *names)
{
        struct reader r;

        reader_init(&r, addresses);
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);
                const uint8_t *at = address.size > 0 ? memchr(address.data, '@', address.size) : NULL;

                if (at)
                        list_add(names, BYTES(address.data, (size_t) (at - address.data)));
        }
}

int messenger_post_commit(struct messenger *m, const struct conversation *c, struct membership *g, struct bytes removed,
                          struct bytes commit)
{
        _cleanup_writer_ struct writer names = WRITER_INIT, info = WRITER_INIT;
        struct room_post p = { .step = ROOM_COMMIT, .epoch = membership_epoch(g), .payload = commit };
        int r = group_publish_pending_info(g->group, true, &info);

        list_names(removed, &names);
        if (r >= 0)
                r = writer_finish(&info);
        if (r < 0)
                return r;
        p.removed = writer_bytes(&names);
        p.group_info = writer_bytes(&info);
        return post_pending(m, c, g, &p);
}

int messenger_leave_room(struct messenger *m, const struct conversation *c, struct membership *g, struct bytes proposal)
{
        return post_pending(m, c, g, &(struct room_post){ .step = ROOM_LEAVE, .payload = proposal });
}

/* The address of an account on our hub. */
static void write_address(const struct messenger *m, struct bytes name, struct writer *out)
{
        const char *host = strchr(m->device->places[0].address, '@');

        write_fixed(out, name);
        write_fixed(out, BYTES_STRING(host ? host : ""));
}

/* -- joining ------------------------------------------------------------------------------------------------------ */

/* What a join brings to the hub. */
struct way_in {
        struct writer commit, info;
        uint64_t epoch;
};

static void way_in_release(struct way_in *e)
{
        writer_release(&e->commit);
        writer_release(&e->info);
}

static int begin_group(struct messenger *m, struct bytes name, uint64_t now, struct membership *g, struct way_in *e)
{
        const struct profile profile = { .kind = CONVERSATION_ROOM, .name = name, .policy = POLICY_ALL };
        _cleanup_writer_ struct writer extensions = WRITER_INIT, welcome = WRITER_INIT;
        int r;

        profile_write(&profile, &extensions);
        r = messenger_new_group(m, BYTES(NULL, 0), writer_bytes(&extensions), now, &g->group);
        if (r >= 0)
                r = group_commit(g->group, &(struct group_change){ 0 }, NULL, &e->commit, &welcome);
        return r < 0 ? r : group_publish_pending_info(g->group, true, &e->info);
}

/* It has to be the room that was asked for, where the hub says that it stands. */
static int come_in(struct messenger *m, struct bytes name, const struct room_state *state, struct membership *g,
                   struct way_in *e)
{
        struct profile profile;
        struct conversation *c;
        int r = messenger_join_external(m, &(struct external_join){ .group_info = state->group_info },
                                        &m->device->places[0], g, &e->commit);

        if (r >= 0 && messenger_group(m, membership_group_id(g), &c))
                r = -EALREADY; /* an id stands for one group alone (§12.4.3.1) */

        if (r >= 0)
                r = profile_read(group_epoch(g->group)->context.extensions, &profile);
        if (r < 0)
                return r;
        if (profile.kind != CONVERSATION_ROOM || !bytes_equal(profile.name, name) ||
            !bytes_equal(membership_group_id(g), state->group) || membership_epoch(g) != state->epoch + 1)
                return -EBADMSG;
        e->epoch = state->epoch;
        return group_publish_info(g->group, true, &e->info);
}

static int enter(struct messenger *m, struct bytes name, struct bytes body, uint64_t now, struct membership *g,
                 struct way_in *e)
{
        struct room_state state;
        int r = room_state_read(body, &state);

        if (r < 0)
                return r;
        r = state.group.size == 0 ? begin_group(m, name, now, g, e) : come_in(m, name, &state, g, e);
        if (r >= 0)
                r = writer_finish(&e->commit);
        return r < 0 ? r : writer_finish(&e->info);
}

static int store_joining(struct messenger *m, struct conversation *c, struct membership *g, const struct way_in *e)
{
        struct room_post p = { .step = ROOM_JOIN,
                               .epoch = e->epoch,
                               .group_info = writer_bytes(&e->info),
                               .payload = writer_bytes(&e->commit) };
        int r = conversation_store(m->vault, c);

        g->wanted.joining = g->wanted.changed = true;
        if (r >= 0)
                r = membership_add(m->vault, g, conversation_id(c));
        return r < 0 ? r : post_pending(m, c, g, &p);
}

static int store_new(struct messenger *m, struct conversation *c, struct membership *g, const struct way_in *e)
{
        bool rejoin = c->rejoin;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        c->rejoin = false;
        r = messenger_end(m, NULL, store_joining(m, c, g, e));
        if (r < 0)
                c->rejoin = rejoin;
        return r;
}

int messenger_join_room(struct messenger *m, struct bytes name, struct bytes state, uint64_t now,
                        struct conversation **out)
{
        _cleanup_(way_in_release) struct way_in way = { 0 };
        struct conversation *c = messenger_room(m, name);
        bool is_new = !c;
        struct membership *g;
        int r;

        if (!room_name_valid(name))
                return -EINVAL;
        if (c && c->memberships) {
                *out = c;
                return c->memberships->wanted.leave ? -EBUSY : 0;
        }
        g = calloc(1, sizeof(*g));
        if (!g)
                abort();
        r = enter(m, name, state, now, g, &way);
        if (is_new)
                c = conversation_new_room(name);
        if (r >= 0)
                r = store_new(m, c, g, &way);
        if (r < 0) {
                membership_free(g);
                if (is_new)
                        conversation_free(c);
                return r;
        }
        conversation_attach(c, g);
        messenger_appeared(m, c, is_new);
        *out = c;
        return 0;
}

int messenger_joined(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r;

        if (group_has_pending(g->group)) /* we have begun it */
                group_merge_pending(g->group);
        g->wanted.joining = false;
        g->wanted.changed = true;
        r = c->kind == CONVERSATION_ROOM ? notice_add(m, c, "You are in %s.", c->name) : messenger_entered(m, c, g);
        if (r >= 0)
                r = membership_store(m->vault, g);
        return r < 0 ? r : messenger_encrypt_waiting(m, c);
}

int messenger_vouch(struct messenger *m, const struct conversation *c, const struct device_credential *who,
                    struct bytes name)
{
        _cleanup_writer_ struct writer address = WRITER_INIT;
        int r;

        write_address(m, name, &address);
        if (bytes_equal(who->address, writer_bytes(&address)))
                return messenger_meet_one(m, who);
        r = notice_add(m, c,
                       "The account %.*s has come in under the name %.*s, which is not its own. What is said here "
                       "under that name may be said by somebody else.",
                       (int) address.size, (const char *) address.data, (int) who->address.size,
                       (const char *) who->address.data);
        return r < 0 ? r : 1;
}

int messenger_turn_out(struct messenger *m, struct conversation *c, struct membership *g, uint32_t leaf,
                       struct bytes name)
{
        _cleanup_writer_ struct writer address = WRITER_INIT;
        int r;

        if (g->wanted.leave || group_has_pending(g->group) || !membership_is_first_beside(g, leaf))
                return 0;
        write_address(m, name, &address);
        list_add(&g->wanted.leavers, writer_bytes(&address)); /* for the hub's roster */
        g->wanted.changed = true;
        g->intruder = leaf + 1;
        r = messenger_commit(m, c, g);
        g->intruder = 0;
        return r;
}

int messenger_shut_out(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r = membership_erase(m->vault, g);

        g->gone = true;
        if (r >= 0)
                r = notice_add(m, c, "The hub did not let you into %s; try again later.", c->name);
        return r < 0 ? r : messenger_fail_waiting(m, c);
}

/* -- out of it ---------------------------------------------------------------------------------------------------- */

int messenger_fallen_out(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r = membership_erase(m->vault, g);

        g->gone = true;
        c->rejoin = true; /* if this transaction fails, it is joined all the same */
        return r < 0 ? r : conversation_store(m->vault, c);
}

const char *messenger_next_room(const struct messenger *m)
{
        for (const struct conversation *c = m->conversations; c; c = c->next) {
                if (c->kind == CONVERSATION_ROOM && c->rejoin && !c->memberships)
                        return c->name + 1;
        }
        return NULL;
}

int messenger_forgo_room(struct messenger *m, const char *name)
{
        struct conversation *c = messenger_room(m, BYTES_STRING(name));
        int r = c && c->rejoin ? messenger_begin(m) : 0;

        if (r < 0 || !c || !c->rejoin)
                return r;
        c->rejoin = false;
        r = conversation_store(m->vault, c);
        if (r >= 0)
                r = notice_add(m, c, "You are not in %s any more, and it cannot be joined again.", c->name);
        if (r >= 0)
                r = messenger_fail_waiting(m, c);
        r = messenger_end(m, NULL, r);
        if (r < 0)
                c->rejoin = true;
        return r;
}

/* Enters those of @names who are members into what is to be removed. */
static void want_removed(const struct messenger *m, struct membership *g, const char *names)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;

        membership_addresses(g, &members);
        for (const char *name = names; *name; name += strspn(name, " ")) {
                _cleanup_writer_ struct writer address = WRITER_INIT;
                size_t size = strcspn(name, " ");

                write_address(m, BYTES(name, size), &address);
                name += size;
                if (list_holds(writer_bytes(&members), writer_bytes(&address)) &&
                    !bytes_equal(writer_bytes(&address), BYTES_STRING(m->device->places[0].address)))
                        list_add(&g->wanted.removed, writer_bytes(&address));
        }
        g->wanted.changed = true;
}

int messenger_departed(struct messenger *m, struct bytes id, const char *names)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };
        struct conversation *c;
        struct membership *g;
        int r = *names ? outbox_find(m->vault, id, &e) : 0;

        g = r > 0 && e.is_for_room ? messenger_stored_group(m, e.membership, &c) : NULL;
        if (!g || g->wanted.leave || g->wanted.joining)
                return r < 0 ? r : 0;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        want_removed(m, g, names);
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

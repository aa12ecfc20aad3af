/* See messenger.h: groups, as a person asks for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"

static int check_invitees(struct messenger *m, const struct invitee *invitees, size_t count, uint64_t now)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < count; i++)
                r = messenger_check_package(m, invitees[i].address, invitees[i].key_package, now, NULL);
        return r;
}

/* Enters people into what is wanted of @g. */
static int want_added(struct membership *g, const struct invitee *invitees, size_t count)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;

        if (group_epoch(g->group)->tree.leaves + count > GROUP_MEMBERS_MAX)
                return -E2BIG;
        membership_addresses(g, &members);
        for (size_t i = 0; i < count; i++) {
                struct bytes address = BYTES_STRING(invitees[i].address);

                if (list_holds(writer_bytes(&members), address))
                        continue;
                write_vector(&g->wanted.added, invitees[i].key_package);
                write_vector(&members, address);
                list_remove(&g->wanted.removed, address);
        }
        g->wanted.changed = true;
        return writer_finish(&g->wanted.added);
}

static int store_created(struct messenger *m, struct conversation *c, struct membership *g)
{
        int r = conversation_store(m->vault, c);

        if (r >= 0)
                r = membership_add(m->vault, g, conversation_id(c));
        if (r >= 0)
                r = notice_add(m, c, "You created “%s”.", c->name);
        return r < 0 ? r : messenger_commit_unless_pending(m, c, g);
}

int messenger_create_group(struct messenger *m, struct bytes name, const struct invitee *invitees, size_t count,
                           uint64_t now, struct conversation **out)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        _cleanup_writer_ struct writer roles = WRITER_INIT;
        struct profile profile = { CONVERSATION_GROUP, name, .policy = POLICY_ALL };
        struct conversation *c;
        struct membership *g;
        int r;

        if (!profile_name_valid(name))
                return -EINVAL;
        g = calloc(1, sizeof(*g));
        if (!g)
                abort();
        write_vector(&roles, writer_bytes(&m->device->root_key));
        write_u8(&roles, ROLE_OWNER);
        profile.roles = writer_bytes(&roles);
        profile_write(&profile, &extensions);
        r = check_invitees(m, invitees, count, now);
        if (r >= 0)
                r = messenger_new_group(m, BYTES_STRING(count > 0 ? invitees[0].address : ""),
                                        writer_bytes(&extensions), now, &g->group);
        if (r >= 0)
                r = want_added(g, invitees, count);
        if (r < 0) {
                membership_free(g);
                return r;
        }
        c = conversation_new_group(membership_group_id(g), &profile);
        r = messenger_begin(m);
        if (r >= 0)
                r = messenger_end(m, NULL, store_created(m, c, g));
        if (r < 0) {
                membership_free(g);
                conversation_free(c);
                return r;
        }
        conversation_attach(c, g);
        messenger_appeared(m, c, true);
        *out = c;
        return 0;
}

int messenger_changeable(struct conversation *c, struct membership **out)
{
        struct membership *g = c->memberships;

        if (c->kind != CONVERSATION_GROUP)
                return c->kind == CONVERSATION_ROOM ? -EOPNOTSUPP : -EINVAL;
        if (!g || !g->group || g->wanted.leave || g->wanted.joining)
                return -ENOTCONN;
        *out = g;
        return 0;
}

int messenger_add_members(struct messenger *m, struct conversation *c, const struct invitee *invitees, size_t count,
                          uint64_t now)
{
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r >= 0)
                r = check_invitees(m, invitees, count, now);
        if (r >= 0)
                r = messenger_begin(m);
        if (r < 0)
                return r;
        r = want_added(g, invitees, count);
        return messenger_end(m, g, r < 0 ? r : messenger_commit_unless_pending(m, c, g));
}

bool messenger_has_member(const struct conversation *c, struct bytes address)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;

        if (!messenger_is_member(c) || !c->memberships->group)
                return false;
        membership_addresses(c->memberships, &members);
        return list_holds(writer_bytes(&members), address);
}

int messenger_remove_member(struct messenger *m, struct conversation *c, const char *address)
{
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r < 0)
                return r;
        if (!messenger_has_member(c, BYTES_STRING(address)) || device_is_at(m->device, BYTES_STRING(address)))
                return -ENOENT;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        list_add(&g->wanted.removed, BYTES_STRING(address));
        g->wanted.changed = true;
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

int messenger_rename(struct messenger *m, struct conversation *c, struct bytes name)
{
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r >= 0 && !profile_name_valid(name))
                r = -EDOM;
        if (r < 0 || bytes_equal(name, BYTES_STRING(c->name)))
                return r;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        writer_release(&g->wanted.name);
        write_fixed(&g->wanted.name, name);
        g->wanted.changed = true;
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

int messenger_set_role(struct messenger *m, struct conversation *c, const char *address, enum role role)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r < 0)
                return r;
        membership_addresses(g, &members);
        if (!list_holds(writer_bytes(&members), BYTES_STRING(address)))
                return -ENOENT;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        write_vector(&g->wanted.roles, BYTES_STRING(address)); /* the last word counts */
        write_u8(&g->wanted.roles, (uint8_t) role);
        g->wanted.changed = true;
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

int messenger_set_policy(struct messenger *m, struct conversation *c, uint8_t policy)
{
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r >= 0)
                r = messenger_begin(m);
        if (r < 0)
                return r;
        g->wanted.policy = policy | WANTED_POLICY;
        g->wanted.changed = true;
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

int messenger_set_picture(struct messenger *m, struct conversation *c, struct bytes picture)
{
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r >= 0 && picture.size > CONVERSATION_PICTURE_MAX)
                r = -EMSGSIZE;
        if (r >= 0)
                r = messenger_begin(m);
        if (r < 0)
                return r;
        writer_release(&g->wanted.picture);
        write_vector(&g->wanted.picture, picture);
        g->wanted.changed = true;
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

int messenger_group_profile(const struct conversation *c, struct profile *out)
{
        struct roles roles;

        if (c->kind == CONVERSATION_PERSON)
                return -EINVAL;
        if (!messenger_is_member(c) || !c->memberships->group)
                return -ENOTCONN;
        membership_roles(c->memberships, out, &roles);
        return 0;
}

int messenger_leave(struct messenger *m, struct conversation *c)
{
        struct membership *g = c->memberships;
        int r = c->kind == CONVERSATION_PERSON ? -EINVAL : 0;

        if (r >= 0 && (!g || !g->group || g->wanted.leave))
                r = -ENOTCONN;
        if (r >= 0 && g->wanted.joining)
                r = -EBUSY;
        if (r >= 0)
                r = messenger_begin(m);
        if (r < 0)
                return r;
        g->wanted.leave = g->wanted.changed = true;
        messenger_give_up(g);
        r = membership_other(g) || c->kind == CONVERSATION_ROOM ? messenger_propose_to_leave(m, c, g)
                                                                : messenger_gone(m, c, g);
        return messenger_end(m, g, r);
}

bool messenger_is_member(const struct conversation *c)
{
        return c->memberships && !c->memberships->wanted.leave;
}

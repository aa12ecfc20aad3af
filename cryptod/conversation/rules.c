/* See rules.h. */
#include "cryptod/conversation/rules.h"

#include <errno.h>
#include <stdlib.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/invitation.h"
#include "cryptod/conversation/profile.h"
#include "cryptod/conversation/roles.h"
#include "services/cleanup.h"

struct judgement {
        const struct commit_view *commit;
        const struct ratchet_tree *tree; /* before */
        bool *goes;                      /* of each leaf of it: whether the commit takes it out */
        struct profile before, after;
        struct device_credential actor;
        enum role rank; /* the actor's */
        bool adds;
        bool expels; /* takes out somebody who has not asked for it, and is none of the actor's */
};

/* Members whom the commit leaves in. */
static bool stays(const void *userdata, uint32_t leaf)
{
        return !((const struct judgement *) userdata)->goes[leaf];
}

static int account_at(const struct ratchet_tree *t, uint32_t leaf, struct device_credential *out)
{
        const struct leaf_node *node = ratchet_tree_leaf(t, leaf);

        return node && device_credential_peek(node, out) >= 0 ? 0 : -EPERM;
}

static bool is_actor(const struct judgement *j, struct bytes root_key)
{
        return bytes_equal(j->actor.root_key, root_key);
}

/* Who somebody is does not change with a commit of theirs. */
static int judge_leaf(const struct judgement *j)
{
        struct device_credential now;

        if (!j->commit->leaf)
                return 0;
        if (device_credential_peek(j->commit->leaf, &now) < 0)
                return -EPERM;
        return bytes_equal(now.address, j->actor.address) && is_actor(j, now.root_key) ? 0 : -EPERM;
}

static int judge_add(const struct judgement *j, const struct proposal *p)
{
        struct device_credential who;

        if (device_credential_peek(&p->add.leaf, &who) < 0)
                return -EPERM;
        return j->rank >= ROLE_ADMIN || (j->before.policy & POLICY_MEMBERS_ADD) || is_actor(j, who.root_key) ? 0
                                                                                                             : -EPERM;
}

/* Does not go of their own will, and is no device of the actor's. */
static bool is_expelled(const struct judgement *j, const struct listed_proposal *l)
{
        struct device_credential who;

        return !(l->stored && l->sender == l->proposal.removed) &&
               !(account_at(j->tree, l->proposal.removed, &who) >= 0 && is_actor(j, who.root_key));
}

static int judge_removal(const struct judgement *j, const struct roles *roles, const struct listed_proposal *l)
{
        struct device_credential who;

        if (l->stored && l->sender == l->proposal.removed) /* wants to leave */
                return 0;
        if (account_at(j->tree, l->proposal.removed, &who) < 0)
                return -EPERM;
        return j->rank == ROLE_OWNER || is_actor(j, who.root_key) || j->rank > roles_of(roles, who.root_key) ? 0
                                                                                                             : -EPERM;
}

/* Invitations are made, and the uses of one are counted, by their author alone: another's client would answer for
 * them, and be blamed. */
static bool invites_for_others(const struct judgement *j)
{
        uint8_t author[AUTHOR_SIZE];
        struct invitation now, then;
        struct reader r;

        content_author(j->actor.address, j->actor.root_key, author);
        reader_init(&r, j->after.invitations);
        while (reader_more(&r)) {
                invitation_read(&r, &now);
                if (!(invitations_find(j->before.invitations, now.id, &then) && invitation_equal(&now, &then)) &&
                    !bytes_equal(now.author, BYTES_OF(author)))
                        return true;
        }
        return false;
}

static int judge_extensions(const struct judgement *j, struct bytes before, struct bytes after)
{
        _cleanup_writer_ struct writer then = WRITER_INIT, now = WRITER_INIT;
        const struct profile *a = &j->before, *b = &j->after;

        profile_write_others(before, &then);
        profile_write_others(after, &now);
        if (!bytes_equal(a->invitations, b->invitations) &&
            ((j->rank < ROLE_ADMIN && !(a->policy & POLICY_MEMBERS_ADD)) || invites_for_others(j)))
                return -EPERM;
        if (!bytes_equal(writer_bytes(&then), writer_bytes(&now)) || a->kind != b->kind ||
            (a->policy != b->policy && j->rank < ROLE_ADMIN))
                return -EPERM;
        return (bytes_equal(a->name, b->name) && bytes_equal(a->picture, b->picture)) || j->rank >= ROLE_ADMIN ||
                               (a->policy & POLICY_MEMBERS_EDIT)
                       ? 0
                       : -EPERM;
}

static bool may_give(const struct judgement *j, struct bytes root_key, enum role role)
{
        return j->rank == ROLE_OWNER || (is_actor(j, root_key) && role < j->rank);
}

static bool is_member(const struct judgement *j, struct bytes root_key)
{
        struct device_credential who;

        for (uint32_t leaf = 0; leaf < j->tree->leaves; leaf++) {
                if ((!j->goes || stays(j, leaf)) && account_at(j->tree, leaf, &who) >= 0 &&
                    bytes_equal(who.root_key, root_key))
                        return true;
        }
        return false;
}

/* Everybody who stays has the role of before, or the one that is theirs because an owner goes; whoever is added has
 * none; else the actor has to be somebody who may give it. Whoever adds writes down who the owner is, so that a new
 * member who comes into the first place of the tree is not taken for it; and as long as there are invitations, it stays
 * written down. */
static int judge_roles(const struct judgement *j)
{
        const struct proposal_list *l = j->commit->proposals;
        struct roles due, now;
        struct device_credential who;

        roles_resolve(j->before.roles, j->tree, stays, j, &due);
        roles_resolve(j->after.roles, j->tree, stays, j, &now);
        for (uint32_t leaf = 0; leaf < j->tree->leaves; leaf++) {
                if (!stays(j, leaf) || account_at(j->tree, leaf, &who) < 0)
                        continue;
                if (roles_of(&now, who.root_key) != roles_of(&due, who.root_key) &&
                    !may_give(j, who.root_key, roles_of(&now, who.root_key)))
                        return -EPERM;
        }
        for (size_t i = 0; i < l->count; i++) {
                const struct proposal *p = &l->items[i].proposal;

                if (p->type != PROPOSAL_ADD || device_credential_peek(&p->add.leaf, &who) < 0 ||
                    is_member(j, who.root_key))
                        continue;
                if (roles_of(&now, who.root_key) != ROLE_MEMBER &&
                    !may_give(j, who.root_key, roles_of(&now, who.root_key)))
                        return -EPERM;
        }
        return (j->adds || j->after.invitations.size > 0) && now.successor.size > 0 ? -EPERM : 0;
}

/* Whoever comes from outside gets the first place of the tree that is blank; where the place decides who the owner is,
 * they would come into that as well. */
static bool becomes_owner(const struct judgement *j, struct bytes root_key)
{
        const struct roles listed = { .list = j->before.roles };
        struct roles roles;

        roles_resolve(j->before.roles, j->tree, NULL, NULL, &roles);
        return roles.successor.size > 0 && !bytes_equal(roles.successor, root_key) &&
               roles_of(&listed, roles.successor) == ROLE_MEMBER && !ratchet_tree_leaf(j->tree, 0);
}

/* By whatever key: nobody comes in under the name of somebody who is there. */
static bool is_address_taken(const struct judgement *j, struct bytes address)
{
        struct device_credential who;

        for (uint32_t leaf = 0; leaf < j->tree->leaves; leaf++) {
                if (account_at(j->tree, leaf, &who) >= 0 && bytes_equal(who.address, address))
                        return true;
        }
        return false;
}

static unsigned count_members(const struct judgement *j)
{
        unsigned count = 0;

        for (uint32_t leaf = 0; leaf < j->tree->leaves; leaf++)
                count += ratchet_tree_leaf(j->tree, leaf) != NULL;
        return count;
}

/* With an invitation, the proof of which is good for this account and this epoch. */
static int judge_invited(const struct judgement *j, const struct device_credential *who)
{
        const struct group_context *context = &j->commit->before->context;
        uint8_t author[AUTHOR_SIZE];
        struct invitation_claim claim = { BYTES_OF(author), context->group_id, context->epoch };
        struct invitation invitation;

        content_author(who->address, who->root_key, author);
        if (is_member(j, who->root_key) || is_address_taken(j, who->address) || count_members(j) >= GROUP_MEMBERS_MAX)
                return -EPERM;
        return invitation_verify(context->suite, j->before.invitations, j->commit->authenticated_data, &claim,
                                 &invitation);
}

/* Somebody outside may come in only in their own place, or with an invitation. */
static int judge_external(const struct judgement *j)
{
        const struct proposal *removal = proposal_list_find(j->commit->proposals, PROPOSAL_REMOVE);
        struct device_credential now, was;

        if (!j->commit->leaf || device_credential_peek(j->commit->leaf, &now) < 0 || becomes_owner(j, now.root_key))
                return -EPERM;
        if (!removal)
                return judge_invited(j, &now);
        if (account_at(j->tree, removal->removed, &was) < 0)
                return -EPERM;
        return bytes_equal(now.root_key, was.root_key) && bytes_equal(now.address, was.address) ? 0 : -EPERM;
}

static int judge_proposals(struct judgement *j)
{
        const struct proposal_list *l = j->commit->proposals;
        struct roles roles;
        int r = 0;

        j->goes = calloc(j->tree->leaves + 1, sizeof(*j->goes));
        if (!j->goes)
                abort();
        roles_resolve(j->before.roles, j->tree, NULL, NULL, &roles);
        j->rank = roles_of(&roles, j->actor.root_key);
        for (size_t i = 0; r >= 0 && i < l->count; i++) {
                const struct proposal *p = &l->items[i].proposal;

                if (p->type == PROPOSAL_ADD)
                        r = judge_add(j, p);
                else if (p->type == PROPOSAL_REMOVE)
                        r = judge_removal(j, &roles, &l->items[i]);
                else if (p->type == PROPOSAL_REINIT)
                        r = -EPERM;
                if (r >= 0 && p->type == PROPOSAL_REMOVE) {
                        j->goes[p->removed] = true;
                        j->expels = j->expels || is_expelled(j, &l->items[i]);
                }
                j->adds = j->adds || p->type == PROPOSAL_ADD;
        }
        return r;
}

static void judgement_release(struct judgement *j)
{
        free(j->goes);
}

int rules_judge(const struct commit_view *commit)
{
        _cleanup_(judgement_release) struct judgement j = { .commit = commit, .tree = &commit->before->tree };
        struct bytes before = commit->before->context.extensions, after = before;
        const struct proposal *change = proposal_list_find(commit->proposals, PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
        int r;

        if (profile_read(before, &j.before) < 0 || j.before.kind != CONVERSATION_GROUP)
                return 0;
        if (change)
                after = change->extensions;
        if (profile_read(after, &j.after) < 0)
                return -EPERM;
        if (commit->committer == NODE_NONE)
                return judge_external(&j);
        r = account_at(j.tree, commit->committer, &j.actor);
        if (r >= 0)
                r = judge_leaf(&j);
        if (r >= 0)
                r = judge_proposals(&j);
        if (r >= 0)
                r = judge_extensions(&j, before, after);
        if (r >= 0 && j.expels && j.after.invitations.size > 0) /* by which they could come back */
                r = -EPERM;
        return r < 0 ? r : judge_roles(&j);
}

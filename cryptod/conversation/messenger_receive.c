/* See messenger_inbox.h: a message of a group of ours: something said, a proposal, or a commit. */
#include <errno.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_inbox.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/rules.h"
#include "services/cleanup.h"
#include "services/log.h"

struct receiving {
        const struct messenger *messenger;
        const struct conversation *conversation;
        const struct group *group;
        uint32_t outlaw; /* whose commit broke the rules of the group */
};

static int check_leaf(void *userdata, const struct leaf_node *leaf)
{
        const struct receiving *r = userdata;
        const struct suite *s = r->messenger->device->suite;
        struct device_credential credential;

        return r->conversation->kind == CONVERSATION_PERSON
                       ? messenger_check_leaf(r->messenger, r->conversation, s, leaf)
                       : device_credential_read(s, leaf, &credential);
}

/* Nobody comes from outside into a conversation of two; into a group, in their own place (rules.h). What is done to a
 * room is what the hub has seen to. */
static int check_arrival(const struct conversation *c, const struct arrival *a)
{
        if (c->kind != CONVERSATION_ROOM)
                return a->is_of_room || (a->peek.external_commit && c->kind == CONVERSATION_PERSON) ? -EPROTONOSUPPORT
                                                                                                    : 0;
        if (!a->is_of_room)
                return -EBADMSG;
        switch (a->entry.step) {
        case ROOM_SAY:
                return a->peek.content_type == CONTENT_APPLICATION ? 0 : -EBADMSG;
        case ROOM_LEAVE:
                return a->peek.content_type == CONTENT_PROPOSAL ? 0 : -EBADMSG;
        default:
                return a->peek.content_type == CONTENT_COMMIT && a->peek.external_commit == (a->entry.step == ROOM_JOIN)
                               ? 0
                               : -EBADMSG;
        }
}

/* The only proposal that stands alone is a member's to be taken out of a group, and no more of those than there are
 * leaves; others would only cost room, and anybody who knows the group's id can make some. */
static int check_proposal(void *userdata, const struct proposal *proposal, uint32_t sender)
{
        const struct receiving *r = userdata;

        if (r->conversation->kind == CONVERSATION_PERSON || proposal->type != PROPOSAL_REMOVE ||
            proposal->removed != sender)
                return -EPROTONOSUPPORT;
        return group_proposals(r->group) < group_epoch(r->group)->tree.leaves ? 0 : -EMSGSIZE;
}

static int judge(void *userdata, const struct commit_view *commit)
{
        struct receiving *r = userdata;

        r->outlaw = commit->committer;
        return rules_judge(commit);
}

/* What a conversation has no use for: a third leaf where two talk, a tree that is too large, an end. */
static int check_received(const struct conversation *c, const struct membership *g, const struct received *received)
{
        if (received->kind != RECEIVED_COMMIT)
                return 0;
        if (c->kind == CONVERSATION_PERSON ? !membership_is_pair(g)
                                           : group_epoch(g->group)->tree.leaves > GROUP_LEAVES_MAX)
                return -EBADMSG;
        return group_reinit(g->group, &(struct proposal){ 0 }) ? -EPROTONOSUPPORT : 0;
}

/* What an envelope has made of a group, in memory. */
struct step {
        struct received received;
        bool merged;           /* our own pending commit was taken over before it was opened */
        uint32_t outlaw;       /* whose commit broke the rules; NODE_NONE: somebody's from outside */
        bool lost_race;        /* our own pending commit was dropped for this one */
        struct writer before;  /* the members at first, if one of these is a change of the epoch */
        struct writer between; /* and after our own commit */
};

static void step_release(struct step *s)
{
        received_release(&s->received);
        writer_release(&s->before);
        writer_release(&s->between);
}

/* Opens it, which changes @g. A message of the epoch that our own pending commit leads into proves that the hub has
 * accepted that commit, even if its outcome has not come yet. */
static int process(struct messenger *m, struct conversation *c, struct membership *g, const struct arrival *a,
                   struct step *s)
{
        const struct message_peek *peek = &a->peek;
        struct receiving receiving = { m, c, g->group, NODE_NONE };
        struct group_host host = { .credential = check_leaf,
                                   .proposal = check_proposal,
                                   .commit = judge,
                                   .same_client = c->kind != CONVERSATION_PERSON ? messenger_same_client : NULL,
                                   .userdata = &receiving,
                                   .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        bool pending = group_has_pending(g->group), changed;
        int r = check_arrival(c, a);

        if (r < 0)
                return r;
        s->merged = pending && peek->epoch == membership_epoch(g) + 1;
        if (s->merged || peek->content_type == CONTENT_COMMIT)
                messenger_members(m, g, &s->before);
        if (s->merged) {
                group_merge_pending(g->group);
                messenger_members(m, g, &s->between);
        }
        r = group_process(g->group, a->message, &host, &s->received);
        changed = s->merged || r >= 0;
        if (r >= 0)
                r = check_received(c, g, &s->received);
        s->outlaw = receiving.outlaw;
        if (r < 0 && changed && membership_load(m->vault, g) < 0)
                log_error("A group of account %s cannot be read back from its vault. Log in again.",
                          vault_account(m->vault)->id);
        s->lost_race = r >= 0 && pending && !s->merged && s->received.kind == RECEIVED_COMMIT;
        return r;
}

/* Whose leaf it is; it may be another device of ours. */
static void read_origin(struct messenger *m, const struct conversation *c, const struct device_credential *who,
                        struct writer *from, struct origin *out)
{
        struct origin self;

        messenger_self(m, c, &self);
        *out = (struct origin){ .sender = c->kind == CONVERSATION_PERSON ? SENDER_OTHER : SENDER_NAMED };
        content_author(who->address, who->root_key, out->author);
        if (bytes_equal(BYTES_OF(out->author), BYTES_OF(self.author)))
                out->sender = SENDER_SELF;
        if (out->sender == SENDER_NAMED)
                messenger_spell(m, who, from);
        out->from = writer_bytes(from);
}

static int store_content(struct messenger *m, struct conversation *c, struct membership *g,
                         const struct received *received)
{
        const struct leaf_node *leaf = group_leaf(g->group, received->epoch, received->sender);
        _cleanup_writer_ struct writer from = WRITER_INIT;
        struct device_credential who;
        struct content content;
        struct origin origin;
        uint64_t id;
        int r = content_read(received->data, &content);

        if (r >= 0 && (!leaf || device_credential_peek(leaf, &who) < 0))
                r = -EBADMSG;
        if (r >= 0 && !messenger_hears(m, who.address))
                return 0;
        if (r >= 0 && content_is_shown(&content))
                r = messenger_note_incoming(m, c);
        if (r >= 0) {
                read_origin(m, c, &who, &from, &origin);
                r = messenger_take(m, c, &origin, &content, received->data,
                                   origin.sender == SENDER_SELF ? MESSAGE_STORED : MESSAGE_RECEIVED, &id);
        }
        if (r >= 0 || inbox_is_passing(r))
                return r;
        inbox_log_refusal(m, "The content of a message", r);
        return 0;
}

/* Somebody wants to be out. The first of the others commits it at once, and the rest with what they send next: so it is
 * soon done, and not by everybody. */
static int store_leaver(struct messenger *m, struct conversation *c, struct membership *g,
                        const struct received *received)
{
        _cleanup_writer_ struct writer spelt = WRITER_INIT;
        struct device_credential who;
        uint32_t leaf = received->sender;

        if (!membership_member(g, &leaf, &who) || leaf != received->sender)
                return -EBADMSG;
        messenger_spell(m, &who, &spelt);
        list_add(&g->wanted.leavers, writer_bytes(&spelt));
        g->wanted.changed = true;
        if (c->kind == CONVERSATION_ROOM && g->wanted.leave)
                return 0; /* we are out of it ourselves */
        return membership_is_first_beside(g, received->sender) && !group_has_pending(g->group)
                       ? messenger_commit(m, c, g)
                       : 0;
}

static int store_commit(struct messenger *m, struct conversation *c, struct membership *g, const struct step *s,
                        const struct arrival *a)
{
        struct bytes joiner = a->entry.sender;
        _cleanup_writer_ struct writer actor = WRITER_INIT;
        struct device_credential who;
        uint32_t leaf = s->received.sender;
        bool intruded;
        int r = 0;

        if (membership_member(g, &leaf, &who) && leaf == s->received.sender)
                messenger_spell(m, &who, &actor);
        if (actor.size > 0 && joiner.size > 0)
                r = messenger_vouch(m, c, &who, joiner);
        intruded = r > 0;
        if (a->peek.external_commit && c->kind == CONVERSATION_GROUP &&
            !list_holds(writer_bytes(&s->before), writer_bytes(&actor))) /* who comes back needs none */
                messenger_note_use(m, g, s->received.authenticated_data);
        if (r >= 0 && s->merged && c->kind != CONVERSATION_PERSON)
                r = notice_add_changes(m, c, writer_bytes(&s->before), writer_bytes(&s->between), BYTES(NULL, 0),
                                       BYTES(NULL, 0));
        if (r >= 0 && s->merged && c->kind == CONVERSATION_GROUP)
                r = messenger_note_arrivals(m, c, g, writer_bytes(&s->before));
        if (r >= 0)
                r = messenger_followed(m, c, g, writer_bytes(s->merged ? &s->between : &s->before),
                                       writer_bytes(&actor), s->lost_race);
        return r >= 0 && intruded ? messenger_turn_out(m, c, g, leaf, joiner) : r;
}

static int store_step(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g,
                      const struct arrival *a, const struct step *s)
{
        /* What comes of the epoch that our joining leads into proves that the hub has accepted it. */
        int r = g->wanted.joining ? messenger_joined(m, c, g) : 0;

        g->heard = true;
        if (r >= 0 && s->merged) {
                g->messages = 0;
                r = messenger_tell_others(m, g, writer_bytes(&s->before), writer_bytes(&s->between));
        }
        if (r >= 0 && s->received.kind == RECEIVED_COMMIT)
                r = store_commit(m, c, g, s, a);
        else if (r >= 0 && s->merged)
                r = messenger_followed(m, c, g, writer_bytes(&s->before), BYTES(NULL, 0), false);
        if (r >= 0 && (s->merged || s->received.kind == RECEIVED_COMMIT) && !g->gone)
                r = messenger_encrypt_waiting(m, c);
        if (r >= 0 && s->received.kind == RECEIVED_PROPOSAL)
                r = store_leaver(m, c, g, &s->received);
        if (r >= 0 && s->received.kind == RECEIVED_APPLICATION && !g->wanted.leave)
                r = store_content(m, c, g, &s->received);
        if (r >= 0 && !g->gone)
                r = membership_store(m->vault, g);
        return r < 0 ? r : inbox_note(m, sequence);
}

/* A commit has taken us out. */
static int receive_removal(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_gone(m, c, g);
        if (r >= 0)
                r = inbox_note(m, sequence);
        return messenger_end(m, g, r);
}

/* It broke the rules, and all who get it refuse it alike. */
static int receive_outlaw(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g,
                          uint32_t outlaw)
{
        _cleanup_writer_ struct writer actor = WRITER_INIT;
        struct device_credential who;
        uint32_t leaf = outlaw;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        if (outlaw != NODE_NONE && membership_member(g, &leaf, &who) && leaf == outlaw)
                messenger_spell(m, &who, &actor);
        else
                write_fixed(&actor, BYTES_STRING("Somebody who is no member"));
        r = messenger_outlaw(m, c, g, writer_bytes(&actor));
        if (r >= 0)
                r = inbox_note(m, sequence);
        return messenger_end(m, g, r);
}

/* The hub has put a commit first that we cannot follow, or one that never came: only joining anew helps. What is only
 * said proves nothing of the sort, since its epoch is what its sender writes. */
static bool is_left_behind(const struct conversation *c, const struct membership *g, const struct arrival *a, int r)
{
        return c->kind == CONVERSATION_ROOM && a->is_of_room && a->entry.step >= ROOM_COMMIT && !g->wanted.leave &&
               !inbox_is_passing(r) && a->peek.epoch >= membership_epoch(g);
}

static int receive_failure(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_fallen_out(m, c, g);
        if (r >= 0)
                r = inbox_note(m, sequence);
        return messenger_end(m, g, r);
}

/* Something of an epoch that has not come: it may be that its commit was lost. */
static int receive_ahead(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g)
{
        int r = messenger_begin(m);

        inbox_log_refusal(m, "A message", -EAGAIN);
        if (r < 0)
                return r;
        r = messenger_note_behind(m, c, g);
        if (r >= 0)
                r = inbox_note(m, sequence);
        return messenger_end(m, NULL, r);
}

/* Something that was said in an epoch whose keys are erased. */
static int receive_late(struct messenger *m, uint64_t sequence, struct conversation *c)
{
        int r = messenger_begin(m);

        inbox_log_refusal(m, "A message", -ESTALE);
        if (r < 0)
                return r;
        r = messenger_note_lost(m, c, false);
        if (r >= 0)
                r = inbox_note(m, sequence);
        return messenger_end(m, NULL, r);
}

int inbox_receive_message(struct messenger *m, uint64_t sequence, const struct arrival *a)
{
        _cleanup_(step_release) struct step s = { 0 };
        struct standing before;
        struct conversation *c;
        struct membership *g = messenger_group(m, a->peek.group_id, &c);
        int r = g ? process(m, c, g, a, &s) : -ENOENT;

        if (r == -EKEYREVOKED && c->kind != CONVERSATION_PERSON && g->group)
                return receive_removal(m, sequence, c, g);
        if (r == -EPERM && c->kind != CONVERSATION_ROOM && g->group)
                return receive_outlaw(m, sequence, c, g, s.outlaw);
        if (r < 0 && g && g->group && is_left_behind(c, g, a, r)) {
                inbox_log_refusal(m, "A room's commit", r);
                return receive_failure(m, sequence, c, g);
        }
        if (r == -EAGAIN && c->kind == CONVERSATION_GROUP)
                return receive_ahead(m, sequence, c, g);
        if (r == -ESTALE && a->peek.content_type == CONTENT_APPLICATION && !g->wanted.leave)
                return receive_late(m, sequence, c);
        if (r < 0)
                return inbox_refuse(m, sequence, "A message", r);
        before = c->standing;
        r = messenger_begin(m);
        if (r >= 0)
                r = store_step(m, sequence, c, g, a, &s);
        r = messenger_end(m, g, r);
        if (r < 0)
                c->standing = before;
        return r == -EMSGSIZE ? inbox_refuse(m, sequence, "A message", r) : r;
}

/* What an envelope is. */

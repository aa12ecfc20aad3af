/* See messenger.h: what comes from the relay.
 *
 * An envelope that cannot be opened is answered like one that can, so that it does not come again, and the log says
 * why: nobody can mend it, and the next ones must not wait behind it. Only our own storage's errors are handed back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/parcel.h"
#include "cryptod/conversation/rules.h"
#include "cryptod/conversation/unsent.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

static void refused(const struct messenger *m, const char *what, int error)
{
        const char *why = error == -EKEYREJECTED      ? "its sender has another root key than the one that is known"
                          : error == -EALREADY        ? "it came before"
                          : error == -ESTALE          ? "its epoch is over and its keys are erased"
                          : error == -EAGAIN          ? "its epoch has not come"
                          : error == -ENOENT          ? "it is for a group or a key package that is not ours"
                          : error == -EPROTONOSUPPORT ? "it is of a kind that is not known here"
                          : error == -EKEYREVOKED     ? "it removes this device from its group"
                          : error == -EPERM           ? "its sender is not the author of what it would change"
                          : error == -EOPNOTSUPP      ? "what it would change cannot be changed"
                          : error == -E2BIG           ? "there are too many of its kind already"
                          : error == -EMSGSIZE        ? "its group would be larger than what can be kept"
                                                      : "it is malformed or forged";

        vault_log(m->vault, LOG_WARNING, "%s was refused: %s.", what, why);
}

static int last_sequence(struct messenger *m, uint64_t *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(m->vault), &s, "SELECT last FROM inbox", "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                *out = (uint64_t) storage_column_integer(s, 0);
        return r < 0 ? r : r == 0 ? -EBADMSG : 0;
}

static int set_sequence(struct messenger *m, uint64_t sequence)
{
        return storage_run(vault_database(m->vault), "UPDATE inbox SET last = ?, arrived = arrived + 1", "i",
                           (int64_t) sequence);
}

/* An envelope about which nothing is to be stored but that it came. */
static int skip(struct messenger *m, uint64_t sequence)
{
        int r = messenger_begin(m);

        return r < 0 ? r : messenger_end(m, NULL, set_sequence(m, sequence));
}

static int refuse(struct messenger *m, uint64_t sequence, const char *what, int error)
{
        refused(m, what, error);
        return skip(m, sequence);
}

/* Errors of our own disk or memory, which pass: the envelope is to come again. */
static bool is_passing(int error)
{
        return error == -EIO || error == -EBUSY || error == -ENOMEM || error == -ENOSPC || error == -EROFS;
}

/* A group that could not be read back when a transaction had failed is tried again, so that nothing that is for it is
 * taken for somebody else's. */
static int reload_missing(struct messenger *m)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                for (struct membership *g = c->memberships; g; g = g->next) {
                        int r = g->group ? 0 : membership_load(m->vault, g);

                        if (is_passing(r)) /* one that is damaged for good must not hold up the others */
                                return r;
                }
        }
        return 0;
}

struct membership *messenger_group(struct messenger *m, struct bytes group_id, struct conversation **c)
{
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->group && bytes_equal(membership_group_id(g), group_id))
                                return g;
                }
        }
        return NULL;
}

/* -- a Welcome ---------------------------------------------------------------------------------------------------- */

/* Where a group that was joined belongs. */
struct place {
        struct conversation *conversation;
        bool is_new;
        bool wanted;            /* it is with a contact, or by one */
        bool by_known;          /* by somebody whose root key is known */
        struct membership *old; /* gives way, for there are too many; NULL: none does */
        struct writer offered;  /* a root key of theirs that is not the one that is known */
};

static int check_credential(void *userdata, const struct leaf_node *leaf)
{
        const struct messenger *m = userdata;
        struct device_credential credential;

        return device_credential_read(m->device->suite, leaf, &credential);
}

static unsigned count_group_requests(const struct messenger *m)
{
        unsigned count = 0;

        for (const struct conversation *c = m->conversations; c; c = c->next)
                count += c->kind == CONVERSATION_GROUP && c->standing.approval == APPROVAL_REQUEST;
        return count;
}

/* With the one other member, whose root key has to be the one that is known. */
static int place_pair(struct messenger *m, struct membership *g, struct place *p)
{
        struct device_credential who;
        char address[ADDRESS_TEXT_MAX];
        int r = membership_is_pair(g) ? device_credential_peek(membership_other(g), &who) : -EBADMSG;

        if (r < 0)
                return r;
        if (device_is_at(m->device, who.address))
                return -EBADMSG;
        p->conversation = messenger_person(m, who.address);
        if (!p->conversation) {
                memcpy(address, who.address.data, who.address.size);
                address[who.address.size] = '\0';
                p->conversation = conversation_new(address);
                p->is_new = true;
        }
        if (p->conversation->standing.blocked)
                return -ECONNREFUSED;
        p->old = conversation_superfluous(p->conversation, PAIR_GROUPS_MAX);
        p->wanted = !p->is_new && p->conversation->standing.approval == APPROVAL_GIVEN;
        r = messenger_check_leaf(m, p->conversation, m->device->suite, membership_other(g));
        if (r == -EKEYREJECTED)
                write_fixed(&p->offered, who.root_key);
        return r;
}

/* Whoever has added us: a contact, or somebody who has to be asked about. */
static int place_inviter(struct messenger *m, const struct membership *g, struct place *p)
{
        const struct leaf_node *leaf = ratchet_tree_leaf(&group_epoch(g->group)->tree, group_epoch(g->group)->inviter);
        struct device_credential who;
        const struct conversation *c;

        if (!leaf || device_credential_peek(leaf, &who) < 0)
                return -EBADMSG;
        c = messenger_person(m, who.address);
        if (c && c->standing.blocked)
                return -ECONNREFUSED;
        p->wanted = c && c->standing.approval == APPROVAL_GIVEN && messenger_key_fits(c, who.root_key);
        p->by_known = c && bytes_equal(who.root_key, writer_bytes(&c->root_key));
        return 0;
}

/* One that we were in before goes on where it stood, if whoever adds us is somebody whom we have met; its id alone is
 * known to the hub, too. */
static int place_group(struct messenger *m, struct membership *g, const struct profile *profile, struct place *p)
{
        struct bytes id = membership_group_id(g);

        if (id.size != CONVERSATION_ID_SIZE)
                return -EBADMSG;
        if (group_epoch(g->group)->tree.leaves > GROUP_LEAVES_MAX)
                return -EMSGSIZE;
        if (place_inviter(m, g, p) < 0)
                return -ECONNREFUSED;
        p->conversation = messenger_find(m, id);
        p->is_new = !p->conversation;
        if (p->is_new)
                p->conversation = conversation_new_group(id, profile);
        p->wanted = p->wanted || (p->by_known && !p->is_new && p->conversation->standing.approval == APPROVAL_GIVEN);
        if (!p->wanted && count_group_requests(m) >= GROUP_REQUESTS_MAX)
                return -E2BIG;
        return p->conversation->kind == profile->kind && !p->conversation->memberships ? 0 : -EALREADY;
}

static int place(struct messenger *m, struct membership *g, struct place *p)
{
        struct profile profile;
        int r = profile_read(group_epoch(g->group)->context.extensions, &profile);

        if (r < 0)
                return r;
        if (profile.kind == CONVERSATION_ROOM) /* into which nobody is invited */
                return -EPROTONOSUPPORT;
        return profile.kind == CONVERSATION_PERSON ? place_pair(m, g, p) : place_group(m, g, &profile, p);
}

static int find_key_package(struct messenger *m, const struct welcome *w, struct held_key_package *out)
{
        struct reader secrets;

        reader_init(&secrets, w->secrets);
        while (reader_more(&secrets)) {
                struct bytes ref = read_vector(&secrets);
                int r;

                (void) read_vector(&secrets); /* kem_output */
                (void) read_vector(&secrets); /* ciphertext */
                if (secrets.error < 0)
                        return -EBADMSG;
                r = key_packages_find(m->vault, ref, out);
                if (r != -ENOENT)
                        return r;
        }
        return -ENOENT;
}

/* Joins in memory; what @p holds is the caller's. */
static int join(struct messenger *m, struct bytes welcome, const struct held_key_package *k, struct place *p,
                struct membership *g)
{
        struct group_host host = { .credential = check_credential,
                                   .userdata = m,
                                   .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        struct joiner joiner = { k->key_package, k->init_key, k->leaf_key };
        struct conversation *c;
        int r = group_join(welcome, &joiner, BYTES(NULL, 0),
                           secret_copy(secret_bytes(m->device->signature_private_key)), &host, &g->group);

        /* An id stands for one group alone (RFC 9420 §12.4.3.1); else the messages of another were looked for in it. */
        if (r >= 0 && messenger_group(m, membership_group_id(g), &c))
                r = -EALREADY;
        return r < 0 ? r : place(m, g, p);
}

/* A stranger can put anybody's address beside any key: the others of a request are met when it is accepted. */
static int meet_inviter(struct messenger *m, const struct membership *g)
{
        const struct epoch *e = group_epoch(g->group);
        struct device_credential who;
        int r = device_credential_peek(ratchet_tree_leaf(&e->tree, e->inviter), &who);

        return r < 0 ? r : messenger_meet_one(m, &who);
}

static int store_joined(struct messenger *m, uint64_t sequence, const struct held_key_package *k, const struct place *p,
                        struct membership *g)
{
        struct conversation *c = p->conversation;
        struct device_credential credential;
        int r = 0;

        if (!p->wanted)
                c->standing.approval = APPROVAL_REQUEST;
        if (c->kind == CONVERSATION_PERSON && c->root_key.size == 0) {
                r = device_credential_peek(membership_other(g), &credential);
                if (r >= 0)
                        r = messenger_learn_key(m, c, credential.root_key);
        }
        if (r >= 0)
                r = conversation_store(m->vault, c);
        if (r >= 0)
                r = membership_add(m->vault, g, conversation_id(c));
        if (r >= 0 && p->old)
                r = membership_erase(m->vault, p->old);
        if (r >= 0 && c->kind != CONVERSATION_PERSON)
                r = notice_add(m, c, "You were added to “%s”.", c->name);
        if (r >= 0 &&
            c->kind != CONVERSATION_PERSON) /* what we said when we were in it before is not theirs to ask for */
                r = messenger_note_arrivals(m, c, g, BYTES(NULL, 0));
        if (r >= 0 && c->kind != CONVERSATION_PERSON)
                r = p->wanted ? messenger_meet(m, g) : meet_inviter(m, g);
        if (r >= 0)
                r = key_packages_used(m->vault, k);
        return r < 0 ? r : set_sequence(m, sequence);
}

/* A root key that has changed is shown, and the person may accept it: messenger_contact.h. */
static int note_offered(struct messenger *m, uint64_t sequence, const struct place *p, struct bytes welcome)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_note_offered(m, p->conversation, writer_bytes(&p->offered), welcome, notice_time());
        if (r >= 0)
                r = set_sequence(m, sequence);
        return messenger_end(m, NULL, r);
}

static int receive_welcome(struct messenger *m, uint64_t sequence, struct bytes welcome)
{
        _cleanup_(held_key_package_release) struct held_key_package k = { 0 };
        struct membership *g = calloc(1, sizeof(*g));
        struct place p = { 0 };
        bool had_root_key = false;
        struct standing before;
        struct reader reader;
        struct welcome w;
        int r;

        if (!g)
                abort();
        reader_init(&reader, welcome);
        r = read_u16(&reader) != PROTOCOL_MLS10 || read_u16(&reader) != WIRE_FORMAT_WELCOME ? -EBADMSG : 0;
        if (r >= 0)
                r = welcome_read(&reader, &w);
        if (r >= 0)
                r = find_key_package(m, &w, &k);
        if (r >= 0)
                r = join(m, welcome, &k, &p, g);
        if (r < 0) {
                membership_free(g);
                if (!is_passing(r) && r != -ECONNREFUSED) /* whoever is blocked leaves no trace */
                        refused(m, "An invitation", r);
                r = is_passing(r) ? r : p.offered.size > 0 ? note_offered(m, sequence, &p, welcome) : skip(m, sequence);
                writer_release(&p.offered);
                if (p.is_new)
                        conversation_free(p.conversation);
                return r;
        }
        had_root_key = p.conversation->root_key.size > 0;
        before = p.conversation->standing;
        r = messenger_begin(m);
        if (r >= 0)
                r = messenger_end(m, NULL, store_joined(m, sequence, &k, &p, g));
        if (r < 0) {
                membership_free(g);
                p.conversation->standing = before;
                if (p.is_new)
                        conversation_free(p.conversation);
                else if (!had_root_key)
                        writer_release(&p.conversation->root_key);
                return r == -EMSGSIZE ? refuse(m, sequence, "An invitation", r) : r;
        }
        if (p.old)
                conversation_detach(p.conversation, p.old);
        conversation_attach(p.conversation, g);
        messenger_appeared(m, p.conversation, p.is_new);
        return 0;
}

int messenger_follow_welcome(struct messenger *m, struct bytes welcome)
{
        uint64_t last;
        int r = last_sequence(m, &last);

        return r < 0 ? r : receive_welcome(m, last, welcome);
}

/* -- a message of a group ----------------------------------------------------------------------------------------- */

/* What has come, and what is known of it from outside. */
struct arrival {
        struct message_peek peek;
        struct bytes message;
        bool is_of_room; /* the hub has written it, for a room */
        struct room_entry entry;
};

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
        if (r >= 0 || is_passing(r))
                return r;
        refused(m, "The content of a message", r);
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
        return r < 0 ? r : set_sequence(m, sequence);
}

/* A commit has taken us out. */
static int receive_removal(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_gone(m, c, g);
        if (r >= 0)
                r = set_sequence(m, sequence);
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
                r = set_sequence(m, sequence);
        return messenger_end(m, g, r);
}

/* The hub has put a commit first that we cannot follow, or one that never came: only joining anew helps. What is only
 * said proves nothing of the sort, since its epoch is what its sender writes. */
static bool is_left_behind(const struct conversation *c, const struct membership *g, const struct arrival *a, int r)
{
        return c->kind == CONVERSATION_ROOM && a->is_of_room && a->entry.step >= ROOM_COMMIT && !g->wanted.leave &&
               !is_passing(r) && a->peek.epoch >= membership_epoch(g);
}

static int receive_failure(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_fallen_out(m, c, g);
        if (r >= 0)
                r = set_sequence(m, sequence);
        return messenger_end(m, g, r);
}

/* Something of an epoch that has not come: it may be that its commit was lost. */
static int receive_ahead(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g)
{
        int r = messenger_begin(m);

        refused(m, "A message", -EAGAIN);
        if (r < 0)
                return r;
        r = messenger_note_behind(m, c, g);
        if (r >= 0)
                r = set_sequence(m, sequence);
        return messenger_end(m, NULL, r);
}

/* Something that was said in an epoch whose keys are erased. */
static int receive_late(struct messenger *m, uint64_t sequence, struct conversation *c)
{
        int r = messenger_begin(m);

        refused(m, "A message", -ESTALE);
        if (r < 0)
                return r;
        r = messenger_note_lost(m, c, false);
        if (r >= 0)
                r = set_sequence(m, sequence);
        return messenger_end(m, NULL, r);
}

static int receive_message(struct messenger *m, uint64_t sequence, const struct arrival *a)
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
                refused(m, "A room's commit", r);
                return receive_failure(m, sequence, c, g);
        }
        if (r == -EAGAIN && c->kind == CONVERSATION_GROUP)
                return receive_ahead(m, sequence, c, g);
        if (r == -ESTALE && a->peek.content_type == CONTENT_APPLICATION && !g->wanted.leave)
                return receive_late(m, sequence, c);
        if (r < 0)
                return refuse(m, sequence, "A message", r);
        before = c->standing;
        r = messenger_begin(m);
        if (r >= 0)
                r = store_step(m, sequence, c, g, a, &s);
        r = messenger_end(m, g, r);
        if (r < 0)
                c->standing = before;
        return r == -EMSGSIZE ? refuse(m, sequence, "A message", r) : r;
}

/* What an envelope is. */
static int open_envelope(struct bytes envelope, struct arrival *a, struct parcel *parcel)
{
        int r;

        a->is_of_room = room_entry_is(envelope);
        r = a->is_of_room ? room_entry_read(envelope, &a->entry) : parcel_read(envelope, parcel);
        if (r < 0)
                return r;
        a->message = a->is_of_room ? a->entry.payload : parcel->message;
        return message_peek(a->message, &a->peek);
}

static int deliver(struct messenger *m, uint64_t sequence, struct bytes envelope)
{
        struct arrival a = { 0 };
        struct conversation *c;
        struct parcel parcel = { 0 };
        uint64_t last;
        int r = last_sequence(m, &last);

        if (r >= 0)
                r = reload_missing(m);
        if (r < 0)
                return r;
        if (sequence <= last)
                return 0;
        r = open_envelope(envelope, &a, &parcel);
        if (r >= 0 && a.peek.wire_format == WIRE_FORMAT_WELCOME && !a.is_of_room)
                return receive_welcome(m, sequence, a.message);
        if (r >= 0 && parcel.welcome.size > 0 && !messenger_group(m, a.peek.group_id, &c))
                return receive_welcome(m, sequence, parcel.welcome);
        if (r >= 0 &&
            (a.peek.wire_format == WIRE_FORMAT_PRIVATE_MESSAGE || a.peek.wire_format == WIRE_FORMAT_PUBLIC_MESSAGE))
                return receive_message(m, sequence, &a);
        return refuse(m, sequence, "An envelope", r < 0 ? r : -EPROTONOSUPPORT);
}

int messenger_deliver(struct messenger *m, uint64_t sequence, struct bytes envelope)
{
        int r = deliver(m, sequence, envelope);

        return r < 0 ? r : messenger_follow_openings(m);
}

/* -- what became of ours ------------------------------------------------------------------------------------------ */

struct membership *messenger_stored_group(struct messenger *m, int64_t id, struct conversation **c)
{
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->id == id && g->group)
                                return g;
                }
        }
        return NULL;
}

/* A receipt may have been faster than the outcome. */
/* It is encrypted anew when there is a group again. */
static int wait_again(struct messenger *m, const struct conversation *c, uint64_t id)
{
        _cleanup_(message_release) struct message message = { 0 };
        int r = history_get(m->vault, conversation_id(c), id, &message);

        return r <= 0 ? r : unsent_add(m->vault, conversation_id(c), id, message.encoded);
}

static int message_outcome(struct messenger *m, uint64_t message, enum message_state state)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct conversation *c;
        int r = storage_prepare(vault_database(m->vault), &s,
                                "SELECT conversation FROM message WHERE id = ? AND state = ?", "ii", (int64_t) message,
                                (int64_t) MESSAGE_QUEUED);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        c = messenger_find(m, storage_column_bytes(s, 0));
        r = history_set_state(m->vault, message, state);
        if (r >= 0 && c && state == MESSAGE_UNSENT)
                r = wait_again(m, c, message);
        if (r >= 0 && c)
                messenger_tell_changed(m, c, message, state);
        return r;
}

static bool is_awaited(const struct membership *g, struct bytes id)
{
        return bytes_equal(BYTES_OF(g->pending), id);
}

/* Of what changes our place in a room: our joining, our leaving, a commit of ours, or anything if we are outside. */
static int room_outcome(struct messenger *m, struct conversation *c, struct membership *g, enum outcome outcome)
{
        if (g->wanted.leave)
                return messenger_gone(m, c, g);
        if (outcome == OUTCOME_OUTSIDE || (g->wanted.joining && outcome == OUTCOME_STALE))
                return messenger_fallen_out(m, c, g);
        if (g->wanted.joining)
                return outcome == OUTCOME_STORED ? messenger_joined(m, c, g) : messenger_shut_out(m, c, g);
        if (!group_has_pending(g->group))
                return 0;
        return outcome == OUTCOME_STORED ? messenger_accepted(m, c, g)
                                         : messenger_refused(m, c, g, outcome == OUTCOME_STALE, true);
}

/* Of the commit by which we come into a group. */
static int entrance_outcome(struct messenger *m, struct conversation *c, struct membership *g, const struct envelope *e,
                            enum outcome outcome)
{
        _cleanup_writer_ struct writer members = WRITER_INIT;
        int r;

        if (outcome == OUTCOME_REFUSED && e->recipients.size > 0)
                return messenger_commit_alone(m, g, e);
        if (outcome != OUTCOME_STORED)
                return messenger_not_entered(m, c, g, outcome == OUTCOME_STALE);
        messenger_members(m, g, &members);
        r = messenger_tell_others(m, g, writer_bytes(&members), writer_bytes(&members));
        return r < 0 ? r : messenger_joined(m, c, g);
}

int messenger_outcome(struct messenger *m, struct bytes id, enum outcome outcome)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };
        struct conversation *c = NULL;
        struct membership *g = NULL;
        bool winner_comes = true;
        int under_way = 0;
        int r = outbox_find(m->vault, id, &e);

        if (r <= 0)
                return r;
        if (e.membership != 0)
                g = messenger_stored_group(m, e.membership, &c);
        if (g && !e.is_for_room) {
                _cleanup_writer_ struct writer slot = WRITER_INIT;

                membership_slot(g, &slot);
                winner_comes = bytes_equal(writer_bytes(&slot), e.group);
        }
        r = messenger_begin(m);
        if (r < 0)
                return r;
        if (g && e.is_for_room && (outcome == OUTCOME_OUTSIDE || is_awaited(g, id)))
                r = room_outcome(m, c, g, outcome);
        else if (g && g->wanted.joining && is_awaited(g, id))
                r = entrance_outcome(m, c, g, &e, outcome);
        else if (g && group_has_pending(g->group) && is_awaited(g, id)) /* no other commit has come between */
                r = outcome == OUTCOME_STORED ? messenger_accepted(m, c, g)
                    : outcome == OUTCOME_REFUSED && c->kind == CONVERSATION_GROUP && e.recipients.size > 0 &&
                                    g->wanted.added.size == 0
                            ? messenger_commit_alone(m, g, &e)
                            : messenger_refused(m, c, g, outcome == OUTCOME_STALE, winner_comes);
        else if (e.membership == 0 && !e.is_for_room && outcome == OUTCOME_REFUSED)
                r = under_way = messenger_undelivered(m, &e);
        if (outcome == OUTCOME_STORED && e.membership == 0 && !e.is_for_room)
                messenger_delivered(m, &e);
        if (r >= 0 && e.message != 0 && !(under_way > 0))
                r = message_outcome(m, e.message,
                                    outcome == OUTCOME_STORED    ? MESSAGE_STORED
                                    : outcome == OUTCOME_OUTSIDE ? MESSAGE_UNSENT
                                                                 : MESSAGE_FAILED);
        if (r >= 0)
                r = outbox_remove(m->vault, id);
        return messenger_end(m, g, r);
}

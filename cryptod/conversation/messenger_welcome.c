/* See messenger_inbox.h: a Welcome, by which somebody puts us into a conversation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_inbox.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"
#include "services/log.h"

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
        return r < 0 ? r : inbox_note(m, sequence);
}

/* A root key that has changed is shown, and the person may accept it: messenger_contact.h. */
static int note_offered(struct messenger *m, uint64_t sequence, const struct place *p, struct bytes welcome)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_note_offered(m, p->conversation, writer_bytes(&p->offered), welcome, notice_time());
        if (r >= 0)
                r = inbox_note(m, sequence);
        return messenger_end(m, NULL, r);
}

int inbox_receive_welcome(struct messenger *m, uint64_t sequence, struct bytes welcome)
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
                if (!inbox_is_passing(r) && r != -ECONNREFUSED) /* whoever is blocked leaves no trace */
                        inbox_log_refusal(m, "An invitation", r);
                r = inbox_is_passing(r)  ? r
                    : p.offered.size > 0 ? note_offered(m, sequence, &p, welcome)
                                         : inbox_skip(m, sequence);
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
                return r == -EMSGSIZE ? inbox_refuse(m, sequence, "An invitation", r) : r;
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
        int r = inbox_last(m, &last);

        return r < 0 ? r : inbox_receive_welcome(m, last, welcome);
}

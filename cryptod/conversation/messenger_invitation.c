/* See messenger_invitation.h: invitations as members make and take them back, and what is answered to a knock. */
#include "cryptod/conversation/messenger_invitation.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { KNOCKS_A_MINUTE = 8 /* of one person that are answered */ };

static uint64_t seconds(void)
{
        return notice_time() / 1000000;
}

/* -- made and taken back ------------------------------------------------------------------------------------------ */

/* As they are to be, with what we want of them. */
static void effective(const struct membership *g, struct writer *out)
{
        struct profile p;
        struct roles roles;

        membership_roles(g, &p, &roles);
        invitations_apply(p.invitations, writer_bytes(&g->wanted.invitations), seconds(), out);
}

static void own_author(const struct messenger *m, const struct membership *g, uint8_t out[static AUTHOR_SIZE])
{
        content_author(membership_own_address(g), writer_bytes(&m->device->root_key), out);
}

static unsigned count(struct bytes list)
{
        struct invitation i;
        struct reader r;
        unsigned n = 0;

        for (reader_init(&r, list); reader_more(&r); n++)
                invitation_read(&r, &i);
        return n;
}

static int want(struct messenger *m, struct conversation *c, struct membership *g, enum invitation_change what,
                const struct invitation *i)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        invitations_change(&g->wanted.invitations, what, i);
        g->wanted.changed = true;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        return messenger_end(m, g, messenger_commit_unless_pending(m, c, g));
}

int messenger_invitations(struct messenger *m, struct conversation *c, struct writer *out)
{
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r < 0)
                return r;
        effective(g, out);
        return writer_finish(out);
}

int messenger_invite(struct messenger *m, struct conversation *c, uint64_t expires, uint32_t uses,
                     char link[static CONTACT_LINK_MAX])
{
        _cleanup_(invitation_link_release) struct invitation_link l = { .expires = expires };
        _cleanup_writer_ struct writer key = WRITER_INIT, list = WRITER_INIT;
        uint8_t author[AUTHOR_SIZE];
        uint64_t now = seconds();
        struct membership *g;
        int r = messenger_changeable(c, &g);

        if (r >= 0 && !membership_may_invite(g))
                r = -EPERM;
        if (r >= 0 && (expires <= now || expires - now > (uint64_t) INVITATION_DAYS_MAX * 24 * 3600))
                r = -ERANGE;
        if (r < 0)
                return r;
        effective(g, &list);
        if (count(writer_bytes(&list)) >= INVITATIONS_MAX)
                return -E2BIG;
        messenger_contact_link_at(m, membership_own_address(g), &l.inviter);
        random_fill(l.id, sizeof(l.id));
        l.key = suite_signature_generate(group_epoch(g->group)->context.suite, &key);
        own_author(m, g, author);
        r = invitation_link_write(&l, link);
        return r < 0 ? r
                     : want(m, c, g, INVITATION_ADD,
                            &(struct invitation){ BYTES_OF(l.id), writer_bytes(&key), expires, uses,
                                                  BYTES_OF(author) });
}

void messenger_invitation_author(const struct conversation *c, struct bytes author, struct writer *out)
{
        uint8_t member[AUTHOR_SIZE];
        struct device_credential who;

        for (uint32_t leaf = 0;
             messenger_is_member(c) && c->memberships->group && membership_member(c->memberships, &leaf, &who);
             leaf++) {
                content_author(who.address, who.root_key, member);
                if (bytes_equal(author, BYTES_OF(member))) {
                        write_fixed(out, who.address);
                        return;
                }
        }
}

int messenger_revoke(struct messenger *m, struct conversation *c, struct bytes id)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct membership *g;
        struct invitation i;
        int r = messenger_changeable(c, &g);

        if (r >= 0 && !membership_may_invite(g))
                r = -EPERM;
        if (r < 0)
                return r;
        effective(g, &list);
        return invitations_find(writer_bytes(&list), id, &i) ? want(m, c, g, INVITATION_REVOKE, &i) : -ENOENT;
}

void messenger_note_use(struct messenger *m, struct membership *g, struct bytes proof)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        uint8_t author[AUTHOR_SIZE];
        struct invitation i;
        struct reader r;
        struct bytes id;

        reader_init(&r, proof);
        id = read_fixed(&r, INVITATION_ID_SIZE);
        own_author(m, g, author);
        effective(g, &list);
        if (r.error < 0 || !invitations_find(writer_bytes(&list), id, &i) || i.uses == 0 ||
            !bytes_equal(i.author, BYTES_OF(author)))
                return;
        i.uses--;
        invitations_change(&g->wanted.invitations, i.uses == 0 ? INVITATION_REVOKE : INVITATION_SET, &i);
        g->wanted.changed = true;
}

/* -- a knock ------------------------------------------------------------------------------------------------------ */

static bool is_inside(const struct membership *g)
{
        return g && g->group && !g->gone && !g->wanted.leave && !g->wanted.joining;
}

/* The group of an invitation that stands, was made by us, who count its uses, and of which @knock proves that they have
 * it. */
static struct membership *invited_into(struct messenger *m, const struct knock *knock, struct bytes author)
{
        const struct invitation_claim claim = { .author = author };

        for (struct conversation *c = m->conversations; c; c = c->next) {
                _cleanup_writer_ struct writer list = WRITER_INIT;
                struct membership *g = c->kind == CONVERSATION_GROUP ? c->memberships : NULL;
                uint8_t self[AUTHOR_SIZE];
                struct invitation i;

                if (!is_inside(g))
                        continue;
                own_author(m, g, self);
                effective(g, &list);
                if (writer_finish(&list) >= 0 &&
                    invitation_verify(group_epoch(g->group)->context.suite, writer_bytes(&list), knock->proof, &claim,
                                      &i) >= 0 &&
                    bytes_equal(i.id, knock->id) && bytes_equal(i.author, BYTES_OF(self)) && membership_may_invite(g))
                        return g;
        }
        return NULL;
}

/* Our group of that id, if they are a member of it. */
static struct membership *returns_into(struct messenger *m, const struct knock *knock, const struct conversation *who)
{
        const struct conversation *c = messenger_find(m, knock->id);
        struct membership *g = c && c->kind == CONVERSATION_GROUP ? c->memberships : NULL;
        struct device_credential member;

        if (!is_inside(g))
                return NULL;
        for (uint32_t leaf = 0; membership_member(g, &leaf, &member); leaf++) {
                if (bytes_equal(member.address, BYTES_STRING(who->address)) &&
                    bytes_equal(member.root_key, writer_bytes(&who->root_key)))
                        return g;
        }
        return NULL;
}

/* Somebody who knocks may go on at once a few times, as when others' commits are faster. */
static bool is_too_often(struct conversation *c)
{
        uint64_t now = seconds();

        if (now < c->knocks.since || now - c->knocks.since >= 60) {
                c->knocks.since = now;
                c->knocks.count = 0;
        }
        return ++c->knocks.count > KNOCKS_A_MINUTE;
}

/* Whoever has come by an invitation asks for no conversation. */
static int settle_request(struct messenger *m, struct conversation *c)
{
        _cleanup_(message_release) struct message last = { 0 };
        int r = 0;

        if (c->standing.approval != APPROVAL_REQUEST || (r = history_last(m->vault, conversation_id(c), &last)) != 0)
                return r;
        c->standing.approval = APPROVAL_MET;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        return conversation_store(m->vault, c);
}

int messenger_take_knock(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, slot = WRITER_INIT, answer = WRITER_INIT;
        struct opening opening = { 0 };
        struct membership *g;
        struct knock knock;
        int r = knock_read(body, &knock);

        if (r < 0 || c->kind != CONVERSATION_PERSON || o->sender != SENDER_OTHER || is_too_often(c))
                return r;
        g = knock.why == KNOCK_INVITED ? invited_into(m, &knock, BYTES_OF(o->author)) : returns_into(m, &knock, c);
        opening.id = knock.id;
        if (g) {
                r = group_publish_info(g->group, true, &info);
                membership_slot(g, &slot);
                opening.group_info = writer_bytes(&info);
                opening.slot = writer_bytes(&slot);
                r = r < 0 ? r : settle_request(m, c);
        }
        if (r < 0)
                return r;
        opening_write(&opening, &answer);
        return messenger_send_silent(m, c, CONTENT_OPENING, writer_bytes(&answer));
}

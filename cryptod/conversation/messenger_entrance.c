/* See messenger_invitation.h: how we get into a group from outside, with an invitation or back into our own place. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_invitation.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/parcel.h"
#include "cryptod/mls/group_info.h"
#include "services/cleanup.h"
#include "services/log.h"

enum {
        AGAIN_SECONDS = 60, /* until the next member is asked, or the same again, ever later: */
        AGAIN_SECONDS_MAX = 6 * 3600,
        BEHIND_AGAIN_SECONDS = 5 * 60, /* a group that was not behind is not asked about sooner */
};

static uint64_t seconds(void)
{
        return notice_time() / 1000000;
}

static struct entrance *find(const struct messenger *m, struct bytes id)
{
        for (struct entrance *e = m->entrances; e; e = e->next) {
                if (bytes_equal(BYTES_OF(e->id), id))
                        return e;
        }
        return NULL;
}

/* Within a transaction: it is over. */
static int conclude(struct messenger *m, struct entrance *e)
{
        int r = entrance_erase(m->vault, e);

        for (struct entrance **p = &m->entrances; r >= 0 && *p; p = &(*p)->next) {
                if (*p == e) {
                        *p = e->next;
                        entrance_free(e);
                        break;
                }
        }
        return r;
}

/* Within a transaction: a new one. */
static int look_for(struct messenger *m, struct bytes id, enum knock_reason why, struct entrance **out)
{
        struct entrance *e = calloc(1, sizeof(*e));
        unsigned count = 0;

        for (const struct entrance *other = m->entrances; other; other = other->next)
                count++;
        if (!e)
                abort();
        if (count >= ENTRANCES_MAX) {
                free(e);
                return -E2BIG;
        }
        memcpy(e->id, id.data, sizeof(e->id));
        e->why = why;
        e->next = m->entrances;
        m->entrances = e;
        *out = e;
        return 0;
}

void messenger_entrances_reload(struct messenger *m)
{
        int r;

        while (m->entrances) {
                struct entrance *next = m->entrances->next;

                entrance_free(m->entrances);
                m->entrances = next;
        }
        r = entrances_load(m->vault, &m->entrances);
        if (r < 0)
                log_error("What account %s looks for cannot be read back: %s. Log in again.",
                          vault_account(m->vault)->id, strerror(-r));
}

int messenger_entrances_anew(struct messenger *m)
{
        int r = 0;

        for (struct entrance *e = m->entrances; r >= 0 && e; e = e->next) {
                e->membership = 0;
                e->asked = 0;
                r = entrance_store(m->vault, e);
        }
        return r;
}

bool messenger_is_returning(const struct messenger *m, const struct conversation *c)
{
        const struct entrance *e = find(m, conversation_id(c));

        return e && e->why == KNOCK_RETURNS;
}

/* -- by a link ---------------------------------------------------------------------------------------------------- */

static int store_invited(struct messenger *m, const struct invitation_link *l, struct bytes inviter)
{
        struct entrance *e;
        int r = look_for(m, BYTES_OF(l->id), KNOCK_INVITED, &e);

        if (r < 0)
                return r;
        e->expires = l->expires;
        e->key = secret_copy(secret_bytes(l->key));
        list_add(&e->helpers, inviter);
        return entrance_store(m->vault, e);
}

int messenger_join_by_link(struct messenger *m, const struct invitation_link *l)
{
        char inviter[ADDRESS_TEXT_MAX];
        struct conversation *c;
        int r;

        address_format(&l->inviter.address, false, inviter);
        if (device_is_at(m->device, BYTES_STRING(inviter)))
                return -EINVAL;
        if (l->expires <= seconds())
                return -ETIME;
        if (!same_hub(BYTES_STRING(device_place_beside(m->device, BYTES_STRING(inviter))->address),
                      BYTES_STRING(inviter)))
                return -EXDEV;
        r = messenger_add_contact(m, inviter, l->inviter.pin, false, &c);
        if (r < 0 || find(m, BYTES_OF(l->id)))
                return r;
        r = messenger_begin(m);
        return r < 0 ? r : messenger_end(m, NULL, store_invited(m, l, BYTES_STRING(inviter)));
}

/* -- back --------------------------------------------------------------------------------------------------------- */

int messenger_return(struct messenger *m, struct conversation *c, const struct membership *g)
{
        _cleanup_writer_ struct writer others = WRITER_INIT;
        struct entrance *e = find(m, conversation_id(c));
        unsigned count = 0;
        struct reader reader;
        int r;

        messenger_recipients(m, g, &others);
        if (e || others.size == 0)
                return e ? 0 : -ENOENT;
        r = look_for(m, conversation_id(c), KNOCK_RETURNS, &e);
        if (r < 0)
                return r;
        for (reader_init(&reader, writer_bytes(&others)); reader_more(&reader) && count < ENTRANCE_HELPERS_MAX; count++)
                write_vector(&e->helpers, read_vector(&reader));
        return entrance_store(m->vault, e);
}

int messenger_note_behind(struct messenger *m, struct conversation *c, const struct membership *g)
{
        uint64_t now = seconds();
        int r;

        if (g->wanted.leave || g->wanted.joining || (now >= c->behind && now - c->behind < BEHIND_AGAIN_SECONDS))
                return 0;
        r = messenger_return(m, c, g);
        if (r >= 0)
                c->behind = now;
        return r == -ENOENT || r == -E2BIG ? 0 : r;
}

int messenger_caught_up(struct messenger *m, struct conversation *c)
{
        struct entrance *e = find(m, conversation_id(c));

        c->stale_since = 0;
        return e && e->why == KNOCK_RETURNS && e->membership == 0 ? conclude(m, e) : 0;
}

/* Within a transaction: nobody is left who could let us in. */
static int give_up(struct messenger *m, struct entrance *e, struct conversation *asked)
{
        struct conversation *c = e->why == KNOCK_RETURNS ? messenger_find(m, BYTES_OF(e->id)) : NULL;
        int r = 0;

        if (c && c->memberships)
                r = messenger_gone(m, c, c->memberships);
        if (c) {
                c->rejoin = false;
                if (r >= 0)
                        r = conversation_store(m->vault, c);
                if (r >= 0)
                        r = notice_add(m, c,
                                       "Nobody who was asked knows you as a member of “%s” any more. A member can "
                                       "add you.",
                                       c->name);
                if (r >= 0)
                        r = messenger_fail_waiting(m, c);
        } else if (asked) {
                r = notice_add(m, asked, "The invitation into a group is not valid any more; ask for a new one.");
        }
        return r < 0 ? r : conclude(m, e);
}

/* -- asked -------------------------------------------------------------------------------------------------------- */

static struct bytes first_helper(const struct entrance *e)
{
        struct reader r;

        reader_init(&r, writer_bytes(&e->helpers));
        return reader_more(&r) ? read_vector(&r) : BYTES(NULL, 0);
}

static bool is_due(const struct entrance *e, uint64_t now, uint64_t *wait)
{
        uint64_t after = (uint64_t) AGAIN_SECONDS << (e->tries / 4 < 9 ? e->tries / 4 : 9);

        if (after > AGAIN_SECONDS_MAX)
                after = AGAIN_SECONDS_MAX;
        if (e->asked == 0 || now < e->asked || now - e->asked >= after)
                return true;
        after -= now - e->asked;
        if (*wait == 0 || after < *wait)
                *wait = after;
        return false;
}

/* Within a transaction: the next one is asked the next time. */
static int pass_over(struct messenger *m, struct entrance *e)
{
        _cleanup_writer_ struct writer helper = WRITER_INIT;

        write_fixed(&helper, first_helper(e));
        list_remove(&e->helpers, writer_bytes(&helper));
        list_add(&e->helpers, writer_bytes(&helper));
        return entrance_store(m->vault, e);
}

static int ask(struct messenger *m, struct entrance *e, struct conversation *c)
{
        _cleanup_writer_ struct writer proof = WRITER_INIT, body = WRITER_INIT;
        struct origin self;
        int r = 0;

        messenger_self(m, c, &self);
        if (e->key)
                r = invitation_prove(m->device->suite, BYTES_OF(e->id), e->key,
                                     &(struct invitation_claim){ .author = BYTES_OF(self.author) }, &proof);
        if (r < 0)
                return r;
        knock_write(&(struct knock){ e->why, BYTES_OF(e->id), writer_bytes(&proof) }, &body);
        r = messenger_send_silent(m, c, CONTENT_KNOCK, writer_bytes(&body));
        return r < 0 ? r : pass_over(m, e);
}

/* 1: the conversation with @address is to be started; @started: that was tried. */
static int seek(struct messenger *m, struct entrance *e, uint64_t now, bool started,
                char address[static ADDRESS_TEXT_MAX])
{
        struct bytes helper = first_helper(e);
        struct conversation *c = messenger_person(m, helper), *with;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        (void) snprintf(address, ADDRESS_TEXT_MAX, "%.*s", (int) helper.size, (const char *) helper.data);
        with = messenger_find_address(m, address);
        if (helper.size == 0 || (e->expires > 0 && e->expires <= now)) {
                struct conversation *group = e->why == KNOCK_RETURNS ? messenger_find(m, BYTES_OF(e->id)) : NULL;
                struct membership *g = group ? group->memberships : NULL;

                return messenger_end(m, g, give_up(m, e, c));
        }
        if (!started) {
                e->asked = now;
                e->tries++;
        }
        if (with)
                return messenger_end(m, conversation_current(with), ask(m, e, with));
        e->opens = !started;
        r = messenger_end(m, NULL, started ? pass_over(m, e) : entrance_store(m->vault, e));
        return r < 0 ? r : !started;
}

static int look_whether_stuck(struct messenger *m, uint64_t now, uint64_t *wait)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                int r;

                if (c->stale_since == 0 || !c->memberships || !c->memberships->group)
                        continue;
                if (now >= c->stale_since && now - c->stale_since < AGAIN_SECONDS) {
                        *wait = AGAIN_SECONDS;
                        continue;
                }
                c->stale_since = 0;
                r = messenger_begin(m);
                if (r >= 0)
                        r = messenger_end(m, NULL, messenger_note_behind(m, c, c->memberships));
                if (r < 0)
                        return r;
        }
        return 0;
}

int messenger_seek_entrance(struct messenger *m, char address[static ADDRESS_TEXT_MAX], uint64_t *wait)
{
        uint64_t now = seconds();
        int r;

        *wait = 0;
        r = look_whether_stuck(m, now, wait);
        for (struct entrance *e = m->entrances, *next; r == 0 && e; e = next) {
                next = e->next;
                if (e->membership != 0 || e->group_info.size > 0)
                        continue;
                if (e->opens || is_due(e, now, wait)) {
                        bool started = e->opens;

                        e->opens = false;
                        r = seek(m, e, now, started, address);
                }
        }
        return r;
}

/* -- answered ----------------------------------------------------------------------------------------------------- */

int messenger_take_opening(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body)
{
        struct opening opening;
        struct entrance *e;
        int r = opening_read(body, &opening);

        if (r < 0)
                return r;
        e = find(m, opening.id);
        if (!e || e->membership != 0 || o->sender != SENDER_OTHER || c->kind != CONVERSATION_PERSON ||
            !list_holds(writer_bytes(&e->helpers), BYTES_STRING(c->address)))
                return 0;
        if (opening.group_info.size == 0) {
                if (e->why == KNOCK_INVITED)
                        return give_up(m, e, c);
                list_remove(&e->helpers, BYTES_STRING(c->address));
                e->asked = 0;
                return entrance_store(m->vault, e);
        }
        writer_release(&e->slot);
        writer_release(&e->group_info);
        write_fixed(&e->slot, opening.slot);
        write_fixed(&e->group_info, opening.group_info);
        return entrance_store(m->vault, e);
}

/* Of the group that is entered. */
struct step_in {
        const struct device_place *place;
        struct writer group_id, proof, commit;
        uint64_t epoch; /* before */
};

static void step_in_release(struct step_in *s)
{
        writer_release(&s->group_id);
        writer_release(&s->proof);
        writer_release(&s->commit);
}

static int prepare(struct messenger *m, const struct entrance *e, struct step_in *s)
{
        _cleanup_(group_info_release) struct group_info info = { 0 };
        uint8_t author[AUTHOR_SIZE];
        struct reader r;
        int result;

        reader_init(&r, writer_bytes(&e->group_info));
        (void) read_u16(&r); /* they are looked at by who joins */
        (void) read_u16(&r);
        result = group_info_read(&r, &info);
        if (result < 0 || info.context.group_id.size != CONVERSATION_ID_SIZE)
                return result < 0 ? result : -EBADMSG;
        write_fixed(&s->group_id, info.context.group_id);
        s->epoch = info.context.epoch;
        s->place = device_place_beside(m->device, first_helper(e));
        content_author(BYTES_STRING(s->place->address), writer_bytes(&m->device->root_key), author);
        return e->key ? invitation_prove(
                                m->device->suite, BYTES_OF(e->id), e->key,
                                &(struct invitation_claim){ BYTES_OF(author), writer_bytes(&s->group_id), s->epoch },
                                &s->proof)
                      : 0;
}

/* It has to be a group, with somebody in it whom we have asked, and the one that we come back into. */
static int check(const struct entrance *e, const struct membership *g)
{
        struct profile profile;
        struct roles roles;
        struct device_credential who;

        membership_roles(g, &profile, &roles);
        if (profile.kind != CONVERSATION_GROUP ||
            (e->why == KNOCK_RETURNS && !bytes_equal(membership_group_id(g), BYTES_OF(e->id))))
                return -EBADMSG;
        for (uint32_t leaf = 0; membership_member(g, &leaf, &who); leaf++) {
                if (list_holds(writer_bytes(&e->helpers), who.address))
                        return 0;
        }
        return -EBADMSG;
}

static int queue_commit(struct messenger *m, struct membership *g, const struct entrance *e, const struct step_in *s)
{
        _cleanup_writer_ struct writer recipients = WRITER_INIT, content = WRITER_INIT;
        struct envelope envelope = { .membership = g->id, .group = writer_bytes(&e->slot), .epoch = s->epoch };
        int r;

        messenger_recipients(m, g, &recipients);
        parcel_write(&(struct parcel){ .message = writer_bytes(&s->commit) }, &content);
        r = writer_finish(&content);
        if (r >= 0 && content.size > ENVELOPE_MAX)
                r = -EMSGSIZE;
        if (r < 0)
                return r;
        envelope.recipients = writer_bytes(&recipients);
        envelope.content = writer_bytes(&content);
        r = messenger_queue(m, &envelope);
        if (r < 0)
                return r;
        memcpy(g->pending, envelope.id, sizeof(g->pending));
        return membership_store(m->vault, g);
}

static int store_entering(struct messenger *m, struct conversation *c, struct membership *g, struct entrance *e,
                          const struct step_in *s)
{
        int r = 0;

        for (const struct membership *old = c->memberships; r >= 0 && old; old = old->next)
                r = membership_erase(m->vault, old);
        if (r >= 0)
                r = conversation_store(m->vault, c);
        g->wanted.joining = g->wanted.changed = true;
        if (r >= 0)
                r = membership_add(m->vault, g, conversation_id(c));
        if (r >= 0)
                r = queue_commit(m, g, e, s);
        if (r < 0)
                return r;
        e->membership = g->id;
        writer_release(&e->slot);
        writer_release(&e->group_info);
        return entrance_store(m->vault, e);
}

/* In a transaction of its own: the answer led nowhere. @over: nor is anything to be looked for. */
static int drop_answer(struct messenger *m, struct entrance *e, bool over)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        writer_release(&e->slot);
        writer_release(&e->group_info);
        return messenger_end(m, NULL, over ? conclude(m, e) : entrance_store(m->vault, e));
}

static int enter_group(struct messenger *m, struct entrance *e, const struct step_in *s, struct membership *g)
{
        struct conversation *c = messenger_find(m, writer_bytes(&s->group_id));
        bool is_new = !c, rejoin;
        struct profile profile;
        struct roles roles;
        int r = is_new || c->kind == CONVERSATION_GROUP ? messenger_begin(m) : -EBADMSG;

        if (r < 0)
                return r;
        membership_roles(g, &profile, &roles);
        if (is_new)
                c = conversation_new_group(writer_bytes(&s->group_id), &profile);
        rejoin = c->rejoin;
        c->rejoin = true;
        (void) snprintf(c->name, sizeof(c->name), "%.*s", (int) profile.name.size, (const char *) profile.name.data);
        r = messenger_end(m, NULL, store_entering(m, c, g, e, s));
        if (r < 0) {
                c->rejoin = rejoin;
                if (is_new)
                        conversation_free(c);
                return r;
        }
        while (c->memberships)
                conversation_detach(c, c->memberships);
        conversation_attach(c, g);
        messenger_appeared(m, c, is_new);
        return 0;
}

/* @e may be read back from the vault, and is the caller's no more. */
static int follow(struct messenger *m, struct entrance *e)
{
        uint8_t id[KNOCK_ID_SIZE];
        _cleanup_(step_in_release) struct step_in s = { 0 };
        struct membership *g = calloc(1, sizeof(*g)), *there = NULL;
        struct conversation *c;
        int r = prepare(m, e, &s);

        if (!g)
                abort();
        memcpy(id, e->id, sizeof(id));
        if (r >= 0)
                there = messenger_group(m, writer_bytes(&s.group_id), &c);
        if (there && (e->why == KNOCK_INVITED || s.epoch <= membership_epoch(there))) { /* we are in it */
                membership_free(g);
                return drop_answer(m, e, true);
        }
        if (r >= 0)
                r = messenger_join_external(m,
                                            &(struct external_join){ .group_info = writer_bytes(&e->group_info),
                                                                     .authenticated_data = writer_bytes(&s.proof) },
                                            s.place, g, &s.commit);
        if (r >= 0)
                r = check(e, g);
        if (r >= 0)
                r = enter_group(m, e, &s, g);
        if (r >= 0)
                return 0;
        membership_free(g);
        log_warning("The way into a group that was shown to account %s leads nowhere: %s.", vault_account(m->vault)->id,
                    strerror(-r));
        e = find(m, BYTES_OF(id)); /* it is another one after a rollback */
        return r == -EIO || r == -ENOSPC || !e ? r : drop_answer(m, e, false);
}

static struct entrance *answered(const struct messenger *m)
{
        struct entrance *e = m->entrances;

        while (e && (e->group_info.size == 0 || e->membership != 0))
                e = e->next;
        return e;
}

int messenger_follow_openings(struct messenger *m)
{
        int r = 0;

        for (struct entrance *e; r >= 0 && (e = answered(m));)
                r = follow(m, e);
        return r;
}

/* -- what became of it -------------------------------------------------------------------------------------------- */

static struct entrance *entering(const struct messenger *m, const struct membership *g)
{
        struct entrance *e = m->entrances;

        while (e && e->membership != g->id)
                e = e->next;
        return e;
}

int messenger_entered(struct messenger *m, struct conversation *c, struct membership *g)
{
        struct entrance *e = entering(m, g);
        bool returns = e && e->why == KNOCK_RETURNS;
        int r = e ? conclude(m, e) : 0;

        c->rejoin = false;
        if (r >= 0)
                r = conversation_store(m->vault, c);
        if (r >= 0)
                r = returns ? notice_add(m, c, "You are back in “%s”.", c->name)
                            : notice_add(m, c, "You joined “%s” by an invitation.", c->name);
        if (r >= 0)
                r = messenger_note_arrivals(m, c, g, BYTES(NULL, 0)); /* as far as we know */
        if (r >= 0 && returns)
                r = messenger_note_lost(m, c, true);
        return r < 0 ? r : messenger_meet(m, g);
}

int messenger_not_entered(struct messenger *m, struct conversation *c, struct membership *g, bool at_once)
{
        struct entrance *e = entering(m, g);
        int r = membership_erase(m->vault, g);

        g->gone = true;
        if (r < 0 || !e)
                return r;
        e->membership = 0;
        e->asked = at_once && e->tries < 32 ? 0 : seconds();
        return entrance_store(m->vault, e);
}

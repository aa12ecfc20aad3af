/* See messenger_state.h: people whose root keys are known, trusted on first use. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cryptod/conversation/contact.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_state.h"
#include "services/cleanup.h"

static struct conversation *find_in(struct conversation *list, struct bytes address)
{
        for (struct conversation *c = list; c; c = c->next) {
                if (c->kind == CONVERSATION_PERSON && bytes_equal(BYTES_STRING(c->address), address))
                        return c;
        }
        return NULL;
}

struct conversation *messenger_person(struct messenger *m, struct bytes address)
{
        struct conversation *c = find_in(m->conversations, address);

        return c ? c : find_in(m->met, address);
}

static bool is_own(const struct messenger *m, struct bytes address)
{
        return device_is_at(m->device, address);
}

struct bytes messenger_own_address(const struct messenger *m, const struct conversation *c)
{
        if (c->kind == CONVERSATION_PERSON)
                return BYTES_STRING(device_place_beside(m->device, BYTES_STRING(c->address))->address);
        return c->memberships && c->memberships->group ? membership_own_address(c->memberships)
                                                       : BYTES_STRING(m->device->places[0].address);
}

int messenger_meet_one(struct messenger *m, const struct device_credential *who)
{
        struct conversation *c = messenger_person(m, who->address);
        char address[ADDRESS_TEXT_MAX];
        int r;

        if (is_own(m, who->address) || (c && (c->root_key.size > 0 || !messenger_key_fits(c, who->root_key))))
                return 0;
        if (!c) {
                memcpy(address, who->address.data, who->address.size);
                address[who->address.size] = '\0';
                c = conversation_new(address);
                c->standing.approval = APPROVAL_MET;
                c->next = m->met;
                m->met = c;
        }
        r = messenger_learn_key(m, c, who->root_key);
        return r < 0 ? r : conversation_store(m->vault, c);
}

int messenger_meet(struct messenger *m, const struct membership *g)
{
        struct device_credential who;
        int r = 0;

        for (uint32_t leaf = 0; r >= 0 && membership_member(g, &leaf, &who); leaf++)
                r = messenger_meet_one(m, &who);
        return r;
}

int messenger_approve(struct messenger *m, struct conversation *c)
{
        bool asked = c->standing.approval == APPROVAL_REQUEST;
        int r;

        c->standing.approval = APPROVAL_GIVEN;
        r = conversation_store(m->vault, c);
        if (r >= 0 && asked)
                r = messenger_owe_receipts(m, c);
        return r < 0 || c->kind != CONVERSATION_GROUP || !messenger_is_member(c) || !c->memberships->group
                       ? r
                       : messenger_meet(m, c->memberships);
}

void messenger_met(struct messenger *m, bool keep)
{
        while (m->met) {
                struct conversation *c = m->met;

                m->met = c->next;
                if (keep)
                        messenger_appeared(m, c, true);
                else
                        conversation_free(c);
        }
}

void messenger_spell(struct messenger *m, const struct device_credential *who, struct writer *out)
{
        const struct conversation *c = messenger_person(m, who->address);

        if (is_own(m, who->address) ? !bytes_equal(writer_bytes(&m->device->root_key), who->root_key)
                                    : c && !messenger_key_fits(c, who->root_key))
                write_u8(out, '?');
        write_fixed(out, who->address);
}

void messenger_members(struct messenger *m, const struct membership *g, struct writer *out)
{
        struct device_credential who;

        for (uint32_t leaf = 0; membership_member(g, &leaf, &who); leaf++) {
                size_t mark = writer_open_vector(out);

                messenger_spell(m, &who, out);
                writer_close_vector(out, mark);
        }
}

/* Relays carry nothing to another hub; whoever is said to be there gets nothing. */
void messenger_recipients(const struct messenger *m, const struct membership *g, struct writer *out)
{
        _cleanup_writer_ struct writer all = WRITER_INIT;
        struct bytes own = membership_own_address(g);
        struct reader r;

        membership_addresses(g, &all);
        reader_init(&r, writer_bytes(&all));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                if (!bytes_equal(address, own) && same_hub(address, own))
                        write_vector(out, address);
        }
}

static int view_contact(struct messenger *m, const struct device_credential *who, struct member_view *out)
{
        const struct conversation *c = messenger_person(m, who->address);
        _cleanup_(contact_release) struct contact k = { 0 };
        int r = c ? contact_load(m->vault, conversation_id(c), &k) : 0;

        if (r < 0 || !c)
                return r;
        out->other_key = !messenger_key_fits(c, who->root_key);
        out->verified = bytes_equal(who->root_key, writer_bytes(&k.verified));
        return 0;
}

int messenger_next_member(struct messenger *m, const struct conversation *c, uint32_t *place, struct member_view *out)
{
        struct membership *g = c->memberships;
        struct device_credential who;
        struct profile profile;
        struct roles roles;
        struct member_view view = { 0 };
        int r = 0;

        if (!messenger_is_member(c) || !g->group || !membership_member(g, place, &who))
                return 0;
        (void) snprintf(view.address, sizeof(view.address), "%.*s", (int) who.address.size,
                        (const char *) who.address.data);
        membership_roles(g, &profile, &roles);
        view.role = c->kind == CONVERSATION_PERSON ? ROLE_MEMBER : roles_of(&roles, who.root_key);
        view.self = is_own(m, who.address);
        if (view.self)
                view.other_key = !bytes_equal(who.root_key, writer_bytes(&m->device->root_key));
        else
                r = view_contact(m, &who, &view);
        if (r < 0)
                return r;
        *out = view;
        return 1;
}

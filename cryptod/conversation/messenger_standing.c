/* See messenger_standing.h. */
#include "cryptod/conversation/messenger_standing.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/contact.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/safety_number.h"
#include "cryptod/conversation/unsent.h"
#include "services/cleanup.h"

/* In a transaction of its own. */
static int change(struct messenger *m, struct conversation *c, const struct standing *to)
{
        struct standing before = c->standing;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        c->standing = *to;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        r = messenger_end(m, NULL, conversation_store(m->vault, c));
        if (r < 0)
                c->standing = before;
        return r;
}

static void fingerprint(const char *address, struct bytes root_key, uint8_t out[static SAFETY_FINGERPRINT_SIZE])
{
        safety_fingerprint(&(struct safety_party){ root_key, BYTES_STRING(address) }, out);
}

bool messenger_key_fits(const struct conversation *c, struct bytes root_key)
{
        uint8_t pin[SAFETY_FINGERPRINT_SIZE];

        if (c->root_key.size > 0)
                return bytes_equal(root_key, writer_bytes(&c->root_key));
        if (!c->standing.pinned)
                return true;
        fingerprint(c->address, root_key, pin);
        return bytes_equal(BYTES_OF(pin), BYTES_OF(c->standing.pin));
}

/* Within a transaction: their key counts as compared. */
static int verify(struct messenger *m, const struct conversation *c)
{
        _cleanup_(contact_release) struct contact k = { 0 };
        int r = contact_load(m->vault, conversation_id(c), &k);

        writer_release(&k.verified);
        write_fixed(&k.verified, writer_bytes(&c->root_key));
        return r < 0 ? r : contact_store(m->vault, conversation_id(c), &k);
}

int messenger_learn_key(struct messenger *m, struct conversation *c, struct bytes root_key)
{
        write_fixed(&c->root_key, root_key);
        return c->standing.pinned_in_person ? verify(m, c) : 0;
}

struct conversation *messenger_somebody(struct messenger *m, const char *address)
{
        return messenger_person(m, BYTES_STRING(address));
}

/* What the link says against what is known. */
static int check_pin(const struct conversation *c, const uint8_t *pin)
{
        uint8_t known[SAFETY_FINGERPRINT_SIZE];

        if (!pin || c->root_key.size == 0)
                return 0;
        fingerprint(c->address, writer_bytes(&c->root_key), known);
        return memcmp(known, pin, sizeof(known)) == 0 ? 0 : -EKEYREJECTED;
}

int messenger_add_contact(struct messenger *m, const char *address, const uint8_t *pin, bool in_person,
                          struct conversation **out)
{
        struct conversation *c = messenger_somebody(m, address);
        struct standing before;
        bool is_new = !c;
        int r;

        if (device_is_at(m->device, BYTES_STRING(address)))
                return -EINVAL;
        if (is_new)
                c = conversation_new(address);
        r = check_pin(c, pin);
        if (r >= 0)
                r = messenger_begin(m);
        before = c->standing;
        if (r >= 0) {
                c->standing.approval = APPROVAL_GIVEN;
                c->standing.blocked = c->standing.archived = false;
                c->standing.pinned = pin != NULL;
                c->standing.pinned_in_person = pin && in_person;
                if (pin)
                        memcpy(c->standing.pin, pin, sizeof(c->standing.pin));
                r = conversation_store(m->vault, c);
                if (r >= 0 && before.approval == APPROVAL_REQUEST)
                        r = messenger_owe_receipts(m, c);
                if (r >= 0 && pin && in_person && c->root_key.size > 0)
                        r = verify(m, c);
                r = messenger_end(m, NULL, r);
        }
        if (r < 0) {
                c->standing = before;
                if (is_new)
                        conversation_free(c);
                return r;
        }
        messenger_appeared(m, c, is_new);
        *out = c;
        return 0;
}

void messenger_contact_link_at(const struct messenger *m, struct bytes own, struct contact_link *out)
{
        const struct device_place *place = device_place_beside(m->device, own);
        struct vault_hub hubs[HUBS_MAX];
        int n = place->number > 0 ? vault_hubs(m->vault, hubs) : 0;

        (void) address_parse(vault_account(m->vault)->address, &out->address, NULL);
        for (int i = 0; i < n; i++) {
                if (hubs[i].number == place->number)
                        (void) address_parse(hubs[i].address, &out->address, NULL);
        }
        fingerprint(place->address, writer_bytes(&m->device->root_key), out->pin);
}

void messenger_contact_link(const struct messenger *m, struct contact_link *out)
{
        messenger_contact_link_at(m, BYTES_STRING(m->device->places[0].address), out);
}

int messenger_remove_contact(struct messenger *m, struct conversation *c)
{
        struct standing s = { .approval = APPROVAL_MET, .muted_until = c->standing.muted_until };

        return change(m, c, &s);
}

int messenger_set_nickname(struct messenger *m, struct conversation *c, struct bytes nickname)
{
        struct standing s = c->standing;

        if (c->kind != CONVERSATION_PERSON || !nickname_valid(nickname))
                return -EINVAL;
        memset(s.nickname, 0, sizeof(s.nickname));
        if (nickname.size > 0)
                memcpy(s.nickname, nickname.data, nickname.size);
        return change(m, c, &s);
}

int messenger_accept_request(struct messenger *m, struct conversation *c)
{
        int r = c->standing.approval == APPROVAL_REQUEST ? messenger_begin(m) : -ENOENT;

        if (r < 0)
                return r;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        r = messenger_end(m, NULL, messenger_approve(m, c));
        if (r < 0)
                c->standing.approval = APPROVAL_REQUEST;
        return r;
}

/* Within a transaction. */
static int erase_history(struct messenger *m, const struct conversation *c)
{
        int r;

        for (;;) {
                _cleanup_(message_release) struct message message = { 0 };

                r = history_next(m->vault, conversation_id(c), 0, &message);
                if (r > 0)
                        r = unsent_remove_message(m->vault, message.id);
                if (r >= 0 && message.id > 0)
                        r = history_erase(m->vault, conversation_id(c), message.id);
                if (r < 0 || message.id == 0)
                        return r;
        }
}

/* Their messages and keys are gone, as if they had never come. */
static int forget(struct messenger *m, struct conversation *c, bool blocked)
{
        struct standing before = c->standing;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        c->standing.approval = APPROVAL_MET;
        c->standing.blocked = blocked;
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        r = conversation_store(m->vault, c);
        if (r >= 0)
                r = erase_history(m, c);
        for (struct membership *g = c->kind == CONVERSATION_PERSON ? c->memberships : NULL; r >= 0 && g; g = g->next)
                r = membership_erase(m->vault, g);
        r = messenger_end(m, NULL, r);
        if (r < 0) {
                c->standing = before;
                return r;
        }
        while (c->kind == CONVERSATION_PERSON && c->memberships)
                conversation_detach(c, c->memberships);
        return 0;
}

int messenger_decline_request(struct messenger *m, struct conversation *c)
{
        int r = c->standing.approval != APPROVAL_REQUEST ? -ENOENT : 0;

        if (r >= 0 && c->kind != CONVERSATION_PERSON && messenger_is_member(c))
                r = messenger_leave(m, c);
        return r < 0 ? r : forget(m, c, c->standing.blocked);
}

int messenger_block(struct messenger *m, struct conversation *c, bool blocked)
{
        struct standing s = c->standing;

        if (c->kind != CONVERSATION_PERSON)
                return -EINVAL;
        if (blocked && s.approval == APPROVAL_REQUEST)
                return forget(m, c, true);
        s.blocked = blocked;
        return change(m, c, &s);
}

int messenger_mute(struct messenger *m, struct conversation *c, uint64_t until)
{
        struct standing s = c->standing;

        s.muted_until = until;
        return change(m, c, &s);
}

int messenger_archive(struct messenger *m, struct conversation *c, bool archived)
{
        struct standing s = c->standing;

        s.archived = archived;
        return change(m, c, &s);
}

bool messenger_hears(struct messenger *m, struct bytes address)
{
        const struct conversation *c = messenger_person(m, address);

        return !c || !c->standing.blocked;
}

int messenger_note_incoming(struct messenger *m, struct conversation *c)
{
        struct standing *s = &c->standing;
        bool wakes = s->archived && !standing_is_muted(s, notice_time() / 1000000);
        bool asks = c->kind == CONVERSATION_PERSON && s->approval == APPROVAL_MET;

        if (!wakes && !asks)
                return 0;
        if (asks)
                s->approval = APPROVAL_REQUEST;
        if (wakes)
                s->archived = false;
        return conversation_store(m->vault, c);
}

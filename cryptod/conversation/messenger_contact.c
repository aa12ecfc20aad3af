/* See messenger_contact.h. */
#include "cryptod/conversation/messenger_contact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cryptod/conversation/contact.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/sealing_key.h"
#include "services/cleanup.h"
#include "services/log.h"

struct conversation *messenger_contact(struct messenger *m, const char *address)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                if (messenger_is_contact(c) && strcmp(c->address, address) == 0)
                        return c;
        }
        return NULL;
}

bool messenger_is_contact(const struct conversation *c)
{
        return *c->address && c->root_key.size > 0;
}

static bool same(const struct writer *a, const struct writer *b)
{
        return bytes_equal(writer_bytes(a), writer_bytes(b));
}

/* Of somebody who was added before any key of theirs was seen, none is. */
static bool is_verified(const struct contact *k, const struct conversation *c)
{
        return c->root_key.size > 0 && same(&k->verified, &c->root_key);
}

int messenger_contact_view(struct messenger *m, const struct conversation *c, struct contact_view *out)
{
        _cleanup_(contact_release) struct contact k;
        int r = contact_load(m->vault, conversation_id(c), &k);

        if (r < 0)
                return r;
        *out = (struct contact_view){ is_verified(&k, c), k.offered.size > 0 };
        return 0;
}

static struct safety_party self(const struct messenger *m, const struct conversation *c)
{
        return (struct safety_party){ writer_bytes(&m->device->root_key), messenger_own_address(m, c) };
}

static struct safety_party other(const struct conversation *c, const struct writer *root_key)
{
        return (struct safety_party){ writer_bytes(root_key), BYTES_STRING(c->address) };
}

int messenger_safety_number(struct messenger *m, const struct conversation *c, bool offered,
                            char digits[static SAFETY_NUMBER_DIGITS + 1], char **code)
{
        _cleanup_(contact_release) struct contact k;
        struct safety_party us = self(m, c), them = other(c, &c->root_key);
        int r = contact_load(m->vault, conversation_id(c), &k);

        if (r >= 0 && offered && k.offered.size == 0)
                r = -ENOENT;
        if (r < 0)
                return r;
        if (offered)
                them = other(c, &k.offered);
        *code = safety_code(&us, &them);
        if (!*code)
                return -ENOMEM;
        safety_number(&us, &them, digits);
        return 0;
}

/* Within a transaction: a remark in the history, about the person. */
static int remark(struct messenger *m, const struct conversation *c, uint64_t time, const char *format)
{
        char text[ADDRESS_TEXT_MAX + 512];

        (void) snprintf(text, sizeof(text), format, c->address);
        return notice_add_at(m, c, time, text);
}

int messenger_set_verified(struct messenger *m, struct conversation *c, bool verified, uint64_t time)
{
        _cleanup_(contact_release) struct contact k;
        int r = contact_load(m->vault, conversation_id(c), &k);

        if (r < 0 || verified == is_verified(&k, c))
                return r;
        writer_release(&k.verified);
        if (verified)
                write_fixed(&k.verified, writer_bytes(&c->root_key));
        r = messenger_begin(m);
        if (r < 0)
                return r;
        r = contact_store(m->vault, conversation_id(c), &k);
        if (r >= 0)
                r = remark(m, c, time,
                           verified ? "You marked the key of %s as verified."
                                    : "The key of %s is not marked as verified any more.");
        return messenger_end(m, NULL, r);
}

int messenger_compare_code(struct messenger *m, struct conversation *c, const char *code, uint64_t time)
{
        struct safety_party us = self(m, c), them = other(c, &c->root_key);
        int r = safety_code_compare(code, &us, &them);

        return r < 0 ? r : messenger_set_verified(m, c, true, time);
}

int messenger_sealing_key(struct messenger *m, const struct conversation *c, struct writer *out)
{
        _cleanup_(contact_release) struct contact k;
        int r = contact_load(m->vault, conversation_id(c), &k);

        if (r < 0)
                return r;
        if (k.sealing.size == 0)
                return -ENOENT;
        write_fixed(out, writer_bytes(&k.sealing));
        return writer_finish(out);
}

int messenger_learn_sealing_key(struct messenger *m, const struct conversation *c, struct bytes key_package,
                                uint64_t now)
{
        _cleanup_(contact_release) struct contact k = { 0 };
        struct bytes root_key, sealing_key;
        struct key_package package;
        struct reader reader;
        int r = messenger_check_package(m, c->address, key_package, now, &root_key);

        if (r < 0)
                return r;
        reader_init(&reader, key_package);
        key_package_read(&reader, &package);
        r = sealing_key_read(m->device->suite, package.extensions, BYTES_STRING(c->address), root_key, &sealing_key);
        if (r >= 0)
                r = contact_load(m->vault, conversation_id(c), &k);
        if (r < 0)
                return r;
        writer_release(&k.sealing);
        write_fixed(&k.sealing, sealing_key);
        r = messenger_begin(m);
        return r < 0 ? r : messenger_end(m, NULL, contact_store(m->vault, conversation_id(c), &k));
}

int messenger_acquaintance(struct messenger *m, struct bytes address, struct bytes root_key, enum acquaintance *out)
{
        const struct conversation *c = messenger_person(m, address);
        struct contact_view view;
        int r;

        if (device_is_at(m->device, address))
                *out = bytes_equal(root_key, writer_bytes(&m->device->root_key)) ? ACQUAINTANCE_SELF
                                                                                 : ACQUAINTANCE_OTHER_KEY;
        else if (!c || c->root_key.size == 0)
                *out = ACQUAINTANCE_STRANGER;
        else if (!bytes_equal(root_key, writer_bytes(&c->root_key)))
                *out = ACQUAINTANCE_OTHER_KEY;
        else if ((r = messenger_contact_view(m, c, &view)) < 0)
                return r;
        else
                *out = view.verified ? ACQUAINTANCE_VERIFIED : ACQUAINTANCE_KNOWN;
        return 0;
}

const struct device *messenger_device(const struct messenger *m)
{
        return m->device;
}

/* A new one is shown, and then again only when something else has been said: whoever can send it once can send it a
 * thousand times. */
static int show_offered(struct messenger *m, const struct conversation *c, bool again, uint64_t time)
{
        _cleanup_(message_release) struct message last = { 0 };
        int r = again ? history_last(m->vault, conversation_id(c), &last) : 0;

        if (r < 0 || (r > 0 && last.sender == SENDER_NOTICE))
                return r;
        vault_log(m->vault, LOG_WARNING,
                  "Somebody with another key than before tried to speak as %s. Nothing of it was accepted.",
                  c->address);
        return remark(m, c, time,
                      "Somebody with another key than before tried to speak as %s. If the person has set up a new "
                      "account, compare the new safety number with them in another way and accept the key; if not, the "
                      "hub may be cheating. Nothing of it was accepted.");
}

int messenger_note_offered(struct messenger *m, const struct conversation *c, struct bytes root_key,
                           struct bytes welcome, uint64_t time)
{
        _cleanup_(contact_release) struct contact k;
        int r = contact_load(m->vault, conversation_id(c), &k);
        bool again = k.offered.size > 0;

        if (r < 0)
                return r;
        writer_release(&k.offered);
        writer_release(&k.welcome);
        write_fixed(&k.offered, root_key);
        if (welcome.size <= CONTACT_WELCOME_MAX)
                write_fixed(&k.welcome, welcome);
        r = contact_store(m->vault, conversation_id(c), &k);
        return r < 0 ? r : show_offered(m, c, again, time);
}

/* Within a transaction: the groups with the old key. */
static int erase_groups(struct messenger *m, struct conversation *c)
{
        int r = 0;

        for (struct membership *g = c->memberships; r >= 0 && g; g = g->next)
                r = membership_erase(m->vault, g);
        return r < 0 ? r : messenger_fail_waiting(m, c);
}

/* What the old key has signed goes with it. */
static int trust_key(struct messenger *m, struct conversation *c, struct contact *k, uint64_t time)
{
        struct writer before = c->root_key;
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        c->root_key = WRITER_INIT;
        write_fixed(&c->root_key, writer_bytes(&k->offered));
        writer_release(&k->sealing);
        r = conversation_store(m->vault, c);
        if (r >= 0)
                r = contact_store(m->vault, conversation_id(c), k);
        if (r >= 0)
                r = messenger_note_newcomer(m, c, writer_bytes(&c->root_key));
        if (r >= 0)
                r = erase_groups(m, c);
        if (r >= 0)
                r = remark(m, c, time,
                           "You accepted another key of %s. It is not verified until you have compared the safety "
                           "number.");
        r = messenger_end(m, NULL, r);
        if (r < 0) {
                writer_release(&c->root_key);
                c->root_key = before;
                return r;
        }
        writer_release(&before);
        vault_log(m->vault, LOG_NOTICE, "Another key of %s was accepted; it is not verified.", c->address);
        while (c->memberships)
                conversation_detach(c, c->memberships);
        return 0;
}

static int forget_offered(struct messenger *m, const struct conversation *c, struct contact *k)
{
        int r = messenger_begin(m);

        writer_release(&k->offered);
        writer_release(&k->welcome);
        return r < 0 ? r : messenger_end(m, NULL, contact_store(m->vault, conversation_id(c), k));
}

/* What was offered is forgotten last: after a crash in between, the same call goes on from there. */
int messenger_accept_key(struct messenger *m, struct conversation *c, const char *digits, uint64_t time)
{
        _cleanup_(contact_release) struct contact k;
        char expected[SAFETY_NUMBER_DIGITS + 1];
        int r = contact_load(m->vault, conversation_id(c), &k);

        if (r >= 0 && k.offered.size == 0)
                r = -ENOENT;
        if (r < 0)
                return r;
        struct safety_party us = self(m, c), them = other(c, &k.offered);
        safety_number(&us, &them, expected);
        if (strcmp(digits, expected) != 0)
                return -EKEYREJECTED;
        if (!same(&k.offered, &c->root_key))
                r = trust_key(m, c, &k, time);
        if (r >= 0 && k.welcome.size > 0 && !c->memberships)
                r = messenger_follow_welcome(m, writer_bytes(&k.welcome));
        return r < 0 ? r : forget_offered(m, c, &k);
}

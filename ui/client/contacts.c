/* See contacts.h. */
#include "ui/client/contacts.h"

#include <errno.h>
#include <stdlib.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"

static int read_list(sd_bus_message *reply, struct contact **list, size_t *n)
{
        int contact, verified, changed, blocked, r = sd_bus_message_enter_container(reply, 'a', "(ssbbbb)");
        const char *address, *nickname;

        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssbbbb)", &address, &nickname, &contact, &verified, &changed,
                                                  &blocked)) > 0) {
                struct contact *grown = reallocarray(*list, *n + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                *list = grown;
                grown[(*n)++] = (struct contact){ .address = address,
                                                  .nickname = nickname,
                                                  .contact = contact,
                                                  .verified = verified,
                                                  .changed = changed,
                                                  .blocked = blocked };
        }
        return r;
}

static void decode_list(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        _cleanup_free_ struct contact *list = NULL;
        size_t n = 0;

        if (!error && read_list(reply, &list, &n) < 0) {
                error = &calls_malformed;
                n = 0;
        }
        ((contacts_done) done)(list, n, error, userdata);
}

static void decode_number(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        const char *number = "", *code = "";

        if (!error && sd_bus_message_read(reply, "ss", &number, &code) < 0) {
                error = &calls_malformed;
                number = code = "";
        }
        ((safety_number_done) done)(number, code, error, userdata);
}

static int new_call(struct account *a, const char *member, sd_bus_message **out)
{
        return account_new_call(a, CRYPTO_CONTACTS, member, out);
}

int contacts_list(struct account *a, struct calls *c, contacts_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "List", &m);

        return r < 0 ? r : calls_send_decoded(c, m, decode_list, (call_receiver) done, userdata);
}

int contacts_safety_number(struct account *a, struct calls *c, const char *address, bool changed,
                           safety_number_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "SafetyNumber", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "sb", address, (int) changed);
        return r < 0 ? r : calls_send_decoded(c, m, decode_number, (call_receiver) done, userdata);
}

int contacts_set_verified(struct account *a, struct calls *c, const char *address, bool verified, account_done done,
                          void *userdata)
{
        return account_call(a, c, CRYPTO_CONTACTS, "SetVerified", done, userdata, "sb", address, (int) verified);
}

int contacts_accept_key(struct account *a, struct calls *c, const char *address, const char *number, account_done done,
                        void *userdata)
{
        return account_call(a, c, CRYPTO_CONTACTS, "AcceptKey", done, userdata, "ss", address, number);
}

/* im.visavis.Crypto1.Failures: what authd, and nobody else, has kept for it against a disk of its own that is put back.
 * Nothing here decides about an unlock: what authd tells it gets back, and that is all. */
#include <errno.h>

#include "cryptod/account.h"
#include "services/bus.h"
#include "services/cleanup.h"

/* One that is not here, or cannot be opened, is left out: nobody gets in there. */
static int compare(struct cryptod *c, const char *id, struct throttle_word *word, sd_bus_message *reply,
                   sd_bus_error *error)
{
        struct account *a = cryptod_account(c, id);
        int r;

        if (word->turn > INT64_MAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "Nothing has changed so often.");
        if (!a || !a->vault)
                return 0;
        r = vault_compare_failures(a->vault, word);
        if (r < 0)
                return account_object_storage_error(r, error);
        return sd_bus_message_append(reply, "(stu)", id, word->turn, word->failures);
}

static int on_compare(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct cryptod *c = userdata;
        struct throttle_word word;
        const char *id;
        int r = peer_check(&c->settings.auth, m, "This interface is for authd alone.", error);

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(stu)");
        if (r >= 0)
                r = bus_answer_list(m, "(stu)", &reply);
        while (r >= 0 && (r = sd_bus_message_read(m, "(stu)", &id, &word.turn, &word.failures)) > 0)
                r = compare(c, id, &word, reply, error);
        return r < 0 ? r : bus_send_list(reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Compare", SD_BUS_ARGS("a(stu)", told), SD_BUS_RESULT("a(stu)", newest), on_compare,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int failures_object_export(struct cryptod *c)
{
        return sd_bus_add_object_vtable(c->bus, NULL, CRYPTO_PATH, "im.visavis.Crypto1.Failures", vtable, c);
}

/* im.visavis.Crypto1.Inbox: what relayd, and nobody else, hands over. */
#include <errno.h>
#include <string.h>

#include "cryptod/account.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_room.h"
#include "cryptod/entering.h"
#include "cryptod/rejoining.h"
#include "cryptod/transfer.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"
#include "services/storage.h"

static int check_caller(struct cryptod *c, sd_bus_message *m, sd_bus_error *error)
{
        return peer_check(&c->settings.relay, m, "This interface is for relayd alone.", error);
}

static int read_account(struct cryptod *c, sd_bus_message *m, sd_bus_error *error, struct account **out, unsigned *hub)
{
        const char *id;
        int r = check_caller(c, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        *out = relay_account(c, id, hub);
        if (!*out)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "There is no account %s here.", id);
        if (!(*out)->messenger)
                return sd_bus_error_set(error, ERROR_LOCKED, "The account is locked; keep this until it attaches.");
        return 0;
}

static int storage_error(int r, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR_STORAGE, "The vault could not be written: %s. Keep this until then.",
                                 storage_advice(r));
}

static int on_deliver(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer envelope = WRITER_INIT;
        struct account *a = NULL;
        unsigned hub;
        uint64_t sequence;
        int fd, r = read_account(userdata, m, error, &a, &hub);

        if (r >= 0)
                r = sd_bus_message_read(m, "th", &sequence, &fd);
        if (r < 0)
                return r;
        r = memfd_read(fd, ENVELOPE_MAX, &envelope);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "The envelope cannot be read: %s.",
                                         strerror(-r));
        if (hub != 0 && room_entry_is(writer_bytes(&envelope))) {
                log_warning("A further hub of account %s speaks for a room, which only its own hub keeps; that was "
                            "refused.",
                            account_id(a));
                return sd_bus_reply_method_return(m, "");
        }
        r = messenger_deliver(a->messenger, sequence, writer_bytes(&envelope));
        entering_next(a);
        rejoining_next(a);
        return r < 0 ? storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

static int on_outcome(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        static const char *const names[] = {
                [OUTCOME_STORED] = "stored",
                [OUTCOME_STALE] = "stale",
                [OUTCOME_REFUSED] = "refused",
                [OUTCOME_OUTSIDE] = "outside",
        };
        const char *result, *reason;
        struct account *a = NULL;
        unsigned hub;
        uint64_t winner;
        const void *id;
        size_t id_size;
        int r = read_account(userdata, m, error, &a, &hub);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &id, &id_size);
        if (r >= 0)
                r = sd_bus_message_read(m, "sts", &result, &winner, &reason);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < COUNT_OF(names); i++) {
                if (strcmp(result, names[i]) != 0)
                        continue;
                r = i == OUTCOME_STORED ? messenger_departed(a->messenger, BYTES(id, id_size), reason) : 0;
                if (r >= 0)
                        r = messenger_outcome(a->messenger, BYTES(id, id_size), (enum outcome) i);
                entering_next(a);
                rejoining_next(a);
                return r < 0 ? storage_error(r, error) : sd_bus_reply_method_return(m, "");
        }
        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                 "\"%s\" is no outcome: stored, stale, refused and outside are.", result);
}

static int on_detached(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = NULL;
        unsigned hub;
        int r = read_account(userdata, m, error, &a, &hub);

        if (r < 0)
                return r;
        relay_attach(a);
        return sd_bus_reply_method_return(m, "");
}

static int on_key_packages_low(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = NULL;
        unsigned hub;
        uint32_t left;
        int r = read_account(userdata, m, error, &a, &hub);

        if (r >= 0)
                r = sd_bus_message_read(m, "u", &left);
        if (r < 0)
                return r;
        if (left < KEY_PACKAGES_STOCK)
                relay_publish(a, hub, KEY_PACKAGES_STOCK - left, NULL, NULL);
        return sd_bus_reply_method_return(m, "");
}

static int on_transfer_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        unsigned hub;
        struct account *a = NULL;
        const void *id;
        size_t size;
        int r = read_account(userdata, m, error, &a, &hub);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &id, &size);
        if (r < 0)
                return r;
        transfers_changed(a, BYTES(id, size));
        return sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Deliver", SD_BUS_ARGS("s", account, "t", sequence, "h", envelope), SD_BUS_NO_RESULT,
                                on_deliver, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Outcome", SD_BUS_ARGS("s", account, "ay", id, "s", result, "t", winner, "s", reason),
                                SD_BUS_NO_RESULT, on_outcome, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Detached", SD_BUS_ARGS("s", account), SD_BUS_NO_RESULT, on_detached,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("KeyPackagesLow", SD_BUS_ARGS("s", account, "u", left), SD_BUS_NO_RESULT,
                                on_key_packages_low, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("TransferChanged", SD_BUS_ARGS("s", account, "ay", id), SD_BUS_NO_RESULT,
                                on_transfer_changed, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int inbox_object_export(struct cryptod *c)
{
        return sd_bus_add_object_vtable(c->bus, NULL, CRYPTO_PATH, "im.visavis.Crypto1.Inbox", vtable, c);
}

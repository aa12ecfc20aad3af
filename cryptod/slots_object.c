/* im.visavis.Crypto1.Slots at /im/visavis/Crypto1/account/ID: what opens an account's vault. */
#include <errno.h>
#include <string.h>

#include "cryptod/opening.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/polkit.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Slots"

static int append_slot(sd_bus_message *reply, unsigned number, struct bytes encoded)
{
        _cleanup_free_ char *label = NULL;
        struct reader reader;
        struct slot s;

        reader_init(&reader, encoded);
        if (slot_read(&reader, &s) < 0)
                return sd_bus_message_append(reply, "(usst)", number, "", "", (uint64_t) 0);
        label = strndup(s.label.size > 0 ? (const char *) s.label.data : "", s.label.size);
        if (!label)
                return -ENOMEM;
        return sd_bus_message_append(reply, "(usst)", number, slot_kind_name(s.kind), utf8_valid(s.label) ? label : "",
                                     s.created);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        struct caller caller;
        int r = account_object_check_owner(a, m, &caller, error);

        if (r >= 0)
                r = bus_answer_list(m, "(usst)", &reply);
        for (unsigned n = 1; r >= 0 && n <= VAULT_SLOTS_MAX; n++) {
                struct bytes slot = vault_slot(a->vault, n);

                if (slot.size > 0)
                        r = append_slot(reply, n, slot);
        }
        return r < 0 ? r : bus_send_list(reply);
}

/* For this account, or else for all. */
static bool allows_passphrase(const struct account *a)
{
        enum passphrase_alone decision = vault_account(a->vault)->passphrase_alone;

        return decision == PASSPHRASE_AS_CONFIGURED ? a->cryptod->settings.passphrase_alone
                                                    : decision == PASSPHRASE_ALLOWED;
}

static int read_kind(struct account *a, sd_bus_message *m, enum slot_kind *out, sd_bus_error *error)
{
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (slot_kind_by_name(name, out) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is no kind of slot; there are face, recovery and passphrase.", name);
        if (*out == SLOT_PASSPHRASE && !allows_passphrase(a))
                return sd_bus_error_setf(error, ERROR_ACCESS_DENIED,
                                         "The administrator of this machine does not allow this account a passphrase "
                                         "alone, and can with: visavis admin passphrase-alone %s allow",
                                         account_id(a));
        return 0;
}

/* The fresh factor: its kind, ticket and descriptor. */
static int read_proof(struct account *a, sd_bus_message *m, struct opening_request *q, sd_bus_error *error)
{
        const void *ticket;
        size_t size;
        int r = read_kind(a, m, &q->kind, error);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &ticket, &size);
        if (r >= 0)
                r = sd_bus_message_read(m, "h", &q->factor);
        if (r >= 0)
                q->ticket = BYTES(ticket, size);
        return r;
}

static int check_label(const char *label, sd_bus_error *error)
{
        return strlen(label) <= SLOT_LABEL_MAX
                       ? 0
                       : sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                           "A slot's label has at most %d bytes; choose a shorter one.",
                                           SLOT_LABEL_MAX);
}

static int on_unlock(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct opening_request q = { .action = OPENING_UNLOCK, .new_factor = -1 };
        struct account *a = userdata;
        struct caller caller;
        int r = account_object_check_owner(a, m, &caller, error);

        if (r >= 0)
                r = read_kind(a, m, &q.kind, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "h", &q.factor);
        if (r < 0)
                return r;
        if (q.kind == SLOT_FACE_AND_FACTOR)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "With a face, call Unlock of im.visavis.Crypto1.Account with its ticket.");
        return opening_start(a, m, &caller, &q, error);
}

/* Starts what needs an unlock and a fresh factor, once its arguments are read. */
static int start(struct account *a, sd_bus_message *m, struct opening_request *q, sd_bus_error *error)
{
        struct caller caller;
        int r = caller_of(m, &caller);

        return r < 0 ? r : opening_start(a, m, &caller, q, error);
}

static int on_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct opening_request q = { .action = OPENING_STORE };
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = read_kind(a, m, &q.new_kind, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "sh", &q.label, &q.new_factor);
        if (r >= 0)
                r = check_label(q.label, error);
        if (r >= 0)
                r = read_proof(a, m, &q, error);
        if (r < 0)
                return r;
        if (q.new_kind == SLOT_RECOVERY)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "A recovery code is made by OfferRecovery, not chosen.");
        return start(a, m, &q, error);
}

/* The slot that @number names, read. */
static int find_slot(struct account *a, unsigned number, struct slot *out, sd_bus_error *error)
{
        struct reader reader;

        reader_init(&reader, vault_slot(a->vault, number));
        if (vault_slot(a->vault, number).size == 0 || slot_read(&reader, out) < 0)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "There is no slot %u; see the list of them.", number);
        return 0;
}

static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct opening_request q = { .action = OPENING_STORE };
        _cleanup_free_ char *label = NULL;
        struct account *a = userdata;
        struct slot s;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "uh", &q.number, &q.new_factor);
        if (r >= 0)
                r = find_slot(a, q.number, &s, error);
        if (r >= 0)
                r = read_proof(a, m, &q, error);
        if (r < 0)
                return r;
        if (s.kind == SLOT_RECOVERY)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "A recovery code cannot be changed: make another one, then remove this.");
        q.new_kind = s.kind;
        q.label = label = strndup(s.label.size > 0 ? (const char *) s.label.data : "", s.label.size);
        return label ? start(a, m, &q, error) : -ENOMEM;
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct opening_request q = { .action = OPENING_REMOVE, .new_factor = -1 };
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "u", &q.number);
        if (r >= 0)
                r = read_proof(a, m, &q, error);
        return r < 0 ? r : start(a, m, &q, error);
}

static int on_offer_recovery(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct opening_request q = { .action = OPENING_OFFER, .new_kind = SLOT_RECOVERY, .new_factor = -1 };
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &q.label);
        if (r >= 0)
                r = check_label(q.label, error);
        if (r >= 0)
                r = read_proof(a, m, &q, error);
        return r < 0 ? r : start(a, m, &q, error);
}

static int on_confirm_recovery(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct opening_request q = { .action = OPENING_CONFIRM, .kind = SLOT_RECOVERY, .new_factor = -1 };
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "h", &q.factor);
        if (r < 0)
                return r;
        if (a->offered.size == 0)
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "No recovery code waits to be confirmed; OfferRecovery makes one.");
        return start(a, m, &q, error);
}

static int allow_passphrase(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        int allowed, r;

        if (!a->vault) /* it was destroyed while polkit asked */
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "The account is gone by now.");
        r = sd_bus_message_read(m, "b", &allowed);
        if (r < 0)
                return r;
        r = vault_set_passphrase_alone(a->vault, allowed ? PASSPHRASE_ALLOWED : PASSPHRASE_REFUSED);
        if (r < 0)
                return account_object_storage_error(r, error);
        log_notice("An administrator has decided that a passphrase alone %s account %s.",
                   allowed ? "may open" : "does not open", account_id(a));
        return sd_bus_reply_method_return(m, "");
}

static int on_allow_passphrase(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return polkit_ask(m, "im.visavis.allow-passphrase-alone", allow_passphrase, userdata, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(usst)", slots), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unlock", SD_BUS_ARGS("s", kind, "h", factor), SD_BUS_NO_RESULT, on_unlock,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Add", SD_BUS_ARGS("s", new_kind, "s", label, "h", new_factor, "s", kind, "ay", ticket, "h", factor),
                SD_BUS_RESULT("u", number), on_add, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Change",
                                SD_BUS_ARGS("u", number, "h", new_factor, "s", kind, "ay", ticket, "h", factor),
                                SD_BUS_NO_RESULT, on_change, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("u", number, "s", kind, "ay", ticket, "h", factor),
                                SD_BUS_NO_RESULT, on_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OfferRecovery", SD_BUS_ARGS("s", label, "s", kind, "ay", ticket, "h", factor),
                                SD_BUS_RESULT("h", code), on_offer_recovery, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ConfirmRecovery", SD_BUS_ARGS("h", code), SD_BUS_RESULT("u", number),
                                on_confirm_recovery, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AllowPassphrase", SD_BUS_ARGS("b", allowed), SD_BUS_NO_RESULT, on_allow_passphrase,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int slots_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->slots_object, path, INTERFACE, vtable, a);
}

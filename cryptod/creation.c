/* See creation.h. */
#include "cryptod/creation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/key_packages.h"
#include "cryptod/opening.h"
#include "cryptod/redemption.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

enum { REGISTER_USEC = 40 * 1000 * 1000 };

struct creation {
        struct creation *next;
        struct cryptod *cryptod;
        sd_bus_message *call;
        struct caller caller;
        struct vault_account record;
        int factor, invitation; /* or -1 */
        struct redemption *redemption;
        struct slot_job *job;
        sd_bus_slot *registration;
        struct secret *vault_key;
        struct writer slot;
        struct account *account; /* once it is made */
        bool redeemed;           /* authd keeps the enrolment from then on */
        bool registered;         /* relayd has it, and its hub */
        bool reserved;           /* its directory is there, by which it is found if we are killed */
};

static void creation_end(struct creation *n)
{
        struct cryptod *c = n->cryptod;

        for (struct creation **p = &c->creations; *p; p = &(*p)->next) {
                if (*p == n) {
                        *p = n->next;
                        break;
                }
        }
        redemption_free(n->redemption);
        slot_job_free(n->job);
        sd_bus_slot_unref(n->registration);
        sd_bus_message_unref(n->call);
        secret_free(n->vault_key);
        writer_release(&n->slot);
        if (n->factor >= 0)
                close(n->factor);
        if (n->invitation >= 0)
                close(n->invitation);
        free(n);
}

/* The name of an account that came to nothing is not kept: whoever tries again gets it. Without a hub that answers, it
 * stays with relayd. */
static void forget_name(struct cryptod *c, const char *id)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = relay_call(c, "RemoveAccount", id, &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "b", 0);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, 0);
        if (r >= 0)
                r = sd_bus_send(c->bus, m, NULL);
        if (r < 0)
                log_warning("relayd could not be told that account %s was not made: %s.", id, strerror(-r));
}

static void delete_vault(struct cryptod *c, const char *id)
{
        int r = vault_discard(c->state_directory, id);
        if (r < 0)
                log_warning("What was made of the vault of account %s cannot be deleted: %s. Delete %s/%s.", id,
                            strerror(-r), c->state_directory, id);
}

void creation_forget(struct cryptod *c, const char *id)
{
        redemption_undo(c->bus, id);
        forget_name(c, id);
        delete_vault(c, id);
}

/* What was made is deleted; a face is not ours before its ticket was good. */
static void undo(struct creation *n)
{
        if (n->redeemed)
                redemption_undo(n->cryptod->bus, n->record.id);
        if (n->registered)
                forget_name(n->cryptod, n->record.id);
        if (n->reserved)
                delete_vault(n->cryptod, n->record.id);
}

void creation_cancel_all(struct cryptod *c)
{
        while (c->creations) {
                struct creation *n = c->creations;

                /* authd may be enrolling it right now, or relayd registering it: that its face is to be forgotten and
                 * its name given back is seen at the next start. */
                if (!n->account && n->registration && n->redeemed)
                        redemption_undo(c->bus, n->record.id);
                else if (!n->account && (n->redeemed || !n->redemption))
                        undo(n);
                creation_end(n);
        }
}

static void fail(struct creation *n, const sd_bus_error *error)
{
        undo(n);
        (void) sd_bus_reply_method_error(n->call, error);
        creation_end(n);
}

static void on_published(void *userdata)
{
        struct creation *n = userdata;
        char path[128];

        (void) account_object_path(n->account, path, sizeof(path));
        (void) sd_bus_reply_method_return(n->call, "o", path);
        creation_end(n);
}

static int make_account(struct creation *n)
{
        struct vault *vault;
        int r = vault_create(n->cryptod->state_directory, &n->record, writer_bytes(&n->slot), TAKE(n->vault_key),
                             &vault);

        if (r >= 0)
                r = account_new(n->cryptod, vault, &n->account);
        if (r < 0)
                return r;
        r = account_open(n->account);
        if (r < 0) { /* the list's newest */
                n->cryptod->accounts = n->account->next;
                n->account = account_free(n->account);
        }
        return r;
}

static int on_registered(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct creation *n = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const sd_bus_error *refused = sd_bus_message_get_error(reply);
        int r;

        if (refused && strncmp(refused->name, VISAVIS_ERROR, strlen(VISAVIS_ERROR)) != 0) {
                log_error("relayd did not register account %s: %s.", n->record.id, refused->message);
                sd_bus_error_set(&error, ERROR_HUB,
                                 "The relay service did not answer; see the journal of visavis-relayd, and try again.");
                refused = &error;
        }
        if (refused) {
                fail(n, refused);
                return 0;
        }
        n->registered = true;
        r = make_account(n);
        if (r < 0) {
                (void) sd_bus_error_setf(&error, ERROR_STORAGE, "The account could not be written: %s.",
                                         storage_advice(r));
                fail(n, &error);
                return 0;
        }
        if (account_hold(n->account, n->caller.name) < 0)
                account_lock(n->account);
        relay_publish(n->account, 0, KEY_PACKAGES_STOCK, on_published, n);
        return 0;
}

static void on_derived(int result, struct slot_result *s, void *userdata)
{
        struct creation *n = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (result < 0) {
                (void) opening_describe(result, &error);
                fail(n, &error);
                return;
        }
        n->cryptod->argon2 = s->parameters;
        n->vault_key = TAKE(s->vault_key);
        write_fixed(&n->slot, s->slot);
        result = writer_finish(&n->slot);
        if (result >= 0)
                result = relay_call(n->cryptod, "AddAccount", n->record.id, &m);
        if (result >= 0)
                result = sd_bus_message_append(m, "us", (uint32_t) n->record.uid, n->record.address);
        if (result >= 0)
                result = n->invitation >= 0 ? sd_bus_message_append(m, "a{sv}", 1, "invitation", "h", n->invitation)
                                            : sd_bus_message_append(m, "a{sv}", 0);
        if (result >= 0)
                result = sd_bus_call_async(n->cryptod->bus, &n->registration, m, on_registered, n, REGISTER_USEC);
        if (result < 0) {
                sd_bus_error_set_errno(&error, result);
                fail(n, &error);
        }
}

static void on_ticket(const sd_bus_error *refused, struct secret *face_secret, bool enrolment, uint64_t count,
                      uint64_t unopened, void *userdata)
{
        struct creation *n = userdata;
        _cleanup_secret_ struct secret *secret = face_secret;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct slot_request request = {
                .account = BYTES_STRING(n->record.id),
                .factor = n->factor,
                .new_kind = SLOT_FACE_AND_FACTOR,
                .new_factor = -1,
                .parameters = n->cryptod->argon2,
                .target_usec = n->cryptod->settings.argon2_usec,
                .created = n->record.created,
        };
        int r;

        if (refused) {
                fail(n, refused);
                return;
        }
        if (!enrolment) {
                sd_bus_error_set(&error, ERROR_TICKET,
                                 "This ticket is of a verification; an account is made with one of an enrolment.");
                fail(n, &error);
                return;
        }
        n->redeemed = true;
        request.face_secret = TAKE(secret);
        r = slot_job_start(n->cryptod->event, &request, on_derived, n, &n->job);
        if (r < 0) {
                (void) opening_describe(r, &error);
                fail(n, &error);
        }
}

static int check_limits(const struct cryptod *c, const struct caller *caller, const char *id, sd_bus_error *error)
{
        unsigned accounts = 0, creations = 0;

        for (const struct account *a = c->accounts; a; a = a->next) {
                if (strcmp(account_id(a), id) == 0)
                        return sd_bus_error_set(error, ERROR_EXISTS, "This account exists; unlock it instead.");
                accounts += vault_account(a->vault)->uid == caller->uid;
        }
        for (const struct creation *n = c->creations; n; n = n->next) {
                if (n->caller.uid == caller->uid)
                        return sd_bus_error_set(error, ERROR_BUSY, "An account is being made for you; wait for that.");
                creations++;
        }
        if (creations >= CREATIONS_AT_ONCE)
                return sd_bus_error_set(error, ERROR_BUSY, "Several accounts are being made; try again in a moment.");
        if (accounts >= ACCOUNTS_PER_USER)
                return sd_bus_error_setf(error, ERROR_EXISTS,
                                         "You have %u accounts, and no more than that can be made.", accounts);
        return 0;
}

int creation_start(struct cryptod *c, sd_bus_message *m, const struct caller *caller,
                   const struct creation_request *request, sd_bus_error *error)
{
        struct creation *n;
        struct timespec now;
        int r = check_limits(c, caller, request->account, error);

        if (r < 0)
                return r;
        n = calloc(1, sizeof(*n));
        if (!n)
                abort();
        (void) clock_gettime(CLOCK_REALTIME, &now);
        n->cryptod = c;
        n->call = sd_bus_message_ref(m);
        n->caller = *caller;
        n->record.uid = caller->uid;
        n->record.created = (uint64_t) now.tv_sec * 1000000;
        (void) snprintf(n->record.id, sizeof(n->record.id), "%s", request->account);
        (void) snprintf(n->record.suite, sizeof(n->record.suite), "%s", request->suite);
        address_format(&request->address, true, n->record.address);
        n->next = c->creations;
        c->creations = n;
        n->factor = fcntl(request->factor, F_DUPFD_CLOEXEC, 3);
        n->invitation = request->invitation < 0 ? -1 : fcntl(request->invitation, F_DUPFD_CLOEXEC, 3);
        r = n->factor < 0 || (request->invitation >= 0 && n->invitation < 0)
                    ? -errno
                    : vault_reserve(c->state_directory, n->record.id);
        n->reserved = r >= 0;
        if (r >= 0)
                r = redemption_start(c->bus, request->ticket, n->record.id, caller, 0, on_ticket, n, &n->redemption);
        if (r >= 0)
                return 1;
        undo(n);
        creation_end(n);
        return r == -EEXIST
                       ? sd_bus_error_set(error, ERROR_EXISTS, "This account exists; unlock it instead.")
                       : sd_bus_error_setf(error, ERROR_STORAGE, "The account cannot be made: %s.", storage_advice(r));
}

/* See destruction.h. */
#include "cryptod/destruction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

enum { CALL_USEC = 40 * 1000 * 1000, AGAIN_SECONDS = 2, AGAIN_SECONDS_MAX = 3600 };

struct destruction {
        struct account *account;
        sd_bus_message *call; /* NULL if nobody waits */
        bool local_only;
        unsigned hub;           /* that is being removed */
        sd_bus_slot *slot;      /* the call that is under way, */
        sd_event_source *again; /* or when it is tried again */
        unsigned wait;          /* seconds */
};

void destruction_free(struct account *a)
{
        struct destruction *d = TAKE(a->destruction);

        if (!d)
                return;
        sd_bus_slot_unref(d->slot);
        sd_event_source_disable_unref(d->again);
        sd_bus_message_unref(d->call);
        free(d);
}

static int forget_face(struct destruction *d);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct destruction *d = userdata;

        d->again = sd_event_source_disable_unref(d->again);
        return forget_face(d);
}

/* It stays as it is, destroyed, until it is tried again. */
static void stop(struct destruction *d, const char *name, const char *why)
{
        struct account *a = d->account;

        log_warning(
                "Account %s is destroyed, but what remains of it could not be removed: %s It is tried again in %u s.",
                account_id(a), why, d->wait);
        if (d->call)
                (void) sd_bus_reply_method_errorf(
                        d->call, name,
                        "Nothing of the account can be opened any more, but the rest of it is "
                        "still there: %s It is tried again by itself; or say so again, with "
                        "--local to leave the hub alone.",
                        why);
        d->call = sd_bus_message_unref(d->call);
        d->slot = sd_bus_slot_unref(d->slot);
        (void) sd_event_add_time_relative(a->cryptod->event, &d->again, CLOCK_BOOTTIME, (uint64_t) d->wait * 1000000, 0,
                                          on_again, d);
        d->wait = d->wait > AGAIN_SECONDS_MAX / 2 ? AGAIN_SECONDS_MAX : 2 * d->wait;
}

/* True, and it has been stopped, if @reply is an error. */
static bool refused(struct destruction *d, sd_bus_message *reply)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (e)
                stop(d, strncmp(e->name, VISAVIS_ERROR, strlen(VISAVIS_ERROR)) == 0 ? e->name : ERROR_INTERNAL,
                     e->message ? e->message : e->name);
        return e != NULL;
}

static int on_removed(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct destruction *d = userdata;
        struct account *a = d->account;
        int r;

        if (refused(d, reply))
                return 0;
        account_end(a);
        r = vault_destroy(a->cryptod->state_directory, account_id(a));
        if (r < 0)
                log_error("The files of account %s, which is destroyed, cannot be deleted: %s. Delete %s/%s.",
                          account_id(a), strerror(-r), a->cryptod->state_directory, account_id(a));
        else
                log_notice("Account %s is destroyed.", account_id(a));
        if (d->call)
                (void) (r < 0 ? sd_bus_reply_method_errorf(d->call, ERROR_STORAGE,
                                                           "The account is destroyed, but its files could not be "
                                                           "deleted: %s.",
                                                           storage_advice(r))
                              : sd_bus_reply_method_return(d->call, ""));
        destruction_free(a);
        return 0;
}

static int remove_next(struct destruction *d);

static int on_hub_removed(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct destruction *d = userdata;
        int r;

        if (refused(d, reply))
                return 0;
        r = vault_hub_remove(d->account->vault, d->hub);
        if (r >= 0)
                r = remove_next(d);
        if (r < 0)
                stop(d, ERROR_INTERNAL, strerror(-r));
        return 0;
}

/* At relayd, and at its hubs: the further ones first, and at last the account. */
static int remove_next(struct destruction *d)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct vault_hub hubs[HUBS_MAX];
        int r, n = vault_hubs(d->account->vault, hubs);

        if (n < 0)
                return n;
        d->slot = sd_bus_slot_unref(d->slot);
        d->hub = n > 0 ? hubs[0].number : 0;
        r = relay_call_hub(d->account, "RemoveAccount", d->hub, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) d->local_only);
        return r < 0 ? r
                     : sd_bus_call_async(d->account->cryptod->bus, &d->slot, m, n > 0 ? on_hub_removed : on_removed, d,
                                         CALL_USEC);
}

static int on_forgotten(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct destruction *d = userdata;
        int r;

        if (refused(d, reply))
                return 0;
        r = remove_next(d);
        if (r < 0)
                stop(d, ERROR_INTERNAL, strerror(-r));
        return 0;
}

static int forget_face(struct destruction *d)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = d->account->cryptod->bus;
        int r = sd_bus_message_new_method_call(bus, &m, "im.visavis.Auth1", "/im/visavis/Auth1",
                                               "im.visavis.Auth1.Tickets", "Forget");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", account_id(d->account));
        return r < 0 ? r : sd_bus_call_async(bus, &d->slot, m, on_forgotten, d, CALL_USEC);
}

static int start(struct account *a, sd_bus_message *call, bool local_only)
{
        struct destruction *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                abort();
        *d = (struct destruction){
                .account = a, .call = sd_bus_message_ref(call), .local_only = local_only, .wait = AGAIN_SECONDS
        };
        a->destruction = d;
        r = forget_face(d);
        if (r < 0)
                destruction_free(a);
        return r;
}

int destruction_start(struct account *a, sd_bus_message *call, bool local_only, sd_bus_error *error)
{
        int r;

        if (a->destruction && !a->destruction->again)
                return sd_bus_error_set(error, ERROR_BUSY, "The account is being destroyed already.");
        destruction_free(a); /* one that waits begins anew */
        account_lock(a);
        r = vault_erase(a->vault);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_STORAGE,
                                         "The vault could not be erased, and stands as it was: %s.", storage_advice(r));
        account_object_changed(a);
        r = start(a, call, local_only);
        return r < 0 ? r : 1;
}

void destruction_resume(struct account *a)
{
        int r = start(a, NULL, false);

        if (r < 0)
                log_warning("The end of account %s cannot go on: %s.", account_id(a), strerror(-r));
}

/* im.visavis.Auth1.Tickets: where cryptod, and nobody else, turns a ticket into the face secret. */
#include <errno.h>
#include <string.h>

#include "authd/authd.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

static int check_caller(struct authd *a, sd_bus_message *m, sd_bus_error *error)
{
        int r = peer_check(&a->settings.crypto, m,
                           "This interface is for cryptod; hand the ticket to im.visavis.Crypto1.", error);

        return r < 0 ? r : authd_ready(a, error);
}

static int storage_error(struct authd *a, int r, sd_bus_error *error)
{
        if (r == -ENOENT)
                return sd_bus_error_set(error, ERROR_TICKET, "The account of this ticket was deleted meanwhile.");
        if (r == -EEXIST)
                return sd_bus_error_set(error, ERROR_EXISTS, "A face has been enrolled for this account meanwhile.");
        if (r == -EBADMSG)
                return sd_bus_error_set(error, ERROR_STORAGE,
                                        "The face secret of this account cannot be read; authd's journal says why.");
        return sd_bus_error_setf(error, ERROR_STORAGE, "%s", accounts_describe(a->accounts));
}

/* The enrolment is on disk before its secret leaves: a vault under a secret that is lost could never be opened. */
static int take_secret(struct authd *a, const char *account, uid_t uid, struct enrolment *enrolment, uint64_t count,
                       struct secret **out)
{
        int r = 0;

        if (!enrolment)
                return accounts_face_secret(a->accounts, account, uid, out);
        r = accounts_add(a->accounts, enrolment, count);
        if (r < 0)
                return r;
        *out = TAKE(enrolment->face_secret);
        log_notice("Account %s is enrolled for the user %u.", account, (unsigned) uid);
        return 0;
}

static int redeem(struct authd *a, sd_bus_message *m, struct bytes ticket, sd_bus_error *error)
{
        _cleanup_secret_ struct secret *secret = NULL;
        _cleanup_close_ int fd = -1;
        struct enrolment *enrolment = NULL;
        const char *account, *caller;
        uint64_t count, unopened = 0;
        uint32_t uid;
        int r = sd_bus_message_read(m, "sust", &account, &uid, &caller, &count);

        if (r < 0)
                return r;
        if (count > INT64_MAX - 1)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "Nobody has redeemed so many tickets.");
        r = tickets_redeem(a->tickets, ticket, account, uid, caller, authd_now(), &enrolment);
        if (r < 0)
                return sd_bus_error_set(error, ERROR_TICKET,
                                        "The ticket was used, has expired, or is not for this account and caller; look "
                                        "into the camera again.");
        bool enrols = enrolment;

        r = take_secret(a, account, uid, enrolment, count, &secret);
        enrolment_free(enrolment);
        if (r >= 0)
                r = accounts_count_redemption(a->accounts, account, count, &count, &unopened);
        if (r < 0)
                return storage_error(a, r, error);
        r = secret_to_fd(secret, &fd);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INTERNAL, "The face secret cannot be handed over: %s.",
                                         strerror(-r));
        return sd_bus_reply_method_return(m, "hbtt", fd, (int) enrols, count, unopened);
}

static int on_redeem(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct authd *a = userdata;
        const void *ticket;
        size_t size;
        int r = check_caller(a, m, error);

        if (r < 0)
                return r;
        (void) sd_bus_message_sensitive(m);
        r = authd_ready_for_attempt(a, true, error); /* before the ticket is used up */
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'y', &ticket, &size);
        return r < 0 ? r : redeem(a, m, BYTES(ticket, size), error);
}

/* A call about an account, which is all that its arguments say. */
static int change(sd_bus_message *m, struct authd *a, int (*how)(struct accounts *, const char *), const char **account,
                  sd_bus_error *error)
{
        int r = check_caller(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", account);
        if (r < 0)
                return r;
        r = how(a->accounts, *account);
        return r < 0 ? storage_error(a, r, error) : sd_bus_reply_method_return(m, "");
}

static int on_opened(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *account;

        return change(m, userdata, accounts_opened, &account, error);
}

static int on_forget(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *account;
        int r = change(m, userdata, accounts_remove, &account, error);

        if (r >= 0)
                log_notice("Account %s is forgotten.", account);
        return r;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Redeem", SD_BUS_ARGS("ay", ticket, "s", account, "u", uid, "s", caller, "t", count),
                                SD_BUS_RESULT("h", face_secret, "b", enrolment, "t", count, "t", unopened), on_redeem,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Opened", SD_BUS_ARGS("s", account), SD_BUS_NO_RESULT, on_opened,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Forget", SD_BUS_ARGS("s", account), SD_BUS_NO_RESULT, on_forget,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int redemption_export(struct authd *a)
{
        return sd_bus_add_object_vtable(a->bus, NULL, AUTHD_PATH, "im.visavis.Auth1.Tickets", vtable, a);
}

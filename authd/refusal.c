/* See refusal.h. */
#include "authd/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "authd/attempt.h"
#include "services/bus.h"

int refusal_storage(struct authd *a, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR_STORAGE, "%s", accounts_describe(a->accounts));
}

static int say_wait(uint64_t wait, sd_bus_error *error)
{
        uint64_t seconds = wait / 1000000 + (wait % 1000000 > 0);

        if (seconds > 120)
                return sd_bus_error_setf(error, ERROR_THROTTLED,
                                         "There were too many failures; try again in %" PRIu64 " minutes.",
                                         seconds / 60 + 1);
        if (seconds > 0)
                return sd_bus_error_setf(error, ERROR_THROTTLED,
                                         "There were too many failures; try again in %" PRIu64 " seconds.", seconds);
        return 0;
}

int refusal_wait(struct authd *a, const char *account, sd_bus_error *error)
{
        uint64_t wait;

        return accounts_wait(a->accounts, account, &wait) < 0 ? refusal_storage(a, error) : say_wait(wait, error);
}

int refusal_busy(struct authd *a, const char *account, sd_bus_error *error)
{
        for (struct attempt *t = a->attempts; t; t = t->next)
                if (t->examination.kind != EXAMINATION_ENROL && !attempt_over(t) && strcmp(t->account, account) == 0)
                        return sd_bus_error_set(error, ERROR_BUSY,
                                                "This account is being verified at the moment; try again in a minute.");
        return 0;
}

int refusal_without_networks(const struct authd *a, sd_bus_error *error)
{
        if (a->settings.engine == ENGINE_LBPH)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "authd's engine is lbph, which can enrol and verify and nothing else.");
        return 0;
}

int refusal_ticket(struct authd *a, struct bytes ticket, const char *account, const struct caller *caller,
                   sd_bus_error *error)
{
        struct enrolment *enrolment = NULL;
        int r = tickets_redeem(a->tickets, ticket, account, caller->uid, caller->name, authd_now(), &enrolment);

        if (r >= 0 && enrolment)
                r = -ENOENT;
        enrolment_free(enrolment);
        return r < 0 ? sd_bus_error_set(error, ERROR_TICKET,
                                        "The ticket was used, has expired, or is not of a verification of this account "
                                        "by you; verify it again.")
                     : 0;
}

int refusal_any_wait(struct authd *a, uid_t uid, sd_bus_error *error)
{
        char account[ACCOUNT_ID_SIZE] = "";
        uint64_t wait, shortest = UINT64_MAX;
        int r;

        while ((r = accounts_next(a->accounts, uid, account)) > 0 &&
               (r = accounts_wait(a->accounts, account, &wait)) >= 0)
                shortest = wait < shortest ? wait : shortest;
        if (r < 0)
                return refusal_storage(a, error);
        if (shortest == UINT64_MAX)
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "You have no account here; sign up first.");
        return say_wait(shortest, error);
}

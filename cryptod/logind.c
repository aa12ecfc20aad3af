/* See logind.h. */
#include "cryptod/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cryptod/account.h"
#include "cryptod/vault/slot_job.h"
#include "services/log.h"

#define LOGIN1 "org.freedesktop.login1"
#define MANAGER_PATH "/org/freedesktop/login1"

static void lock_accounts(struct cryptod *c, bool of_all, uid_t uid)
{
        for (struct account *a = c->accounts; a; a = a->next) {
                if (of_all || vault_account(a->vault)->uid == uid)
                        account_lock(a);
        }
}

static int on_inhibited(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct cryptod *c = userdata;
        int fd;

        /* Without logind nobody is told of sleep at all. */
        if (sd_bus_message_get_error(reply) || sd_bus_message_read(reply, "h", &fd) < 0)
                return 0;
        if (c->inhibitor >= 0)
                close(c->inhibitor);
        c->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return 0;
}

static int inhibit(struct cryptod *c)
{
        return sd_bus_call_method_async(c->bus, NULL, LOGIN1, MANAGER_PATH, LOGIN1 ".Manager", "Inhibit", on_inhibited,
                                        c, "ssss", "sleep", "Visavis", "Keys are zeroed before the machine sleeps",
                                        "delay");
}

/* The machine goes to sleep, and its memory with it. */
static int on_sleep(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct cryptod *c = userdata;
        int starts;

        if (sd_bus_message_read(m, "b", &starts) < 0)
                return 0;
        if (!starts)
                return inhibit(c) < 0 ? 0 : 1;
        lock_accounts(c, true, 0);
        slot_job_wait_all(); /* a factor that was being tried */
        if (c->inhibitor >= 0)
                close(c->inhibitor);
        c->inhibitor = -1;
        return 0;
}

static int on_session_user(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        uint32_t uid;

        if (sd_bus_message_get_error(reply)) {
                log_warning("A session was locked, but logind does not say whose; all accounts are locked.");
                lock_accounts(userdata, true, 0);
        } else if (sd_bus_message_enter_container(reply, 'v', "(uo)") >= 0 &&
                   sd_bus_message_read(reply, "(uo)", &uid, NULL) >= 0) {
                lock_accounts(userdata, false, uid);
        }
        return 0;
}

static int on_session_lock(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct cryptod *c = userdata;

        (void) sd_bus_call_method_async(c->bus, NULL, LOGIN1, sd_bus_message_get_path(m),
                                        "org.freedesktop.DBus.Properties", "Get", on_session_user, c, "ss",
                                        LOGIN1 ".Session", "User");
        return 0;
}

int logind_watch(struct cryptod *c)
{
        int r = sd_bus_match_signal_async(c->bus, NULL, LOGIN1, MANAGER_PATH, LOGIN1 ".Manager", "PrepareForSleep",
                                          on_sleep, NULL, c);

        if (r >= 0)
                r = sd_bus_add_match_async(c->bus, NULL,
                                           "type='signal',sender='" LOGIN1 "',path_namespace='" MANAGER_PATH
                                           "/session',interface='" LOGIN1 ".Session',member='Lock'",
                                           on_session_lock, NULL, c);
        return r < 0 ? r : inhibit(c);
}

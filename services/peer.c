/* See peer.h. */
#include "peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "caller.h"
#include "log.h"

int peer_configure(struct peer *p, const struct config *c, const char *key)
{
        const char *name = config_string(c, "peers", NULL, key);
        struct passwd *user;

        errno = 0;
        user = getpwnam(name);
        if (!user) {
                log_error("There is no user %s on this machine, whom the setting %s in section [peers] names. Make it, "
                          "or "
                          "correct the setting.",
                          name, key);
                return errno ? -errno : -ENOENT;
        }
        *p = (struct peer){ .uid = user->pw_uid };
        return 0;
}

int peer_check(struct peer *p, sd_bus_message *m, const char *refusal, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(m);
        struct caller caller;
        int r;

        if (sender && p->trusted[0] && strcmp(sender, p->trusted) == 0)
                return 0; /* unique names are not used twice */
        r = caller_of(m, &caller);
        if (r < 0)
                return r;
        if (caller.uid != p->uid)
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED, refusal);
        (void) snprintf(p->trusted, sizeof(p->trusted), "%s", caller.name);
        return 0;
}

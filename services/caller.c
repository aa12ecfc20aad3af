/* Asking the bus who sent a message. */
#include "caller.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

int caller_of(sd_bus_message *m, struct caller *out)
{
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *credentials = NULL;
        struct caller caller = { 0 };
        const char *name = sd_bus_message_get_sender(m);

        if (!name || strlen(name) >= sizeof(caller.name))
                return -ENXIO;
        strcpy(caller.name, name);

        int r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID, &credentials);
        if (r >= 0)
                r = sd_bus_creds_get_euid(credentials, &caller.uid);
        if (r < 0)
                return r;
        /* The bus cannot tell it for a process in another namespace. */
        if (sd_bus_creds_get_pid(credentials, &caller.pid) < 0)
                caller.pid = 0;
        *out = caller;
        return 0;
}

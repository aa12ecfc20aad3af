/* Asking the bus who sent a message. */
#include "caller.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

/* Who was asked about last, and on which bus. Unique names are not used twice, and what stands behind one is what
 * connected, so the bus need not be asked again, which every call would wait for. */
static struct {
        const sd_bus *bus;
        struct caller caller;
} known;

int caller_of(sd_bus_message *m, struct caller *out)
{
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *credentials = NULL;
        struct caller caller = { 0 };
        const char *name = sd_bus_message_get_sender(m);

        if (!name || strlen(name) >= sizeof(caller.name))
                return -ENXIO;
        if (known.bus == sd_bus_message_get_bus(m) && strcmp(name, known.caller.name) == 0) {
                *out = known.caller;
                return 0;
        }
        strcpy(caller.name, name);

        int r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID, &credentials);
        if (r >= 0)
                r = sd_bus_creds_get_euid(credentials, &caller.uid);
        if (r < 0)
                return r;
        /* The bus cannot tell it for a process in another namespace. */
        if (sd_bus_creds_get_pid(credentials, &caller.pid) < 0)
                caller.pid = 0;
        known.bus = sd_bus_message_get_bus(m);
        known.caller = *out = caller;
        return 0;
}

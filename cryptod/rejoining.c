/* See rejoining.h. */
#include "cryptod/rejoining.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/claims.h"
#include "cryptod/conversation/list.h"
#include "services/cleanup.h"
#include "services/log.h"

static int start(struct account *a, sd_bus_message *call, const struct invitee *invitees, size_t count,
                 sd_bus_error *error)
{
        struct conversation *c;
        int r = messenger_start(a->messenger, invitees[0].address, invitees[0].key_package, (uint64_t) time(NULL), &c);

        return r < 0 ? claims_error(r, invitees, count, error) : 0;
}

static void warn(const char *address, int r, const sd_bus_error *error)
{
        log_warning("The conversation with %s does not start anew by itself: %s", address,
                    sd_bus_error_is_set(error) ? error->message : strerror(-r));
}

void rejoining_next(struct account *a)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        const char *address = a->messenger ? messenger_next_rejoin(a->messenger) : NULL;
        int r;

        if (!address)
                return;
        list_add(&addresses, BYTES_STRING(address));
        r = writer_finish(&addresses);
        if (r >= 0)
                r = claims_start(a, NULL, writer_bytes(&addresses), start, &error);
        if (r < 0)
                warn(address, r, &error);
}

void rejoining_ended(struct account *a, const char *address, int r, const sd_bus_error *error)
{
        if (r < 0)
                warn(address, r, error);
        rejoining_next(a);
}

/* See rejoining.h. */
#include "cryptod/rejoining.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/claims.h"
#include "cryptod/conversation/list.h"
#include "cryptod/conversation/messenger_healing.h"
#include "cryptod/conversation/messenger_invitation.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

enum { AGAIN_SECONDS = 60 /* after an error */ };

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

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;

        a->rejoin_again = sd_event_source_disable_unref(a->rejoin_again);
        rejoining_next(a);
        return 0;
}

static void look_again(struct account *a, uint64_t seconds)
{
        a->rejoin_again = sd_event_source_disable_unref(a->rejoin_again);
        if (seconds > 0)
                (void) sd_event_add_time_relative(a->cryptod->event, &a->rejoin_again, CLOCK_BOOTTIME,
                                                  seconds * 1000000, 0, on_again, a);
}

/* With whom a conversation is to be started: 1, or 0. */
static int find_next(struct account *a, char address[static ADDRESS_TEXT_MAX])
{
        const char *person = messenger_next_rejoin(a->messenger);
        uint64_t wait = 0, heal = 0;
        int r;

        if (person) {
                (void) snprintf(address, ADDRESS_TEXT_MAX, "%s", person);
                return 1;
        }
        r = messenger_seek_entrance(a->messenger, address, &wait);
        if (r < 0)
                log_warning("Account %s cannot ask for what it has lost: %s. That is tried again.", account_id(a),
                            storage_advice(r));
        if (r == 0)
                r = messenger_heal(a->messenger, &heal);
        if (wait == 0 || (heal > 0 && heal < wait))
                wait = heal;
        look_again(a, r < 0 ? AGAIN_SECONDS : wait);
        return r > 0;
}

void rejoining_next(struct account *a)
{
        char address[ADDRESS_TEXT_MAX];

        while (a->messenger && !a->rejoining && find_next(a, address)) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_writer_ struct writer addresses = WRITER_INIT;
                int r;

                list_add(&addresses, BYTES_STRING(address));
                r = writer_finish(&addresses);
                if (r >= 0)
                        r = claims_start(a, NULL, writer_bytes(&addresses), start, &error);
                a->rejoining = r >= 0;
                if (r < 0)
                        warn(address, r, &error);
        }
}

void rejoining_ended(struct account *a, const char *address, int r, const sd_bus_error *error)
{
        a->rejoining = false;
        if (r < 0)
                warn(address, r, error);
        rejoining_next(a);
}

/* See redemption.h. */
#include "cryptod/redemption.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/cryptod.h"
#include "cryptod/vault/vault.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

enum { REDEEM_USEC = 10 * 1000 * 1000 };

struct redemption {
        unsigned references; /* the call to authd that is under way, and whoever started it */
        char account[ACCOUNT_ID_SIZE + 1];
        redeemed done; /* NULL: nobody waits any more */
        void *userdata;
};

/* Also when the bus is closed. */
static void redemption_unref(void *userdata)
{
        struct redemption *r = userdata;

        if (--r->references == 0)
                free(r);
}

struct redemption *redemption_free(struct redemption *r)
{
        if (!r)
                return NULL;
        r->done = NULL;
        redemption_unref(r);
        return NULL;
}

static int read_face_secret(sd_bus_message *reply, struct secret **out, int *enrolment, uint64_t *count,
                            uint64_t *unopened)
{
        int fd, r = sd_bus_message_read(reply, "hbtt", &fd, enrolment, count, unopened);

        if (r >= 0)
                r = secret_from_fd(fd, FACE_SECRET_SIZE, false, out);
        return r >= 0 && (*out)->size != FACE_SECRET_SIZE ? -EBADMSG : r;
}

/* authd has answered, and nobody waits any more: the ticket is used up, and a face that is enrolled by it is nobody's.
 */
static void forgo(const struct redemption *r, sd_bus_message *reply)
{
        _cleanup_secret_ struct secret *face_secret = NULL;
        int enrolment = 0;
        uint64_t count, unopened;

        if (!sd_bus_message_get_error(reply) &&
            read_face_secret(reply, &face_secret, &enrolment, &count, &unopened) >= 0 && enrolment)
                redemption_undo(sd_bus_message_get_bus(reply), r->account);
}

static int on_redeemed(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct redemption *red = userdata;
        _cleanup_secret_ struct secret *face_secret = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const sd_bus_error *refused = sd_bus_message_get_error(reply);
        int enrolment = 0;
        uint64_t count = 0, unopened = 0;

        if (!red->done) {
                forgo(red, reply);
                return 0;
        }
        if (refused && strncmp(refused->name, VISAVIS_ERROR, strlen(VISAVIS_ERROR)) == 0) {
                red->done(refused, NULL, false, 0, 0, red->userdata);
                return 0;
        }
        if (refused || read_face_secret(reply, &face_secret, &enrolment, &count, &unopened) < 0) {
                log_error("authd did not redeem a ticket: %s.",
                          refused && refused->message ? refused->message : "its answer is malformed");
                sd_bus_error_set(&error, ERROR_INTERNAL,
                                 "The face recognition service did not answer; see the journal of visavis-authd, and "
                                 "try again.");
                red->done(&error, NULL, false, 0, 0, red->userdata);
                return 0;
        }
        red->done(NULL, TAKE(face_secret), enrolment != 0, count, unopened, red->userdata);
        return 0;
}

int redemption_start(sd_bus *bus, struct bytes ticket, const char *account, const struct caller *caller, uint64_t count,
                     redeemed done, void *userdata, struct redemption **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct redemption *red = calloc(1, sizeof(*red));
        int r;

        if (!red)
                abort();
        *red = (struct redemption){ .references = 1, .done = done, .userdata = userdata };
        (void) snprintf(red->account, sizeof(red->account), "%s", account);
        r = sd_bus_message_new_method_call(bus, &m, "im.visavis.Auth1", "/im/visavis/Auth1", "im.visavis.Auth1.Tickets",
                                           "Redeem");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', ticket.data, ticket.size);
        if (r >= 0)
                r = sd_bus_message_append(m, "sust", account, (uint32_t) caller->uid, caller->name, count);
        if (r >= 0)
                r = sd_bus_call_async(bus, &slot, m, on_redeemed, red, REDEEM_USEC);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, redemption_unref);
        if (r >= 0) {
                red->references++;
                r = sd_bus_slot_set_floating(slot, 1);
        }
        if (r < 0) {
                redemption_free(red);
                return r;
        }
        *out = red;
        return 0;
}

/* Tells authd, and does not wait for an answer. */
static int tell(sd_bus *bus, const char *member, const char *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(bus, &m, "im.visavis.Auth1", "/im/visavis/Auth1",
                                               "im.visavis.Auth1.Tickets", member);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", account);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, 0);
        return r < 0 ? r : sd_bus_send(bus, m, NULL);
}

void redemption_opened(sd_bus *bus, const char *account)
{
        int r = tell(bus, "Opened", account);

        if (r < 0)
                log_warning("authd could not be told that account %s was opened: %s.", account, strerror(-r));
}

void redemption_undo(sd_bus *bus, const char *account)
{
        int r = tell(bus, "Forget", account);

        if (r < 0)
                log_warning("authd could not be told to forget the face of account %s, which came to nothing: %s.",
                            account, strerror(-r));
}

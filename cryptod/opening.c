/* See opening.h. */
#include "cryptod/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

enum { REDEEM_USEC = 10 * 1000 * 1000 };

/* -- redeem ------------------------------------------------------------------------------------------------------- */

struct redemption {
        sd_bus_slot *call;
        redeemed done;
        void *userdata;
};

struct redemption *redemption_free(struct redemption *r)
{
        if (!r)
                return NULL;
        sd_bus_slot_unref(r->call);
        free(r);
        return NULL;
}

static int read_face_secret(sd_bus_message *reply, struct secret **out, int *enrolment)
{
        int fd, r = sd_bus_message_read(reply, "hb", &fd, enrolment);

        if (r >= 0)
                r = secret_from_fd(fd, FACE_SECRET_SIZE, false, out);
        return r >= 0 && (*out)->size != FACE_SECRET_SIZE ? -EBADMSG : r;
}

static int on_redeemed(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct redemption *red = userdata;
        _cleanup_secret_ struct secret *face_secret = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const sd_bus_error *refused = sd_bus_message_get_error(reply);
        int enrolment = 0;

        if (refused && strncmp(refused->name, VISAVIS_ERROR, strlen(VISAVIS_ERROR)) == 0) {
                red->done(refused, NULL, false, red->userdata);
                return 0;
        }
        if (refused || read_face_secret(reply, &face_secret, &enrolment) < 0) {
                log_error("authd did not redeem a ticket: %s.",
                          refused && refused->message ? refused->message : "its answer is malformed");
                sd_bus_error_set(&error, ERROR_INTERNAL,
                                 "The face recognition service did not answer; see the journal of visavis-authd, and "
                                 "try again.");
                red->done(&error, NULL, false, red->userdata);
                return 0;
        }
        red->done(NULL, TAKE(face_secret), enrolment != 0, red->userdata);
        return 0;
}

int redemption_start(sd_bus *bus, struct bytes ticket, const char *account, const struct caller *caller, redeemed done,
                     void *userdata, struct redemption **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct redemption *red = calloc(1, sizeof(*red));
        int r;

        if (!red)
                abort();
        red->done = done;
        red->userdata = userdata;
        r = sd_bus_message_new_method_call(bus, &m, "im.visavis.Auth1", "/im/visavis/Auth1", "im.visavis.Auth1.Tickets",
                                           "Redeem");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', ticket.data, ticket.size);
        if (r >= 0)
                r = sd_bus_message_append(m, "sus", account, (uint32_t) caller->uid, caller->name);
        if (r >= 0)
                r = sd_bus_call_async(bus, &red->call, m, on_redeemed, red, REDEEM_USEC);
        if (r < 0) {
                redemption_free(red);
                return r;
        }
        *out = red;
        return 0;
}

/* -- unlock ------------------------------------------------------------------------------------------------------- */

struct opening {
        struct account *account;
        sd_bus_message *call;
        struct redemption *redemption;
        struct slot_job *job;
        int factor;
        char caller[256];
};

static void opening_free(struct account *a)
{
        struct opening *o = TAKE(a->opening);

        if (!o)
                return;
        redemption_free(o->redemption);
        slot_job_free(o->job);
        sd_bus_message_unref(o->call);
        if (o->factor >= 0)
                close(o->factor);
        free(o);
}

static void answer(struct opening *o, const sd_bus_error *error)
{
        if (error)
                (void) sd_bus_reply_method_error(o->call, error);
        else
                (void) sd_bus_reply_method_return(o->call, "");
        opening_free(o->account);
}

void opening_refuse(struct account *a)
{
        const sd_bus_error locked =
                SD_BUS_ERROR_MAKE_CONST(ERROR_LOCKED, "The account was locked meanwhile; log in again.");

        if (a->opening)
                answer(a->opening, &locked);
}

static int throttled(uint64_t wait_usec, sd_bus_error *error)
{
        if (wait_usec == UINT64_MAX)
                return sd_bus_error_set(error, ERROR_THROTTLED,
                                        "There were too many wrong attempts, and this account is locked out.");
        return sd_bus_error_setf(error, ERROR_THROTTLED, "There were wrong attempts: wait %llu s before the next one.",
                                 (unsigned long long) (wait_usec / 1000000 + 1));
}

int opening_describe(int result, sd_bus_error *error)
{
        switch (-result) {
        case EKEYREJECTED:
                return sd_bus_error_set(
                        error, ERROR_WRONG_FACTOR,
                        "The face was recognised, but this PIN or passphrase does not belong to it. Try "
                        "again.");
        case EINVAL:
        case EMSGSIZE:
        case ENODATA:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A PIN or passphrase has %d to %d bytes; hand it over in a memfd or a pipe.",
                                         FACTOR_SIZE_MIN, FACTOR_SIZE_MAX);
        case ETIMEDOUT:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The PIN or passphrase did not come within five seconds; close the pipe's "
                                        "writing end after it.");
        case ENOMEM:
                return sd_bus_error_set(error, ERROR_INTERNAL,
                                        "There is not enough memory to derive the key; close something and try again.");
        default:
                return sd_bus_error_setf(error, ERROR_STORAGE,
                                         "The vault could not be opened: %s. The journal of "
                                         "visavis-cryptod has more.",
                                         strerror(-result));
        }
}

static int open_vault(struct opening *o, struct secret *vault_key)
{
        struct account *a = o->account;
        int r = vault_unlock(a->vault, vault_key);

        if (r >= 0)
                r = account_open(a);
        if (r >= 0)
                r = account_hold(a, o->caller);
        return r;
}

static void on_derived(int result, struct slot_result *s, void *userdata)
{
        struct opening *o = userdata;
        struct account *a = o->account;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (result >= 0)
                result = open_vault(o, TAKE(s->vault_key));
        if (result < 0)
                (void) opening_describe(result, &error);
        answer(o, result < 0 ? &error : NULL);
        account_lock_unless_held(a); /* the caller may have gone meanwhile */
}

static int derive(struct opening *o, struct secret *face_secret, sd_bus_error *error)
{
        _cleanup_secret_ struct secret *secret = face_secret;
        struct account *a = o->account;
        struct slot_request request = {
                .slot = vault_slot(a->vault),
                .account = BYTES_STRING(account_id(a)),
                .factor = o->factor,
        };
        uint64_t wait;
        int r = vault_attempt(a->vault, &wait);

        if (r == -EAGAIN)
                return throttled(wait, error);
        if (r >= 0) {
                request.face_secret = TAKE(secret);
                r = slot_job_start(a->cryptod->event, &request, on_derived, o, &o->job);
        }
        return r < 0 ? opening_describe(r, error) : 0;
}

static void on_ticket(const sd_bus_error *refused, struct secret *face_secret, bool enrolment, void *userdata)
{
        struct opening *o = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (refused) {
                answer(o, refused);
                return;
        }
        if (derive(o, face_secret, &error) < 0)
                answer(o, &error);
}

int opening_start(struct account *a, sd_bus_message *m, const struct caller *caller, struct bytes ticket, int factor,
                  sd_bus_error *error)
{
        struct opening *o;
        uint64_t wait;
        int r;

        if (a->opening)
                return sd_bus_error_set(error, ERROR_BUSY, "This account is being unlocked right now; wait for that.");
        r = vault_wait(a->vault, &wait);
        if (r == -EAGAIN)
                return throttled(wait, error); /* before the ticket is used up */
        if (r < 0)
                return r;
        o = calloc(1, sizeof(*o));
        if (!o)
                abort();
        o->account = a;
        o->call = sd_bus_message_ref(m);
        o->factor = fcntl(factor, F_DUPFD_CLOEXEC, 3);
        (void) snprintf(o->caller, sizeof(o->caller), "%s", caller->name);
        a->opening = o;
        r = o->factor < 0
                    ? -errno
                    : redemption_start(a->cryptod->bus, ticket, account_id(a), caller, on_ticket, o, &o->redemption);
        if (r < 0)
                opening_free(a);
        return r < 0 ? r : 1;
}

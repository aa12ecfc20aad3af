/* See opening.h. */
#include "cryptod/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/redemption.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

struct opening {
        struct account *account;
        sd_bus_message *call;
        struct redemption *redemption;
        struct slot_job *job;
        struct opening_request request; /* its ticket is not kept, its descriptors are ours */
        char label[SLOT_LABEL_MAX + 1];
        uint8_t numbers[VAULT_SLOTS_MAX]; /* of the slots that are tried */
        char caller[256];
        bool enrolled; /* authd has a new face of the account, and no slot is made with it yet */
        bool opened;   /* its vault is, and relayd is asked whether it is as new as it should be */
};

static void opening_free(struct account *a)
{
        struct opening *o = TAKE(a->opening);

        if (!o)
                return;
        if (o->enrolled)
                redemption_undo(a->cryptod->bus, account_id(a));
        redemption_free(o->redemption);
        slot_job_free(o->job);
        sd_bus_message_unref(o->call);
        if (o->request.factor >= 0)
                close(o->request.factor);
        if (o->request.new_factor >= 0)
                close(o->request.new_factor);
        free(o);
}

static void answer_error(struct opening *o, const sd_bus_error *error)
{
        (void) sd_bus_reply_method_error(o->call, error);
        opening_free(o->account);
}

void opening_refuse(struct account *a)
{
        const sd_bus_error locked =
                SD_BUS_ERROR_MAKE_CONST(ERROR_LOCKED, "The account was locked meanwhile; log in again.");

        if (a->opening)
                answer_error(a->opening, &locked);
}

void opening_attached(struct account *a)
{
        a->attached = true;
        if (!a->opening || !a->opening->opened)
                return;
        (void) sd_bus_reply_method_return(a->opening->call, "");
        opening_free(a);
}

static int throttled(uint64_t wait_usec, sd_bus_error *error)
{
        if (wait_usec == UINT64_MAX)
                return sd_bus_error_set(error, ERROR_THROTTLED,
                                        "There were too many wrong attempts, and this account is locked out until its "
                                        "recovery code is given: visavis login --recovery.");
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
        case ERANGE:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is among the first that people try, or too short to stand alone; choose "
                                        "another one, best some words that nobody would put together.");
        case ENOENT:
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "There is no such slot.");
        case EPERM:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is the last slot, and nothing would open the account without it. Add "
                                        "another one first.");
        case E2BIG:
                return sd_bus_error_setf(error, ERROR_STORAGE,
                                         "An account has at most %d slots; remove one that is not used any more.",
                                         VAULT_SLOTS_MAX);
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
                return account_object_storage_error(result, error);
        }
}

static int describe(const struct opening *o, int result, sd_bus_error *error)
{
        enum slot_kind kind = o->request.kind;

        if (kind == SLOT_RECOVERY && (result == -EBADMSG || result == -EKEYREJECTED || result == -EINVAL))
                return sd_bus_error_set(error, ERROR_WRONG_FACTOR,
                                        result == -EKEYREJECTED
                                                ? "These words are a recovery code, but not this account's."
                                                : "These words are no recovery code: compare each with the 15 on your "
                                                  "paper, and their order.");
        if (kind == SLOT_PASSPHRASE && result == -EKEYREJECTED)
                return sd_bus_error_set(error, ERROR_WRONG_FACTOR, "This passphrase is not the account's. Try again.");
        return opening_describe(result, error);
}

static int open_vault(struct opening *o, struct slot_result *s)
{
        struct account *a = o->account;
        unsigned number = o->numbers[s->opened];
        int r = vault_unlock(a->vault, TAKE(s->vault_key));

        if (r >= 0)
                r = account_open(a);
        if (r >= 0)
                r = account_hold(a, o->caller);
        if (r >= 0 && s->slot.size > 0 && vault_slot_store(a->vault, &number, s->slot) >= 0)
                log_info("Guessing the factor of slot %u of account %s costs more from now on.", number, account_id(a));
        if (r < 0)
                return r;
        if (a->attached)
                return sd_bus_reply_method_return(o->call, "");
        o->opened = true;
        return 0;
}

static int offer_code(struct opening *o, struct slot_result *s)
{
        struct account *a = o->account;
        _cleanup_close_ int fd = -1;
        int r = secret_to_fd(s->code, &fd);

        if (r < 0)
                return r;
        writer_release(&a->offered);
        write_fixed(&a->offered, s->slot);
        r = writer_finish(&a->offered);
        return r < 0 ? r : sd_bus_reply_method_return(o->call, "h", fd);
}

static int store(struct opening *o, struct bytes slot)
{
        bool is_new = o->request.number == 0;
        struct vault *v = o->account->vault;
        int r = o->enrolled ? vault_slots_replace(v, SLOT_FACE_AND_FACTOR, &o->request.number, slot)
                            : vault_slot_store(v, &o->request.number, slot);

        if (r < 0)
                return r;
        o->enrolled = false;
        log_notice("Slot %u of account %s is %s.", o->request.number, account_id(o->account),
                   is_new ? "new" : "changed");
        return is_new ? sd_bus_reply_method_return(o->call, "u", o->request.number)
                      : sd_bus_reply_method_return(o->call, "");
}

static int remove_slot(struct opening *o)
{
        int r = vault_slot_remove(o->account->vault, o->request.number);

        if (r < 0)
                return r;
        log_notice("Slot %u of account %s is erased.", o->request.number, account_id(o->account));
        return sd_bus_reply_method_return(o->call, "");
}

/* The factor was good. */
static int act(struct opening *o, struct slot_result *s)
{
        struct account *a = o->account;
        int r = 0;

        if (o->request.action == OPENING_UNLOCK)
                return open_vault(o, s);
        if (o->request.action == OPENING_CONFIRM) {
                r = store(o, writer_bytes(&a->offered));
                writer_release(&a->offered);
                return r;
        }
        r = vault_unlock(a->vault, TAKE(s->vault_key)); /* ends the counting */
        if (r < 0)
                return r;
        switch (o->request.action) {
        case OPENING_STORE:
                return store(o, s->slot);
        case OPENING_REMOVE:
                return remove_slot(o);
        default:
                return offer_code(o, s);
        }
}

static void on_derived(int result, struct slot_result *s, void *userdata)
{
        struct opening *o = userdata;
        struct account *a = o->account;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool tried = result >= 0;

        if (tried)
                result = act(o, s);
        if (tried && o->redemption)
                redemption_opened(a->cryptod->bus, account_id(a));
        if (result < 0) {
                (void) (tried ? opening_describe(result, &error) : describe(o, result, &error));
                answer_error(o, &error);
        } else if (!o->opened) {
                opening_free(a);
        }
        account_lock_unless_held(a); /* the caller may have gone meanwhile */
}

/* The slots to be tried. */
static int gather(struct opening *o, struct writer *slots, sd_bus_error *error)
{
        struct account *a = o->account;

        if (o->request.action == OPENING_CONFIRM)
                write_fixed(slots, writer_bytes(&a->offered));
        else if (vault_slots_of(a->vault, o->request.kind, slots, o->numbers) == 0)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                         "This account has no slot of the kind %s; use another factor.",
                                         slot_kind_name(o->request.kind));
        return writer_finish(slots);
}

static uint64_t now_usec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t) t.tv_sec * 1000000;
}

static int derive(struct opening *o, struct secret *face_secret, sd_bus_error *error)
{
        _cleanup_secret_ struct secret *secret = face_secret;
        _cleanup_writer_ struct writer slots = WRITER_INIT;
        struct account *a = o->account;
        struct slot_request request = {
                .account = BYTES_STRING(account_id(a)),
                .factor = o->request.factor,
                .new_kind = o->request.new_kind,
                .new_factor = o->request.new_factor,
                .label = BYTES_STRING(o->label),
                .created = now_usec(),
                .parameters = a->cryptod->argon2,
                .target_usec = a->cryptod->settings.argon2_usec,
        };
        uint64_t wait;
        int r = gather(o, &slots, error);

        if (r < 0)
                return r;
        if (o->request.kind != SLOT_RECOVERY) /* nobody guesses one */
                r = vault_attempt(a->vault, &wait);
        if (r == -EAGAIN)
                return throttled(wait, error);
        if (r >= 0) {
                request.slots = writer_bytes(&slots);
                request.face_secret = TAKE(secret);
                r = slot_job_start(a->cryptod->event, &request, on_derived, o, &o->job);
        }
        return r < 0 ? opening_describe(r, error) : 0;
}

static bool makes_slot_of_new_face(const struct opening_request *q)
{
        return q->action == OPENING_STORE && q->new_kind == SLOT_FACE_AND_FACTOR && q->kind != SLOT_FACE_AND_FACTOR;
}

static void on_ticket(const sd_bus_error *refused, struct secret *face_secret, bool enrolment, uint64_t count,
                      uint64_t unopened, void *userdata)
{
        struct opening *o = userdata;
        _cleanup_secret_ struct secret *secret = face_secret;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (refused) {
                answer_error(o, refused);
                return;
        }
        o->enrolled = enrolment;
        int r = vault_count_redemption(o->account->vault, count, unopened);

        if (r < 0)
                (void) opening_describe(r, &error);
        else if (enrolment && !makes_slot_of_new_face(&o->request))
                r = sd_bus_error_set(&error, ERROR_TICKET,
                                     "This ticket is of an enrolment: it makes a slot with that face, if a recovery "
                                     "code or a passphrase is given with it.");
        else
                r = derive(o, TAKE(secret), &error);
        if (r < 0)
                answer_error(o, &error);
}

static int opening_new(struct account *a, sd_bus_message *m, const struct caller *caller,
                       const struct opening_request *request)
{
        struct opening *o = calloc(1, sizeof(*o));

        if (!o)
                abort();
        o->account = a;
        o->call = sd_bus_message_ref(m);
        o->request = *request;
        o->request.factor = fcntl(request->factor, F_DUPFD_CLOEXEC, 3);
        o->request.new_factor = request->new_factor >= 0 ? fcntl(request->new_factor, F_DUPFD_CLOEXEC, 3) : -1;
        (void) snprintf(o->label, sizeof(o->label), "%s", request->label ? request->label : "");
        (void) snprintf(o->caller, sizeof(o->caller), "%s", caller->name);
        a->opening = o;
        return o->request.factor < 0 || (request->new_factor >= 0 && o->request.new_factor < 0) ? -EMFILE : 0;
}

int opening_start(struct account *a, sd_bus_message *m, const struct caller *caller,
                  const struct opening_request *request, sd_bus_error *error)
{
        bool face = request->kind == SLOT_FACE_AND_FACTOR || request->new_kind == SLOT_FACE_AND_FACTOR;
        uint64_t wait;
        int r = 0;

        if (a->opening)
                return sd_bus_error_set(error, ERROR_BUSY,
                                        "A factor of this account is being checked right now; wait for that.");
        if (request->kind != SLOT_RECOVERY)
                r = vault_wait(a->vault, &wait);
        if (r == -EAGAIN)
                return throttled(wait, error); /* before the ticket is used up */
        if (r >= 0)
                r = vault_check_room(a->vault);
        if (r < 0)
                return account_object_storage_error(r, error);
        r = opening_new(a, m, caller, request);
        if (r >= 0)
                r = face ? redemption_start(a->cryptod->bus, request->ticket, account_id(a), caller,
                                            vault_redemptions(a->vault), on_ticket, a->opening, &a->opening->redemption)
                         : derive(a->opening, NULL, error);
        if (r < 0)
                opening_free(a);
        return r < 0 ? r : 1;
}

/* See entering.h. */
#include "cryptod/entering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/messenger_room.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"
#include "services/text.h"

enum {
        FETCH_USEC = 30 * 1000 * 1000,
        AGAIN_USEC = 10 * 1000 * 1000, /* after a hub that was away */
        STATE_MAX = 1024 * 1024 + 512,
};

struct entering {
        unsigned references; /* the call to relayd, and whoever makes it */
        struct account *account;
        sd_bus_message *call; /* NULL: nobody waits */
        unsigned locks;       /* the account's, when it was begun */
        char name[ROOM_NAME_MAX + 1];
};

/* Also when the bus is closed, after the account. */
static void entering_unref(void *userdata)
{
        struct entering *e = userdata;

        if (--e->references > 0)
                return;
        sd_bus_message_unref(e->call);
        free(e);
}

static int room_error(int r, const char *name, sd_bus_error *error)
{
        switch (-r) {
        case EBUSY:
                return sd_bus_error_setf(error, ERROR_BUSY, "You are about to leave #%s; join it when that is done.",
                                         name);
        case EBADMSG:
        case EALREADY:
        case ENOENT:
                return sd_bus_error_setf(error, ERROR_HUB,
                                         "What the hub has of #%s is forged or damaged, so it cannot be joined. Ask "
                                         "the hub's owner to reset the room.",
                                         name);
        case EPROTONOSUPPORT:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "#%s uses another cipher suite than this account; all have to use the same.",
                                         name);
        case EMSGSIZE:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "#%s has too many members to be joined.", name);
        default:
                return account_object_storage_error(r, error);
        }
}

static int join(struct entering *e, sd_bus_message *reply, struct conversation **c, sd_bus_error *error)
{
        _cleanup_writer_ struct writer state = WRITER_INIT;
        int fd, r = sd_bus_message_read(reply, "h", &fd);

        if (r >= 0)
                r = memfd_read(fd, STATE_MAX, &state);
        if (r >= 0)
                r = messenger_join_room(e->account->messenger, BYTES_STRING(e->name), writer_bytes(&state),
                                        (uint64_t) time(NULL), c);
        return r < 0 ? room_error(r, e->name, error) : 0;
}

static void answer(struct entering *e, int r, const sd_bus_error *error, const struct conversation *c)
{
        _cleanup_free_ char *id = r >= 0 ? hex_encode(conversation_id(c)) : NULL;

        if (r >= 0)
                (void) sd_bus_reply_method_return(e->call, "s", id ? id : "");
        else if (sd_bus_error_is_set(error))
                (void) sd_bus_reply_method_error(e->call, error);
        else
                (void) sd_bus_reply_method_errno(e->call, r, NULL);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;

        a->enter_again = sd_event_source_disable_unref(a->enter_again);
        entering_next(a);
        return 0;
}

/* Of what was begun by itself: a hub that is away is asked later; else the room is given up. */
static void conclude(struct entering *e, int r, const sd_bus_error *error, bool fetched)
{
        struct account *a = e->account;

        a->entering = false;
        if (r >= 0 || !a->messenger || a->locks != e->locks) {
                entering_next(a);
                return;
        }
        log_warning("#%s is not joined again by account %s: %s", e->name, account_id(a),
                    sd_bus_error_is_set(error) ? error->message : strerror(-r));
        if ((fetched && r != -ENOMEM) || sd_bus_error_has_name(error, ERROR_NOT_FOUND))
                r = messenger_forgo_room(a->messenger, e->name);
        if (r < 0 && !a->enter_again)
                (void) sd_event_add_time_relative(a->cryptod->event, &a->enter_again, CLOCK_BOOTTIME, AGAIN_USEC, 0,
                                                  on_again, a);
        else
                entering_next(a);
}

static int on_fetched(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const sd_bus_error *refused = sd_bus_message_get_error(reply);
        struct entering *e = userdata;
        struct conversation *c = NULL;
        int r;

        if (refused)
                r = relay_refused(refused, &error);
        else if (!e->account->messenger || e->account->locks != e->locks)
                r = sd_bus_error_set(&error, ERROR_LOCKED, "The account was locked meanwhile.");
        else
                r = join(e, reply, &c, &error);
        if (e->call)
                answer(e, r, &error, c);
        else
                conclude(e, r, &error, !refused);
        return 0;
}

static int fetch(struct entering *e)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct account *a = e->account;
        int r = relay_call(a->cryptod, "FetchRoom", account_id(a), &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", e->name);
        if (r >= 0)
                r = sd_bus_call_async(a->cryptod->bus, &slot, m, on_fetched, e, FETCH_USEC);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, entering_unref);
        if (r >= 0) {
                e->references++;
                r = sd_bus_slot_set_floating(slot, 1);
        }
        return r;
}

static int start(struct account *a, sd_bus_message *call, const char *name)
{
        struct entering *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                abort();
        *e = (struct entering){
                .references = 1, .account = a, .call = call ? sd_bus_message_ref(call) : NULL, .locks = a->locks
        };
        (void) snprintf(e->name, sizeof(e->name), "%s", name);
        r = fetch(e);
        entering_unref(e);
        return r < 0 ? r : 1;
}

int entering_start(struct account *a, sd_bus_message *call, const char *name, sd_bus_error *error)
{
        if (*name == '#')
                name++;
        if (!room_name_valid(BYTES_STRING(name)))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "“%s” is no room's name: 1 to %d of a-z 0-9 . _ -. See the list of rooms.",
                                         name, ROOM_NAME_MAX);
        return start(a, call, name);
}

void entering_next(struct account *a)
{
        const char *name = a->messenger && !a->entering && !a->enter_again ? messenger_next_room(a->messenger) : NULL;
        int r;

        if (!name)
                return;
        r = start(a, NULL, name);
        a->entering = r >= 0;
        if (r < 0)
                log_warning("#%s cannot be joined again by account %s: %s.", name, account_id(a), strerror(-r));
}

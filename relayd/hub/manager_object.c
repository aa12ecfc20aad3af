/* See manager_object.h. */
#include "manager_object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control_request.h"
#include "errand.h"
#include "invitation.h"
#include "report.h"
#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"
#include "services/memfd.h"
#include "services/text.h"

#define PATH "/im/visavis/Hub1"
#define INTERFACE "im.visavis.Hub1.Manager"

enum { CALLS_MAX = 16 };

/* A call that is answered later. */
struct pending {
        struct pending *next;
        struct manager_object *object;
        sd_bus_message *call;
        char *token;
        int file;
        struct errand *errand;
        atomic_bool stopping;
        int result;
        int64_t bytes;
};

struct manager_object {
        sd_bus *bus;
        struct hub *hub;
        const char *address;
        sd_bus_slot *slot;
        struct pending *pending;
        unsigned count;
};

static void pending_free(struct pending *p)
{
        for (struct pending **q = &p->object->pending; *q; q = &(*q)->next) {
                if (*q == p) {
                        *q = p->next;
                        break;
                }
        }
        p->object->count--;
        p->stopping = true;
        errand_free(p->errand);
        hub_forget(p->object->hub, p);
        sd_bus_message_unref(p->call);
        if (p->token)
                explicit_bzero(p->token, strlen(p->token));
        free(p->token);
        if (p->file >= 0)
                close(p->file);
        free(p);
}

static int pending_new(struct manager_object *o, sd_bus_message *m, sd_bus_error *error, struct pending **out)
{
        struct pending *p = o->count < CALLS_MAX ? calloc(1, sizeof(*p)) : NULL;

        if (!p)
                return sd_bus_error_set(error, ERROR_BUSY, "The hub has enough to do; try again in a moment.");
        p->object = o;
        p->call = sd_bus_message_ref(m);
        p->file = -1;
        p->next = o->pending;
        o->pending = p;
        o->count++;
        *out = p;
        return 0;
}

static int check_caller(sd_bus_message *m, sd_bus_error *error)
{
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0 && caller.uid != 0 && caller.uid != geteuid())
                r = sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                     "Only root and the user that the hub runs as may do that.");
        return r;
}

static void answer_invite(struct pending *p, const struct store_request *r)
{
        _cleanup_free_ char *id = hex_encode(BYTES(r->token, STORE_INVITATION_ID_SIZE));
        _cleanup_close_ int token = -1;

        if (!id || memfd_make(BYTES_STRING(p->token), &token) < 0)
                (void) sd_bus_reply_method_errorf(
                        p->call, ERROR_INTERNAL,
                        "The invitation cannot be handed over; take it back and make another.");
        else
                (void) sd_bus_reply_method_return(p->call, "hst", token, id, r->until_usec);
}

static void on_order_done(void *userdata, const struct store_request *r)
{
        struct pending *p = userdata;

        if (r->result == STORE_UNKNOWN)
                (void) sd_bus_reply_method_errorf(p->call, ERROR_NOT_FOUND, "%s",
                                                  r->operation == STORE_DELETE
                                                          ? "There is no account of that name."
                                                          : "There is no such invitation that is still good.");
        else if (r->result != STORE_DONE)
                (void) sd_bus_reply_method_errorf(
                        p->call, ERROR_STORAGE,
                        "The hub could not write to its disk, so nothing was changed; see its log.");
        else if (r->operation == STORE_INVITE)
                answer_invite(p, r);
        else
                (void) sd_bus_reply_method_return(p->call, "");
        pending_free(p);
}

/* Hands the store what @m asks for. */
static int order(struct manager_object *o, sd_bus_message *m, const struct store_request *r, char *token,
                 sd_bus_error *error)
{
        struct pending *p = NULL;
        int e = pending_new(o, m, error, &p);

        if (e < 0) {
                free(token);
                return e;
        }
        p->token = token;
        e = hub_order(o->hub, r, on_order_done, p);
        if (e < 0) {
                pending_free(p);
                return e;
        }
        return 1;
}

static int on_invite(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct store_request request = { .operation = STORE_INVITE };
        uint32_t uses, seconds;
        char *token = NULL;
        int r = check_caller(m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "uu", &uses, &seconds);
        if (r < 0)
                return r;
        if (uses < 1 || uses > CONTROL_USES_MAX || seconds < 1 || seconds > CONTROL_SECONDS_MAX)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "An invitation is good for 1 to 10000 uses, and 1 second to 10 years.");
        request.uses = uses;
        request.until_usec = ((uint64_t) time(NULL) + seconds) * 1000000;
        r = invitation_new(&token, request.token);
        return r < 0 ? r : order(userdata, m, &request, token, error);
}

static int on_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct store_request request = { .operation = STORE_REVOKE };
        const char *id;
        int r = check_caller(m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        if (hex_decode(id, request.token, STORE_INVITATION_ID_SIZE) < 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "An invitation is called by 16 hexadecimal digits.");
        return order(userdata, m, &request, NULL, error);
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct store_request request = { .operation = STORE_DELETE };
        const char *name;
        int r = check_caller(m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        if (!wire_name_valid(BYTES_STRING(name)))
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "That is no account's name.");
        request.name = BYTES_STRING(name);
        return order(userdata, m, &request, NULL, error);
}

static bool may_go_on(void *userdata, unsigned percent)
{
        struct pending *p = userdata;

        return !p->stopping;
}

static void copy(void *userdata)
{
        struct pending *p = userdata;
        struct store_view *v;

        p->result = store_view_open(hub_store(p->object->hub), &v);
        if (p->result < 0)
                return;
        p->result = store_view_backup(v, p->file, may_go_on, p, &p->bytes);
        store_view_close(v);
}

static void on_copied(void *userdata)
{
        struct pending *p = userdata;

        if (p->result == -EBUSY)
                (void) sd_bus_reply_method_errorf(p->call, ERROR_BUSY, "Another backup is being made; wait for that.");
        else if (p->result < 0)
                (void) sd_bus_reply_method_errorf(p->call, ERROR_STORAGE,
                                                  "The backup could not be made: %s. See the hub's log.",
                                                  strerror(-p->result));
        else
                (void) sd_bus_reply_method_return(p->call, "t", (uint64_t) p->bytes);
        pending_free(p);
}

static int on_backup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct manager_object *o = userdata;
        struct pending *p = NULL;
        struct stat st;
        int file, r = check_caller(m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "h", &file);
        if (r < 0)
                return r;
        if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "A backup goes to a file that is new or empty: pass its descriptor.");
        r = pending_new(o, m, error, &p);
        if (r < 0)
                return r;
        p->file = fcntl(file, F_DUPFD_CLOEXEC, 3);
        r = p->file < 0 ? -errno : errand_start(sd_bus_get_event(o->bus), copy, on_copied, p, &p->errand);
        if (r < 0) {
                pending_free(p);
                return r;
        }
        return 1;
}

static int append_property(const struct manager_object *o, const char *property, sd_bus_message *reply)
{
        int64_t accounts;
        int r;

        if (strcmp(property, "Address") == 0)
                return sd_bus_message_append(reply, "s", o->address);
        if (strcmp(property, "Registration") == 0)
                return sd_bus_message_append(reply, "s", policy_name(hub_settings(o->hub)->registration));
        if (strcmp(property, "Connections") == 0)
                return sd_bus_message_append(reply, "u", hub_figures(o->hub).connections);
        r = store_count_accounts(hub_store(o->hub), &accounts);
        return r < 0 ? r : sd_bus_message_append(reply, "t", (uint64_t) accounts);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        sd_bus_message *m = sd_bus_get_current_message(bus);
        int r = m ? check_caller(m, error) : -EACCES;

        return r < 0 ? r : append_property(userdata, property, reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Invite", SD_BUS_ARGS("u", uses, "u", seconds),
                                SD_BUS_RESULT("h", token, "s", invitation, "t", until), on_invite,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Revoke", SD_BUS_ARGS("s", invitation), SD_BUS_NO_RESULT, on_revoke,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Backup", SD_BUS_ARGS("h", file), SD_BUS_RESULT("t", bytes), on_backup,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Address", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Registration", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Accounts", "t", get_property, 0, 0),
        SD_BUS_PROPERTY("Connections", "u", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

int manager_object_new(sd_bus *bus, struct hub *h, const char *address, struct manager_object **out)
{
        struct manager_object *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        o->bus = sd_bus_ref(bus);
        o->hub = h;
        o->address = address;
        r = sd_bus_add_object_vtable(bus, &o->slot, PATH, INTERFACE, vtable, o);
        if (r < 0) {
                manager_object_free(o);
                return r;
        }
        *out = o;
        return 0;
}

void manager_object_changed(struct manager_object *o)
{
        if (o)
                (void) sd_bus_emit_properties_changed(o->bus, PATH, INTERFACE, "Address", "Registration", NULL);
}

struct manager_object *manager_object_free(struct manager_object *o)
{
        if (!o)
                return NULL;
        sd_bus_slot_unref(o->slot);
        while (o->pending)
                pending_free(o->pending);
        sd_bus_unref(o->bus);
        free(o);
        return NULL;
}

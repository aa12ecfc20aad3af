/* Method calls under way: a list of slots, so that all can be dropped at once. */
#include "ui/client/calls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "services/bus.h"
#include "services/cleanup.h"

const sd_bus_error calls_malformed = SD_BUS_ERROR_MAKE_CONST(
        ERROR_INTERNAL, "cryptod answered in a form that is not understood here; see that all parts "
                        "of Visavis have the same version, and start this program again.");

/* Starting a service and opening a vault take seconds on a slow machine; a minute says that something is wrong. */
enum { CALL_TIMEOUT_SEC = 60 };

struct call {
        struct calls *set;
        struct call *previous;
        struct call *next;
        sd_bus_slot *slot;
        call_decode decode;
        call_receiver done;
        void *userdata;
};

static void call_end(struct call *call)
{
        if (call->previous)
                call->previous->next = call->next;
        else
                call->set->first = call->next;
        if (call->next)
                call->next->previous = call->previous;
        sd_bus_slot_unref(call->slot);
        free(call);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct call *call = userdata;
        call_decode decode = call->decode;
        call_receiver done = call->done;
        void *receiver = call->userdata;
        const sd_bus_error *error = sd_bus_message_get_error(m);

        call_end(call);
        decode(error ? NULL : m, error, done, receiver);
        return 0;
}

int calls_send_decoded(struct calls *c, sd_bus_message *m, call_decode decode, call_receiver done, void *userdata)
{
        struct call *call = calloc(1, sizeof(*call));

        if (!call)
                return -ENOMEM;
        *call = (struct call){ .set = c, .next = c->first, .decode = decode, .done = done, .userdata = userdata };
        if (c->first)
                c->first->previous = call;
        c->first = call;

        int r = sd_bus_call_async(sd_bus_message_get_bus(m), &call->slot, m, on_reply, call,
                                  CALL_TIMEOUT_SEC * UINT64_C(1000000));
        if (r < 0) {
                call_end(call);
                return r;
        }
        return 0;
}

static void decode_nothing(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        ((call_done) done)(reply, error, userdata);
}

int calls_send(struct calls *c, sd_bus_message *m, call_done done, void *userdata)
{
        return calls_send_decoded(c, m, decode_nothing, (call_receiver) done, userdata);
}

int calls_method(struct calls *c, sd_bus *bus, const char *destination, const char *path, const char *interface,
                 const char *member, call_done done, void *userdata, const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(bus, &m, destination, path, interface, member);
        va_list arguments;

        if (r < 0)
                return r;
        va_start(arguments, types);
        r = sd_bus_message_appendv(m, types, arguments);
        va_end(arguments);
        return r < 0 ? r : calls_send(c, m, done, userdata);
}

int calls_get_all(struct calls *c, sd_bus *bus, const char *destination, const char *path, const char *interface,
                  call_done done, void *userdata)
{
        return calls_method(c, bus, destination, path, "org.freedesktop.DBus.Properties", "GetAll", done, userdata, "s",
                            interface);
}

void calls_cancel(struct calls *c)
{
        while (c->first)
                call_end(c->first);
}

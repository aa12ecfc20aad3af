/* Method calls under way. They end with the object that made them: no answer reaches an object that is gone. */
#pragma once

#include <systemd/sd-bus.h>

struct calls {
        struct call *first;
};

/* Exactly one of @reply and @error is given; both belong to the caller of this function and end with it. The object
 * that owns the set may be freed in here. */
typedef void (*call_done)(sd_bus_message *reply, const sd_bus_error *error, void *userdata);

/* Sends the method call @m and calls @done once, later, with what came back: the answer, the error, or a time-out after
 * a minute. Errors: what sd_bus_call_async(3) returns; then @done is not called. */
int calls_send(struct calls *c, sd_bus_message *m, call_done done, void *userdata);

/* As calls_send(), for an answer that is taken apart first: @decode gets it together with @done, a function of whatever
 * type @decode knows, and @userdata for that. */
typedef void (*call_receiver)(void);
typedef void (*call_decode)(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata);
int calls_send_decoded(struct calls *c, sd_bus_message *m, call_decode decode, call_receiver done, void *userdata);

/* What an answer of cryptod's becomes that has another form than the interface says. */
extern const sd_bus_error calls_malformed;

/* As calls_send(), for a call that is made from @types and the arguments behind it (sd_bus_message_append(3)). */
int calls_method(struct calls *c, sd_bus *bus, const char *destination, const char *path, const char *interface,
                 const char *member, call_done done, void *userdata, const char *types, ...);

/* org.freedesktop.DBus.Properties.GetAll of one interface. */
int calls_get_all(struct calls *c, sd_bus *bus, const char *destination, const char *path, const char *interface,
                  call_done done, void *userdata);

/* Forgets all calls of the set; their answers are dropped. */
void calls_cancel(struct calls *c);

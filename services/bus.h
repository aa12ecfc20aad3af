/* What our bus services share beyond sd-bus: errors with names of our own, and signals for one receiver only. */
#pragma once

#include <systemd/sd-bus.h>

/* Error names: what happened. The sentence that goes with each says what to do now. */
#define VISAVIS_ERROR "im.visavis.Error."
#define ERROR_ACCESS_DENIED VISAVIS_ERROR "AccessDenied"       /* not this caller's */
#define ERROR_BUSY VISAVIS_ERROR "Busy"                        /* in use by somebody else; try again */
#define ERROR_NOT_FOUND VISAVIS_ERROR "NotFound"               /* no such account, attempt, conversation, contact */
#define ERROR_EXISTS VISAVIS_ERROR "Exists"                    /* the name is taken */
#define ERROR_INVALID_ARGUMENT VISAVIS_ERROR "InvalidArgument" /* malformed address, text too long, … */
#define ERROR_WRONG_FACTOR VISAVIS_ERROR "WrongFactor"         /* face and PIN together do not open the vault */
#define ERROR_THROTTLED VISAVIS_ERROR "Throttled"      /* too many failures; the sentence says how long to wait */
#define ERROR_TICKET VISAVIS_ERROR "TicketInvalid"     /* unknown, used, expired, or another caller's */
#define ERROR_LOCKED VISAVIS_ERROR "Locked"            /* log in first */
#define ERROR_CAMERA VISAVIS_ERROR "Camera"            /* none, busy, gone, too dark */
#define ERROR_KEY_MISMATCH VISAVIS_ERROR "KeyMismatch" /* what was compared is about another key */
#define ERROR_HUB VISAVIS_ERROR "Hub"                  /* unreachable, refused, wrong key */
#define ERROR_STORAGE VISAVIS_ERROR "Storage"          /* disk full, read-only, damaged */
#define ERROR_DAMAGED VISAVIS_ERROR "Damaged"          /* a file is not as it was sealed */
#define ERROR_INTERNAL VISAVIS_ERROR "Internal"        /* a bug; the journal has the details */

/* Sends PropertiesChanged for @names (NULL-terminated) of @interface at @path to @destination alone. The names then
 * stand in invalidated_properties, without values, so the receiver asks for them with Get. @destination NULL: to
 * everyone, with the values that the vtable's getters return. Errors: what sd_bus_send(3) returns. */
int bus_emit_properties_changed_to(sd_bus *bus, const char *destination, const char *path, const char *interface,
                                   const char *const *names);

/* Reads the options of a call, an a{sv}: @read is called with the name of each, and reads its variant or sets an error.
 * One whose value is of another type than it reads is InvalidArgument, in words. */
typedef int (*bus_read_option)(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error);
int bus_read_options(sd_bus_message *m, bus_read_option read, void *userdata, sd_bus_error *error);

/* An answer to @m whose one value is an array of @type: the caller appends the elements, bus_send_list() ends it and
 * sends it. What is in it is wiped when it is freed (sd_bus_message_sensitive(3)). */
int bus_answer_list(sd_bus_message *m, const char *type, sd_bus_message **out);
int bus_send_list(sd_bus_message *answer);

/* A new signal addressed to @destination alone; the caller appends the body, sends it and unrefs it. */
int bus_signal_to(sd_bus *bus, const char *destination, const char *path, const char *interface, const char *member,
                  sd_bus_message **out);

/* An object of one interface comes and goes: InterfacesAdded and InterfacesRemoved of the object manager at @manager
 * (D-Bus specification, org.freedesktop.DBus.ObjectManager), to @destination alone. @append adds the value of one
 * property to @m. Errors: what sd_bus_send(3) returns. */
struct bus_property {
        const char *name, *type;
};
struct bus_object {
        const char *manager, *path, *interface;
        const struct bus_property *properties;
        size_t property_count;
        int (*append)(sd_bus_message *m, const char *property, void *userdata);
        void *userdata;
};
int bus_emit_added_to(sd_bus *bus, const char *destination, const struct bus_object *o);
int bus_emit_removed_to(sd_bus *bus, const char *destination, const struct bus_object *o);

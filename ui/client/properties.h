/* The answer of org.freedesktop.DBus.Properties.GetAll, taken apart by a table. */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

enum property_kind {
        PROPERTY_STRING,       /* char[size]; a longer text is cut between characters */
        PROPERTY_BOOLEAN,      /* bool */
        PROPERTY_UINT32,       /* uint32_t */
        PROPERTY_UINT64,       /* uint64_t */
        PROPERTY_DOUBLE,       /* double; not a number becomes 0 */
        PROPERTY_FOUR_DOUBLES, /* double[4], from (dddd) */
};

struct property {
        const char *name;
        enum property_kind kind;
        void *out;
        size_t size;
};

/* Reads an a{sv}. Properties that the table (ended by {NULL}) does not name are skipped; those that the answer does not
 * have are left as they were. -EBADMSG if one has another type than the table says. */
int properties_read(sd_bus_message *m, const struct property *table);

/* The answer of GetAll, taken apart by a table. */
#include "ui/client/properties.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void copy_text(char *out, size_t size, const char *text)
{
        size_t n = strnlen(text, size);

        if (n == size) {
                n = size - 1;
                while (n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80)
                        n--;
        }
        memcpy(out, text, n);
        out[n] = '\0';
}

static double finite_or_zero(double d)
{
        return isfinite(d) ? d : 0;
}

static int read_doubles(sd_bus_message *m, double out[static 4])
{
        double d[4];
        int r = sd_bus_message_read(m, "(dddd)", &d[0], &d[1], &d[2], &d[3]);

        for (unsigned i = 0; r >= 0 && i < 4; i++)
                out[i] = finite_or_zero(d[i]);
        return r;
}

static int read_boolean(sd_bus_message *m, bool *out)
{
        int b, r = sd_bus_message_read(m, "b", &b);

        if (r >= 0)
                *out = b;
        return r;
}

static int read_double(sd_bus_message *m, double *out)
{
        double d;
        int r = sd_bus_message_read(m, "d", &d);

        if (r >= 0)
                *out = finite_or_zero(d);
        return r;
}

static int read_string(sd_bus_message *m, char *out, size_t size)
{
        const char *text;
        int r = sd_bus_message_read(m, "s", &text);

        if (r >= 0)
                copy_text(out, size, text);
        return r;
}

static const char *signature(enum property_kind kind)
{
        switch (kind) {
        case PROPERTY_STRING:
                return "s";
        case PROPERTY_BOOLEAN:
                return "b";
        case PROPERTY_UINT32:
                return "u";
        case PROPERTY_UINT64:
                return "t";
        case PROPERTY_DOUBLE:
                return "d";
        case PROPERTY_FOUR_DOUBLES:
                return "(dddd)";
        }
        return NULL;
}

static int read_content(sd_bus_message *m, const struct property *p)
{
        switch (p->kind) {
        case PROPERTY_STRING:
                return read_string(m, p->out, p->size);
        case PROPERTY_BOOLEAN:
                return read_boolean(m, p->out);
        case PROPERTY_UINT32:
                return sd_bus_message_read(m, "u", p->out);
        case PROPERTY_UINT64:
                return sd_bus_message_read(m, "t", p->out);
        case PROPERTY_DOUBLE:
                return read_double(m, p->out);
        case PROPERTY_FOUR_DOUBLES:
                return read_doubles(m, p->out);
        }
        return -EINVAL;
}

static int read_value(sd_bus_message *m, const struct property *table, const char *name)
{
        const struct property *p = table;

        while (p->name && strcmp(p->name, name) != 0)
                p++;
        if (!p->name)
                return sd_bus_message_skip(m, "v");

        int r = sd_bus_message_enter_container(m, 'v', signature(p->kind));
        if (r >= 0)
                r = read_content(m, p);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int properties_read(sd_bus_message *m, const struct property *table)
{
        const char *name;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_value(m, table, name);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? -EBADMSG : 0;
}

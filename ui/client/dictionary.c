/* See dictionary.h. */
#include "ui/client/dictionary.h"

#include <stdbool.h>
#include <string.h>

static int read_value(sd_bus_message *m, const struct dictionary_member *member, void *out)
{
        void *at = (char *) out + member->offset;
        int flag, r;

        if (*member->type != 'b')
                return sd_bus_message_read(m, "v", member->type, at);
        r = sd_bus_message_read(m, "v", "b", &flag);
        *(bool *) at = r > 0 && flag;
        return r;
}

static int read_entry(sd_bus_message *m, const struct dictionary_member *table, size_t n, dictionary_other other,
                      void *out)
{
        const char *key;
        int r = sd_bus_message_read(m, "s", &key);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (strcmp(table[i].key, key) == 0)
                        return read_value(m, &table[i], out);
        return other ? other(m, key, out) : sd_bus_message_skip(m, "v"); /* what a later version says */
}

int dictionary_read(sd_bus_message *m, const struct dictionary_member *table, size_t n, dictionary_other other,
                    void *out)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r <= 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(m, table, n, other, out);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

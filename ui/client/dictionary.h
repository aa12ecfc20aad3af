/* An a{sv} whose values are borrowed: the keys that a table names go into a struct, whatever else is there is skipped.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-bus.h>

/* @type: s (const char *), u (uint32_t), t (uint64_t) or b (bool), and @offset where it goes in the struct. */
struct dictionary_member {
        const char *key, *type;
        size_t offset;
};

/* Reads a value that the table does not name, or skips it. What sd_bus_message_read(3) returns. */
typedef int (*dictionary_other)(sd_bus_message *m, const char *key, void *out);

/* Reads the dictionary that comes next in @m into @out; @other may be NULL. 0 if there is none any more, else what
 * sd_bus_message_read(3) returns. Strings live as long as @m. */
int dictionary_read(sd_bus_message *m, const struct dictionary_member *table, size_t n, dictionary_other other,
                    void *out);

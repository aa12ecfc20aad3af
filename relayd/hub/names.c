/* See names.h. */
#include "names.h"

#include <string.h>

static bool is_mark(uint8_t c)
{
        return c == '.' || c == '_' || c == '-';
}

bool names_hold(const char *words, struct bytes name)
{
        for (const char *word = words; *word; word += strspn(word, " ")) {
                size_t size = strcspn(word, " ");

                if (bytes_equal(name, BYTES(word, size)))
                        return true;
                word += size;
        }
        return false;
}

const char *name_fault(struct bytes name, const char *reserved)
{
        if (name.size == 0 || is_mark(name.data[name.size - 1]))
                return "A name ends with a letter or a digit; choose another.";
        for (size_t i = 1; i < name.size; i++)
                if (is_mark(name.data[i]) && is_mark(name.data[i - 1]))
                        return "A name has no two of . _ - beside each other; choose another.";
        return names_hold(reserved, name) ? "That name is reserved on this hub; choose another." : NULL;
}

/* See names.h. */
#include "names.h"

#include <string.h>

static bool is_mark(uint8_t c)
{
        return c == '.' || c == '_' || c == '-';
}

const char *name_fault(struct bytes name, const char *reserved)
{
        if (name.size == 0 || is_mark(name.data[name.size - 1]))
                return "A name ends with a letter or a digit; choose another.";
        for (size_t i = 1; i < name.size; i++)
                if (is_mark(name.data[i]) && is_mark(name.data[i - 1]))
                        return "A name has no two of . _ - beside each other; choose another.";
        for (const char *word = reserved; *word; word += strspn(word, " ")) {
                size_t size = strcspn(word, " ");

                if (bytes_equal(name, BYTES(word, size)))
                        return "That name is reserved on this hub; choose another.";
                word += size;
        }
        return NULL;
}

/* See list.h. */
#include "cryptod/conversation/list.h"

#include "services/cleanup.h"

bool list_holds(struct bytes list, struct bytes item)
{
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r)) {
                if (bytes_equal(read_vector(&r), item))
                        return true;
        }
        return false;
}

void list_add(struct writer *list, struct bytes item)
{
        if (!list_holds(writer_bytes(list), item))
                write_vector(list, item);
}

void list_remove(struct writer *list, struct bytes item)
{
        struct writer rest = WRITER_INIT;
        struct reader r;

        reader_init(&r, writer_bytes(list));
        while (reader_more(&r)) {
                struct bytes other = read_vector(&r);

                if (!bytes_equal(other, item))
                        write_vector(&rest, other);
        }
        writer_release(list);
        *list = rest;
}

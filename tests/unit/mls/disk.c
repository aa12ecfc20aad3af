#include "tests/unit/mls/disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* As memcmp(3) would order two ids if each were followed by its end. */
static int compare(struct bytes a, struct bytes b)
{
        int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

        return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct bytes id_of(const struct disk_part *p)
{
        return BYTES(p->id, p->id_size);
}

/* The place of an id, or where it would be. */
static size_t find(const struct disk *d, struct bytes id)
{
        size_t i = 0;

        while (i < d->count && compare(id_of(&d->parts[i]), id) < 0)
                i++;
        return i;
}

static int put(void *userdata, struct bytes id, struct bytes content, bool secret)
{
        struct disk *d = userdata;
        size_t i = find(d, id);

        assert_in_range(id.size, 1, GROUP_PART_ID_MAX);
        assert_int_not_equal(content.size, 0);
        if (i == d->count || !bytes_equal(id_of(&d->parts[i]), id)) {
                d->parts = reallocarray(d->parts, d->count + 1, sizeof(*d->parts));
                assert_non_null(d->parts);
                memmove(&d->parts[i + 1], &d->parts[i], (d->count - i) * sizeof(*d->parts));
                d->parts[i] = (struct disk_part){ .id_size = id.size, .secret = secret };
                memcpy(d->parts[i].id, id.data, id.size);
                d->count++;
        }
        assert_int_equal(d->parts[i].secret, secret);
        writer_release(&d->parts[i].content);
        write_fixed(&d->parts[i].content, content);
        d->puts++;
        d->bytes += id.size + content.size;
        return 0;
}

static int drop(void *userdata, struct bytes prefix)
{
        struct disk *d = userdata;
        size_t kept = 0;

        assert_int_not_equal(prefix.size, 0);
        for (size_t i = 0; i < d->count; i++) {
                struct disk_part *p = &d->parts[i];

                if (p->id_size >= prefix.size && memcmp(p->id, prefix.data, prefix.size) == 0)
                        writer_release(&p->content);
                else
                        d->parts[kept++] = *p;
        }
        d->count = kept;
        d->drops++;
        return 0;
}

void disk_save(struct disk *d, struct group *g)
{
        d->puts = d->drops = d->bytes = 0;
        assert_int_equal(group_save(g, &(struct group_store){ put, drop, d }), 0);
}

struct writer disk_content(const struct disk *d)
{
        struct writer w = WRITER_INIT;

        for (size_t i = 0; i < d->count; i++) {
                write_vector(&w, id_of(&d->parts[i]));
                write_vector(&w, writer_bytes(&d->parts[i].content));
        }
        assert_int_equal(writer_finish(&w), 0);
        return w;
}

void disk_release(struct disk *d)
{
        for (size_t i = 0; i < d->count; i++)
                writer_release(&d->parts[i].content);
        free(d->parts);
        *d = (struct disk){ 0 };
}

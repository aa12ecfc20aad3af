/* See chunk_desk.h. */
#include "chunk_desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct chunk_wish {
        struct chunk_wish *next;
        uint32_t request;
        uint8_t name[CHUNK_NAME_SIZE];
};

int chunk_desk_ask(struct chunk_desk *d, uint32_t request, const uint8_t name[static CHUNK_NAME_SIZE])
{
        struct chunk_wish *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        w->request = request;
        memcpy(w->name, name, CHUNK_NAME_SIZE);
        if (d->last)
                d->last->next = w;
        else
                d->first = w;
        d->last = w;
        d->count++;
        return 0;
}

bool chunk_desk_take(struct chunk_desk *d, uint32_t *request, uint8_t name[static CHUNK_NAME_SIZE])
{
        struct chunk_wish *w = d->first;

        if (!w)
                return false;
        d->first = w->next;
        if (!d->first)
                d->last = NULL;
        d->count--;
        *request = w->request;
        memcpy(name, w->name, CHUNK_NAME_SIZE);
        free(w);
        return true;
}

void chunk_desk_clear(struct chunk_desk *d)
{
        uint8_t name[CHUNK_NAME_SIZE];
        uint32_t request;

        while (chunk_desk_take(d, &request, name))
                continue;
}

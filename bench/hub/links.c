/* See links.h. */
#include "bench/hub/links.h"

#include <err.h>
#include <stdlib.h>

#include "bench/hub/crowd.h"
#include "bench/stopwatch.h"

struct links {
        struct fleet *fleet;
        unsigned count, next, end;
        struct device *devices[];
};

static void on_up(void *userdata)
{
        struct links *l = userdata;

        if (l->next < l->end)
                device_connect(l->devices[l->next++], true);
}

struct links *links_new(struct fleet *f, unsigned count)
{
        struct links *l = calloc(1, sizeof(*l) + count * sizeof(l->devices[0]));
        char name[CROWD_NAME_SIZE];

        if (!l)
                errx(1, "out of memory");
        l->fleet = f;
        l->count = count;
        for (unsigned i = 0; i < count; i++) {
                crowd_name(i, name);
                l->devices[i] = device_new(f, name);
        }
        f->userdata = l;
        f->on_up = on_up;
        return l;
}

struct links *links_free(struct links *l)
{
        for (unsigned i = 0; i < l->count; i++)
                device_free(l->devices[i]);
        l->fleet->on_up = NULL;
        free(l);
        return NULL;
}

double links_connect(struct links *l, unsigned from, unsigned to, unsigned at_once)
{
        unsigned goal = l->fleet->up + to - from;
        uint64_t start = now_ns();

        l->next = from;
        l->end = to;
        while (l->next < to && l->next < from + at_once)
                device_connect(l->devices[l->next++], true);
        fleet_wait(l->fleet, goal);
        return (double) (now_ns() - start) / 1e9;
}

void links_drop(struct links *l)
{
        for (unsigned i = 0; i < l->count; i++)
                device_disconnect(l->devices[i]);
}

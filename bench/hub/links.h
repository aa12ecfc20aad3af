/* Links by the thousand: how fast a hub takes them, what one costs it while it is idle, and how fast all come back. */
#pragma once

#include "bench/hub/device.h"
#include "bench/hub/hub_process.h"

struct links;

/* One for each of the crowd's first @count accounts, not connected yet. */
struct links *links_new(struct fleet *f, unsigned count);
struct links *links_free(struct links *l);

/* Connects numbers @from to @to - 1, @at_once at a time, and waits until all have proved themselves. Returns the
 * seconds. */
double links_connect(struct links *l, unsigned from, unsigned to, unsigned at_once);

/* Drops all of them. */
void links_drop(struct links *l);

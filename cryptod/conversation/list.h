/* A list of addresses or key packages: struct { opaque item<V>; } items[]. */
#pragma once

#include "services/bytes.h"

/* Whether @item stands in it. */
bool list_holds(struct bytes list, struct bytes item);

/* Adds @item unless it is there; takes it out. */
void list_add(struct writer *list, struct bytes item);
void list_remove(struct writer *list, struct bytes item);

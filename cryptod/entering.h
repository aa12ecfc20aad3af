/* Rooms are joined by what their hub says of them, which relayd is asked for.
 *
 *     entering_start ─▶ FetchRoom ─▶ messenger_join_room ─▶ the call is answered
 *     entering_next  ─▶ the same for a room that has gone on without us, one after the other; later, if the hub is away
 */
#pragma once

#include "cryptod/account.h"

/* Joins the room @name for @call, which is answered with its conversation. 1, or an error. */
int entering_start(struct account *a, sd_bus_message *call, const char *name, sd_bus_error *error);

/* Begins with the next room that is to be joined again. Nothing if there is none, or one is under way. */
void entering_next(struct account *a);

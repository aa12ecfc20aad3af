/* cryptod as the witness of what failures have cost: it keeps a copy of each account's count (services/throttle.h), so
 * that authd's disk alone, put back from an older copy, gives nobody another try.
 *
 *     Verify, AddLook, Identify ─▶ ask ─▶ is its word newer? then that counts ─▶ the attempt
 *     the count changes ─▶ tell
 *
 * Without cryptod nobody is looked at: no account opens without it, so nothing is lost by that, and a witness who is
 * kept away would be none. docs/decisions/each-daemon-counts-for-the-other.md */
#pragma once

#include "authd/authd.h"

/* Asks about an account of @uid, or about all of that user's if @account is NULL. When it is answered, and what is
 * newer has been taken over, @then is called with @call, to be read from its beginning, and the authd; it answers it,
 * or its error does. If it is not, the call is answered with an error in words. Where there is no such account, @then
 * is called at once. What a bus handler returns. */
int witness_ask(struct authd *a, sd_bus_message *call, uid_t uid, const char *account, sd_bus_message_handler_t then,
                sd_bus_error *error);

/* Tells of a change, of all accounts if @account is NULL. If that fails it is logged; cryptod is told again before the
 * next attempt. */
void witness_tell(struct authd *a, uid_t uid, const char *account);

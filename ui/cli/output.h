/* What reaches the terminal. Text from other people is hostile: an escape sequence in a message must not move the
 * cursor, rename the window or hide the rest of the line. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "ui/client/account.h"

/* A copy of @text that is safe to show in one place: control characters (C0, C1, DEL), bidirectional overrides and
 * isolates (UAX #9), and bytes that are not UTF-8 are replaced by U+FFFD; newlines stay only if @lines. Owned by the
 * caller. */
char *output_sanitise(const char *text, bool lines);

/* Prints one JSON object as a line and releases it. What output_sanitise() would replace is escaped (\uXXXX), so the
 * line is both exact and safe to look at. */
void output_json(json_object *object);

/* The local time of @usec since 1970: "12:30" if it is today, else "2026-01-31 12:30". "-" for 0. */
void output_time(uint64_t usec, char out[static 32]);

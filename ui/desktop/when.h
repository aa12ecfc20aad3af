/* Times as a person says them. Strings belong to the caller (g_free()). @now is given, so that it can be tested. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* For a list: "12:30" today, "Yesterday", "Mon" within a week, "3 Jan" this year, "2024-01-03" before. "" for 0. */
char *when_short(uint64_t usec, GDateTime *now);

/* The clock alone: "12:30". */
char *when_clock(uint64_t usec);

/* For the head of a day: "Today", "Yesterday", "Monday" within a week, "3 January", "3 January 2024". */
char *when_day(uint64_t usec, GDateTime *now);

/* All of it: "Monday, 3 January 2024, 12:30:59". */
char *when_full(uint64_t usec);

/* How long, in the largest unit that says it exactly: "1 week", "90 seconds". */
char *when_span(uint64_t seconds);

/* Whether both stand under one head of a day. */
bool when_same_day(uint64_t a, uint64_t b);

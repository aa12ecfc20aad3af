/* What a run has measured: printed line by line as it comes, and at the end as JSON if that was asked for. */
#pragma once

#include <stdbool.h>

struct report;

struct report *report_new(bool json);

/* A heading of what follows, as printf(3). */
void report_section(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A figure; @goal is how it should be at least (positive) or at most (negative), 0 for none. */
void report_figure(struct report *r, const char *name, double value, const char *unit, double goal);

/* Something in words. */
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints what is to be printed at the end. Returns NULL. */
struct report *report_free(struct report *r);

/* What the evaluations have in common. Each prints its own report: text, or JSON. */
#pragma once

#include <stdbool.h>

#include <json-c/json.h>

#include "authd/models.h"
#include "authd/vision/vision.h"

/* What was asked for on the command line. */
struct evaluation {
        const char *directory;
        const char *scores; /* a file for each comparison's score, or NULL */
        bool tight, json;
        struct manifest manifest;
        struct vision *vision;
};

/* DIR/person/picture: who is told from whom. Errors: errno; -EINVAL if there is nothing to compare, which has been
 * said. */
int evaluate_recognition(const struct evaluation *e);

/* DIR/species/presentation: what is taken for a living face. The same. */
int evaluate_attacks(const struct evaluation *e);

/* Reads a picture as a camera of authd would give it. -EBADMSG: it is none, which has been said. */
int read_picture(const struct evaluation *e, const char *path, struct frame *out);

/* Calls @each for everything visible in @directory, in the order of names (versionsort(3)), until it returns an error,
 * with the path. -errno of scandir(3). */
int each_entry(const char *directory, int (*each)(void *userdata, const char *path, const char *name), void *userdata);

/* Members of a report. */
void report_number(json_object *to, const char *name, double value);
void report_count(json_object *to, const char *name, size_t value);

/* What each stage took and the most memory that was used: "stages", "peak_memory_kib". */
void report_cost(json_object *to, const struct evaluation *e);

/* Prints the plain numbers of a report, a line each, and its stages. */
void print_numbers(json_object *report);
void print_cost(json_object *report);

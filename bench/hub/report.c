/* See report.h. */
#include "bench/hub/report.h"

#include <err.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/cleanup.h"

struct report {
        bool json;
        unsigned met, missed;
        struct json_object *sections, *figures; /* @figures: of the last section */
};

struct report *report_new(bool json)
{
        struct report *r = calloc(1, sizeof(*r));

        if (!r)
                errx(1, "out of memory");
        r->json = json;
        r->sections = json_object_new_object();
        return r;
}

static char *format_text(const char *format, va_list arguments)
{
        char *text;

        if (vasprintf(&text, format, arguments) < 0)
                errx(1, "out of memory");
        return text;
}

void report_section(struct report *r, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = format_text(format, arguments);
        va_end(arguments);
        r->figures = json_object_new_object();
        json_object_object_add(r->sections, text, r->figures);
        if (!r->json)
                printf("\n%s\n", text);
}

void report_figure(struct report *r, const char *name, double value, const char *unit, double goal)
{
        struct json_object *figure = json_object_new_object();
        bool met = goal >= 0 ? value >= goal : value <= -goal;

        json_object_object_add(figure, "value", json_object_new_double(value));
        json_object_object_add(figure, "unit", json_object_new_string(unit));
        if (goal != 0) {
                json_object_object_add(figure, goal > 0 ? "at-least" : "at-most",
                                       json_object_new_double(goal > 0 ? goal : -goal));
                json_object_object_add(figure, "met", json_object_new_boolean(met));
                r->met += met;
                r->missed += !met;
        }
        json_object_object_add(r->figures, name, figure);
        if (r->json)
                return;
        printf("  %-52s %10.*f %s", name, value < 100 ? 2 : 0, value, unit);
        if (goal != 0)
                printf("  (goal: %s %.10g, %s)", goal > 0 ? "at least" : "at most", goal > 0 ? goal : -goal,
                       met ? "met" : "MISSED");
        printf("\n");
}

void report_note(struct report *r, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = format_text(format, arguments);
        va_end(arguments);
        json_object_object_add(r->figures, "note", json_object_new_string(text));
        if (!r->json)
                printf("  %s\n", text);
}

struct report *report_free(struct report *r)
{
        if (r->json)
                printf("%s\n", json_object_to_json_string_ext(r->sections, JSON_C_TO_STRING_PRETTY));
        else
                printf("\n%u goals met, %u missed.\n", r->met, r->missed);
        json_object_put(r->sections);
        free(r);
        return NULL;
}

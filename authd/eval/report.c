/* What the evaluations have in common: pictures from folders, and reports. See eval.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "authd/eval/eval.h"
#include "authd/vision/picture.h"
#include "services/cleanup.h"

enum { WIDTH = 640, HEIGHT = 480 }; /* what authd asks of a camera */

int read_picture(const struct evaluation *e, const char *path, struct frame *out)
{
        int r = picture_read(path, out);

        if (r >= 0 && e->tight)
                r = picture_surround(out, 40, 30, 2);
        if (r >= 0)
                r = picture_fit(out, WIDTH, HEIGHT);
        if (r == -EBADMSG)
                fprintf(stderr, "visavis-face-eval: %s is no picture that can be read; it is left out.\n", path);
        return r;
}

static int is_visible(const struct dirent *d)
{
        return d->d_name[0] != '.';
}

int each_entry(const char *directory, int (*each)(void *userdata, const char *path, const char *name), void *userdata)
{
        struct dirent **entry;
        int count = scandir(directory, &entry, is_visible, versionsort), r = 0;

        if (count < 0)
                return -errno;
        for (int i = 0; i < count; i++) {
                _cleanup_free_ char *path = NULL;

                if (r >= 0)
                        r = asprintf(&path, "%s/%s", directory, entry[i]->d_name) < 0
                                    ? -ENOMEM
                                    : each(userdata, path, entry[i]->d_name);
                free(entry[i]);
        }
        free(entry);
        return r;
}

void report_number(json_object *to, const char *name, double value)
{
        json_object_object_add(to, name, json_object_new_double(value));
}

void report_count(json_object *to, const char *name, size_t value)
{
        json_object_object_add(to, name, json_object_new_int64((int64_t) value));
}

void report_cost(json_object *to, const struct evaluation *e)
{
        json_object *stages = json_object_new_object();
        struct rusage usage;

        for (unsigned i = 0; i < MODEL_COUNT; i++) {
                struct stage_time t = vision_stage(e->vision, (enum model) i);
                json_object *stage;

                if (t.times == 0)
                        continue;
                stage = json_object_new_object();
                report_count(stage, "times", t.times);
                report_number(stage, "milliseconds", 1e3 * t.seconds / t.times);
                json_object_object_add(stages, model_name((enum model) i), stage);
        }
        json_object_object_add(to, "stages", stages);
        getrusage(RUSAGE_SELF, &usage);
        report_count(to, "peak_memory_kib", (size_t) usage.ru_maxrss);
}

void print_numbers(json_object *report)
{
        json_object_object_foreach(report, name, value)
        {
                if (json_object_is_type(value, json_type_double))
                        printf("%-24s %.4f\n", name, json_object_get_double(value));
                else if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_string))
                        printf("%-24s %s\n", name, json_object_get_string(value));
        }
}

void print_cost(json_object *report)
{
        printf("\n%-12s %9s %14s\n", "stage", "times", "ms, processor");
        json_object_object_foreach(json_object_object_get(report, "stages"), name, stage)
        {
                printf("%-12s %9s %14.2f\n", name, json_object_get_string(json_object_object_get(stage, "times")),
                       json_object_get_double(json_object_object_get(stage, "milliseconds")));
        }
}

/* visavis-face-eval: how well the face networks of authd tell the people of a folder apart.
 *
 * DIR/person/picture: every picture is looked at by the code that authd uses, and every pair of pictures compared. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <json-c/json.h>

#include "authd/eval/scores.h"
#include "authd/models.h"
#include "authd/vision/picture.h"
#include "authd/vision/vision.h"
#include "services/cleanup.h"

static const char usage[] =
        "Usage: visavis-face-eval DIR [--tight] [--json] [--models DIRECTORY] [--scores FILE]\n"
        "Compares every pair of the pictures DIR/person/picture as authd does.\n"
        "  --tight         the faces fill their pictures: a border is put about them, and they are enlarged\n"
        "  --json          figures as JSON\n"
        "  --scores FILE   each comparison: \"genuine COSINE\" or \"impostor COSINE\", a line each\n";

enum { WIDTH = 640, HEIGHT = 480 }; /* what authd asks of a camera */

struct sample {
        unsigned person;
        float embedding[EMBEDDING_SIZE];
};

struct evaluation {
        struct vision *vision;
        bool tight;
        unsigned people, pictures, undetected;
        struct sample *sample;
        size_t samples;
        double match;   /* authd's threshold */
        double seconds; /* processor time of looking */
        struct scores genuine, impostor;
};

static double processor_seconds(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int look(struct evaluation *e, const char *path)
{
        _cleanup_frame_ struct frame frame = { 0 };
        struct observation o;
        int r = picture_read(path, &frame);

        if (r >= 0 && e->tight)
                r = picture_surround(&frame, 40, 30, 2);
        if (r >= 0)
                r = picture_fit(&frame, WIDTH, HEIGHT);
        if (r < 0) {
                fprintf(stderr, "visavis-face-eval: %s is no picture that can be read; it is left out.\n", path);
                return r == -EBADMSG ? 0 : r;
        }
        double begun = processor_seconds();

        r = vision_observe(e->vision, &frame, OBSERVE_LANDMARKS | OBSERVE_EMBEDDING, &o);
        e->seconds += processor_seconds() - begun;
        if (r < 0)
                return r;
        e->pictures++;
        if (o.faces == 0) {
                e->undetected++;
                return 0;
        }
        struct sample *grown = reallocarray(e->sample, e->samples + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        e->sample = grown;
        e->sample[e->samples].person = e->people;
        memcpy(e->sample[e->samples++].embedding, o.embedding, sizeof(o.embedding));
        return 0;
}

static int is_visible(const struct dirent *d)
{
        return d->d_name[0] != '.';
}

static int look_at_person(struct evaluation *e, const char *path)
{
        struct dirent **entry;
        int count = scandir(path, &entry, is_visible, versionsort), r = 0;

        if (count < 0)
                return errno == ENOTDIR ? 0 : -errno; /* a file that says what the folder is */
        for (int i = 0; i < count; i++) {
                _cleanup_free_ char *picture = NULL;

                if (r >= 0)
                        r = asprintf(&picture, "%s/%s", path, entry[i]->d_name) < 0 ? -ENOMEM : look(e, picture);
                free(entry[i]);
        }
        free(entry);
        e->people++;
        return r;
}

static int look_at_all(struct evaluation *e, const char *path)
{
        struct dirent **entry;
        int count = scandir(path, &entry, is_visible, versionsort), r = 0;

        if (count < 0)
                return -errno;
        for (int i = 0; i < count; i++) {
                _cleanup_free_ char *person = NULL;

                if (r >= 0)
                        r = asprintf(&person, "%s/%s", path, entry[i]->d_name) < 0 ? -ENOMEM
                                                                                   : look_at_person(e, person);
                free(entry[i]);
        }
        free(entry);
        return r;
}

static int compare_all(struct evaluation *e, FILE *list)
{
        int r = 0;

        for (size_t i = 0; i < e->samples; i++)
                for (size_t k = 0; r >= 0 && k < i; k++) {
                        bool genuine = e->sample[i].person == e->sample[k].person;
                        double score = embedding_cosine(e->sample[i].embedding, e->sample[k].embedding);

                        r = scores_add(genuine ? &e->genuine : &e->impostor, score);
                        if (list)
                                fprintf(list, "%s %.6f\n", genuine ? "genuine" : "impostor", score);
                }
        scores_sort(&e->genuine);
        scores_sort(&e->impostor);
        return r;
}

static void number(json_object *to, const char *name, double value)
{
        json_object_object_add(to, name, json_object_new_double(value));
}

static void count(json_object *to, const char *name, size_t value)
{
        json_object_object_add(to, name, json_object_new_int64((int64_t) value));
}

static json_object *at(const struct evaluation *e, double threshold)
{
        json_object *row = json_object_new_object();

        number(row, "threshold", threshold);
        number(row, "fmr", scores_fmr(&e->impostor, threshold));
        number(row, "fnmr", scores_fnmr(&e->genuine, threshold));
        return row;
}

static json_object *report(const struct evaluation *e)
{
        static const double rates[] = { 1e-2, 1e-3, 1e-4 };
        json_object *all = json_object_new_object(), *rows = json_object_new_array(), *table = json_object_new_array();
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        count(all, "people", e->people);
        count(all, "pictures", e->pictures);
        count(all, "undetected", e->undetected);
        count(all, "genuine_comparisons", e->genuine.count);
        count(all, "impostor_comparisons", e->impostor.count);
        number(all, "eer", scores_eer(&e->genuine, &e->impostor));
        for (unsigned i = 0; i < COUNT_OF(rates); i++) {
                json_object *row = at(e, scores_threshold(&e->impostor, rates[i]));

                number(row, "fmr_asked", rates[i]);
                json_object_array_add(rows, row);
        }
        json_object_object_add(all, "fnmr_at_fmr", rows);
        for (double t = 0.20; t < 0.705; t += 0.05)
                json_object_array_add(table, at(e, t));
        json_object_object_add(all, "thresholds", table);
        json_object_object_add(all, "of_authd", at(e, e->match));
        number(all, "milliseconds_a_picture", e->pictures > 0 ? 1e3 * e->seconds / e->pictures : 0);
        count(all, "peak_memory_kib", (size_t) usage.ru_maxrss);
        return all;
}

static void print_row(const char *name, json_object *row)
{
        printf("%-12s %9.3f %11.6f %9.4f\n", name, json_object_get_double(json_object_object_get(row, "threshold")),
               json_object_get_double(json_object_object_get(row, "fmr")),
               json_object_get_double(json_object_object_get(row, "fnmr")));
}

static void print_rows(json_object *rows, const char *name)
{
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i), *asked = NULL;
                char label[32];

                if (json_object_object_get_ex(row, "fmr_asked", &asked))
                        (void) snprintf(label, sizeof(label), "%s %.0e", name, json_object_get_double(asked));
                print_row(asked ? label : name, row);
        }
}

static void print(json_object *all)
{
        json_object_object_foreach(all, name, value)
        {
                if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double))
                        printf("%-24s %s\n", name, json_object_to_json_string(value));
        }
        printf("\n%-12s %9s %11s %9s\n", "", "threshold", "FMR", "FNMR");
        print_rows(json_object_object_get(all, "fnmr_at_fmr"), "FMR");
        print_rows(json_object_object_get(all, "thresholds"), "");
        print_row("authd's", json_object_object_get(all, "of_authd"));
}

static int evaluate(struct evaluation *e, const char *models, const char *directory, const char *list)
{
        _cleanup_fclose_ FILE *file = list ? fopen(list, "we") : NULL;
        _cleanup_models_ struct models files = { 0 };
        int r = list && !file ? -errno : models_load_engine(models, ENGINE_DEEP, &files);

        if (r >= 0)
                r = vision_new(&files, &e->vision);
        e->match = files.manifest.thresholds.match;
        if (r >= 0)
                r = look_at_all(e, directory);
        return r < 0 ? r : compare_all(e, file);
}

int main(int argc, char *argv[])
{
        static const struct option options[] = { { "tight", no_argument, NULL, 't' },
                                                 { "json", no_argument, NULL, 'j' },
                                                 { "models", required_argument, NULL, 'm' },
                                                 { "scores", required_argument, NULL, 's' },
                                                 { NULL, 0, NULL, 0 } };
        const char *models = MODELS_DIRECTORY, *list = NULL;
        struct evaluation e = { 0 };
        bool json = false;

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                if (c == 't') {
                        e.tight = true;
                } else if (c == 'j') {
                        json = true;
                } else if (c == 'm') {
                        models = optarg;
                } else if (c == 's') {
                        list = optarg;
                } else {
                        fputs(usage, stderr);
                        return 2;
                }
        }
        if (optind + 1 != argc) {
                fputs(usage, stderr);
                return 2;
        }
        int r = evaluate(&e, models, argv[optind], list);

        if (r >= 0 && (e.genuine.count == 0 || e.impostor.count == 0)) {
                fprintf(stderr, "visavis-face-eval: %s has no two people with two pictures each: DIR/person/picture.\n",
                        argv[optind]);
                r = -EINVAL;
        } else if (r < 0) {
                fprintf(stderr, "visavis-face-eval: %s: %s\n", argv[optind], strerror(-r));
        }
        if (r >= 0) {
                json_object *all = report(&e);

                if (json)
                        puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
                else
                        print(all);
                json_object_put(all);
        }
        vision_free(e.vision);
        free(e.sample);
        scores_release(&e.genuine);
        scores_release(&e.impostor);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

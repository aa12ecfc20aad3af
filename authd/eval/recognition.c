/* DIR/person/picture: every picture is looked at by the code that authd uses, and compared: with every other picture by
 * the networks, with every person's pictures by lbph, which is trained on them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/eval/eval.h"
#include "authd/eval/scores.h"
#include "services/cleanup.h"

enum { ALL_STAGES_EVERY = 10 }; /* pictures; so that each stage's time is known, and the rest is quick */

struct sample {
        unsigned person;
        float embedding[EMBEDDING_SIZE];
        uint8_t histogram[HISTOGRAM_SIZE];
};

struct comparisons {
        struct scores genuine, impostor;
};

struct recognition {
        const struct evaluation *evaluation;
        unsigned people, pictures, undetected;
        struct sample *sample;
        size_t samples;
        struct comparisons pairs;     /* every two pictures once */
        struct comparisons templates; /* every picture with the best of a person's others */
        struct comparisons *main;     /* which of them the figures are about */
};

static void release(struct recognition *r)
{
        free(r->sample);
        scores_release(&r->pairs.genuine);
        scores_release(&r->pairs.impostor);
        scores_release(&r->templates.genuine);
        scores_release(&r->templates.impostor);
}

static int keep(struct recognition *r, const struct observation *o)
{
        struct sample *grown = reallocarray(r->sample, r->samples + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        r->sample = grown;
        struct sample *s = &grown[r->samples++];

        s->person = r->people;
        memcpy(s->embedding, o->embedding, sizeof(s->embedding));
        memcpy(s->histogram, o->histogram, sizeof(s->histogram));
        return 0;
}

static int look(void *userdata, const char *path, const char *name)
{
        _cleanup_frame_ struct frame frame = { 0 };
        struct recognition *r = userdata;
        unsigned wanted = OBSERVE_LANDMARKS | OBSERVE_EMBEDDING | OBSERVE_HISTOGRAM;
        struct observation o = { 0 };
        int e = read_picture(r->evaluation, path, &frame);

        if (e < 0)
                return e == -EBADMSG ? 0 : e;
        if (r->pictures % ALL_STAGES_EVERY == 0)
                wanted |= OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS;
        e = vision_observe(r->evaluation->vision, &frame, wanted, &o);
        if (e < 0)
                return e;
        r->pictures++;
        r->undetected += o.faces == 0;
        return o.faces > 0 ? keep(r, &o) : 0;
}

static int look_at_person(void *userdata, const char *path, const char *name)
{
        struct recognition *r = userdata;
        int e = each_entry(path, look, r);

        if (e == -ENOTDIR)
                return 0; /* a file that says what the folder is */
        r->people++;
        return e;
}

static double likeness(const struct recognition *r, const struct sample *a, const struct sample *b)
{
        return r->evaluation->manifest.engine == ENGINE_LBPH ? histogram_likeness(a->histogram, b->histogram)
                                                             : embedding_cosine(a->embedding, b->embedding);
}

static int add(struct comparisons *c, bool genuine, double score)
{
        return scores_add(genuine ? &c->genuine : &c->impostor, score);
}

static int compare_pairs(struct recognition *r)
{
        int e = 0;

        for (size_t i = 0; i < r->samples; i++)
                for (size_t k = 0; e >= 0 && k < i; k++)
                        e = add(&r->pairs, r->sample[i].person == r->sample[k].person,
                                likeness(r, &r->sample[i], &r->sample[k]));
        return e;
}

static int compare_with_templates(struct recognition *r)
{
        int e = 0;

        for (size_t i = 0; i < r->samples; i++)
                for (size_t k = 0; e >= 0 && k < r->samples;) {
                        unsigned person = r->sample[k].person, others = 0;
                        double best = -1;

                        for (; k < r->samples && r->sample[k].person == person; k++)
                                if (k != i) {
                                        best = fmax(best, likeness(r, &r->sample[i], &r->sample[k]));
                                        others++;
                                }
                        if (others > 0)
                                e = add(&r->templates, r->sample[i].person == person, best);
                }
        return e;
}

static void list(const struct scores *s, const char *kind, FILE *to)
{
        for (size_t i = 0; i < s->count; i++)
                fprintf(to, "%s %.6f\n", kind, s->score[i]);
}

/* Single pictures of lbph tell little: it is meant to be trained. */
static int compare_all(struct recognition *r, FILE *to)
{
        bool classic = r->evaluation->manifest.engine == ENGINE_LBPH;
        int e = classic ? 0 : compare_pairs(r);

        r->main = classic ? &r->templates : &r->pairs;
        if (e >= 0)
                e = compare_with_templates(r);
        scores_sort(&r->pairs.genuine);
        scores_sort(&r->pairs.impostor);
        scores_sort(&r->templates.genuine);
        scores_sort(&r->templates.impostor);
        if (to) {
                list(&r->main->genuine, "genuine", to);
                list(&r->main->impostor, "impostor", to);
        }
        return e;
}

static json_object *at(const struct comparisons *c, double threshold)
{
        json_object *row = json_object_new_object();

        report_number(row, "threshold", threshold);
        report_number(row, "fmr", scores_fmr(&c->impostor, threshold));
        report_number(row, "fnmr", scores_fnmr(&c->genuine, threshold));
        return row;
}

/* Thresholds in twelve even steps about those that matter. */
static json_object *threshold_table(const struct comparisons *c)
{
        double low = scores_threshold(&c->impostor, 0.1), high = c->genuine.score[c->genuine.count / 2];
        json_object *table = json_object_new_array();

        for (int i = 0; i <= 12 && high > low; i++)
                json_object_array_add(table, at(c, low + (high - low) * i / 12));
        return table;
}

static json_object *report(const struct recognition *r)
{
        static const double rates[] = { 1e-2, 1e-3, 1e-4 };
        json_object *all = json_object_new_object(), *rows = json_object_new_array();
        const struct manifest *m = &r->evaluation->manifest;
        const struct comparisons *c = r->main;

        json_object_object_add(all, "engine", json_object_new_string(engine_name(m->engine)));
        json_object_object_add(all, "models", json_object_new_string(m->name));
        report_count(all, "people", r->people);
        report_count(all, "pictures", r->pictures);
        report_count(all, "undetected", r->undetected);
        report_count(all, "genuine_comparisons", c->genuine.count);
        report_count(all, "impostor_comparisons", c->impostor.count);
        report_number(all, "eer", scores_eer(&c->genuine, &c->impostor));
        for (unsigned i = 0; i < COUNT_OF(rates); i++) {
                json_object *row = at(c, scores_threshold(&c->impostor, rates[i]));

                report_number(row, "fmr_asked", rates[i]);
                json_object_array_add(rows, row);
        }
        json_object_object_add(all, "fnmr_at_fmr", rows);
        json_object_object_add(all, "thresholds", threshold_table(c));
        json_object_object_add(all, "of_authd", at(c, m->thresholds.match));
        json_object_object_add(all, "of_authd_with_templates", at(&r->templates, m->thresholds.match));
        report_cost(all, r->evaluation);
        return all;
}

static void print_row(const char *name, json_object *row)
{
        printf("%-12s %9.3f %11.6f %9.4f\n", name, json_object_get_double(json_object_object_get(row, "threshold")),
               json_object_get_double(json_object_object_get(row, "fmr")),
               json_object_get_double(json_object_object_get(row, "fnmr")));
}

static void print_rows(json_object *rows)
{
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i), *asked = NULL;
                char label[32] = "";

                if (json_object_object_get_ex(row, "fmr_asked", &asked))
                        (void) snprintf(label, sizeof(label), "FMR %.0e", json_object_get_double(asked));
                print_row(label, row);
        }
}

static void print(json_object *all)
{
        print_numbers(all);
        printf("\n%-12s %9s %11s %9s\n", "", "threshold", "FMR", "FNMR");
        print_rows(json_object_object_get(all, "fnmr_at_fmr"));
        print_rows(json_object_object_get(all, "thresholds"));
        print_row("authd's", json_object_object_get(all, "of_authd"));
        print_row("\"  templates", json_object_object_get(all, "of_authd_with_templates"));
        print_cost(all);
}

int evaluate_recognition(const struct evaluation *e)
{
        _cleanup_(release) struct recognition r = { .evaluation = e };
        _cleanup_fclose_ FILE *file = e->scores ? fopen(e->scores, "we") : NULL;
        int error = e->scores && !file ? -errno : each_entry(e->directory, look_at_person, &r);

        if (error >= 0)
                error = compare_all(&r, file);
        if (error >= 0 && (r.main->genuine.count == 0 || r.main->impostor.count == 0)) {
                fprintf(stderr, "visavis-face-eval: %s has no two people with two pictures each: DIR/person/picture.\n",
                        e->directory);
                return -EINVAL;
        }
        if (error < 0)
                return error;
        json_object *all = report(&r);

        if (e->json)
                puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
        else
                print(all);
        json_object_put(all);
        return 0;
}

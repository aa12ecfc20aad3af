/* DIR/bona-fide/NAME/MOVEMENT and DIR/SPECIES/NAME/MOVEMENT: presentations of living people, and of each species of
 * attack instrument, judged by the code that authd uses. Error rates as ISO/IEC 30107-3 names them.
 *
 * A presentation is a folder. In it, look-straight is what the camera saw before the challenge, and turn-left-far,
 * blink-2 and so on (action_name()) what it saw while that was asked for; each is a folder of pictures (15 a second) or
 * a video with any ending, and begins with the face straight. The passive network judges look-straight, the challenge
 * each movement; what is there of both must be passed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "authd/challenge.h"
#include "authd/eval/eval.h"
#include "authd/quality.h"
#include "authd/vision/picture.h"
#include "services/cleanup.h"

#define BONA_FIDE "bona-fide"
#define STRAIGHT "look-straight"

static const double RATE = 15; /* of folders of pictures */

/* What has been seen of one presentation. */
struct presentation {
        const struct evaluation *evaluation;
        struct posture posture;
        double bona_fide; /* sum over the pictures of the posture */
        struct challenge challenge;
        bool moves; /* a movement is judged, not look-straight */
        bool over;  /* it was not as asked */
        double rate;
        unsigned pictures;
        unsigned asked, done; /* movements */
};

/* Counts of a species, of which many presentations are judged. */
struct species {
        const struct evaluation *evaluation;
        unsigned presentations, silent, passive, undoubted, challenges, challenged, accepted;
        double bona_fide;
};

struct attacks {
        const struct evaluation *evaluation;
        json_object *species;
        double bpcer, worst_apcer;
        bool bona_fide_seen;
        unsigned attacks;
};

static int judge(struct presentation *p, const struct frame *f)
{
        uint64_t now = (uint64_t) (1e6 * p->pictures / p->rate);
        unsigned wanted = OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | (p->moves ? 0 : OBSERVE_LIVENESS);
        struct observation o = { 0 };
        int r = vision_observe(p->evaluation->vision, f, wanted, &o);

        p->pictures++;
        if (r < 0)
                return r;
        if (p->moves) {
                if (!p->over && !p->challenge.resting)
                        p->over = challenge_observe(&p->challenge, o.faces > 0 ? &o : NULL, now) != CHALLENGE_GOES_ON;
        } else if (quality_of(&o) == QUALITY_GOOD) {
                posture_add(&p->posture, &o);
                p->bona_fide += o.bona_fide;
        }
        return 0;
}

static int judge_picture(void *userdata, const char *path, const char *name)
{
        _cleanup_frame_ struct frame frame = { 0 };
        struct presentation *p = userdata;
        int r = read_picture(p->evaluation, path, &frame);

        return r == -EBADMSG ? 0 : r < 0 ? r : judge(p, &frame);
}

static int judge_video(struct presentation *p, const char *path)
{
        _cleanup_frame_ struct frame frame = { 0 };
        struct capture *video = NULL;
        double own = 0;
        int r = capture_open_video(path, &own, &video);

        if (r == -EBADMSG)
                fprintf(stderr, "visavis-face-eval: %s is no video that can be read; it is left out.\n", path);
        if (own >= 1 && own <= 120)
                p->rate = own;
        while (r >= 0 && (r = capture_read(video, 0, &frame)) >= 0)
                r = judge(p, &frame);
        capture_close(video);
        return r == -ENODATA || r == -EBADMSG ? 0 : r;
}

static int judge_movement(struct presentation *p, const char *path)
{
        p->rate = RATE;
        int r = each_entry(path, judge_picture, p);

        return r == -ENOTDIR ? judge_video(p, path) : r;
}

/* Whether @name is that of @movement, with or without an ending. */
static bool is_movement(const char *name, const char *movement)
{
        size_t length = strlen(movement);

        return strncmp(name, movement, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

static int straight(void *userdata, const char *path, const char *name)
{
        return is_movement(name, STRAIGHT) ? judge_movement(userdata, path) : 0;
}

static int judge_action(struct presentation *p, const char *path, enum action action)
{
        p->challenge = (struct challenge){ .action = { action }, .count = 1 };
        p->moves = true;
        p->over = false;
        p->pictures = 0;
        challenge_begin(&p->challenge, &p->posture, 0);
        int r = judge_movement(p, path);

        p->asked++;
        p->done += p->challenge.resting;
        return r;
}

/* After straight(): the head moves. */
static int movement(void *userdata, const char *path, const char *name)
{
        for (unsigned a = 0; a <= ACTION_TURN_RIGHT; a++)
                if (is_movement(name, action_name((enum action) a)))
                        return judge_action(userdata, path, (enum action) a);
        return 0;
}

static int look_at_presentation(void *userdata, const char *path, const char *name)
{
        struct species *s = userdata;
        struct presentation p = { .evaluation = s->evaluation };
        int r = each_entry(path, straight, &p);

        if (r == -ENOTDIR)
                return 0; /* a file that says what the folder is */
        s->presentations++;
        s->silent += p.posture.count == 0;
        if (r >= 0 && p.posture.count > 0)
                r = each_entry(path, movement, &p);
        if (r < 0 || p.posture.count == 0)
                return r;
        double bona_fide = p.bona_fide / p.posture.count;
        bool passive = bona_fide >= s->evaluation->manifest.thresholds.hopeless, challenged = p.done == p.asked;

        s->bona_fide += bona_fide;
        s->passive += passive;
        s->undoubted += bona_fide >= s->evaluation->manifest.thresholds.doubtful;
        s->challenges += p.asked;
        s->challenged += p.done;
        s->accepted += passive && challenged;
        return 0;
}

static double part(unsigned n, unsigned of)
{
        return of > 0 ? (double) n / of : 0;
}

/* The rates: of an attack what was accepted is an error, of a bona fide presentation what was not. */
static json_object *row_of(const struct species *s, const char *name, bool attack)
{
        json_object *row = json_object_new_object();
        double accepted = part(s->accepted, s->presentations), passive = part(s->passive, s->presentations),
               undoubted = part(s->undoubted, s->presentations), challenged = part(s->challenged, s->challenges);

        json_object_object_add(row, "name", json_object_new_string(name));
        report_count(row, "presentations", s->presentations);
        report_count(row, "movements", s->challenges);
        report_number(row, attack ? "apnrr" : "bpnrr", part(s->silent, s->presentations));
        report_number(row, "mean_bona_fide", part(1, s->presentations - s->silent) * s->bona_fide);
        report_number(row, attack ? "apcer_passive" : "bpcer_passive", attack ? passive : 1 - passive);
        report_number(row, attack ? "apcer_passive_undoubted" : "bpcer_passive_undoubted",
                      attack ? undoubted : 1 - undoubted);
        if (s->challenges > 0)
                report_number(row, attack ? "apcer_movement" : "bpcer_movement", attack ? challenged : 1 - challenged);
        report_number(row, attack ? "apcer" : "bpcer", attack ? accepted : 1 - accepted);
        return row;
}

static int look_at_species(void *userdata, const char *path, const char *name)
{
        struct attacks *a = userdata;
        struct species s = { .evaluation = a->evaluation };
        bool attack = strcmp(name, BONA_FIDE) != 0;
        int r = each_entry(path, look_at_presentation, &s);

        if (r == -ENOTDIR)
                return 0;
        if (r < 0 || s.presentations == 0)
                return r;
        double accepted = part(s.accepted, s.presentations);

        if (attack && accepted > a->worst_apcer)
                a->worst_apcer = accepted;
        if (!attack)
                a->bpcer = 1 - accepted;
        a->attacks += attack;
        a->bona_fide_seen = a->bona_fide_seen || !attack;
        json_object_array_add(a->species, row_of(&s, name, attack));
        return 0;
}

/* A column of the table; "-" where a row has none. */
static void print_column(json_object *row, const char *attack, const char *bona_fide)
{
        json_object *value = NULL;

        if (json_object_object_get_ex(row, attack, &value) || json_object_object_get_ex(row, bona_fide, &value))
                printf(" %10.4f", json_object_get_double(value));
        else
                printf(" %10s", "-");
}

static void print(json_object *all)
{
        json_object *species = json_object_object_get(all, "species");

        print_numbers(all);
        printf("\nAPCER of each species; BPCER for " BONA_FIDE ". No response: no picture was good enough.\n"
               "%-20s %5s %10s %10s %10s %10s %10s %10s\n",
               "", "n", "no resp.", "score", "passive", "undoubted", "movement", "all");
        for (size_t i = 0; i < json_object_array_length(species); i++) {
                json_object *row = json_object_array_get_idx(species, i);

                printf("%-20s %5s", json_object_get_string(json_object_object_get(row, "name")),
                       json_object_get_string(json_object_object_get(row, "presentations")));
                print_column(row, "apnrr", "bpnrr");
                print_column(row, "mean_bona_fide", "");
                print_column(row, "apcer_passive", "bpcer_passive");
                print_column(row, "apcer_passive_undoubted", "bpcer_passive_undoubted");
                print_column(row, "apcer_movement", "bpcer_movement");
                print_column(row, "apcer", "bpcer");
                putchar('\n');
        }
        print_cost(all);
}

int evaluate_attacks(const struct evaluation *e)
{
        struct attacks a = { .evaluation = e, .species = json_object_new_array() };
        json_object *all = json_object_new_object();
        int r = each_entry(e->directory, look_at_species, &a);

        json_object_object_add(all, "species", a.species);
        if (r >= 0 && (!a.bona_fide_seen || a.attacks == 0)) {
                fprintf(stderr,
                        "visavis-face-eval: %s does not hold " BONA_FIDE " presentations and a species of attacks, "
                        "each with presentations: DIR/" BONA_FIDE
                        "/NAME/look-straight, DIR/SPECIES/NAME/look-straight.\n",
                        e->directory);
                r = -EINVAL;
        }
        if (r >= 0) {
                report_number(all, "bpcer", a.bpcer);
                report_number(all, "apcer_of_the_worst_species", a.worst_apcer);
                report_cost(all, e);
                if (e->json)
                        puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
                else
                        print(all);
        }
        json_object_put(all);
        return r;
}

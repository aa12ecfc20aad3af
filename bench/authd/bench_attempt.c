/* What computing adds to a log-in: an actor (tests/actor) does what an examination asks for, before a camera of 15
 * pictures a second, once with pictures that are judged at once, and once with pictures that take the processor time
 * that judging them took. Both run on a clock of their own, so other programs do not change the figures. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/examination.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "tests/actor/actor.h"

static const double RATE = 15;
enum { WIDTH = 640, HEIGHT = 480, KNOWN = 5, CHALLENGES = 5, PICTURES_MAX = 600 };

struct stage_of {
        struct vision *vision;
        struct thresholds thresholds;
        struct rotation *rotation;
        struct template known;
        const char *photo;
};

static const char *directory_of(const char *variable, const char *otherwise)
{
        const char *value = getenv(variable);

        return value ? value : otherwise;
}

static struct actor *cast(const struct stage_of *s)
{
        struct role role = { s->photo, 1, WIDTH, HEIGHT, false, 7 };
        struct actor *actor = NULL;

        if (actor_new(s->vision, &role, &actor) < 0)
                errx(1, "%s shows nobody", s->photo);
        return actor;
}

static uint64_t look(const struct stage_of *s, struct actor *actor, double now, unsigned wanted,
                     struct observation *out)
{
        _cleanup_frame_ struct frame frame = { 0 };

        if (actor_frame(actor, now, &frame) < 0)
                errx(1, "the actor cannot be shown");
        uint64_t begun = cpu_ns();

        if (vision_observe(s->vision, &frame, wanted, out) < 0)
                errx(1, "a network fails");
        return cpu_ns() - begun;
}

static void enrol(struct stage_of *s)
{
        struct actor *actor = cast(s);
        struct observation o;

        for (unsigned i = 0; i < KNOWN; i++) {
                look(s, actor, i / RATE, OBSERVE_LANDMARKS | OBSERVE_EMBEDDING, &o);
                template_add(&s->known, ORIGIN_ENROLMENT, o.embedding);
        }
        rotation_apply_template(s->rotation, &s->known);
        actor_free(actor);
}

/* Seconds from the first picture to the decision; @computing: pictures take their time. */
static double log_in(const struct stage_of *s, uint32_t random, bool computing, unsigned *out_acts)
{
        struct actor *actor = cast(s);
        struct examination e;
        const char *prompt = "";
        double now = 0;

        examination_begin(&e, EXAMINATION_VERIFY, &s->thresholds, &s->known, s->rotation, random, 0);
        for (unsigned i = 0, tick = 0; i < PICTURES_MAX && e.phase < EXAMINATION_PASSED; i++) {
                struct observation o;
                double taken = tick / RATE;
                uint64_t took = look(s, actor, taken, examination_wanted(&e), &o), begun = cpu_ns();

                examination_observe(&e, &o, (uint64_t) (1e6 * taken));
                took += cpu_ns() - begun;
                now = taken + (computing ? (double) took / 1e9 : 0);
                if (strcmp(prompt, examination_prompt(&e)) != 0) {
                        prompt = examination_prompt(&e);
                        actor_prompt(actor, prompt, now);
                }
                while (++tick / RATE < now)
                        ; /* pictures that come meanwhile are left out */
        }
        if (e.phase != EXAMINATION_PASSED)
                errx(1, "the actor was not let in");
        *out_acts = e.challenge.count;
        examination_wipe(&e);
        actor_free(actor);
        return now;
}

int main(void)
{
        static struct series ideal, real, added;
        _cleanup_models_ struct models models = { 0 };
        _cleanup_secret_ struct secret *seed = secret_random(ROTATION_SEED_SIZE);
        _cleanup_free_ char *photo = NULL;
        struct stage_of s = { .rotation = rotation_new(seed) };
        unsigned acts = 0;

        log_open("bench-attempt", LOG_ERR);
        if (asprintf(&photo, "%s/sample1.jpg", directory_of("VISAVIS_PHOTOS", "/var/cache/visavis/photos")) < 0)
                errx(1, "out of memory");
        s.photo = photo;
        uint64_t begun = cpu_ns();

        if (models_load_engine(directory_of("VISAVIS_MODELS", "/var/cache/visavis/models"), ENGINE_DEEP, &models) < 0 ||
            vision_new(&models, &s.vision) < 0)
                errx(1, "the networks cannot be used; VISAVIS_MODELS says where to look");
        double load = (double) (cpu_ns() - begun) / 1e6;

        s.thresholds = models.manifest.thresholds;
        enrol(&s);
        for (uint32_t random = 0; random < CHALLENGES; random++) {
                double without = log_in(&s, random, false, &acts), with = log_in(&s, random, true, &acts);

                series_add(&ideal, (uint64_t) (1e9 * without));
                series_add(&real, (uint64_t) (1e9 * with));
                series_add(&added, with > without ? (uint64_t) (1e9 * (with - without)) : 0);
        }
        double base = series_median(&ideal);

        printf("%d log-ins with a challenge of %u movements, camera of %.0f pictures a second\n", CHALLENGES, acts,
               RATE);
        series_report(&ideal, "the person's own time, pictures judged at once", base, "the person's own");
        series_report(&real, "with what judging takes", base, "the person's own");
        series_report(&added, "computing adds", base, "the person's own");
        printf("%-44s %.0f ms, once for an attempt, while the camera opens; goal 400\n",
               "reading, checking and readying the networks", load);
        printf("%-44s %.0f ms; goal 400\n", "both together add", load + series_median(&added));
        vision_free(s.vision);
        rotation_free(s.rotation);
        return 0;
}

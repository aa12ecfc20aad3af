/* See sitting.h. */
#include "bench/authd/sitting.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stopwatch.h"
#include "services/cleanup.h"
#include "services/seal.h"

static const double RATE = 15;
enum { WIDTH = 640, HEIGHT = 480, PICTURES_MAX = 900 };

static const char *directory_of(const char *variable, const char *otherwise)
{
        const char *value = getenv(variable);

        return value ? value : otherwise;
}

struct studio studio_open(void)
{
        _cleanup_models_ struct models models = { 0 };
        _cleanup_secret_ struct secret *seed = secret_random(ROTATION_SEED_SIZE);
        struct studio s = { .rotation = rotation_new(seed) };

        if (models_load_engine(directory_of("VISAVIS_MODELS", "/var/cache/visavis/models"), ENGINE_DEEP, &models) < 0 ||
            vision_new(&models, &s.vision) < 0)
                errx(1, "the networks cannot be used; VISAVIS_MODELS says where to look");
        s.thresholds = models.manifest.thresholds;
        return s;
}

void studio_close(struct studio *s)
{
        s->vision = vision_free(s->vision);
        s->rotation = rotation_free(s->rotation);
}

struct actor *studio_cast(const struct studio *s, const char *photo, unsigned face, uint64_t seed)
{
        _cleanup_free_ char *path = NULL;
        struct actor *actor = NULL;

        if (asprintf(&path, "%s/%s", directory_of("VISAVIS_PHOTOS", "/var/cache/visavis/photos"), photo) < 0)
                errx(1, "out of memory");
        struct role role = { path, face, WIDTH, HEIGHT, false, seed };

        if (actor_new(s->vision, &role, &actor) < 0)
                errx(1, "%s has no face number %u", path, face);
        return actor;
}

static uint64_t look(const struct studio *s, struct actor *actor, double now, unsigned wanted, struct observation *out)
{
        _cleanup_frame_ struct frame frame = { 0 };

        if (actor_frame(actor, now, &frame) < 0)
                errx(1, "the actor cannot be shown");
        uint64_t begun = cpu_ns();

        if (vision_observe(s->vision, &frame, wanted, out) < 0)
                errx(1, "a network fails");
        return cpu_ns() - begun;
}

double sitting_play(const struct studio *s, struct actor *actor, const struct template *known, uint32_t random,
                    bool computing, struct examination *out)
{
        const char *prompt = "";
        double now = 0;

        examination_begin(out, known ? EXAMINATION_VERIFY : EXAMINATION_ENROL, &s->thresholds, known, s->rotation,
                          random, 0);
        for (unsigned i = 0, tick = 0; i < PICTURES_MAX && out->phase < EXAMINATION_PASSED; i++) {
                struct observation o;
                double taken = tick / RATE;
                uint64_t took = look(s, actor, taken, examination_wanted(out), &o), begun = cpu_ns();

                examination_observe(out, &o, (uint64_t) (1e6 * taken));
                took += cpu_ns() - begun;
                now = taken + (computing ? (double) took / 1e9 : 0);
                if (strcmp(prompt, examination_prompt(out)) != 0) {
                        prompt = examination_prompt(out);
                        actor_prompt(actor, prompt, now);
                }
                while (++tick / RATE < now)
                        ; /* pictures that come meanwhile are left out */
        }
        return now;
}

bool sitting_enrol(const struct studio *s, struct actor *actor, struct template *out)
{
        struct examination e;

        sitting_play(s, actor, NULL, 0, false, &e);
        *out = e.seen;
        rotation_apply_template(s->rotation, out);
        bool passed = e.phase == EXAMINATION_PASSED;

        examination_wipe(&e);
        return passed;
}

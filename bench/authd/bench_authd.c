/* What the face pipeline costs for one picture: every photograph of $VISAVIS_PHOTOS, scaled as authd scales a camera's
 * pictures, looked at with the networks of $VISAVIS_MODELS, on one core, as authd does.
 *
 * The detector always runs, so each other part is the difference between looking at a picture with it and without it.
 * Figures are processor time, set against the bare networks (bare.h), which are measured in turns with it. */
#include <dirent.h>
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/examination.h"
#include "authd/preview.h"
#include "authd/vision/picture.h"
#include "bench/authd/bare.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"
#include "services/log.h"

enum { WIDTH = 640, HEIGHT = 480, RATE = 15, ROUNDS = 8, FRAMES_MAX = 32 };

static const char BARE[] = "bare";

struct part {
        const char *name;
        unsigned without, with; /* OBSERVE_… */
        enum model model;
        unsigned runs; /* of it, for one face */
        struct series series, bare;
};

static struct part parts[] = {
        { "landmarks, brightness, sharpness", 0, OBSERVE_LANDMARKS, MODEL_LANDMARK, 1, { 0 }, { 0 } },
        { "eyes", OBSERVE_LANDMARKS, OBSERVE_LANDMARKS | OBSERVE_EYES, MODEL_EYE, 4, { 0 }, { 0 } },
        { "pose", 0, OBSERVE_POSE, MODEL_POSE, 1, { 0 }, { 0 } },
        { "liveness", 0, OBSERVE_LIVENESS, MODEL_LIVENESS, 1, { 0 }, { 0 } },
        { "embedding", OBSERVE_LANDMARKS, OBSERVE_LANDMARKS | OBSERVE_EMBEDDING, MODEL_FEATURE, 1, { 0 }, { 0 } },
};

static struct frame frames[FRAMES_MAX];
static size_t count;
static struct vision *vision;
static struct bare *bare;
static struct thresholds thresholds;

static const char *directory_of(const char *variable, const char *otherwise)
{
        const char *value = getenv(variable);

        return value ? value : otherwise;
}

static void read_photographs(const char *directory)
{
        struct dirent **entries;
        int n = scandir(directory, &entries, NULL, alphasort);

        if (n < 0)
                err(1, "%s", directory);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ struct dirent *entry = entries[i];
                _cleanup_free_ char *path = NULL;
                struct frame *f = &frames[count];

                if (entry->d_name[0] == '.' || count == FRAMES_MAX)
                        continue;
                if (asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
                        errx(1, "out of memory");
                if (picture_read(path, f) < 0 || picture_fit(f, WIDTH, HEIGHT) < 0)
                        errx(1, "%s is no picture that can be read", path);
                count++;
        }
        free(entries);
        if (count == 0)
                errx(1, "there are no photographs in %s; VISAVIS_PHOTOS says where to look", directory);
}

static void read_networks(const char *directory)
{
        _cleanup_models_ struct models models = { 0 };

        if (models_load_engine(directory, ENGINE_DEEP, &models) < 0 || vision_new(&models, &vision) < 0)
                errx(1, "the networks of %s cannot be used; VISAVIS_MODELS says where to look", directory);
        thresholds = models.manifest.thresholds;
        bare = bare_new(&models);
}

static uint64_t look(const struct frame *f, unsigned wanted)
{
        struct observation o;
        uint64_t start = cpu_ns();

        if (vision_observe(vision, f, wanted, &o) < 0 || o.faces == 0)
                errx(1, "a photograph shows no face");
        return cpu_ns() - start;
}

/* From the picture to what it means for somebody who enrols: every network is asked. */
static uint64_t examine(const struct frame *f)
{
        struct examination e;
        struct observation o;
        uint64_t start = cpu_ns();

        examination_begin(&e, EXAMINATION_ENROL, &thresholds, NULL, NULL, 0, 0);
        if (vision_observe(vision, f, examination_wanted(&e), &o) < 0)
                errx(1, "a network fails");
        examination_observe(&e, &o, 0);
        return cpu_ns() - start;
}

static uint64_t run_bare(enum model m, unsigned times)
{
        uint64_t start = cpu_ns();

        while (times-- > 0)
                bare_run(bare, m);
        return cpu_ns() - start;
}

/* What an attempt's owner sees while nothing is examined: the face is found, and the picture shown. */
static uint64_t show(struct preview *preview, const struct frame *f)
{
        static uint64_t now;
        uint64_t start = cpu_ns();

        (void) look(f, 0);
        now += 1000000 / RATE;
        if (preview_show(preview, f, now) < 0)
                errx(1, "out of memory");
        return cpu_ns() - start;
}

/* Returns what the bare network took. */
static uint64_t measure_part(struct part *p, const struct frame *f)
{
        uint64_t without = look(f, p->without), with = look(f, p->with), least = run_bare(p->model, p->runs);

        series_add(&p->series, with > without ? with - without : 0);
        series_add(&p->bare, least);
        return least;
}

static void stay_on_one_core(void)
{
        cpu_set_t cores;

        CPU_ZERO(&cores);
        CPU_SET((unsigned) sched_getcpu(), &cores);
        if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
                err(1, "sched_setaffinity");
}

static struct series detects, bare_detects, wholes, bare_wholes, shows;

static void measure(const struct frame *f, struct preview *preview)
{
        uint64_t least = run_bare(MODEL_DETECT, 1);

        series_add(&bare_detects, least);
        series_add(&detects, look(f, 0));
        for (size_t k = 0; k < COUNT_OF(parts); k++)
                least += measure_part(&parts[k], f);
        series_add(&wholes, examine(f));
        series_add(&bare_wholes, least);
        series_add(&shows, show(preview, f));
}

int main(void)
{
        struct preview *preview = NULL;

        log_open("bench-authd", LOG_ERR);
        stay_on_one_core();
        read_photographs(directory_of("VISAVIS_PHOTOS", "/var/cache/visavis/photos"));
        read_networks(directory_of("VISAVIS_MODELS", "/var/cache/visavis/models"));
        if (preview_new(&preview) < 0)
                errx(1, "out of memory");
        for (size_t i = 0; i < count; i++)
                (void) examine(&frames[i]); /* the first picture of a size costs more */
        for (unsigned i = 0; i < ROUNDS * count; i++)
                measure(&frames[i % count], preview);

        printf("%zu photographs within %d × %d, %zu pictures each figure; processor time; bare: OpenCV's forward pass "
               "of\n"
               "the same networks, inputs ready, measured in turns\n",
               count, WIDTH, HEIGHT, wholes.count);
        series_report(&detects, "detect (goal 15 ms)", series_median(&bare_detects), BARE);
        for (size_t k = 0; k < COUNT_OF(parts); k++)
                series_report(&parts[k].series, parts[k].name, series_median(&parts[k].bare), BARE);
        double whole =
                series_report(&wholes, "the whole examination (goals 50 ms, 1.1)", series_median(&bare_wholes), BARE);
        double shown = series_report(&shows, "detect and preview", series_median(&bare_detects), BARE);

        printf("one core examines %.1f frames a second; a camera gives %d\n", 1e3 / whole, RATE);
        printf("preview with detection, %d pictures a second: %.0f %% of a core; goal 25\n", RATE, shown * RATE / 10);
        preview_free(preview);
        bare_free(bare);
        vision_free(vision);
        for (size_t i = 0; i < count; i++)
                frame_release(&frames[i]);
        return 0;
}

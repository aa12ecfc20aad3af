/* What the face pipeline costs for one picture: every photograph of $VISAVIS_PHOTOS, scaled as authd scales a camera's
 * pictures, looked at with the networks of $VISAVIS_MODELS, on one core, as authd does.
 *
 * The detector always runs, so each other part is the difference between looking at a picture with it and without it.
 * Figures are processor time, set against one SHA-256 over the frame's bytes in the same run. */
#include <dirent.h>
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/examination.h"
#include "authd/vision/picture.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"

enum { WIDTH = 640, HEIGHT = 480, RATE = 15, ROUNDS = 15, FRAMES_MAX = 32 };

static const char SHA256[] = "SHA-256 of a frame";

struct part {
        const char *name;
        unsigned without, with; /* OBSERVE_… */
        struct series series;
};

static struct part parts[] = {
        { "landmarks, brightness, sharpness", 0, OBSERVE_LANDMARKS, { 0 } },
        { "eyes", OBSERVE_LANDMARKS, OBSERVE_LANDMARKS | OBSERVE_EYES, { 0 } },
        { "pose", 0, OBSERVE_POSE, { 0 } },
        { "liveness", 0, OBSERVE_LIVENESS, { 0 } },
        { "embedding", OBSERVE_LANDMARKS, OBSERVE_LANDMARKS | OBSERVE_EMBEDDING, { 0 } },
};

static struct frame frames[FRAMES_MAX];
static size_t count;
static struct vision *vision;
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

static uint64_t hash(const struct frame *f)
{
        uint8_t digest[32];
        uint64_t start = cpu_ns();

        sha256(BYTES(f->pixels, frame_size(f)), digest);
        return cpu_ns() - start;
}

static void measure_part(struct part *p, const struct frame *f)
{
        uint64_t without = look(f, p->without), with = look(f, p->with);

        series_add(&p->series, with > without ? with - without : 0);
}

static void stay_on_one_core(void)
{
        cpu_set_t cores;

        CPU_ZERO(&cores);
        CPU_SET((unsigned) sched_getcpu(), &cores);
        if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
                err(1, "sched_setaffinity");
}

int main(void)
{
        static struct series hashes, detects, wholes;

        log_open("bench-authd", LOG_ERR);
        stay_on_one_core();
        read_photographs(directory_of("VISAVIS_PHOTOS", "/var/cache/visavis/photos"));
        read_networks(directory_of("VISAVIS_MODELS", "/var/cache/visavis/models"));
        for (size_t i = 0; i < count; i++)
                (void) examine(&frames[i]); /* the networks set themselves up */
        for (unsigned i = 0; i < ROUNDS * count; i++) {
                const struct frame *f = &frames[i % count];

                series_add(&hashes, hash(f));
                series_add(&detects, look(f, 0));
                for (size_t k = 0; k < COUNT_OF(parts); k++)
                        measure_part(&parts[k], f);
                series_add(&wholes, examine(f));
        }
        double base = series_median(&hashes);

        printf("%zu photographs within %d × %d, %zu pictures each figure; processor time\n", count, WIDTH, HEIGHT,
               wholes.count);
        series_report(&hashes, SHA256, base, SHA256);
        series_report(&detects, "detect", base, SHA256);
        for (size_t k = 0; k < COUNT_OF(parts); k++)
                series_report(&parts[k].series, parts[k].name, base, SHA256);
        double whole = series_report(&wholes, "the whole examination of a frame", base, SHA256);

        printf("one core examines %.1f frames a second; a camera gives %d\n", 1e3 / whole, RATE);
        vision_free(vision);
        for (size_t i = 0; i < count; i++)
                frame_release(&frames[i]);
        return 0;
}

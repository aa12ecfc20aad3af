/* How often somebody who does what is asked is let in, and how long it takes them: actors (tests/actor) are enrolled
 * from a photograph and log in from it or from another one of the same person, once for each of so many challenges.
 *
 *     bench-log-ins [ATTEMPTS [PERSON]]
 *
 * ATTEMPTS of each of the people, or of the one with that number: 40 unless said otherwise, each challenge once. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "authd/failure.h"
#include "bench/authd/sitting.h"
#include "bench/stopwatch.h"
#include "services/cleanup.h"
#include "services/log.h"

static const struct person {
        const char *name, *enrolled;
        unsigned enrolled_face;
        const char *comes;
        unsigned face;
} people[] = {
        { "alice, by another photograph", "sample1.jpg", 1, "sample3.jpg", 1 },
        { "alice", "sample1.jpg", 1, "sample1.jpg", 1 },
        { "bob", "sample6.jpg", 1, "sample6.jpg", 1 },
        { "another", "sample4.jpg", 1, "sample4.jpg", 1 },
        { "a fourth", "sample5.jpg", 1, "sample5.jpg", 1 },
};

/* One log-in; true if it passed, else why not has been printed. */
static bool log_in(const struct studio *s, const struct person *p, const struct template *known, uint32_t random,
                   struct series *times)
{
        struct actor *actor = studio_cast(s, p->comes, p->face, random);
        struct examination e;
        double seconds = sitting_play(s, actor, known, random, false, &e);
        bool passed = e.phase == EXAMINATION_PASSED;

        if (passed)
                series_add(times, (uint64_t) (1e9 * seconds));
        else
                printf("    challenge %u at movement %u of %u: %s, likeness %.2f\n", random, e.challenge.current + 1,
                       e.challenge.count, failure_name(e.failure), examination_median(&e));
        examination_wipe(&e);
        actor_free(actor);
        return passed;
}

static void measure(const struct studio *s, const struct person *p, unsigned attempts)
{
        _cleanup_template_ struct template known = { 0 };
        struct actor *actor = studio_cast(s, p->enrolled, p->enrolled_face, 7);
        struct series times = { 0 };
        unsigned passed = 0;

        if (!sitting_enrol(s, actor, &known))
                errx(1, "%s cannot be enrolled", p->name);
        actor_free(actor);
        for (uint32_t random = 0; random < attempts; random++)
                passed += log_in(s, p, &known, random, &times);
        if (passed == 0)
                errx(1, "%s is never let in", p->name);
        double median = percentile_ms(times.took, times.count, 0.5) / 1000;

        printf("%-32s let in %u of %u; seconds: median %.2f, p95 %.2f, most %.2f\n", p->name, passed, attempts, median,
               percentile_ms(times.took, times.count, 0.95) / 1000, percentile_ms(times.took, times.count, 1) / 1000);
        fflush(stdout);
}

int main(int argc, char *argv[])
{
        unsigned attempts = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : 40;

        unsigned long only = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

        if (argc > 3 || attempts < 1 || attempts > SERIES_MAX || only > COUNT_OF(people))
                errx(2, "usage: bench-log-ins [ATTEMPTS [PERSON]]");
        log_open("bench-log-ins", LOG_ERR);
        struct studio s = studio_open();

        for (size_t i = 0; i < COUNT_OF(people); i++)
                if (only == 0 || only == i + 1)
                        measure(&s, &people[i], attempts);
        studio_close(&s);
        return 0;
}

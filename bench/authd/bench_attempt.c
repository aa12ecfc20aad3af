/* What computing adds to a log-in: an actor (tests/actor) does what an examination asks for, before a camera of 15
 * pictures a second, once with pictures that are judged at once, and once with pictures that take the processor time
 * that judging them took. Both run on a clock of their own, so other programs do not change the figures. */
#include <err.h>
#include <stdio.h>

#include "bench/authd/sitting.h"
#include "bench/stopwatch.h"
#include "services/log.h"

static const char PHOTO[] = "sample1.jpg";
enum { CHALLENGES = 8, STRIDE = 5, SEED = 7 }; /* eight of the 40 */

/* Seconds from the first picture to the decision; @computing: pictures take their time. */
static double log_in(const struct studio *s, const struct template *known, uint32_t random, bool computing,
                     unsigned *out_acts)
{
        struct actor *actor = studio_cast(s, PHOTO, 1, SEED);
        struct examination e;
        double seconds = sitting_play(s, actor, known, random, computing, &e);

        if (e.phase != EXAMINATION_PASSED)
                errx(1, "the actor was not let in");
        *out_acts = e.challenge.count;
        examination_wipe(&e);
        actor_free(actor);
        return seconds;
}

int main(void)
{
        static struct series ideal, real, added;
        _cleanup_template_ struct template known = { 0 };
        unsigned acts = 0;

        log_open("bench-attempt", LOG_ERR);
        uint64_t begun = cpu_ns();
        struct studio s = studio_open();
        double load = (double) (cpu_ns() - begun) / 1e6;
        struct actor *actor = studio_cast(&s, PHOTO, 1, SEED);

        if (!sitting_enrol(&s, actor, &known))
                errx(1, "the actor cannot be enrolled");
        actor_free(actor);
        for (uint32_t random = 0; random < CHALLENGES * STRIDE; random += STRIDE) {
                double without = log_in(&s, &known, random, false, &acts),
                       with = log_in(&s, &known, random, true, &acts);

                series_add(&ideal, (uint64_t) (1e9 * without));
                series_add(&real, (uint64_t) (1e9 * with));
                series_add(&added, with > without ? (uint64_t) (1e9 * (with - without)) : 0);
        }
        double base = series_median(&ideal);

        printf("%d log-ins with a challenge of %u movements, camera of 15 pictures a second\n", CHALLENGES, acts);
        series_report(&ideal, "the person's own time, pictures judged at once", base, "the person's own");
        series_report(&real, "with what judging takes", base, "the person's own");
        series_report(&added, "computing adds", base, "the person's own");
        printf("%-44s %.0f ms, once for an attempt, while the camera opens; goal 400\n",
               "reading, checking and readying the networks", load);
        printf("%-44s %.0f ms; goal 400\n", "both together add", load + series_median(&added));
        studio_close(&s);
        return 0;
}

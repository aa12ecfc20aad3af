/* Whatever the networks say of hostile pictures, numbers that are none among it: an examination never passes without a
 * challenge that was gone through, stays within its bounds and ends in time.
 *
 * The input: a byte that says what is examined, then for each picture an observation of some fields, missing bytes
 * being zero. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "authd/examination.h"
#include "services/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double number(struct reader *r)
{
        int8_t whole = (int8_t) read_u8(r);
        uint8_t part = read_u8(r);

        if (whole == -128)
                return NAN;
        if (whole == 127)
                return INFINITY;
        return whole + part / 256.0;
}

static void observe(struct reader *r, struct observation *out)
{
        double shift = number(r), spread = number(r) / 8;
        uint8_t who = read_u8(r), flags = read_u8(r);

        *out = (struct observation){
                .observed = read_u8(r),
                .faces = flags & 3,
                .rival = flags & 4 ? 0.9 : 0,
                .box = { 0.3 + number(r) / 128, 0.3, 0.3, 0.4 },
                .size = 150,
                .brightness = flags & 8 ? 5 : 100,
                .sharpness = 100,
                .eye_open = { number(r), flags & 16 ? 0.99 : 0.01 },
                .yaw = number(r),
                .pitch = flags & 32 ? NAN : 0,
                .bona_fide = number(r),
        };
        for (unsigned i = 0; i < LANDMARKS; i++) {
                out->landmark[i].x = 100 + shift + spread * (i % 17) * (i % 5);
                out->landmark[i].y = 100 + spread * i;
        }
        out->embedding[who] = flags & 64 ? NAN : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct thresholds thresholds = { .match = 0.45, .same = 0.6, .hopeless = 0.1, .doubtful = 0.5 };
        static struct rotation *rotation;
        struct template known = { .count = 1, .embedding = { { 1 } } };
        struct examination e;
        struct reader r;
        uint64_t now = 1000;

        if (!rotation)
                rotation = rotation_new(secret_new(ROTATION_SEED_SIZE));
        rotation_apply_template(rotation, &known);
        reader_init(&r, BYTES(data, size));
        uint8_t first = read_u8(&r);

        examination_begin(&e, first & 1 ? EXAMINATION_VERIFY : EXAMINATION_ENROL, &thresholds,
                          first & 1 ? &known : NULL, rotation, first >> 1, now);
        while (reader_more(&r) && e.phase < EXAMINATION_PASSED) {
                struct observation o;
                unsigned acts = e.challenge.current;

                observe(&r, &o);
                now += 20000 + 4000ULL * read_u8(&r);
                examination_observe(&e, &o, now);
                if (e.challenge.current > acts + 1 || !(e.progress >= 0 && e.progress <= 1) ||
                    strlen(examination_prompt(&e)) > 32)
                        abort();
        }
        if (e.phase == EXAMINATION_PASSED && e.challenge.current < 2)
                abort();
        for (unsigned i = 0; i < 1000 && e.phase < EXAMINATION_PASSED; i++)
                examination_observe(&e, NULL, now += 250000);
        if (e.phase < EXAMINATION_PASSED)
                abort();
        examination_wipe(&e);
        return 0;
}

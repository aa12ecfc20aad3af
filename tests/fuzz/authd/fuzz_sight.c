/* Packets of a looker that somebody has taken over: what authd believes is numbers within bounds, and no sequence of
 * them makes an examination misbehave, or pass without a challenge.
 *
 * A packet is a face as it should be, with patches. The input: first what is examined; then packets, each a size (0:
 * the right one), a kind, an error, and patches of eight bytes: an offset, then the bytes; offset 0xffff ends them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "authd/examination.h"
#include "authd/sight_wire.h"
#include "services/bytes.h"
#include "services/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKETS_MAX = 64, PATCHES_MAX = 16 };

static void compose(struct reader *r, struct sight_news *news)
{
        *news = (struct sight_news){
                .observation = { .observed = OBSERVE_LANDMARKS | OBSERVE_EYES | OBSERVE_POSE | OBSERVE_LIVENESS |
                                             OBSERVE_EMBEDDING,
                                 .faces = 1,
                                 .box = { 0.3, 0.3, 0.3, 0.4 },
                                 .size = 150,
                                 .brightness = 100,
                                 .sharpness = 100,
                                 .eye_open = { 0.99, 0.99 },
                                 .bona_fide = 0.9,
                                 .embedding = { 1 } },
        };
        for (unsigned i = 0; i < LANDMARKS; i++)
                news->observation.landmark[i] = (struct point){ 200 + 3 * (i % 17), 150 + 2 * i };
        news->kind = read_u8(r);
        news->error = (int) read_u16(r) - 0x8000;
        for (unsigned i = 0; i < PATCHES_MAX && reader_more(r); i++) {
                size_t offset = read_u16(r);
                struct bytes patch = offset == 0xffff ? BYTES(NULL, 0) : read_fixed(r, 8);

                if (patch.size == 0)
                        break;
                memcpy((uint8_t *) news + offset % (sizeof(*news) - patch.size), patch.data, patch.size);
        }
}

static bool within(double v, double low, double high)
{
        return v >= low && v <= high;
}

static void check(const struct sight_news *news)
{
        const struct observation *o = &news->observation;

        if (news->kind > SIGHT_END || (news->kind == SIGHT_END && !(news->error < 0 && news->error > -4096)))
                abort();
        if (news->kind != SIGHT_SEEN)
                return;
        if (!within(o->box.x, 0, 1) || !within(o->box.width, 0, 1) || !within(o->yaw, -180, 180) ||
            !within(o->bona_fide, 0, 1) || !within(o->eye_open[1], 0, 1) || !within(o->brightness, 0, 255) ||
            !isfinite(o->landmark[LANDMARKS - 1].y) || !within(embedding_cosine(o->embedding, o->embedding), 0, 1.01))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct thresholds thresholds = { .match = 0.45, .same = 0.6, .hopeless = 0.1, .doubtful = 0.5 };
        static struct rotation *rotation;
        struct template known = { .count = 1, .embedding = { { 1 } } };
        struct examination e;
        struct reader r;
        uint64_t now = 1000;

        if (!rotation) {
                _cleanup_secret_ struct secret *seed = secret_new(ROTATION_SEED_SIZE);

                memset(seed->data, 7, seed->size);
                rotation = rotation_new(seed);
        }
        rotation_apply_template(rotation, &known);
        reader_init(&r, BYTES(data, size));
        enum examination_kind kind = read_u8(&r) % (EXAMINATION_ADD_LOOK + 1);
        bool known_face = kind == EXAMINATION_VERIFY || kind == EXAMINATION_ADD_LOOK;

        examination_begin(&e, kind, &thresholds, known_face ? &known : NULL, known_face ? rotation : NULL, read_u32(&r),
                          now);
        for (unsigned i = 0; i < PACKETS_MAX && reader_more(&r) && e.phase < EXAMINATION_PASSED; i++) {
                static struct sight_news news;
                size_t claimed = read_u16(&r);

                compose(&r, &news);
                if (!sight_news_valid(&news, claimed ? claimed : sizeof(news)))
                        continue;
                check(&news);
                now += 66000;
                examination_observe(&e, news.kind == SIGHT_SEEN ? &news.observation : NULL, now);
                if (!(e.progress >= 0 && e.progress <= 1))
                        abort();
        }
        if (e.phase == EXAMINATION_PASSED && kind != EXAMINATION_IDENTIFY && e.challenge.current < 2)
                abort();
        examination_wipe(&e);
        return 0;
}

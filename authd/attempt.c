/* See attempt.h. */
#include "authd/attempt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "authd/classic.h"
#include "authd/growth.h"
#include "authd/witness.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/text.h"

#define SECOND 1000000ULL

static const uint64_t KEPT = 60 * SECOND;     /* after it has ended */
static const uint64_t LONGEST = 90 * SECOND;  /* of an attempt */
static const uint64_t HEARTBEAT = SECOND / 4; /* when no picture comes */

unsigned attempt_wanted(const struct attempt *t)
{
        return examination_wanted(&t->examination);
}

bool attempt_over(const struct attempt *t)
{
        return t->state >= ATTEMPT_SUCCEEDED;
}

bool attempt_gives_ticket(const struct attempt *t)
{
        return t->examination.kind == EXAMINATION_ENROL || t->examination.kind == EXAMINATION_VERIFY;
}

static void log_end(const struct attempt *t)
{
        _cleanup_free_ char *account = NULL, *camera = NULL, *failure = NULL, *uid = NULL, *virtual = NULL;
        static const char *const kinds[] = { [EXAMINATION_ENROL] = "enrolment",
                                             [EXAMINATION_VERIFY] = "verification",
                                             [EXAMINATION_ADD_LOOK] = "addition of a look",
                                             [EXAMINATION_IDENTIFY] = "identification" };
        static const char *const ends[] = {
                [ATTEMPT_SUCCEEDED] = "succeeded", [ATTEMPT_FAILED] = "failed", [ATTEMPT_CANCELLED] = "was cancelled"
        };

        if (asprintf(&account, "ACCOUNT=%s", t->account) < 0 || asprintf(&camera, "CAMERA=%s", t->camera) < 0 ||
            asprintf(&failure, "FAILURE=%s", failure_name(t->failure)) < 0 ||
            asprintf(&uid, "OWNER_UID=%u", (unsigned) t->uid) < 0 || asprintf(&virtual, "VIRTUAL=%d", t->virtual) < 0)
                return;
        log_fields(LOG_NOTICE, (const char *[]){ account, camera, failure, uid, virtual, NULL },
                   "The %s%s%s before the camera %s%s %s%s%s.", kinds[t->examination.kind],
                   *t->account ? " of account " : "", t->account, t->camera, t->virtual ? " (virtual)" : "",
                   ends[t->state], t->failure ? ": " : "", failure_name(t->failure));
}

static void end(struct attempt *t, enum attempt_state state, enum failure failure)
{
        if (attempt_over(t))
                return;
        t->state = state;
        t->failure = failure;
        t->ended = authd_now();
        if (t->post) {
                struct post *p = t->post;

                t->post = NULL;
                post_leave(p);
        }
        examination_wipe(&t->examination);
        t->rotation = rotation_free(t->rotation);
        (void) sd_event_source_set_time_relative(t->timer, KEPT);
        log_end(t);
        attempt_object_report(t);
}

/* A failure is on disk before anybody learns of it, so that neither kill -9 nor leaving makes a guess free. */
static int count(struct attempt *t)
{
        int r = 0;

        if (t->examination.kind == EXAMINATION_VERIFY && t->examination.suspect && !t->counted) {
                r = accounts_count_failure(t->authd->accounts, t->account);
                t->counted = r >= 0;
                if (r >= 0)
                        witness_tell(t->authd, t->uid, t->account);
        }
        return r;
}

static int make_enrolment(struct attempt *t)
{
        _cleanup_rotation_ struct rotation *rotation = NULL;
        struct enrolment *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        memcpy(e->account, t->account, sizeof(e->account));
        e->uid = t->uid;
        e->rotation = secret_random(ROTATION_SEED_SIZE);
        rotation = rotation_new(e->rotation);
        if (t->examination.classic) {
                e->gallery = classic_take_gallery(t->examination.classic);
        } else {
                e->template = t->examination.seen;
                rotation_apply_template(rotation, &e->template);
        }
        e->face_secret = secret_random(FACE_SECRET_SIZE);
        t->enrolment = e;
        return 0;
}

static int identify(struct attempt *t, enum failure *out_failure)
{
        struct authd *a = t->authd;
        int r = identification_make(a->accounts, t->uid, &t->examination.seen, a->manifest.thresholds.match, &t->found);

        if (r == -EAGAIN)
                *out_failure = FAILURE_THROTTLED;
        else if (r >= 0 && t->found.count > 0)
                memcpy(t->account, t->found.account[0], sizeof(t->account));
        else if (r >= 0) {
                *out_failure = FAILURE_NO_MATCH;
                witness_tell(a, t->uid, NULL); /* it was counted */
        }
        return r == -EAGAIN ? 0 : r;
}

/* What was seen last, in the sharpest picture of a face that looked straight after the challenge. If it cannot be
 * stored, the log-in is no worse for it; storage has said so. */
static void adapt(struct attempt *t)
{
        struct examination *e = &t->examination;
        _cleanup_template_ struct template grown = e->known;
        double strong = e->thresholds.same;
        struct timespec now;

        if (!t->authd->settings.adapts || !(e->strength >= strong) || e->seen.count == 0)
                return;
        float *last = e->seen.embedding[e->seen.count - 1];

        rotation_apply(t->rotation, last);
        clock_gettime(CLOCK_REALTIME, &now);
        if (growth_adapt(&grown, last, strong, (uint64_t) now.tv_sec) &&
            accounts_replace_template(t->authd->accounts, t->account, t->uid, &grown) >= 0)
                log_info("The template of account %s has learnt from a log-in.", t->account);
}

static int verified(struct attempt *t)
{
        int r = accounts_clear_failures(t->authd->accounts, t->account);

        if (r < 0)
                return r;
        witness_tell(t->authd, t->uid, t->account);
        adapt(t);
        return 0;
}

static int add_look(struct attempt *t)
{
        struct examination *e = &t->examination;
        _cleanup_template_ struct template grown = e->known;

        rotation_apply_template(t->rotation, &e->seen);
        growth_add_look(&grown, &e->seen);
        return accounts_replace_template(t->authd->accounts, t->account, t->uid, &grown);
}

static int conclude(struct attempt *t, enum failure *out_failure)
{
        switch (t->examination.kind) {
        case EXAMINATION_ENROL:
                return make_enrolment(t);
        case EXAMINATION_VERIFY:
                return verified(t);
        case EXAMINATION_ADD_LOOK:
                return add_look(t);
        case EXAMINATION_IDENTIFY:
                break;
        }
        return identify(t, out_failure);
}

static void succeed(struct attempt *t)
{
        enum failure failure = FAILURE_NONE;
        int r = conclude(t, &failure);

        if (r < 0) {
                log_error("The attempt before the camera %s passed, and yet cannot be concluded: %s", t->camera,
                          t->examination.kind == EXAMINATION_ENROL ? strerror(-r)
                                                                   : accounts_describe(t->authd->accounts));
                t->error = r;
                failure = t->examination.kind == EXAMINATION_ENROL ? FAILURE_INTERNAL : FAILURE_STORAGE;
        }
        end(t, failure ? ATTEMPT_FAILED : ATTEMPT_SUCCEEDED, failure);
}

static void advance(struct attempt *t)
{
        t->error = count(t);
        if (t->error < 0) {
                log_error("A failure cannot be counted, so the attempt was ended: %s",
                          accounts_describe(t->authd->accounts));
                end(t, ATTEMPT_FAILED, FAILURE_STORAGE);
                return;
        }
        switch (t->examination.phase) {
        case EXAMINATION_SEARCHING:
                if (t->examination.pictures > 0)
                        t->state = ATTEMPT_SEARCHING;
                break;
        case EXAMINATION_CHALLENGE:
                t->state = ATTEMPT_CHALLENGE;
                break;
        case EXAMINATION_PASSED:
                succeed(t);
                return;
        case EXAMINATION_FAILED:
                end(t, ATTEMPT_FAILED, t->examination.failure);
                return;
        }
        attempt_object_report(t);
        if (t->post && t->post->sight)
                sight_want(t->post->sight, examination_wanted(&t->examination));
}

void attempt_seen(struct attempt *t, const struct observation *o)
{
        if (attempt_over(t))
                return;
        examination_observe(&t->examination, o, authd_now());
        advance(t);
}

void attempt_lost_camera(struct attempt *t, int error)
{
        if (error == -ECHILD)
                log_error("The process that looked through the camera %s crashed, and the attempt with it.", t->camera);
        else
                log_error("The camera %s gives no pictures (%s). %s", t->camera, strerror(-error),
                          failure_camera_text(error));
        t->post = NULL;
        t->error = error;
        end(t, ATTEMPT_FAILED, error == -ENOMEM || error == -ECHILD ? FAILURE_INTERNAL : FAILURE_CAMERA);
}

void attempt_cancel(struct attempt *t)
{
        end(t, ATTEMPT_CANCELLED, FAILURE_NONE);
}

/* While it runs: time passes even when no picture comes. Once it is over: it goes. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct attempt *t = userdata;

        if (attempt_over(t)) {
                attempt_free(t);
                return 0;
        }
        uint64_t now = authd_now();

        if (now - t->begun > LONGEST) {
                end(t, ATTEMPT_FAILED, FAILURE_TIMEOUT);
        } else {
                examination_observe(&t->examination, NULL, now);
                (void) sd_event_source_set_time_relative(source, HEARTBEAT);
                advance(t);
        }
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_owner_gone(sd_bus_track *track, void *userdata)
{
        struct attempt *t = userdata;

        /* The track cannot be freed in its own callback; the timer comes at once. */
        attempt_cancel(t);
        tickets_drop_caller(t->authd->tickets, t->owner);
        t->enrolment = enrolment_free(t->enrolment);
        (void) sd_event_source_set_time_relative(t->timer, 0);
        (void) sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
        return 1;
}

static uint32_t random_challenge(void)
{
        uint32_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                abort(); /* it cannot fail for so few bytes, and nothing sensible could follow */
        return random;
}

static int name_account(struct attempt *t, const char *account)
{
        uint8_t id[(ACCOUNT_ID_SIZE - 1) / 2];
        _cleanup_free_ char *hex = NULL;

        if (!account) {
                random_fill(id, sizeof(id));
                hex = hex_encode(BYTES_OF(id));
                if (!hex)
                        return -ENOMEM;
                account = hex;
        }
        (void) snprintf(t->account, sizeof(t->account), "%s", account);
        return 0;
}

static int expose(struct attempt *t)
{
        int r = attempt_object_export(t);

        if (r >= 0)
                r = sd_bus_track_new(t->authd->bus, &t->track, on_owner_gone, t);
        if (r >= 0)
                r = sd_bus_track_add_name(t->track, t->owner);
        if (r >= 0)
                r = sd_event_add_time_relative(t->authd->event, &t->timer, CLOCK_BOOTTIME, HEARTBEAT, 0, on_timer, t);
        return r;
}

static int choose_engine(struct attempt *t, struct gallery *known)
{
        struct classic *classic;

        if (t->authd->settings.engine != ENGINE_LBPH)
                return 0;
        classic = classic_new(known, random_challenge());
        if (!classic)
                return -ENOMEM;
        examination_use_classic(&t->examination, classic);
        return 0;
}

int attempt_new(struct post *p, struct attempt_request *request, struct attempt **out)
{
        struct authd *a = p->authd;
        struct attempt *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->authd = a;
        t->number = ++a->last;
        t->begun = authd_now();
        t->uid = request->uid;
        t->virtual = camera_virtual(&p->camera);
        t->told = (struct attempt_view){ .prompt = "", .hint = "", .quality = "" };
        (void) snprintf(t->path, sizeof(t->path), AUTHD_PATH "/attempt/%" PRIu64, t->number);
        (void) snprintf(t->owner, sizeof(t->owner), "%s", request->owner);
        (void) snprintf(t->camera, sizeof(t->camera), "%s", p->camera.name);
        t->next = a->attempts;
        a->attempts = t;
        t->rotation = TAKE(request->rotation);
        examination_begin(&t->examination, request->kind, &a->manifest.thresholds, request->known, t->rotation,
                          random_challenge(), t->begun);
        t->examination.infrared = p->infrared;
        int r = request->kind == EXAMINATION_IDENTIFY ? 0 : name_account(t, request->account);

        if (r >= 0)
                r = choose_engine(t, TAKE(request->gallery));
        if (r >= 0)
                r = expose(t);
        if (r >= 0)
                r = post_take(p, t);
        if (r < 0) {
                attempt_free(t);
                return r;
        }
        t->post = p;
        *out = t;
        return 0;
}

struct attempt *attempt_free(struct attempt *t)
{
        for (struct attempt **link = &t->authd->attempts; *link; link = &(*link)->next) {
                if (*link == t) {
                        *link = t->next;
                        break;
                }
        }
        if (t->post)
                post_leave(t->post);
        sd_bus_slot_unref(t->object);
        sd_bus_track_unref(t->track);
        sd_event_source_disable_unref(t->timer);
        enrolment_free(t->enrolment);
        examination_wipe(&t->examination);
        rotation_free(t->rotation);
        free(t);
        return NULL;
}

bool attempt_make_room(struct authd *a, uid_t uid)
{
        struct attempt *oldest = NULL;

        for (struct attempt *t = a->attempts; t; t = t->next)
                if (t->uid == uid && attempt_over(t) &&
                    (t->state != ATTEMPT_SUCCEEDED || t->ticket_taken || !attempt_gives_ticket(t)) &&
                    authd_now() - t->ended > TICKET_LIFETIME_USEC)
                        oldest = t;
        for (struct attempt *t = a->attempts; t && !oldest; t = t->next)
                if (t->uid == uid && attempt_over(t) && t->state != ATTEMPT_SUCCEEDED)
                        oldest = t;
        if (oldest)
                attempt_free(oldest);
        return oldest;
}

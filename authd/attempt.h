/* One enrolment, verification, addition of a look or identification on the bus: im.visavis.Auth1.Attempt at
 * /im/visavis/Auth1/attempt/N.
 *
 *     starting ─▶ searching ─▶ challenge ─▶ succeeded | failed | cancelled ─▶ (a minute later) gone
 *
 * It belongs to a unique bus name, which alone may use it and alone gets its signals, and goes when that name goes.
 * What is seen is judged by an examination. */
#pragma once

#include "authd/authd.h"
#include "authd/examination.h"
#include "authd/identification.h"

enum attempt_state {
        ATTEMPT_STARTING,
        ATTEMPT_SEARCHING,
        ATTEMPT_CHALLENGE,
        ATTEMPT_SUCCEEDED,
        ATTEMPT_FAILED,
        ATTEMPT_CANCELLED,
};

/* What changes while it runs, as its owner was told last. */
struct attempt_view {
        enum attempt_state state;
        enum failure failure;
        const char *prompt, *hint, *quality;
        double progress;
        struct box box;
        struct point landmark[LANDMARKS];
        struct turn turn; /* zero: none by an amount is asked for */
};

struct attempt {
        struct attempt *next;
        struct authd *authd;
        struct post *post; /* NULL: it does not hold the camera */
        uint64_t number, begun, ended, reported;
        char path[64], owner[256], camera[CAMERA_NAME_MAX + 1], account[ACCOUNT_ID_SIZE];
        bool virtual, counted, ticket_taken;
        uid_t uid;
        enum attempt_state state;
        enum failure failure;
        int error;                 /* of FAILURE_CAMERA, if it is known, and of FAILURE_STORAGE */
        struct rotation *rotation; /* of the account */
        struct examination examination;
        struct identification found; /* after success of an identification */
        struct enrolment *enrolment; /* after success, until the ticket is taken */
        struct attempt_view told;
        sd_bus_slot *object;
        sd_bus_track *track;
        sd_event_source *timer;
};

struct attempt_request {
        const char *owner; /* unique bus name */
        uid_t uid;
        enum examination_kind kind;
        const char *account;          /* to verify, or to add a look to; to be enrolled anew, or NULL for a new one */
        struct gallery *gallery;      /* of the engine "lbph" instead; taken over */
        const struct template *known; /* of the account, copied */
        struct rotation *rotation;    /* of it; passes over */
};

/* Starts an attempt before the camera of @p, which is free, and exports its object. *@out lives until it goes by itself
 * or attempt_free() is called. -ENOMEM; what post_take() and sd_bus_add_object_vtable(3) return. */
int attempt_new(struct post *p, struct attempt_request *request, struct attempt **out);

/* Ends it at once, its ticket too. Returns NULL. */
struct attempt *attempt_free(struct attempt *t);

/* Ends it as cancelled, unless it has ended. It stays for a minute. */
void attempt_cancel(struct attempt *t);

/* Whether success is worth a ticket. */
bool attempt_gives_ticket(const struct attempt *t);

/* Whether it has succeeded, failed or been cancelled. */
bool attempt_over(const struct attempt *t);

/* Frees the oldest attempt of @uid that is over and has no ticket out; false if there is none. */
bool attempt_make_room(struct authd *a, uid_t uid);

/* From the camera: what was seen; that it is closed without having been asked to be. And what to look for. */
void attempt_seen(struct attempt *t, const struct observation *o);
void attempt_lost_camera(struct attempt *t, int error);
unsigned attempt_wanted(const struct attempt *t);

/* attempt_object.c: exports its object; tells its owner what has changed. */
int attempt_object_export(struct attempt *t);
void attempt_object_report(struct attempt *t);

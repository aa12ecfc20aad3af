/* One attempt before the camera, followed from its start to its end: an enrolment, verification, addition of a look or
 * identification of authd.
 *
 *     starting ─▶ searching ─▶ challenge ─▶ succeeded | failed | cancelled
 *
 * authd announces changes by names alone; the attempt reads all properties again and reports them as one view. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "services/bytes.h"

enum attempt_state {
        ATTEMPT_STARTING,
        ATTEMPT_SEARCHING,
        ATTEMPT_CHALLENGE,
        ATTEMPT_SUCCEEDED,
        ATTEMPT_FAILED,
        ATTEMPT_CANCELLED,
};

enum attempt_kind { ATTEMPT_ENROL, ATTEMPT_VERIFY, ATTEMPT_ADD_LOOK, ATTEMPT_IDENTIFY };

/* The properties of im.visavis.Auth1.Attempt. */
struct attempt_view {
        enum attempt_state state;
        char account[33];
        char camera[64];
        bool virtual;
        char prompt[32];
        char prompt_text[256];
        char hint[256];
        char failure[32];
        char failure_text[512];
        double progress;
        double face_box[4]; /* x, y, width, height as fractions of the frame; zeroes: none */
};

struct attempt;

struct attempt_events {
        /* Something in @view is new. Comes at least once, and last with one of the three final states. */
        void (*changed)(struct attempt *a, const struct attempt_view *view, void *userdata);
        /* It could not be started, or its service went away; nothing more comes. */
        void (*broken)(struct attempt *a, const sd_bus_error *error, void *userdata);
};

/* What to start. */
struct attempt_request {
        enum attempt_kind kind;
        const char *account; /* to verify, to add a look to, or to enrol anew; NULL of an enrolment: a new one */
        struct bytes ticket; /* to add a look */
        const char *camera;  /* NULL: the first */
};

/* @events must outlive the attempt, which the caller ends with attempt_free(). */
int attempt_start(sd_bus *bus, const struct attempt_request *request, const struct attempt_events *events,
                  void *userdata, struct attempt **out);

/* Cancels it if it has not ended, and frees it. May be called in its own callbacks. Returns NULL. */
struct attempt *attempt_free(struct attempt *a);

/* Why it has failed or was cancelled, as an error with the sentence that its service gave: CLIENT_ERROR_FACE,
 * CLIENT_ERROR_CANCELLED, or one of services/bus.h. The caller frees it. */
void attempt_failure(const struct attempt_view *view, sd_bus_error *out);

/* After success, once. @ticket is valid during the callback; empty with an error. */
typedef void (*attempt_ticket)(struct bytes ticket, const sd_bus_error *error, void *userdata);
int attempt_take_ticket(struct attempt *a, attempt_ticket done, void *userdata);

/* @fd belongs to the attempt and is closed after the callback; -1 with an error. */
typedef void (*attempt_preview)(int fd, const sd_bus_error *error, void *userdata);
int attempt_open_preview(struct attempt *a, attempt_preview done, void *userdata);

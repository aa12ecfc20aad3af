/* What the two halves of the control socket share: a connection, from its request (control.c) to its answer
 * (control_answer.c). */
#pragma once

#include <stdatomic.h>
#include <stdio.h>

#include "control.h"
#include "control_request.h"
#include "errand.h"
#include "report.h"

struct connection {
        struct connection *next;
        struct control *control;
        int fd, passed; /* @passed: what came with the request, -1 for nothing */
        sd_event_source *io, *timer;
        char line[CONTROL_LINE_MAX + 1];
        size_t size;
        struct control_request request;
        FILE *out;
        struct errand *errand;
        atomic_bool stopping;
        int result;    /* of the errand */
        int64_t bytes; /* of a backup */
        struct report report;
        char *token;
};

struct control {
        sd_event *event;
        struct hub *hub;
        struct control_settings settings;
        sd_event_source *listener;
        struct connection *connections;
        unsigned count;
        ino_t inode; /* of the socket that is ours */
};

/* Ends it, and what it has under way. */
void connection_free(struct connection *c);

/* Answers what has been asked, now or later, and ends the connection. */
void control_answer(struct connection *c);

/* Says why not, and ends it. @error: the last word of a name in services/bus.h. */
void control_refuse(struct connection *c, const char *error, const char *sentence);

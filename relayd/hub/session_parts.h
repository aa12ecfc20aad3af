/* What a session is made of, for the files of session.h alone:
 *
 *     session.c          the link's states, what comes, and what is pushed
 *     session_request.c  from a request to what the store is asked
 *     session_result.c   what the store has done becomes the answer
 *     session_chunks.c   the chunks that are asked for */
#pragma once

#include <netinet/in.h>

#include "chunk_desk.h"
#include "relayd/link/channel.h"
#include "relayd/link/tls.h"
#include "session.h"

enum session_state {
        SESSION_HELLO,
        SESSION_UNPROVEN,
        SESSION_PROVEN,
        SESSION_ENDING,
};

struct session {
        enum session_state state;
        struct hub *hub;
        struct channel *channel;
        struct session_place place;
        char peer[INET6_ADDRSTRLEN + 10];
        char name[WIRE_NAME_MAX + 1];
        uint8_t exporter[TLS_EXPORTER_SIZE];
        unsigned frames, in_flight, puts;
        struct chunk_desk desk;
        bool starved; /* something waits for it, and the hub had no memory for that */
        struct gate_pass pass;
        sd_event_source *slow, *desk_slow; /* reading, and the desk, go on when the rate allows it */
        bool waiting, desk_waiting, fetching;
        uint64_t newest, pushed, acknowledged, window;
        uint32_t told_left;
};

/* Sends a failure as a frame of @type; @m without its subject and sentence. */
void session_fail(struct session *s, uint8_t type, uint32_t request, const struct wire_failure *m, struct bytes subject,
                  const char *format, ...) __attribute__((format(printf, 6, 7)));

#define REFUSE(s, request, code, value, subject, ...)                                                                  \
        session_fail(s, FRAME_ERROR, request, &(struct wire_failure){ code, value, { NULL, 0 }, { NULL, 0 } },         \
                     subject, __VA_ARGS__)
#define NOBODY BYTES(NULL, 0)

/* Answers a job with @body. */
void session_answer(struct session *s, const struct job *j, const struct writer *body);

/* Reading pauses while too much is under way in either direction. */
void session_throttle(struct session *s);

/* The client does not keep to the protocol: says so and ends the link. */
void session_break_off(struct session *s, uint32_t request, enum wire_error code, const char *sentence);

/* If not, session_resume() is called when it has. */
bool session_has_memory(struct session *s, size_t bytes);

/* True if @then is called after @usec. */
bool session_wait_for(struct session *s, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t then);

/* Pushes what the window and the link have room for. */
void session_push(struct session *s);

/* Fills in the store's request from the job's body: 0, 1 if the request has been answered already, or -EBADMSG. */
typedef int session_prepare(struct session *s, struct job *j);

/* For a request of @type; NULL if there is none in the session's state. */
session_prepare *session_preparer(const struct session *s, uint8_t type);

/* A chunk is asked for; and those that are asked for are handed out, as far as that can be done now. */
void session_get_chunk(struct session *s, const struct frame *f);
void session_serve_chunks(struct session *s);

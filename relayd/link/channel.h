/* A channel: frames in both directions over one TLS connection, on the event loop, never blocking.
 *
 *     CONNECTING ─▶ HANDSHAKE ─▶ OPEN ─▶ (CLOSING: what is queued goes out) ─▶ CLOSED
 *          └────────────┴──────────┴──────── error, end of file, silence ────────▲
 *
 * The hub's and the client's side are the same object. Memory is bounded: input by the frame limit in force (and it
 * grows only as bytes arrive, not by what a length promises), output by its owner, who looks at channel_queued() and
 * pauses reading or pushing; past CHANNEL_OUTPUT_MAX the channel closes itself. Callbacks do not nest: whatever a
 * callback does to the channel, the next callback comes from the event loop. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "frame.h"

enum {
        CHANNEL_OUTPUT_HIGH = 512 * 1024, /* above it, the owner should not queue more; below it, drained() is called */
        CHANNEL_OUTPUT_MAX = 8 * 1024 * 1024,
        CHANNEL_ROOM = 64 * 1024, /* while more is queued, bulk has to wait, so that it delays nothing else for long */
};

/* For main(), before anything else: what is queued comes and goes in large pieces, and memory that went back to the
 * kernel each time would have to be cleared by it each time. At most 16 MiB are kept. */
void channel_keep_buffers(void);

struct channel;

struct channel_handlers {
        /* The handshake is done and visavis/1 was agreed. */
        void (*opened)(struct channel *c, void *userdata);
        /* A frame; its body is valid during the call. */
        void (*received)(struct channel *c, void *userdata, const struct frame *frame);
        /* The output queue was above CHANNEL_OUTPUT_HIGH and is below it again. May be NULL. */
        void (*drained)(struct channel *c, void *userdata);
        /* There is room for bulk, which was waited for with channel_await_room(). May be NULL if that is not called. */
        void (*room)(struct channel *c, void *userdata);
        /* The last callback. @error is a negative errno, 0 for an orderly end; @sentence says it for a person. The
         * owner frees the channel, here or later. */
        void (*closed)(struct channel *c, void *userdata, int error, const char *sentence);
};

/* The memory of many channels together: what their buffers take, in bytes. */
struct channel_budget {
        size_t used;
        void (*changed)(void *userdata); /* must not end a channel */
        void *userdata;
};

/* Takes over the non-blocking socket @fd and @ssl (tls.h), also on error. @connecting: connect(2) is still under way.
 * @handlers must outlive the channel. The frame limit starts as FRAME_LENGTH_MAX_UNPROVEN, the silence limit as
 * @patience. */
int channel_new(sd_event *event, int fd, SSL *ssl, bool connecting, uint64_t patience_usec,
                const struct channel_handlers *handlers, void *userdata, struct channel **out);

/* Ends it at once, without closed(). Not from within opened(), received(), drained() and room(). Returns NULL. */
struct channel *channel_free(struct channel *c);

/* Queues a frame. It leaves when the loop gets to it. Nothing happens on a channel that is closing. */
void channel_send(struct channel *c, uint8_t type, uint32_t request, struct bytes body);

/* The same with a body in two parts, so that the large one need not be copied to stand behind the small one. */
void channel_send_parts(struct channel *c, uint8_t type, uint32_t request, struct bytes head, struct bytes rest);

/* Bytes queued that the socket has not taken yet. */
size_t channel_queued(const struct channel *c);

/* True if a large frame may be queued that nobody waits for: less than CHANNEL_ROOM is queued. */
bool channel_has_room(const struct channel *c);

/* Has room() called from the loop, once, as soon as channel_has_room(). */
void channel_await_room(struct channel *c);

/* Counts the channel's buffers in @budget, which must outlive it. */
void channel_set_budget(struct channel *c, struct channel_budget *budget);

/* What its buffers take. */
size_t channel_memory(const struct channel *c);

/* Stops and resumes reading. Frames that are already in memory wait as well. */
void channel_pause(struct channel *c, bool paused);

/* The largest frame that is taken from now on, and the silence after which the channel closes (counted from the last
 * frame). */
void channel_set_limits(struct channel *c, size_t frame_length_max, uint64_t silence_usec);

/* When the last frame came (CLOCK_BOOTTIME, µs). */
uint64_t channel_last_received(const struct channel *c);

/* Sends what is queued and closes; closed() follows with @error and the sentence. */
void channel_close(struct channel *c, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool channel_is_open(const struct channel *c);

SSL *channel_ssl(struct channel *c);

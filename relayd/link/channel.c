/* See channel.h. */
#include "channel.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "tls.h"

enum {
        INPUT_STEP = 16 * 1024, /* a TLS record */
        OUTPUT_SMALL = 512,
        OUTPUT_STEP = 16 * 1024,
        OUTPUT_SPARE = 128 * 1024,
        HEAP_KEEP = 16 * 1024 * 1024,
        READ_BUDGET = 256 * 1024,      /* bytes taken in one turn, so that others get theirs */
        UNSENT_MAX = 128 * 1024,       /* that the kernel takes before it has sent what it has: the queue is here */
        LINGER_USEC = 5 * 1000 * 1000, /* for the peer to take what is queued when we close */
};

enum channel_state {
        CHANNEL_CONNECTING,
        CHANNEL_HANDSHAKE,
        CHANNEL_OPEN,
        CHANNEL_CLOSING,
        CHANNEL_CLOSED,
};

struct buffer {
        uint8_t *data;
        size_t start, end, capacity;
};

struct channel {
        enum channel_state state;
        int fd;
        SSL *ssl;
        sd_event *event;
        sd_event_source *io, *work, *timer;
        uint32_t events;
        bool paused, inside, full, awaits_room, peer_ended;
        size_t frame_length_max;
        uint64_t silence_usec, last_received;
        struct buffer input, output;
        struct channel_budget *budget;
        size_t counted; /* in it */
        int error;
        char *sentence; /* why it ends; there is none for as long as it lives, and NULL is "out of memory" */
        const struct channel_handlers *handlers;
        void *userdata;
};

void channel_keep_buffers(void)
{
        (void) mallopt(M_MMAP_THRESHOLD, HEAP_KEEP / 4);
        (void) mallopt(M_TRIM_THRESHOLD, HEAP_KEEP);
}

static uint64_t now_usec(struct channel *c)
{
        uint64_t now = 0;

        (void) sd_event_now(c->event, CLOCK_BOOTTIME, &now);
        return now;
}

/* Have run() called in this turn of the loop. */
static void wake(struct channel *c)
{
        (void) sd_event_source_set_enabled(c->work, SD_EVENT_ONESHOT);
}

static void finish(struct channel *c)
{
        if (c->state == CHANNEL_CLOSED)
                return;
        c->state = CHANNEL_CLOSED;
        c->io = sd_event_source_disable_unref(c->io);
        c->timer = sd_event_source_disable_unref(c->timer);
        wake(c); /* closed() is called from the loop */
}

static void set_reason(struct channel *c, int error, const char *format, va_list arguments)
{
        c->error = error;
        free(c->sentence);
        if (vasprintf(&c->sentence, format, arguments) < 0)
                c->sentence = NULL;
}

/* The connection is of no use any more: nothing that is queued can leave. */
static void __attribute__((format(printf, 3, 4))) fail(struct channel *c, int error, const char *format, ...)
{
        va_list arguments;

        if (c->state < CHANNEL_CLOSING) {
                va_start(arguments, format);
                set_reason(c, error, format, arguments);
                va_end(arguments);
        }
        finish(c);
}

/* Edge-triggered, since run() always goes on until the socket has no more: else the loop would be told of every ready
 * socket again for each one that it serves, which grows with the square of their number. */
static void set_events(struct channel *c, uint32_t events)
{
        if (!c->io || events == c->events)
                return;
        c->events = events;
        (void) sd_event_source_set_io_events(c->io, events | EPOLLET);
}

/* What an SSL call that did not succeed means. Returns 1 if it has to be repeated when the socket is ready. */
static int want(struct channel *c, int result, uint32_t *events)
{
        int saved = errno;
        int error = SSL_get_error(c->ssl, result);

        switch (error) {
        case SSL_ERROR_WANT_READ:
                *events |= EPOLLIN;
                return 1;
        case SSL_ERROR_WANT_WRITE:
                *events |= EPOLLOUT;
                return 1;
        case SSL_ERROR_ZERO_RETURN:
                c->peer_ended = true;
                if (c->state == CHANNEL_HANDSHAKE)
                        fail(c, -ECONNRESET, "The other side closed the connection during the TLS handshake.");
                else
                        fail(c, 0, "The other side closed the link.");
                return 0;
        case SSL_ERROR_SYSCALL:
                fail(c, saved ? -saved : -ECONNRESET, "The connection broke: %s.",
                     saved ? strerror(saved) : "the other side is gone");
                return 0;
        default: {
                const char *reason = ERR_reason_error_string(ERR_peek_last_error());

                fail(c, -EPROTO, "TLS failed: %s.", reason ? reason : "no reason given");
                return 0;
        }
        }
}

static int buffer_reserve(struct buffer *b, size_t size)
{
        if (b->start > 0) {
                memmove(b->data, b->data + b->start, b->end - b->start);
                b->end -= b->start;
                b->start = 0;
        }
        if (b->capacity >= size)
                return 0;
        uint8_t *data = realloc(b->data, size);

        if (!data)
                return -ENOMEM;
        b->data = data;
        b->capacity = size;
        return 0;
}

/* What is in it and was not handed out yet. */
static struct bytes buffer_bytes(const struct buffer *b)
{
        return b->data ? BYTES(b->data + b->start, b->end - b->start) : BYTES(NULL, 0);
}

/* Keeps the budget up to date. */
static void account(struct channel *c)
{
        size_t now = channel_memory(c);

        if (!c->budget || now == c->counted)
                return;
        c->budget->used += now - c->counted;
        c->counted = now;
        c->budget->changed(c->budget->userdata);
}

static void buffer_release(struct buffer *b)
{
        free(b->data);
        *b = (struct buffer){ 0 };
}

/* Hands out the frames that are whole. Returns the size that the next one needs at least, 0 if there is nothing more to
 * do now. */
static size_t deliver(struct channel *c)
{
        struct frame frame;
        size_t size;

        for (;;) {
                if (c->state != CHANNEL_OPEN || c->paused)
                        return 0;
                int r = frame_parse(buffer_bytes(&c->input), c->frame_length_max, &frame, &size);

                if (r == 0)
                        return size;
                if (r < 0) {
                        fail(c, r,
                             r == -EMSGSIZE ? "The other side sent a frame that is larger than allowed."
                                            : "The other side sent a frame that is malformed.");
                        return 0;
                }
                c->input.start += size;
                c->last_received = now_usec(c);
                c->handlers->received(c, c->userdata, &frame);
        }
}

static void read_input(struct channel *c, uint32_t *events)
{
        struct buffer *b = &c->input;
        size_t budget = READ_BUDGET;

        for (;;) {
                size_t needed = deliver(c), got = 0;

                if (needed == 0)
                        break;
                if (budget == 0) {
                        wake(c);
                        break;
                }
                size_t held = b->end - b->start;
                size_t size = held < INPUT_STEP ? 2 * INPUT_STEP : 2 * held;

                if (size > needed + INPUT_STEP)
                        size = needed + INPUT_STEP;
                if (buffer_reserve(b, size) < 0) {
                        fail(c, -ENOMEM, "There is not enough memory for a frame.");
                        break;
                }
                ERR_clear_error();
                errno = 0;
                int r = SSL_read_ex(c->ssl, b->data + b->end, b->capacity - b->end, &got);

                if (r != 1) {
                        (void) want(c, r, events);
                        break;
                }
                b->end += got;
                budget -= got < budget ? got : budget;
        }
        if (b->start == b->end)
                buffer_release(b);
}

static void write_output(struct channel *c, uint32_t *events)
{
        struct buffer *b = &c->output;

        while (b->start < b->end) {
                size_t written = 0;

                ERR_clear_error();
                errno = 0;
                int r = SSL_write_ex(c->ssl, b->data + b->start, b->end - b->start, &written);

                if (r != 1) {
                        (void) want(c, r, events);
                        break;
                }
                b->start += written;
        }
        if (b->start == b->end)
                buffer_release(b);
}

static void finish_connect(struct channel *c)
{
        socklen_t size = sizeof(int);
        int error = 0;

        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error != 0) {
                fail(c, -error, "The hub cannot be reached: %s. See whether the network and the hub are up.",
                     strerror(error));
                return;
        }
        c->state = CHANNEL_HANDSHAKE;
}

static void handshake(struct channel *c, uint32_t *events)
{
        ERR_clear_error();
        errno = 0;
        int r = SSL_do_handshake(c->ssl);

        if (r != 1) {
                (void) want(c, r, events);
                return;
        }
        if (!tls_alpn_agreed(c->ssl)) {
                fail(c, -EPROTONOSUPPORT, "The other side does not speak visavis/1.");
                return;
        }
        c->state = CHANNEL_OPEN;
        c->last_received = now_usec(c);
        c->handlers->opened(c, c->userdata);
}

static void run(struct channel *c, uint32_t revents)
{
        uint32_t events = 0;

        c->inside = true;
        if (c->state == CHANNEL_CONNECTING) {
                if (revents != 0)
                        finish_connect(c);
                else
                        events = EPOLLOUT;
        }
        if (c->state == CHANNEL_HANDSHAKE)
                handshake(c, &events);
        if (c->state == CHANNEL_OPEN && !c->paused) {
                events |= EPOLLIN;
                read_input(c, &events);
        }
        if (c->state == CHANNEL_OPEN || c->state == CHANNEL_CLOSING)
                write_output(c, &events);
        if (c->state == CHANNEL_CLOSING && channel_queued(c) == 0) {
                (void) SSL_shutdown(c->ssl);
                finish(c);
        }
        if (c->state == CHANNEL_OPEN && c->full && channel_queued(c) < CHANNEL_OUTPUT_HIGH) {
                c->full = false;
                if (c->handlers->drained)
                        c->handlers->drained(c, c->userdata);
                if (channel_queued(c) > 0 && !(events & EPOLLOUT))
                        wake(c);
        }
        if (c->state == CHANNEL_OPEN && c->awaits_room && channel_has_room(c)) {
                c->awaits_room = false;
                c->handlers->room(c, c->userdata);
                if (channel_queued(c) > 0 && !(events & EPOLLOUT))
                        wake(c);
        }
        set_events(c, events);
        account(c);
        c->inside = false;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct channel *c = userdata;

        /* epoll reports these even when nothing is waited for; a paused channel would never get to see the end by
         * reading. */
        if (c->state == CHANNEL_OPEN && c->paused && (revents & (EPOLLERR | EPOLLHUP)))
                fail(c, -ECONNRESET, "The other side is gone.");
        else
                run(c, revents);
        return 0;
}

static int on_work(sd_event_source *source, void *userdata)
{
        struct channel *c = userdata;

        if (c->state == CHANNEL_CLOSED)
                c->handlers->closed(c, c->userdata, c->error, c->sentence ? c->sentence : "Memory is exhausted.");
        else
                run(c, 0);
        return 0;
}

static void arm_timer(struct channel *c)
{
        uint64_t since = c->last_received;

        (void) sd_event_source_set_time(c->timer, since + c->silence_usec);
        (void) sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct channel *c = userdata;

        if (c->state == CHANNEL_CLOSING)
                finish(c);
        else if (now_usec(c) < c->last_received + c->silence_usec)
                arm_timer(c);
        else if (c->state == CHANNEL_OPEN)
                fail(c, -ETIMEDOUT, "The other side has been silent for too long.");
        else
                fail(c, -ETIMEDOUT, "The other side did not finish the handshake in time.");
        return 0;
}

int channel_new(sd_event *event, int fd, SSL *ssl, bool connecting, uint64_t patience_usec,
                const struct channel_handlers *handlers, void *userdata, struct channel **out)
{
        struct channel *c = calloc(1, sizeof(*c));
        int unsent = UNSENT_MAX, r;

        if (!c) {
                SSL_free(ssl);
                close(fd);
                return -ENOMEM;
        }
        *c = (struct channel){
                .state = connecting ? CHANNEL_CONNECTING : CHANNEL_HANDSHAKE,
                .fd = fd,
                .ssl = ssl,
                .event = sd_event_ref(event),
                .events = connecting ? EPOLLOUT : EPOLLIN | EPOLLOUT,
                .frame_length_max = FRAME_LENGTH_MAX_UNPROVEN,
                .silence_usec = patience_usec,
                .handlers = handlers,
                .userdata = userdata,
        };
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
        c->last_received = now_usec(c);
        r = sd_event_add_io(event, &c->io, fd, c->events | EPOLLET, on_io, c);
        if (r >= 0)
                r = sd_event_add_defer(event, &c->work, on_work, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->work, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &c->timer, CLOCK_BOOTTIME, c->last_received + patience_usec, 100 * 1000,
                                      on_timer, c);
        if (r < 0) {
                channel_free(c);
                return r;
        }
        *out = c;
        return 0;
}

struct channel *channel_free(struct channel *c)
{
        if (!c)
                return NULL;
        assert(!c->inside);
        if (c->state == CHANNEL_OPEN) {
                uint32_t events = 0;

                write_output(c, &events); /* a last word, if the socket takes it */
                if (c->state == CHANNEL_OPEN)
                        (void) SSL_shutdown(c->ssl);
        }
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->work);
        sd_event_source_disable_unref(c->timer);
        SSL_free(c->ssl);
        close(c->fd);
        buffer_release(&c->input);
        buffer_release(&c->output);
        account(c);
        sd_event_unref(c->event);
        free(c->sentence);
        free(c);
        return NULL;
}

/* An answer takes little; who gets more than that, mostly gets much more at once. */
static size_t output_capacity(size_t wanted)
{
        if (wanted <= OUTPUT_SMALL)
                return OUTPUT_SMALL;
        if (wanted <= OUTPUT_STEP / 2)
                return OUTPUT_STEP;
        return wanted + (wanted < OUTPUT_SPARE ? wanted : OUTPUT_SPARE);
}

/* Room for @size more bytes. What has left is dropped once it is the larger part, so that the queue's memory is bounded
 * by its content. */
static int make_room(struct buffer *b, size_t size)
{
        size_t held = b->end - b->start, wanted = held + size;

        if (b->capacity - b->end >= size)
                return 0;
        return buffer_reserve(b, wanted <= b->capacity && b->start >= held ? wanted : output_capacity(wanted));
}

static void put(struct buffer *b, struct bytes bytes)
{
        if (bytes.size > 0)
                memcpy(b->data + b->end, bytes.data, bytes.size);
        b->end += bytes.size;
}

void channel_send_parts(struct channel *c, uint8_t type, uint32_t request, struct bytes head, struct bytes rest)
{
        uint8_t header[FRAME_HEADER_SIZE];

        if (c->state != CHANNEL_OPEN)
                return;
        if (make_room(&c->output, sizeof(header) + head.size + rest.size) < 0) {
                fail(c, -ENOMEM, "There is not enough memory for the output queue.");
                return;
        }
        frame_header(type, request, head.size + rest.size, header);
        put(&c->output, BYTES_OF(header));
        put(&c->output, head);
        put(&c->output, rest);
        if (channel_queued(c) > CHANNEL_OUTPUT_MAX)
                fail(c, -ENOBUFS, "The other side does not read.");
        if (channel_queued(c) >= CHANNEL_OUTPUT_HIGH)
                c->full = true;
        account(c);
        if (!c->inside)
                wake(c);
}

void channel_send(struct channel *c, uint8_t type, uint32_t request, struct bytes body)
{
        channel_send_parts(c, type, request, body, BYTES(NULL, 0));
}

void channel_set_budget(struct channel *c, struct channel_budget *budget)
{
        c->budget = budget;
        account(c);
}

size_t channel_memory(const struct channel *c)
{
        return c->input.capacity + c->output.capacity;
}

size_t channel_queued(const struct channel *c)
{
        return c->output.end - c->output.start;
}

bool channel_has_room(const struct channel *c)
{
        return channel_queued(c) < CHANNEL_ROOM;
}

void channel_await_room(struct channel *c)
{
        c->awaits_room = true;
        if (!c->inside && channel_has_room(c))
                wake(c);
}

void channel_pause(struct channel *c, bool paused)
{
        if (c->paused == paused)
                return;
        c->paused = paused;
        wake(c);
}

void channel_set_limits(struct channel *c, size_t frame_length_max, uint64_t silence_usec)
{
        assert(frame_length_max <= FRAME_LENGTH_MAX);
        c->frame_length_max = frame_length_max;
        c->silence_usec = silence_usec;
        if (c->state < CHANNEL_CLOSING)
                arm_timer(c);
}

uint64_t channel_last_received(const struct channel *c)
{
        return c->last_received;
}

void channel_close(struct channel *c, int error, const char *format, ...)
{
        va_list arguments;

        if (c->state >= CHANNEL_CLOSING)
                return;
        va_start(arguments, format);
        set_reason(c, error, format, arguments);
        va_end(arguments);
        if (c->state != CHANNEL_OPEN) {
                finish(c);
                return;
        }
        c->state = CHANNEL_CLOSING;
        (void) sd_event_source_set_time(c->timer, now_usec(c) + LINGER_USEC);
        (void) sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
        wake(c);
}

bool channel_is_open(const struct channel *c)
{
        return c->state == CHANNEL_OPEN;
}

SSL *channel_ssl(struct channel *c)
{
        return c->ssl;
}

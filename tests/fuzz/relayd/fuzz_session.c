/* The hub's state machine: what the input says is a play of up to four links that send frames, well-formed or not, go
 * away, read or do not read, while the store answers as the input wants. The sessions, the hub and its limits are the
 * real ones; channel, committer and store are played here.
 *
 * What must hold whatever happens: a request has one answer and no answer is without a request; nothing but REGISTER
 * and a look-up reaches the store before a key was proved; entries come in order, and no more than the window; nothing
 * is said after the end. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "relayd/hub/committer.h"
#include "relayd/hub/hub.h"
#include "relayd/hub/identity.h"
#include "relayd/link/channel.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/secret.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINKS = 4, PEOPLE = 3, OPEN_MAX_HERE = 1024, TURNS_MAX = 64, ENTRY_SIZE = 32 };

/* The stage. */
static const char *const names[PEOPLE] = { "alice", "bob", "carol" };
static uint8_t public_keys[PEOPLE][TRANSPORT_KEY_SIZE];
static uint8_t proofs[PEOPLE][2][TRANSPORT_SIGNATURE_SIZE]; /* over no exporter, for there is no TLS to have one */
static SSL_CTX *context;

static struct play {
        sd_event *event;
        struct hub *hub;
        struct channel *links[LINKS];
        unsigned taking; /* the place that the next channel gets */
        bool registered[PEOPLE];
        uint64_t newest[PEOPLE];
        bool proven;  /* some link has been */
        uint8_t whim; /* what the store does next */
        struct store_request *const *batch;
        unsigned batch_count;
        void (*done)(void *userdata);
        void *userdata;
} play;

/* The channel. */
struct channel {
        const struct channel_handlers *handlers;
        void *userdata;
        int fd;
        SSL *ssl;
        sd_event_source *work;
        bool paused, full, awaits_room, closing, over;
        int error;
        size_t queued, limit;
        uint32_t open[OPEN_MAX_HERE]; /* requests that have no answer */
        unsigned open_count;
        bool fetching;
        uint64_t last, pushed, window, acknowledged;
};

static void wake(struct channel *c)
{
        (void) sd_event_source_set_enabled(c->work, SD_EVENT_ONESHOT);
}

static int on_work(sd_event_source *source, void *userdata)
{
        struct channel *c = userdata;

        if (c->closing) {
                c->over = true;
                for (unsigned i = 0; i < LINKS; i++)
                        play.links[i] = play.links[i] == c ? NULL : play.links[i];
                c->handlers->closed(c, c->userdata, c->error, "over");
        } else if (c->awaits_room && channel_has_room(c)) {
                c->awaits_room = false;
                c->handlers->room(c, c->userdata);
        }
        return 0;
}

int channel_new(sd_event *event, int fd, SSL *ssl, bool connecting, uint64_t patience_usec,
                const struct channel_handlers *handlers, void *userdata, struct channel **out)
{
        struct channel *c = calloc(1, sizeof(*c));

        assert(c && !connecting);
        *c = (struct channel){ .handlers = handlers, .userdata = userdata, .fd = fd, .ssl = ssl };
        c->limit = FRAME_LENGTH_MAX_UNPROVEN;
        assert(sd_event_add_defer(event, &c->work, on_work, c) >= 0);
        (void) sd_event_source_set_enabled(c->work, SD_EVENT_OFF);
        assert(!play.links[play.taking]);
        play.links[play.taking] = c;
        *out = c;
        return 0;
}

struct channel *channel_free(struct channel *c)
{
        for (unsigned i = 0; i < LINKS; i++)
                play.links[i] = play.links[i] == c ? NULL : play.links[i];
        sd_event_source_disable_unref(c->work);
        SSL_free(c->ssl);
        close(c->fd);
        free(c);
        return NULL;
}

static void answered(struct channel *c, uint32_t request)
{
        for (unsigned i = 0; i < c->open_count; i++) {
                if (c->open[i] == request) {
                        c->open[i] = c->open[--c->open_count];
                        return;
                }
        }
        assert(!"an answer to nothing");
}

static void check_entry(struct channel *c, struct bytes body)
{
        struct entry e;

        assert(c->fetching && read_entry(body, &e) >= 0);
        assert(e.sequence > c->last);
        c->last = e.sequence;
        assert(++c->pushed <= c->window);
}

void channel_send_parts(struct channel *c, uint8_t type, uint32_t request, struct bytes head, struct bytes rest)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct wire_failure failure;

        assert(!c->over);
        if (c->closing)
                return;
        write_fixed(&body, head);
        write_fixed(&body, rest);
        if (type == FRAME_ERROR || type == FRAME_GOING_AWAY)
                assert(read_failure(writer_bytes(&body), &failure) >= 0);
        if (type == FRAME_ENTRY)
                check_entry(c, writer_bytes(&body));
        if (type & FRAME_ANSWER && !(type == FRAME_ERROR && request == 0))
                answered(c, request);
        else
                assert(request == 0);
        if (type == (FRAME_AUTHENTICATE | FRAME_ANSWER))
                play.proven = true;
        c->queued += FRAME_HEADER_SIZE + body.size;
        c->full = c->full || c->queued >= CHANNEL_OUTPUT_HIGH;
}

void channel_send(struct channel *c, uint8_t type, uint32_t request, struct bytes body)
{
        channel_send_parts(c, type, request, body, BYTES(NULL, 0));
}

size_t channel_queued(const struct channel *c)
{
        return c->queued;
}

bool channel_has_room(const struct channel *c)
{
        return c->queued < CHANNEL_ROOM;
}

void channel_await_room(struct channel *c)
{
        c->awaits_room = true;
        if (channel_has_room(c))
                wake(c);
}

void channel_set_budget(struct channel *c, struct channel_budget *budget)
{
}

size_t channel_memory(const struct channel *c)
{
        return c->queued;
}

void channel_pause(struct channel *c, bool paused)
{
        c->paused = paused;
}

void channel_set_limits(struct channel *c, size_t frame_length_max, uint64_t silence_usec)
{
        c->limit = frame_length_max;
}

void channel_close(struct channel *c, int error, const char *format, ...)
{
        c->closing = true;
        c->error = error;
        wake(c);
}

SSL *channel_ssl(struct channel *c)
{
        return c->ssl;
}

/* The committer, whose batch is over when the input says so. */
struct committer {
        unsigned unused;
};

int committer_new(sd_event *event, struct store *store, void (*done)(void *userdata), void *userdata,
                  struct committer **out)
{
        play.done = done;
        play.userdata = userdata;
        *out = calloc(1, sizeof(**out));
        return *out ? 0 : -ENOMEM;
}

struct committer *committer_free(struct committer *c)
{
        free(c);
        return NULL;
}

void committer_run(struct committer *c, struct store_request *const *requests, unsigned count)
{
        assert(!play.batch && count > 0);
        play.batch = requests;
        play.batch_count = count;
}

bool committer_is_busy(const struct committer *c)
{
        return play.batch != NULL;
}

struct committer_figures committer_figures(const struct committer *c)
{
        return (struct committer_figures){ 0 };
}

/* The store: three people, whose mailboxes are counts. */
static int person(struct bytes name)
{
        for (int i = 0; i < PEOPLE; i++)
                if (bytes_equal(name, BYTES_STRING(names[i])))
                        return i;
        return -1;
}

static void send_to_all(struct store_request *r)
{
        struct reader reader;
        struct bytes name;

        r->receipts = calloc(r->send.recipient_count + 1, sizeof(*r->receipts));
        assert(r->receipts);
        reader_init(&reader, r->send.recipients);
        while (recipient_next(&reader, &name)) {
                int p = person(name);

                if (p < 0 || !play.registered[p]) {
                        r->receipt_count = 0;
                        r->result = STORE_UNKNOWN;
                        return;
                }
                r->receipts[r->receipt_count++] = (struct store_receipt){ p + 1, play.newest[p] + 1 };
        }
        for (unsigned i = 0; i < r->receipt_count; i++) /* the same number for one who is named twice, as there */
                play.newest[r->receipts[i].mailbox - 1] = r->receipts[i].sequence;
}

/* All are in the room. What they get is what the hub says of the step. */
static void say_to_all(struct store_request *r)
{
        struct room_entry entry;

        assert(bytes_equal(r->room.room, BYTES_STRING("general")));
        assert(read_room_entry(r->send.payload, &entry) >= 0 && entry.step == r->room.step &&
               bytes_equal(entry.payload, r->room.payload));
        if (entry.step == ROOM_JOIN)
                assert(person(entry.sender) + 1 == r->mailbox);
        r->receipts = calloc(PEOPLE, sizeof(*r->receipts));
        r->package = calloc(1, 1);
        assert(r->receipts && r->package);
        r->package_size = 1;
        for (int p = 0; p < PEOPLE; p++) {
                if (play.registered[p] && p + 1 != r->mailbox)
                        r->receipts[r->receipt_count++] = (struct store_receipt){ p + 1, ++play.newest[p] };
        }
}

static void look_up(struct store_request *r)
{
        int p = person(r->name);

        if (p < 0 || !play.registered[p]) {
                r->result = STORE_UNKNOWN;
                return;
        }
        r->mailbox = p + 1;
        r->sequence = play.newest[p];
        memcpy(r->transport_key, public_keys[p], sizeof(r->transport_key));
}

static void run_one(struct store_request *r)
{
        int p = person(r->name);

        assert(play.proven || r->operation == STORE_REGISTER || r->operation == STORE_LOOK_UP ||
               r->operation == STORE_EXPIRE);
        r->result = STORE_DONE;
        switch (r->operation) {
        case STORE_REGISTER:
                if (p >= 0 && memcmp(r->transport_key, public_keys[p], sizeof(r->transport_key)) == 0)
                        play.registered[p] = true;
                else
                        r->result = STORE_EXISTS;
                break;
        case STORE_CLAIM:
                look_up(r);
                r->key_packages = play.whim;
                r->package = r->result == STORE_DONE ? calloc(1, 8) : NULL;
                r->package_size = r->package ? 8 : 0;
                break;
        case STORE_LOOK_UP:
                look_up(r);
                break;
        case STORE_SEND:
                send_to_all(r);
                break;
        case STORE_SEND_TO_ROOM:
                say_to_all(r);
                break;
        case STORE_LIST_ROOMS:
        case STORE_FETCH_ROOM:
                assert(r->name.size > 0);
                r->package = calloc(1, ENTRY_SIZE);
                r->package_size = ENTRY_SIZE;
                assert(r->package);
                break;
        case STORE_DELETE:
                look_up(r);
                if (r->result == STORE_DONE)
                        play.registered[p] = false;
                break;
        case STORE_HAVE_CHUNKS:
                r->there = calloc(1, r->chunk_names.size + 1);
                assert(r->there);
                break;
        default:
                break;
        }
}

static void end_batch(uint8_t whim)
{
        struct store_request *const *batch = play.batch;

        if (!batch)
                return;
        play.whim = whim;
        for (unsigned i = 0; i < play.batch_count; i++) {
                struct store_request *r = batch[i];

                if (whim & 0x80)
                        r->result = STORE_FAILED;
                else if ((whim & 0x0f) == 0x0f && r->operation != STORE_LOOK_UP)
                        r->result = STORE_STALE + (whim >> 4) % 3;
                else
                        run_one(r);
        }
        play.batch = NULL;
        play.done(play.userdata);
}

void store_request_release(struct store_request *r)
{
        free(r->package);
        free(r->receipts);
        free(r->there);
}

void store_set_limits(struct store *s, const struct store_limits *limits)
{
}

int store_fetch(struct store *s, int64_t mailbox, uint64_t after, unsigned count,
                bool (*each)(void *userdata, uint64_t sequence, struct bytes payload), void *userdata)
{
        static const uint8_t payload[ENTRY_SIZE];

        assert(mailbox >= 1 && mailbox <= PEOPLE && count > 0);
        for (uint64_t i = after; i < play.newest[mailbox - 1] && count > 0; count--)
                if (!each(userdata, ++i, BYTES_OF(payload)))
                        break;
        return play.whim == 0x7f ? -EIO : 0;
}

int store_read_chunk(struct store *s, const uint8_t name[static CHUNK_NAME_SIZE],
                     void (*each)(void *userdata, struct bytes content), void *userdata)
{
        static const uint8_t content[CHUNK_SIZE_MIN];

        if (name[0] & 1)
                return -ENOENT;
        each(userdata, BYTES_OF(content));
        return 0;
}

/* The links. */
static void turn(void)
{
        for (unsigned i = 0; i < TURNS_MAX && sd_event_run(play.event, 0) > 0; i++)
                continue;
}

static void note_request(struct channel *c, const struct frame *f)
{
        struct fetch fetch;
        uint64_t sequence;

        if (c->open_count < OPEN_MAX_HERE)
                c->open[c->open_count++] = f->request;
        if (f->type == FRAME_FETCH && read_fetch(f->body, &fetch) >= 0) {
                c->fetching = true;
                c->last = fetch.after;
                c->window = fetch.window;
                c->pushed = 0;
        }
        if (f->type == FRAME_ACK && read_ack(f->body, &sequence) >= 0)
                c->window += WIRE_WINDOW_MAX; /* at most; the session counts exactly */
}

static void say(struct channel *c, uint8_t type, uint32_t request, struct bytes body)
{
        const struct frame f = { type, request, body };

        if (!c || c->paused || c->closing || FRAME_LENGTH_MIN + body.size > c->limit || c->open_count == OPEN_MAX_HERE)
                return;
        note_request(c, &f);
        c->handlers->received(c, c->userdata, &f);
}

static void say_hello(struct channel *c, uint32_t request)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_hello(&w, &(struct hello){ .versions = { WIRE_VERSION }, .version_count = 1 });
        say(c, FRAME_HELLO, request, writer_bytes(&w));
}

static void say_register(struct channel *c, uint32_t request, unsigned p)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct registration m = { .name = BYTES_STRING(names[p]) };

        memcpy(m.transport_key, public_keys[p], sizeof(m.transport_key));
        memcpy(m.signature, proofs[p][TRANSPORT_REGISTER], sizeof(m.signature));
        write_registration(&w, &m);
        say(c, FRAME_REGISTER, request, writer_bytes(&w));
}

static void say_authenticate(struct channel *c, uint32_t request, unsigned p)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct authentication m = { .name = BYTES_STRING(names[p]) };

        memcpy(m.signature, proofs[p][TRANSPORT_AUTHENTICATE], sizeof(m.signature));
        write_authentication(&w, &m);
        say(c, FRAME_AUTHENTICATE, request, writer_bytes(&w));
}

static void say_send(struct channel *c, uint32_t request, unsigned p, struct bytes payload)
{
        _cleanup_writer_ struct writer w = WRITER_INIT, to = WRITER_INIT;
        struct send m = { .recipient_count = 1, .payload = payload };

        write_recipient(&to, BYTES_STRING(names[p]));
        m.recipients = writer_bytes(&to);
        write_send(&w, &m);
        say(c, FRAME_SEND, request, writer_bytes(&w));
}

static void say_room(struct channel *c, uint32_t request, uint8_t step)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct room_post m = { .room = BYTES_STRING(step & 4 ? "lounge" : "general"),
                               .group = BYTES_STRING("g"),
                               .step = (enum room_step)(step % 4),
                               .payload = BYTES_STRING("x") };

        if (m.step >= ROOM_COMMIT)
                m.group_info = BYTES_STRING("info");
        write_room_post(&w, &m);
        say(c, FRAME_SEND_TO_ROOM, request, writer_bytes(&w));
}

static void say_fetch(struct channel *c, uint32_t request, uint8_t after, uint8_t window)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_fetch(&w, &(struct fetch){ after, window ? window : 1 });
        say(c, FRAME_FETCH, request, writer_bytes(&w));
}

static void take_output(struct channel *c)
{
        if (!c || c->closing)
                return;
        c->queued = 0;
        if (c->full) {
                c->full = false;
                c->handlers->drained(c, c->userdata);
        }
        wake(c);
}

static void connect_one(const struct sockaddr_un *address, socklen_t size, unsigned place, int *peers)
{
        if (play.links[place] || peers[place] >= 0)
                return;
        play.taking = place;
        peers[place] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert(peers[place] >= 0);
        if (connect(peers[place], (const struct sockaddr *) address, size) < 0) {
                assert(errno == EAGAIN); /* the hub takes nobody for a while, and its queue is full */
                close(peers[place]);
                peers[place] = -1;
        }
        turn();
}

static void act(struct reader *r, const struct sockaddr_un *address, socklen_t size, int *peers)
{
        uint8_t what = read_u8(r), detail = read_u8(r);
        unsigned place = detail % LINKS, p = (detail >> 2) % PEOPLE;
        uint32_t request = detail >> 4;
        struct channel *c = play.links[place];

        switch (what % 12) {
        case 0:
                connect_one(address, size, place, peers);
                break;
        case 1:
                say_hello(c, request);
                break;
        case 2:
                say_register(c, request, p);
                break;
        case 3:
                say_authenticate(c, request, p);
                break;
        case 4:
                say_send(c, request, p, BYTES(&what, 1));
                break;
        case 5:
                say_fetch(c, request, what / 12, detail);
                break;
        case 7:
                say_room(c, request, what / 12);
                break;
        case 6: {
                uint8_t type = read_u8(r);
                struct bytes body = read_fixed(r, read_u8(r));

                say(c, type, request, body);
                break;
        }
        case 8:
                end_batch(detail);
                break;
        case 9:
                take_output(c);
                break;
        case 10:
                if (c && !c->closing)
                        channel_close(c, 0, "the peer is gone");
                break;
        case 11:
                if (c)
                        c->queued += 100 * 1024; /* it does not read */
                break;
        }
        turn();
        if (!play.links[place] && peers[place] >= 0) {
                close(peers[place]);
                peers[place] = -1;
        }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct identity identity;
        char directory[] = "/tmp/visavis-fuzz-XXXXXX";
        _cleanup_free_ char *path = NULL;

        log_open("fuzz", LOG_EMERG);
        assert(mkdtemp(directory) && asprintf(&path, "%s/hub.key", directory) > 0);
        assert(identity_open(path, &identity) >= 0);
        assert(tls_hub_context(identity.key, identity.certificate, &context) >= 0);
        identity_release(&identity);
        (void) unlink(path);
        (void) rmdir(directory);
        for (unsigned i = 0; i < PEOPLE; i++) {
                static const uint8_t no_exporter[TRANSPORT_EXPORTER_SIZE];
                uint8_t seed[TRANSPORT_KEY_SIZE] = { (uint8_t) (i + 1) };
                _cleanup_secret_ struct secret *key = secret_copy(BYTES_OF(seed));

                assert(transport_key_public(key, public_keys[i]) >= 0);
                for (int purpose = TRANSPORT_REGISTER; purpose <= TRANSPORT_AUTHENTICATE; purpose++)
                        assert(transport_key_prove(key, (enum transport_purpose) purpose, no_exporter,
                                                   BYTES_STRING(names[i]), proofs[i][purpose]) >= 0);
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct hub_settings settings = { .connections_max = LINKS,
                                                      .payload_max = 1024,
                                                      .key_packages_low = 3,
                                                      .reserved_names = "",
                                                      .rooms = "general",
                                                      .handshake_usec = 1000000,
                                                      .idle_usec = 1000000 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t length = sizeof(address);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
            peers[LINKS] = { -1, -1, -1, -1 };
        struct reader r;

        play = (struct play){ 0 };
        /* A name that the kernel chooses. */
        assert(listener >= 0 && bind(listener, (struct sockaddr *) &address, sizeof(sa_family_t)) == 0 &&
               listen(listener, LINKS) == 0 && getsockname(listener, (struct sockaddr *) &address, &length) == 0);
        assert(sd_event_new(&play.event) >= 0);
        assert(hub_new(play.event, NULL, context, NULL, &settings, &play.hub) >= 0);
        assert(hub_listen(play.hub, listener) >= 0);
        reader_init(&r, BYTES(data, size));
        while (reader_more(&r))
                act(&r, &address, length, peers);
        play.hub = hub_free(play.hub);
        for (unsigned i = 0; i < LINKS; i++) {
                assert(!play.links[i]);
                if (peers[i] >= 0)
                        close(peers[i]);
        }
        sd_event_unref(play.event);
        return 0;
}

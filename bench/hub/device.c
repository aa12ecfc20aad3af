/* See device.h. */
#include "bench/hub/device.h"

#include <endian.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/stopwatch.h"
#include "relayd/link/channel.h"
#include "relayd/link/tls.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { PATIENCE_USEC = 120 * 1000 * 1000 };

struct device {
        struct fleet *fleet;
        struct channel *channel;
        SSL_SESSION *session;
        struct tls_pin pin;
        char name[WIRE_NAME_MAX + 1];
        bool fetching;
        uint32_t request;
        uint64_t sent, stored;
        uint64_t seen, acknowledged;
        bool answered;         /* since on_stored() */
        sd_event_source *turn; /* the end of a turn of the loop */
};

void fleet_open(struct fleet *f)
{
        f->key = secret_random(TRANSPORT_KEY_SIZE);
        if (!f->key || transport_key_public(f->key, f->public_key) < 0 || sd_event_new(&f->event) < 0 ||
            tls_client_context(&f->context) < 0)
                errx(1, "out of memory");
}

void fleet_close(struct fleet *f)
{
        SSL_CTX_free(f->context);
        sd_event_unref(f->event);
        secret_free(f->key);
}

void fleet_aim(struct fleet *f, uint16_t port)
{
        f->hub = (struct sockaddr_in){ .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                       .sin_port = htons(port) };
}

void fleet_turn(struct fleet *f, uint64_t usec)
{
        if (sd_event_run(f->event, usec) < 0)
                errx(1, "the event loop failed");
}

void fleet_wait(struct fleet *f, unsigned up)
{
        while (f->up < up)
                fleet_turn(f, UINT64_MAX);
}

void fleet_rest(struct fleet *f, double seconds)
{
        uint64_t end = now_ns() + (uint64_t) (seconds * 1e9);

        while (now_ns() < end)
                fleet_turn(f, 1000);
}

void order_id(uint64_t number, uint8_t id[static WIRE_MESSAGE_ID_SIZE])
{
        number = htobe64(number);
        memcpy(id, &number, sizeof(number));
        random_fill(id + sizeof(number), WIRE_MESSAGE_ID_SIZE - sizeof(number));
}

static void request(struct device *d, uint8_t type, const struct writer *body)
{
        if (writer_finish(body) < 0)
                errx(1, "out of memory");
        channel_send(d->channel, type, ++d->request, writer_bytes(body));
}

static void authenticate(struct device *d)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct authentication m = { .name = BYTES_STRING(d->name) };
        uint8_t exporter[TLS_EXPORTER_SIZE];

        if (tls_exporter(channel_ssl(d->channel), exporter) < 0 ||
            transport_key_prove(d->fleet->key, TRANSPORT_AUTHENTICATE, exporter, m.name, m.signature) < 0)
                errx(1, "%s cannot prove its key", d->name);
        write_authentication(&body, &m);
        request(d, FRAME_AUTHENTICATE, &body);
}

static void come_up(struct device *d)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct fleet *f = d->fleet;

        channel_set_limits(d->channel, FRAME_LENGTH_MAX, PATIENCE_USEC);
        if (d->fetching) {
                write_fetch(&body, &(struct fetch){ d->seen, WIRE_WINDOW_MAX });
                request(d, FRAME_FETCH, &body);
        }
        f->up++;
        f->resumed += SSL_session_reused(channel_ssl(d->channel));
        if (f->on_up)
                f->on_up(f->userdata);
}

static int on_turn(sd_event_source *source, void *userdata)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct device *d = userdata;
        bool answered = d->answered;

        if (d->seen > d->acknowledged) {
                write_ack(&body, d->seen);
                request(d, FRAME_ACK, &body);
                d->acknowledged = d->seen;
        }
        d->answered = false;
        if (answered && d->fleet->on_stored)
                d->fleet->on_stored(d->fleet->userdata, d);
        return 0;
}

static void on_entry(struct device *d, struct bytes body)
{
        struct entry e;

        if (read_entry(body, &e) < 0 || e.sequence <= d->seen)
                errx(1, "%s got an entry that is malformed or out of order", d->name);
        d->seen = e.sequence;
        if (d->fleet->on_entry)
                d->fleet->on_entry(d->fleet->userdata, e.payload);
}

static void refused(const struct device *d, struct bytes body)
{
        struct wire_failure m = { .sentence = { NULL, 0 } };

        (void) read_failure(body, &m);
        errx(1, "the hub refused %s: %.*s", d->name, (int) m.sentence.size, (const char *) m.sentence.data);
}

static void on_received(struct channel *c, void *userdata, const struct frame *f)
{
        struct device *d = userdata;

        switch (f->type) {
        case FRAME_HELLO | FRAME_ANSWER:
                authenticate(d);
                break;
        case FRAME_AUTHENTICATE | FRAME_ANSWER:
                come_up(d);
                break;
        case FRAME_SEND | FRAME_ANSWER:
                d->stored++;
                d->answered = true;
                (void) sd_event_source_set_enabled(d->turn, SD_EVENT_ONESHOT);
                break;
        case FRAME_ENTRY:
                on_entry(d, f->body);
                (void) sd_event_source_set_enabled(d->turn, SD_EVENT_ONESHOT);
                break;
        case FRAME_ERROR:
        case FRAME_GOING_AWAY:
                refused(d, f->body);
                break;
        default:
                break;
        }
}

static void on_opened(struct channel *c, void *userdata)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct device *d = userdata;

        write_hello(&body, &(struct hello){ .versions = { WIRE_VERSION }, .version_count = 1 });
        request(d, FRAME_HELLO, &body);
}

static void on_closed(struct channel *c, void *userdata, int error, const char *sentence)
{
        struct device *d = userdata;

        errx(1, "the link of %s ended: %s", d->name, sentence);
}

static const struct channel_handlers handlers = { .opened = on_opened, .received = on_received, .closed = on_closed };

struct device *device_new(struct fleet *f, const char *name)
{
        struct device *d = calloc(1, sizeof(*d));

        if (!d || sd_event_add_defer(f->event, &d->turn, on_turn, d) < 0 ||
            sd_event_source_set_enabled(d->turn, SD_EVENT_OFF) < 0 ||
            sd_event_source_set_priority(d->turn, SD_EVENT_PRIORITY_NORMAL + 10) < 0)
                errx(1, "out of memory");
        (void) snprintf(d->name, sizeof(d->name), "%s", name);
        d->fleet = f;
        d->pin.session = &d->session;
        return d;
}

void device_connect(struct device *d, bool fetching)
{
        struct fleet *f = d->fleet;
        SSL *ssl;
        int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        d->fetching = fetching;
        if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
            (connect(fd, (const struct sockaddr *) &f->hub, sizeof(f->hub)) < 0 && errno != EINPROGRESS))
                err(1, "no connection to the hub");
        if (tls_new(f->context, fd, &d->pin, &ssl) < 0 ||
            channel_new(f->event, fd, ssl, true, PATIENCE_USEC, &handlers, d, &d->channel) < 0)
                errx(1, "out of memory");
}

void device_disconnect(struct device *d)
{
        if (d->channel)
                d->fleet->up--;
        d->channel = channel_free(d->channel);
        d->request = 0;
}

struct device *device_free(struct device *d)
{
        if (!d)
                return NULL;
        device_disconnect(d);
        SSL_SESSION_free(d->session);
        sd_event_source_disable_unref(d->turn);
        free(d);
        return NULL;
}

void device_send(struct device *d, struct bytes recipients, unsigned count, struct bytes payload)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct send m = { .recipients = recipients, .recipient_count = count, .payload = payload };

        order_id(++d->sent, m.id);
        write_send(&body, &m);
        request(d, FRAME_SEND, &body);
}

uint64_t device_sent(const struct device *d)
{
        return d->sent;
}

uint64_t device_stored(const struct device *d)
{
        return d->stored;
}

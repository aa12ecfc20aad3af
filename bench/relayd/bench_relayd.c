/* A hub in a process of its own, two links to it over loopback: messages of 1 KiB from alice to bob, each on the hub's
 * disk before it is acknowledged, each acknowledged by bob. Figures are set against the cost of one fdatasync of 4 KiB
 * on the same disk in the same run, which is what any relay that loses nothing has to pay at least once for a batch.
 *
 *     bench-relayd [DIRECTORY]     the hub's state goes to a new directory below it (default: /var/tmp) */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/stopwatch.h"
#include "relayd/hub/hub.h"
#include "relayd/hub/identity.h"
#include "relayd/link/link.h"
#include "relayd/link/tls.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"

enum { PAYLOAD = 1024, MESSAGES = 40000, ALONE = 1000, PACED_SECONDS = 3, WINDOW = 1024, ACK_EVERY = 64 };

struct ready {
        uint16_t port;
        uint8_t pin[TLS_PIN_SIZE];
};

static void serve(const char *directory, int out)
{
        static const struct store_limits limits = { .mailbox_entries = 10 * MESSAGES,
                                                    .mailbox_bytes = 1LL << 40,
                                                    .key_packages = 1,
                                                    .retention_usec = 1ULL << 50,
                                                    .idempotency_usec = 1ULL << 50,
                                                    .group_usec = 1ULL << 50 };
        static const struct hub_settings settings = {
                .connections_max = 10, .payload_max = WIRE_PAYLOAD_MAX, .handshake_usec = 5000000, .idle_usec = 60000000
        };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(in);
        _cleanup_free_ char *key = NULL;
        struct identity identity;
        struct ready ready;
        struct store *store;
        SSL_CTX *context;
        sd_event *event;
        struct hub *hub;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (bind(fd, (struct sockaddr *) &in, sizeof(in)) < 0 || listen(fd, 16) < 0 ||
            getsockname(fd, (struct sockaddr *) &in, &size) < 0)
                err(1, "loopback");
        if (asprintf(&key, "%s/hub.key", directory) < 0 || sd_event_new(&event) < 0 ||
            identity_open(key, &identity) < 0 || store_open(directory, &limits, &store) < 0 ||
            tls_hub_context(identity.key, identity.certificate, &context) < 0 ||
            hub_new(event, store, context, NULL, &settings, &hub) < 0 || hub_listen(hub, fd) < 0)
                errx(1, "the hub does not start");
        ready.port = ntohs(in.sin_port);
        memcpy(ready.pin, identity.pin, sizeof(ready.pin));
        if (write(out, &ready, sizeof(ready)) != sizeof(ready))
                err(1, "pipe");
        (void) sd_event_loop(event);
}

struct person {
        struct link *link;
        struct secret *key;
        bool up;
};

static struct person alice, bob;
static sd_event *event;
static uint64_t started[MESSAGES + ALONE + 200000], took[MESSAGES + ALONE + 200000];
static unsigned sent, stored, arrived;

static void on_up(struct link *l, void *userdata, const struct link_up *up)
{
        ((struct person *) userdata)->up = true;
}

static void on_down(struct link *l, void *userdata, const struct link_error *error)
{
        errx(1, "%s", error->sentence);
}

static void on_nothing(void *userdata, const struct link_error *error, struct bytes answer)
{
        if (error)
                errx(1, "%s", error->sentence);
}

static void on_entry(struct link *l, void *userdata, const struct entry *e)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        took[arrived] = now_ns() - started[arrived];
        arrived++;
        /* As relayd does: an acknowledgement for what came in one go. */
        if (arrived % ACK_EVERY != 0 && arrived != sent)
                return;
        write_ack(&body, e->sequence);
        if (link_request(l, FRAME_ACK, writer_bytes(&body), on_nothing, NULL) < 0)
                errx(1, "ACK");
}

static void on_low(struct link *l, void *userdata, uint32_t left)
{
}

static void on_stored(void *userdata, const struct link_error *error, struct bytes answer)
{
        on_nothing(userdata, error, answer);
        stored++;
}

static void send_one(void)
{
        static uint8_t payload[PAYLOAD];
        _cleanup_writer_ struct writer body = WRITER_INIT, list = WRITER_INIT;
        struct send m = { .recipient_count = 1, .payload = BYTES_OF(payload) };

        write_recipient(&list, BYTES_STRING("bob"));
        m.recipients = writer_bytes(&list);
        random_fill(m.id, sizeof(m.id));
        write_send(&body, &m);
        started[sent] = now_ns();
        if (link_request(alice.link, FRAME_SEND, writer_bytes(&body), on_stored, NULL) < 0)
                errx(1, "SEND");
        sent++;
}

static void turn(uint64_t usec)
{
        if (sd_event_run(event, usec) < 0)
                errx(1, "the event loop failed");
}

static void enter(struct person *p, const char *name, const struct ready *ready)
{
        static const struct link_handlers handlers = { on_up, on_down, on_entry, on_low };
        struct address a = { .host = "127.0.0.1", .port = ready->port, .has_key = true };

        (void) snprintf(a.name, sizeof(a.name), "%s", name);
        memcpy(a.key, ready->pin, sizeof(a.key));
        p->key = secret_random(32);
        if (link_open(event, &(struct link_parameters){ .address = &a, .transport_key = p->key, .registering = true },
                      &handlers, p, &p->link) < 0)
                errx(1, "link");
        while (!p->up)
                turn(UINT64_MAX);
}

/* One message at a time. */
static void measure_alone(double sync_ms)
{
        unsigned first = sent;

        for (unsigned i = 0; i < ALONE; i++) {
                send_one();
                while (arrived < sent)
                        turn(UINT64_MAX);
        }
        double p50 = percentile_ms(took + first, ALONE, 0.5), p99 = percentile_ms(took + first, ALONE, 0.99);

        printf("alone: p50 %.2f ms, p99 %.2f ms, sent to seen; p50 is %.1f fdatasyncs\n", p50, p99, p50 / sync_ms);
}

/* As many at once as the hub allows. Returns messages a second. */
static double measure_rate(double sync_ms)
{
        uint64_t start = now_ns();
        unsigned goal = sent + MESSAGES;

        while (arrived < goal) {
                while (sent < goal && link_room(alice.link) > 0)
                        send_one();
                turn(UINT64_MAX);
        }
        double rate = MESSAGES / ((double) (now_ns() - start) / 1e9);

        printf("full load: %.0f messages/s of %d bytes end to end, each on disk first; %.1f for the time of one "
               "fdatasync\n",
               rate, PAYLOAD, rate * sync_ms / 1e3);
        return rate;
}

/* At a third of what it can do. */
static void measure_paced(double rate)
{
        uint64_t start = now_ns(), step = (uint64_t) (1e9 / (rate / 3));
        unsigned first = sent, count = (unsigned) (rate / 3 * PACED_SECONDS);

        while (arrived < first + count) {
                while (sent < first + count && now_ns() >= start + (sent - first) * step && link_room(alice.link) > 0)
                        send_one();
                turn(100);
        }
        double p50 = percentile_ms(took + first, count, 0.5), p99 = percentile_ms(took + first, count, 0.99);

        printf("a third of that: p50 %.2f ms, p99 %.2f ms\n", p50, p99);
}

int main(int argc, char *argv[])
{
        _cleanup_free_ char *directory = NULL;
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct ready ready;
        int out[2];

        (void) signal(SIGPIPE, SIG_IGN);
        log_open("bench-relayd", LOG_ERR);
        if (asprintf(&directory, "%s/bench-relayd-XXXXXX", argc > 1 ? argv[1] : "/var/tmp") < 0 ||
            !mkdtemp(directory) || pipe(out) < 0)
                err(1, "%s", directory);
        pid_t pid = fork();

        if (pid == 0) {
                serve(directory, out[1]);
                _exit(1);
        }
        if (pid < 0 || read(out[0], &ready, sizeof(ready)) != sizeof(ready) || sd_event_new(&event) < 0)
                errx(1, "the hub does not start");
        enter(&alice, "alice", &ready);
        enter(&bob, "bob", &ready);
        write_fetch(&body, &(struct fetch){ 0, WINDOW });
        if (link_request(bob.link, FRAME_FETCH, writer_bytes(&body), on_nothing, NULL) < 0)
                errx(1, "FETCH");
        double sync_ms = fdatasync_ms(directory);

        printf("fdatasync of 4 KiB here: p50 %.2f ms\n", sync_ms);
        measure_alone(sync_ms);
        measure_paced(measure_rate(sync_ms));
        link_free(alice.link);
        link_free(bob.link);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        remove_directory(directory);
        return 0;
}

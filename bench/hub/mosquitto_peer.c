/* See mosquitto_peer.h. The client speaks just enough of MQTT 3.1.1 (OASIS, section 3), so that it costs as little
 * beside its server as our own load generator does beside ours. */
#include "bench/hub/mosquitto_peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "bench/stopwatch.h"
#include "services/bytes.h"
#include "services/cleanup.h"

enum { INPUT_SIZE = 256 * 1024, START_TRIES = 200, START_PAUSE_USEC = 10000, WARM_UP_NS = 500 * 1000 * 1000 };
enum { CONNECT = 0x10, CONNACK = 0x20, PUBLISH_QOS1 = 0x32, PUBACK = 0x40, SUBSCRIBE = 0x82, SUBACK = 0x90 };

struct mosquitto {
        struct hub_process process;
};

struct client {
        int fd;
        uint8_t *input;
        size_t input_size;
        struct writer output;
        size_t output_start;
};

struct run {
        int epoll;
        struct client *clients; /* the first one publishes */
        unsigned count, window;
        uint64_t sent, acknowledged, arrived;
        uint16_t packet;
        bool closed;
};

static const char topic[] = "bench";

static void queue_packet(struct client *c, uint8_t type, struct bytes body)
{
        size_t rest = body.size;

        write_u8(&c->output, type);
        do {
                write_u8(&c->output, (uint8_t) (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
                rest >>= 7;
        } while (rest > 0);
        write_fixed(&c->output, body);
}

static void queue_string(struct writer *w, const char *s)
{
        write_u16(w, (uint16_t) strlen(s));
        write_fixed(w, BYTES_STRING(s));
}

static void flush_output(struct client *c)
{
        while (c->output_start < c->output.size) {
                ssize_t n =
                        send(c->fd, c->output.data + c->output_start, c->output.size - c->output_start, MSG_NOSIGNAL);

                if (n < 0 && errno == EAGAIN)
                        return; /* it is tried again whenever something arrives */
                if (n < 0)
                        err(1, "mosquitto");
                c->output_start += (size_t) n;
        }
        c->output.size = c->output_start = 0;
}

static void publish(struct run *r)
{
        static uint8_t payload[MESSAGE_SIZE];

        while (!r->closed && r->sent - r->acknowledged < r->window) {
                _cleanup_writer_ struct writer body = WRITER_INIT;

                r->packet = r->packet == UINT16_MAX ? 1 : r->packet + 1;
                queue_string(&body, topic);
                write_u16(&body, r->packet);
                write_fixed(&body, BYTES_OF(payload));
                queue_packet(&r->clients[0], PUBLISH_QOS1, writer_bytes(&body));
                r->sent++;
        }
}

static void handle(struct run *r, struct client *c, uint8_t type, struct bytes body)
{
        _cleanup_writer_ struct writer answer = WRITER_INIT;
        struct reader reader;

        if (type == PUBACK) {
                r->acknowledged++;
        } else if ((type & 0xf0) == (PUBLISH_QOS1 & 0xf0)) {
                reader_init(&reader, body);
                (void) read_fixed(&reader, read_u16(&reader));
                write_u16(&answer, read_u16(&reader));
                queue_packet(c, PUBACK, writer_bytes(&answer));
                r->arrived++;
        }
}

/* One packet of the input; 0 if it is not whole. */
static size_t take_packet(struct run *r, struct client *c, size_t start)
{
        size_t length = 0, at = start + 1;
        unsigned shift = 0;

        do {
                if (at >= c->input_size)
                        return 0;
                length |= (size_t) (c->input[at] & 0x7f) << shift;
                shift += 7;
        } while (c->input[at++] & 0x80);
        if (c->input_size - at < length)
                return 0;
        handle(r, c, c->input[start], BYTES(c->input + at, length));
        return at + length - start;
}

static void receive(struct run *r, struct client *c)
{
        ssize_t n = recv(c->fd, c->input + c->input_size, INPUT_SIZE - c->input_size, 0);
        size_t start = 0, size;

        if (n == 0 || (n < 0 && errno != EAGAIN))
                errx(1, "mosquitto closed the connection");
        if (n < 0)
                return;
        c->input_size += (size_t) n;
        while (start < c->input_size && (size = take_packet(r, c, start)) > 0)
                start += size;
        memmove(c->input, c->input + start, c->input_size - start);
        c->input_size -= start;
}

static void turn(struct run *r)
{
        struct epoll_event events[128];
        int n = epoll_wait(r->epoll, events, (int) COUNT_OF(events), 1000);

        if (n < 0 && errno != EINTR)
                err(1, "epoll_wait");
        for (int i = 0; i < n; i++) {
                struct client *c = events[i].data.ptr;

                receive(r, c);
                if (c != &r->clients[0])
                        flush_output(c);
        }
        publish(r);
        flush_output(&r->clients[0]);
}

static int connect_to(uint16_t port)
{
        struct sockaddr_in in = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(port) };
        int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (connect(fd, (struct sockaddr *) &in, sizeof(in)) < 0) {
                close(fd);
                return -1;
        }
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return fd;
}

/* Waits for one packet, whose content is of no interest. */
static void await(struct client *c, uint8_t type)
{
        uint8_t header[2], rest[UINT8_MAX];

        flush_output(c);
        if (recv(c->fd, header, sizeof(header), MSG_WAITALL) != sizeof(header) || header[0] != type ||
            recv(c->fd, rest, header[1], MSG_WAITALL) != header[1])
                errx(1, "mosquitto refused a client");
}

/* A session that outlives its connection. */
static void enter(struct client *c, uint16_t port, unsigned number, bool subscribing)
{
        _cleanup_writer_ struct writer hello = WRITER_INIT, wish = WRITER_INIT;
        char name[16];

        (void) snprintf(name, sizeof(name), "c%u", number);
        c->fd = connect_to(port);
        c->input = malloc(INPUT_SIZE);
        if (c->fd < 0 || !c->input)
                err(1, "mosquitto");
        queue_string(&hello, "MQTT");
        write_u8(&hello, 4); /* protocol level of 3.1.1 */
        write_u8(&hello, 0); /* no clean session */
        write_u16(&hello, 600);
        queue_string(&hello, name);
        queue_packet(c, CONNECT, writer_bytes(&hello));
        await(c, CONNACK);
        if (!subscribing)
                return;
        write_u16(&wish, 1);
        queue_string(&wish, topic);
        write_u8(&wish, 1);
        queue_packet(c, SUBSCRIBE, writer_bytes(&wish));
        await(c, SUBACK);
}

static void open_run(struct run *r, uint16_t port, unsigned receivers, unsigned window)
{
        *r = (struct run){ .epoll = epoll_create1(EPOLL_CLOEXEC), .count = receivers + 1, .window = window };
        r->clients = calloc(r->count, sizeof(*r->clients));
        if (!r->clients || r->epoll < 0)
                err(1, "clients");
        for (unsigned i = 0; i < r->count; i++) {
                struct client *c = &r->clients[i];
                struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

                enter(c, port, i, i > 0);
                if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
                        err(1, "epoll_ctl");
        }
}

static void close_run(struct run *r)
{
        for (unsigned i = 0; i < r->count; i++) {
                close(r->clients[i].fd);
                free(r->clients[i].input);
                writer_release(&r->clients[i].output);
        }
        free(r->clients);
        close(r->epoll);
}

struct flow mosquitto_run(struct mosquitto *m, unsigned receivers, unsigned window, double seconds)
{
        struct run r;
        uint64_t start = now_ns();

        open_run(&r, m->process.port, receivers, window);
        publish(&r);
        flush_output(&r.clients[0]);
        while (now_ns() - start < WARM_UP_NS)
                turn(&r);
        uint64_t own = cpu_ns(), server = process_cpu_ns(&m->process), sent = r.acknowledged, arrived = r.arrived;

        start = now_ns();
        while ((double) (now_ns() - start) / 1e9 < seconds)
                turn(&r);
        struct flow f = { .seconds = (double) (now_ns() - start) / 1e9,
                          .sent = r.acknowledged - sent,
                          .arrived = r.arrived - arrived,
                          .server_usec = (double) (process_cpu_ns(&m->process) - server) / 1e3,
                          .client_usec = (double) (cpu_ns() - own) / 1e3 };

        close_run(&r);
        return f;
}

static char *write_configuration(const char *directory, uint16_t port)
{
        char *path;

        if (asprintf(&path, "%s/mosquitto.conf", directory) < 0)
                errx(1, "out of memory");
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        if (!f || fprintf(f,
                          "listener %u 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nuser root\n"
                          "persistence true\npersistence_location %s/\nmax_inflight_messages 1000\n"
                          "max_queued_messages 0\nlog_type error\n",
                          port, directory) < 0)
                err(1, "%s", path);
        return path;
}

/* It warns of being root, which it has to be where nobody else is. */
static bool spawn_quietly(pid_t *pid, const char *program, char *const *arguments)
{
        posix_spawn_file_actions_t actions;

        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        int r = posix_spawnp(pid, program, &actions, NULL, arguments, environ);

        (void) posix_spawn_file_actions_destroy(&actions);
        return r == 0;
}

struct mosquitto *mosquitto_start(const char *directory)
{
        struct mosquitto *m = calloc(1, sizeof(*m));

        if (!m)
                errx(1, "out of memory");
        m->process.port = free_port();
        _cleanup_free_ char *path = write_configuration(directory, m->process.port);
        char *const arguments[] = { (char *) "mosquitto", (char *) "-c", path, NULL };
        const char *program = access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";

        if (!spawn_quietly(&m->process.pid, program, arguments)) {
                free(m);
                return NULL;
        }
        for (unsigned i = 0; i < START_TRIES; i++) {
                int fd = connect_to(m->process.port);

                if (fd >= 0) {
                        close(fd);
                        if (clock_getcpuclockid(m->process.pid, &m->process.clock) != 0)
                                errx(1, "mosquitto's processor time cannot be read");
                        return m;
                }
                (void) usleep(START_PAUSE_USEC);
        }
        errx(1, "mosquitto does not start");
}

struct mosquitto *mosquitto_stop(struct mosquitto *m)
{
        if (m)
                hub_process_kill(&m->process);
        free(m);
        return NULL;
}

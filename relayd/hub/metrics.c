/* See metrics.h. */
#include "metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "errand.h"
#include "listening.h"
#include "report.h"
#include "services/cleanup.h"
#include "services/log.h"

enum {
        SCRAPES_MAX = 8,
        HEAD_MAX = 4096,
        PATIENCE_USEC = 10 * 1000 * 1000,
};

/* One question and its answer. */
struct scrape {
        struct scrape *next;
        struct metrics *metrics;
        int fd;
        sd_event_source *io, *timer;
        char head[HEAD_MAX];
        size_t size;
        struct report report;
        struct errand *errand;
        int result;
};

struct metrics {
        sd_event *event;
        struct hub *hub;
        struct metrics_settings settings;
        sd_event_source *listener;
        struct scrape *scrapes;
        unsigned count;
};

static void scrape_free(struct scrape *s)
{
        for (struct scrape **p = &s->metrics->scrapes; *p; p = &(*p)->next) {
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        }
        s->metrics->count--;
        errand_free(s->errand);
        sd_event_source_disable_unref(s->io);
        sd_event_source_disable_unref(s->timer);
        close(s->fd);
        free(s);
}

/* An answer is smaller than any socket's buffer, so it leaves at once or not at all. */
static void answer(struct scrape *s, const char *status, const char *type, const char *body, size_t size)
{
        _cleanup_free_ char *head = NULL;
        int n = asprintf(&head, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                         status, type, size);

        if (n < 0)
                head = NULL;
        else if (send(s->fd, head, (size_t) n, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) == n)
                (void) send(s->fd, body, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        scrape_free(s);
}

static void refuse(struct scrape *s, const char *status, const char *sentence)
{
        answer(s, status, "text/plain; charset=utf-8", sentence, strlen(sentence));
}

static void work(void *userdata)
{
        struct scrape *s = userdata;

        s->result = report_count(&s->report, hub_store(s->metrics->hub), s->metrics->settings.directory);
}

static void on_counted(void *userdata)
{
        struct scrape *s = userdata;
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = s->result < 0 ? NULL : open_memstream(&text, &size);

        if (f) {
                report_metrics(&s->report, f);
                if (fclose(f) != 0)
                        size = 0;
        }
        if (size > 0)
                answer(s, "200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", text, size);
        else
                refuse(s, "503 Service Unavailable", "The hub's database could not be read; see its log.\n");
}

static bool starts_with(struct bytes b, const char *word)
{
        return b.size >= strlen(word) && memcmp(b.data, word, strlen(word)) == 0;
}

enum metrics_request metrics_request_parse(struct bytes head)
{
        static const char method[] = "GET ", path[] = "/metrics";

        if (memmem(head.data, head.size, "\r\n\r\n", 4) == NULL && memmem(head.data, head.size, "\n\n", 2) == NULL)
                return METRICS_INCOMPLETE;
        const char *newline = memchr(head.data, '\n', head.size);
        struct bytes line = BYTES(head.data, newline - (const char *) head.data);

        if (memmem(line.data, line.size, " HTTP/1.", 8) == NULL)
                return METRICS_MALFORMED;
        if (!starts_with(line, method))
                return METRICS_NOT_ALLOWED;
        line = BYTES(line.data + strlen(method), line.size - strlen(method));
        if (!starts_with(line, path) || (line.data[strlen(path)] != ' ' && line.data[strlen(path)] != '?'))
                return METRICS_NOT_FOUND;
        return METRICS_WANTED;
}

static void serve(struct scrape *s)
{
        const struct metrics_settings *settings = &s->metrics->settings;

        switch (metrics_request_parse(BYTES(s->head, s->size))) {
        case METRICS_INCOMPLETE:
                if (s->size == sizeof(s->head))
                        refuse(s, "431 Request Header Fields Too Large", "A request has at most 4096 bytes here.\n");
                break;
        case METRICS_WANTED:
                s->io = sd_event_source_disable_unref(s->io);
                s->timer = sd_event_source_disable_unref(s->timer);
                report_take(&s->report, s->metrics->hub, settings->address, settings->since_usec);
                if (errand_start(s->metrics->event, work, on_counted, s, &s->errand) < 0)
                        refuse(s, "503 Service Unavailable", "The hub has no memory for that.\n");
                break;
        case METRICS_NOT_FOUND:
                refuse(s, "404 Not Found", "The metrics are at /metrics.\n");
                break;
        case METRICS_NOT_ALLOWED:
                refuse(s, "405 Method Not Allowed", "GET alone is answered.\n");
                break;
        case METRICS_MALFORMED:
                refuse(s, "400 Bad Request", "This is an HTTP server.\n");
                break;
        }
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct scrape *s = userdata;
        ssize_t n = recv(fd, s->head + s->size, sizeof(s->head) - s->size, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                scrape_free(s);
                return 0;
        }
        s->size += (size_t) n;
        serve(s);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        scrape_free(userdata);
        return 0;
}

static int on_accept(sd_event_source *source, int listener, uint32_t revents, void *userdata)
{
        struct metrics *m = userdata;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct scrape *s = fd < 0 || m->count >= SCRAPES_MAX ? NULL : calloc(1, sizeof(*s));

        if (!s) {
                if (fd >= 0)
                        close(fd);
                return 0;
        }
        s->metrics = m;
        s->fd = fd;
        s->next = m->scrapes;
        m->scrapes = s;
        m->count++;
        if (sd_event_add_io(m->event, &s->io, fd, EPOLLIN, on_readable, s) < 0 ||
            sd_event_add_time_relative(m->event, &s->timer, CLOCK_BOOTTIME, PATIENCE_USEC, 0, on_timer, s) < 0)
                scrape_free(s);
        return 0;
}

/* The figures are for the machine's owner, and this server is not made for strangers. */
static bool is_loopback(int fd)
{
        union {
                struct sockaddr any;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } a = { 0 };
        socklen_t size = sizeof(a);

        if (getsockname(fd, &a.any, &size) < 0)
                return false;
        return a.any.sa_family == AF_INET ? ntohl(a.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                          : IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}

static int open_listener(struct metrics *m, const char *where)
{
        struct address address;
        int fd, r = listening_parse(where, &address);

        if (r >= 0)
                r = listening_open(&address, &fd);
        if (r < 0)
                return r;
        if (!is_loopback(fd)) {
                log_error("metrics = %s in hub.conf is open to other machines; write 127.0.0.1:port or [::1]:port, and "
                          "put a proxy before it if others should see them.",
                          where);
                close(fd);
                return -EINVAL;
        }
        r = sd_event_add_io(m->event, &m->listener, fd, EPOLLIN, on_accept, m);
        if (r < 0) {
                close(fd);
                return r;
        }
        return sd_event_source_set_io_fd_own(m->listener, true);
}

int metrics_new(sd_event *event, struct hub *h, const char *where, const struct metrics_settings *settings,
                struct metrics **out)
{
        struct metrics *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->event = sd_event_ref(event);
        m->hub = h;
        m->settings = *settings;
        r = open_listener(m, where);
        if (r < 0) {
                metrics_free(m);
                return r;
        }
        *out = m;
        return 0;
}

struct metrics *metrics_free(struct metrics *m)
{
        if (!m)
                return NULL;
        while (m->scrapes)
                scrape_free(m->scrapes);
        sd_event_source_disable_unref(m->listener);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}

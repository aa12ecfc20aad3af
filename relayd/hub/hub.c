/* See hub.h. */
#include "hub.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "relayd/link/tls.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "session.h"

enum {
        ACCEPT_STEP = 32, /* connections taken in one turn */
        BUCKETS = 4096,
        EXPIRE_USEC = 10 * 60 * 1000 * 1000, /* between two rounds of store_expire() */
        EXPIRE_MORE_USEC = 200 * 1000,       /* between two of its steps */
        ACCEPT_PAUSE_USEC = 1000 * 1000,
        TRIM_USEC = 5 * 1000 * 1000, /* from a new link to giving back what its handshake took */
};

struct hub {
        sd_event *event;
        struct store *store;
        SSL_CTX *context;
        struct access_log *log;
        struct hub_settings settings;
        struct gate *gate;
        struct pressure *pressure;
        sd_event_source *listeners[HUB_LISTENERS_MAX];
        unsigned listener_count;
        sd_event_source *expire, *accept_again, *trim;
        bool trimming; /* @trim is set */
        struct session *sessions;
        unsigned session_count;
        struct session *buckets[BUCKETS];
        struct work *work;
        uint64_t accepted, evicted, registrations, messages, entries;
};

static struct session **bucket(struct hub *h, int64_t mailbox)
{
        return &h->buckets[(uint64_t) mailbox % BUCKETS];
}

/* The session whose link has proved this mailbox, or NULL. */
static struct session *session_of(struct hub *h, int64_t mailbox)
{
        for (struct session *s = *bucket(h, mailbox); s; s = session_place(s)->chain) {
                if (session_place(s)->mailbox == mailbox)
                        return s;
        }
        return NULL;
}

static void detach(struct hub *h, struct session *s)
{
        struct session_place *place = session_place(s);

        if (place->mailbox == 0)
                return;
        for (struct session **p = bucket(h, place->mailbox); *p; p = &session_place(*p)->chain) {
                if (*p == s) {
                        *p = place->chain;
                        break;
                }
        }
        place->mailbox = 0;
        place->chain = NULL;
}

void hub_attach(struct hub *h, struct session *s, int64_t mailbox)
{
        struct session *before = session_of(h, mailbox);

        if (before) {
                detach(h, before);
                session_replace(before);
        }
        session_place(s)->mailbox = mailbox;
        session_place(s)->chain = *bucket(h, mailbox);
        *bucket(h, mailbox) = s;
}

void hub_remove(struct hub *h, struct session *s)
{
        struct session_place *place = session_place(s);

        detach(h, s);
        work_forget_session(h->work, s);
        if (place->previous)
                session_place(place->previous)->next = place->next;
        else
                h->sessions = place->next;
        if (place->next)
                session_place(place->next)->previous = place->previous;
        h->session_count--;
}

/* Who has moved a room's group last is who has stopped it, if nobody can follow. They may have left meanwhile. */
static void log_move(const struct hub *h, const struct store_request *r)
{
        char event[sizeof("changed:") + WIRE_NAME_MAX];

        (void) snprintf(event, sizeof(event), "%s:%.*s", r->room.step == ROOM_JOIN ? "joined" : "changed",
                        (int) r->room.room.size, (const char *) r->room.room.data);
        access_log_write(h->log, "-", event, r->subject);
}

/* Others who are concerned by what a job did. A receiver who is up to date gets the message at once, from memory. */
static void notify_others(struct hub *h, const struct job *j)
{
        const struct store_request *r = &j->store;

        if (r->result != STORE_DONE)
                return;
        if (r->operation == STORE_SEND_TO_ROOM && r->room.step >= ROOM_COMMIT)
                log_move(h, r);
        if (r->operation == STORE_CLAIM && r->key_packages < h->settings.key_packages_low) {
                struct session *s = session_of(h, r->mailbox);

                if (s)
                        session_key_packages_low(s, r->key_packages);
        }
        for (unsigned i = 0; i < r->receipt_count; i++) {
                struct session *s = session_of(h, r->receipts[i].mailbox);

                if (s)
                        session_arrived(s, r->receipts[i].sequence, r->send.payload);
        }
        if (r->operation == STORE_DELETE) {
                struct session *s = session_of(h, r->mailbox);

                if (s)
                        session_deleted(s);
        }
}

static void tally(struct hub *h, const struct store_request *r)
{
        if (r->result != STORE_DONE)
                return;
        h->registrations += r->operation == STORE_REGISTER;
        h->messages += r->operation == STORE_SEND || r->operation == STORE_SEND_TO_ROOM;
        h->entries += r->receipt_count;
}

static void complete_own(struct hub *h, const struct job *j)
{
        if (j->done)
                j->done(j->userdata, &j->store);
        if (j->store.operation == STORE_EXPIRE)
                (void) sd_event_source_set_time_relative(h->expire, j->store.more ? EXPIRE_MORE_USEC : EXPIRE_USEC);
}

static void on_done(void *userdata, struct job *j)
{
        struct hub *h = userdata;

        if (j->session)
                session_complete(j->session, j);
        else
                complete_own(h, j);
        tally(h, &j->store);
        notify_others(h, j);
}

int hub_order(struct hub *h, const struct store_request *request,
              void (*done)(void *userdata, const struct store_request *request), void *userdata)
{
        const struct frame name = { .body = request->name };
        struct job *j;
        int r = job_new(NULL, &name, &j);

        if (r < 0)
                return r;
        j->store = *request;
        j->store.name = BYTES(j->body, j->body_size);
        j->done = done;
        j->userdata = userdata;
        work_submit(h->work, j);
        return 0;
}

void hub_forget(struct hub *h, const void *userdata)
{
        work_forget_owner(h->work, userdata);
}

static int on_expire(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct job *j = calloc(1, sizeof(*j));
        struct hub *h = userdata;
        struct timespec t;

        (void) sd_event_source_set_time_relative(source, EXPIRE_USEC);
        if (!j)
                return 0;
        clock_gettime(CLOCK_REALTIME, &t);
        j->store.operation = STORE_EXPIRE;
        j->store.now_usec = (uint64_t) t.tv_sec * 1000000;
        work_submit(h->work, j);
        return 0;
}

static void set_accepting(struct hub *h, bool accepting)
{
        for (unsigned i = 0; i < h->listener_count; i++)
                (void) sd_event_source_set_enabled(h->listeners[i], accepting ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_accept_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        set_accepting(userdata, true);
        return 0;
}

/* Files or places have run out: newcomers wait in the kernel's queue for a moment. */
static void pause_accepting(struct hub *h, const char *why)
{
        log_warning("The hub takes no new links for a second: %s. It has %u; raise connections in hub.conf or the "
                    "limit of open files if that is too few.",
                    why, h->session_count);
        set_accepting(h, false);
        (void) sd_event_source_set_time_relative(h->accept_again, ACCEPT_PAUSE_USEC);
        (void) sd_event_source_set_enabled(h->accept_again, SD_EVENT_ONESHOT);
}

/* A handshake takes four times the memory of the link that comes of it: after many at once, most of the heap is holes.
 */
static int on_trim(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct hub *h = userdata;

        h->trimming = false;
        (void) malloc_trim(0);
        return 0;
}

static void trim_later(struct hub *h)
{
        if (!h->trimming)
                h->trimming = sd_event_source_set_time_relative(h->trim, TRIM_USEC) >= 0 &&
                              sd_event_source_set_enabled(h->trim, SD_EVENT_ONESHOT) >= 0;
}

static void take(struct hub *h, int fd, const struct sockaddr_storage *peer)
{
        struct gate_pass pass;
        struct session *s;
        SSL *ssl;
        int one = 1;

        if (!gate_enter(h->gate, peer, hub_now(h), &pass)) {
                close(fd);
                return;
        }
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (tls_new(h->context, fd, NULL, &ssl) < 0) {
                gate_leave(h->gate, &pass);
                close(fd);
                return;
        }
        if (session_new(h, fd, ssl, peer, &pass, &s) < 0) {
                gate_leave(h->gate, &pass);
                return;
        }
        session_place(s)->next = h->sessions;
        if (h->sessions)
                session_place(h->sessions)->previous = s;
        h->sessions = s;
        h->session_count++;
        h->accepted++;
        trim_later(h);
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct hub *h = userdata;

        for (unsigned i = 0; i < ACCEPT_STEP; i++) {
                struct sockaddr_storage peer = { 0 };
                socklen_t size = sizeof(peer);

                if (h->session_count >= h->settings.connections_max) {
                        pause_accepting(h, "all places are taken");
                        break;
                }
                int client = accept4(fd, (struct sockaddr *) &peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (client < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                                pause_accepting(h, strerror(errno));
                        break;
                }
                take(h, client, &peer);
        }
        return 0;
}

int hub_listen(struct hub *h, int fd)
{
        int r;

        if (h->listener_count == HUB_LISTENERS_MAX)
                return -E2BIG;
        r = sd_event_add_io(h->event, &h->listeners[h->listener_count], fd, EPOLLIN, on_accept, h);
        if (r < 0)
                return r;
        (void) sd_event_source_set_io_fd_own(h->listeners[h->listener_count++], true);
        return 0;
}

/* Whose buffers hold most. Nobody's if that is nothing. */
static void evict(void *userdata)
{
        struct hub *h = userdata;
        struct session *most = NULL;
        size_t memory = 0;

        for (struct session *s = h->sessions; s; s = session_place(s)->next) {
                if (session_memory(s) > memory) {
                        memory = session_memory(s);
                        most = s;
                }
        }
        if (!most)
                return;
        h->evicted++;
        session_evict(most);
}

static void resume_all(void *userdata)
{
        struct hub *h = userdata;

        for (struct session *s = h->sessions; s; s = session_place(s)->next)
                session_resume(s);
}

static const struct pressure_handlers pressure_handlers = { evict, resume_all };
static const struct work_handlers work_handlers = { on_done, resume_all };

int hub_configure(struct hub *h, const struct hub_settings *settings, const struct store_limits *limits)
{
        int r = gate_configure(h->gate, &settings->gate);

        if (r < 0)
                return r;
        pressure_set_limit(h->pressure, settings->memory_max);
        h->settings = *settings;
        work_set_limits(h->work, limits);
        return 0;
}

void hub_set_access_log(struct hub *h, struct access_log *log)
{
        h->log = log;
}

unsigned hub_listeners(const struct hub *h, int out[static HUB_LISTENERS_MAX])
{
        unsigned count = 0;

        for (unsigned i = 0; i < h->listener_count; i++) {
                int fd = fcntl(sd_event_source_get_io_fd(h->listeners[i]), F_DUPFD_CLOEXEC,
                               SD_LISTEN_FDS_START + HUB_LISTENERS_MAX);

                if (fd >= 0)
                        out[count++] = fd;
        }
        return count;
}

int hub_new(sd_event *event, struct store *store, SSL_CTX *context, struct access_log *log,
            const struct hub_settings *settings, struct hub **out)
{
        struct hub *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        h->store = store;
        h->context = context;
        h->log = log;
        h->settings = *settings;
        r = gate_new(&settings->gate, &h->gate);
        if (r >= 0)
                r = pressure_new(event, settings->memory_max, &pressure_handlers, h, &h->pressure);
        if (r >= 0)
                r = work_new(event, store, &work_handlers, h, &h->work);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &h->expire, CLOCK_BOOTTIME, EXPIRE_MORE_USEC, 0, on_expire, h);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->expire, SD_EVENT_ON);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &h->accept_again, CLOCK_BOOTTIME, 0, 0, on_accept_again, h);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &h->trim, CLOCK_BOOTTIME, TRIM_USEC, 0, on_trim, h);
        if (r < 0) {
                hub_free(h);
                return r;
        }
        *out = h;
        return 0;
}

struct hub *hub_free(struct hub *h)
{
        if (!h)
                return NULL;
        for (unsigned i = 0; i < h->listener_count; i++)
                sd_event_source_disable_unref(h->listeners[i]);
        while (h->sessions)
                session_free(h->sessions, true);
        work_free(h->work);
        sd_event_source_disable_unref(h->expire);
        sd_event_source_disable_unref(h->accept_again);
        sd_event_source_disable_unref(h->trim);
        sd_event_unref(h->event);
        pressure_free(h->pressure);
        gate_free(h->gate);
        free(h);
        return NULL;
}

struct hub_figures hub_figures(const struct hub *h)
{
        return (struct hub_figures){
                .connections = h->session_count,
                .unproven = gate_unproven(h->gate),
                .accepted = h->accepted,
                .refused = gate_refused(h->gate),
                .registrations = h->registrations,
                .messages = h->messages,
                .entries = h->entries,
                .queued_bytes = work_queued(h->work),
                .buffer_bytes = pressure_used(h->pressure),
                .evicted = h->evicted,
                .commits = work_figures(h->work),
        };
}

uint64_t hub_now(struct hub *h)
{
        uint64_t now = 0;

        (void) sd_event_now(h->event, CLOCK_BOOTTIME, &now);
        return now;
}

struct pressure *hub_pressure(struct hub *h)
{
        return h->pressure;
}

struct work *hub_work(struct hub *h)
{
        return h->work;
}

struct gate *hub_gate(struct hub *h)
{
        return h->gate;
}

const struct hub_settings *hub_settings(const struct hub *h)
{
        return &h->settings;
}

struct store *hub_store(struct hub *h)
{
        return h->store;
}

struct access_log *hub_access_log(struct hub *h)
{
        return h->log;
}

sd_event *hub_event(struct hub *h)
{
        return h->event;
}

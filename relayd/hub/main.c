/* visavis-hub: stores and forwards what it cannot read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "announcement.h"
#include "control.h"
#include "hot_restart.h"
#include "hub.h"
#include "identity.h"
#include "listening.h"
#include "manager_object.h"
#include "metrics.h"
#include "relayd/link/channel.h"
#include "relayd/link/tls.h"
#include "services/address.h"
#include "services/cleanup.h"
#include "services/daemon.h"
#include "services/log.h"
#include "services/qr_code.h"
#include "settings.h"

static const char *option_listen, *option_address, *option_inspect, *option_room;

static const struct daemon_option options[] = {
        { "listen", "ADDRESS", "host:port to listen on (default: listen in hub.conf)", &option_listen },
        { "room", "NAME", "keep an open room (several: names between spaces), beside rooms in hub.conf", &option_room },
        { "address", NULL, "print the hub's address and exit", &option_address },
        { "inspect", NULL, "print what is stored and exit", &option_inspect },
        { NULL, NULL, NULL, NULL },
};

struct program {
        struct store *store;
        struct identity identity;
        SSL_CTX *context;
        struct access_log *log;
        struct hub *hub;
        char address[ADDRESS_TEXT_MAX]; /* what people are given */
        struct address listening;
        uint64_t since_usec; /* CLOCK_REALTIME */
        char *rooms;
        char *control_path;
        struct control *control;
        struct metrics *metrics;
        struct manager_object *object; /* NULL without a bus */
        struct announcement *announcement;
};

static void stop(struct program *p)
{
        announcement_free(p->announcement);
        manager_object_free(p->object);
        metrics_free(p->metrics);
        control_free(p->control);
        hub_free(p->hub);
        access_log_close(p->log);
        SSL_CTX_free(p->context);
        identity_release(&p->identity);
        store_close(p->store);
        free(p->control_path);
        free(p->rooms);
        free(p);
}

/* The address that people are given: the public name if there is one, else where the hub listens. */
static int make_address(struct program *p, const struct daemon *d)
{
        const char *name = config_string(d->config, "hub", NULL, "name"), *reason;
        struct address a = p->listening;

        if (name[0] != '\0') {
                if (address_parse_hub(name, &a, &reason) < 0) {
                        log_error("name = %s in hub.conf is not a host name: %s", name, reason);
                        return -EINVAL;
                }
                if (!strrchr(name, ':') || strrchr(name, ':')[1] == '\0' || name[strlen(name) - 1] == ']')
                        a.port = p->listening.port;
        }
        a.has_key = true;
        memcpy(a.key, p->identity.pin, sizeof(a.key));
        address_format(&a, true, p->address);
        return 0;
}

/* For people in front of it as a QR code, too. */
static int print_address(const struct program *p)
{
        _cleanup_free_ char *code = isatty(STDOUT_FILENO) ? qr_code_for_terminal(p->address) : NULL;

        printf("%s\n%s", p->address, code ? code : "");
        return fflush(stdout) == 0 ? 0 : -errno;
}

/* Beside the state, where nobody but the hub's user gets; or where systemd has made a place for it and its group. */
static int open_control(struct program *p, const struct daemon *d)
{
        const char *runtime = getenv("RUNTIME_DIRECTORY");
        struct control_settings settings = { .group = runtime && *runtime,
                                             .directory = d->state_directory,
                                             .address = p->address };
        int length = settings.group ? (int) strcspn(runtime, ":") : (int) strlen(d->state_directory), r;

        if (asprintf(&p->control_path, "%.*s/control", length, settings.group ? runtime : d->state_directory) < 0) {
                p->control_path = NULL;
                return -ENOMEM;
        }
        settings.since_usec = p->since_usec;
        settings.path = p->control_path;
        r = control_new(d->event, p->hub, &settings, &p->control);
        if (r == -ENAMETOOLONG) {
                log_warning("%s is too long for a socket, so visavis hub cannot ask this hub anything; choose a state "
                            "directory with a shorter path.",
                            p->control_path);
                return 0;
        }
        if (r < 0)
                log_error("The control socket %s cannot be made: %s.", p->control_path, strerror(-r));
        return r;
}

/* The sockets that were handed over, or one of our own. */
static int listen_all(struct program *p)
{
        int count = listening_inherited(), fd, r = count;

        if (count == 0) {
                r = listening_open(&p->listening, &fd);
                return r < 0 ? r : hub_listen(p->hub, fd);
        }
        for (int i = 0; r >= 0 && i < count; i++)
                r = hub_listen(p->hub, SD_LISTEN_FDS_START + i);
        return r;
}

/* Opens the log, opens it anew where somebody has moved the file away, or closes it. */
static int renew_access_log(struct program *p, const struct daemon *d, bool wanted)
{
        _cleanup_free_ char *path = NULL;
        int r;

        if (!wanted) {
                p->log = access_log_close(p->log);
                return 0;
        }
        if (asprintf(&path, "%s/access.log", d->state_directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = p->log ? access_log_reopen(p->log) : access_log_open(path, &p->log);
        if (r < 0)
                log_error("The access log %s cannot be opened: %s. Correct that, or set access-log = no in hub.conf.",
                          path, strerror(-r));
        return r;
}

static int open_metrics(struct program *p, const struct daemon *d)
{
        const char *where = config_string(d->config, "hub", NULL, "metrics");
        const struct metrics_settings settings = { d->state_directory, p->address, p->since_usec };

        return where[0] == '\0' ? 0 : metrics_new(d->event, p->hub, where, &settings, &p->metrics);
}

static int announce(struct program *p, const struct daemon *d)
{
        bool wanted;
        int r = config_boolean(d->config, "hub", NULL, "announce", &wanted);

        if (r < 0 || !wanted)
                return r;
        if (config_string(d->config, "hub", NULL, "name")[0] == '\0') {
                log_error(
                        "announce = yes in hub.conf needs name = HOST there as well: what the local network calls this "
                        "machine, such as its name with .local behind it.");
                return -EINVAL;
        }
        if (!d->bus) {
                log_warning("There is no bus here, so Avahi cannot be told to announce this hub.");
                return 0;
        }
        return announcement_new(d->bus, p->address, p->listening.port, &p->announcement);
}

static int serve(struct program *p, struct daemon *d, const struct hub_settings *settings, bool access_log)
{
        int r = tls_hub_context(p->identity.key, p->identity.certificate, &p->context);

        if (r < 0) {
                log_error("The hub's key cannot be used for TLS: %s.", strerror(-r));
                return r;
        }
        r = renew_access_log(p, d, access_log);
        if (r >= 0)
                r = hub_new(d->event, p->store, p->context, p->log, settings, &p->hub);
        if (r >= 0)
                r = open_control(p, d);
        if (r >= 0)
                r = open_metrics(p, d);
        if (r >= 0 && d->bus)
                r = manager_object_new(d->bus, p->hub, p->address, &p->object);
        if (r >= 0)
                r = hot_restart_on_signal(d->event, p->hub);
        if (r >= 0)
                r = listen_all(p);
        if (r >= 0)
                r = announce(p, d);
        if (r >= 0)
                (void) print_address(p); /* whoever wanted it may have gone since the first start */
        return r;
}

/* What governs the hub, as hub.conf and the command line have it now. */
static int read_settings(const struct daemon *d, struct hub_settings *s, struct store_limits *l, bool *access_log,
                         char **rooms)
{
        int r = hub_settings_read(d->config, s, l, access_log);

        if (r >= 0)
                r = hub_settings_rooms(d->config, option_room, rooms);
        if (r >= 0)
                s->rooms = *rooms;
        return r;
}

static int start_program(struct program *p, struct daemon *d)
{
        _cleanup_free_ char *key = NULL;
        struct hub_settings settings;
        struct store_limits limits;
        bool access_log;
        struct timespec now;
        int r;

        if (asprintf(&key, "%s/hub.key", d->state_directory) < 0) {
                key = NULL;
                return -ENOMEM;
        }
        clock_gettime(CLOCK_REALTIME, &now);
        p->since_usec = (uint64_t) now.tv_sec * 1000000;
        r = read_settings(d, &settings, &limits, &access_log, &p->rooms);
        if (r >= 0)
                r = listening_parse(option_listen ? option_listen : config_string(d->config, "hub", NULL, "listen"),
                                    &p->listening);
        if (r >= 0)
                r = store_open(d->state_directory, &limits, &p->store);
        if (r >= 0 && option_inspect)
                return (r = store_inspect(p->store, stdout)) < 0 ? r : sd_event_exit(d->event, 0);
        if (r >= 0)
                r = identity_open(key, &p->identity);
        if (r >= 0)
                r = make_address(p, d);
        if (r >= 0 && option_address)
                return (r = print_address(p)) < 0 ? r : sd_event_exit(d->event, 0);
        return r < 0 ? r : serve(p, d, &settings, access_log);
}

/* Where it listens, the control socket and the metrics stay as they are until the next start. */
static int on_reload(struct daemon *d, void *state)
{
        struct program *p = state;
        struct hub_settings settings;
        struct store_limits limits;
        bool access_log;
        _cleanup_free_ char *rooms = NULL, *before = NULL;
        int r = read_settings(d, &settings, &limits, &access_log, &rooms);

        if (r >= 0)
                r = make_address(p, d);
        if (r < 0)
                return r;
        (void) renew_access_log(p, d, access_log); /* a disk that is full now is no reason to keep the old settings */
        hub_set_access_log(p->hub, p->log);
        r = hub_configure(p->hub, &settings, &limits);
        if (r >= 0) {
                before = p->rooms;
                p->rooms = TAKE(rooms);
        }
        manager_object_changed(p->object);
        return r;
}

static int on_start(struct daemon *d, void **state)
{
        struct program *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        r = start_program(p, d);
        if (r < 0) {
                stop(p);
                return r;
        }
        *state = p;
        return 0;
}

static void on_stop(struct daemon *d, void *state)
{
        stop(state);
}

int main(int argc, char *argv[])
{
        static const struct daemon_type type = {
                .name = "visavis-hub",
                .description =
                        "Stores and forwards end-to-end encrypted messages for the accounts that are registered here.",
                .bus_name = "im.visavis.Hub1",
                .bus_is_optional = true,
                .keys = hub_config_keys,
                .options = options,
                .start = on_start,
                .reload = on_reload,
                .stop = on_stop,
        };
        int status;

        channel_keep_buffers();
        hot_restart_prepare();
        status = daemon_run(&type, argc, argv);
        return hot_restart(argv) ? EXIT_FAILURE : status;
}

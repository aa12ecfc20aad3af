/* visavis-hub: stores and forwards what it cannot read. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "hub.h"
#include "identity.h"
#include "relayd/link/tls.h"
#include "report.h"
#include "services/address.h"
#include "services/cleanup.h"
#include "services/daemon.h"
#include "services/log.h"
#include "services/qr_code.h"

static const char *option_listen, *option_address, *option_inspect;

static const struct daemon_option options[] = {
        { "listen", "ADDRESS", "host:port to listen on (default: listen in hub.conf)", &option_listen },
        { "address", NULL, "print the hub's address and exit", &option_address },
        { "inspect", NULL, "print what is stored and exit", &option_inspect },
        { NULL, NULL, NULL, NULL },
};

static const struct config_key keys[] = {
        { "hub", "listen", "127.0.0.1:7843" },
        { "hub", "name", "" },
        { "hub", "registration", "open" },
        { "hub", "reserved-names",
          "admin administrator hostmaster hub postmaster root support system webmaster visavis" },
        { "hub", "connections", "10000" },
        { "hub", "access-log", "yes" },
        { "limits", "payload", "1048576" },
        { "limits", "mailbox-messages", "100000" },
        { "limits", "mailbox-bytes", "268435456" },
        { "limits", "key-packages", "200" },
        { "limits", "key-packages-low", "10" },
        { "limits", "messages-per-second", "2000" },
        { "limits", "claims-per-minute", "60" },
        { "limits", "claims-of-name-per-hour", "5" },
        { "limits", "unproven-links", "1000" },
        { "limits", "links-of-address", "1000" },
        { "limits", "links-per-minute", "300" },
        { "limits", "registrations-per-hour", "30" },
        { "limits", "handshake", "10s" },
        { "limits", "idle", "2min" },
        { "limits", "chunk-bytes", "1073741824" },
        { "limits", "chunks", "30d" },
        { "limits", "retention", "30d" },
        { "limits", "idempotency", "7d" },
        { "limits", "groups", "365d" },
        { "limits", "names", "90d" },
        { NULL, NULL, NULL },
};

struct program {
        struct store *store;
        struct identity identity;
        SSL_CTX *context;
        struct access_log *log;
        struct hub *hub;
        char address[ADDRESS_TEXT_MAX]; /* what people are given */
        char *control_path;
        struct control *control;
};

static void stop(struct program *p)
{
        control_free(p->control);
        hub_free(p->hub);
        access_log_close(p->log);
        SSL_CTX_free(p->context);
        identity_release(&p->identity);
        store_close(p->store);
        free(p->control_path);
        free(p);
}

static int configure_registration(const struct config *c, struct hub_settings *s)
{
        const char *policy = config_string(c, "hub", NULL, "registration");

        s->reserved_names = config_string(c, "hub", NULL, "reserved-names");
        for (enum store_policy p = STORE_OPEN; p <= STORE_CLOSED; p++) {
                if (strcmp(policy, policy_name(p)) == 0) {
                        s->registration = p;
                        return 0;
                }
        }
        log_error("registration = %s in hub.conf is none of open, invitation and closed.", policy);
        return -EINVAL;
}

static int configure_numbers(const struct config *c, struct hub_settings *s, struct store_limits *l)
{
        const struct {
                const char *section, *key;
                int64_t min, max;
                unsigned *out;
        } numbers[] = {
                { "hub", "connections", 1, 1000000, &s->connections_max },
                { "limits", "payload", 1024, WIRE_PAYLOAD_MAX, &s->payload_max },
                { "limits", "key-packages", 1, 100000, &l->key_packages },
                { "limits", "key-packages-low", 0, 100000, &s->key_packages_low },
                { "limits", "messages-per-second", 0, 1000000, &s->gate.requests_per_second },
                { "limits", "claims-per-minute", 0, 1000000, &s->gate.claims_per_minute },
                { "limits", "claims-of-name-per-hour", 0, 1000000, &s->gate.claims_of_name_per_hour },
                { "limits", "unproven-links", 0, 1000000, &s->gate.unproven },
                { "limits", "links-of-address", 0, 1000000, &s->gate.links_of_address },
                { "limits", "links-per-minute", 0, 1000000, &s->gate.links_per_minute },
                { "limits", "registrations-per-hour", 0, 1000000, &s->gate.registrations_per_hour },
        };

        for (unsigned i = 0; i < COUNT_OF(numbers); i++) {
                int64_t value;
                int r = config_integer(c, numbers[i].section, NULL, numbers[i].key, numbers[i].min, numbers[i].max,
                                       &value);

                if (r < 0)
                        return r;
                *numbers[i].out = (unsigned) value;
        }
        return 0;
}

static int configure(const struct config *c, struct hub_settings *s, struct store_limits *l)
{
        int r;

        *s = (struct hub_settings){ 0 };
        if ((r = configure_registration(c, s)) < 0 || (r = configure_numbers(c, s, l)) < 0 ||
            (r = config_integer(c, "limits", NULL, "mailbox-messages", 1, INT64_MAX, &l->mailbox_entries)) < 0 ||
            (r = config_integer(c, "limits", NULL, "mailbox-bytes", 1, INT64_MAX / 2, &l->mailbox_bytes)) < 0 ||
            (r = config_integer(c, "limits", NULL, "chunk-bytes", 0, INT64_MAX / 2, &l->chunk_bytes)) < 0 ||
            (r = config_duration(c, "limits", NULL, "chunks", &l->chunk_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "handshake", &s->handshake_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "idle", &s->idle_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "retention", &l->retention_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "idempotency", &l->idempotency_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "names", &l->name_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "groups", &l->group_usec)) < 0)
                return r;
        return 0;
}

static int parse_listen(const char *text, struct address *out)
{
        const char *reason;

        if (address_parse_hub(text, out, &reason) < 0) {
                log_error("The hub cannot listen on \"%s\": %s Write host:port, such as 127.0.0.1:7843 or [::]:7843.",
                          text, reason);
                return -EINVAL;
        }
        return 0;
}

/* The address that people are given: the public name if there is one, else where the hub listens. */
static int make_address(struct program *p, const struct daemon *d, const struct address *listening)
{
        const char *name = config_string(d->config, "hub", NULL, "name"), *reason;
        struct address a = *listening;

        if (name[0] != '\0') {
                if (address_parse_hub(name, &a, &reason) < 0) {
                        log_error("name = %s in hub.conf is not a host name: %s", name, reason);
                        return -EINVAL;
                }
                if (!strrchr(name, ':') || strrchr(name, ':')[1] == '\0' || name[strlen(name) - 1] == ']')
                        a.port = listening->port;
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
        struct timespec now;

        if (asprintf(&p->control_path, "%.*s/control", length, settings.group ? runtime : d->state_directory) < 0) {
                p->control_path = NULL;
                return -ENOMEM;
        }
        clock_gettime(CLOCK_REALTIME, &now);
        settings.since_usec = (uint64_t) now.tv_sec * 1000000;
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

static int listen_on(struct hub *h, const struct address *a)
{
        static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
        struct addrinfo *found;
        char port[6];
        int one = 1, r = -EADDRNOTAVAIL;

        (void) snprintf(port, sizeof(port), "%u", a->port);
        r = getaddrinfo(a->host, port, &hints, &found);
        if (r != 0) {
                log_error("The hub cannot listen on %s: %s. Correct listen in hub.conf.", a->host, gai_strerror(r));
                return -EADDRNOTAVAIL;
        }
        int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
                r = -errno;
                log_error("The hub cannot listen on %s port %u: %s.%s", a->host, a->port, strerror(-r),
                          r == -EADDRINUSE ? " Another program has that port; stop it, or choose another port." : "");
                if (fd >= 0)
                        close(fd);
        } else {
                r = hub_listen(h, fd);
        }
        freeaddrinfo(found);
        return r;
}

/* The sockets that systemd has opened for us, or our own. */
static int listen_all(struct hub *h, const struct address *a)
{
        int count = sd_listen_fds(1), r = 0;

        for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
                if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
                        log_error("systemd handed over a socket that is not a listening stream socket; correct "
                                  "visavis-hub.socket.");
                        return -EINVAL;
                }
                if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                        return -errno;
                r = hub_listen(h, fd);
                if (r < 0)
                        return r;
        }
        return count > 0 ? 0 : listen_on(h, a);
}

static int open_access_log(struct program *p, const struct daemon *d)
{
        _cleanup_free_ char *path = NULL;
        bool wanted;
        int r = config_boolean(d->config, "hub", NULL, "access-log", &wanted);

        if (r < 0 || !wanted)
                return r;
        if (asprintf(&path, "%s/access.log", d->state_directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = access_log_open(path, &p->log);
        if (r < 0)
                log_error("The access log %s cannot be opened: %s. Correct that, or set access-log = no in hub.conf.",
                          path, strerror(-r));
        return r;
}

static int serve(struct program *p, struct daemon *d, const struct hub_settings *settings,
                 const struct address *listening)
{
        int r = tls_hub_context(p->identity.key, p->identity.certificate, &p->context);

        if (r < 0) {
                log_error("The hub's key cannot be used for TLS: %s.", strerror(-r));
                return r;
        }
        r = open_access_log(p, d);
        if (r >= 0)
                r = hub_new(d->event, p->store, p->context, p->log, settings, &p->hub);
        if (r >= 0)
                r = open_control(p, d);
        if (r >= 0)
                r = listen_all(p->hub, listening);
        if (r >= 0)
                r = print_address(p);
        return r;
}

static int start_program(struct program *p, struct daemon *d)
{
        _cleanup_free_ char *key = NULL;
        struct hub_settings settings;
        struct store_limits limits;
        struct address listening;
        int r;

        if (asprintf(&key, "%s/hub.key", d->state_directory) < 0) {
                key = NULL;
                return -ENOMEM;
        }
        r = configure(d->config, &settings, &limits);
        if (r >= 0)
                r = parse_listen(option_listen ? option_listen : config_string(d->config, "hub", NULL, "listen"),
                                 &listening);
        if (r >= 0)
                r = store_open(d->state_directory, &limits, &p->store);
        if (r >= 0 && option_inspect)
                return (r = store_inspect(p->store, stdout)) < 0 ? r : sd_event_exit(d->event, 0);
        if (r >= 0)
                r = identity_open(key, &p->identity);
        if (r >= 0)
                r = make_address(p, d, &listening);
        if (r >= 0 && option_address)
                return (r = print_address(p)) < 0 ? r : sd_event_exit(d->event, 0);
        return r < 0 ? r : serve(p, d, &settings, &listening);
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
                .bus_name = NULL,
                .keys = keys,
                .options = options,
                .start = on_start,
                .stop = on_stop,
        };

        return daemon_run(&type, argc, argv);
}

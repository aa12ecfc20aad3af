/* The life of a daemon, from main() to its exit status. */
#include "daemon.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "cleanup.h"
#include "log.h"

enum { OPTIONS_MAX = 32 };

/* What the command line says. */
struct options {
        const char *bus;
        const char *config;
        const char *state;
        const char *log_level;
        const char *version;
        const char *help;
};

static void describe_options(struct options *o, struct daemon_option out[static 7])
{
        const struct daemon_option common[] = {
                { "bus", "ADDRESS", "D-Bus address to attach to (default: the system bus)", &o->bus },
                { "config", "DIRS", "configuration directories, by colons (default: /usr/lib/visavis:/etc/visavis)",
                  &o->config },
                { "state", "DIR", "state directory (default: $STATE_DIRECTORY)", &o->state },
                { "log-level", "NAME", "emerg, alert, crit, err, warning, notice, info or debug (default: info)",
                  &o->log_level },
                { "version", NULL, "print the version and exit", &o->version },
                { "help", NULL, "print this and exit", &o->help },
                { NULL, NULL, NULL, NULL },
        };

        memcpy(out, common, sizeof(common));
}

static unsigned collect_options(const struct daemon_option *from, const struct daemon_option **all, unsigned n)
{
        for (; from && from->name; from++) {
                assert(n < OPTIONS_MAX);
                all[n++] = from;
        }
        return n;
}

static int parse_options(const struct daemon_option *const *all, unsigned count, int argc, char *argv[])
{
        struct option longs[OPTIONS_MAX + 1] = { 0 };
        int index = 0, c;

        for (unsigned i = 0; i < count; i++)
                longs[i] = (struct option){ all[i]->name, all[i]->argument ? required_argument : no_argument, NULL, 0 };
        while ((c = getopt_long(argc, argv, "", longs, &index)) >= 0) {
                if (c != 0)
                        return -EINVAL; /* getopt_long(3) has said why */
                *all[index]->value = all[index]->argument ? optarg : "yes";
        }
        if (optind < argc) {
                fprintf(stderr, "%s: there is no argument \"%s\"; see --help.\n", argv[0], argv[optind]);
                return -EINVAL;
        }
        return 0;
}

static void print_help(const struct daemon_type *type, const struct daemon_option *const *all, unsigned count)
{
        printf("%s: %s\n\nUsage: %s [OPTION]…\n\n", type->name, type->description, type->name);
        for (unsigned i = 0; i < count; i++) {
                char left[64];

                snprintf(left, sizeof(left), "--%s %s", all[i]->name, all[i]->argument ? all[i]->argument : "");
                printf("  %-24s %s\n", left, all[i]->help);
        }
}

static int parse_log_level(const char *name)
{
        static const char *const names[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" };

        for (int i = 0; i < (int) COUNT_OF(names); i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        return -EINVAL;
}

/* Before anything is read that could become a secret. */
static void harden(void)
{
        struct rlimit none = { 0, 0 }, locked;
        sigset_t signals;

        prctl(PR_SET_DUMPABLE, 0);
        setrlimit(RLIMIT_CORE, &none);
        umask(077);
        if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0) {
                locked.rlim_cur = locked.rlim_max;
                setrlimit(RLIMIT_MEMLOCK, &locked);
        }
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* $STATE_DIRECTORY may list several directories; ours is the first. */
static char *choose_state_directory(const char *option)
{
        const char *environment = getenv("STATE_DIRECTORY");

        if (option)
                return strdup(option);
        return environment && *environment ? strndup(environment, strcspn(environment, ":")) : NULL;
}

static int open_state_directory(const char *option, char **out)
{
        _cleanup_free_ char *chosen = choose_state_directory(option), *path = NULL;
        struct stat st;

        if (!chosen) {
                log_error("There is no state directory: give --state DIR, or StateDirectory= in the unit.");
                return -EINVAL;
        }
        if ((mkdir(chosen, 0700) < 0 && errno != EEXIST) || !(path = realpath(chosen, NULL)) || stat(path, &st) < 0) {
                int r = -errno;
                log_error("The state directory %s cannot be made or opened (%s); make it by hand.", chosen,
                          strerror(-r));
                return r;
        }
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
                log_error("The state directory %s is no directory of user %u; name another or change its owner.", path,
                          (unsigned) geteuid());
                return -EPERM;
        }
        if ((st.st_mode & 07777) != 0700 && chmod(path, 0700) < 0) {
                int r = -errno;
                log_error("The state directory %s cannot be closed to others (%s).", path, strerror(-r));
                return r;
        }
        *out = TAKE(path);
        return 0;
}

/* Without its bus a daemon can serve nobody, and its socket would wake the loop for ever. */
static int on_bus_gone(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct daemon *d = userdata;

        if (d->bus_is_optional) {
                log_notice("The message bus has closed the connection; nobody can call us there until we are started "
                           "again.");
                return sd_bus_detach_event(d->bus);
        }
        log_error("The message bus has closed the connection; stopping. The service manager starts us again with it.");
        return sd_event_exit(d->event, EXIT_FAILURE);
}

/* The bus vouches for the sender of a broadcast by the match that asked for it; a signal that is addressed to us passes
 * unasked, and sd-bus takes it for anybody's (value_node_test() in bus-match.c). Else any program could say that
 * another has left the bus, or that the machine goes to sleep. Only the bus itself has signals for us alone, and whom
 * the program knows. */
static int on_addressed_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const struct daemon *d = userdata;
        const char *sender = sd_bus_message_get_sender(m);

        if (d->addressed_signals && sd_bus_message_is_signal(m, d->addressed_signals, NULL) > 0)
                return 0;
        return sd_bus_message_is_signal(m, NULL, NULL) > 0 && sd_bus_message_get_destination(m) &&
               (!sender || strcmp(sender, "org.freedesktop.DBus") != 0);
}

/* One that a person has started by hand belongs on that person's bus, if it is on one at all. */
static int connect_bus(const char *address, bool optional, sd_bus **out)
{
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        if (!address)
                return optional && !getenv("STATE_DIRECTORY") ? sd_bus_open_user(out) : sd_bus_open_system(out);
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, 1);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                *out = TAKE(bus);
        return r;
}

static int open_bus(struct daemon *d, const char *address)
{
        int r = connect_bus(address, d->bus_is_optional, &d->bus);

        if (r < 0 && d->bus_is_optional) {
                log_debug("There is no message bus to be called on (%s).", strerror(-r));
                return 0;
        }
        if (r >= 0)
                r = sd_bus_attach_event(d->bus, d->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_close_on_exit(d->bus, 0); /* stop() has things to say; daemon_release() closes it */
        if (r >= 0)
                r = sd_bus_add_match(d->bus, NULL,
                                     "type='signal',sender='org.freedesktop.DBus.Local',"
                                     "path='/org/freedesktop/DBus/Local',interface='org.freedesktop.DBus.Local',"
                                     "member='Disconnected'",
                                     on_bus_gone, d);
        if (r >= 0)
                r = sd_bus_add_filter(d->bus, NULL, on_addressed_signal, d);
        if (r < 0)
                log_error("The message bus %s cannot be reached (%s); check that it runs and that --bus is right.",
                          address ? address : "of the system", strerror(-r));
        return r;
}

static int own_name(struct daemon *d, const char *name)
{
        int r = d->bus ? sd_bus_request_name(d->bus, name, 0) : 0;

        if (r < 0 && d->bus_is_optional) {
                log_debug("The bus does not give us the name %s (%s), so nobody can call us there.", name,
                          strerror(-r));
                return 0;
        }
        if (r == -EEXIST)
                log_error("The bus name %s is taken: another instance runs already. Stop it first.", name);
        else if (r < 0)
                log_error("The bus does not give us the name %s (%s); check that its policy is installed and that we "
                          "run as "
                          "the right user.",
                          name, strerror(-r));
        return r;
}

static int open_event_loop(struct daemon *d)
{
        int r = sd_event_default(&d->event);

        /* Without a handler of ours, each ends the loop with status 0. */
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(d->event, 1);
        if (r < 0)
                log_error("The event loop cannot be set up (%s).", strerror(-r));
        return r;
}

/* "visavis-hub" is configured by hub.conf. */
static int load_config(const struct daemon_type *type, const struct options *options, struct config **out)
{
        static const char prefix[] = "visavis-";
        const char *name = type->name;

        if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
                name += sizeof(prefix) - 1;
        return config_load(name, options->config, type->keys, out);
}

/* A daemon that runs. */
struct life {
        const struct daemon_type *type;
        const struct options *options;
        struct daemon *d;
        void *state;
};

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        struct life *l = userdata;
        struct config *before = l->d->config, *fresh;
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                          (unsigned long long) now.tv_sec * 1000000 + (unsigned long long) now.tv_nsec / 1000);
        if (load_config(l->type, l->options, &fresh) >= 0) {
                l->d->config = fresh;
                if (l->type->reload(l->d, l->state) < 0) {
                        l->d->config = before;
                        before = fresh;
                } else {
                        log_info("The configuration has been read again.");
                }
                config_free(before);
        }
        (void) sd_notify(0, "READY=1");
        return 0;
}

static int listen_to_hangups(struct life *l)
{
        int r = l->type->reload
                        ? sd_event_add_signal(l->d->event, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_hangup, l)
                        : 0;

        if (r < 0)
                log_error("SIGHUP cannot be listened to (%s).", strerror(-r));
        return r;
}

/* From start() to stop(); the exit status. */
static int serve(const struct daemon_type *type, const struct options *options, struct daemon *d)
{
        struct life life = { .type = type, .options = options, .d = d };
        int r = type->start(d, &life.state);

        if (r < 0)
                return EXIT_FAILURE;
        r = listen_to_hangups(&life);
        if (r >= 0)
                r = type->bus_name ? own_name(d, type->bus_name) : 0;
        if (r >= 0) {
                sd_notify(0, "READY=1");
                log_info("%s %s is ready.", type->name, VISAVIS_VERSION);
                r = sd_event_loop(d->event);
                if (r < 0)
                        log_error("The event loop failed (%s); stopping.", strerror(-r));
        }
        sd_notify(0, "STOPPING=1");
        type->stop(d, life.state);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void daemon_release(struct daemon *d)
{
        sd_bus_flush_close_unref(d->bus);
        sd_event_unref(d->event);
        config_free(d->config);
}

static int configure_and_serve(const struct daemon_type *type, const struct options *options)
{
        _cleanup_free_ char *state_directory = NULL;
        _cleanup_(daemon_release) struct daemon d = { 0 };

        if (load_config(type, options, &d.config) < 0 || open_state_directory(options->state, &state_directory) < 0 ||
            open_event_loop(&d) < 0)
                return EXIT_FAILURE;
        d.state_directory = state_directory;
        d.bus_is_optional = type->bus_is_optional;
        d.addressed_signals = type->addressed_signals;
        if (type->bus_name && open_bus(&d, options->bus) < 0)
                return EXIT_FAILURE;
        return serve(type, options, &d);
}

int daemon_run(const struct daemon_type *type, int argc, char *argv[])
{
        struct options options = { .log_level = "info" };
        struct daemon_option common[7];
        const struct daemon_option *all[OPTIONS_MAX];

        harden();
        describe_options(&options, common);
        unsigned count = collect_options(type->options, all, collect_options(common, all, 0));
        if (parse_options(all, count, argc, argv) < 0)
                return EXIT_FAILURE;
        if (options.help) {
                print_help(type, all, count);
                return EXIT_SUCCESS;
        }
        if (options.version) {
                printf("%s %s\n", type->name, VISAVIS_VERSION);
                return EXIT_SUCCESS;
        }

        int level = parse_log_level(options.log_level);
        if (level < 0) {
                fprintf(stderr, "%s: there is no log level \"%s\"; see --help.\n", type->name, options.log_level);
                return EXIT_FAILURE;
        }
        log_open(type->name, level);
        return configure_and_serve(type, &options);
}

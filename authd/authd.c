/* See authd.h. */
#include "authd/authd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "authd/attempt.h"
#include "authd/device.h"
#include "authd/models.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

static const uint64_t RETRY_USEC = 1000 * 1000;

uint64_t authd_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void update_camera_active(struct authd *a)
{
        bool active = false;

        for (struct post *p = a->posts; p; p = p->next)
                active = active || p->sight;
        if (active != a->camera_active) {
                a->camera_active = active;
                manager_camera_changed(a);
        }
}

static int open_sight(struct post *p);

static void on_seen(void *userdata, const struct observation *o)
{
        struct post *p = userdata;

        if (p->attempt)
                attempt_seen(p->attempt, o);
}

static void on_closed(void *userdata, int error)
{
        struct post *p = userdata;
        struct attempt *waiting = p->attempt;

        p->sight = sight_free(p->sight);
        if (waiting && error < 0) {
                p->attempt = NULL;
                attempt_lost_camera(waiting, error);
        } else if (waiting) {
                int r = open_sight(p);

                if (r < 0) {
                        p->attempt = NULL;
                        attempt_lost_camera(waiting, r);
                }
        }
        update_camera_active(p->authd);
}

static int open_sight(struct post *p)
{
        static const struct sight_events events = { .seen = on_seen, .closed = on_closed };
        const struct authd *a = p->authd;
        int r = sight_start(a->event, &p->camera, a->settings.models, &a->manifest, attempt_wanted(p->attempt), &events,
                            p, &p->sight);

        update_camera_active(p->authd);
        return r;
}

int post_take(struct post *p, struct attempt *t)
{
        int r = 0;

        p->attempt = t;
        if (!p->sight)
                r = open_sight(p);
        if (r < 0)
                p->attempt = NULL;
        return r;
}

void post_leave(struct post *p)
{
        p->attempt = NULL;
        if (p->sight)
                sight_stop(p->sight);
}

static struct post *default_post(struct authd *a)
{
        struct post *grey = NULL;

        for (struct post *p = a->posts; p; p = p->next) {
                if (!p->path || (!p->absent && !p->infrared))
                        return p;
                if (!p->absent && !grey)
                        grey = p;
        }
        return grey;
}

struct post *authd_post(struct authd *a, const char *name)
{
        if (!name)
                return default_post(a);
        for (struct post *p = a->posts; p; p = p->next) {
                if (!p->absent && strcmp(p->camera.name, name) == 0)
                        return p;
        }
        return NULL;
}

int post_state(const struct post *p)
{
        if (p->attempt)
                return -EBUSY;
        return camera_virtual(&p->camera) || access(p->camera.path, R_OK | W_OK) == 0 ? 0 : -errno;
}

static struct post *add_post(struct authd *a)
{
        struct post **last = &a->posts, *p = calloc(1, sizeof(*p));

        if (!p)
                return NULL;
        while (*last)
                last = &(*last)->next;
        p->authd = a;
        *last = p;
        return p;
}

static void see_infrared(struct post *p)
{
        _cleanup_close_ int fd = -1;

        if (p->camera.kind == CAMERA_V4L2 && device_open(p->camera.path, &fd) >= 0)
                p->infrared = device_infrared(fd);
}

static int read_cameras(struct authd *a, const struct config *config)
{
        const char *name;

        for (unsigned i = 0; (name = config_instance(config, "camera", i)); i++) {
                struct post *p = add_post(a);
                int r = p ? camera_read(config, name, &p->camera) : -ENOMEM;

                if (r < 0)
                        return r;
                see_infrared(p);
                if (camera_virtual(&p->camera))
                        log_notice("The camera %s is virtual: it shows %s, not what is before this machine.", name,
                                   p->camera.path);
        }
        return 0;
}

/* The post that has this device already, by whichever of its names. */
static struct post *post_of(struct authd *a, const struct discovered *d)
{
        for (struct post *p = a->posts; p; p = p->next) {
                struct stat ours, theirs;

                if (p->path && strcmp(p->path, d->path) == 0)
                        return p;
                if (!p->path && p->camera.kind == CAMERA_V4L2 && stat(p->camera.path, &ours) == 0 &&
                    stat(d->path, &theirs) == 0 && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev)
                        return p;
        }
        return NULL;
}

static void adopt(struct authd *a, const struct discovered *d)
{
        struct post *p = post_of(a, d);

        if (!p && (authd_post(a, d->name) || !(p = add_post(a))))
                return;
        if (!p->camera.path) {
                p->path = strdup(d->path);
                if (!p->path)
                        abort(); /* as secrets do: nothing sensible can follow */
                camera_of_device(d->name, p->path, &p->camera);
                log_info("The camera %s is there (%s%s).", d->name, d->path, d->infrared ? ", infrared" : "");
        }
        p->infrared = d->infrared;
        p->absent = false;
}

static void take_in(struct authd *a)
{
        unsigned count;
        const struct discovered *found = discovery_list(a->discovery, &count);

        for (struct post *p = a->posts; p; p = p->next)
                p->absent = p->path;
        for (unsigned i = 0; i < count; i++)
                adopt(a, &found[i]);
}

static void on_discovery(void *userdata)
{
        take_in(userdata);
        manager_cameras_changed(userdata);
}

static int discover(struct authd *a)
{
        int r = 0;

        if (a->settings.devices)
                r = discovery_new(a->event, a->settings.devices, on_discovery, a, &a->discovery);
        if (r < 0)
                log_error(
                        "Cameras cannot be found in %s (%s); name them in authd.conf and set [cameras] discover = no.",
                        a->settings.devices, strerror(-r));
        else if (a->discovery)
                take_in(a);
        if (r >= 0 && !authd_post(a, NULL))
                log_warning(
                        "There is no camera, so nobody can be recognised. Plug one in, or add \"[camera NAME]\" with a "
                        "path to authd.conf; docs/dbus/auth1.md has examples.");
        return r;
}

/* Tickets hold secrets, so an expired one is not left lying until somebody asks. */
static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct authd *a = userdata;

        tickets_expire(a->tickets, authd_now());
        (void) sd_event_source_set_time_relative(source, 1000000);
        return sd_event_source_set_enabled(source, tickets_count(a->tickets) > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* The files are read anew for each attempt; what is wrong with them is better said now. */
static int check_networks(struct authd *a)
{
        _cleanup_models_ struct models models = { 0 };
        int r = models_load_engine(a->settings.models, a->settings.engine, &models);

        a->manifest = models.manifest;
        return r;
}

static int export(struct authd *a)
{
        int r = sd_event_add_time_relative(a->event, &a->expiry, CLOCK_BOOTTIME, 0, 0, on_expiry, a);

        if (r >= 0)
                r = manager_export(a);
        if (r >= 0)
                r = administration_export(a);
        if (r >= 0)
                r = redemption_export(a);
        if (r < 0)
                log_error("authd cannot export its objects on the bus: %s.", strerror(-r));
        return r;
}

static int cannot(int r, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR_STORAGE,
                                 "What authd keeps of the enrolled faces cannot be used, and nothing was changed: %s.",
                                 storage_advice(r));
}

int authd_ready(struct authd *a, sd_bus_error *error)
{
        int r;

        if (a->accounts)
                return 0;
        if (a->retried != 0 && authd_now() - a->retried < RETRY_USEC)
                return cannot(a->error, error);
        a->retried = authd_now();
        r = accounts_open(a->directory, &a->accounts);
        a->error = r;
        return r < 0 ? cannot(r, error) : 0;
}

int authd_ready_for_attempt(struct authd *a, bool enrolment, sd_bus_error *error)
{
        int r = authd_ready(a, error);

        if (r < 0)
                return r;
        r = accounts_check_room(a->accounts, enrolment);
        return r < 0 ? cannot(r, error) : 0;
}

int authd_new(sd_event *event, sd_bus *bus, const struct config *config, const char *directory,
              const struct authd_settings *settings, struct authd **out)
{
        struct authd *a = calloc(1, sizeof(*a));
        int r;

        if (!a || !(a->tickets = tickets_new()))
                abort(); /* at start, so nothing is lost */
        a->event = sd_event_ref(event);
        a->bus = sd_bus_ref(bus);
        a->settings = *settings;
        a->directory = directory;
        (void) authd_ready(a, NULL); /* it was said, and is tried again */
        if ((r = read_cameras(a, config)) < 0 || (r = discover(a)) < 0 || (r = check_networks(a)) < 0 ||
            (r = export(a)) < 0) {
                authd_free(a);
                return r;
        }
        *out = a;
        return 0;
}

struct authd *authd_free(struct authd *a)
{
        if (!a)
                return NULL;
        while (a->attempts)
                attempt_free(a->attempts);
        while (a->posts) {
                struct post *p = a->posts;

                a->posts = p->next;
                sight_free(p->sight);
                free(p->path);
                free(p);
        }
        discovery_free(a->discovery);
        tickets_free(a->tickets);
        accounts_close(a->accounts);
        sd_event_source_disable_unref(a->expiry);
        sd_bus_unref(a->bus);
        sd_event_unref(a->event);
        free(a);
        return NULL;
}

/* See authd.h. */
#include "authd/authd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authd/attempt.h"
#include "authd/models.h"
#include "services/cleanup.h"
#include "services/log.h"

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

struct post *authd_post(struct authd *a, const char *name)
{
        if (!name)
                return a->posts;
        for (struct post *p = a->posts; p; p = p->next) {
                if (strcmp(p->camera.name, name) == 0)
                        return p;
        }
        return NULL;
}

static int read_cameras(struct authd *a, const struct config *config)
{
        struct post **last = &a->posts;
        const char *name;

        for (unsigned i = 0; (name = config_instance(config, "camera", i)); i++) {
                struct post *p = calloc(1, sizeof(*p));
                int r;

                if (!p)
                        return -ENOMEM;
                p->authd = a;
                *last = p;
                last = &p->next;
                r = camera_read(config, name, &p->camera);
                if (r < 0)
                        return r;
                if (camera_virtual(&p->camera))
                        log_notice("The camera %s is virtual: it shows %s, not what is before this machine.", name,
                                   p->camera.path);
        }
        if (!a->posts)
                log_warning(
                        "No camera is configured, so nobody can be recognised. Add \"[camera NAME]\" with a path to "
                        "authd.conf; docs/dbus/auth1.md has examples.");
        return 0;
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
                r = redemption_export(a);
        if (r < 0)
                log_error("authd cannot export its objects on the bus: %s.", strerror(-r));
        return r;
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
        if ((r = read_cameras(a, config)) < 0 || (r = check_networks(a)) < 0 ||
            (r = accounts_open(directory, &a->accounts)) < 0 || (r = export(a)) < 0) {
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
                free(p);
        }
        tickets_free(a->tickets);
        accounts_close(a->accounts);
        sd_event_source_disable_unref(a->expiry);
        sd_bus_unref(a->bus);
        sd_event_unref(a->event);
        free(a);
        return NULL;
}

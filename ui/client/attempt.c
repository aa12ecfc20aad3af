/* One attempt before the camera, followed. */
#include "ui/client/attempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/properties.h"

struct attempt {
        sd_bus *bus;
        const struct attempt_events *events;
        void *userdata;
        char *path; /* NULL until authd has answered */
        struct calls calls;
        sd_bus_slot *changed_slot;
        sd_bus_slot *gone_slot;
        sd_bus_slot *lost_slot;
        bool reading; /* a GetAll is under way */
        bool stale;   /* a change was announced since it was sent */
        struct attempt_view view;
        attempt_ticket ticket_done;
        void *ticket_userdata;
        attempt_preview preview_done;
        void *preview_userdata;
};

static bool ended(const struct attempt *a)
{
        return a->view.state >= ATTEMPT_SUCCEEDED;
}

static int parse_state(const char *name, enum attempt_state *out)
{
        static const char *const names[] = { "starting", "searching", "challenge", "succeeded", "failed", "cancelled" };

        for (unsigned i = 0; i < COUNT_OF(names); i++)
                if (strcmp(name, names[i]) == 0) {
                        *out = (enum attempt_state) i;
                        return 0;
                }
        return -EBADMSG;
}

static int parse_view(sd_bus_message *m, struct attempt_view *v)
{
        char state[32] = "";
        const struct property properties[] = {
                { "State", PROPERTY_STRING, state, sizeof(state) },
                { "Account", PROPERTY_STRING, v->account, sizeof(v->account) },
                { "Camera", PROPERTY_STRING, v->camera, sizeof(v->camera) },
                { "Virtual", PROPERTY_BOOLEAN, &v->virtual, 0 },
                { "Prompt", PROPERTY_STRING, v->prompt, sizeof(v->prompt) },
                { "PromptText", PROPERTY_STRING, v->prompt_text, sizeof(v->prompt_text) },
                { "Hint", PROPERTY_STRING, v->hint, sizeof(v->hint) },
                { "Progress", PROPERTY_DOUBLE, &v->progress, 0 },
                { "FaceBox", PROPERTY_FOUR_DOUBLES, v->face_box, 0 },
                { "Failure", PROPERTY_STRING, v->failure, sizeof(v->failure) },
                { "FailureText", PROPERTY_STRING, v->failure_text, sizeof(v->failure_text) },
                { NULL, 0, NULL, 0 },
        };

        *v = (struct attempt_view){ 0 };
        int r = properties_read(m, properties);
        return r < 0 ? r : parse_state(state, &v->state);
}

static void broken(struct attempt *a, const sd_bus_error *error)
{
        calls_cancel(&a->calls);
        a->view.state = ATTEMPT_FAILED;
        a->events->broken(a, error, a->userdata);
}

static void broken_errno(struct attempt *a, int r)
{
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;

        sd_bus_error_set_errno(&e, r);
        broken(a, &e);
}

static void on_properties(sd_bus_message *reply, const sd_bus_error *error, void *userdata);

static int read_again(struct attempt *a)
{
        if (!a->path || ended(a))
                return 0;
        if (a->reading) {
                a->stale = true;
                return 0;
        }
        int r = calls_get_all(&a->calls, a->bus, AUTH_SERVICE, a->path, AUTH_ATTEMPT, on_properties, a);
        a->reading = r >= 0;
        a->stale = false;
        return r;
}

static void on_properties(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct attempt *a = userdata;
        struct attempt_view view;

        a->reading = false;
        if (error) {
                broken(a, error);
                return;
        }
        int r = parse_view(reply, &view);
        if (r < 0) {
                broken_errno(a, r);
                return;
        }
        a->view = view;
        r = a->stale ? read_again(a) : 0;
        if (r < 0)
                broken_errno(a, r);
        else
                a->events->changed(a, &view, a->userdata);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct attempt *a = userdata;
        int r = a->path && strcmp(sd_bus_message_get_path(m), a->path) == 0 ? read_again(a) : 0;

        if (r < 0)
                broken_errno(a, r);
        return 0;
}

static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct attempt *a = userdata;
        const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_NO_REPLY, "");

        if (client_from_bus(m) && !ended(a))
                broken(a, &error);
        return 0;
}

static int on_lost(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct attempt *a = userdata;
        const sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_DISCONNECTED, "");

        if (!ended(a))
                broken(a, &error);
        return 0;
}

static void on_started(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct attempt *a = userdata;
        const char *path;

        if (error) {
                broken(a, error);
                return;
        }
        int r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = (a->path = strdup(path)) ? 0 : -ENOMEM;
        if (r >= 0)
                r = read_again(a);
        if (r < 0)
                broken_errno(a, r);
}

static int append_options(sd_bus_message *m, const struct attempt_request *request)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && request->camera)
                r = sd_bus_message_append(m, "{sv}", "camera", "s", request->camera);
        if (r >= 0 && request->kind == ATTEMPT_ENROL && request->account)
                r = sd_bus_message_append(m, "{sv}", "account", "s", request->account);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int call_start(struct attempt *a, const struct attempt_request *request)
{
        static const char *const methods[] = { [ATTEMPT_ENROL] = "Enrol",
                                               [ATTEMPT_VERIFY] = "Verify",
                                               [ATTEMPT_ADD_LOOK] = "AddLook",
                                               [ATTEMPT_IDENTIFY] = "Identify" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(a->bus, &m, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER,
                                               methods[request->kind]);

        if (r >= 0 && request->account && request->kind != ATTEMPT_ENROL)
                r = sd_bus_message_append(m, "s", request->account);
        if (r >= 0 && request->kind == ATTEMPT_ADD_LOOK)
                r = sd_bus_message_append_array(m, 'y', request->ticket.data, request->ticket.size);
        if (r >= 0)
                r = append_options(m, request);
        return r < 0 ? r : calls_send(&a->calls, m, on_started, a);
}

int attempt_start(sd_bus *bus, const struct attempt_request *request, const struct attempt_events *events,
                  void *userdata, struct attempt **out)
{
        struct attempt *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->bus = sd_bus_ref(bus);
        a->events = events;
        a->userdata = userdata;
        /* Before the call, so that no change can fall between the answer and the match. */
        int r = sd_bus_add_match_async(bus, &a->changed_slot,
                                       "type='signal',sender='" AUTH_SERVICE "',path_namespace='" AUTH_PATH "/attempt',"
                                       "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
                                       on_changed, NULL, a);
        if (r >= 0)
                r = client_watch_service(bus, AUTH_SERVICE, on_gone, a, &a->gone_slot);
        if (r >= 0)
                r = client_watch_connection(bus, on_lost, a, &a->lost_slot);
        if (r >= 0)
                r = call_start(a, request);
        if (r < 0) {
                attempt_free(a);
                return r;
        }
        *out = a;
        return 0;
}

struct attempt *attempt_free(struct attempt *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (!a)
                return NULL;
        calls_cancel(&a->calls);
        /* Nobody waits for the answer: the attempt ends with this connection at the latest. */
        if (a->path && !ended(a) &&
            sd_bus_message_new_method_call(a->bus, &m, AUTH_SERVICE, a->path, AUTH_ATTEMPT, "Cancel") >= 0 &&
            sd_bus_message_set_expect_reply(m, false) >= 0)
                (void) sd_bus_send(a->bus, m, NULL);
        sd_bus_slot_unref(a->changed_slot);
        sd_bus_slot_unref(a->gone_slot);
        sd_bus_slot_unref(a->lost_slot);
        sd_bus_unref(a->bus);
        free(a->path);
        free(a);
        return NULL;
}

static const char *error_of_failure(const struct attempt_view *view)
{
        static const struct {
                const char *failure;
                const char *error;
        } others[] = {
                { "camera", ERROR_CAMERA },
                { "throttled", ERROR_THROTTLED },
                { "storage", ERROR_STORAGE },
                { "internal", ERROR_INTERNAL },
        };

        if (view->state == ATTEMPT_CANCELLED)
                return CLIENT_ERROR_CANCELLED;
        for (unsigned i = 0; i < COUNT_OF(others); i++)
                if (strcmp(view->failure, others[i].failure) == 0)
                        return others[i].error;
        return CLIENT_ERROR_FACE;
}

void attempt_failure(const struct attempt_view *view, sd_bus_error *out)
{
        const char *text = view->failure_text;

        if (!*text)
                text = view->state == ATTEMPT_CANCELLED ? "The attempt before the camera was cancelled."
                                                        : "The attempt before the camera failed; no reason was given.";
        sd_bus_error_set(out, error_of_failure(view), text);
}

static void on_ticket(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct attempt *a = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error bad = SD_BUS_ERROR_NULL;
        const void *p = NULL;
        size_t size = 0;

        if (!error && sd_bus_message_read_array(reply, 'y', &p, &size) < 0) {
                sd_bus_error_set_errno(&bad, EBADMSG);
                error = &bad;
        }
        a->ticket_done(error ? BYTES(NULL, 0) : BYTES(p, size), error, a->ticket_userdata);
}

int attempt_take_ticket(struct attempt *a, attempt_ticket done, void *userdata)
{
        a->ticket_done = done;
        a->ticket_userdata = userdata;
        return calls_method(&a->calls, a->bus, AUTH_SERVICE, a->path, AUTH_ATTEMPT, "TakeTicket", on_ticket, a, "");
}

static void on_preview(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct attempt *a = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error bad = SD_BUS_ERROR_NULL;
        int fd = -1;

        if (!error && sd_bus_message_read(reply, "h", &fd) < 0) {
                sd_bus_error_set_errno(&bad, EBADMSG);
                error = &bad;
        }
        a->preview_done(error ? -1 : fd, error, a->preview_userdata);
}

int attempt_open_preview(struct attempt *a, attempt_preview done, void *userdata)
{
        if (!a->path)
                return -ENOTCONN;
        a->preview_done = done;
        a->preview_userdata = userdata;
        return calls_method(&a->calls, a->bus, AUTH_SERVICE, a->path, AUTH_ATTEMPT, "OpenPreview", on_preview, a, "");
}

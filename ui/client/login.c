/* From a face and a PIN to an unlocked account. */
#include "ui/client/login.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"

struct login {
        sd_bus *bus;
        char *account;
        char *path;
        char *address;
        char *suite;
        char *without_face;
        struct secret *pin, *invitation;
        const struct login_events *events;
        void *userdata;
        struct attempt *attempt;
        char enrolled[33]; /* the new account's id */
        struct calls calls;
};

static void fail(struct login *l, const sd_bus_error *error)
{
        l->pin = secret_free(l->pin);
        l->events->done(l, NULL, error, l->userdata);
}

static void fail_errno(struct login *l, int r)
{
        _cleanup_(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;

        sd_bus_error_set_errno(&e, r);
        fail(l, &e);
}

static void on_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct login *l = userdata;
        const char *path = l->path;
        int r = 0;

        if (error) {
                fail(l, error);
                return;
        }
        if (!l->account)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                fail_errno(l, r);
        else
                l->events->done(l, path, NULL, l->userdata);
}

static int append_options(struct login *l, sd_bus_message *m)
{
        _cleanup_close_ int invitation = -1;
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && l->suite)
                r = sd_bus_message_append(m, "{sv}", "suite", "s", l->suite);
        if (r >= 0 && l->invitation) {
                r = secret_to_fd(l->invitation, &invitation);
                if (r >= 0)
                        r = sd_bus_message_append(m, "{sv}", "invitation", "h", invitation);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_request(struct login *l, sd_bus_message *m, struct bytes ticket, int factor)
{
        int r = 0;

        if (l->without_face)
                return sd_bus_message_append(m, "sh", l->without_face, factor);
        if (!l->account)
                r = sd_bus_message_append(m, "s", l->enrolled);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', ticket.data, ticket.size);
        if (r >= 0)
                r = sd_bus_message_append(m, "h", factor);
        if (r < 0 || l->account)
                return r;
        r = sd_bus_message_append(m, "s", l->address);
        return r < 0 ? r : append_options(l, m);
}

/* Unlock for a log-in, CreateAccount for a sign-up. */
static int open_vault(struct login *l, struct bytes ticket)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_close_ int factor = -1;
        int r = secret_to_fd(l->pin, &factor);

        l->pin = secret_free(l->pin);
        if (r >= 0)
                r = l->account
                            ? sd_bus_message_new_method_call(l->bus, &m, CRYPTO_SERVICE, l->path,
                                                             l->without_face ? CRYPTO_SLOTS : CRYPTO_ACCOUNT, "Unlock")
                            : sd_bus_message_new_method_call(l->bus, &m, CRYPTO_SERVICE, CRYPTO_PATH, CRYPTO_MANAGER,
                                                             "CreateAccount");
        if (r >= 0)
                r = append_request(l, m, ticket, factor);
        return r < 0 ? r : calls_send(&l->calls, m, on_opened, l);
}

static void on_ticket(struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        struct login *l = userdata;

        if (error) {
                fail(l, error);
                return;
        }
        int r = open_vault(l, ticket);
        if (r < 0)
                fail_errno(l, r);
        else if (l->events->opening)
                l->events->opening(l, l->userdata);
}

static void on_changed(struct attempt *a, const struct attempt_view *view, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error refused = SD_BUS_ERROR_NULL;
        struct login *l = userdata;

        switch (view->state) {
        case ATTEMPT_STARTING:
        case ATTEMPT_SEARCHING:
        case ATTEMPT_CHALLENGE:
                l->events->changed(l, view, l->userdata);
                return;
        case ATTEMPT_FAILED:
        case ATTEMPT_CANCELLED:
                attempt_failure(view, &refused);
                fail(l, &refused);
                return;
        case ATTEMPT_SUCCEEDED:
                break;
        }
        memcpy(l->enrolled, view->account, sizeof(l->enrolled));
        int r = attempt_take_ticket(a, on_ticket, l);
        if (r < 0)
                fail_errno(l, r);
        else
                l->events->changed(l, view, l->userdata);
}

static void on_broken(struct attempt *a, const sd_bus_error *error, void *userdata)
{
        fail(userdata, error);
}

static const struct attempt_events attempt_events = { .changed = on_changed, .broken = on_broken };

static int copy_string(const char *from, char **to)
{
        if (!from)
                return 0;
        *to = strdup(from);
        return *to ? 0 : -ENOMEM;
}

int login_start(sd_bus *bus, const struct login_request *request, struct secret *pin, const struct login_events *events,
                void *userdata, struct login **out)
{
        struct login *l = calloc(1, sizeof(*l));

        if (!l) {
                secret_free(pin);
                return -ENOMEM;
        }
        *l = (struct login){ .bus = sd_bus_ref(bus), .pin = pin, .events = events, .userdata = userdata };
        if (request->invitation)
                l->invitation = secret_copy(secret_bytes(request->invitation));
        const struct attempt_request before_camera = { .kind = request->account ? ATTEMPT_VERIFY : ATTEMPT_ENROL,
                                                       .account = request->account,
                                                       .camera = request->camera };
        int r = copy_string(request->account, &l->account);
        if (r >= 0)
                r = copy_string(request->path, &l->path);
        if (r >= 0)
                r = copy_string(request->address, &l->address);
        if (r >= 0)
                r = copy_string(request->suite, &l->suite);
        if (r >= 0)
                r = copy_string(request->without_face, &l->without_face);
        if (r >= 0)
                r = l->without_face ? open_vault(l, BYTES(NULL, 0))
                                    : attempt_start(bus, &before_camera, &attempt_events, l, &l->attempt);
        if (r < 0) {
                login_free(l);
                return r;
        }
        *out = l;
        return 0;
}

struct login *login_free(struct login *l)
{
        if (!l)
                return NULL;
        calls_cancel(&l->calls);
        attempt_free(l->attempt);
        secret_free(l->pin);
        secret_free(l->invitation);
        sd_bus_unref(l->bus);
        free(l->account);
        free(l->path);
        free(l->address);
        free(l->suite);
        free(l->without_face);
        free(l);
        return NULL;
}

int login_open_preview(struct login *l, attempt_preview done, void *userdata)
{
        return attempt_open_preview(l->attempt, done, userdata);
}

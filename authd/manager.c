/* im.visavis.Auth1.Manager: who wants to be enrolled or verified comes here. */
#include <errno.h>
#include <string.h>

#include "authd/attempt.h"
#include "authd/growth.h"
#include "authd/refusal.h"
#include "authd/witness.h"
#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"
#include "services/log.h"

#define INTERFACE "im.visavis.Auth1.Manager"

void manager_camera_changed(struct authd *a)
{
        static const char *const names[] = { "CameraActive", "CameraStates", NULL };

        (void) bus_emit_properties_changed_to(a->bus, NULL, AUTHD_PATH, INTERFACE, names);
}

void manager_cameras_changed(struct authd *a)
{
        static const char *const names[] = { "Cameras", "CameraStates", NULL };

        (void) bus_emit_properties_changed_to(a->bus, NULL, AUTHD_PATH, INTERFACE, names);
}

struct wishes {
        const char *camera;
        struct attempt_request *request;
};

/* An account that is enrolled anew is named by an option, for the others name it by an argument. */
static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct wishes *w = userdata;

        if (strcmp(name, "camera") == 0)
                return sd_bus_message_read(m, "v", "s", &w->camera);
        if (strcmp(name, "account") == 0 && w->request->kind == EXAMINATION_ENROL)
                return sd_bus_message_read(m, "v", "s", &w->request->account);
        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                 "There is no option \"%s\" here; there is \"camera\"%s.", name,
                                 w->request->kind == EXAMINATION_ENROL ? " and \"account\"" : "");
}

/* Of an account whose face was removed, or lost. */
static int check_enrols_anew(struct authd *a, const char *account, uid_t uid, sd_bus_error *error)
{
        enum engine ignored;
        int r;

        if (strlen(account) != ACCOUNT_ID_SIZE - 1 || strspn(account, "0123456789abcdef") != ACCOUNT_ID_SIZE - 1)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "An account is named by its id, 32 digits from 0 to f.");
        r = accounts_engine(a->accounts, account, uid, &ignored);
        if (r >= 0)
                return sd_bus_error_set(error, ERROR_EXISTS,
                                        "A face is enrolled for this account. Add another look to it, or have the "
                                        "administrator remove it first.");
        return r == -ENOENT ? 0 : refusal_storage(a, error);
}

static int find_post(struct authd *a, const char *camera, sd_bus_error *error, struct post **out)
{
        struct post *p = authd_post(a, camera);

        if (!p && camera)
                return sd_bus_error_setf(error, ERROR_CAMERA, "There is no camera \"%s\"; see the property Cameras.",
                                         camera);
        if (!p)
                return sd_bus_error_set(error, ERROR_CAMERA,
                                        "There is no camera; plug one in, or have the administrator add one to "
                                        "authd.conf.");
        if (p->attempt)
                return sd_bus_error_setf(error, ERROR_BUSY,
                                         "Somebody is before the camera %s at the moment; try again in a minute.",
                                         p->camera.name);
        *out = p;
        return 0;
}

static int check_room(struct authd *a, uid_t uid, sd_bus_error *error)
{
        unsigned all = 0, own = 0;

        for (struct attempt *t = a->attempts; t; t = t->next) {
                all++;
                own += t->uid == uid;
        }
        if ((own >= ATTEMPTS_PER_USER_MAX || all >= ATTEMPTS_MAX) && !attempt_make_room(a, uid))
                return sd_bus_error_set(error, ERROR_BUSY, "There were too many attempts just now; wait a minute.");
        return 0;
}

static int start(struct authd *a, sd_bus_message *m, struct attempt_request *request, const struct caller *caller,
                 sd_bus_error *error)
{
        struct wishes wishes = { .request = request };
        struct attempt *attempt;
        struct post *post = NULL;
        int r = bus_read_options(m, read_option, &wishes, error);

        if (r >= 0 && request->kind == EXAMINATION_ENROL && request->account)
                r = check_enrols_anew(a, request->account, caller->uid, error);
        if (r >= 0)
                r = find_post(a, wishes.camera, error, &post);
        if (r >= 0)
                r = check_room(a, caller->uid, error);
        if (r < 0)
                return r;
        request->owner = caller->name;
        request->uid = caller->uid;
        r = attempt_new(post, request, &attempt);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INTERNAL, "The attempt cannot be started: %s. Try again.",
                                         strerror(-r));
        return sd_bus_reply_method_return(m, "o", attempt->path);
}

static int on_enrol(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct attempt_request request = { .kind = EXAMINATION_ENROL };
        struct authd *a = userdata;
        struct caller caller;
        unsigned count;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = authd_ready_for_attempt(a, true, error);
        if (r < 0)
                return r;
        if (accounts_count(a->accounts, caller.uid, &count) < 0)
                return refusal_storage(a, error);
        if (count >= a->settings.accounts_max)
                return sd_bus_error_setf(error, ERROR_EXISTS,
                                         "You have %u accounts here, which is the most that authd.conf allows.", count);
        return start(a, m, &request, &caller, error);
}

/* What a face is compared with, as the engine has it. */
static int load_known(struct authd *a, struct attempt_request *request, uid_t uid, struct template *known,
                      sd_bus_error *error)
{
        enum engine engine;
        int r = accounts_engine(a->accounts, request->account, uid, &engine);

        if (r >= 0 && engine != a->settings.engine)
                return sd_bus_error_setf(error, ERROR_STORAGE,
                                         "The face of this account was enrolled with the engine %s, and authd now uses "
                                         "%s. Have the administrator go back, or remove this enrolment, log in with "
                                         "your recovery code, and enrol your face anew.",
                                         engine_name(engine), engine_name(a->settings.engine));
        if (r >= 0 && engine == ENGINE_LBPH)
                r = accounts_gallery(a->accounts, request->account, uid, &request->gallery);
        else if (r >= 0)
                r = accounts_template(a->accounts, request->account, uid, known, &request->rotation);
        if (r == -ENOENT)
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "No face of yours is enrolled for this account. If it was, log in with the "
                                        "recovery code and enrol it anew: visavis slots enrol; if you have no account, "
                                        "sign up first.");
        if (r == -EBADMSG)
                return sd_bus_error_set(error, ERROR_STORAGE,
                                        "The face of this account cannot be read; authd's journal says why.");
        return r < 0 ? refusal_storage(a, error) : 0;
}

/* Starts an attempt that needs the account's template. */
static int compare(struct authd *a, sd_bus_message *m, struct attempt_request *request, const struct caller *caller,
                   sd_bus_error *error)
{
        _cleanup_template_ struct template known = { 0 };
        int r = load_known(a, request, caller->uid, &known, error);

        if (r < 0)
                return r;
        request->known = &known;
        r = refusal_busy(a, request->account, error);
        if (r >= 0)
                r = refusal_wait(a, request->account, error);
        if (r >= 0)
                r = start(a, m, request, caller, error);
        rotation_free(request->rotation);
        gallery_free(request->gallery);
        return r;
}

static int verify(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct attempt_request request = { .kind = EXAMINATION_VERIFY };
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &request.account);
        return r < 0 ? r : compare(userdata, m, &request, &caller, error);
}

/* Begins with the account's id. */
static int ask_witness(struct authd *a, sd_bus_message *m, sd_bus_message_handler_t then, sd_bus_error *error)
{
        struct caller caller;
        const char *account;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = authd_ready_for_attempt(a, false, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &account);
        return r < 0 ? r : witness_ask(a, m, caller.uid, account, then, error);
}

static int on_verify(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return ask_witness(userdata, m, verify, error);
}

/* Reads an account and the ticket that lets its template be changed, and uses the latter up. */
static int read_permission(struct authd *a, sd_bus_message *m, const struct caller *caller, const char **out_account,
                           sd_bus_error *error)
{
        const void *ticket;
        size_t size;
        int r = refusal_without_networks(a, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", out_account);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &ticket, &size);
        return r < 0 ? r : refusal_ticket(a, BYTES(ticket, size), *out_account, caller, error);
}

static int add_look(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct attempt_request request = { .kind = EXAMINATION_ADD_LOOK };
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = read_permission(userdata, m, &caller, &request.account, error);
        return r < 0 ? r : compare(userdata, m, &request, &caller, error);
}

static int on_add_look(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        (void) sd_bus_message_sensitive(m);
        return ask_witness(userdata, m, add_look, error);
}

static int remove_from(struct authd *a, const char *account, uid_t uid, unsigned look, sd_bus_error *error)
{
        _cleanup_template_ struct template known = { 0 };
        struct attempt_request request = { .account = account };
        int r = load_known(a, &request, uid, &known, error);

        rotation_free(request.rotation);
        if (r < 0)
                return r;
        r = growth_remove_look(&known, look);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "There is no look number %u; see ListLooks.", look);
        if (r < 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is the only look that opens the account. Add another one first.");
        return accounts_replace_template(a->accounts, account, uid, &known) < 0 ? refusal_storage(a, error) : 0;
}

static int remove_look(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct authd *a = userdata;
        struct caller caller;
        const char *account;
        uint8_t look;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = read_permission(a, m, &caller, &account, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "y", &look);
        if (r >= 0)
                r = refusal_busy(a, account, error);
        if (r >= 0)
                r = remove_from(a, account, caller.uid, look, error);
        if (r < 0)
                return r;
        log_notice("Look %u of account %s was removed.", look, account);
        return sd_bus_reply_method_return(m, "");
}

static int on_remove_look(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        (void) sd_bus_message_sensitive(m);
        return ask_witness(userdata, m, remove_look, error);
}

static int on_list_looks(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_template_ struct template known = { 0 };
        struct attempt_request request = { 0 };
        struct authd *a = userdata;
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = authd_ready(a, error);
        if (r >= 0)
                r = refusal_without_networks(a, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &request.account);
        if (r >= 0)
                r = load_known(a, &request, caller.uid, &known, error);
        rotation_free(request.rotation);
        if (r >= 0)
                r = bus_answer_list(m, "(yu)", &reply);
        for (unsigned look = 0; r >= 0 && look < growth_looks(&known); look++)
                r = sd_bus_message_append(reply, "(yu)", look, template_count(&known, (uint8_t) look));
        return r < 0 ? r : bus_send_list(reply);
}

static int identify(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct attempt_request request = { .kind = EXAMINATION_IDENTIFY };
        struct authd *a = userdata;
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = refusal_without_networks(a, error);
        if (r >= 0)
                r = refusal_any_wait(a, caller.uid, error);
        return r < 0 ? r : start(a, m, &request, &caller, error);
}

static int on_identify(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = authd_ready_for_attempt(userdata, false, error);
        return r < 0 ? r : witness_ask(userdata, m, caller.uid, NULL, identify, error);
}

static int append_enrolment(struct authd *a, sd_bus_message *reply, const char *account, uid_t uid)
{
        enum engine engine;
        uint64_t wait;
        int r = accounts_engine(a->accounts, account, uid, &engine);

        if (r >= 0)
                r = accounts_wait(a->accounts, account, &wait);
        return r < 0 ? r
                     : sd_bus_message_append(reply, "(sst)", account, engine_name(engine), (wait + 999999) / 1000000);
}

static int on_list_enrolments(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct authd *a = userdata;
        char account[ACCOUNT_ID_SIZE] = "";
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0)
                r = authd_ready(a, error);
        if (r >= 0)
                r = bus_answer_list(m, "(sst)", &reply);
        if (r < 0)
                return r;
        while ((r = accounts_next(a->accounts, caller.uid, account)) > 0 &&
               (r = append_enrolment(a, reply, account, caller.uid)) >= 0)
                ;
        return r < 0 ? refusal_storage(a, error) : bus_send_list(reply);
}

static int get_cameras(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct authd *a = userdata;
        int r = sd_bus_message_open_container(reply, 'a', "(ssb)");

        for (struct post *p = a->posts; r >= 0 && p; p = p->next)
                if (!p->absent)
                        r = sd_bus_message_append(reply, "(ssb)", p->camera.name, camera_kind_name(p->camera.kind),
                                                  (int) camera_virtual(&p->camera));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_camera_state(sd_bus_message *reply, const struct post *p)
{
        int error = post_state(p);
        const char *state = error == 0 ? "ready" : error == -EBUSY ? "in-use" : error == -EACCES ? "denied" : "missing";
        const char *text = error == 0        ? ""
                           : error == -EBUSY ? "Somebody is before the camera at the moment."
                                             : failure_camera_text(error);

        return sd_bus_message_append(reply, "(sbss)", p->camera.name, (int) p->infrared, state, text);
}

static int get_camera_states(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct authd *a = userdata;
        int r = sd_bus_message_open_container(reply, 'a', "(sbss)");

        for (struct post *p = a->posts; r >= 0 && p; p = p->next)
                if (!p->absent)
                        r = append_camera_state(reply, p);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_camera_active(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct authd *a = userdata;

        return sd_bus_message_append(reply, "b", (int) a->camera_active);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Enrol", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", attempt), on_enrol,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Verify", SD_BUS_ARGS("s", account, "a{sv}", options), SD_BUS_RESULT("o", attempt),
                                on_verify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AddLook", SD_BUS_ARGS("s", account, "ay", ticket, "a{sv}", options),
                                SD_BUS_RESULT("o", attempt), on_add_look, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListLooks", SD_BUS_ARGS("s", account), SD_BUS_RESULT("a(yu)", looks), on_list_looks,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveLook", SD_BUS_ARGS("s", account, "ay", ticket, "y", look), SD_BUS_NO_RESULT,
                                on_remove_look, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Identify", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("o", attempt), on_identify,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListEnrolments", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sst)", enrolments),
                                on_list_enrolments, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Cameras", "a(ssb)", get_cameras, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("CameraStates", "a(sbss)", get_camera_states, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("CameraActive", "b", get_camera_active, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int manager_export(struct authd *a)
{
        return sd_bus_add_object_vtable(a->bus, NULL, AUTHD_PATH, INTERFACE, vtable, a);
}

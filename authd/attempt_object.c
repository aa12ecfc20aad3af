/* An attempt's object on the bus: im.visavis.Auth1.Attempt. See attempt.h. */
#include <errno.h>
#include <string.h>

#include "authd/attempt.h"
#include "services/bus.h"
#include "services/cleanup.h"

#define INTERFACE "im.visavis.Auth1.Attempt"

static const uint64_t REPORT_USEC = 100 * 1000;    /* between two signals about a face that moves */
static const uint64_t KEPT_USEC = 60 * 1000000ULL; /* after its ticket was taken */

static struct attempt_view view_of(const struct attempt *t)
{
        struct attempt_view v = { .state = t->state,
                                  .failure = t->failure,
                                  .prompt = attempt_over(t) ? "" : examination_prompt(&t->examination),
                                  .hint = attempt_over(t) ? "" : t->examination.hint,
                                  .quality = t->examination.pictures > 0 && !attempt_over(t)
                                                     ? quality_name(t->examination.quality)
                                                     : "",
                                  .progress = t->examination.progress };

        if (attempt_over(t))
                return v;
        v.box = t->examination.box;
        memcpy(v.landmark, t->examination.landmark, sizeof(v.landmark));
        (void) examination_turn(&t->examination, &v.turn);
        return v;
}

/* What matters: what has changed of it is told at once. */
static unsigned name_changes(const struct attempt *t, const struct attempt_view *now, const char *names[static 9])
{
        const struct attempt_view *told = &t->told;
        unsigned n = 0;

        if (now->state != told->state)
                names[n++] = "State";
        if (now->state != told->state && t->found.count > 0) {
                names[n++] = "Account";
                names[n++] = "Accounts";
        }
        if (strcmp(now->prompt, told->prompt) != 0) {
                names[n++] = "Prompt";
                names[n++] = "PromptText";
        }
        if (strcmp(now->hint, told->hint) != 0)
                names[n++] = "Hint";
        if (strcmp(now->quality, told->quality) != 0)
                names[n++] = "Quality";
        if (now->failure != told->failure) {
                names[n++] = "Failure";
                names[n++] = "FailureText";
        }
        return n;
}

/* A face that moves is told ten times a second. */
static unsigned name_movements(const struct attempt_view *now, const struct attempt_view *told,
                               const char *names[static 4])
{
        unsigned n = 0;

        if (now->progress > told->progress || now->progress < told->progress)
                names[n++] = "Progress";
        if (memcmp(&now->box, &told->box, sizeof(now->box)) != 0)
                names[n++] = "FaceBox";
        if (memcmp(now->landmark, told->landmark, sizeof(now->landmark)) != 0)
                names[n++] = "Landmarks";
        if (memcmp(&now->turn, &told->turn, sizeof(now->turn)) != 0)
                names[n++] = "Turn";
        return n;
}

void attempt_object_report(struct attempt *t)
{
        struct attempt_view now = view_of(t);
        uint64_t time = authd_now();
        const char *names[9 + 4 + 1];
        unsigned n = name_changes(t, &now, names);

        if (n > 0 || time - t->reported >= REPORT_USEC || attempt_over(t))
                n += name_movements(&now, &t->told, names + n);
        if (n == 0)
                return;
        names[n] = NULL;
        t->told = now;
        t->reported = time;
        (void) bus_emit_properties_changed_to(t->authd->bus, t->owner, t->path, INTERFACE, names);
}

static int check_owner(const struct attempt *t, sd_bus_message *m, sd_bus_error *error)
{
        const char *sender = m ? sd_bus_message_get_sender(m) : NULL;

        if (!sender || strcmp(sender, t->owner) != 0)
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "This attempt belongs to another program; start one of your own.");
        return 0;
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        int r = check_owner(userdata, m, error);

        if (r < 0)
                return r;
        attempt_cancel(userdata);
        return sd_bus_reply_method_return(m, "");
}

static int on_take_ticket(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct attempt *t = userdata;
        uint8_t ticket[TICKET_SIZE];
        int r = check_owner(t, m, error);

        if (r < 0)
                return r;
        if (!attempt_gives_ticket(t))
                return sd_bus_error_set(error, ERROR_TICKET,
                                        "An attempt of this kind gives no ticket; verify the account.");
        if (t->state != ATTEMPT_SUCCEEDED || t->ticket_taken)
                return sd_bus_error_set(error, ERROR_TICKET,
                                        t->ticket_taken ? "The ticket of this attempt was taken already; start another."
                                                        : "This attempt has not succeeded, so there is no ticket.");
        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        t->ticket_taken = true;
        r = tickets_issue(t->authd->tickets, t->account, t->uid, t->owner, TAKE(t->enrolment), authd_now(), ticket);
        if (r < 0)
                return sd_bus_error_set(error, ERROR_BUSY, "Too many tickets are waiting to be used; try again.");
        /* The attempt outlives its ticket, which goes with its owner by it. */
        (void) sd_event_source_set_time_relative(t->timer, KEPT_USEC);
        (void) sd_event_source_set_time_relative(t->authd->expiry, TICKET_LIFETIME_USEC);
        (void) sd_event_source_set_enabled(t->authd->expiry, SD_EVENT_ONESHOT);
        (void) sd_bus_message_sensitive(reply);
        r = sd_bus_message_append_array(reply, 'y', ticket, sizeof(ticket));
        explicit_bzero(ticket, sizeof(ticket));
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int on_open_preview(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_close_ int fd = -1;
        struct attempt *t = userdata;
        int r = check_owner(t, m, error);

        if (r < 0)
                return r;
        if (!t->post)
                return sd_bus_error_set(error, ERROR_CAMERA, "This attempt has ended, and its camera is closed.");
        if (!t->post->sight || t->state == ATTEMPT_STARTING)
                return sd_bus_error_set(error, ERROR_BUSY, "The camera is being opened; ask again in a moment.");
        r = sight_preview(t->post->sight, &fd);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INTERNAL, "The preview cannot be opened: %s.", strerror(-r));
        return sd_bus_reply_method_return(m, "h", fd);
}

static int append_accounts(const struct attempt *t, sd_bus_message *reply)
{
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (unsigned i = 0; r >= 0 && i < t->found.count; i++)
                r = sd_bus_message_append(reply, "s", t->found.account[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* All of them, or none. */
static int append_landmarks(const struct attempt_view *v, sd_bus_message *reply)
{
        static const struct point none[LANDMARKS];
        bool seen = memcmp(v->landmark, none, sizeof(none)) != 0;
        int r = sd_bus_message_open_container(reply, 'a', "(dd)");

        for (unsigned i = 0; r >= 0 && seen && i < LANDMARKS; i++)
                r = sd_bus_message_append(reply, "(dd)", v->landmark[i].x, v->landmark[i].y);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_property(const struct attempt *t, const char *property, sd_bus_message *reply)
{
        static const char *const states[] = {
                "starting", "searching", "challenge", "succeeded", "failed", "cancelled"
        };
        static const char *const kinds[] = { [EXAMINATION_ENROL] = "enrol",
                                             [EXAMINATION_VERIFY] = "verify",
                                             [EXAMINATION_ADD_LOOK] = "add-look",
                                             [EXAMINATION_IDENTIFY] = "identify" };
        struct attempt_view v = view_of(t);

        if (strcmp(property, "Kind") == 0)
                return sd_bus_message_append(reply, "s", kinds[t->examination.kind]);
        if (strcmp(property, "Accounts") == 0)
                return append_accounts(t, reply);
        if (strcmp(property, "Account") == 0)
                return sd_bus_message_append(reply, "s", t->account);
        if (strcmp(property, "Camera") == 0)
                return sd_bus_message_append(reply, "s", t->camera);
        if (strcmp(property, "Virtual") == 0)
                return sd_bus_message_append(reply, "b", (int) t->virtual);
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(reply, "s", states[v.state]);
        if (strcmp(property, "Prompt") == 0)
                return sd_bus_message_append(reply, "s", v.prompt);
        if (strcmp(property, "PromptText") == 0)
                return sd_bus_message_append(reply, "s",
                                             attempt_over(t) ? "" : examination_prompt_text(&t->examination));
        if (strcmp(property, "Hint") == 0)
                return sd_bus_message_append(reply, "s", v.hint);
        if (strcmp(property, "Quality") == 0)
                return sd_bus_message_append(reply, "s", v.quality);
        if (strcmp(property, "Progress") == 0)
                return sd_bus_message_append(reply, "d", v.progress);
        if (strcmp(property, "FaceBox") == 0)
                return sd_bus_message_append(reply, "(dddd)", v.box.x, v.box.y, v.box.width, v.box.height);
        if (strcmp(property, "Landmarks") == 0)
                return append_landmarks(&v, reply);
        if (strcmp(property, "Turn") == 0)
                return sd_bus_message_append(reply, "(ddd)", v.turn.now, v.turn.from, v.turn.to);
        if (strcmp(property, "Failure") == 0)
                return sd_bus_message_append(reply, "s", failure_name(v.failure));
        if (v.failure == FAILURE_NO_MATCH && t->examination.kind == EXAMINATION_IDENTIFY)
                return sd_bus_message_append(reply, "s",
                                             "This face is enrolled for none of your accounts. If it is yours, come "
                                             "closer, see to better light, and try again.");
        return sd_bus_message_append(reply, "s",
                                     v.failure == FAILURE_CAMERA    ? failure_camera_text(t->error)
                                     : v.failure == FAILURE_STORAGE ? failure_storage_text(t->error)
                                                                    : failure_text(v.failure));
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        int r = check_owner(userdata, sd_bus_get_current_message(bus), error);

        return r < 0 ? r : append_property(userdata, property, reply);
}

#define PROPERTY(name, type) SD_BUS_PROPERTY(name, type, get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Cancel", "", "", on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("TakeTicket", SD_BUS_NO_ARGS, SD_BUS_RESULT("ay", ticket), on_take_ticket,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenPreview", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", ring), on_open_preview,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Kind", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Camera", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Virtual", "b", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Account", "s"),
        PROPERTY("Accounts", "as"),
        PROPERTY("State", "s"),
        PROPERTY("Prompt", "s"),
        PROPERTY("PromptText", "s"),
        PROPERTY("Hint", "s"),
        PROPERTY("Quality", "s"),
        PROPERTY("Progress", "d"),
        PROPERTY("FaceBox", "(dddd)"),
        PROPERTY("Landmarks", "a(dd)"),
        PROPERTY("Turn", "(ddd)"),
        PROPERTY("Failure", "s"),
        PROPERTY("FailureText", "s"),
        SD_BUS_VTABLE_END,
};

int attempt_object_export(struct attempt *t)
{
        return sd_bus_add_object_vtable(t->authd->bus, &t->object, t->path, INTERFACE, vtable, t);
}

/* See polkit.h. */
#include "services/polkit.h"

#include <stdlib.h>

#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"

enum { ALLOW_USER_INTERACTION = 1, ASK_USEC = 120 * 1000 * 1000 };

struct question {
        sd_bus_message *call;
        polkit_allowed allowed;
        void *userdata;
};

static void question_free(void *p)
{
        struct question *q = p;

        sd_bus_message_unref(q->call);
        free(q);
}

static int read_answer(sd_bus_message *reply, sd_bus_error *error)
{
        int authorized, challenge;
        int r;

        if (sd_bus_message_get_error(reply))
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "An administrator has to decide this, and polkit, which would ask one, does "
                                        "not answer here; have root do it.");
        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
        if (r < 0)
                return r;
        if (authorized)
                return 0;
        return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                challenge
                                        ? "An administrator has to confirm this: call it from where polkit can ask "
                                          "for a password, or have root do it."
                                        : "This is for an administrator to do, and polkit has not allowed it to you.");
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct question *q = userdata;
        int r = read_answer(reply, &error);

        if (r >= 0)
                r = sd_bus_message_rewind(q->call, 1);
        if (r >= 0)
                r = q->allowed(q->call, q->userdata, &error);
        if (r < 0)
                (void) (sd_bus_error_is_set(&error) ? sd_bus_reply_method_error(q->call, &error)
                                                    : sd_bus_reply_method_errno(q->call, r, NULL));
        return 0;
}

static int make_question(sd_bus_message *call, const char *action, sd_bus_message **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint32_t flags = sd_bus_message_get_allow_interactive_authorization(call) > 0 ? ALLOW_USER_INTERACTION : 0;
        int r = sd_bus_message_new_method_call(sd_bus_message_get_bus(call), &m, "org.freedesktop.PolicyKit1",
                                               "/org/freedesktop/PolicyKit1/Authority",
                                               "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");

        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(call), action, 0, flags, "");
        if (r >= 0)
                *out = TAKE(m);
        return r;
}

int polkit_ask(sd_bus_message *call, const char *action, polkit_allowed allowed, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct caller caller;
        struct question *q;
        int r = caller_of(call, &caller);

        if (r >= 0 && caller.uid == 0)
                return allowed(call, userdata, error);
        if (r >= 0)
                r = make_question(call, action, &m);
        if (r < 0)
                return r;
        q = malloc(sizeof(*q));
        if (!q)
                abort();
        *q = (struct question){ sd_bus_message_ref(call), allowed, userdata };
        r = sd_bus_call_async(sd_bus_message_get_bus(call), &slot, m, on_answer, q, ASK_USEC);
        if (r < 0) {
                question_free(q);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, question_free);
        r = sd_bus_slot_set_floating(slot, 1);
        return r < 0 ? r : 1;
}

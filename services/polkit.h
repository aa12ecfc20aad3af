/* What an administrator decides: polkit is asked, over the bus as it is (org.freedesktop.PolicyKit1, its own page has
 * CheckAuthorization), so that a daemon is linked with no library for it. The actions are in dbus/im.visavis.policy. */
#pragma once

#include <systemd/sd-bus.h>

/* Carries out @call, whose arguments it may read from their beginning, as a method's handler does. */
typedef int (*polkit_allowed)(sd_bus_message *call, void *userdata, sd_bus_error *error);

/* Asks whether the sender of @call may do @action, which root may without being asked; a person is asked for a password
 * if the call allows that (sd_bus_message_get_allow_interactive_authorization(3)), for at most two minutes. If so,
 * @allowed is called and answers
 * @call, or its error does; if not, or if there is no polkit, @call is answered with AccessDenied in words. @userdata
 * must live as long as the bus. For root @allowed is called at once, with @error. What a method's handler returns. */
int polkit_ask(sd_bus_message *call, const char *action, polkit_allowed allowed, void *userdata, sd_bus_error *error);

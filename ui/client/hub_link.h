/* The link of an account to its hub, followed at relayd.
 *
 * relayd announces changes by names alone, and only to those who have read the properties once: so all are read at the
 * start and again after each announcement, and reported as one view. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

enum hub_link_state {
        HUB_LINK_DISABLED, /* its owner wants to be offline */
        HUB_LINK_OFFLINE,
        HUB_LINK_CONNECTING,
        HUB_LINK_ONLINE,
};

struct hub_link_view {
        enum hub_link_state state;
        char hub[320];        /* host:port#key */
        char last_error[512]; /* a sentence, or "" */
        uint32_t outbox;      /* envelopes that the hub does not have yet */
        uint32_t inbox;       /* envelopes that wait for the account to be unlocked */
};

struct hub_link;

struct hub_link_events {
        /* Something in @view is new; comes at least once. If relayd cannot be asked the state is offline, and
         * last_error says why. */
        void (*changed)(struct hub_link *l, const struct hub_link_view *view, void *userdata);
};

/* Follows the link of the account with this id. @events must outlive it; ended by hub_link_free(). Errors: -EINVAL if
 * @account is no id, or what sd_bus_call_async(3) returns. */
int hub_link_open(sd_bus *bus, const char *account, const struct hub_link_events *events, void *userdata,
                  struct hub_link **out);
struct hub_link *hub_link_free(struct hub_link *l);

/* Tries now: a disabled link is wanted again, an offline one does not wait any longer. */
void hub_link_try(struct hub_link *l);

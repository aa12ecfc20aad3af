/* visavis watch, notify: what a person is told at once.
 *
 *     unlocked: cryptod's Notified ──▶ a line        locked: relayd's Inbox grows ──▶ "new message", and no more
 *         ▲                                             │
 *         └────── State: an agent grants the unlock ────┘ */
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/agent.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/client/client.h"

enum { AGENT_AGAIN_USEC = 1000000 /* the agent begins to listen a moment after the account is unlocked */ };

struct watch {
        struct cli *cli;
        sd_event_source *again; /* asks for the unlock */
        struct cli_account account;
        char link[160];
        uint32_t waiting; /* envelopes at relayd, as far as they were told of */
        bool held;        /* the unlock */
};

static void print(const struct watch *w, const char *kind, const char *title, const char *sender, const char *text)
{
        _cleanup_free_ char *safe_title = output_sanitise(title, false), *safe_sender = output_sanitise(sender, false);
        _cleanup_free_ char *safe_text = output_sanitise(text, false);
        json_object *o;

        if (!w->cli->json) {
                if (strcmp(kind, "request") == 0)
                        puts("Somebody wants to talk with you: visavis contact requests");
                else if (!*title)
                        puts("New message.");
                else if (strcmp(title, sender) == 0)
                        printf("%s: %s\n", safe_title, *text ? safe_text : "new message");
                else
                        printf("%s, %s: %s\n", safe_title, safe_sender, *text ? safe_text : "new message");
                fflush(stdout);
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, "event", json_object_new_string(kind));
        json_object_object_add(o, "title", json_object_new_string(title));
        json_object_object_add(o, "sender", json_object_new_string(sender));
        json_object_object_add(o, "text", json_object_new_string(text));
        output_json(o);
}

static int on_notified(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *kind, *conversation, *title, *sender, *text;
        struct watch *w = userdata;

        if (sd_bus_message_read(m, "sssss", &kind, &conversation, &title, &sender, &text) > 0)
                print(w, kind, title, sender, text);
        return 0;
}

/* How much waits; also so that relayd tells us of changes. */
static void look_at_inbox(struct watch *w, bool tell)
{
        uint32_t waiting;

        if (sd_bus_get_property_trivial(w->cli->bus, RELAY_SERVICE, w->link, RELAY_LINK, "Inbox", NULL, 'u', &waiting) <
            0)
                return;
        if (tell && !w->held && waiting > w->waiting)
                print(w, "message", "", "", "");
        w->waiting = waiting;
}

static int on_link(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        look_at_inbox(userdata, true);
        return 0;
}

static void look_at_state(struct watch *w);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct watch *w = userdata;

        w->again = sd_event_source_unref(w->again);
        look_at_state(w);
        return 0;
}

static void look_at_state(struct watch *w)
{
        _cleanup_free_ char *state = NULL;

        if (sd_bus_get_property_string(w->cli->bus, CRYPTO_SERVICE, w->account.path, CRYPTO_ACCOUNT, "State", NULL,
                                       &state) < 0)
                return;
        if (strcmp(state, "unlocked") != 0)
                w->held = false;
        else if (!w->held)
                w->held = agent_ask_grant(w->cli->bus, w->account.id) >= 0;
        if (strcmp(state, "unlocked") == 0 && !w->held && !w->again)
                (void) sd_event_add_time_relative(w->cli->event, &w->again, CLOCK_MONOTONIC, AGENT_AGAIN_USEC, 0,
                                                  on_again, w);
}

static int on_account(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        look_at_state(userdata);
        return 0;
}

static int follow(struct watch *w)
{
        static const char properties[] = "org.freedesktop.DBus.Properties";
        sd_bus *bus = w->cli->bus;
        int r = sd_bus_match_signal(bus, NULL, CRYPTO_SERVICE, w->account.path, CRYPTO_NOTIFICATIONS, "Notified",
                                    on_notified, w);

        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, CRYPTO_SERVICE, w->account.path, properties, "PropertiesChanged",
                                        on_account, w);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, RELAY_SERVICE, w->link, properties, "PropertiesChanged", on_link, w);
        if (r >= 0) {
                look_at_state(w);
                look_at_inbox(w, false);
        }
        r = cli_wait(w->cli, r);
        sd_event_source_disable_unref(w->again);
        return r;
}

int command_watch(struct cli *cli, int argc, char *argv[])
{
        struct watch w = { .cli = cli };
        int r;

        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many: visavis watch", argv[0]);
        r = cli_account(cli, &w.account);
        if (r != EXIT_OK)
                return r;
        snprintf(w.link, sizeof(w.link), "/im/visavis/Relay1/link/%s", w.account.id);
        return follow(&w);
}

int command_notify(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *level = NULL;
        struct cli_account account;
        json_object *o;
        int r;

        if (argc > 1)
                return cli_fail(cli, EXIT_USAGE, "Say one of full, sender and bare: visavis notify [LEVEL]");
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (argc == 1) {
                r = sd_bus_set_property(cli->bus, CRYPTO_SERVICE, account.path, CRYPTO_NOTIFICATIONS, "Level", &error,
                                        "s", argv[0]);
                return r < 0 ? cli_fail_bus(cli, &error) : EXIT_OK;
        }
        r = sd_bus_get_property_string(cli->bus, CRYPTO_SERVICE, account.path, CRYPTO_NOTIFICATIONS, "Level", &error,
                                       &level);
        if (r < 0)
                return cli_fail_bus(cli, &error);
        if (!cli->json) {
                puts(level);
                return EXIT_OK;
        }
        o = json_object_new_object();
        json_object_object_add(o, "level", json_object_new_string(level));
        output_json(o);
        return EXIT_OK;
}

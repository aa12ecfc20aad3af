/* An account's link to its hub: what is reported, and when. */
#include "tests/unit/ui/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ui/client/client.h"
#include "ui/client/hub_link.h"

#define ACCOUNT_ID "0123456789abcdef0123456789abcdef"
#define PATH RELAY_PATH "/link/" ACCOUNT_ID
#define PROPERTIES "org.freedesktop.DBus.Properties"

struct world {
        struct peer peer;
        struct hub_link *link;
        const char *state; /* at relayd */
        bool refuse;
        unsigned reads, tries;
        bool enabled;

        bool reported;
        unsigned reports;
        struct hub_link_view view;
};

static int serve(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct world *w = userdata;
        const char *interface, *name;
        int value;

        if (sd_bus_message_is_method_call(m, PROPERTIES, "GetAll")) {
                w->reads++;
                assert_string_equal(sd_bus_message_get_path(m), PATH);
                if (w->refuse)
                        return sd_bus_reply_method_errorf(m, ERROR_ACCESS_DENIED, "Not yours.");
                return sd_bus_reply_method_return(m, "a{sv}", 4, "State", "s", w->state, "Hub", "s", "hub:1",
                                                  "LastError", "s", "It hung up.", "Outbox", "u", 3u);
        }
        if (sd_bus_message_is_method_call(m, PROPERTIES, "Set")) {
                assert_true(sd_bus_message_read(m, "ssv", &interface, &name, "b", &value) > 0);
                assert_string_equal(name, "Enabled");
                w->enabled = value;
                w->state = "connecting";
                return sd_bus_reply_method_return(m, "");
        }
        if (sd_bus_message_is_method_call(m, RELAY_LINK, "Reconnect")) {
                w->tries++;
                return sd_bus_reply_method_return(m, "");
        }
        return 0;
}

static void on_changed(struct hub_link *l, const struct hub_link_view *view, void *userdata)
{
        struct world *w = userdata;

        w->view = *view;
        w->reported = true;
        w->reports++;
}

static const struct hub_link_events events = { .changed = on_changed };

static void wait_for_report(struct world *w)
{
        w->reported = false;
        peer_run(&w->peer, &w->reported);
}

static void world_open(struct world *w, const char *state)
{
        *w = (struct world){ .state = state };
        peer_open(&w->peer);
        assert_true(sd_bus_add_filter(w->peer.service, NULL, serve, w) >= 0);
        assert_int_equal(hub_link_open(w->peer.client, ACCOUNT_ID, &events, w, &w->link), 0);
}

static void world_close(struct world *w)
{
        w->link = hub_link_free(w->link);
        peer_close(&w->peer);
}

static void announce(struct world *w)
{
        peer_signal(&w->peer, PEER_SENDER, PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", RELAY_LINK, 0, 1,
                    "State");
}

static void test_the_state_is_read_at_once_and_again_when_it_changes(void **state)
{
        struct world w;

        world_open(&w, "online");
        wait_for_report(&w);
        assert_int_equal(w.view.state, HUB_LINK_ONLINE);
        assert_int_equal(w.view.outbox, 3);
        assert_string_equal(w.view.hub, "hub:1");
        w.state = "offline";
        announce(&w);
        wait_for_report(&w);
        assert_int_equal(w.view.state, HUB_LINK_OFFLINE);
        assert_string_equal(w.view.last_error, "It hung up.");
        world_close(&w);
}

static void test_a_state_that_nobody_knows_counts_as_offline(void **state)
{
        struct world w;

        world_open(&w, "sideways");
        wait_for_report(&w);
        assert_int_equal(w.view.state, HUB_LINK_OFFLINE);
        world_close(&w);
}

static void test_a_refusal_is_offline_with_its_sentence(void **state)
{
        struct world w;

        world_open(&w, "online");
        w.refuse = true;
        wait_for_report(&w);
        assert_int_equal(w.view.state, HUB_LINK_OFFLINE);
        assert_string_equal(w.view.last_error, "Not yours.");
        world_close(&w);
}

static void test_when_relayd_ends_it_is_asked_again(void **state)
{
        struct world w;

        world_open(&w, "online");
        wait_for_report(&w);
        peer_service_gone(&w.peer, ":1.66", RELAY_SERVICE);
        peer_settle(&w.peer);
        assert_int_equal(w.reads, 1);
        peer_service_gone(&w.peer, "org.freedesktop.DBus", RELAY_SERVICE);
        wait_for_report(&w);
        assert_int_equal(w.reads, 2);
        world_close(&w);
}

static void test_trying_reconnects_or_goes_online(void **state)
{
        struct world w;

        world_open(&w, "offline");
        wait_for_report(&w);
        hub_link_try(w.link);
        wait_for_report(&w);
        assert_int_equal(w.tries, 1);
        assert_false(w.enabled);
        w.state = "disabled";
        announce(&w);
        wait_for_report(&w);
        hub_link_try(w.link);
        wait_for_report(&w);
        assert_true(w.enabled);
        assert_int_equal(w.view.state, HUB_LINK_CONNECTING);
        world_close(&w);
}

static void test_an_id_that_is_none_is_refused(void **state)
{
        struct world w = { 0 };

        peer_open(&w.peer);
        assert_int_equal(hub_link_open(w.peer.client, "../../etc", &events, &w, &w.link), -EINVAL);
        peer_close(&w.peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_state_is_read_at_once_and_again_when_it_changes),
                cmocka_unit_test(test_a_state_that_nobody_knows_counts_as_offline),
                cmocka_unit_test(test_a_refusal_is_offline_with_its_sentence),
                cmocka_unit_test(test_when_relayd_ends_it_is_asked_again),
                cmocka_unit_test(test_trying_reconnects_or_goes_online),
                cmocka_unit_test(test_an_id_that_is_none_is_refused),
        };

        return cmocka_run_group_tests_name("hub link", tests, NULL, NULL);
}

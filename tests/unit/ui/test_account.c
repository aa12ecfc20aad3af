/* An account that this connection holds unlocked: its calls, its events, and who may announce them. */
#include "tests/unit/ui/peer.h"

#include <stdio.h>
#include <string.h>

#include "ui/client/account.h"
#include "ui/client/accounts.h"
#include "ui/client/client.h"

#define PATH CRYPTO_PATH "/account/x"
#define CONVERSATION "00112233445566778899aabbccddeeff"
#define ACCOUNT_ID "0123456789abcdef0123456789abcdef"

struct world {
        struct peer peer;
        struct account *account;
        struct calls calls;
        const char *state;  /* of the account, at cryptod */
        const char *refuse; /* the member that is refused */
        bool malformed;     /* answers have another form than the interface says */
        unsigned limit;     /* of the last ReadMessages */
        uint64_t marked;
        char text[64]; /* that was sent */

        bool ready, locked, done;
        char log[512]; /* what came to the program */
};

static void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct world *w, const char *format, ...)
{
        size_t n = strlen(w->log);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(w->log + n, sizeof(w->log) - n, format, arguments);
        va_end(arguments);
}

static int answer(struct world *w, sd_bus_message *m, const char *member)
{
        const char *conversation, *text;
        uint64_t after;
        int from_end;

        if (strcmp(member, "GetAll") == 0)
                return sd_bus_reply_method_return(m, "a{sv}", 3, "Id", "s", ACCOUNT_ID, "Address", "s", "a@b:1",
                                                  "State", "s", w->state);
        if (w->malformed)
                return sd_bus_reply_method_return(m, "d", 0.5);
        if (strcmp(member, "ListConversations") == 0)
                return sd_bus_reply_method_return(m, "a(ssuts)", 2, CONVERSATION, "b@b:1", 3u, UINT64_C(77), "last",
                                                  CONVERSATION, "c@b:1", 0u, UINT64_C(0), "");
        if (strcmp(member, "ReadMessages") == 0) {
                assert_true(sd_bus_message_read(m, "stub", &conversation, &after, &w->limit, &from_end) > 0);
                assert_true(from_end && after == 9);
                return sd_bus_reply_method_return(m, "a(tssts)", 1, UINT64_C(10), "b@b:1", "hello", UINT64_C(88),
                                                  "stored");
        }
        if (strcmp(member, "OpenConversation") == 0)
                return sd_bus_reply_method_return(m, "s", CONVERSATION);
        if (strcmp(member, "Send") == 0) {
                assert_true(sd_bus_message_read(m, "ss", &conversation, &text) > 0);
                snprintf(w->text, sizeof(w->text), "%s", text);
                return sd_bus_reply_method_return(m, "t", UINT64_C(11));
        }
        if (strcmp(member, "MarkRead") == 0)
                return sd_bus_message_read(m, "st", &conversation, &w->marked);
        if (strcmp(member, "ListAccounts") == 0)
                return sd_bus_reply_method_return(m, "a(ossss)", 2, PATH, ACCOUNT_ID, "a@b:1", "unlocked", "", PATH,
                                                  "y", "c@d:1", "locked", "");
        return sd_bus_reply_method_return(m, "");
}

static int serve(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct world *w = userdata;
        const char *member = sd_bus_message_get_member(m);

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        if (w->refuse && strcmp(member, w->refuse) == 0)
                assert_true(sd_bus_reply_method_errorf(m, ERROR_LOCKED, "Log in first.") >= 0);
        else
                assert_true(answer(w, m, member) >= 0);
        return 1;
}

static void on_added(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        assert_string_equal(conversation, CONVERSATION);
        note(userdata, "added %u;", (unsigned) message);
}

static void on_message_changed(struct account *a, const char *conversation, uint64_t message, const char *state,
                               void *userdata)
{
        note(userdata, "changed %u %s;", (unsigned) message, state);
}

static void on_ready(struct account *a, void *userdata)
{
        ((struct world *) userdata)->ready = true;
}

static void on_locked(struct account *a, void *userdata)
{
        struct world *w = userdata;

        assert_false(w->locked);
        w->locked = true;
}

static const struct account_events events = {
        .message_added = on_added, .message_changed = on_message_changed, .ready = on_ready, .locked = on_locked
};

static int setup(void **state)
{
        static struct world w;

        w = (struct world){ .state = "unlocked" };
        peer_open(&w.peer);
        assert_true(sd_bus_add_filter(w.peer.service, NULL, serve, &w) >= 0);
        assert_int_equal(account_open(w.peer.client, PATH, &events, &w, &w.account), 0);
        assert_string_equal(account_address(w.account), "");
        peer_run(&w.peer, &w.ready);
        *state = &w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        calls_cancel(&w->calls);
        w->account = account_free(w->account);
        peer_close(&w->peer);
        return 0;
}

static void announce(struct world *w, const char *sender, const char *member, uint64_t message)
{
        if (strcmp(member, "MessageAdded") == 0)
                peer_signal(&w->peer, sender, PATH, CRYPTO_ACCOUNT, member, "st", CONVERSATION, message);
        else
                peer_signal(&w->peer, sender, PATH, CRYPTO_ACCOUNT, member, "sts", CONVERSATION, message, "stored");
}

static void announce_state(struct world *w, const char *sender, const char *state)
{
        w->state = state;
        peer_signal(&w->peer, sender, PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                    CRYPTO_ACCOUNT, 0, 1, "State");
}

static void its_id_and_address_are_known_when_it_is_ready(void **state)
{
        struct world *w = *state;

        assert_string_equal(account_id(w->account), ACCOUNT_ID);
        assert_string_equal(account_address(w->account), "a@b:1");
        assert_false(w->locked);
}

static void messages_are_announced_by_cryptod_alone(void **state)
{
        struct world *w = *state;

        announce(w, PEER_SENDER, "MessageAdded", 1);
        announce(w, ":1.99", "MessageAdded", 2);
        announce(w, ":1.99", "MessageChanged", 3);
        announce(w, PEER_SENDER, "MessageChanged", 4);
        peer_settle(&w->peer);
        assert_string_equal(w->log, "added 1;changed 4 stored;");
}

static void a_signal_of_another_form_is_dropped(void **state)
{
        struct world *w = *state;

        peer_signal(&w->peer, PEER_SENDER, PATH, CRYPTO_ACCOUNT, "MessageAdded", "u", 1u);
        peer_signal(&w->peer, PEER_SENDER, PATH, CRYPTO_ACCOUNT, "MessageChanged", "st", CONVERSATION, UINT64_C(1));
        announce(w, PEER_SENDER, "MessageAdded", 1);
        peer_settle(&w->peer);
        assert_string_equal(w->log, "added 1;");
}

static void locked_comes_once_and_nothing_after_it(void **state)
{
        struct world *w = *state;

        announce_state(w, PEER_SENDER, "locked");
        peer_run(&w->peer, &w->locked);
        announce_state(w, PEER_SENDER, "locked");
        announce(w, PEER_SENDER, "MessageAdded", 1);
        peer_service_gone(&w->peer, "org.freedesktop.DBus", CRYPTO_SERVICE);
        peer_settle(&w->peer);
        assert_string_equal(w->log, "");
}

static void who_says_that_it_is_locked_does_not_matter_but_what_cryptod_says(void **state)
{
        struct world *w = *state;

        announce_state(w, ":1.99", "unlocked");
        peer_service_gone(&w->peer, ":1.99", CRYPTO_SERVICE);
        peer_settle(&w->peer);
        assert_false(w->locked);
}

static void it_is_locked_when_cryptod_ends(void **state)
{
        struct world *w = *state;

        peer_service_gone(&w->peer, "org.freedesktop.DBus", CRYPTO_SERVICE);
        peer_run(&w->peer, &w->locked);
}

static void it_is_locked_when_the_bus_goes_away(void **state)
{
        struct world *w = *state;

        peer_lose(&w->peer);
        peer_run(&w->peer, &w->locked);
}

static void on_conversations(const struct conversation *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct world *w = userdata;

        for (size_t i = 0; i < n; i++)
                note(w, "%s %u %u %s;", list[i].address, list[i].unread, (unsigned) list[i].time, list[i].text);
        if (error)
                note(w, "error %s;", error->name);
        w->done = true;
}

static void on_messages(const struct message *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct world *w = userdata;

        for (size_t i = 0; i < n; i++)
                note(w, "%u %s %s %u %s;", (unsigned) list[i].id, list[i].sender, list[i].text, (unsigned) list[i].time,
                     list[i].state);
        if (error)
                note(w, "error %s;", error->name);
        w->done = true;
}

static void on_id(const char *value, const sd_bus_error *error, void *userdata)
{
        note(userdata, "%s;", error ? error->name : value);
        ((struct world *) userdata)->done = true;
}

static void on_number(uint64_t value, const sd_bus_error *error, void *userdata)
{
        note(userdata, "%s %u;", error ? error->name : "number", (unsigned) value);
        ((struct world *) userdata)->done = true;
}

static void on_plain(const sd_bus_error *error, void *userdata)
{
        note(userdata, "%s;", error ? error->name : "done");
        ((struct world *) userdata)->done = true;
}

/* Makes each call that has a result, one after the other. */
static void make_all_calls(struct world *w)
{
        for (int i = 0; i < 4; i++) {
                int r = i == 0   ? account_conversations(w->account, &w->calls, on_conversations, w)
                        : i == 1 ? account_messages(w->account, &w->calls, CONVERSATION, 9, 5, true, on_messages, w)
                        : i == 2 ? account_open_conversation(w->account, &w->calls, "b@b:1", on_id, w)
                                 : account_send(w->account, &w->calls, CONVERSATION, "hello", on_number, w);

                assert_int_equal(r, 0);
                w->done = false;
                peer_run(&w->peer, &w->done);
        }
}

static void answers_are_taken_apart(void **state)
{
        struct world *w = *state;

        make_all_calls(w);
        assert_string_equal(w->log, "b@b:1 3 77 last;c@b:1 0 0 ;10 b@b:1 hello 88 stored;" CONVERSATION ";number 11;");
        assert_int_equal(w->limit, 5);
        assert_string_equal(w->text, "hello");
}

static void answers_of_another_form_become_errors(void **state)
{
        struct world *w = *state;

        w->malformed = true;
        make_all_calls(w);
        assert_string_equal(w->log, "error " ERROR_INTERNAL ";error " ERROR_INTERNAL ";" ERROR_INTERNAL
                                    ";" ERROR_INTERNAL " 0;");
}

static void errors_reach_the_caller_by_name(void **state)
{
        struct world *w = *state;

        w->refuse = "Update";
        assert_int_equal(account_update(w->account, &w->calls, CONVERSATION, on_plain, w), 0);
        peer_run(&w->peer, &w->done);
        w->done = false;
        assert_int_equal(account_lock(w->account, &w->calls, on_plain, w), 0);
        peer_run(&w->peer, &w->done);
        assert_string_equal(w->log, ERROR_LOCKED ";done;");
}

static void nobody_waits_for_mark_read(void **state)
{
        struct world *w = *state;

        account_mark_read(w->account, CONVERSATION, 12);
        peer_settle(&w->peer);
        assert_int_equal(w->marked, 12);
}

static void calls_that_are_forgotten_are_not_answered(void **state)
{
        struct world *w = *state;

        assert_int_equal(account_conversations(w->account, &w->calls, on_conversations, w), 0);
        assert_int_equal(account_lock(w->account, &w->calls, on_plain, w), 0);
        calls_cancel(&w->calls);
        peer_settle(&w->peer);
        assert_string_equal(w->log, "");
}

static void on_accounts(const struct account_entry *list, size_t n, const sd_bus_error *error, void *userdata)
{
        for (size_t i = 0; i < n; i++)
                note(userdata, "%s %s %d;", list[i].id, list[i].address, list[i].unlocked);
        if (error)
                note(userdata, "error;");
        ((struct world *) userdata)->done = true;
}

static void accounts_are_listed(void **state)
{
        struct world *w = *state;

        assert_int_equal(accounts_list(w->peer.client, &w->calls, on_accounts, w), 0);
        peer_run(&w->peer, &w->done);
        w->malformed = true;
        w->done = false;
        assert_int_equal(accounts_list(w->peer.client, &w->calls, on_accounts, w), 0);
        peer_run(&w->peer, &w->done);
        assert_string_equal(w->log, ACCOUNT_ID " a@b:1 1;y c@d:1 0;error;");
}

static void a_links_path_is_made_of_an_id_and_nothing_else(void **state)
{
        char path[LINK_PATH_SIZE];

        assert_int_equal(account_link_path(ACCOUNT_ID, path), 0);
        assert_string_equal(path, RELAY_PATH "/link/" ACCOUNT_ID);
        assert_true(account_link_path("", path) < 0);
        assert_true(account_link_path(ACCOUNT_ID "/x", path) < 0);
        assert_true(account_link_path("../../../../../../../../../../xx", path) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(its_id_and_address_are_known_when_it_is_ready),
                TEST(messages_are_announced_by_cryptod_alone),
                TEST(a_signal_of_another_form_is_dropped),
                TEST(locked_comes_once_and_nothing_after_it),
                TEST(who_says_that_it_is_locked_does_not_matter_but_what_cryptod_says),
                TEST(it_is_locked_when_cryptod_ends),
                TEST(it_is_locked_when_the_bus_goes_away),
                TEST(answers_are_taken_apart),
                TEST(answers_of_another_form_become_errors),
                TEST(errors_reach_the_caller_by_name),
                TEST(nobody_waits_for_mark_read),
                TEST(calls_that_are_forgotten_are_not_answered),
                TEST(accounts_are_listed),
                TEST(a_links_path_is_made_of_an_id_and_nothing_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

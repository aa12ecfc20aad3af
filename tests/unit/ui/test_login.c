/* From a face and a PIN to an unlocked account: every way through, and every way out. */
#include "tests/unit/ui/peer.h"

#include <stdio.h>
#include <string.h>

#include "ui/client/client.h"
#include "ui/client/login.h"

#define ATTEMPT_PATH AUTH_PATH "/attempt/1"
#define ACCOUNT_PATH CRYPTO_PATH "/account/x"
#define ACCOUNT_ID "0123456789abcdef0123456789abcdef"

struct world {
        struct peer peer;
        struct login *login;

        /* What the services answer. */
        struct {
                const char *state, *prompt, *failure, *failure_text;
        } attempt;
        const char *refuse; /* the member that is refused with WrongFactor */
        const char *silent; /* the member that is not answered */

        /* What they were asked. */
        char calls[512];
        char pin[64];
        char address[64];
        unsigned reads;

        /* What the person's program was told. */
        unsigned changes;
        bool opening, done, free_when_changed;
        char path[128];
        char error[128];
        char text[128];
};

static void read_pin(struct world *w, sd_bus_message *m)
{
        struct secret *pin;
        int fd;

        assert_true(sd_bus_message_read(m, "h", &fd) > 0);
        assert_int_equal(secret_from_fd(fd, PIN_SIZE_MAX, false, &pin), 0);
        snprintf(w->pin, sizeof(w->pin), "%.*s", (int) pin->size, (const char *) pin->data);
        secret_free(pin);
}

static int answer(struct world *w, sd_bus_message *m, const char *member)
{
        static const uint8_t ticket[] = { 1, 2, 3 };
        sd_bus_message *reply;
        const char *id, *address, *camera;

        if (strcmp(member, "GetAll") == 0) {
                w->reads++;
                return sd_bus_reply_method_return(m, "a{sv}", 6, "State", "s", w->attempt.state, "Account", "s",
                                                  ACCOUNT_ID, "Prompt", "s", w->attempt.prompt, "Failure", "s",
                                                  w->attempt.failure, "FailureText", "s", w->attempt.failure_text,
                                                  "Progress", "d", 0.5);
        }
        if (strcmp(member, "Verify") == 0) {
                assert_true(sd_bus_message_read(m, "sa{sv}", &id, 1, &camera, "s", &address) > 0);
                assert_string_equal(id, ACCOUNT_ID);
                assert_string_equal(camera, "camera");
                assert_string_equal(address, "front");
                return sd_bus_reply_method_return(m, "o", ATTEMPT_PATH);
        }
        if (strcmp(member, "Enrol") == 0)
                return sd_bus_reply_method_return(m, "o", ATTEMPT_PATH);
        if (strcmp(member, "TakeTicket") == 0) {
                assert_true(sd_bus_message_new_method_return(m, &reply) >= 0);
                assert_true(sd_bus_message_append_array(reply, 'y', ticket, sizeof(ticket)) >= 0);
                int r = sd_bus_send(NULL, reply, NULL);
                sd_bus_message_unref(reply);
                return r;
        }
        const void *given;
        size_t size;
        if (strcmp(member, "CreateAccount") == 0) {
                assert_true(sd_bus_message_read(m, "s", &id) > 0);
                assert_string_equal(id, ACCOUNT_ID);
        }
        assert_true(strcmp(member, "CreateAccount") == 0 || strcmp(member, "Unlock") == 0);
        assert_true(sd_bus_message_read_array(m, 'y', &given, &size) > 0);
        assert_int_equal(size, sizeof(ticket));
        assert_memory_equal(given, ticket, size);
        read_pin(w, m);
        if (strcmp(member, "Unlock") == 0)
                return sd_bus_reply_method_return(m, "");
        assert_true(sd_bus_message_read(m, "s", &address) > 0);
        snprintf(w->address, sizeof(w->address), "%s", address);
        return sd_bus_reply_method_return(m, "o", ACCOUNT_PATH);
}

static int serve(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct world *w = userdata;
        const char *member = sd_bus_message_get_member(m);
        uint8_t type;

        assert_true(sd_bus_message_get_type(m, &type) >= 0);
        if (type != SD_BUS_MESSAGE_METHOD_CALL)
                return 0;
        if (strcmp(member, "GetAll") != 0)
                snprintf(w->calls + strlen(w->calls), sizeof(w->calls) - strlen(w->calls), "%s ", member);
        if (strcmp(member, "Cancel") == 0 || (w->silent && strcmp(member, w->silent) == 0))
                return 1;
        if (w->refuse && strcmp(member, w->refuse) == 0) {
                sd_bus_reply_method_errorf(m, ERROR_WRONG_FACTOR, "No.");
                return 1;
        }
        assert_true(answer(w, m, member) >= 0);
        return 1;
}

static void on_changed(struct login *l, const struct attempt_view *view, void *userdata)
{
        struct world *w = userdata;

        w->changes++;
        if (w->free_when_changed) {
                w->login = login_free(w->login);
                w->done = true;
        }
}

static void on_opening(struct login *l, void *userdata)
{
        ((struct world *) userdata)->opening = true;
}

static void on_done(struct login *l, const char *path, const sd_bus_error *error, void *userdata)
{
        struct world *w = userdata;

        assert_false(w->done);
        assert_true(!path == !!error);
        snprintf(w->path, sizeof(w->path), "%s", path ? path : "");
        snprintf(w->error, sizeof(w->error), "%s", error ? error->name : "");
        snprintf(w->text, sizeof(w->text), "%s", error ? client_error_text(error) : "");
        w->done = true;
}

static const struct login_events events = { .changed = on_changed, .opening = on_opening, .done = on_done };
static const struct login_request log_in = { .account = ACCOUNT_ID, .path = ACCOUNT_PATH, .camera = "front" };
static const struct login_request sign_up = { .address = "a@b.example", .suite = "S" };

static int setup(void **state)
{
        static struct world w;

        w = (struct world){ .attempt = { "searching", "", "", "" } };
        peer_open(&w.peer);
        assert_true(sd_bus_add_filter(w.peer.service, NULL, serve, &w) >= 0);
        *state = &w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        w->login = login_free(w->login);
        peer_close(&w->peer);
        return 0;
}

static void start(struct world *w, const struct login_request *request)
{
        struct secret *pin = secret_copy(BYTES_STRING("2718"));

        assert_int_equal(login_start(w->peer.client, request, pin, &events, w, &w->login), 0);
}

static void announce(struct world *w, const char *sender)
{
        peer_signal(&w->peer, sender, ATTEMPT_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                    AUTH_ATTEMPT, 0, 1, "State");
}

/* Brings the attempt to a final state and waits for the end. */
static void end_with(struct world *w, const char *state, const char *failure, const char *text)
{
        peer_settle(&w->peer);
        w->attempt.state = state;
        w->attempt.failure = failure;
        w->attempt.failure_text = text;
        announce(w, PEER_SENDER);
        peer_run(&w->peer, &w->done);
}

static void a_log_in_opens_the_account(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        end_with(w, "succeeded", "", "");
        assert_string_equal(w->calls, "Verify TakeTicket Unlock ");
        assert_string_equal(w->pin, "2718");
        assert_string_equal(w->path, ACCOUNT_PATH);
        assert_true(w->opening);
        assert_int_equal(w->changes, 2);
}

static void a_sign_up_makes_the_account(void **state)
{
        struct world *w = *state;

        start(w, &sign_up);
        end_with(w, "succeeded", "", "");
        assert_string_equal(w->calls, "Enrol TakeTicket CreateAccount ");
        assert_string_equal(w->pin, "2718");
        assert_string_equal(w->address, "a@b.example");
        assert_string_equal(w->path, ACCOUNT_PATH);
}

static void a_face_that_is_refused_ends_it_with_the_services_sentence(void **state)
{
        static const struct {
                const char *state, *failure, *error;
        } cases[] = {
                { "failed", "no-match", CLIENT_ERROR_FACE }, { "failed", "presentation-attack", CLIENT_ERROR_FACE },
                { "failed", "timeout", CLIENT_ERROR_FACE },  { "failed", "camera", ERROR_CAMERA },
                { "failed", "throttled", ERROR_THROTTLED },  { "failed", "internal", ERROR_INTERNAL },
                { "failed", "storage", ERROR_STORAGE },      { "cancelled", "", CLIENT_ERROR_CANCELLED },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct world *w;

                teardown(state);
                setup(state);
                w = *state;
                start(w, &log_in);
                end_with(w, cases[i].state, cases[i].failure, "It went wrong. Try again.");
                assert_string_equal(w->error, cases[i].error);
                assert_string_equal(w->text, "It went wrong. Try again.");
                assert_string_equal(w->calls, "Verify ");
                assert_string_equal(w->pin, "");
        }
}

static void a_failure_without_a_sentence_gets_one(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        end_with(w, "failed", "no-match", "");
        assert_string_equal(w->error, CLIENT_ERROR_FACE);
        assert_true(strlen(w->text) > 20);
}

static void every_call_that_is_refused_ends_it(void **state)
{
        static const char *const members[] = { "Verify", "GetAll", "TakeTicket", "Unlock" };

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                struct world *w;

                teardown(state);
                setup(state);
                w = *state;
                w->refuse = members[i];
                start(w, &log_in);
                if (i < 2)
                        peer_run(&w->peer, &w->done);
                else
                        end_with(w, "succeeded", "", "");
                assert_string_equal(w->error, ERROR_WRONG_FACTOR);
                assert_string_equal(w->text, "No.");
        }
}

static void a_state_of_no_known_name_ends_it(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        end_with(w, "dancing", "", "");
        assert_true(*w->error);
}

static void changes_that_come_while_it_reads_cost_one_more_reading(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        peer_settle(&w->peer);
        unsigned before = w->reads;
        for (int i = 0; i < 10; i++)
                announce(w, PEER_SENDER);
        peer_settle(&w->peer);
        assert_in_range(w->reads - before, 1, 3);
        w->attempt.prompt = "blink";
        end_with(w, "succeeded", "", "");
        assert_string_equal(w->path, ACCOUNT_PATH);
}

static void authd_that_goes_away_ends_it(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        peer_settle(&w->peer);
        peer_service_gone(&w->peer, "org.freedesktop.DBus", AUTH_SERVICE);
        peer_run(&w->peer, &w->done);
        assert_string_equal(w->error, SD_BUS_ERROR_NO_REPLY);
}

static void somebody_else_cannot_say_that_it_went_away(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        peer_settle(&w->peer);
        peer_service_gone(&w->peer, ":1.99", AUTH_SERVICE);
        peer_settle(&w->peer);
        assert_false(w->done);
        end_with(w, "succeeded", "", "");
        assert_string_equal(w->path, ACCOUNT_PATH);
}

static void the_bus_that_goes_away_ends_it(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        peer_settle(&w->peer);
        peer_lose(&w->peer);
        peer_run(&w->peer, &w->done);
        assert_string_equal(w->error, SD_BUS_ERROR_DISCONNECTED);
}

static void freed_before_its_end_it_cancels_the_attempt(void **state)
{
        struct world *w = *state;

        start(w, &log_in);
        peer_settle(&w->peer);
        w->login = login_free(w->login);
        peer_settle(&w->peer);
        assert_string_equal(w->calls, "Verify Cancel ");
        assert_false(w->done);
}

static void freed_in_its_own_callback_it_is_silent(void **state)
{
        struct world *w = *state;

        w->free_when_changed = true;
        start(w, &log_in);
        peer_run(&w->peer, &w->done);
        announce(w, PEER_SENDER);
        peer_settle(&w->peer);
        assert_int_equal(w->changes, 1);
        assert_string_equal(w->calls, "Verify Cancel ");
}

static void freed_while_the_vault_opens_it_is_silent(void **state)
{
        struct world *w = *state;

        w->silent = "Unlock";
        start(w, &log_in);
        peer_settle(&w->peer);
        w->attempt.state = "succeeded";
        announce(w, PEER_SENDER);
        peer_settle(&w->peer);
        assert_true(w->opening);
        w->login = login_free(w->login);
        peer_settle(&w->peer);
        assert_string_equal(w->calls, "Verify TakeTicket Unlock ");
        assert_false(w->done);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_log_in_opens_the_account),
                TEST(a_sign_up_makes_the_account),
                TEST(a_face_that_is_refused_ends_it_with_the_services_sentence),
                TEST(a_failure_without_a_sentence_gets_one),
                TEST(every_call_that_is_refused_ends_it),
                TEST(a_state_of_no_known_name_ends_it),
                TEST(changes_that_come_while_it_reads_cost_one_more_reading),
                TEST(authd_that_goes_away_ends_it),
                TEST(somebody_else_cannot_say_that_it_went_away),
                TEST(the_bus_that_goes_away_ends_it),
                TEST(freed_before_its_end_it_cancels_the_attempt),
                TEST(freed_in_its_own_callback_it_is_silent),
                TEST(freed_while_the_vault_opens_it_is_silent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

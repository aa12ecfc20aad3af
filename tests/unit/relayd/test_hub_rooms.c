/* Rooms at a hub: one group a room, one commit an epoch, and what is said goes to the roster. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "hub_fixture.h"
#include "relayd/hub/access_log.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "temporary.h"

struct post {
        enum room_step step;
        const char *group;
        uint64_t epoch;
        const char *text, *removed;
};

#define POST_(step, group, epoch, text, removed, ...)                                                                  \
        {                                                                                                              \
                step, group, epoch, text, removed                                                                      \
        }
#define POST(...) (struct post) POST_(__VA_ARGS__, NULL, 0)

static void write_post(struct writer *w, uint64_t id, const struct post *p)
{
        _cleanup_writer_ struct writer removed = WRITER_INIT;
        struct room_post m = { .room = BYTES_STRING("general"),
                               .group = BYTES_STRING(p->group),
                               .step = p->step,
                               .epoch = p->epoch,
                               .payload = BYTES_STRING(p->text) };
        char info[32];

        memcpy(m.id, &id, sizeof(id));
        (void) snprintf(info, sizeof(info), "info %u", (unsigned) p->epoch + 1);
        if (p->step >= ROOM_COMMIT)
                m.group_info = BYTES_STRING(info);
        if (p->removed)
                write_recipient(&removed, BYTES_STRING(p->removed));
        m.removed = writer_bytes(&removed);
        write_room_post(w, &m);
}

static struct answer post_as(struct client *c, uint64_t id, struct post p)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_post(&w, id, &p);
        return ask(c, FRAME_SEND_TO_ROOM, &w);
}

static struct answer post_it(struct client *c, struct post p)
{
        static uint64_t id;

        return post_as(c, ++id, p);
}

/* post(who, step, group, epoch, text[, removed]) */
#define post(c, ...) post_it(c, POST(__VA_ARGS__))

static struct answer fetch_room(struct client *c, const char *name)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_claim(&w, BYTES_STRING(name));
        return ask(c, FRAME_FETCH_ROOM, &w);
}

static void assert_room(struct client *c, const char *group, uint64_t epoch, const char *info)
{
        struct answer a = fetch_room(c, "general");
        struct room_state state;

        assert_false(a.failed);
        assert_int_equal(read_room_state(BYTES(a.body, a.size), &state), 0);
        assert_true(bytes_equal(state.group, BYTES_STRING(group)));
        assert_int_equal(state.epoch, epoch);
        assert_true(bytes_equal(state.group_info, BYTES_STRING(info)));
}

static uint32_t count_members(struct client *c)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct answer a = ask(c, FRAME_LIST_ROOMS, &w);
        struct bytes rooms, name;
        struct reader r;
        uint32_t n;

        assert_int_equal(read_rooms(BYTES(a.body, a.size), &rooms), 0);
        reader_init(&r, rooms);
        assert_true(room_next(&r, &name, &n));
        assert_true(bytes_equal(name, BYTES_STRING("general")));
        return n;
}

/* Who has gone and is to be removed, each with a space behind. */
static const char *departed(const struct answer *a)
{
        static char out[256];
        struct bytes names, name;
        struct reader r;

        out[0] = '\0';
        assert_false(a->failed);
        assert_int_equal(read_room_departed(BYTES(a->body, a->size), &names), 0);
        reader_init(&r, names);
        while (recipient_next(&r, &name))
                (void) sprintf(out + strlen(out), "%.*s ", (int) name.size, (const char *) name.data);
        return out;
}

/* What has come, as "<step><sender>:<payload> ". */
static char heard[4][4096];
static struct client people[4];
static const char *const names[] = { "alice", "bob", "carol", "dave" };

static void on_entry(struct client *c, const struct entry *e)
{
        char *out = heard[c - people];
        struct room_entry m;

        assert_int_equal(read_room_entry(e->payload, &m), 0);
        (void) sprintf(out + strlen(out), "%c%.*s:%.*s ", "slcj"[m.step], (int) m.sender.size,
                       (const char *) m.sender.data, (int) m.payload.size, (const char *) m.payload.data);
}

static void come(struct fixture *f, unsigned who, bool registering)
{
        heard[who][0] = '\0';
        people[who].on_entry = on_entry;
        client_up(&people[who], f->event, &f->address, names[who], registering);
        fetch_after(&people[who], 0, 100);
}

static int people_come(void **state)
{
        fixture_settings.rooms = "general";
        if (setup(state) < 0)
                return -1;
        for (unsigned i = 0; i < COUNT_OF(people); i++)
                come(*state, i, true);
        return 0;
}

static int people_go(void **state)
{
        for (unsigned i = 0; i < COUNT_OF(people); i++) {
                client_release(&people[i]);
                people[i] = (struct client){ 0 };
        }
        return teardown(state);
}

#define UNTIL_HEARD(f, who, text) UNTIL((f)->event, strcmp(heard[who], text) == 0)

/* Alice begins the room's group, bob joins. */
static void two_join(void)
{
        assert_false(post(&people[0], ROOM_JOIN, "g", 0, "first").failed);
        assert_false(post(&people[1], ROOM_JOIN, "g", 1, "bob's").failed);
}

static void who_comes_first_begins_the_group_and_others_join_it(void **state)
{
        struct fixture *f = *state;

        assert_room(&people[1], "", 0, "");
        two_join();
        assert_room(&people[2], "g", 2, "info 2");
        assert_int_equal(count_members(&people[2]), 2);
        UNTIL_HEARD(f, 0, "jbob:bob's ");
        assert_string_equal(heard[2], "");
}

static void of_two_who_begin_it_or_move_it_on_one_wins(void **state)
{
        struct answer a;

        assert_false(post(&people[0], ROOM_JOIN, "g", 0, "first").failed);
        a = post(&people[1], ROOM_JOIN, "other", 0, "also first");
        assert_int_equal(a.code, WIRE_ERROR_STALE);
        assert_int_equal(a.value, 1);
        assert_false(post(&people[1], ROOM_JOIN, "g", 1, "joins").failed);
        a = post(&people[0], ROOM_COMMIT, "g", 1, "late");
        assert_int_equal(a.code, WIRE_ERROR_STALE);
        assert_int_equal(a.value, 2);
        assert_room(&people[0], "g", 2, "info 2");
}

static void what_is_said_reaches_all_others_and_nobody_outside(void **state)
{
        struct fixture *f = *state;

        two_join();
        assert_false(post(&people[2], ROOM_JOIN, "g", 2, "carol's").failed);
        assert_false(post(&people[1], ROOM_SAY, "g", 0, "hello").failed);
        UNTIL_HEARD(f, 0, "jbob:bob's jcarol:carol's s:hello ");
        UNTIL_HEARD(f, 2, "s:hello ");
        assert_string_equal(heard[1], "jcarol:carol's ");
        assert_string_equal(heard[3], "");
}

static void who_is_outside_is_told_so(void **state)
{
        two_join();
        assert_int_equal(post(&people[3], ROOM_SAY, "g", 0, "spam").code, WIRE_ERROR_OUTSIDE);
        assert_int_equal(post(&people[3], ROOM_COMMIT, "g", 2, "spam").code, WIRE_ERROR_OUTSIDE);
        assert_int_equal(post(&people[3], ROOM_LEAVE, "g", 0, "spam").code, WIRE_ERROR_OUTSIDE);
        assert_int_equal(post(&people[0], ROOM_SAY, "old", 0, "x").code, WIRE_ERROR_OUTSIDE);
        assert_int_equal(post(&people[0], ROOM_COMMIT, "g", 3, "of a later epoch").code, WIRE_ERROR_OUTSIDE);
        assert_int_equal(fetch_room(&people[0], "lounge").code, WIRE_ERROR_NO_ROOM);
}

static void who_leaves_hears_nothing_more_and_is_named_until_removed(void **state)
{
        struct fixture *f = *state;
        struct answer a;

        two_join();
        assert_false(post(&people[1], ROOM_LEAVE, "g", 0, "bye").failed);
        assert_int_equal(post(&people[1], ROOM_SAY, "g", 0, "x").code, WIRE_ERROR_OUTSIDE);
        a = post(&people[0], ROOM_SAY, "g", 0, "gone?");
        assert_string_equal(departed(&a), "bob ");
        a = post(&people[0], ROOM_COMMIT, "g", 2, "without bob", "bob");
        assert_string_equal(departed(&a), "");
        UNTIL_HEARD(f, 0, "jbob:bob's l:bye ");
        assert_string_equal(heard[1], "");
}

static void who_is_removed_gets_the_commit_and_nothing_after_it(void **state)
{
        struct fixture *f = *state;

        two_join();
        assert_false(post(&people[0], ROOM_COMMIT, "g", 2, "without bob", "bob").failed);
        assert_false(post(&people[0], ROOM_SAY, "g", 0, "alone").failed);
        UNTIL_HEARD(f, 1, "c:without bob ");
        assert_int_equal(count_members(&people[0]), 1);
}

static void an_account_that_is_deleted_is_off_the_roster(void **state)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct answer a;

        two_join();
        write_delete_account(&w, BYTES_STRING("bob"));
        assert_false(ask(&people[1], FRAME_DELETE_ACCOUNT, &w).failed);
        a = post(&people[0], ROOM_SAY, "g", 0, "bob?");
        assert_string_equal(departed(&a), "bob ");
        assert_int_equal(count_members(&people[0]), 1);
}

static void a_room_that_nobody_is_in_begins_anew(void **state)
{
        two_join();
        assert_false(post(&people[0], ROOM_LEAVE, "g", 0, "bye").failed);
        assert_false(post(&people[1], ROOM_LEAVE, "g", 0, "bye").failed);
        assert_room(&people[2], "", 0, "");
        assert_false(post(&people[2], ROOM_JOIN, "h", 0, "anew").failed);
        assert_room(&people[0], "h", 1, "info 1");
}

static void the_same_id_is_done_once(void **state)
{
        struct fixture *f = *state;

        two_join();
        assert_false(post_as(&people[0], 1000, POST(ROOM_COMMIT, "g", 2, "once")).failed);
        assert_false(post_as(&people[0], 1000, POST(ROOM_COMMIT, "g", 2, "once")).failed);
        assert_false(post(&people[0], ROOM_SAY, "g", 0, "then").failed);
        UNTIL_HEARD(f, 1, "c:once s:then ");
        assert_room(&people[0], "g", 3, "info 3");
}

static void nobody_can_write_what_only_the_hub_writes(void **state)
{
        _cleanup_writer_ struct writer forged = WRITER_INIT, w = WRITER_INIT;

        write_room_entry(&forged, &(struct room_entry){ ROOM_JOIN, BYTES_STRING("bob"), BYTES_STRING("not from bob") });
        write_message(&w, 7, "alice", writer_bytes(&forged), -1);
        assert_int_equal(ask(&people[3], FRAME_SEND, &w).code, WIRE_ERROR_NOT_ALLOWED);
}

/* A hub that is killed at any moment has either taken a commit or not, and the same id leads to the same end. */
static void the_owner_can_see_who_has_moved_a_room(void **state)
{
        struct access_log *log;
        struct fixture *f = *state;
        char path[256], line[256], events[512] = "";

        (void) snprintf(path, sizeof(path), "%s/access.log", f->server.directory);
        assert_int_equal(access_log_open(path, &log), 0);
        hub_set_access_log(f->server.hub, log);
        two_join();
        assert_true(post(&people[1], ROOM_COMMIT, "g", 1, "late").failed);
        assert_false(post(&people[0], ROOM_SAY, "g", 0, "hello").failed);
        assert_false(post(&people[0], ROOM_COMMIT, "g", 2, "next").failed);
        hub_set_access_log(f->server.hub, NULL);
        access_log_close(log);
        FILE *in = fopen(path, "re");

        assert_non_null(in);
        while (fgets(line, sizeof(line), in))
                (void) strcat(events, strchr(strchr(line, ' ') + 1, ' '));
        (void) fclose(in);
        assert_string_equal(events, " joined:general alice\n joined:general bob\n changed:general alice\n");
}

static void who_asks_for_the_list_all_the_time_is_slowed_down(void **state)
{
        unsigned lists = 0;
        struct answer a;

        do {
                _cleanup_writer_ struct writer w = WRITER_INIT;

                a = ask(&people[0], FRAME_LIST_ROOMS, &w);
        } while (!a.failed && ++lists < 30);
        assert_int_equal(a.code, WIRE_ERROR_TOO_FAST);
        assert_true(a.value > 0);
        assert_int_equal(fetch_room(&people[0], "general").code, WIRE_ERROR_TOO_FAST);
        assert_int_equal(count_members(&people[1]), 0);
}

/* Room answers as large as can be, asked for all at once: the hub has a few of them in memory at a time. */
static void large_rooms_are_handed_out_in_small_batches(void **state)
{
        enum { ASKED = 24, OF_A_BATCH = 4 };
        static const uint8_t info[WIRE_PAYLOAD_MAX - 1024];
        _cleanup_writer_ struct writer join = WRITER_INIT, name = WRITER_INIT;
        struct fixture *f = *state;
        struct answer answers[ASKED] = { 0 };
        struct room_post m = { .room = BYTES_STRING("general"),
                               .group = BYTES_STRING("g"),
                               .step = ROOM_JOIN,
                               .group_info = BYTES_OF(info),
                               .payload = BYTES_STRING("first") };

        write_room_post(&join, &m);
        assert_false(ask(&people[0], FRAME_SEND_TO_ROOM, &join).failed);
        write_claim(&name, m.room);

        uint64_t batches = hub_figures(f->server.hub).commits.batches;

        for (unsigned i = 0; i < ASKED; i++)
                assert_true(link_request(people[i % 4].link, FRAME_FETCH_ROOM, writer_bytes(&name), on_answer,
                                         &answers[i]) >= 0);
        for (unsigned i = 0; i < ASKED; i++) {
                UNTIL(f->event, answers[i].done);
                assert_false(answers[i].failed);
        }
        assert_true(hub_figures(f->server.hub).commits.batches - batches >= ASKED / OF_A_BATCH);
}

static void a_commit_is_there_once_however_often_the_hub_is_killed(void **state)
{
        enum { KILLS = 15 };
        struct server server = { .directory = temporary_directory() };
        struct address address = { .host = "127.0.0.1", .has_key = true };
        struct client alice = { 0 };
        sd_event *event;
        unsigned answered = 0;

        fixture_settings.rooms = "general";
        assert_int_equal(sd_event_new(&event), 0);
        for (unsigned n = 0; n < KILLS; n++) {
                struct post p = POST(n == 0 ? ROOM_JOIN : ROOM_COMMIT, "g", n, "commit");
                _cleanup_writer_ struct writer w = WRITER_INIT;
                struct answer a = { 0 };
                char info[32];
                pid_t hub = fork_server(&server);

                address.port = server.port;
                memcpy(address.key, server.identity.pin, sizeof(address.key));
                client_up(&alice, event, &address, "alice", n == 0);
                write_post(&w, n + 1, &p);
                assert_int_equal(link_request(alice.link, FRAME_SEND_TO_ROOM, writer_bytes(&w), on_answer, &a), 0);
                for (unsigned i = 0; i < n % 5; i++)
                        assert_true(sd_event_run(event, 200) >= 0);
                kill(hub, SIGKILL);
                waitpid(hub, NULL, 0);
                answered += a.done && !a.failed;
                client_end(&alice);
                hub = fork_server(&server);
                client_up(&alice, event, &address, "alice", false);
                assert_false(post_as(&alice, n + 1, p).failed);
                (void) snprintf(info, sizeof(info), "info %u", n + 1);
                assert_room(&alice, "g", n + 1, info);
                client_end(&alice);
                kill(hub, SIGKILL);
                waitpid(hub, NULL, 0);
        }
        print_message("# %u of %d were answered before the kill\n", answered, KILLS);
        client_release(&alice);
        sd_event_unref(event);
        temporary_remove(server.directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, people_come, people_go)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(who_comes_first_begins_the_group_and_others_join_it),
                TEST(of_two_who_begin_it_or_move_it_on_one_wins),
                TEST(what_is_said_reaches_all_others_and_nobody_outside),
                TEST(who_is_outside_is_told_so),
                TEST(who_leaves_hears_nothing_more_and_is_named_until_removed),
                TEST(who_is_removed_gets_the_commit_and_nothing_after_it),
                TEST(an_account_that_is_deleted_is_off_the_roster),
                TEST(a_room_that_nobody_is_in_begins_anew),
                TEST(the_same_id_is_done_once),
                TEST(nobody_can_write_what_only_the_hub_writes),
                TEST(the_owner_can_see_who_has_moved_a_room),
                TEST(who_asks_for_the_list_all_the_time_is_slowed_down),
                TEST(large_rooms_are_handed_out_in_small_batches),
                cmocka_unit_test(a_commit_is_there_once_however_often_the_hub_is_killed),
        };

        signal(SIGPIPE, SIG_IGN);
        log_open("test", LOG_ERR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A hub that is killed by SIGKILL under load, again and again, and a checker that reads what both ends noted: nothing
 * that was acknowledged is lost, nothing reaches a reader twice, and each sender's order holds. */
#include <errno.h>
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
#include "services/cleanup.h"
#include "services/log.h"
#include "temporary.h"

enum { KILLS = 50, SENDERS = 3, MESSAGES = 200000, ACK_EVERY = 7 };

/* What one sender has noted. Message n has the id n, and is sent again under it until it is acknowledged. */
struct sender {
        struct client client;
        unsigned number, next, in_flight;
        uint32_t acknowledged; /* all below are */
        bool done[MESSAGES];
        uint32_t arrived; /* at the reader: the next that it expects */
};

struct reader_log {
        struct client client;
        uint64_t stored; /* the last number on the reader's own disk: what comes again up to it is dropped */
        uint64_t dropped;
        unsigned unacknowledged;
        bool wrong;
};

static struct sender senders[SENDERS];
static struct reader_log bob;

struct note {
        uint32_t sender, number;
};

static void on_stored(void *userdata, const struct link_error *error, struct bytes answer)
{
        uint32_t which = (uint32_t) (uintptr_t) userdata;
        struct sender *s = &senders[which % SENDERS];

        s->in_flight--;
        if (error)
                return;
        s->done[which / SENDERS] = true;
        while (s->done[s->acknowledged])
                s->acknowledged++;
}

static void send_more(struct sender *s)
{
        while (s->client.up && !s->client.down && link_room(s->client.link) > 0 && s->in_flight < 64) {
                struct note note = { s->number, s->next };
                _cleanup_writer_ struct writer w = WRITER_INIT;

                assert_true(s->next < MESSAGES - 1);
                write_message(&w, ((uint64_t) s->number << 32) + s->next, "bob", BYTES(&note, sizeof(note)), -1);
                if (link_request(s->client.link, FRAME_SEND, writer_bytes(&w), on_stored,
                                 (void *) (uintptr_t) (s->next * SENDERS + s->number)) < 0)
                        return;
                s->next++;
                s->in_flight++;
        }
}

static void on_nothing(void *userdata, const struct link_error *error, struct bytes answer)
{
}

static void take(const struct entry *e)
{
        struct note note = { SENDERS, 0 };

        bob.stored = e->sequence;
        if (e->payload.size == sizeof(note))
                memcpy(&note, e->payload.data, sizeof(note));
        bob.wrong = bob.wrong || note.sender >= SENDERS || note.number != senders[note.sender].arrived;
        if (!bob.wrong)
                senders[note.sender].arrived++;
}

/* The reader does what relayd does: drops numbers that it has seen, and acknowledges what it has. */
static void on_entry(struct client *c, const struct entry *e)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        if (e->sequence <= bob.stored)
                bob.dropped++;
        else
                take(e);
        if (++bob.unacknowledged < ACK_EVERY)
                return;
        bob.unacknowledged = 0;
        write_ack(&w, bob.stored);
        (void) link_request(c->link, FRAME_ACK, writer_bytes(&w), on_nothing, NULL);
}

static void come(struct client *c, sd_event *event, const struct address *a, unsigned number, bool registering)
{
        static const char *const names[] = { "alice", "carol", "dave", "bob" };

        if (c->link)
                client_end(c);
        client_up(c, event, a, names[number], registering);
}

static void all_come(sd_event *event, const struct address *a, bool registering)
{
        come(&bob.client, event, a, SENDERS, registering);
        bob.client.on_entry = on_entry;
        fetch_after(&bob.client, 0, 256); /* what it has not acknowledged comes again, and is dropped */
        for (unsigned i = 0; i < SENDERS; i++) {
                senders[i].number = i;
                come(&senders[i].client, event, a, i, registering);
                senders[i].next = senders[i].acknowledged; /* what was not answered is sent again */
                senders[i].in_flight = 0;
        }
}

static uint64_t confirmed(void)
{
        uint64_t n = 0;

        for (unsigned i = 0; i < SENDERS; i++)
                n += senders[i].acknowledged;
        return n;
}

static bool all_down(void)
{
        bool down = bob.client.down;

        for (unsigned i = 0; i < SENDERS; i++)
                down = down && senders[i].client.down;
        return down;
}

static bool all_arrived(void)
{
        bool arrived = true;

        for (unsigned i = 0; i < SENDERS; i++)
                arrived = arrived && senders[i].arrived == senders[i].acknowledged && senders[i].in_flight == 0;
        return arrived;
}

static void nothing_acknowledged_is_lost_or_doubled_in_fifty_kills(void **state)
{
        struct server s = { .directory = temporary_directory() };
        pid_t pid = fork_server(&s);
        struct address address = { .host = "127.0.0.1", .port = s.port, .has_key = true };
        sd_event *event;

        srandom(4);
        memcpy(address.key, s.identity.pin, sizeof(address.key));
        assert_true(sd_event_new(&event) >= 0);
        for (unsigned round = 0; round < KILLS; round++) {
                uint64_t before;

                all_come(event, &address, round == 0);
                before = confirmed();
                /* Killed after some answers more, at no particular moment. */
                uint64_t goal = before + 1 + (uint64_t) random() % 300, delay = (uint64_t) random() % 3000;

                while (confirmed() < goal) {
                        for (unsigned i = 0; i < SENDERS; i++)
                                send_more(&senders[i]);
                        assert_true(sd_event_run(event, 1000000) > 0);
                }
                usleep((useconds_t) delay);
                assert_int_equal(kill(pid, SIGKILL), 0);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                UNTIL(event, all_down());
                assert_false(bob.wrong);
                pid = fork_server(&s);
        }
        all_come(event, &address, false);
        for (unsigned i = 0; i < SENDERS; i++)
                send_more(&senders[i]); /* what has no answer yet, once more */
        UNTIL(event, all_arrived());
        assert_false(bob.wrong);
        assert_int_equal(bob.stored, confirmed()); /* numbers without a gap: nothing was stored twice */
        assert_true(bob.dropped > 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        client_release(&bob.client);
        for (unsigned i = 0; i < SENDERS; i++)
                client_release(&senders[i].client);
        sd_event_unref(event);
        temporary_remove(s.directory);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_acknowledged_is_lost_or_doubled_in_fifty_kills),
        };

        (void) signal(SIGPIPE, SIG_IGN); /* as daemon_run() does */
        log_open("test", LOG_CRIT);
        return cmocka_run_group_tests_name("hub killed", tests, NULL, NULL);
}

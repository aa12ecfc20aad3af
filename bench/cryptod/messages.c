/* See parts.h. The hub between the two messengers is this program, which loses nothing and takes no time. */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "bench/cryptod/parts.h"
#include "bench/cryptod/person.h"
#include "services/cleanup.h"

enum { MESSAGES = 400 };

static const char SYNC[] = "fdatasync of 4 KiB";

/* By the clock, with the disk, and of that what the processor computed. */
struct step {
        struct series whole, computed;
        uint64_t start, start_cpu;
};

static void step_begin(struct step *s)
{
        s->start = now_ns();
        s->start_cpu = cpu_ns();
}

static void step_end(struct step *s)
{
        series_add(&s->computed, cpu_ns() - s->start_cpu);
        series_add(&s->whole, now_ns() - s->start);
}

static void step_report(struct step *s, const char *name, double sync_ms, double primitives_ms, const char *primitives)
{
        series_report(&s->whole, name, sync_ms, SYNC);
        series_report(&s->computed, "    of that, processor time", primitives_ms, primitives);
}

static struct step sending, delivering, storing;
static struct series syncs;

/* Takes all envelopes of @from to @to. What is done with each is a step. */
static void carry(struct person *from, struct person *to)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                if (messenger_next_envelope(from->messenger, 0, &e) == 0)
                        return;
                step_begin(&delivering);
                if (e.recipients.size > 0 && messenger_deliver(to->messenger, ++to->sequence, e.content) < 0)
                        errx(1, "an envelope is not taken in");
                if (e.message != 0)
                        step_end(&delivering);
                step_begin(&storing);
                if (messenger_outcome(from->messenger, BYTES_OF(e.id), OUTCOME_STORED) < 0)
                        errx(1, "an outcome is not taken in");
                if (e.message != 0)
                        step_end(&storing);
        }
}

static void talk(struct person *alice, struct person *bob, int sync_fd)
{
        struct conversation *c = person_start(alice, bob);
        uint8_t text[PAYLOAD];
        uint64_t message;

        carry(alice, bob);
        memset(text, 'x', sizeof(text));
        for (unsigned i = 0; i < MESSAGES; i++) {
                series_add(&syncs, sync_once(sync_fd));
                primitives_round();
                step_begin(&sending);
                if (messenger_send(alice->messenger, c, BYTES_OF(text), now_ns() / 1000, &message) < 0)
                        errx(1, "a message cannot be sent");
                step_end(&sending);
                carry(alice, bob);
        }
}

void messages_bench(const char *directory)
{
        struct person alice = { 0 }, bob = { 0 };
        _cleanup_close_ int fd = sync_file(directory);

        person_enter(&alice, directory, "alice", "0123456789abcdef0123456789abcdef");
        person_enter(&bob, directory, "bob", "fedcba9876543210fedcba9876543210");
        primitives_begin(suite_by_name(PERSON_SUITE));
        talk(&alice, &bob, fd);
        struct primitives p = primitives_end(true);
        double sync_ms = series_median(&syncs);

        printf("messages of %d bytes, each with its whole transaction on disk:\n", PAYLOAD);
        series_report(&syncs, SYNC, sync_ms, SYNC);
        step_report(&sending, "send", sync_ms, p.sign_seal, "sign + seal");
        step_report(&delivering, "deliver", sync_ms, p.verify_open, "verify + open");
        series_report(&storing.whole, "take in that the hub has it", sync_ms, SYNC);
        person_leave(&alice);
        person_leave(&bob);
}

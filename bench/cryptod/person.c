/* See person.h. */
#include "bench/cryptod/person.h"

#include <err.h>
#include <stdio.h>

#include "services/cleanup.h"
#include "services/seal.h"

static void on_added(void *userdata, const struct conversation *c, uint64_t message)
{
}

static void on_changed(void *userdata, const struct conversation *c, uint64_t message, enum message_state state)
{
}

static void on_queued(void *userdata)
{
}

static const struct messenger_events events = { .message_added = on_added,
                                                .message_changed = on_changed,
                                                .envelopes_queued = on_queued };

void person_enter(struct person *p, const char *directory, const char *name, const char *id)
{
        char address[sizeof(p->address)];

        (void) snprintf(address, sizeof(address), "%s@hub.example.org:7843", name);
        person_enter_at(p, directory, address, id);
}

void person_enter_at(struct person *p, const char *directory, const char *address, const char *id)
{
        struct vault_account account = { .uid = 1000, .created = 1 };

        p->directory = directory;
        p->key = secret_random(VAULT_KEY_SIZE);
        (void) snprintf(p->id, sizeof(p->id), "%s", id);
        (void) snprintf(p->address, sizeof(p->address), "%s", address);
        (void) snprintf(account.id, sizeof(account.id), "%s", id);
        (void) snprintf(account.address, sizeof(account.address), "%s", p->address);
        (void) snprintf(account.suite, sizeof(account.suite), "%s", PERSON_SUITE);
        if (vault_create(directory, &account, BYTES_STRING("slot"), secret_copy(secret_bytes(p->key)), &p->vault) < 0 ||
            messenger_open(p->vault, &events, &p->messenger) < 0)
                errx(1, "the account of %s cannot be made", address);
}

void person_leave(struct person *p)
{
        messenger_free(p->messenger);
        vault_free(p->vault);
        secret_free(p->key);
}

const struct messenger_events *person_events(void)
{
        return &events;
}

struct conversation *person_start(struct person *p, struct person *with)
{
        _cleanup_writer_ struct writer packages = WRITER_INIT;
        struct conversation *c = NULL;
        struct reader r, inner;

        if (messenger_key_packages(with->messenger, 0, 1, PERSON_NOW, &packages) < 0)
                errx(1, "key packages");
        reader_init(&r, writer_bytes(&packages));
        inner = read_vector_open(&r);
        (void) read_u8(&inner); /* whether it is the one of last resort */
        if (messenger_start(p->messenger, with->address, read_vector(&inner), PERSON_NOW, &c) < 0)
                errx(1, "the conversation does not start");
        return c;
}

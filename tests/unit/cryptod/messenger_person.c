/* See messenger_person.h. */
#include "messenger_person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "services/seal.h"

static void on_added(void *userdata, const struct conversation *c, uint64_t message)
{
        ((struct person *) userdata)->added++;
}

static void on_changed(void *userdata, const struct conversation *c, uint64_t message, enum message_state state)
{
        ((struct person *) userdata)->changed++;
}

static void on_queued(void *userdata)
{
        ((struct person *) userdata)->queued++;
}

void person_log_out(struct person *p)
{
        p->messenger = messenger_free(p->messenger);
        p->vault = vault_free(p->vault);
}

int person_log_in(struct person *p)
{
        int r = vault_load(p->directory, p->id, &p->vault);

        p->events = (struct messenger_events){
                .message_added = on_added, .message_changed = on_changed, .envelopes_queued = on_queued, .userdata = p
        };
        if (r >= 0)
                r = vault_unlock(p->vault, secret_copy(secret_bytes(p->vault_key)));
        return r < 0 ? r : messenger_open(p->vault, &p->events, &p->messenger);
}

void person_restart(struct person *p)
{
        person_log_out(p);
        assert_int_equal(person_log_in(p), 0);
}

void person_sign_up(struct person *p, const char *name, const char *id, const char *suite)
{
        struct vault_account account = { .uid = 1000, .created = 1 };

        *p = (struct person){ .directory = "/tmp/visavis-messenger-XXXXXX",
                              .vault_key = secret_random(VAULT_KEY_SIZE) };
        assert_non_null(mkdtemp(p->directory));
        snprintf(p->id, sizeof(p->id), "%s", id);
        snprintf(p->address, sizeof(p->address), "%s@hub.example.org:7843", name);
        snprintf(account.id, sizeof(account.id), "%s", id);
        snprintf(account.address, sizeof(account.address), "%s", p->address);
        snprintf(account.suite, sizeof(account.suite), "%s", suite);
        p->events = (struct messenger_events){
                .message_added = on_added, .message_changed = on_changed, .envelopes_queued = on_queued, .userdata = p
        };
        assert_int_equal(vault_create(p->directory, &account, BYTES_STRING("slot"),
                                      secret_copy(secret_bytes(p->vault_key)), &p->vault),
                         0);
        assert_int_equal(messenger_open(p->vault, &p->events, &p->messenger), 0);
}

void person_release(struct person *p)
{
        char command[128];

        messenger_free(p->messenger);
        vault_free(p->vault);
        secret_free(p->vault_key);
        snprintf(command, sizeof(command), "rm -r %s", p->directory);
        assert_int_equal(system(command), 0);
}

void person_claim(struct person *p, struct writer *out)
{
        _cleanup_writer_ struct writer packages = WRITER_INIT;
        struct reader r, inner;

        assert_int_equal(messenger_key_packages(p->messenger, 0, 2, NOW, &packages), 0);
        reader_init(&r, writer_bytes(&packages));
        inner = read_vector_open(&r);
        if (read_u8(&inner) == 1) { /* the last resort, which is made once */
                (void) read_vector(&inner);
                assert_int_equal(read_u8(&inner), 0);
        }
        write_fixed(out, read_vector(&inner));
}

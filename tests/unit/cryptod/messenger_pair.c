#include "messenger_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"

int pair_make(void **state)
{
        static struct fixture f;

        person_sign_up(&f.alice, "alice", "0123456789abcdef0123456789abcdef",
                       "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        person_sign_up(&f.bob, "bob", "fedcba9876543210fedcba9876543210", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        f.epoch = 0;
        *state = &f;
        return 0;
}

int pair_release(void **state)
{
        struct fixture *f = *state;

        person_release(&f->alice);
        person_release(&f->bob);
        return 0;
}

struct conversation *start(struct person *p, struct person *with)
{
        _cleanup_writer_ struct writer package = WRITER_INIT;
        struct conversation *c = NULL;

        person_claim(with, &package);
        assert_int_equal(messenger_start(p->messenger, with->address, writer_bytes(&package), NOW, &c), 0);
        return c;
}

void carry(struct fixture *f, struct person *from, struct person *to)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };
                enum outcome outcome = OUTCOME_STORED;

                if (messenger_next_envelope(from->messenger, 0, &e) == 0)
                        return;
                if (e.group.size > 0 && e.epoch != f->epoch)
                        outcome = OUTCOME_STALE;
                else if (e.group.size > 0)
                        f->epoch++;
                if (outcome == OUTCOME_STORED) {
                        _cleanup_writer_ struct writer recipient = WRITER_INIT;

                        write_vector(&recipient, BYTES_STRING(to->address));
                        assert_true(bytes_equal(e.recipients, writer_bytes(&recipient)));
                        assert_int_equal(messenger_deliver(to->messenger, ++to->sequence, e.content), 0);
                }
                assert_int_equal(messenger_outcome(from->messenger, BYTES_OF(e.id), outcome), 0);
        }
}

void say(struct person *p, struct conversation *c, const char *text)
{
        uint64_t message;

        assert_int_equal(messenger_send(p->messenger, c, BYTES_STRING(text), 1, &message), 0);
}

struct conversation *only(struct person *p)
{
        struct conversation *c = (struct conversation *) messenger_conversations(p->messenger);

        assert_non_null(c);
        assert_null(c->next);
        return c;
}

void assert_history(struct person *p, const char *expected)
{
        char found[1024] = "";
        struct conversation *c = only(p);
        uint64_t after = 0;

        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };
                int r = history_next(p->vault, conversation_id(c), after, &m);

                assert_true(r >= 0);
                if (r == 0)
                        break;
                after = m.id;
                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%c%.*s|",
                         m.sender == SENDER_OTHER    ? '>'
                         : m.sender == SENDER_NOTICE ? '!'
                                                     : message_state_name(m.state)[0],
                         m.sender == SENDER_NOTICE ? 0 : (int) m.content.text.size, (const char *) m.content.text.data);
        }
        assert_string_equal(found, expected);
}

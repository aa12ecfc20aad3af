/* See messenger_hub.h. */
#include "messenger_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/list.h"
#include "services/cleanup.h"

static const char *const names[PEOPLE] = { "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi" };

struct fixture *fixture;

static struct mail *put(unsigned who)
{
        assert_true(fixture->end[who] < MAIL_MAX);
        return &fixture->mail[who][fixture->end[who]++];
}

/* The hub's compare-and-set. */
static bool take_commit(struct bytes group, uint64_t epoch)
{
        for (unsigned i = 0; i < fixture->group_count; i++) {
                if (bytes_equal(BYTES_OF(fixture->groups[i].id), group)) {
                        if (fixture->groups[i].epoch != epoch)
                                return false;
                        fixture->groups[i].epoch++;
                        return true;
                }
        }
        assert_true(fixture->group_count < GROUPS_MAX);
        memcpy(fixture->groups[fixture->group_count].id, group.data, 16);
        fixture->groups[fixture->group_count++].epoch = epoch + 1;
        return true;
}

void post(unsigned who)
{
        for (;;) {
                _cleanup_(envelope_release) struct envelope e = { 0 };
                enum outcome outcome = OUTCOME_STORED;
                struct mail *m;

                if (messenger_next_envelope(fixture->people[who].messenger, fixture->posted[who], &e) == 0)
                        return;
                fixture->posted[who] = e.number;
                for (unsigned to = 0; to < PEOPLE; to++) {
                        if (fixture->deleted[to] && list_holds(e.recipients, BYTES_STRING(fixture->people[to].address)))
                                outcome = OUTCOME_REFUSED;
                }
                if (outcome == OUTCOME_STORED && e.group.size > 0 && !take_commit(e.group, e.epoch)) {
                        outcome = OUTCOME_STALE;
                        fixture->stale++;
                }
                for (unsigned to = 0; outcome == OUTCOME_STORED && to < PEOPLE; to++) {
                        if (list_holds(e.recipients, BYTES_STRING(fixture->people[to].address)))
                                write_fixed(&put(to)->content, e.content);
                }
                m = put(who);
                m->is_outcome = true;
                memcpy(m->id, e.id, sizeof(m->id));
                m->outcome = outcome;
        }
}

void inject(unsigned who, struct bytes group, uint64_t epoch, struct bytes recipients, struct bytes content)
{
        assert_true(take_commit(group, epoch));
        for (unsigned to = 0; to < PEOPLE; to++) {
                if (to != who && list_holds(recipients, BYTES_STRING(fixture->people[to].address)))
                        write_fixed(&put(to)->content, content);
        }
}

static void take(unsigned who, struct mail *m)
{
        struct person *p = &fixture->people[who];

        if (m->is_outcome)
                assert_int_equal(messenger_outcome(p->messenger, BYTES_OF(m->id), m->outcome), 0);
        else
                assert_int_equal(messenger_deliver(p->messenger, ++p->sequence, writer_bytes(&m->content)), 0);
        writer_release(&m->content);
        *m = (struct mail){ 0 };
}

void fetch(unsigned who, bool outcomes_last)
{
        for (int pass = 0; pass < 2; pass++) {
                for (unsigned i = fixture->first[who]; i < fixture->end[who]; i++) {
                        struct mail *m = &fixture->mail[who][i];

                        if ((m->is_outcome || m->content.size > 0) && (pass == 1 || !outcomes_last || !m->is_outcome))
                                take(who, m);
                }
        }
        fixture->first[who] = fixture->end[who] = 0;
}

void settle(void)
{
        for (bool busy = true; busy;) {
                busy = false;
                for (unsigned who = 0; who < PEOPLE; who++) {
                        if (!fixture->people[who].messenger)
                                continue;
                        post(who);
                        busy = busy || fixture->first[who] < fixture->end[who];
                        fetch(who, who % 2 == 1);
                }
        }
}

void sign_up(unsigned who)
{
        char id[ACCOUNT_ID_SIZE + 1];

        snprintf(id, sizeof(id), "%032x", who + 1);
        person_sign_up(&fixture->people[who], names[who], id, PERSON_SUITE);
}

int hub_make(void **state)
{
        fixture = calloc(1, sizeof(*fixture));
        assert_non_null(fixture);
        for (unsigned who = 0; who < PEOPLE; who++)
                snprintf(fixture->people[who].address, sizeof(fixture->people[who].address), "%s@hub.example.org:7843",
                         names[who]);
        return 0;
}

int hub_release(void **state)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                for (unsigned i = 0; i < MAIL_MAX; i++)
                        writer_release(&fixture->mail[who][i].content);
                if (fixture->people[who].messenger)
                        person_release(&fixture->people[who]);
        }
        free(fixture);
        return 0;
}

struct conversation *group_of(unsigned who)
{
        struct conversation *found = NULL;

        for (const struct conversation *c = messenger_conversations(fixture->people[who].messenger); c; c = c->next) {
                if (c->kind != CONVERSATION_GROUP)
                        continue;
                assert_null(found);
                found = (struct conversation *) c;
        }
        return found;
}

int change(unsigned who, const char *name, unsigned from, unsigned to)
{
        struct writer packages[PEOPLE] = { 0 };
        struct invitee invitees[PEOPLE];
        struct conversation *c;
        int r;

        for (unsigned i = from; i < to; i++) {
                person_claim(&fixture->people[i], &packages[i]);
                invitees[i - from] = (struct invitee){ fixture->people[i].address, writer_bytes(&packages[i]) };
        }
        r = name ? messenger_create_group(fixture->people[who].messenger, BYTES_STRING(name), invitees, to - from, NOW,
                                          &c)
                 : messenger_add_members(fixture->people[who].messenger, group_of(who), invitees, to - from, NOW);
        for (unsigned i = from; i < to; i++)
                writer_release(&packages[i]);
        return r;
}

void create(unsigned count)
{
        for (unsigned who = 0; who < count; who++)
                sign_up(who);
        assert_int_equal(change(0, "friends", 1, count), 0);
        settle();
}

void say(unsigned who, const char *text)
{
        uint64_t message;

        assert_int_equal(messenger_send(fixture->people[who].messenger, group_of(who), BYTES_STRING(text), 1, &message),
                         0);
}

void remove_member(unsigned who, unsigned whom)
{
        assert_int_equal(
                messenger_remove_member(fixture->people[who].messenger, group_of(who), fixture->people[whom].address),
                0);
}

void give_role(unsigned who, unsigned whom, enum role role)
{
        assert_int_equal(
                messenger_set_role(fixture->people[who].messenger, group_of(who), fixture->people[whom].address, role),
                0);
}

void write_history(unsigned who, char *out, size_t size)
{
        static const char *const words[] = {
                [SENDER_SELF] = "me: ", [SENDER_OTHER] = "?", [SENDER_NOTICE] = "* ", [SENDER_NAMED] = ": "
        };
        struct person *p = &fixture->people[who];
        uint64_t after = 0;
        size_t used = 0;

        for (;;) {
                _cleanup_(message_release) struct message m = { 0 };

                if (history_next(p->vault, conversation_id(group_of(who)), after, &m) == 0)
                        return;
                after = m.id;
                used += (size_t) snprintf(
                        out + used, size - used, "%.*s%s%.*s|", (int) m.from.size, (const char *) m.from.data,
                        m.state == MESSAGE_STORED || m.state == MESSAGE_RECEIVED || m.state == MESSAGE_NOTICE
                                ? words[m.sender]
                                : "not sent: ",
                        (int) m.content.text.size, (const char *) m.content.text.data);
        }
}

void assert_history(unsigned who, const char *expected)
{
        static char found[16384];
        char *hub;

        write_history(who, found, sizeof(found));
        while ((hub = strstr(found, "@hub.example.org:7843")))
                memmove(hub, hub + 21, strlen(hub + 21) + 1);
        assert_string_equal(found, expected);
}

void assert_members(unsigned who, const char *expected)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;
        char found[512] = "";
        struct reader r;

        membership_addresses(group_of(who)->memberships, &list);
        reader_init(&r, writer_bytes(&list));
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%.*s ",
                         (int) (strchr((const char *) address.data, '@') - (const char *) address.data),
                         (const char *) address.data);
        }
        assert_string_equal(found, expected);
}

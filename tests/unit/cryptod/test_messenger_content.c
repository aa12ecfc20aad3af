/* What two people say of each other's messages: both histories agree, whatever comes first; nobody speaks for another;
 * what is deleted or over is gone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/description.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/conversation/messenger_state.h"
#include "messenger_pair.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* -- what stands there ------------------------------------------------------------------------------------------- */

static void add_annotations(struct person *p, const struct message *m, char *out, size_t size)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor cursor = { 0 };

        assert_int_equal(annotation_of(p->vault, conversation_id(only(p)), m->content_id, &cursor), 0);
        for (;;) {
                _cleanup_(annotation_release) struct annotation a = { 0 };
                struct reader list;

                if (annotation_read(&cursor, &a) == 0)
                        return;
                reader_init(&list, a.content.list);
                while (a.kind == ANNOTATION_REACTION && reader_more(&list)) {
                        struct bytes one = read_vector(&list);

                        snprintf(out + strlen(out), size - strlen(out), " %c%.*s", a.sender == SENDER_SELF ? '=' : '+',
                                 (int) one.size, (const char *) one.data);
                }
                if (a.kind == ANNOTATION_PIN && a.content.on)
                        snprintf(out + strlen(out), size - strlen(out), " pinned");
        }
}

/* The only history as "<state>text [edited] [reactions: = ours, + theirs] [pinned]|…". */
static void assert_said(struct person *p, const char *expected)
{
        _cleanup_(history_cursor_release) struct history_cursor cursor = { 0 };
        char found[2048] = "";

        assert_int_equal(history_after(p->vault, conversation_id(only(p)), 0, &cursor), 0);
        for (;;) {
                _cleanup_(message_release) struct message m = { 0 }, target = { 0 };
                _cleanup_writer_ struct writer text = WRITER_INIT;

                if (history_read(&cursor, &m) == 0)
                        break;
                describe_message(&m, &text);
                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%c%.*s%s",
                         m.sender == SENDER_SELF ? message_state_name(m.state)[0] : '>', (int) text.size,
                         (const char *) text.data, m.edited > 0 ? " edited" : "");
                if (m.content.replies_to.size > 0) {
                        assert_int_equal(
                                history_find(p->vault, conversation_id(only(p)), m.content.replies_to, &target), 1);
                        snprintf(found + strlen(found), sizeof(found) - strlen(found), " to %.*s",
                                 (int) target.content.text.size, (const char *) target.content.text.data);
                }
                if (m.content_id.size > 0)
                        add_annotations(p, &m, found, sizeof(found));
                strcat(found, "|");
        }
        assert_string_equal(found, expected);
}

static uint64_t last_of(struct person *p)
{
        _cleanup_(message_release) struct message m = { 0 };

        assert_int_equal(history_last(p->vault, conversation_id(only(p)), &m), 1);
        return m.id;
}

static void react(struct person *p, uint64_t message, const char *emoji)
{
        _cleanup_writer_ struct writer list = WRITER_INIT;

        if (*emoji)
                write_vector(&list, BYTES_STRING(emoji));
        assert_int_equal(messenger_react(p->messenger, only(p), message, writer_bytes(&list)), 0);
}

/* Two who want to talk, and a first message of alice's that bob has. */
static void begin(struct fixture *f)
{
        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        assert_int_equal(messenger_accept_request(f->bob.messenger, only(&f->bob)), 0);
        say(&f->alice, only(&f->alice), "tea?");
        carry(f, &f->alice, &f->bob);
}

/* -- a client that keeps to no rule ------------------------------------------------------------------------------ */

/* Encrypts @content as it is; its id, as the other will find it, is in @id. */
static void send_raw(struct person *p, const struct content *content, uint8_t id[static CONTENT_ID_SIZE])
{
        static uint8_t salt[CONTENT_SALT_SIZE];
        _cleanup_writer_ struct writer encoded = WRITER_INIT, reference = WRITER_INIT;
        struct membership *g = conversation_current(only(p));
        struct content salted = *content;
        uint8_t other[AUTHOR_SIZE];
        struct origin self;

        salt[0]++;
        salted.salt = BYTES_OF(salt);
        content_write(&encoded, &salted);
        assert_int_equal(messenger_begin(p->messenger), 0);
        assert_int_equal(messenger_end(p->messenger, g,
                                       messenger_encrypt(p->messenger, only(p), g, 0, writer_bytes(&encoded), NULL)),
                         0);
        messenger_self(p->messenger, only(p), &self);
        content_author(BYTES_STRING(only(p)->address), writer_bytes(&only(p)->root_key), other);
        write_fixed(&reference,
                    memcmp(self.author, other, sizeof(other)) < 0 ? BYTES_OF(self.author) : BYTES_OF(other));
        write_fixed(&reference,
                    memcmp(self.author, other, sizeof(other)) < 0 ? BYTES_OF(other) : BYTES_OF(self.author));
        content_id(BYTES_OF(self.author), writer_bytes(&reference), writer_bytes(&encoded), salted.salt, id);
}

static void id_of(struct person *p, uint64_t message, uint8_t id[static CONTENT_ID_SIZE])
{
        _cleanup_(message_release) struct message m = { 0 };

        assert_int_equal(history_get(p->vault, conversation_id(only(p)), message, &m), 1);
        assert_int_equal(m.content_id.size, CONTENT_ID_SIZE);
        memcpy(id, m.content_id.data, CONTENT_ID_SIZE);
}

static int64_t count(struct person *p, const char *sql)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s, sql, ""), 0);
        assert_int_equal(storage_step(s), 1);
        return storage_column_integer(s, 0);
}

/* -- tests ------------------------------------------------------------------------------------------------------- */

static void both_see_replies_reactions_edits_pins_and_deletions(void **state)
{
        struct fixture *f = *state;
        struct content reply = { .kind = CONTENT_TEXT, .text = BYTES_STRING("coffee") };
        uint64_t message;

        begin(f);
        react(&f->bob, last_of(&f->bob), "👍");
        assert_int_equal(messenger_reply(f->bob.messenger, only(&f->bob), last_of(&f->bob), &reply, &message), 0);
        carry(f, &f->bob, &f->alice);
        assert_said(&f->alice, "stea? +👍|>coffee to tea?|");
        assert_said(&f->bob, ">tea? =👍|scoffee to tea?|");
        assert_int_equal(messenger_edit(f->bob.messenger, only(&f->bob), message, BYTES_STRING("cocoa")), 0);
        assert_int_equal(messenger_pin(f->bob.messenger, only(&f->bob), message, true), 0);
        react(&f->bob, 1, "");
        carry(f, &f->bob, &f->alice);
        react(&f->alice, last_of(&f->alice), "❤");
        carry(f, &f->alice, &f->bob);
        assert_said(&f->alice, "stea?|>cocoa edited to tea? =❤ pinned|");
        assert_said(&f->bob, ">tea?|scocoa edited to tea? +❤ pinned|");
        person_restart(&f->bob);
        assert_int_equal(messenger_delete(f->bob.messenger, only(&f->bob), message, true), 0);
        carry(f, &f->bob, &f->alice);
        person_restart(&f->alice);
        assert_said(&f->alice, "stea?|>This message was deleted.|");
        assert_said(&f->bob, ">tea?|sThis message was deleted.|");
        assert_int_equal(messenger_delete(f->alice.messenger, only(&f->alice), last_of(&f->alice), false), 0);
        assert_said(&f->alice, "stea?|");
}

static void what_waits_for_the_hub_is_sent_in_order_and_what_was_deleted_is_not(void **state)
{
        struct fixture *f = *state;
        uint64_t message;

        start(&f->alice, &f->bob);
        assert_int_equal(messenger_send(f->alice.messenger, only(&f->alice), BYTES_STRING("a"), 1, &message), 0);
        assert_int_equal(messenger_edit(f->alice.messenger, only(&f->alice), message, BYTES_STRING("b")), 0);
        assert_int_equal(messenger_send(f->alice.messenger, only(&f->alice), BYTES_STRING("c"), 1, &message), 0);
        assert_int_equal(messenger_delete(f->alice.messenger, only(&f->alice), message, true), 0);
        person_restart(&f->alice);
        carry(f, &f->alice, &f->bob);
        assert_said(&f->alice, "sb edited|"); /* it was nowhere else */
        assert_said(&f->bob, ">b edited|");
}

static void only_its_author_changes_a_message(void **state)
{
        struct fixture *f = *state;
        uint8_t target[CONTENT_ID_SIZE], id[CONTENT_ID_SIZE];

        begin(f);
        assert_int_equal(messenger_edit(f->bob.messenger, only(&f->bob), 1, BYTES_STRING("beer")), -EPERM);
        assert_int_equal(messenger_delete(f->bob.messenger, only(&f->bob), 1, true), -EPERM);
        id_of(&f->bob, 1, target);
        send_raw(&f->bob,
                 &(struct content){
                         .kind = CONTENT_EDIT, .time = 2, .target = BYTES_OF(target), .text = BYTES_STRING("beer") },
                 id);
        send_raw(&f->bob, &(struct content){ .kind = CONTENT_DELETION, .time = 3, .target = BYTES_OF(target) }, id);
        carry(f, &f->bob, &f->alice);
        assert_said(&f->alice, "stea?|");
        assert_int_equal(count(&f->alice, "SELECT COUNT(*) FROM annotation"), 0);
}

/* Also of one who is not the author: that edit does not stand in the way. */
static void what_comes_before_its_message_waits_for_it(void **state)
{
        struct fixture *f = *state;
        const struct content text = { .kind = CONTENT_TEXT, .time = 5, .text = BYTES_STRING("one") };
        uint8_t target[CONTENT_ID_SIZE], id[CONTENT_ID_SIZE];
        _cleanup_(envelope_release) struct envelope first = { 0 }, next = { 0 };

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        send_raw(&f->alice, &text, target);
        assert_int_equal(messenger_next_envelope(f->alice.messenger, 0, &first), 1);
        send_raw(&f->alice,
                 &(struct content){
                         .kind = CONTENT_EDIT, .time = 7, .target = BYTES_OF(target), .text = BYTES_STRING("newest") },
                 id);
        send_raw(&f->alice,
                 &(struct content){
                         .kind = CONTENT_EDIT, .time = 6, .target = BYTES_OF(target), .text = BYTES_STRING("newer") },
                 id);
        while (messenger_next_envelope(f->alice.messenger, first.number, &next) == 1) {
                assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, next.content), 0);
                first.number = next.number;
                envelope_release(&next);
        }
        assert_said(&f->bob, "");
        assert_int_equal(count(&f->bob, "SELECT COUNT(*) FROM annotation WHERE waiting IS NOT NULL"), 1);
        person_restart(&f->bob);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, first.content), 0);
        assert_said(&f->bob, ">newest edited|");
        assert_int_equal(count(&f->bob, "SELECT COUNT(*) FROM annotation"), 0);
}

static void a_message_comes_once(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        static const uint8_t salt[CONTENT_SALT_SIZE] = { 9 };
        const struct content text = { .salt = BYTES_OF(salt), .kind = CONTENT_TEXT, .text = BYTES_STRING("once") };
        struct membership *g;

        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        g = conversation_current(only(&f->alice));
        content_write(&encoded, &text);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(messenger_begin(f->alice.messenger), 0);
                assert_int_equal(messenger_end(f->alice.messenger, g,
                                               messenger_encrypt(f->alice.messenger, only(&f->alice), g, 0,
                                                                 writer_bytes(&encoded), NULL)),
                                 0);
        }
        carry(f, &f->alice, &f->bob);
        assert_said(&f->bob, ">once|");
}

static void a_flood_of_what_nobody_knows_is_bounded(void **state)
{
        struct fixture *f = *state;
        uint8_t target[CONTENT_ID_SIZE] = { 1 };
        const struct content reaction = {
                .version = 2, .kind = CONTENT_REACTION, .target = BYTES_OF(target), .list = BYTES_STRING("\1x")
        };
        const struct origin bob = { .sender = SENDER_OTHER };

        begin(f);
        assert_int_equal(messenger_begin(f->alice.messenger), 0);
        for (unsigned i = 0; i < ANNOTATIONS_WAITING_MAX + 20; i++) {
                _cleanup_writer_ struct writer encoded = WRITER_INIT;
                uint64_t message;

                memcpy(target + 1, &i, sizeof(i));
                content_write(&encoded, &reaction);
                assert_int_equal(messenger_take(f->alice.messenger, only(&f->alice), &bob, &reaction,
                                                writer_bytes(&encoded), MESSAGE_RECEIVED, &message),
                                 0);
        }
        assert_int_equal(messenger_end(f->alice.messenger, NULL, 0), 0);
        assert_int_equal(count(&f->alice, "SELECT COUNT(*) FROM annotation"), ANNOTATIONS_WAITING_MAX);
        assert_said(&f->alice, "stea?|");
}

/* Pins of what never comes, and what is pinned no more, take nobody's room. */
static void pins_that_nobody_sees_do_not_count(void **state)
{
        struct fixture *f = *state;
        uint8_t target[CONTENT_ID_SIZE] = { 0 }, id[CONTENT_ID_SIZE];

        begin(f);
        for (unsigned i = 0; i < PINS_MAX; i++) {
                target[0] = (uint8_t) i;
                send_raw(&f->bob,
                         &(struct content){ .kind = CONTENT_PIN, .time = 1, .target = BYTES_OF(target), .on = i % 2 },
                         id);
        }
        carry(f, &f->bob, &f->alice);
        assert_int_equal(count(&f->alice, "SELECT COUNT(*) FROM annotation"), PINS_MAX);
        assert_int_equal(messenger_pin(f->alice.messenger, only(&f->alice), 1, true), 0);
        assert_said(&f->alice, "stea? pinned|");
}

/* An id of one conversation is nothing in another, even of the same message. */
static void nothing_refers_into_another_conversation(void **state)
{
        struct fixture *f = *state;
        struct person carol;
        struct conversation *with_carol;
        uint8_t target[CONTENT_ID_SIZE], id[CONTENT_ID_SIZE];
        uint64_t message;

        person_sign_up(&carol, "carol", "00000000000000000000000000000c0c", PERSON_SUITE);
        begin(f);
        id_of(&f->alice, 1, target);
        with_carol = start(&f->alice, &carol);
        f->epoch = 0;
        carry(f, &f->alice, &carol);
        assert_int_equal(messenger_send(f->alice.messenger, with_carol, BYTES_STRING("hello"), 1, &message), 0);
        carry(f, &f->alice, &carol);
        send_raw(&carol, &(struct content){ .kind = CONTENT_PIN, .time = 1, .target = BYTES_OF(target), .on = true },
                 id);
        carry(f, &carol, &f->alice);
        assert_int_equal(count(&f->alice, "SELECT COUNT(*) FROM annotation WHERE waiting IS NULL"), 0);
        assert_int_equal(messenger_pin(f->alice.messenger, with_carol, 1, true), -ENOENT);
        person_release(&carol);
}

static void a_time_from_the_future_does_not_stand_for_ever(void **state)
{
        struct fixture *f = *state;
        uint8_t id[CONTENT_ID_SIZE];
        struct instant now = instant_now();

        begin(f);
        send_raw(&f->bob, &(struct content){ .kind = CONTENT_LIFETIME, .time = UINT64_MAX, .seconds = 60 }, id);
        carry(f, &f->bob, &f->alice);
        assert_int_equal(only(&f->alice)->settings.lifetime, 60);
        assert_true(only(&f->alice)->settings.lifetime_time < (now.wall + 3600) * 1000000);
}

/* What is sealed of the last message on @p's disk, and whether any file of the vault has it. */
static void read_sealed(struct person *p, struct writer *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s,
                                         "SELECT content FROM message ORDER BY id DESC LIMIT 1", ""),
                         0);
        assert_int_equal(storage_step(s), 1);
        write_fixed(out, storage_column_bytes(s, 0));
}

static bool is_on_disk(struct person *p, struct bytes what)
{
        static const char *const files[] = { "vault.db", "vault.db-wal" };
        bool found = false;

        for (size_t i = 0; i < COUNT_OF(files); i++) {
                _cleanup_writer_ struct writer content = WRITER_INIT;
                char path[256];
                FILE *file;
                int c;

                snprintf(path, sizeof(path), "%s/%s/%s", p->directory, p->id, files[i]);
                file = fopen(path, "r");
                while (file && (c = fgetc(file)) != EOF)
                        write_u8(&content, (uint8_t) c);
                if (file)
                        fclose(file);
                found = found || (content.size > 0 && memmem(content.data, content.size, what.data, what.size));
        }
        return found;
}

static void what_is_deleted_and_what_was_edited_leave_the_disk(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer first = WRITER_INIT, second = WRITER_INIT;

        begin(f);
        read_sealed(&f->bob, &first);
        assert_true(is_on_disk(&f->bob, writer_bytes(&first)));
        assert_int_equal(messenger_edit(f->alice.messenger, only(&f->alice), 1, BYTES_STRING("rum?")), 0);
        carry(f, &f->alice, &f->bob);
        assert_false(is_on_disk(&f->bob, writer_bytes(&first)));
        read_sealed(&f->bob, &second);
        assert_int_equal(messenger_delete(f->alice.messenger, only(&f->alice), 1, true), 0);
        carry(f, &f->alice, &f->bob);
        assert_said(&f->bob, ">This message was deleted.|");
        assert_false(is_on_disk(&f->bob, writer_bytes(&second)));
}

static uint64_t erase_at(struct person *p, struct instant now)
{
        uint64_t seconds = 12345;

        assert_int_equal(messenger_erase_expired(p->messenger, &now, &seconds), 0);
        return seconds;
}

static void messages_disappear_on_both_sides(void **state)
{
        struct fixture *f = *state;
        struct instant now = instant_now(), later = now;

        begin(f);
        assert_int_equal(messenger_set_lifetime(f->bob.messenger, only(&f->bob), 3600), 0);
        carry(f, &f->bob, &f->alice);
        person_restart(&f->alice);
        assert_int_equal(only(&f->alice)->settings.lifetime, 3600);
        say(&f->alice, only(&f->alice), "for an hour");
        carry(f, &f->alice, &f->bob);
        assert_said(&f->alice, "stea?|>Messages disappear after 1 hour from now on.|sfor an hour|");
        /* A clock that is set erases nothing: the boot clock counts. */
        later.wall += 48 * 3600;
        assert_in_range(erase_at(&f->alice, later), 3500, 3600);
        assert_in_range(erase_at(&f->bob, later), 3500, 3600);
        later.wall = 0;
        later.up += 3599;
        assert_in_range(erase_at(&f->bob, later), 1, 3);
        later.up += 3;
        assert_int_equal(erase_at(&f->alice, later), 0);
        assert_int_equal(erase_at(&f->bob, later), 0);
        assert_said(&f->alice, "stea?|>Messages disappear after 1 hour from now on.|");
        assert_said(&f->bob, ">tea?|sMessages disappear after 1 hour from now on.|");
        say(&f->bob, only(&f->bob), "an id is not used twice");
        assert_true(last_of(&f->bob) > 3);
}

static int keep(struct person *p, uint32_t days, uint32_t messages)
{
        return messenger_set_keeping(p->messenger, only(p), &(struct keeping){ days, messages });
}

static void what_is_older_than_is_kept_goes_here_alone(void **state)
{
        struct fixture *f = *state;
        struct instant at = instant_now();
        struct keeping k;

        begin(f);
        assert_int_equal(keeping_load(f->bob.vault, conversation_id(only(&f->bob)), &k), 0);
        assert_int_equal(messenger_set_keeping(f->bob.messenger, NULL, &(struct keeping){ .days = 2 }), 0);
        assert_int_equal(keeping_load(f->bob.vault, conversation_id(only(&f->bob)), &k), 0);
        assert_int_equal(k.days, 2);
        at.up += 24 * 3600;
        assert_int_equal(erase_at(&f->bob, at), 3600);
        assert_said(&f->bob, ">tea?|");
        at.wall = 0; /* setting the clock neither keeps nor erases */
        at.up += 24 * 3600 + 60;
        assert_int_equal(keep(&f->bob, 3, 0), 0); /* its own counts */
        assert_int_equal(erase_at(&f->bob, at), 3600);
        assert_said(&f->bob, ">tea?|");
        assert_int_equal(messenger_set_keeping(f->bob.messenger, only(&f->bob), NULL), 0);
        assert_int_equal(erase_at(&f->bob, at), 3600);
        assert_said(&f->bob, "");
        assert_int_equal(erase_at(&f->alice, at), 0);
        assert_said(&f->alice, "stea?|");
        assert_int_equal(keep(&f->bob, KEEPING_DAYS_MAX + 1, 0), -EINVAL);
}

static void what_is_more_than_is_kept_leaves_the_disk(void **state)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        struct fixture *f = *state;
        const struct instant now = instant_now();

        begin(f);
        read_sealed(&f->bob, &sealed);
        say(&f->alice, only(&f->alice), "or coffee");
        carry(f, &f->alice, &f->bob);
        say(&f->bob, only(&f->bob), "waits");
        assert_int_equal(keep(&f->bob, 0, 2), 0);
        assert_true(is_on_disk(&f->bob, writer_bytes(&sealed)));
        erase_at(&f->bob, now);
        assert_false(is_on_disk(&f->bob, writer_bytes(&sealed)));
        person_restart(&f->bob);
        assert_said(&f->bob, ">or coffee|qwaits|");
        assert_int_equal(keep(&f->bob, 0, 1), 0);
        say(&f->bob, only(&f->bob), "too");
        erase_at(&f->bob, now); /* two wait to be sent: more than one, but not to be lost */
        assert_said(&f->bob, "qwaits|qtoo|");
}

static void the_retention_clock_goes_on_over_a_restart_and_never_back(void **state)
{
        struct fixture *f = *state;
        struct instant at = { .wall = 1000000, .up = 50, .boot = { 1 } };
        uint64_t time;

        assert_int_equal(retention_time(f->bob.vault, &at, &time), 0);
        assert_int_equal(time, 1000000);
        at = (struct instant){ .wall = 1000500, .up = 3, .boot = { 2 } }; /* another boot, 500 s later */
        assert_int_equal(retention_time(f->bob.vault, &at, &time), 0);
        assert_int_equal(time, 1000500);
        at = (struct instant){ .wall = 10, .up = 5, .boot = { 3 } }; /* whose clock has no battery */
        assert_int_equal(retention_time(f->bob.vault, &at, &time), 0);
        assert_int_equal(time, 1000500);
        at = (struct instant){ .wall = 2000000, .up = 65, .boot = { 3 } }; /* until it is set */
        assert_int_equal(retention_time(f->bob.vault, &at, &time), 0);
        assert_int_equal(time, 1000560);
}

static void receipts_are_batched_and_say_delivered_and_read(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 }, second = { 0 };

        begin(f);
        for (int i = 0; i < 9; i++)
                say(&f->alice, only(&f->alice), "x");
        carry(f, &f->alice, &f->bob);
        person_restart(&f->bob);
        assert_int_equal(messenger_send_receipts(f->bob.messenger), 0);
        assert_int_equal(messenger_next_envelope(f->bob.messenger, 0, &e), 1);
        assert_int_equal(messenger_next_envelope(f->bob.messenger, e.number, &second), 0);
        carry(f, &f->bob, &f->alice);
        assert_said(&f->alice, "dtea?|dx|dx|dx|dx|dx|dx|dx|dx|dx|");
        assert_int_equal(messenger_mark_read(f->bob.messenger, only(&f->bob), 2), 0);
        assert_int_equal(messenger_send_receipts(f->bob.messenger), 0);
        carry(f, &f->bob, &f->alice);
        assert_said(&f->alice, "rtea?|rx|dx|dx|dx|dx|dx|dx|dx|dx|");
        assert_int_equal(messenger_set_silent(f->bob.messenger, only(&f->bob), true), 0);
        assert_int_equal(messenger_mark_read(f->bob.messenger, only(&f->bob), 10), 0);
        assert_int_equal(messenger_typing(f->bob.messenger, only(&f->bob), true), 0);
        assert_int_equal(messenger_send_receipts(f->bob.messenger), 0);
        assert_int_equal(messenger_next_envelope(f->bob.messenger, 0, &second), 0);
        person_restart(&f->bob);
        assert_true(only(&f->bob)->settings.silent);
}

/* Nobody has a receipt believed for what they did not write, or was not said to them. */
static void a_receipt_is_for_messages_of_ours_alone(void **state)
{
        struct fixture *f = *state;
        uint8_t own[CONTENT_ID_SIZE], id[CONTENT_ID_SIZE];

        begin(f);
        say(&f->bob, only(&f->bob), "mine");
        carry(f, &f->bob, &f->alice);
        id_of(&f->bob, 2, own);
        send_raw(&f->bob, &(struct content){ .kind = CONTENT_RECEIPT, .receipt = RECEIPT_READ, .list = BYTES_OF(own) },
                 id);
        carry(f, &f->bob, &f->alice);
        assert_int_equal(count(&f->alice, "SELECT COUNT(*) FROM annotation"), 0);
        assert_said(&f->alice, "stea?|>mine|");
}

static unsigned typings;
static char typist[ADDRESS_TEXT_MAX + 1];

static void on_typing(void *userdata, const struct conversation *c, const char *who, bool typing)
{
        typings++;
        snprintf(typist, sizeof(typist), "%s", who);
}

static void typing_is_told_seldom_and_not_kept(void **state)
{
        struct fixture *f = *state;
        _cleanup_(envelope_release) struct envelope e = { 0 };

        begin(f);
        typings = 0;
        f->alice.events.typing = on_typing;
        for (int i = 0; i < 50; i++)
                assert_int_equal(messenger_typing(f->bob.messenger, only(&f->bob), true), 0);
        carry(f, &f->bob, &f->alice);
        assert_int_equal(typings, 1);
        assert_string_equal(typist, f->bob.address);
        assert_int_equal(messenger_typing(f->bob.messenger, only(&f->bob), false), 0);
        assert_int_equal(messenger_typing(f->bob.messenger, only(&f->bob), false), 0);
        carry(f, &f->bob, &f->alice);
        assert_int_equal(typings, 2);
        assert_said(&f->alice, "stea?|");
        say(&f->bob, only(&f->bob), "waits for the hub");
        assert_int_equal(messenger_typing(f->bob.messenger, only(&f->bob), true), 0);
        assert_int_equal(messenger_next_envelope(f->bob.messenger, 0, &e), 1);
        uint64_t number = e.number;
        envelope_release(&e);
        assert_int_equal(messenger_next_envelope(f->bob.messenger, number, &e), 0);
}

static void later_kinds_are_notes_and_later_versions_are_kept(void **state)
{
        struct fixture *f = *state;
        struct membership *g;
        uint8_t id[CONTENT_ID_SIZE];

        begin(f);
        send_raw(&f->bob,
                 &(struct content){
                         .kind = 77, .body = BYTES_STRING("?"), .fallback = BYTES_STRING("A poll: tea or coffee?") },
                 id);
        send_raw(&f->bob, &(struct content){ .kind = 200, .body = BYTES_STRING("?") }, id);
        g = conversation_current(only(&f->bob));
        assert_int_equal(messenger_begin(f->bob.messenger), 0);
        assert_int_equal(messenger_end(f->bob.messenger, g,
                                       messenger_encrypt(f->bob.messenger, only(&f->bob), g, 0,
                                                         BYTES_STRING("\3 from the year 3000"), NULL)),
                         0);
        carry(f, &f->bob, &f->alice);
        person_restart(&f->alice);
        assert_said(&f->alice, "stea?|>A poll: tea or coffee?|>A message of a kind that this version of Visavis does "
                               "not know.|");
}

static void a_draft_and_a_mark_are_kept_and_forwarding_says_so(void **state)
{
        struct fixture *f = *state;
        _cleanup_secret_ struct secret *plain = NULL, *none = NULL;
        _cleanup_(message_release) struct message forwarded = { 0 };
        struct bytes text, replies_to;
        uint64_t message;

        begin(f);
        assert_int_equal(messenger_set_draft(f->bob.messenger, only(&f->bob), BYTES_STRING("dear alice"), 1), 0);
        assert_int_equal(messenger_mark_unread(f->bob.messenger, only(&f->bob)), 0);
        person_restart(&f->bob);
        assert_int_equal(draft_load(f->bob.vault, conversation_id(only(&f->bob)), &plain, &text, &replies_to), 1);
        assert_true(bytes_equal(text, BYTES_STRING("dear alice")) && replies_to.size == CONTENT_ID_SIZE);
        assert_true(only(&f->bob)->settings.marked_unread);
        assert_int_equal(messenger_mark_read(f->bob.messenger, only(&f->bob), 1), 0);
        assert_int_equal(messenger_set_draft(f->bob.messenger, only(&f->bob), BYTES_STRING(""), 0), 0);
        person_restart(&f->bob);
        assert_false(only(&f->bob)->settings.marked_unread);
        assert_int_equal(draft_load(f->bob.vault, conversation_id(only(&f->bob)), &none, &text, &replies_to), 0);
        assert_int_equal(messenger_forward(f->bob.messenger, only(&f->bob), 1, only(&f->bob), &message), 0);
        carry(f, &f->bob, &f->alice);
        assert_int_equal(history_last(f->alice.vault, conversation_id(only(&f->alice)), &forwarded), 1);
        assert_true(forwarded.content.forwarded && bytes_equal(forwarded.content.text, BYTES_STRING("tea?")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                PAIR_TEST(both_see_replies_reactions_edits_pins_and_deletions),
                PAIR_TEST(what_waits_for_the_hub_is_sent_in_order_and_what_was_deleted_is_not),
                PAIR_TEST(only_its_author_changes_a_message),
                PAIR_TEST(what_comes_before_its_message_waits_for_it),
                PAIR_TEST(a_message_comes_once),
                PAIR_TEST(a_flood_of_what_nobody_knows_is_bounded),
                PAIR_TEST(nothing_refers_into_another_conversation),
                PAIR_TEST(a_time_from_the_future_does_not_stand_for_ever),
                PAIR_TEST(what_is_deleted_and_what_was_edited_leave_the_disk),
                PAIR_TEST(messages_disappear_on_both_sides),
                PAIR_TEST(what_is_older_than_is_kept_goes_here_alone),
                PAIR_TEST(what_is_more_than_is_kept_leaves_the_disk),
                PAIR_TEST(the_retention_clock_goes_on_over_a_restart_and_never_back),
                PAIR_TEST(receipts_are_batched_and_say_delivered_and_read),
                PAIR_TEST(a_receipt_is_for_messages_of_ours_alone),
                PAIR_TEST(pins_that_nobody_sees_do_not_count),
                PAIR_TEST(typing_is_told_seldom_and_not_kept),
                PAIR_TEST(later_kinds_are_notes_and_later_versions_are_kept),
                PAIR_TEST(a_draft_and_a_mark_are_kept_and_forwarding_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* People whose program is not ours: what their groups, proposals and commits may do to a conversation. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/messenger_standing.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/mls/public_message.h"
#include "messenger_pair.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

/* A group of somebody's own making, with a leaf that their root key vouches for. */
static struct group *make_group(struct person *p, struct bytes id, struct bytes extensions)
{
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        struct device *d = NULL;
        struct group *g = NULL;
        struct identity identity;
        struct key_package k;
        struct reader r;

        assert_int_equal(device_load(p->vault, &d), 0);
        identity = device_identity(d, &d->places[0]);
        assert_int_equal(identity_key_package(&identity, NOW, NOW + 1000, false, &encoded, &keys), 0);
        reader_init(&r, writer_bytes(&encoded));
        key_package_read(&r, &k);
        assert_int_equal(group_create(d->suite, id, k.leaf.encoded, TAKE(keys.leaf_key),
                                      secret_copy(secret_bytes(d->signature_private_key)), extensions, &g),
                         0);
        device_free(d);
        return g;
}

static void commit(struct group *g, const struct bytes *add, struct writer *out, struct writer *welcome)
{
        struct group_change change = { .add = add, .add_count = add ? 1 : 0 };

        assert_int_equal(group_commit(g, &change, &(struct group_host){ 0 }, out, welcome), 0);
        group_merge_pending(g);
}

/* Adds @with to @g and has the Welcome delivered. */
static void invite(struct group *g, struct person *with)
{
        _cleanup_writer_ struct writer package = WRITER_INIT, out = WRITER_INIT, welcome = WRITER_INIT;
        struct bytes add;

        person_claim(with, &package);
        add = writer_bytes(&package);
        commit(g, &add, &out, &welcome);
        assert_true(welcome.size <= 1024 * 1024);
        assert_int_equal(messenger_deliver(with->messenger, ++with->sequence, writer_bytes(&welcome)), 0);
}

/* As older clients do. */
static void speak(struct group *g, struct person *to, const char *text)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, message = WRITER_INIT;

        write_u8(&plain, 1);
        write_u8(&plain, CONTENT_TEXT);
        write_u64(&plain, 1);
        write_vector(&plain, BYTES_STRING(text));
        assert_int_equal(group_protect(g, writer_bytes(&plain), BYTES(NULL, 0), 0, &message), 0);
        assert_int_equal(messenger_deliver(to->messenger, ++to->sequence, writer_bytes(&message)), 0);
}

static void the_id_of_a_group_cannot_be_taken_by_another(void **state)
{
        struct fixture *f = *state;
        struct person carol;
        struct group *g;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        start(&f->alice, &f->bob);
        carry(f, &f->alice, &f->bob);
        g = make_group(&carol, membership_group_id(conversation_current(only(&f->alice))), BYTES(NULL, 0));
        invite(g, &f->bob);
        say(&f->alice, only(&f->alice), "still here");
        carry(f, &f->alice, &f->bob);
        assert_history(&f->bob, ">still here|");
        group_free(g);
        person_release(&carol);
}

/* An external_senders extension of about @size bytes, which no leaf has to support. */
static void write_large_extension(struct writer *out, size_t size)
{
        size_t extension, list, credential;

        write_u16(out, 5);
        extension = writer_open_vector(out);
        list = writer_open_vector(out);
        write_vector(out, BYTES_STRING("key"));
        write_u16(out, CREDENTIAL_BASIC);
        credential = writer_open_vector(out);
        memset(writer_append(out, size), 'x', size);
        writer_close_vector(out, credential);
        writer_close_vector(out, list);
        writer_close_vector(out, extension);
}

/* As large as an invitation can be, in several epochs: a part of its state for each, which a cell can hold. */
static void a_group_with_a_large_context_is_kept(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer extension = WRITER_INIT;
        struct group *g;

        write_large_extension(&extension, 1024 * 1024 - 2200);
        g = make_group(&f->alice, BYTES_STRING("group"), writer_bytes(&extension));
        invite(g, &f->bob);
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_writer_ struct writer out = WRITER_INIT, none = WRITER_INIT;

                speak(g, &f->bob, i ? "two" : "one");
                commit(g, NULL, &out, &none);
                assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&out)), 0);
                person_restart(&f->bob);
        }
        speak(g, &f->bob, "three");
        assert_history(&f->bob, ">one|>two|>three|");
        group_free(g);
}

static int64_t stored_bytes(struct person *p)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s,
                                         "SELECT (SELECT SUM(LENGTH(content)) FROM cell)"
                                         " + (SELECT SUM(LENGTH(content)) FROM group_part)",
                                         ""),
                         0);
        assert_int_equal(storage_step(s), 1);
        return storage_column_integer(s, 0);
}

/* Another device of @p's, as far as its root key can say. */
static void second_package(struct person *p, struct writer *out)
{
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_writer_ struct writer key = WRITER_INIT, credential = WRITER_INIT;
        _cleanup_secret_ struct secret *signature_key = NULL;
        struct device *d = NULL;
        struct identity identity;

        assert_int_equal(device_load(p->vault, &d), 0);
        signature_key = suite_signature_generate(d->suite, &key);
        assert_int_equal(device_credential_write(d->suite, BYTES_STRING(d->places[0].address),
                                                 writer_bytes(&d->root_key), d->root_private_key, writer_bytes(&key),
                                                 &credential),
                         0);
        identity = (struct identity){
                .suite = d->suite,
                .credential = { CREDENTIAL_BASIC, writer_bytes(&credential) },
                .signature_key = writer_bytes(&key),
                .signature_private_key = signature_key,
        };
        assert_int_equal(identity_key_package(&identity, NOW, NOW + 1000, false, out, &keys), 0);
        device_free(d);
}

/* A proposal to add oneself, which needs no member. */
static void propose(const struct group *g, struct person *p, struct writer *out)
{
        const struct epoch *e = group_epoch(g);
        _cleanup_writer_ struct writer body = WRITER_INIT, package = WRITER_INIT, signature = WRITER_INIT,
                                       key = WRITER_INIT;
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_signature_key_ struct signature_key *signature_key = NULL;
        struct authenticated_content a = { .wire_format = WIRE_FORMAT_PUBLIC_MESSAGE };
        struct device *d = NULL;
        struct identity identity;

        assert_int_equal(device_load(p->vault, &d), 0);
        identity = device_identity(d, &d->places[0]);
        assert_int_equal(identity_key_package(&identity, NOW, NOW + 1000, false, &package, &keys), 0);
        write_u16(&body, PROPOSAL_ADD);
        write_fixed(&body, writer_bytes(&package));
        a.content = (struct framed_content){ .group_id = e->context.group_id,
                                             .epoch = e->context.epoch,
                                             .sender_type = SENDER_NEW_MEMBER_PROPOSAL,
                                             .content_type = CONTENT_PROPOSAL,
                                             .body = writer_bytes(&body) };
        assert_int_equal(signature_key_new(d->suite, d->signature_private_key, &signature_key), 0);
        assert_int_equal(authenticated_content_sign(signature_key, BYTES(NULL, 0), &a, &signature), 0);
        a.auth.signature = writer_bytes(&signature);
        write_u16(out, PROTOCOL_MLS10);
        write_u16(out, WIRE_FORMAT_PUBLIC_MESSAGE);
        assert_int_equal(public_message_write(d->suite, NULL, BYTES(NULL, 0), &a, out), 0);
        device_free(d);
}

static void nothing_is_stored_that_a_conversation_has_no_use_for(void **state)
{
        struct fixture *f = *state;
        _cleanup_writer_ struct writer proposal = WRITER_INIT, package = WRITER_INIT, out = WRITER_INIT,
                                       welcome = WRITER_INIT;
        struct group *g = make_group(&f->alice, BYTES_STRING("group"), BYTES(NULL, 0));
        struct bytes add;
        struct person carol;
        int64_t before;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", "MLS_256_DHKEMP384_AES256GCM_SHA384_P384");
        invite(g, &f->bob);
        speak(g, &f->bob, "one");
        before = stored_bytes(&f->bob);
        propose(g, &carol, &proposal);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&proposal)), 0);
        assert_int_equal(stored_bytes(&f->bob), before);
        speak(g, &f->bob, "two");
        assert_int_equal(stored_bytes(&f->bob), before);

        second_package(&f->alice, &package);
        add = writer_bytes(&package);
        commit(g, &add, &out, &welcome);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&out)), 0);
        assert_int_equal(membership_epoch(conversation_current(only(&f->bob))), 1);
        assert_int_equal(stored_bytes(&f->bob), before);
        assert_history(&f->bob, ">one|>two|");
        group_free(g);
        person_release(&carol);
}

static bool same(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        return true;
}

/* @who comes into @g by an external commit, in the place that they had if they had one, which is delivered to @to. */
static void come_from_outside(struct group *g, struct person *who, struct person *to)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, out = WRITER_INIT;
        const struct group_host host = { .same_client = same };
        struct device *d = NULL;
        struct group *joined = NULL;
        struct identity identity;

        assert_int_equal(device_load(who->vault, &d), 0);
        identity = device_identity(d, &d->places[0]);
        assert_int_equal(group_publish_info(g, true, &info), 0);
        assert_int_equal(group_join_external(&(struct external_join){ .group_info = writer_bytes(&info),
                                                                      .self = &identity,
                                                                      .resync_same_key = true },
                                             &host, &out, &joined),
                         0);
        assert_int_equal(messenger_deliver(to->messenger, ++to->sequence, writer_bytes(&out)), 0);
        group_free(joined);
        device_free(d);
}

/* Not into a conversation of two, and into a group in their own place alone. */
static void strangers_do_not_come_in_from_outside(void **state)
{
        struct fixture *f = *state;
        struct person carol;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", PERSON_SUITE);
        for (unsigned i = 0; i < 3; i++) {
                _cleanup_writer_ struct writer extensions = WRITER_INIT;
                uint8_t id[16] = { (uint8_t) i };
                struct conversation *c;
                struct group *g;

                if (i > 0)
                        profile_write(&(struct profile){ .kind = CONVERSATION_GROUP, .name = BYTES_STRING("friends") },
                                      &extensions);
                g = make_group(&f->alice, BYTES_OF(id), writer_bytes(&extensions));
                invite(g, &f->bob);
                come_from_outside(g, i == 1 ? &carol : &f->alice, &f->bob);
                for (c = (struct conversation *) messenger_conversations(f->bob.messenger);
                     !c->memberships || !bytes_equal(membership_group_id(c->memberships), BYTES_OF(id)); c = c->next)
                        continue;
                assert_int_equal(membership_epoch(c->memberships), i == 2 ? 2 : 1);
                group_free(g);
        }
        person_release(&carol);
}

static int check_package_of(struct person *who, struct person *by)
{
        _cleanup_writer_ struct writer package = WRITER_INIT;

        person_claim(who, &package);
        return messenger_check_package(by->messenger, who->address, writer_bytes(&package), NOW, NULL);
}

/* A group that nobody has accepted says who has sent it, and of nobody else which key is theirs. */
static void a_request_does_not_say_whose_key_is_whose(void **state)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT, package = WRITER_INIT, out = WRITER_INIT,
                                       welcome = WRITER_INIT;
        struct fixture *f = *state;
        struct person carol, impostor;
        struct conversation *c;
        struct bytes add;
        struct group *g;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", PERSON_SUITE);
        person_sign_up(&impostor, "carol", "ffeeddccbbaa99887766554433221100", PERSON_SUITE);
        profile_write(&(struct profile){ .kind = CONVERSATION_GROUP, .name = BYTES_STRING("friends") }, &extensions);
        g = make_group(&f->alice, BYTES_STRING("0123456789abcdef"), writer_bytes(&extensions));
        person_claim(&impostor, &package);
        add = writer_bytes(&package);
        commit(g, &add, &out, &welcome);
        invite(g, &f->bob);
        c = (struct conversation *) messenger_conversations(f->bob.messenger);
        while (c->kind != CONVERSATION_GROUP)
                c = c->next;
        assert_int_equal(c->standing.approval, APPROVAL_REQUEST);
        writer_release(&out);
        commit(g, NULL, &out, &welcome);
        assert_int_equal(messenger_deliver(f->bob.messenger, ++f->bob.sequence, writer_bytes(&out)), 0);
        assert_int_equal(membership_epoch(c->memberships), 3);
        assert_int_equal(check_package_of(&carol, &f->bob), 0);
        assert_int_equal(check_package_of(&f->alice, &f->bob), 0);
        assert_int_equal(messenger_accept_request(f->bob.messenger, c), 0);
        assert_int_equal(check_package_of(&impostor, &f->bob), 0);
        assert_int_equal(check_package_of(&carol, &f->bob), -EKEYREJECTED);
        group_free(g);
        person_release(&impostor);
        person_release(&carol);
}

/* Adds @with to a group of @by's making and takes them out again; how it stands with it meanwhile. */
static enum approval add_and_remove(struct person *by, struct person *with, struct bytes id)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT, out = WRITER_INIT, welcome = WRITER_INIT;
        const uint32_t leaf = 1;
        struct conversation *c;
        enum approval approval;
        struct group *g;

        profile_write(&(struct profile){ .kind = CONVERSATION_GROUP, .name = BYTES_STRING("friends") }, &extensions);
        g = make_group(by, id, writer_bytes(&extensions));
        invite(g, with);
        c = messenger_find(with->messenger, id);
        assert_non_null(c->memberships);
        approval = c->standing.approval;
        if (approval == APPROVAL_REQUEST)
                assert_int_equal(messenger_accept_request(with->messenger, c), 0);
        assert_int_equal(group_commit(g, &(struct group_change){ .remove = &leaf, .remove_count = 1 },
                                      &(struct group_host){ 0 }, &out, &welcome),
                         0);
        assert_int_equal(messenger_deliver(with->messenger, ++with->sequence, writer_bytes(&out)), 0);
        assert_null(c->memberships);
        group_free(g);
        return approval;
}

/* Who was in it may add us again; a stranger who knows its id asks like any other. */
static void a_stranger_does_not_bring_back_a_group(void **state)
{
        const struct bytes id = BYTES_STRING("0123456789abcdef");
        struct fixture *f = *state;
        struct person carol;

        person_sign_up(&carol, "carol", "00112233445566778899aabbccddeeff", PERSON_SUITE);
        assert_int_equal(add_and_remove(&f->alice, &f->bob, id), APPROVAL_REQUEST);
        assert_int_equal(add_and_remove(&f->alice, &f->bob, id), APPROVAL_GIVEN);
        assert_int_equal(add_and_remove(&carol, &f->bob, id), APPROVAL_REQUEST);
        person_release(&carol);
}

static int64_t stored_count(struct person *p)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s, "SELECT COUNT(*) FROM membership", ""), 0);
        assert_int_equal(storage_step(s), 1);
        return storage_column_integer(s, 0);
}

static unsigned invite_often(struct fixture *f, unsigned count, uint8_t kind, struct bytes extensions)
{
        for (unsigned i = 0; i < count; i++) {
                uint8_t id[16] = { (uint8_t) (255 - i), kind };
                struct group *g = make_group(&f->alice, BYTES_OF(id), extensions);

                invite(g, &f->bob);
                group_free(g);
        }
        person_restart(&f->bob);
        return (unsigned) stored_count(&f->bob);
}

/* Of a conversation of two the newest groups are kept, and of strangers so many requests. */
static void what_strangers_begin_does_not_grow_without_end(void **state)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        const uint8_t newest[16] = { 255 - PAIR_GROUPS_MAX - 1 };
        struct fixture *f = *state;
        unsigned pairs = invite_often(f, PAIR_GROUPS_MAX + 2, 0, BYTES(NULL, 0));

        assert_int_equal(pairs, PAIR_GROUPS_MAX);
        assert_true(bytes_equal(membership_group_id(conversation_current(only(&f->bob))), BYTES_OF(newest)));
        profile_write(&(struct profile){ .kind = CONVERSATION_GROUP, .name = BYTES_STRING("friends") }, &extensions);
        assert_int_equal(invite_often(f, GROUP_REQUESTS_MAX + 2, 1, writer_bytes(&extensions)),
                         pairs + GROUP_REQUESTS_MAX);
}

static void nobody_is_invited_into_a_room(void **state)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        struct fixture *f = *state;
        struct group *g;

        profile_write(&(struct profile){ .kind = CONVERSATION_ROOM, .name = BYTES_STRING("general") }, &extensions);
        g = make_group(&f->alice, BYTES_STRING("0123456789abcdef"), writer_bytes(&extensions));
        invite(g, &f->bob);
        assert_null(messenger_conversations(f->bob.messenger));
        group_free(g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                PAIR_TEST(the_id_of_a_group_cannot_be_taken_by_another),
                PAIR_TEST(a_group_with_a_large_context_is_kept),
                PAIR_TEST(strangers_do_not_come_in_from_outside),
                PAIR_TEST(a_request_does_not_say_whose_key_is_whose),
                PAIR_TEST(a_stranger_does_not_bring_back_a_group),
                PAIR_TEST(what_strangers_begin_does_not_grow_without_end),
                PAIR_TEST(nobody_is_invited_into_a_room),
                PAIR_TEST(nothing_is_stored_that_a_conversation_has_no_use_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

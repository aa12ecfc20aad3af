#include "tests/unit/mls/people.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"

void person_make(const struct suite *s, const char *name, struct person *p)
{
        struct identity i;

        *p = (struct person){ .suite = s, .name = name };
        p->signature_key = suite_signature_generate(s, &p->public_key);
        i = identity_of(p);
        assert_int_equal(identity_key_package(&i, 0, LIFETIME, false, &p->package, &p->keys), 0);
}

void person_release(struct person *p)
{
        secret_free(p->signature_key);
        writer_release(&p->public_key);
        writer_release(&p->package);
        key_package_keys_release(&p->keys);
        group_free(p->group);
        disk_release(&p->disk);
}

struct key_package package_of(const struct person *p)
{
        struct key_package k;
        struct reader r;

        reader_init(&r, writer_bytes(&p->package));
        key_package_read(&r, &k);
        assert_int_equal(reader_finish(&r), 0);
        return k;
}

void create(const struct suite *s, struct person *p)
{
        struct key_package k = package_of(p);

        assert_int_equal(key_package_check(&k, LIFETIME), 0);
        assert_int_equal(key_package_check(&k, LIFETIME + 1), -ESTALE);
        assert_int_equal(group_create(s, BYTES_STRING("group"), k.leaf.encoded,
                                      secret_copy(secret_bytes(p->keys.leaf_key)),
                                      secret_copy(secret_bytes(p->signature_key)), BYTES(NULL, 0), &p->group),
                         0);
}

int process(struct person *p, struct bytes message)
{
        _cleanup_(received_release) struct received received = { 0 };

        return group_process(p->group, message, NULL, &received);
}

struct writer state_of(const struct person *p)
{
        struct writer w = WRITER_INIT;

        group_write(p->group, &w);
        assert_int_equal(writer_finish(&w), 0);
        return w;
}

void save_state(struct person *p)
{
        _cleanup_writer_ struct writer whole = state_of(p), saved = WRITER_INIT;

        disk_save(&p->disk, p->group);
        saved = disk_content(&p->disk);
        assert_true(bytes_equal(writer_bytes(&whole), writer_bytes(&saved)));
}

void restart(struct person *p)
{
        _cleanup_writer_ struct writer before = WRITER_INIT, after = WRITER_INIT;
        struct reader r;

        save_state(p);
        before = disk_content(&p->disk);
        p->group = group_free(p->group);
        reader_init(&r, writer_bytes(&before));
        assert_int_equal(group_read(&r, &p->group), 0);
        assert_int_equal(reader_finish(&r), 0);
        after = state_of(p);
        assert_true(bytes_equal(writer_bytes(&before), writer_bytes(&after)));
}

void join(struct person *p, struct bytes welcome)
{
        struct joiner joiner = { writer_bytes(&p->package), p->keys.init_key, p->keys.leaf_key };

        assert_int_equal(group_join(welcome, &joiner, BYTES(NULL, 0), secret_copy(secret_bytes(p->signature_key)), NULL,
                                    &p->group),
                         0);
}

/* @committer adds @newcomer; everybody in @others follows. */
void add(struct person *committer, struct person *newcomer, struct person *all, size_t count)
{
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        struct bytes package = writer_bytes(&newcomer->package);
        struct group_change change = { .add = &package, .add_count = 1 };

        assert_int_equal(
                group_commit(committer->group, &change, &(struct group_host){ .threads = 2 }, &commit, &welcome), 0);
        restart(committer);
        group_merge_pending(committer->group);
        for (size_t i = 0; i < count; i++)
                if (&all[i] != committer && all[i].group)
                        assert_int_equal(process(&all[i], writer_bytes(&commit)), 0);
        join(newcomer, writer_bytes(&welcome));
}

void assert_agreed(const struct person *a, const struct person *b)
{
        assert_true(bytes_equal(secret_bytes(group_epoch(a->group)->schedule.epoch_authenticator),
                                secret_bytes(group_epoch(b->group)->schedule.epoch_authenticator)));
}

void protect(struct person *p, const char *text, struct writer *out)
{
        assert_int_equal(group_protect(p->group, BYTES_STRING(text), BYTES_STRING("aad"), 64, out), 0);
}

void assert_reads(struct person *p, const struct writer *message, const char *text)
{
        _cleanup_(received_release) struct received received = { 0 };

        assert_int_equal(group_process(p->group, writer_bytes(message), NULL, &received), 0);
        assert_int_equal(received.kind, RECEIVED_APPLICATION);
        assert_true(bytes_equal(received.data, BYTES_STRING(text)));
        assert_true(bytes_equal(received.authenticated_data, BYTES_STRING("aad")));
}

/* MEMBERS people in one group, each added by another. */
void gather(const struct suite *s, struct person people[static MEMBERS])
{
        for (unsigned i = 0; i < MEMBERS; i++)
                person_make(s, (const char *[]){ "alice", "bob", "carol", "dave", "erin" }[i], &people[i]);
        create(s, &people[0]);
        for (unsigned i = 1; i < MEMBERS; i++)
                add(&people[i - 1], &people[i], people, i);
        for (unsigned i = 1; i < MEMBERS; i++)
                assert_agreed(&people[0], &people[i]);
}

struct identity identity_of(const struct person *p)
{
        return (struct identity){ .suite = p->suite,
                                  .credential = { CREDENTIAL_BASIC, BYTES_STRING(p->name) },
                                  .signature_key = writer_bytes(&p->public_key),
                                  .signature_private_key = p->signature_key };
}

void people_release(struct person *people, size_t count)
{
        for (size_t i = 0; i < count; i++)
                person_release(&people[i]);
}

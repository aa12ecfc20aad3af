/* See parts.h. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cryptod/parts.h"
#include "cryptod/mls/group.h"
#include "cryptod/mls/identity.h"
#include "services/cleanup.h"

enum { MEMBERS_MAX = 16, COMMITS = 64 };

struct member {
        struct secret *signature_key;
        struct writer public_key, package;
        struct key_package_keys keys;
        struct group *group;
};

static void member_make(const struct suite *s, struct member *m)
{
        *m = (struct member){ 0 };
        m->signature_key = suite_signature_generate(s, &m->public_key);
        struct identity i = {
                .suite = s,
                .credential = { CREDENTIAL_BASIC, BYTES_STRING("member") },
                .signature_key = writer_bytes(&m->public_key),
                .signature_private_key = m->signature_key,
        };

        if (identity_key_package(&i, 0, 1000, false, &m->package, &m->keys) < 0)
                errx(1, "a key package cannot be made");
}

static void member_release(struct member *m)
{
        secret_free(m->signature_key);
        writer_release(&m->public_key);
        writer_release(&m->package);
        key_package_keys_release(&m->keys);
        group_free(m->group);
}

static void create(const struct suite *s, struct member *m)
{
        struct key_package k;
        struct reader r;

        reader_init(&r, writer_bytes(&m->package));
        key_package_read(&r, &k);
        if (group_create(s, BYTES_STRING("group"), k.leaf.encoded, secret_copy(secret_bytes(m->keys.leaf_key)),
                         secret_copy(secret_bytes(m->signature_key)), BYTES(NULL, 0), &m->group) < 0)
                errx(1, "the group cannot be created");
}

/* The first adds all others at once. */
static void gather(const struct suite *s, struct member *members, size_t count)
{
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        struct bytes packages[MEMBERS_MAX];
        struct group_change change = { .add = packages + 1, .add_count = count - 1 };

        for (size_t i = 0; i < count; i++) {
                member_make(s, &members[i]);
                packages[i] = writer_bytes(&members[i].package);
        }
        create(s, &members[0]);
        if (group_commit(members[0].group, &change, NULL, &commit, &welcome) < 0)
                errx(1, "the members cannot be added");
        group_merge_pending(members[0].group);
        for (size_t i = 1; i < count; i++) {
                struct member *m = &members[i];
                struct joiner joiner = { packages[i], m->keys.init_key, m->keys.leaf_key };

                if (group_join(writer_bytes(&welcome), &joiner, BYTES(NULL, 0),
                               secret_copy(secret_bytes(m->signature_key)), NULL, &m->group) < 0)
                        errx(1, "a member cannot join");
        }
}

static uint64_t process(struct member *m, struct bytes message)
{
        _cleanup_(received_release) struct received received = { 0 };
        uint64_t start = cpu_ns();

        if (group_process(m->group, message, NULL, &received) < 0)
                errx(1, "a message is refused");
        return cpu_ns() - start;
}

/* The members take turns to replace their keys. After the first round, which is not measured, no node of the tree is
 * blank. */
static void turn_about(struct member *members, size_t count, struct series *commit, struct series *follow)
{
        for (size_t i = 0; i < count + COMMITS; i++) {
                _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;
                struct member *committer = &members[i % count];

                primitives_round();
                uint64_t start = cpu_ns();

                if (group_commit(committer->group, &(struct group_change){ 0 }, NULL, &message, &welcome) < 0)
                        errx(1, "a commit cannot be made");
                uint64_t took = cpu_ns() - start;

                group_merge_pending(committer->group);
                if (i >= count)
                        series_add(commit, took);
                for (size_t k = 0; k < count; k++) {
                        if (&members[k] == committer)
                                continue;
                        took = process(&members[k], writer_bytes(&message));
                        if (i >= count)
                                series_add(follow, took);
                }
        }
}

static void commits(const struct suite *s, size_t count)
{
        static struct series commit, follow;
        struct member members[MEMBERS_MAX];
        char name[64];

        commit.count = follow.count = 0;
        gather(s, members, count);
        primitives_begin(s);
        turn_about(members, count, &commit, &follow);
        struct primitives p = primitives_end(count == 2);

        (void) snprintf(name, sizeof(name), "commit in a group of %zu", count);
        series_report(&commit, name, p.sign_encapsulate, "sign + encapsulate");
        (void) snprintf(name, sizeof(name), "process it, group of %zu", count);
        series_report(&follow, name, p.verify_decapsulate, "verify + decapsulate");
        for (size_t i = 0; i < count; i++)
                member_release(&members[i]);
}

void groups_bench(const struct suite *s)
{
        commits(s, 2);
        commits(s, MEMBERS_MAX);
}

#include "tests/unit/mls/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "services/cleanup.h"

void open_ratchets(struct scene *s)
{
        for (unsigned i = 0; i < PRESENT; i++) {
                _cleanup_writer_ struct writer message = WRITER_INIT;

                if (i == BOB)
                        continue;
                protect(&s->people[i], "first", &message);
                assert_reads(&s->people[BOB], &message, "first");
        }
}

void scene_begin(struct scene *s)
{
        const struct suite *suite = suite_by_id(1);

        *s = (struct scene){ 0 };
        forge_end();
        for (unsigned i = 0; i < PRESENT; i++)
                person_make(suite, (const char *[]){ "alice", "bob", "carol" }[i], &s->people[i]);
        person_make(suite, "frank", &s->frank);
        create(suite, &s->people[ALICE]);
        add(&s->people[ALICE], &s->people[BOB], s->people, PRESENT);
        add(&s->people[ALICE], &s->people[CAROL], s->people, PRESENT);
        open_ratchets(s);
}

void scene_end(struct scene *s)
{
        forge_release();
        people_release(s->people, PRESENT);
        person_release(&s->frank);
        writer_release(&s->message);
        writer_release(&s->welcome);
        writer_release(&s->proposals[0]);
        writer_release(&s->proposals[1]);
        writer_release(&s->package);
}

int receive(struct scene *s)
{
        _cleanup_(received_release) struct received received = { 0 };

        return group_process(s->people[BOB].group, writer_bytes(&s->message), &s->host, &received);
}

void refused(struct scene *s, int error)
{
        _cleanup_writer_ struct writer before = state_of(&s->people[BOB]), after = WRITER_INIT;

        forge_end();
        assert_true(s->message.size > 0);
        assert_int_equal(receive(s), error);
        after = state_of(&s->people[BOB]);
        assert_true(bytes_equal(writer_bytes(&before), writer_bytes(&after)));
}

void refused_by(struct scene *s, unsigned checks, int error)
{
        refused(s, error);
        forge.off = checks;
        assert_int_equal(receive(s), 0);
        forge_end();
}

void commit_of(struct scene *s, unsigned sender, const struct group_change *change)
{
        forge.off = CHECK_ALL;
        assert_int_equal(group_commit(s->people[sender].group, change, NULL, &s->message, &s->welcome), 0);
        group_clear_pending(s->people[sender].group);
}

void commit(struct scene *s, const struct group_change *change)
{
        commit_of(s, ALICE, change);
}

void commit_values(struct scene *s, bool without_path)
{
        struct bytes values[2] = { writer_bytes(&s->proposals[0]), writer_bytes(&s->proposals[1]) };

        commit(s, &(struct group_change){ .proposals = values, .proposal_count = 2, .without_path = without_path });
}

void propose(struct scene *s)
{
        forge.off = CHECK_ALL;
        assert_int_equal(group_propose(s->people[ALICE].group, writer_bytes(&s->proposals[0]), BYTES(NULL, 0), NULL,
                                       &s->message),
                         0);
}

void commit_forged(struct scene *s, const struct package_forgery *f)
{
        struct bytes package;

        forge_package(&s->frank, f, &s->package);
        package = writer_bytes(&s->package);
        commit(s, &(struct group_change){ .add = &package, .add_count = 1 });
}

void join_external(struct scene *s, uint32_t resync, const struct group_host *host)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        struct identity identity = identity_of(&s->frank);
        struct external_join join = { .self = &identity, .resync = resync };

        assert_int_equal(group_publish_info(s->people[CAROL].group, true, &info), 0);
        join.group_info = writer_bytes(&info);
        forge.off = CHECK_ALL;
        assert_int_equal(group_join_external(&join, host, &s->message, &s->frank.group), 0);
}

int join_with(struct scene *s, struct bytes tree, const struct group_host *host)
{
        struct joiner joiner = { writer_bytes(&s->frank.package), s->frank.keys.init_key, s->frank.keys.leaf_key };

        return group_join(writer_bytes(&s->welcome), &joiner, tree, secret_copy(secret_bytes(s->frank.signature_key)),
                          host, &s->frank.group);
}

void invite(struct scene *s, bool without_tree)
{
        struct bytes package = writer_bytes(&s->frank.package);

        commit(s, &(struct group_change){ .add = &package, .add_count = 1, .welcome_without_tree = without_tree });
        forge_end();
}

struct bytes old_key;

void with_old_key(struct leaf_node *leaf)
{
        leaf->encryption_key = old_key;
}

bool same_client(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        return true;
}

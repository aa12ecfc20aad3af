/* How a group changes beyond plain commits: proposals as messages, by reference, from outside; external commits;
 * pre-shared keys; groups that continue or branch off. Every state on the way is written and read again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "tests/unit/mls/people.h"

static const struct suite *suite(void)
{
        return suite_by_id(1);
}

/* Gives a message to all but its sender. */
static void deliver(struct person *people, unsigned sender, const struct writer *message)
{
        for (unsigned i = 0; i < MEMBERS; i++)
                if (i != sender && people[i].group) {
                        assert_int_equal(process(&people[i], writer_bytes(message)), 0);
                        restart(&people[i]);
                }
}

/* @committer commits @change, everybody follows, and all agree. */
static void commit(struct person *people, unsigned committer, const struct group_change *change,
                   const struct group_host *host, struct writer *welcome)
{
        _cleanup_writer_ struct writer message = WRITER_INIT;

        assert_int_equal(group_commit(people[committer].group, change, host, &message, welcome), 0);
        restart(&people[committer]);
        group_merge_pending(people[committer].group);
        for (unsigned i = 0; i < MEMBERS; i++) {
                _cleanup_(received_release) struct received received = { 0 };

                if (i == committer || !people[i].group)
                        continue;
                assert_int_equal(group_process(people[i].group, writer_bytes(&message), host, &received), 0);
                assert_int_equal(received.kind, RECEIVED_COMMIT);
                restart(&people[i]);
                assert_agreed(&people[committer], &people[i]);
        }
}

static void propose(struct person *people, unsigned sender, const struct writer *proposal, bool public)
{
        _cleanup_writer_ struct writer message = WRITER_INIT;
        struct group_framing framing = { .public = public, .pad_to = 64 };

        assert_int_equal(writer_finish(proposal), 0);
        assert_int_equal(
                group_propose(people[sender].group, writer_bytes(proposal), BYTES_STRING("aad"), &framing, &message),
                0);
        restart(&people[sender]);
        deliver(people, sender, &message);
}

static void proposals_are_committed_by_reference(void **state)
{
        struct person people[MEMBERS], frank;
        _cleanup_writer_ struct writer addition = WRITER_INIT, removal = WRITER_INIT, update = WRITER_INIT,
                                       welcome = WRITER_INIT;
        struct group_change all = { .cached = true, .framing = { .public = true } };

        for (unsigned public = 0; public < 2; public ++) {
                gather(suite(), people);
                person_make(suite(), "frank", &frank);
                writer_release(&addition);
                writer_release(&removal);
                writer_release(&update);
                writer_release(&welcome);
                proposal_write_add(&addition, writer_bytes(&frank.package));
                propose(people, 0, &addition, public);
                proposal_write_remove(&removal, 3);
                propose(people, 1, &removal, public);
                assert_int_equal(group_propose_update(people[2].group, NULL, BYTES(NULL, 0),
                                                      &(struct group_framing){ .public = public }, &update),
                                 0);
                restart(&people[2]);
                deliver(people, 2, &update);
                person_release(&people[3]);
                people[3] = (struct person){ 0 };
                assert_int_equal(group_proposals(people[4].group), 3);
                commit(people, 4, &all, NULL, &welcome);
                join(&frank, writer_bytes(&welcome));
                assert_agreed(&people[4], &frank);
                assert_int_equal(group_proposals(people[4].group), 0);
                assert_null(ratchet_tree_leaf(&group_epoch(people[0].group)->tree, 5));
                people_release(people, MEMBERS);
                person_release(&frank);
        }
}

static void an_update_may_bring_another_signature_key(void **state)
{
        struct person people[MEMBERS], again;
        _cleanup_writer_ struct writer update = WRITER_INIT, welcome = WRITER_INIT, message = WRITER_INIT;
        struct group_change all = { .cached = true };
        struct identity identity;

        gather(suite(), people);
        person_make(suite(), "bob", &again);
        identity = identity_of(&again);
        assert_int_equal(group_propose_update(people[1].group, &identity, BYTES(NULL, 0), NULL, &update), 0);
        restart(&people[1]);
        deliver(people, 1, &update);
        commit(people, 0, &all, NULL, &welcome);
        protect(&people[1], "with the new key", &message);
        assert_reads(&people[4], &message, "with the new key");
        person_release(&again);
        person_make(suite(), "carol", &again);
        identity = identity_of(&again);
        commit(people, 2, &(struct group_change){ .identity = &identity }, NULL, &welcome);
        writer_release(&message);
        protect(&people[2], "and by a commit", &message);
        assert_reads(&people[4], &message, "and by a commit");
        person_release(&again);
        people_release(people, MEMBERS);
}

static const struct secret *find_psk(void *userdata, const struct psk_id *id)
{
        return id->type == PSK_EXTERNAL && bytes_equal(id->external_id, BYTES_STRING("shared")) ? userdata : NULL;
}

static void pre_shared_keys_enter_the_key_schedule(void **state)
{
        _cleanup_secret_ struct secret *value = secret_copy(BYTES_STRING("a key from elsewhere"));
        struct group_host host = { .psk = find_psk, .userdata = value };
        struct psk_id psks[] = { { .type = PSK_EXTERNAL, .external_id = BYTES_STRING("shared") },
                                 { .type = PSK_RESUMPTION,
                                   .usage = RESUMPTION_APPLICATION,
                                   .group_id = BYTES_STRING("group"),
                                   .epoch = MEMBERS - 1 } };
        struct group_change change = { .psks = psks, .psk_count = 2, .without_path = true };
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT, refused = WRITER_INIT;
        struct person people[MEMBERS], frank;
        struct bytes package;
        struct joiner joiner;

        gather(suite(), people);
        commit(people, 0, &change, &host, &welcome);
        assert_int_equal(group_propose_psk(people[1].group, &psks[0], BYTES(NULL, 0), NULL, &message), 0);
        deliver(people, 1, &message);
        person_make(suite(), "frank", &frank);
        package = writer_bytes(&frank.package);
        change = (struct group_change){ .add = &package, .add_count = 1, .psks = psks, .psk_count = 1 };
        assert_int_equal(group_commit(people[0].group, &change, NULL, &refused, &welcome), -ENOKEY);
        assert_int_equal(welcome.size, 0);
        change = (struct group_change){ .add = &package, .add_count = 1, .cached = true };
        commit(people, 0, &change, &host, &welcome);
        joiner = (struct joiner){ package, frank.keys.init_key, frank.keys.leaf_key };
        assert_int_equal(group_join(writer_bytes(&welcome), &joiner, BYTES(NULL, 0),
                                    secret_copy(secret_bytes(frank.signature_key)), NULL, &frank.group),
                         -ENOKEY);
        assert_int_equal(group_join(writer_bytes(&welcome), &joiner, BYTES(NULL, 0),
                                    secret_copy(secret_bytes(frank.signature_key)), &host, &frank.group),
                         0);
        assert_agreed(&people[0], &frank);
        people_release(people, MEMBERS);
        person_release(&frank);
}

static void a_welcome_may_come_without_the_tree(void **state)
{
        _cleanup_writer_ struct writer welcome = WRITER_INIT, tree = WRITER_INIT;
        struct person people[MEMBERS], frank;
        struct bytes package;
        struct group_change change = { .add = &package, .add_count = 1, .welcome_without_tree = true };
        struct joiner joiner;

        gather(suite(), people);
        person_make(suite(), "frank", &frank);
        package = writer_bytes(&frank.package);
        joiner = (struct joiner){ package, frank.keys.init_key, frank.keys.leaf_key };
        commit(people, 3, &change, NULL, &welcome);
        assert_int_equal(group_join(writer_bytes(&welcome), &joiner, BYTES(NULL, 0),
                                    secret_copy(secret_bytes(frank.signature_key)), NULL, &frank.group),
                         -ENOENT);
        ratchet_tree_write(&group_epoch(people[0].group)->tree, &tree);
        assert_int_equal(group_join(writer_bytes(&welcome), &joiner, writer_bytes(&tree),
                                    secret_copy(secret_bytes(frank.signature_key)), NULL, &frank.group),
                         0);
        assert_agreed(&people[3], &frank);
        people_release(people, MEMBERS);
        person_release(&frank);
}

static void somebody_joins_from_outside_and_comes_back(void **state)
{
        for (unsigned apart = 0; apart < 2; apart++) {
                _cleanup_writer_ struct writer info = WRITER_INIT, message = WRITER_INIT, tree = WRITER_INIT,
                                               again = WRITER_INIT, welcome = WRITER_INIT;
                struct person people[MEMBERS], frank;
                struct identity identity;
                struct external_join join = { .self = &identity, .resync = NODE_NONE };

                gather(suite(), people);
                person_make(suite(), "frank", &frank);
                identity = identity_of(&frank);
                assert_int_equal(group_publish_info(people[2].group, !apart, &info), 0);
                join.group_info = writer_bytes(&info);
                if (apart) {
                        assert_int_equal(group_join_external(&join, NULL, &message, &frank.group), -ENOENT);
                        ratchet_tree_write(&group_epoch(people[0].group)->tree, &tree);
                        join.tree = writer_bytes(&tree);
                }
                assert_int_equal(group_join_external(&join, NULL, &message, &frank.group), 0);
                deliver(people, MEMBERS, &message);
                restart(&frank);
                assert_agreed(&people[0], &frank);

                /* All is lost, and the same client comes again with new keys. */
                person_release(&people[1]);
                person_make(suite(), "bob", &people[1]);
                identity = identity_of(&people[1]);
                writer_release(&info);
                assert_int_equal(group_publish_info(frank.group, true, &info), 0);
                join = (struct external_join){ .group_info = writer_bytes(&info), .self = &identity, .resync = 1 };
                assert_int_equal(group_join_external(&join, NULL, &again, &people[1].group), 0);
                deliver(people, 1, &again);
                assert_int_equal(process(&frank, writer_bytes(&again)), 0);
                assert_agreed(&people[1], &frank);
                assert_agreed(&people[1], &people[4]);
                commit(people, 1, &(struct group_change){ 0 }, NULL, &welcome);
                people_release(people, MEMBERS);
                person_release(&frank);
        }
}

/* Whoever keeps the newest GroupInfo gets it with the commit, before that has been accepted; and who comes back with
 * the same signature key needs not know which leaf was theirs. */
static void the_next_epoch_is_published_with_its_commit(void **state)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, message = WRITER_INIT, welcome = WRITER_INIT,
                                       again = WRITER_INIT;
        struct person people[MEMBERS];
        struct identity identity;
        struct external_join join = { .self = &identity, .resync_same_key = true };
        uint32_t members;

        gather(suite(), people);
        members = group_epoch(people[0].group)->tree.leaves;
        assert_int_equal(group_commit(people[0].group, &(struct group_change){ 0 }, NULL, &message, &welcome), 0);
        assert_int_equal(group_publish_pending_info(people[0].group, true, &info), 0);
        identity = identity_of(&people[1]);
        join.group_info = writer_bytes(&info);
        people[1].group = group_free(people[1].group);
        assert_int_equal(group_join_external(&join, NULL, &again, &people[1].group), 0);
        group_merge_pending(people[0].group);
        assert_int_equal(process(&people[0], writer_bytes(&again)), 0);
        assert_agreed(&people[0], &people[1]);
        assert_int_equal(group_epoch(people[0].group)->tree.leaves, members);
        people_release(people, MEMBERS);
}

static int allow(void *userdata, const struct proposal *proposal, uint32_t sender)
{
        return 0;
}

static void proposals_come_from_outside(void **state)
{
        _cleanup_writer_ struct writer public_key = WRITER_INIT, senders = WRITER_INIT, extensions = WRITER_INIT,
                                       proposal = WRITER_INIT, message = WRITER_INIT, removal = WRITER_INIT,
                                       addition = WRITER_INIT, welcome = WRITER_INIT;
        _cleanup_secret_ struct secret *key = suite_signature_generate(suite(), &public_key);
        struct group_host host = { .proposal = allow };
        struct person people[MEMBERS], frank;
        struct bytes value;
        size_t mark = writer_open_vector(&senders);

        write_vector(&senders, writer_bytes(&public_key));
        write_u16(&senders, CREDENTIAL_BASIC);
        write_vector(&senders, BYTES_STRING("the administration"));
        writer_close_vector(&senders, mark);
        write_u16(&extensions, EXTENSION_EXTERNAL_SENDERS);
        write_vector(&extensions, writer_bytes(&senders));
        proposal_write_group_context_extensions(&proposal, writer_bytes(&extensions));
        value = writer_bytes(&proposal);
        gather(suite(), people);
        commit(people, 0, &(struct group_change){ .proposals = &value, .proposal_count = 1 }, NULL, &welcome);

        proposal_write_remove(&removal, 4);
        assert_int_equal(external_propose(suite(), BYTES_STRING("group"), MEMBERS, 0, key, writer_bytes(&removal),
                                          BYTES(NULL, 0), &message),
                         0);
        person_make(suite(), "frank", &frank);
        assert_int_equal(new_member_propose(suite(), BYTES_STRING("group"), MEMBERS, writer_bytes(&frank.package),
                                            frank.signature_key, BYTES(NULL, 0), &addition),
                         0);
        person_release(&people[4]);
        people[4] = (struct person){ 0 };
        for (unsigned i = 0; i < MEMBERS - 1; i++) {
                _cleanup_(received_release) struct received first = { 0 }, second = { 0 };

                assert_int_equal(process(&people[i], writer_bytes(&message)), -EACCES);
                assert_int_equal(group_process(people[i].group, writer_bytes(&message), &host, &first), 0);
                assert_int_equal(first.kind, RECEIVED_PROPOSAL);
                assert_int_equal(first.sender, NODE_NONE);
                assert_int_equal(group_process(people[i].group, writer_bytes(&addition), &host, &second), 0);
                restart(&people[i]);
        }
        commit(people, 2, &(struct group_change){ .cached = true }, NULL, &welcome);
        join(&frank, writer_bytes(&welcome));
        assert_agreed(&people[2], &frank);
        people_release(people, MEMBERS);
        person_release(&frank);
}

static const struct group *find_group(void *userdata, struct bytes group_id)
{
        const struct group *g = userdata;

        return g && bytes_equal(group_epoch(g)->context.group_id, group_id) ? g : NULL;
}

/* New keys for the same people, and their key packages. */
static void renew(const struct suite *s, const struct person *people, struct person *renewed, struct bytes *packages)
{
        for (unsigned i = 0; i < MEMBERS; i++) {
                person_make(s, people[i].name, &renewed[i]);
                packages[i] = writer_bytes(&renewed[i].package);
        }
}

static int join_linked(struct person *p, struct bytes welcome, const struct group *old)
{
        struct joiner joiner = { writer_bytes(&p->package), p->keys.init_key, p->keys.leaf_key };
        struct group_host host = { .group = find_group, .userdata = (void *) old };

        return group_join(welcome, &joiner, BYTES(NULL, 0), secret_copy(secret_bytes(p->signature_key)), &host,
                          &p->group);
}

static void a_group_is_reinitialised_with_another_suite(void **state)
{
        const struct suite *next = suite_by_id(2);
        struct person people[MEMBERS], renewed[MEMBERS];
        struct bytes packages[MEMBERS], value;
        _cleanup_writer_ struct writer proposal = WRITER_INIT, welcome = WRITER_INIT, message = WRITER_INIT;
        struct group_change change = { .add = packages + 1, .add_count = MEMBERS - 1 }, missing;
        struct group *refused;
        struct key_package package;

        gather(suite(), people);
        proposal_write_reinit(&proposal, BYTES_STRING("the next group"), next, BYTES(NULL, 0));
        value = writer_bytes(&proposal);
        commit(people, 1, &(struct group_change){ .proposals = &value, .proposal_count = 1, .without_path = true },
               NULL, &welcome);
        assert_int_equal(group_protect(people[0].group, BYTES_STRING("x"), BYTES(NULL, 0), 0, &message), -ESHUTDOWN);
        assert_int_equal(group_commit(people[0].group, &(struct group_change){ 0 }, NULL, &message, &welcome),
                         -ESHUTDOWN);
        assert_int_equal(group_propose(people[0].group, value, BYTES(NULL, 0), NULL, &message), -ESHUTDOWN);
        renew(next, people, renewed, packages);
        package = package_of(&renewed[0]);
        missing = change;
        missing.add_count--;
        assert_int_equal(group_continue(people[0].group, package.leaf.encoded,
                                        secret_copy(secret_bytes(renewed[0].keys.leaf_key)),
                                        secret_copy(secret_bytes(renewed[0].signature_key)), &missing, NULL, &welcome,
                                        &refused),
                         -EINVAL);
        assert_int_equal(group_continue(people[0].group, package.leaf.encoded,
                                        secret_copy(secret_bytes(renewed[0].keys.leaf_key)),
                                        secret_copy(secret_bytes(renewed[0].signature_key)), &change, NULL, &welcome,
                                        &renewed[0].group),
                         0);
        for (unsigned i = 1; i < MEMBERS; i++) {
                assert_int_equal(join_linked(&renewed[i], writer_bytes(&welcome), NULL), -ENOKEY);
                assert_int_equal(join_linked(&renewed[i], writer_bytes(&welcome), people[i].group), 0);
                assert_agreed(&renewed[0], &renewed[i]);
        }
        people_release(people, MEMBERS);
        people_release(renewed, MEMBERS);
}

static void a_group_branches_off(void **state)
{
        struct person people[MEMBERS], renewed[MEMBERS], mallory;
        struct bytes packages[MEMBERS];
        _cleanup_writer_ struct writer welcome = WRITER_INIT;
        struct group_change change = { .add = packages + 1, .add_count = 2 };
        struct key_package package;
        struct group *refused;

        gather(suite(), people);
        renew(suite(), people, renewed, packages);
        person_make(suite(), "mallory", &mallory);
        package = package_of(&renewed[0]);
        packages[3] = packages[2];
        packages[2] = writer_bytes(&mallory.package);
        assert_int_equal(group_branch(people[0].group, BYTES_STRING("branch"), package.leaf.encoded,
                                      secret_copy(secret_bytes(renewed[0].keys.leaf_key)),
                                      secret_copy(secret_bytes(renewed[0].signature_key)), &change, NULL, &welcome,
                                      &refused),
                         -EINVAL);
        packages[2] = packages[3];
        assert_int_equal(group_branch(people[0].group, BYTES_STRING("branch"), package.leaf.encoded,
                                      secret_copy(secret_bytes(renewed[0].keys.leaf_key)),
                                      secret_copy(secret_bytes(renewed[0].signature_key)), &change, NULL, &welcome,
                                      &renewed[0].group),
                         0);
        for (unsigned i = 1; i < 3; i++) {
                assert_int_equal(join_linked(&renewed[i], writer_bytes(&welcome), people[i].group), 0);
                assert_agreed(&renewed[0], &renewed[i]);
        }
        person_release(&mallory);
        people_release(people, MEMBERS);
        people_release(renewed, MEMBERS);
}

static void a_committer_adds_nobody_whose_time_is_over(void **state)
{
        struct group_host host = { .now = LIFETIME + 1 };
        _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;
        struct person people[MEMBERS], frank;
        struct bytes package;
        struct group_change change = { .add = &package, .add_count = 1 };

        gather(suite(), people);
        person_make(suite(), "frank", &frank);
        package = writer_bytes(&frank.package);
        assert_int_equal(group_commit(people[0].group, &change, &host, &message, &welcome), -ESTALE);
        host.now = LIFETIME;
        assert_int_equal(group_commit(people[0].group, &change, &host, &message, &welcome), 0);
        people_release(people, MEMBERS);
        person_release(&frank);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(proposals_are_committed_by_reference),
                cmocka_unit_test(an_update_may_bring_another_signature_key),
                cmocka_unit_test(pre_shared_keys_enter_the_key_schedule),
                cmocka_unit_test(a_welcome_may_come_without_the_tree),
                cmocka_unit_test(somebody_joins_from_outside_and_comes_back),
                cmocka_unit_test(the_next_epoch_is_published_with_its_commit),
                cmocka_unit_test(proposals_come_from_outside),
                cmocka_unit_test(a_group_is_reinitialised_with_another_suite),
                cmocka_unit_test(a_group_branches_off),
                cmocka_unit_test(a_committer_adds_nobody_whose_time_is_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

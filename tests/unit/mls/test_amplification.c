/* What somebody sends must not cost much more than its length: the numbers that are read are counted while a tree is
 * judged that was made to be expensive. Nothing in it need be signed, for signatures are verified last. And what is
 * counted in few bytes must not be more than that. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cryptod/mls/epoch.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "services/cleanup.h"

enum { HALF = 512, MANY = 20000 };

static size_t reads;

uint16_t __real_read_u16(struct reader *r);
uint16_t __wrap_read_u16(struct reader *r);
uint16_t __wrap_read_u16(struct reader *r)
{
        reads++;
        return __real_read_u16(r);
}

uint32_t __real_read_u32(struct reader *r);
uint32_t __wrap_read_u32(struct reader *r);
uint32_t __wrap_read_u32(struct reader *r)
{
        reads++;
        return __real_read_u32(r);
}

static void write_numbered_key(struct writer *w, uint32_t number)
{
        size_t mark = writer_open_vector(w);

        write_u32(w, number);
        write_fixed(w, BYTES_OF(((uint8_t[28]){ 0 })));
        writer_close_vector(w, mark);
}

/* A leaf with keys of its own, whose signature nobody has made. */
static void set_leaf(struct ratchet_tree *t, uint32_t leaf, struct bytes capabilities, struct bytes extensions,
                     struct bytes parent_hash)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_numbered_key(&w, 2 * leaf + 100);
        write_numbered_key(&w, 2 * leaf + 101);
        write_u16(&w, CREDENTIAL_BASIC);
        write_vector(&w, BYTES_STRING("mallory"));
        write_vector(&w, BYTES_OF(((uint8_t[]){ 0, PROTOCOL_MLS10 })));
        write_vector(&w, BYTES_OF(((uint8_t[]){ 0, 1 })));
        write_vector(&w, capabilities);
        write_vector(&w, BYTES(NULL, 0));
        write_vector(&w, BYTES_OF(((uint8_t[]){ 0, CREDENTIAL_BASIC })));
        write_u8(&w, LEAF_NODE_COMMIT);
        write_vector(&w, parent_hash);
        write_vector(&w, extensions);
        write_vector(&w, BYTES_OF(((uint8_t[64]){ 0 })));
        assert_int_equal(writer_finish(&w), 0);
        assert_int_equal(ratchet_tree_set_leaf(t, leaf, writer_bytes(&w)), 0);
}

/* All of the left half but its last leaf is unmerged. */
static void set_root(struct ratchet_tree *t)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;
        size_t mark;

        write_optional(&w, true);
        write_u8(&w, 2);
        write_numbered_key(&w, 1);
        write_vector(&w, BYTES(NULL, 0));
        mark = writer_open_vector(&w);
        for (uint32_t leaf = 0; leaf < HALF - 1; leaf++)
                write_u32(&w, leaf);
        writer_close_vector(&w, mark);
        reader_init(&r, writer_bytes(&w));
        assert_int_equal(ratchet_tree_read_node(t, tree_root(t->leaves), &r), 0);
}

static void assert_cost_at_most(const struct ratchet_tree *t, size_t reads_a_byte)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;

        ratchet_tree_write(t, &encoded);
        assert_in_range(reads, 1, reads_a_byte * encoded.size);
}

/* Each leaf of the left half carries the parent hash of the root, so that each may be the one that was made with it;
 * only the last is. */
static void links_that_lead_nowhere(void **state)
{
        struct ratchet_tree t = { .suite = suite_by_id(1) };
        struct bytes none = BYTES(NULL, 0);
        uint8_t hash[SUITE_HASH_MAX];

        ratchet_tree_resize(&t, 2 * HALF);
        set_leaf(&t, HALF, none, none, none);
        set_root(&t);
        ratchet_tree_parent_hash(&t, tree_root(t.leaves), tree_right(tree_root(t.leaves)), hash);
        for (uint32_t leaf = 0; leaf < HALF; leaf++)
                set_leaf(&t, leaf, none, none, BYTES(hash, t.suite->hash_size));
        reads = 0;
        assert_int_equal(ratchet_tree_validate(&t, BYTES_STRING("group"), 1), -EBADMSG);
        assert_cost_at_most(&t, 2);
        ratchet_tree_release(&t);
}

/* Many extensions in a leaf that can do them all. */
static void extensions_beside_as_many_abilities(void **state)
{
        struct ratchet_tree t = { .suite = suite_by_id(1) };
        _cleanup_writer_ struct writer abilities = WRITER_INIT, extensions = WRITER_INIT;

        for (unsigned i = 0; i < MANY; i++) {
                write_u16(&extensions, (uint16_t) (0xf000 + i));
                write_vector(&extensions, BYTES(NULL, 0));
                write_u16(&abilities, (uint16_t) (0xf000 + MANY - 1 - i));
        }
        ratchet_tree_resize(&t, 1);
        set_leaf(&t, 0, writer_bytes(&abilities), writer_bytes(&extensions), BYTES(NULL, 0));
        reads = 0;
        assert_int_equal(leaf_nodes_validate(&t, BYTES(NULL, 0)), 0);
        assert_cost_at_most(&t, 2);
        ratchet_tree_release(&t);
}

static const struct secret *known(void *userdata, const struct psk_id *id)
{
        return userdata;
}

/* PSKs are numbered in two bytes (§8.4): of more, two would have the same number. */
static void more_psks_than_can_be_counted(void **state)
{
        const struct suite *s = suite_by_id(1);
        _cleanup_secret_ struct secret *psk = secret_new(s->hash_size), *secret = NULL;
        _cleanup_free_ struct psk_id *ids = calloc(UINT16_MAX + 1, sizeof(*ids));
        struct psk_source source = { known, psk };

        assert_non_null(ids);
        for (size_t i = 0; i <= UINT16_MAX; i++)
                ids[i].type = PSK_EXTERNAL;
        assert_int_equal(epoch_psk_secret(s, ids, UINT16_MAX + 1, &source, &secret), -EBADMSG);
        assert_int_equal(epoch_psk_secret(s, ids, 2, &source, &secret), 0);
}

/* One takes seven bytes on the way and hundreds in a list, and anybody may send a million. */
static void an_external_commit_of_many_proposals(void **state)
{
        for (uint32_t more = 0; more < 2; more++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;
                _cleanup_(proposal_list_release) struct proposal_list list = { 0 };
                struct commit c = { 0 };

                for (uint32_t i = 0; i < EXTERNAL_PROPOSALS_MAX + more; i++) {
                        write_u8(&w, PROPOSAL_BY_VALUE);
                        proposal_write_remove(&w, i);
                }
                c.proposals = writer_bytes(&w);
                assert_int_equal(proposal_list_collect(suite_by_id(1), &c, NODE_NONE, NULL, &list),
                                 more ? -EBADMSG : 0);
                assert_int_equal(list.count, more ? 0 : EXTERNAL_PROPOSALS_MAX);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(links_that_lead_nowhere),
                cmocka_unit_test(extensions_beside_as_many_abilities),
                cmocka_unit_test(an_external_commit_of_many_proposals),
                cmocka_unit_test(more_psks_than_can_be_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

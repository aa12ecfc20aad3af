/* Trees whose copies share what they have in common: whatever is done to some of them, each has the hashes and the
 * summaries of one that is read anew. A random walk; the seed is printed, and VISAVIS_SEED sets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "cryptod/mls/ratchet_tree.h"
#include "services/cleanup.h"

enum { TREES = 5, STEPS = 1500, LEAVES = 256 };

static unsigned seed;

static uint32_t below(uint32_t bound)
{
        return (uint32_t) rand_r(&seed) % bound;
}

static void write_new_key(struct writer *w)
{
        static uint32_t count;
        size_t mark = writer_open_vector(w);

        write_u32(w, below(1u << 31));
        write_u32(w, count++);
        writer_close_vector(w, mark);
}

static void write_leaf(struct writer *w)
{
        static const uint8_t credentials[] = { 0, CREDENTIAL_BASIC, 0, CREDENTIAL_X509 };

        write_new_key(w);
        write_new_key(w);
        write_u16(w, CREDENTIAL_BASIC + below(2));
        write_vector(w, BYTES_STRING("somebody"));
        for (unsigned list = 0; list < 4; list++)
                write_vector(w, BYTES(NULL, 0));
        write_vector(w, BYTES(credentials, 2 + 2 * below(2)));
        write_u8(w, LEAF_NODE_UPDATE);
        write_vector(w, BYTES(NULL, 0));
        write_vector(w, BYTES(NULL, 0));
}

/* As a commit of that leaf does it, but for the leaf. */
static void set_path(struct ratchet_tree *t, uint32_t leaf)
{
        struct node_list path, copath;

        for (uint32_t n = tree_leaf_node(leaf); (n = tree_parent(n, t->leaves)) != NODE_NONE;)
                ratchet_tree_blank(t, n);
        ratchet_tree_filtered_path(t, leaf, &path, &copath);
        for (uint32_t i = path.count; i-- > 0;) {
                _cleanup_writer_ struct writer key = WRITER_INIT;
                uint8_t hash[SUITE_HASH_MAX];

                write_new_key(&key);
                ratchet_tree_set_parent(t, path.nodes[i], writer_bytes(&key), BYTES(NULL, 0));
                ratchet_tree_parent_hash(t, path.nodes[i], copath.nodes[i], hash);
        }
        free(path.nodes);
        free(copath.nodes);
}

static void remove_right_half(struct ratchet_tree *t)
{
        for (uint32_t leaf = t->leaves; leaf-- > 1 && t->leaves > 1 && leaf >= t->leaves / 2;)
                if (ratchet_tree_leaf(t, leaf))
                        ratchet_tree_remove(t, leaf);
}

static void step(struct ratchet_tree *t)
{
        uint32_t leaf = below(t->leaves);
        bool present = ratchet_tree_leaf(t, leaf) != NULL;
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_leaf(&w);
        switch (below(6)) {
        case 0:
                for (uint32_t i = below(20); t->leaves < LEAVES && i-- > 0;)
                        assert_int_equal(ratchet_tree_add(t, writer_bytes(&w), &leaf), 0);
                break;
        case 1:
                if (present && leaf > 0)
                        assert_int_equal(ratchet_tree_remove(t, leaf), 0);
                break;
        case 2:
                if (present)
                        assert_int_equal(ratchet_tree_update(t, leaf, writer_bytes(&w)), 0);
                break;
        case 3:
                if (below(10) == 0)
                        remove_right_half(t);
                break;
        default:
                if (present)
                        set_path(t, leaf);
        }
}

static void assert_same_summary(const struct node_summary *a, const struct node_summary *b)
{
        assert_int_equal(a->present, b->present);
        assert_int_equal(a->can_basic, b->can_basic);
        assert_int_equal(a->can_x509, b->can_x509);
        assert_int_equal(a->credential, b->credential);
        assert_int_equal(a->encryption_key, b->encryption_key);
        assert_int_equal(a->signature_key, b->signature_key);
}

/* Not each node each time, so that hashes are known of some only. */
static void assert_as_read(const struct ratchet_tree *t)
{
        _cleanup_(ratchet_tree_release) struct ratchet_tree again = { 0 };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;

        ratchet_tree_write(t, &w);
        reader_init(&r, writer_bytes(&w));
        assert_int_equal(ratchet_tree_read(t->suite, &r, &again), 0);
        assert_int_equal(again.leaves, t->leaves);
        for (uint32_t node = 0; node < tree_width(t->leaves); node++) {
                uint8_t a[SUITE_HASH_MAX], b[SUITE_HASH_MAX];

                assert_same_summary(node_array_summary(&t->nodes, node), node_array_summary(&again.nodes, node));
                if (node != tree_root(t->leaves) && below(3) > 0)
                        continue;
                ratchet_tree_hash(t, node, a);
                ratchet_tree_hash(&again, node, b);
                assert_memory_equal(a, b, t->suite->hash_size);
        }
}

static void copies_that_change_apart(void **state)
{
        struct ratchet_tree trees[TREES] = { { .suite = suite_by_id(1) } };
        _cleanup_writer_ struct writer w = WRITER_INIT;
        uint32_t leaf;

        print_message("# VISAVIS_SEED=%u\n", seed);
        write_leaf(&w);
        assert_int_equal(ratchet_tree_add(&trees[0], writer_bytes(&w), &leaf), 0);
        for (unsigned i = 1; i < TREES; i++)
                ratchet_tree_copy(&trees[0], &trees[i]);
        for (unsigned i = 0; i < STEPS; i++) {
                uint32_t from = below(TREES), to = below(TREES);

                step(&trees[from]);
                assert_as_read(&trees[below(TREES)]);
                if (from == to || below(4) > 0)
                        continue;
                ratchet_tree_release(&trees[to]);
                ratchet_tree_copy(&trees[from], &trees[to]);
        }
        for (unsigned i = 0; i < TREES; i++) {
                assert_as_read(&trees[i]);
                ratchet_tree_release(&trees[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(copies_that_change_apart),
        };
        const char *given = getenv("VISAVIS_SEED");

        seed = given ? (unsigned) strtoul(given, NULL, 10) : (unsigned) time(NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

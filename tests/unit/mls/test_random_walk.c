/* A random walk of groups of up to 64: who adds, removes, updates, proposes, joins from outside, loses a race or its
 * state, gets what late, twice or never is drawn, and after each step all who have come to an epoch agree on it.
 *
 * The seed is printed; VISAVIS_SEED sets it, and VISAVIS_STEPS makes the walk longer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/cleanup.h"
#include "services/seal.h"
#include "tests/unit/mls/walker.h"

static uint64_t state;

/* splitmix64 */
static uint64_t draw(void)
{
        uint64_t z = state += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

/* 0 to @n - 1. */
static unsigned below(unsigned n)
{
        return (unsigned) (draw() % n);
}

static bool one_in(unsigned n)
{
        return below(n) == 0;
}

/* Somebody drawn for whom @is holds; -1: there is none. */
static int drawn(struct walk *w, bool (*is)(const struct walk *w, unsigned i))
{
        unsigned start = below(w->count);

        for (unsigned n = 0; n < w->count; n++)
                if (is(w, (start + n) % w->count))
                        return (int) ((start + n) % w->count);
        return -1;
}

static bool is_member(const struct walk *w, unsigned i)
{
        return w->walkers[i].where == MEMBER;
}

static bool is_invited(const struct walk *w, unsigned i)
{
        return w->walkers[i].where == INVITED;
}

static bool has_group(const struct walk *w, unsigned i)
{
        return w->walkers[i].person.group;
}

static bool is_outside(const struct walk *w, unsigned i)
{
        return w->walkers[i].where == OUTSIDE || w->walkers[i].where == REMOVED;
}

static bool is_behind(const struct walk *w, unsigned i)
{
        return is_member(w, i) && walker_epoch(&w->walkers[i]) + 1 < w->service.count;
}

/* In the newest epoch. */
static bool is_current(const struct walk *w, unsigned i)
{
        return is_member(w, i) && !is_behind(w, i);
}

static bool is_free(const struct walk *w, unsigned i)
{
        return is_member(w, i) && !group_has_pending(w->walkers[i].person.group);
}

static bool is_free_and_current(const struct walk *w, unsigned i)
{
        return is_free(w, i) && is_current(w, i);
}

static unsigned size(const struct walk *w)
{
        unsigned n = 0;

        for (unsigned i = 0; i < w->count; i++)
                n += delivery_now(&w->service)->present[i];
        return n;
}

/* How many there should be; it moves, so that the tree fills, empties and narrows. */
static unsigned wanted(const struct walk *w)
{
        static const unsigned parts[] = { 64, 4, 40, 16, 1, 64, 30 };
        unsigned n = w->count * parts[w->service.count / 6 % COUNT_OF(parts)] / 64;

        return n < 2 ? 2 : n;
}

static void write_required_capabilities(struct writer *out)
{
        static const uint8_t required[] = { 0, 0, 2, 0, CREDENTIAL_BASIC };
        _cleanup_writer_ struct writer extensions = WRITER_INIT;

        write_u16(&extensions, EXTENSION_REQUIRED_CAPABILITIES);
        write_vector(&extensions, BYTES_OF(required));
        proposal_write_group_context_extensions(out, one_in(2) ? writer_bytes(&extensions) : BYTES(NULL, 0));
}

enum { CHANGES = 8 };

/* Whom a commit adds: up to @max of those who are outside, and are not members for somebody who is behind either. */
static size_t draw_newcomers(const struct walk *w, const struct group *g, unsigned max,
                             struct bytes out[static CHANGES])
{
        unsigned start = below(w->count), count = 0;

        for (unsigned n = 0; n < w->count && count < max && count < CHANGES; n++)
                if (is_outside(w, (start + n) % w->count) &&
                    leaf_of(&group_epoch(g)->tree, (start + n) % w->count) == NODE_NONE)
                        out[count++] = writer_bytes(&w->walkers[(start + n) % w->count].person.package);
        return count;
}

static const struct psk_id shared = { .type = PSK_EXTERNAL, .external_id = BYTES("shared", 6) };

/* A proposal by reference. */
static int write_proposal(struct walk *w, struct walker *m, const struct group_framing *framing, struct writer *out)
{
        const struct group *g = m->person.group;
        const struct ratchet_tree *tree = &group_epoch(g)->tree;
        _cleanup_writer_ struct writer proposal = WRITER_INIT;
        uint32_t leaf = below(tree->leaves);
        struct bytes newcomer[CHANGES];
        struct identity identity;

        switch (below(6)) {
        case 0:
                return group_propose_psk(m->person.group, &shared, BYTES(NULL, 0), framing, out);
        case 1:
                write_required_capabilities(&proposal);
                break;
        case 2:
                if (draw_newcomers(w, g, 1, newcomer) > 0) {
                        proposal_write_add(&proposal, newcomer[0]);
                        break;
                }
                __attribute__((fallthrough));
        case 3:
                if (ratchet_tree_leaf(tree, leaf) && size(w) > wanted(w)) {
                        proposal_write_remove(&proposal, leaf); /* ourselves, perhaps */
                        break;
                }
                __attribute__((fallthrough));
        default:
                identity = walker_next_identity(m);
                return group_propose_update(m->person.group, one_in(3) ? &identity : NULL, BYTES(NULL, 0), framing,
                                            out);
        }
        return group_propose(m->person.group, writer_bytes(&proposal), BYTES_STRING("aad"), framing, out);
}

static void propose(struct walk *w)
{
        int i = drawn(w, is_member);
        struct group_framing framing = { .public = one_in(3), .pad_to = one_in(2) ? 64 : 0 };
        _cleanup_writer_ struct writer message = WRITER_INIT;
        struct walker *m = &w->walkers[i];

        if (i < 0 || delivery_now(&w->service)->proposal_count == EPOCH_PROPOSALS)
                return;
        assert_int_equal(write_proposal(w, m, &framing, &message), 0);
        if (delivery_post_proposal(&w->service, (unsigned) i, walker_epoch(m), framing.public, writer_bytes(&message)))
                m->seen[delivery_now(&w->service)->proposal_count - 1] = true;
}

static size_t draw_removals(const struct group *g, unsigned max, uint32_t out[static CHANGES])
{
        const struct epoch *e = group_epoch(g);
        unsigned start = below(e->tree.leaves), count = 0;

        for (unsigned n = 0; n < e->tree.leaves && count < max && count < CHANGES; n++) {
                uint32_t leaf = (start + n) % e->tree.leaves;

                if (ratchet_tree_leaf(&e->tree, leaf) && leaf != e->keys.leaf)
                        out[count++] = leaf;
        }
        return count;
}

/* A PSK of one of the group's own epochs that all who will have to follow have seen; else the shared one. */
static struct psk_id draw_psk(const struct walk *w, const struct group *g)
{
        const struct group_context *c = &group_epoch(g)->context;
        uint64_t since = c->epoch >= 8 ? c->epoch - 8 : 0;
        const struct service_epoch *e = &w->service.epochs[c->epoch];

        for (unsigned i = 0; i < w->count; i++)
                if (e->present[i] && (w->walkers[i].where != MEMBER || w->walkers[i].joined > c->epoch))
                        return shared;
                else if (e->present[i] && w->walkers[i].joined > since)
                        since = w->walkers[i].joined;
        return (struct psk_id){ .type = PSK_RESUMPTION,
                                .usage = RESUMPTION_APPLICATION,
                                .group_id = c->group_id,
                                .epoch = since + below((unsigned) (c->epoch - since) + 1) };
}

/* A commit with a drawn content, which waits. */
static void commit(struct walk *w, unsigned i, struct writer *message, struct writer *welcome)
{
        struct walker *m = &w->walkers[i];
        const unsigned now = size(w), goal = wanted(w);
        struct bytes packages[CHANGES], extensions;
        uint32_t removed[CHANGES];
        struct identity identity = walker_next_identity(m);
        _cleanup_writer_ struct writer replacement = WRITER_INIT;
        struct psk_id psk;
        struct group_change change = { .add = packages,
                                       .remove = removed,
                                       .psks = &psk,
                                       .proposals = &extensions,
                                       .cached = !one_in(4),
                                       .identity = one_in(6) ? &identity : NULL,
                                       .framing = { .public = one_in(3), .pad_to = one_in(2) ? 256 : 0 } };

        if (now < goal)
                change.add_count = draw_newcomers(w, m->person.group, goal - now, packages);
        if (now > goal)
                change.remove_count = draw_removals(m->person.group, one_in(3) ? 1 : now - goal, removed);
        if (one_in(4)) {
                psk = change.cached || change.add_count > 0 ? shared : draw_psk(w, m->person.group);
                change.psk_count = 1;
        }
        if (one_in(8)) {
                write_required_capabilities(&replacement);
                extensions = writer_bytes(&replacement);
                change.proposal_count = 1;
        }
        change.without_path = one_in(3) && !change.cached && !change.identity && change.remove_count == 0 &&
                              change.proposal_count == 0 && change.add_count + change.psk_count > 0;
        assert_int_equal(group_commit(m->person.group, &change, &walk_host, message, welcome), 0);
}

/* Some commit for one epoch; the first wins, and who lost drops its own at once, or when the winner's comes. */
static void race(struct walk *w)
{
        unsigned contenders = 1 + below(3);

        for (unsigned n = 0; n < contenders; n++) {
                int i = drawn(w, n == 0 ? is_free_and_current : is_free);
                _cleanup_writer_ struct writer message = WRITER_INIT, welcome = WRITER_INIT;

                if (i < 0)
                        return;
                commit(w, (unsigned) i, &message, &welcome);
                if (one_in(4))
                        restart(&w->walkers[i].person);
                if (!walker_offer(w, (unsigned) i, &message, &welcome) && one_in(2))
                        group_clear_pending(w->walkers[i].person.group);
        }
}

/* Somebody comes in from outside, or has lost its state and takes its old leaf out. */
static void join_external(struct walk *w)
{
        int host = drawn(w, is_member);
        unsigned i = below(w->count);
        struct walker *m = &w->walkers[i];
        struct identity identity = identity_of(&m->person);
        _cleanup_writer_ struct writer info = WRITER_INIT, tree = WRITER_INIT, message = WRITER_INIT;
        struct external_join join = { .self = &identity, .resync = NODE_NONE, .psks = &shared };
        bool with_tree = one_in(2);
        struct group *before = m->person.group;
        const struct epoch *e;

        if (host < 0 || host == (int) i)
                return;
        e = group_epoch(w->walkers[host].person.group);
        assert_int_equal(group_publish_info(w->walkers[host].person.group, with_tree, &info), 0);
        if (!with_tree) {
                ratchet_tree_write(&e->tree, &tree);
                join.tree = writer_bytes(&tree);
        }
        join.group_info = writer_bytes(&info);
        join.resync = leaf_of(&e->tree, i);
        join.psk_count = one_in(3);
        assert_int_equal(group_join_external(&join, &walk_host, &message, &m->person.group), 0);
        if (walker_offer(w, i, &message, NULL)) {
                group_free(before);
                return;
        }
        group_free(m->person.group);
        m->person.group = before;
}

static void follow(struct walk *w)
{
        int i = drawn(w, is_behind);

        if (i >= 0)
                assert_true(walker_follow(w, (unsigned) i));
        else
                race(w);
}

static void take_proposal(struct walk *w)
{
        int i = drawn(w, is_member);

        if (i >= 0)
                walker_take_proposal(w, (unsigned) i, below(EPOCH_PROPOSALS));
}

static void come_in(struct walk *w)
{
        int i = drawn(w, is_invited);

        if (i >= 0)
                walker_join(w, (unsigned) i);
}

static void write_letter(struct walk *w)
{
        int i = drawn(w, is_member);

        if (i >= 0)
                walker_write(w, (unsigned) i);
}

static void read_letter(struct walk *w)
{
        int i = drawn(w, has_group);
        struct letter *l = &w->letters[below(LETTERS)];

        if (i >= 0 && l->message.size > 0)
                walker_read(w, (unsigned) i, l);
}

static void restart_somebody(struct walk *w)
{
        int i = drawn(w, has_group);

        restart(&w->walkers[i].person);
}

/* What has changed goes to disk, for some after one step and for others after many; what is there is the whole state.
 */
static void save_some(struct walk *w)
{
        for (unsigned i = 0; i < w->count; i++)
                if (has_group(w, i) && one_in(4))
                        save_state(&w->walkers[i].person);
}

static void step(struct walk *w)
{
        static const struct {
                unsigned weight;
                void (*take)(struct walk *w);
        } steps[] = {
                { 30, follow },      { 12, take_proposal }, { 4, propose },
                { 2, race },         { 8, come_in },        { 12, write_letter },
                { 28, read_letter }, { 1, join_external },  { 3, restart_somebody },
        };
        unsigned n = below(100);

        for (unsigned i = 0;; i++) {
                if (n < steps[i].weight) {
                        steps[i].take(w);
                        return;
                }
                n -= steps[i].weight;
        }
}

/* The same letter under the number of an epoch that the removed one has the keys of. */
static void try_as_of_its_epoch(struct walker *m, const struct letter *l)
{
        _cleanup_(received_release) struct received received = { 0 };
        _cleanup_writer_ struct writer forged = WRITER_INIT;
        struct message_peek peek;
        struct reader r;

        assert_int_equal(message_peek(writer_bytes(&l->message), &peek), 0);
        reader_init(&r, writer_bytes(&l->message));
        write_fixed(&forged, read_fixed(&r, 4));
        write_vector(&forged, read_vector(&r));
        read_u64(&r);
        write_u64(&forged, walker_epoch(m));
        write_fixed(&forged, r.rest);
        walker_take(m, writer_bytes(&forged), -EBADMSG, &received);
}

/* Everybody comes to the end of what there is; then all members read each other, and nobody else does. */
static void come_together(struct walk *w)
{
        for (unsigned i = 0; i < w->count; i++) {
                if (w->walkers[i].where == INVITED)
                        walker_join(w, i);
                while (is_behind(w, i))
                        walker_follow(w, i);
                assert_int_equal(is_member(w, i), delivery_now(&w->service)->present[i]);
        }
        for (unsigned n = 0; n < 3; n++) {
                unsigned sender = (unsigned) drawn(w, is_member);
                struct letter *l;

                walker_write(w, sender);
                l = &w->letters[(w->sent - 1) % LETTERS];
                for (unsigned i = 0; i < w->count; i++) {
                        if (has_group(w, i))
                                walker_read(w, i, l);
                        if (w->walkers[i].where == REMOVED)
                                try_as_of_its_epoch(&w->walkers[i], l);
                        assert_int_equal(l->read[i], is_member(w, i) && i != sender);
                }
        }
}

static void walk(const struct suite *s, unsigned count, unsigned steps)
{
        struct walk *w = calloc(1, sizeof(*w));
        const char *given = getenv("VISAVIS_STEPS");

        assert_non_null(w);
        walk_begin(w, s, count);
        steps = given ? (unsigned) strtoul(given, NULL, 10) : steps;
        for (unsigned n = 0; n < steps; n++) {
                step(w);
                save_some(w);
        }
        come_together(w);
        print_message("# suite %u: %u steps, %u epochs, %u messages, %u members in the end\n", s->id, steps,
                      (unsigned) w->service.count, w->sent, size(w));
        walk_end(w);
        free(w);
}

static void many_walk_together(void **unused)
{
        print_message("# VISAVIS_SEED=%llu\n", (unsigned long long) state);
        walk(suite_by_id(1), WALKERS, 1000);
}

static void a_few_walk_in_every_suite(void **unused)
{
        const struct suite *s;

        for (unsigned n = 0; (s = suite_at(n)); n++)
                walk(s, 6, 60);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(many_walk_together),
                cmocka_unit_test(a_few_walk_in_every_suite),
        };
        const char *given = getenv("VISAVIS_SEED");

        random_fill((uint8_t *) &state, sizeof(state));
        state = given ? strtoull(given, NULL, 10) : state >> 32;
        return cmocka_run_group_tests(tests, NULL, NULL);
}

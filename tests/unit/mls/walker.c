#include "tests/unit/mls/walker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/cleanup.h"

static const struct secret *find_psk(void *userdata, const struct psk_id *id)
{
        static struct secret *shared;

        if (id->type != PSK_EXTERNAL || !bytes_equal(id->external_id, BYTES_STRING("shared")))
                return NULL;
        if (!shared)
                shared = secret_copy(BYTES_STRING("known to all"));
        return shared;
}

const struct group_host walk_host = { .psk = find_psk };

void walk_begin(struct walk *w, const struct suite *s, unsigned count)
{
        *w = (struct walk){ .suite = s, .count = count };
        for (unsigned i = 0; i < count; i++) {
                struct walker *m = &w->walkers[i];

                snprintf(m->name, sizeof(m->name), "w%u", i);
                person_make(s, m->name, &m->person);
        }
        create(s, &w->walkers[0].person);
        w->walkers[0].where = MEMBER;
        delivery_open_epoch(&w->service, w->walkers[0].person.group);
}

void walk_end(struct walk *w)
{
        for (unsigned i = 0; i < w->count; i++) {
                person_release(&w->walkers[i].person);
                writer_release(&w->walkers[i].welcome);
                secret_free(w->walkers[i].next_key);
                writer_release(&w->walkers[i].next_public_key);
        }
        for (unsigned i = 0; i < LETTERS; i++)
                writer_release(&w->letters[i].message);
        delivery_release(&w->service);
}

uint64_t walker_epoch(const struct walker *m)
{
        return group_epoch(m->person.group)->context.epoch;
}

void walker_take(struct walker *m, struct bytes message, int expected, struct received *out)
{
        for (unsigned twice = 0; twice < 2; twice++) {
                _cleanup_writer_ struct writer before = WRITER_INIT, after = WRITER_INIT;

                if (expected < 0)
                        before = state_of(&m->person);
                assert_int_equal(group_process(m->person.group, message, &walk_host, out), expected);
                if (expected >= 0)
                        return;
                /* The first message from a leaf may open the secret tree on the way to it; the second may not. */
                after = state_of(&m->person);
                if (twice > 0 || expected == -EAGAIN || expected == -ESTALE)
                        assert_true(bytes_equal(writer_bytes(&before), writer_bytes(&after)));
        }
}

static void take(struct walker *m, const struct writer *message, int expected)
{
        _cleanup_(received_release) struct received received = { 0 };

        walker_take(m, writer_bytes(message), expected, &received);
}

/* It stands in an epoch that it has not seen before. */
static void arrive(struct walk *w, unsigned i)
{
        struct walker *m = &w->walkers[i];
        const struct epoch *e = group_epoch(m->person.group);

        delivery_check(&w->service, m->person.group);
        memset(m->seen, 0, sizeof(m->seen));
        if (m->next_key &&
            bytes_equal(ratchet_tree_leaf(&e->tree, e->keys.leaf)->signature_key, writer_bytes(&m->next_public_key))) {
                secret_free(m->person.signature_key);
                m->person.signature_key = TAKE(m->next_key);
                writer_release(&m->person.public_key);
                m->person.public_key = m->next_public_key;
                m->next_public_key = WRITER_INIT;
        }
}

static void become_member(struct walk *w, unsigned i)
{
        struct walker *m = &w->walkers[i];

        m->where = MEMBER;
        m->joined = walker_epoch(m);
        writer_release(&m->welcome);
        arrive(w, i);
        disk_release(&m->person.disk); /* it may have been in the group before */
        restart(&m->person);
}

void walker_join(struct walk *w, unsigned i)
{
        struct walker *m = &w->walkers[i];
        struct joiner joiner = { writer_bytes(&m->person.package), m->person.keys.init_key, m->person.keys.leaf_key };

        assert_int_equal(group_join(writer_bytes(&m->welcome), &joiner, BYTES(NULL, 0),
                                    secret_copy(secret_bytes(m->person.signature_key)), &walk_host, &m->person.group),
                         0);
        become_member(w, i);
}

bool walker_take_proposal(struct walk *w, unsigned i, unsigned n)
{
        struct walker *m = &w->walkers[i];
        const struct service_epoch *e = &w->service.epochs[walker_epoch(m)];

        if (n >= e->proposal_count)
                return false;
        take(m, &e->proposals[n].message,
             e->proposals[n].sender == i || (m->seen[n] && !e->proposals[n].public) ? -EALREADY : 0);
        m->seen[n] = true;
        return true;
}

static void take_missing_proposals(struct walk *w, unsigned i)
{
        for (unsigned n = 0; n < EPOCH_PROPOSALS; n++)
                if (!w->walkers[i].seen[n])
                        walker_take_proposal(w, i, n);
}

bool walker_follow(struct walk *w, unsigned i)
{
        struct walker *m = &w->walkers[i];
        const uint64_t epoch = walker_epoch(m);
        const struct service_epoch *e = &w->service.epochs[epoch], *next = e + 1;
        _cleanup_(received_release) struct received received = { 0 };
        int r;

        if (e->commit.size == 0)
                return false;
        if (e->committer == i) {
                take(m, &e->commit, -EALREADY);
                group_merge_pending(m->person.group);
                arrive(w, i);
                return true;
        }
        r = group_process(m->person.group, writer_bytes(&e->commit), &walk_host, &received);
        if (r == -ENOENT) {
                take(m, &e->commit, -ENOENT);
                take_missing_proposals(w, i);
                r = group_process(m->person.group, writer_bytes(&e->commit), &walk_host, &received);
        }
        assert_int_equal(r, next->present[i] ? 0 : -EKEYREVOKED);
        if (r == 0) {
                arrive(w, i);
                return true;
        }
        take(m, &e->commit, -EKEYREVOKED);
        m->where = REMOVED;
        walker_renew(m);
        return true;
}

void walker_renew(struct walker *m)
{
        struct identity identity = identity_of(&m->person);

        writer_release(&m->person.package);
        key_package_keys_release(&m->person.keys);
        assert_int_equal(identity_key_package(&identity, 0, LIFETIME, false, &m->person.package, &m->person.keys), 0);
}

struct identity walker_next_identity(struct walker *m)
{
        struct identity identity = identity_of(&m->person);

        if (!m->next_key)
                m->next_key = suite_signature_generate(m->person.suite, &m->next_public_key);
        identity.signature_key = writer_bytes(&m->next_public_key);
        identity.signature_private_key = m->next_key;
        return identity;
}

void walker_write(struct walk *w, unsigned i)
{
        struct letter *l = &w->letters[w->sent++ % LETTERS];
        struct walker *m = &w->walkers[i];

        writer_release(&l->message);
        *l = (struct letter){ .sender = i, .epoch = walker_epoch(m) };
        snprintf(l->text, sizeof(l->text), "%u: %u", i, w->sent);
        protect(&m->person, l->text, &l->message);
}

/* What has to come of a letter. */
static int letter_result(const struct walker *m, unsigned i, const struct letter *l)
{
        const uint64_t epoch = walker_epoch(m);

        if (l->epoch > epoch)
                return -EAGAIN;
        if (l->epoch < m->joined || epoch - l->epoch > GROUP_PAST_EPOCHS)
                return -ESTALE;
        return l->sender == i || l->read[i] ? -EALREADY : 0;
}

void walker_read(struct walk *w, unsigned i, struct letter *l)
{
        struct walker *m = &w->walkers[i];
        _cleanup_(received_release) struct received received = { 0 };
        int expected = letter_result(m, i, l);

        walker_take(m, writer_bytes(&l->message), expected, &received);
        if (expected < 0)
                return;
        assert_int_equal(received.kind, RECEIVED_APPLICATION);
        assert_true(bytes_equal(received.data, BYTES_STRING(l->text)));
        l->read[i] = true;
}

/* Whom the commit has added has its Welcome under way, and nothing of what it had before. */
static void invite(struct walk *w, const struct service_epoch *before, const struct service_epoch *now, unsigned i,
                   const struct writer *welcome)
{
        for (unsigned n = 0; n < w->count; n++) {
                struct walker *m = &w->walkers[n];

                if (n == i || before->present[n] || !now->present[n])
                        continue;
                m->person.group = group_free(m->person.group);
                m->where = INVITED;
                writer_release(&m->welcome);
                write_fixed(&m->welcome, writer_bytes(welcome));
        }
}

bool walker_offer(struct walk *w, unsigned i, const struct writer *commit, const struct writer *welcome)
{
        struct walker *m = &w->walkers[i];
        _cleanup_(person_release) struct person after = { 0 };
        _cleanup_writer_ struct writer state = state_of(&m->person);
        struct service_epoch *now;
        struct reader r;

        reader_init(&r, writer_bytes(&state));
        assert_int_equal(group_read(&r, &after.group), 0);
        if (group_has_pending(after.group))
                group_merge_pending(after.group);
        if (!delivery_post_commit(&w->service, i, group_epoch(after.group)->context.epoch - 1, writer_bytes(commit),
                                  after.group))
                return false;
        now = delivery_now(&w->service);
        invite(w, now - 1, now, i, welcome);
        if (!group_has_pending(m->person.group))
                become_member(w, i);
        return true;
}

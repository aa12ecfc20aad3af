/* See invitation.h. */
#include "cryptod/conversation/invitation.h"

#include <errno.h>

#include "services/cleanup.h"

#define LABEL "Visavis invitation"

void invitation_read(struct reader *r, struct invitation *out)
{
        out->id = read_fixed(r, INVITATION_ID_SIZE);
        out->key = read_vector(r);
        out->expires = read_u64(r);
        out->uses = read_u32(r);
        out->author = read_fixed(r, AUTHOR_SIZE);
        if (out->key.size == 0 || out->key.size > INVITATION_KEY_MAX)
                reader_fail(r);
}

void invitation_write(const struct invitation *i, struct writer *w)
{
        write_fixed(w, i->id);
        write_vector(w, i->key);
        write_u64(w, i->expires);
        write_u32(w, i->uses);
        write_fixed(w, i->author);
}

bool invitation_equal(const struct invitation *a, const struct invitation *b)
{
        return bytes_equal(a->id, b->id) && bytes_equal(a->key, b->key) && a->expires == b->expires &&
               a->uses == b->uses && bytes_equal(a->author, b->author);
}

bool invitations_find(struct bytes list, struct bytes id, struct invitation *out)
{
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r)) {
                struct invitation i;

                invitation_read(&r, &i);
                if (r.error >= 0 && bytes_equal(i.id, id)) {
                        *out = i;
                        return true;
                }
        }
        return false;
}

int invitations_check(struct bytes list)
{
        struct invitation i, first;
        unsigned count = 0;
        struct reader r;

        reader_init(&r, list);
        for (; reader_more(&r); count++) {
                invitation_read(&r, &i);
                if (r.error < 0 || !invitations_find(list, i.id, &first) || first.id.data != i.id.data)
                        return -EBADMSG;
        }
        return reader_finish(&r) < 0 ? -EBADMSG : count > INVITATIONS_MAX ? -E2BIG : 0;
}

/* -- changes ------------------------------------------------------------------------------------------------------ */

struct change {
        enum invitation_change what;
        struct invitation invitation;
};

static void read_change(struct reader *r, struct change *out)
{
        out->what = (enum invitation_change) read_u8(r);
        invitation_read(r, &out->invitation);
}

static void write_change(const struct change *c, struct writer *w)
{
        write_u8(w, (uint8_t) c->what);
        invitation_write(&c->invitation, w);
}

static bool find_change(struct bytes changes, struct bytes id, struct change *out)
{
        struct reader r;

        reader_init(&r, changes);
        while (reader_more(&r)) {
                read_change(&r, out);
                if (r.error >= 0 && bytes_equal(out->invitation.id, id))
                        return true;
        }
        return false;
}

void invitations_change(struct writer *changes, enum invitation_change what, const struct invitation *i)
{
        struct writer others = WRITER_INIT;
        struct change c;
        struct reader r;

        reader_init(&r, writer_bytes(changes));
        while (reader_more(&r)) {
                read_change(&r, &c);
                if (r.error >= 0 && !bytes_equal(c.invitation.id, i->id))
                        write_change(&c, &others);
        }
        write_change(&(struct change){ what, *i }, &others);
        writer_release(changes);
        *changes = others;
}

void invitations_apply(struct bytes list, struct bytes changes, uint64_t now, struct writer *out)
{
        unsigned count = 0;
        struct change c;
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r)) {
                struct invitation i;

                invitation_read(&r, &i);
                if (r.error < 0 || (now > 0 && i.expires <= now))
                        continue;
                if (!find_change(changes, i.id, &c))
                        c = (struct change){ INVITATION_SET, i };
                if (c.what == INVITATION_REVOKE)
                        continue;
                invitation_write(&c.invitation, out);
                count++;
        }
        reader_init(&r, changes);
        while (reader_more(&r)) {
                struct invitation there;

                read_change(&r, &c);
                if (r.error < 0 || c.what != INVITATION_ADD || count >= INVITATIONS_MAX ||
                    invitations_find(list, c.invitation.id, &there))
                        continue;
                invitation_write(&c.invitation, out);
                count++;
        }
}

static unsigned count_of(struct bytes list)
{
        struct invitation i;
        unsigned count = 0;
        struct reader r;

        for (reader_init(&r, list); reader_more(&r); count++)
                invitation_read(&r, &i);
        return count;
}

static bool is_open(const struct change *c, struct bytes list, uint64_t now)
{
        struct invitation there;
        bool stands = invitations_find(list, c->invitation.id, &there);

        if (c->what == INVITATION_ADD)
                return !stands && c->invitation.expires > now && count_of(list) < INVITATIONS_MAX;
        return stands && (c->what == INVITATION_REVOKE || !invitation_equal(&there, &c->invitation));
}

void invitations_settle(struct bytes list, uint64_t now, struct writer *changes)
{
        struct writer open = WRITER_INIT;
        struct change c;
        struct reader r;

        reader_init(&r, writer_bytes(changes));
        while (reader_more(&r)) {
                read_change(&r, &c);
                if (r.error >= 0 && is_open(&c, list, now))
                        write_change(&c, &open);
        }
        writer_release(changes);
        *changes = open;
}

/* -- proofs ------------------------------------------------------------------------------------------------------- */

static void write_tbs(const struct invitation_claim *claim, struct writer *w)
{
        write_fixed(w, claim->author);
        write_vector(w, claim->group_id);
        write_u64(w, claim->epoch);
}

int invitation_prove(const struct suite *s, struct bytes id, const struct secret *key,
                     const struct invitation_claim *claim, struct writer *out)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT, signature = WRITER_INIT;
        int r;

        write_tbs(claim, &tbs);
        r = writer_finish(&tbs);
        if (r >= 0)
                r = suite_sign_with_label(s, key, LABEL, writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_fixed(out, id);
        write_vector(out, writer_bytes(&signature));
        return writer_finish(out);
}

int invitation_verify(const struct suite *s, struct bytes list, struct bytes proof,
                      const struct invitation_claim *claim, struct invitation *out)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT;
        struct bytes id, signature;
        struct invitation i;
        struct reader r;

        reader_init(&r, proof);
        id = read_fixed(&r, INVITATION_ID_SIZE);
        signature = read_vector(&r);
        if (reader_finish(&r) < 0 || !invitations_find(list, id, &i))
                return -EPERM;
        write_tbs(claim, &tbs);
        if (writer_finish(&tbs) < 0 || suite_verify_with_label(s, i.key, LABEL, writer_bytes(&tbs), signature) < 0)
                return -EPERM;
        *out = i;
        return 0;
}

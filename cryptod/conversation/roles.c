/* See roles.h. */
#include "cryptod/conversation/roles.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/credential.h"

static const char *const role_names[] = { "member", "admin", "owner" };

const char *role_name(enum role r)
{
        return role_names[r];
}

int role_parse(const char *name, enum role *out)
{
        for (unsigned i = 0; i <= ROLE_OWNER; i++) {
                if (strcmp(name, role_names[i]) == 0) {
                        *out = (enum role) i;
                        return 0;
                }
        }
        return -EINVAL;
}

static enum role read_role(struct reader *r, struct bytes *root_key)
{
        *root_key = read_vector(r);
        return (enum role) read_u8(r);
}

static enum role listed(struct bytes list, struct bytes root_key)
{
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r)) {
                struct bytes key;
                enum role role = read_role(&r, &key);

                if (bytes_equal(key, root_key))
                        return role;
        }
        return ROLE_MEMBER;
}

int roles_check(struct bytes roles)
{
        unsigned count = 0;
        struct reader r;

        reader_init(&r, roles);
        while (reader_more(&r)) {
                struct bytes before = BYTES(roles.data, roles.size - r.rest.size), key;
                enum role role = read_role(&r, &key);

                if (role < ROLE_ADMIN || role > ROLE_OWNER || key.size == 0 || listed(before, key) != ROLE_MEMBER)
                        return -EBADMSG;
                if (++count > ROLES_MAX)
                        return -E2BIG;
        }
        return reader_finish(&r);
}

/* The next root key of a leaf that counts, from *leaf on; false: there is none. */
static bool next_account(const struct ratchet_tree *t, roles_counts counts, const void *userdata, uint32_t *leaf,
                         struct bytes *root_key)
{
        struct device_credential who;

        for (; *leaf < t->leaves; ++*leaf) {
                const struct leaf_node *node = ratchet_tree_leaf(t, *leaf);

                if (node && (!counts || counts(userdata, *leaf)) && device_credential_peek(node, &who) >= 0) {
                        *root_key = who.root_key;
                        return true;
                }
        }
        return false;
}

static bool is_here(const struct ratchet_tree *t, roles_counts counts, const void *userdata, struct bytes root_key)
{
        struct bytes key;

        for (uint32_t leaf = 0; next_account(t, counts, userdata, &leaf, &key); leaf++) {
                if (bytes_equal(key, root_key))
                        return true;
        }
        return false;
}

/* The first of those listed as @role who is here; empty: nobody is. */
static struct bytes first_here(struct bytes list, enum role wanted, const struct ratchet_tree *t, roles_counts counts,
                               const void *userdata)
{
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r)) {
                struct bytes key;
                enum role role = read_role(&r, &key);

                if (role == wanted && is_here(t, counts, userdata, key))
                        return key;
        }
        return BYTES(NULL, 0);
}

void roles_resolve(struct bytes list, const struct ratchet_tree *t, roles_counts counts, const void *userdata,
                   struct roles *out)
{
        uint32_t first = 0;

        *out = (struct roles){ .list = list };
        if (first_here(list, ROLE_OWNER, t, counts, userdata).size > 0)
                return;
        out->successor = first_here(list, ROLE_ADMIN, t, counts, userdata);
        if (out->successor.size == 0)
                (void) next_account(t, counts, userdata, &first, &out->successor);
}

enum role roles_of(const struct roles *r, struct bytes root_key)
{
        return r->successor.size > 0 && bytes_equal(r->successor, root_key) ? ROLE_OWNER : listed(r->list, root_key);
}

static void write_role(struct writer *out, struct bytes root_key, enum role role)
{
        if (role == ROLE_MEMBER)
                return;
        write_vector(out, root_key);
        write_u8(out, (uint8_t) role);
}

void roles_write(const struct roles *r, const struct ratchet_tree *t, roles_counts counts, const void *userdata,
                 struct bytes root_key, enum role role, struct writer *out)
{
        bool stands = root_key.size == 0;
        struct reader reader;

        if (r->successor.size > 0 && listed(r->list, r->successor) == ROLE_MEMBER &&
            !bytes_equal(r->successor, root_key))
                write_role(out, r->successor, ROLE_OWNER);
        reader_init(&reader, r->list);
        while (reader_more(&reader)) {
                struct bytes key;

                (void) read_role(&reader, &key);
                if (!is_here(t, counts, userdata, key))
                        continue;
                stands = stands || bytes_equal(key, root_key);
                write_role(out, key, bytes_equal(key, root_key) ? role : roles_of(r, key));
        }
        if (!stands)
                write_role(out, root_key, role);
}

#include "cryptod/mls/leaf_node_validation.h"

#include <errno.h>

#include "cryptod/mls/group_info.h"

enum { EXTENSION_DEFAULT_LAST = EXTENSION_EXTERNAL_SENDERS, PROPOSAL_DEFAULT_LAST = 7 };

/* True if every value of @wanted stands in @have, or is one that everybody has (1 to @defaults). */
static bool all_listed(struct bytes wanted, struct bytes have, uint16_t defaults)
{
        struct reader r;

        reader_init(&r, wanted);
        while (reader_more(&r)) {
                uint16_t value = read_u16(&r);

                if (!(value >= 1 && value <= defaults) && !capability_listed(have, value))
                        return false;
        }
        return reader_finish(&r) == 0;
}

/* True if the leaf can do each extension of a list of extensions. */
static bool supports_extensions(const struct leaf_node *leaf, struct bytes extensions)
{
        struct reader r;

        reader_init(&r, extensions);
        while (reader_more(&r)) {
                uint16_t type = read_u16(&r);

                read_vector(&r);
                if (!(type >= 1 && type <= EXTENSION_DEFAULT_LAST) &&
                    !capability_listed(leaf->capabilities.extensions, type))
                        return false;
        }
        return reader_finish(&r) == 0;
}

/* struct RequiredCapabilities, if the group has it. */
static bool has_required(const struct leaf_node *leaf, struct bytes group_extensions)
{
        struct bytes data, extensions, proposals, credentials;
        struct reader r;

        if (!extension_find(group_extensions, EXTENSION_REQUIRED_CAPABILITIES, &data))
                return true;
        reader_init(&r, data);
        extensions = read_vector(&r);
        proposals = read_vector(&r);
        credentials = read_vector(&r);
        return reader_finish(&r) == 0 &&
               all_listed(extensions, leaf->capabilities.extensions, EXTENSION_DEFAULT_LAST) &&
               all_listed(proposals, leaf->capabilities.proposals, PROPOSAL_DEFAULT_LAST) &&
               all_listed(credentials, leaf->capabilities.credentials, 0);
}

static bool keys_collide(const struct leaf_node *a, const struct leaf_node *b)
{
        return bytes_equal(a->encryption_key, b->encryption_key) || bytes_equal(a->signature_key, b->signature_key);
}

int leaf_node_validate(const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id, struct bytes extensions)
{
        const struct leaf_node *n = ratchet_tree_leaf(t, leaf);

        if (!n || leaf_node_verify(t->suite, n, group_id, leaf) < 0)
                return -EBADMSG;
        if (!capability_listed(n->capabilities.versions, PROTOCOL_MLS10) ||
            !capability_listed(n->capabilities.cipher_suites, t->suite->id) || !supports_extensions(n, n->extensions) ||
            !supports_extensions(n, extensions) || !has_required(n, extensions))
                return -EPROTONOSUPPORT;
        for (uint32_t i = 0; i < t->leaves; i++) {
                const struct leaf_node *other = ratchet_tree_leaf(t, i);

                if (!other)
                        continue;
                if (!capability_listed(other->capabilities.credentials, n->credential.type) ||
                    !capability_listed(n->capabilities.credentials, other->credential.type))
                        return -EPROTONOSUPPORT;
                if (i != leaf && keys_collide(n, other))
                        return -EBADMSG;
        }
        return 0;
}

int group_extensions_validate(const struct ratchet_tree *t, struct bytes extensions)
{
        for (uint32_t i = 0; i < t->leaves; i++) {
                const struct leaf_node *n = ratchet_tree_leaf(t, i);

                if (n && (!supports_extensions(n, extensions) || !has_required(n, extensions)))
                        return -EPROTONOSUPPORT;
        }
        return 0;
}

#include "cryptod/mls/leaf_node_validation.h"

#include <errno.h>

#include "cryptod/mls/grease.h"
#include "cryptod/mls/group_info.h"
#include "services/cleanup.h"

enum { EXTENSION_DEFAULT_LAST = EXTENSION_EXTERNAL_SENDERS, PROPOSAL_DEFAULT_LAST = 7 };

/* A list of uint16 that is asked many times; if it is long, with a note of what it holds. */
struct abilities {
        struct bytes list;
        struct number_set noted;
};

enum { ABILITIES_FEW = 128 }; /* bytes */

static void abilities_read(struct bytes list, struct abilities *out)
{
        struct reader r;

        out->list = list;
        if (list.size <= ABILITIES_FEW)
                return;
        out->noted = (struct number_set){ 0 };
        reader_init(&r, list);
        while (reader_more(&r))
                number_set_add(&out->noted, read_u16(&r));
}

static bool is_able(const struct abilities *a, uint16_t value)
{
        return a->list.size <= ABILITIES_FEW ? capability_listed(a->list, value) : number_set_has(&a->noted, value);
}

/* True if every value of @wanted stands in @have, or is one that everybody has (1 to @defaults). More than there are
 * numbers nobody wants. */
static bool all_listed(struct bytes wanted, struct bytes have, uint16_t defaults)
{
        struct abilities abilities;
        struct reader r;

        if (wanted.size > 2 * (UINT16_MAX + 1))
                return false;
        abilities_read(have, &abilities);
        reader_init(&r, wanted);
        while (reader_more(&r)) {
                uint16_t value = read_u16(&r);

                if (!(value >= 1 && value <= defaults) && !is_able(&abilities, value))
                        return false;
        }
        return reader_finish(&r) == 0;
}

/* True if the leaf can do each extension of a list of extensions. */
static bool supports_extensions(const struct leaf_node *leaf, struct bytes extensions)
{
        struct abilities abilities;
        struct reader r;

        abilities_read(leaf->capabilities.extensions, &abilities);
        reader_init(&r, extensions);
        while (reader_more(&r)) {
                uint16_t type = read_u16(&r);

                read_vector(&r);
                if (!(type >= 1 && type <= EXTENSION_DEFAULT_LAST) && !is_able(&abilities, type))
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

static bool holds_reserved(struct bytes list)
{
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r))
                if (grease_is_reserved(read_u16(&r)))
                        return true;
        return false;
}

/* True if a group uses or requires what is reserved to mean nothing: leaves list some of it, ours too, and yet nobody
 * can do it (§13.5). */
static bool uses_reserved(struct bytes group_extensions)
{
        struct reader r, required;
        struct bytes data;

        reader_init(&r, group_extensions);
        while (reader_more(&r)) {
                if (grease_is_reserved(read_u16(&r)))
                        return true;
                read_vector(&r);
        }
        if (!extension_find(group_extensions, EXTENSION_REQUIRED_CAPABILITIES, &data))
                return false;
        reader_init(&required, data);
        while (reader_more(&required))
                if (holds_reserved(read_vector(&required)))
                        return true;
        return false;
}

static bool keys_collide(const struct leaf_node *a, const struct leaf_node *b)
{
        return bytes_equal(a->encryption_key, b->encryption_key) || bytes_equal(a->signature_key, b->signature_key);
}

/* True if the leaf can do what it uses itself, what the group is, and what the group requires. */
static bool fits_group(const struct suite *s, const struct leaf_node *n, struct bytes extensions)
{
        return capability_listed(n->capabilities.versions, PROTOCOL_MLS10) &&
               capability_listed(n->capabilities.cipher_suites, s->id) && supports_extensions(n, n->extensions) &&
               supports_extensions(n, extensions) && has_required(n, extensions);
}

/* Keys of another length are none: nobody could encrypt to such a leaf, nor make a path past it. */
static bool keys_fit(const struct suite *s, const struct leaf_node *n)
{
        return n->encryption_key.size == s->kem->public_size && n->signature_key.size == s->signature->public_size;
}

/* A chain of certificates has at least one, and none is empty (§5.3). */
static bool credential_is_well_formed(const struct credential *c)
{
        struct reader r;
        bool good = c->content.size > 0;

        if (c->type != CREDENTIAL_X509)
                return true;
        reader_init(&r, c->content);
        while (reader_more(&r))
                good = read_vector(&r).size > 0 && good;
        return reader_finish(&r) == 0 && good;
}

/* The credential types that are in use, each once; at most @max. */
static uint32_t types_in_use(const struct ratchet_tree *t, uint16_t *types, uint32_t max)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < t->leaves; i++) {
                const struct leaf_node *n = ratchet_tree_leaf(t, i);
                bool known = !n;

                for (uint32_t j = 0; j < count && !known; j++)
                        known = types[j] == n->credential.type;
                if (!known && count == max)
                        return max + 1;
                if (!known)
                        types[count++] = n->credential.type;
        }
        return count;
}

int leaf_nodes_validate(const struct ratchet_tree *t, struct bytes extensions)
{
        uint16_t types[64];
        uint32_t count = types_in_use(t, types, COUNT_OF(types));

        if (count > COUNT_OF(types) || uses_reserved(extensions))
                return -EPROTONOSUPPORT;
        for (uint32_t i = 0; i < t->leaves; i++) {
                const struct leaf_node *n = ratchet_tree_leaf(t, i);

                if (!n)
                        continue;
                if (!keys_fit(t->suite, n) || !credential_is_well_formed(&n->credential))
                        return -EBADMSG;
                if (!fits_group(t->suite, n, extensions) || grease_is_reserved(n->credential.type))
                        return -EPROTONOSUPPORT;
                for (uint32_t j = 0; j < count; j++)
                        if (!capability_listed(n->capabilities.credentials, types[j]))
                                return -EPROTONOSUPPORT;
        }
        return 0;
}

/* True if nothing is between two leaves, as far as their summaries tell. */
static bool get_along(const struct node_summary *a, const struct node_summary *b)
{
        return a->credential == b->credential &&
               ((a->credential == CREDENTIAL_BASIC && a->can_basic && b->can_basic) ||
                (a->credential == CREDENTIAL_X509 && a->can_x509 && b->can_x509)) &&
               a->encryption_key != b->encryption_key && a->signature_key != b->signature_key;
}

/* True if a parent has the leaf's encryption key (§12.4.3.1). */
static bool is_key_of_parent(const struct ratchet_tree *t, const struct leaf_node *n, const struct node_summary *own)
{
        for (uint32_t i = 1; i < t->nodes.width; i += 2) {
                const struct node_summary *parent = node_array_summary(&t->nodes, i);

                if (parent->present && parent->encryption_key == own->encryption_key &&
                    bytes_equal(ratchet_tree_key(t, i), n->encryption_key))
                        return true;
        }
        return false;
}

int leaf_node_validate(const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id, struct bytes extensions)
{
        const struct leaf_node *n = ratchet_tree_leaf(t, leaf);
        const struct node_summary *own;

        if (!n || leaf_node_verify(t->suite, n, group_id, leaf) < 0 || !keys_fit(t->suite, n) ||
            !credential_is_well_formed(&n->credential))
                return -EBADMSG;
        if (!fits_group(t->suite, n, extensions) || grease_is_reserved(n->credential.type))
                return -EPROTONOSUPPORT;
        own = node_array_summary(&t->nodes, tree_leaf_node(leaf));
        if (is_key_of_parent(t, n, own))
                return -EBADMSG;
        for (uint32_t i = 0; i < t->leaves; i++) {
                const struct node_summary *summary = node_array_summary(&t->nodes, tree_leaf_node(i));
                const struct leaf_node *other;

                if (!summary->present || get_along(own, summary))
                        continue;
                other = ratchet_tree_leaf(t, i);
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
        if (uses_reserved(extensions))
                return -EPROTONOSUPPORT;
        for (uint32_t i = 0; i < t->leaves; i++) {
                const struct leaf_node *n = ratchet_tree_leaf(t, i);

                if (n && (!supports_extensions(n, extensions) || !has_required(n, extensions)))
                        return -EPROTONOSUPPORT;
        }
        return 0;
}

/* See further_addresses.h. */
#include "cryptod/conversation/further_addresses.h"

#include <string.h>

#include "cryptod/conversation/list.h"

static const struct leaf_node *own_leaf(const struct membership *m)
{
        const struct epoch *e = group_epoch(m->group);

        return ratchet_tree_leaf(&e->tree, e->keys.leaf);
}

static void write_list(const struct device *d, struct bytes own, struct writer *out)
{
        size_t mark = writer_open_vector(out);

        for (unsigned i = 0; i < d->place_count; i++) {
                if (!bytes_equal(BYTES_STRING(d->places[i].address), own))
                        write_vector(out, BYTES_STRING(d->places[i].address));
        }
        writer_close_vector(out, mark);
}

void further_addresses_write(const struct device *d, struct bytes own, struct writer *extensions)
{
        size_t mark;

        if (d->place_count < 2)
                return;
        write_u16(extensions, EXTENSION_FURTHER_ADDRESSES);
        mark = writer_open_vector(extensions);
        write_list(d, own, extensions);
        writer_close_vector(extensions, mark);
}

/* A leaf's list; empty if it has none, or none that can be read. */
static struct bytes read_list(const struct leaf_node *leaf)
{
        struct bytes data, list;
        struct reader r;

        if (!leaf || !extension_find(leaf->extensions, EXTENSION_FURTHER_ADDRESSES, &data))
                return BYTES(NULL, 0);
        reader_init(&r, data);
        list = read_vector(&r);
        return reader_finish(&r) < 0 ? BYTES(NULL, 0) : list;
}

bool further_addresses_due(const struct device *d, const struct membership *m)
{
        _cleanup_writer_ struct writer wanted = WRITER_INIT, is = WRITER_INIT;
        const struct leaf_node *leaf = own_leaf(m);

        if (d->place_count > 1)
                write_list(d, membership_own_address(m), &wanted);
        if (read_list(leaf).size > 0)
                write_vector(&is, read_list(leaf));
        return capability_listed(leaf->capabilities.extensions, EXTENSION_FURTHER_ADDRESSES) &&
               !bytes_equal(writer_bytes(&wanted), writer_bytes(&is));
}

void further_addresses_renew(const struct device *d, const struct membership *m, struct writer *extensions)
{
        struct reader r;

        further_addresses_write(d, membership_own_address(m), extensions);
        reader_init(&r, own_leaf(m)->extensions);
        while (reader_more(&r)) {
                uint16_t type = read_u16(&r);
                struct bytes data = read_vector(&r);

                if (type == EXTENSION_FURTHER_ADDRESSES)
                        continue;
                write_u16(extensions, type);
                write_vector(extensions, data);
        }
}

bool further_address_beside(const struct leaf_node *leaf, struct bytes beside, struct bytes *out)
{
        struct bytes address;
        struct reader r;

        reader_init(&r, read_list(leaf));
        while (reader_more(&r)) {
                address = read_vector(&r);
                if (same_hub(address, beside) && address_is_canonical(address)) {
                        *out = address;
                        return true;
                }
        }
        return false;
}

/* Appends the others' addresses on the hub of @place; false if not all of them have one there. */
static bool append_way(const struct membership *m, const struct device_place *place, struct writer *out)
{
        const struct epoch *e = group_epoch(m->group);
        struct bytes address;

        for (uint32_t i = 0; i < e->tree.leaves; i++) {
                const struct leaf_node *leaf = i == e->keys.leaf ? NULL : ratchet_tree_leaf(&e->tree, i);

                if (!leaf)
                        continue;
                if (!further_address_beside(leaf, BYTES_STRING(place->address), &address))
                        return false;
                if (!list_holds(writer_bytes(out), address))
                        write_vector(out, address);
        }
        return true;
}

void further_addresses_ways(const struct device *d, const struct membership *m, struct writer *recipients)
{
        for (unsigned i = 0; i < d->place_count; i++) {
                _cleanup_writer_ struct writer way = WRITER_INIT;

                if (!same_hub(BYTES_STRING(d->places[i].address), membership_own_address(m)) &&
                    append_way(m, &d->places[i], &way))
                        write_fixed(recipients, writer_bytes(&way));
        }
}

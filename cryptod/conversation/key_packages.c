/* See key_packages.h. */
#include "cryptod/conversation/key_packages.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/sealing_key.h"
#include "services/cleanup.h"
#include "services/storage.h"

enum { DAY = 24 * 3600, SKEW = 3600 /* others' clocks may be behind */ };

/* A cell: struct { opaque key_package<V>, init_key<V>, leaf_key<V>; } */

static int make_one(struct vault *v, const struct identity *identity, unsigned hub, uint64_t now, bool last_resort,
                    struct writer *out)
{
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_writer_ struct writer encoded = WRITER_INIT, content = WRITER_INIT;
        const struct suite *s = identity->suite;
        uint8_t ref[SUITE_HASH_MAX];
        struct key_package k;
        struct reader reader;
        uint64_t not_after = now + (uint64_t) KEY_PACKAGE_DAYS * DAY;
        int64_t cell;
        int r = identity_key_package(identity, now - SKEW, not_after, last_resort, &encoded, &keys);

        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(&encoded));
        key_package_read(&reader, &k);
        key_package_ref(s, &k, ref);
        write_vector(&content, writer_bytes(&encoded));
        write_vector(&content, secret_bytes(keys.init_key));
        write_vector(&content, secret_bytes(keys.leaf_key));
        r = writer_finish(&content);
        if (r >= 0)
                r = vault_cell_new(v, BYTES(NULL, 0), writer_bytes(&content), &cell);
        if (r >= 0)
                r = storage_run(vault_database(v), "INSERT INTO key_package VALUES (?, ?, ?, ?, ?)", "biiii",
                                BYTES(ref, s->hash_size), cell, (int64_t) last_resort, (int64_t) not_after,
                                (int64_t) hub);
        if (r < 0)
                return r;
        write_u8(out, last_resort);
        write_vector(out, writer_bytes(&encoded));
        return 0;
}

static int erase(struct vault *v, struct bytes ref, int64_t cell)
{
        int r = storage_run(vault_database(v), "DELETE FROM key_package WHERE ref = ?", "b", ref);

        return r < 0 ? r : vault_cell_erase(v, cell);
}

#define ANY_HUB (-1)
#define OF_HUB " AND ?2 IN (hub, -1)"

/* Erases the first that a query finds: 1, or 0 if it finds none. */
static int erase_first(struct vault *v, const char *sql, int64_t argument, int64_t hub)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        uint8_t ref[SUITE_HASH_MAX];
        struct bytes found;
        int r = storage_prepare(vault_database(v), &s, sql, "ii", argument, hub);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        found = storage_column_bytes(s, 0);
        if (found.size > sizeof(ref))
                return -EBADMSG;
        memcpy(ref, found.data, found.size);
        r = erase(v, BYTES(ref, found.size), storage_column_integer(s, 1));
        return r < 0 ? r : 1;
}

/* The last resort is replaced before it expires; the old one stays valid until then. A hub that always wants more has
 * its own erased, and nobody else's. */
static int erase_old(struct vault *v, unsigned hub, unsigned more, uint64_t now)
{
        int r;

        do
                r = erase_first(v, "SELECT ref, cell FROM key_package WHERE not_after < ?1" OF_HUB " LIMIT 1",
                                (int64_t) now, ANY_HUB);
        while (r > 0);
        while (r >= 0 && (r = erase_first(v,
                                          "SELECT ref, cell FROM key_package WHERE NOT last_resort" OF_HUB
                                          " ORDER BY not_after DESC LIMIT 1 OFFSET ?1",
                                          more < KEY_PACKAGES_MAX ? KEY_PACKAGES_MAX - more : 0, hub)) > 0)
                ;
        return r;
}

int key_packages_erase(struct vault *v)
{
        int r;

        do
                r = erase_first(v, "SELECT ref, cell FROM key_package WHERE not_after <= ?1" OF_HUB " LIMIT 1",
                                INT64_MAX, ANY_HUB);
        while (r > 0);
        return r;
}

static int has_last_resort(struct vault *v, unsigned hub, uint64_t now)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s,
                                "SELECT 1 FROM key_package WHERE last_resort AND not_after > ? AND hub = ? LIMIT 1",
                                "ii", (int64_t) (now + (uint64_t) KEY_PACKAGE_DAYS * DAY / 3), (int64_t) hub);

        return r < 0 ? r : storage_step(s);
}

int key_packages_make(struct vault *v, const struct device *d, const struct device_place *place, unsigned count,
                      uint64_t now, struct writer *out)
{
        _cleanup_writer_ struct writer extensions = WRITER_INIT;
        struct identity identity = device_identity(d, place);
        size_t mark = writer_open_vector(out);
        int r = sealing_key_write(d->suite, BYTES_STRING(place->address), writer_bytes(&d->sealing_key),
                                  d->root_private_key, &extensions);

        identity.key_package_extensions = writer_bytes(&extensions);
        if (r >= 0)
                r = erase_old(v, place->number, count, now);
        if (r >= 0)
                r = has_last_resort(v, place->number, now);
        if (r == 0)
                r = make_one(v, &identity, place->number, now, true, out);
        for (unsigned i = 0; r >= 0 && i < count; i++)
                r = make_one(v, &identity, place->number, now, false, out);
        writer_close_vector(out, mark);
        return r < 0 ? r : writer_finish(out);
}

void held_key_package_release(struct held_key_package *k)
{
        secret_free(k->content);
        secret_free(k->init_key);
        secret_free(k->leaf_key);
        *k = (struct held_key_package){ 0 };
}

int key_packages_find(struct vault *v, struct bytes ref, struct held_key_package *out)
{
        _cleanup_(held_key_package_release) struct held_key_package k = { .ref_size = ref.size };
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct reader reader;
        int r;

        if (ref.size > sizeof(k.ref))
                return -ENOENT;
        r = storage_prepare(vault_database(v), &s, "SELECT cell, last_resort FROM key_package WHERE ref = ?", "b", ref);
        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        memcpy(k.ref, ref.data, ref.size);
        k.cell = storage_column_integer(s, 0);
        k.last_resort = storage_column_integer(s, 1) != 0;
        r = vault_cell_read(v, k.cell, BYTES(NULL, 0), &k.content);
        if (r < 0)
                return r == -ENOENT ? -EBADMSG : r;
        reader_init(&reader, secret_bytes(k.content));
        k.key_package = read_vector(&reader);
        k.init_key = secret_copy(read_vector(&reader));
        k.leaf_key = secret_copy(read_vector(&reader));
        r = reader_finish(&reader);
        if (r < 0)
                return r;
        *out = k;
        k = (struct held_key_package){ 0 };
        return 0;
}

int key_packages_used(struct vault *v, const struct held_key_package *k)
{
        return k->last_resort ? 0 : erase(v, BYTES(k->ref, k->ref_size), k->cell);
}

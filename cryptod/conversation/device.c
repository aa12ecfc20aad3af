/* See device.h. */
#include "cryptod/conversation/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/further_addresses.h"
#include "cryptod/conversation/profile.h"
#include "cryptod/conversation/sealing_key.h"
#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row of table device:
 *     struct { opaque root_key<V>, root_private_key<V>, signature_key<V>, signature_private_key<V>; } */

static void device_release(struct device **d)
{
        *d = device_free(*d);
}

struct device *device_free(struct device *d)
{
        if (!d)
                return NULL;
        writer_release(&d->root_key);
        writer_release(&d->sealing_key);
        writer_release(&d->signature_key);
        for (unsigned i = 0; i < d->place_count; i++)
                writer_release(&d->places[i].credential);
        secret_free(d->root_private_key);
        secret_free(d->sealing_private_key);
        secret_free(d->signature_private_key);
        free(d);
        return NULL;
}

static struct bytes row_of(const struct vault *v)
{
        return BYTES_STRING(vault_account(v)->id);
}

int device_create(struct vault *v)
{
        const struct suite *s = suite_by_name(vault_account(v)->suite);
        _cleanup_writer_ struct writer content = WRITER_INIT, sealed = WRITER_INIT, root = WRITER_INIT,
                                       signature = WRITER_INIT;
        int r;

        if (!s)
                return -EPROTONOSUPPORT;
        _cleanup_secret_ struct secret *root_private = suite_signature_generate(s, &root);
        _cleanup_secret_ struct secret *signature_private = suite_signature_generate(s, &signature);

        write_vector(&content, writer_bytes(&root));
        write_vector(&content, secret_bytes(root_private));
        write_vector(&content, writer_bytes(&signature));
        write_vector(&content, secret_bytes(signature_private));
        r = writer_finish(&content);
        if (r >= 0)
                r = vault_seal(v, "device", row_of(v), writer_bytes(&content), &sealed);
        if (r >= 0)
                r = storage_run(vault_database(v), "INSERT INTO device VALUES (1, ?)", "b", writer_bytes(&sealed));
        return r;
}

static int read_keys(struct device *d, struct bytes content)
{
        struct reader r;

        reader_init(&r, content);
        write_fixed(&d->root_key, read_vector(&r));
        d->root_private_key = secret_copy(read_vector(&r));
        write_fixed(&d->signature_key, read_vector(&r));
        d->signature_private_key = secret_copy(read_vector(&r));
        return reader_finish(&r);
}

static int add_place(struct device *d, unsigned number, const char *text)
{
        struct device_place *p = &d->places[d->place_count++];
        struct address address;
        int r = address_parse(text, &address, NULL);

        *p = (struct device_place){ .number = number };
        if (r < 0)
                return r;
        address_format(&address, false, p->address);
        return device_credential_write(d->suite, BYTES_STRING(p->address), writer_bytes(&d->root_key),
                                       d->root_private_key, writer_bytes(&d->signature_key), &p->credential);
}

int device_load_places(struct device *d, struct vault *v)
{
        struct vault_hub hubs[HUBS_MAX];
        int n = vault_hubs(v, hubs), r = n;

        while (d->place_count > 0)
                writer_release(&d->places[--d->place_count].credential);
        if (r >= 0)
                r = add_place(d, 0, vault_account(v)->address);
        for (int i = 0; r >= 0 && i < n; i++)
                r = add_place(d, hubs[i].number, hubs[i].address);
        return r;
}

int device_load(struct vault *v, struct device **out)
{
        _cleanup_(device_release) struct device *d = calloc(1, sizeof(*d));
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *content = NULL;
        int r;

        if (!d)
                abort();
        d->suite = suite_by_name(vault_account(v)->suite);
        if (!d->suite)
                return -EPROTONOSUPPORT;
        r = storage_prepare(vault_database(v), &s, "SELECT content FROM device", "");
        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = vault_unseal(v, "device", row_of(v), storage_column_bytes(s, 0), &content);
        if (r >= 0)
                r = read_keys(d, secret_bytes(content));
        if (r >= 0)
                r = device_load_places(d, v);
        if (r < 0)
                return r;
        d->sealing_private_key = sealing_key_derive(d->suite, d->root_private_key, &d->sealing_key);
        *out = TAKE(d);
        return 0;
}

const struct device_place *device_place(const struct device *d, unsigned number)
{
        unsigned i = 0;

        while (i < d->place_count && d->places[i].number != number)
                i++;
        return i < d->place_count ? &d->places[i] : NULL;
}

bool same_hub(struct bytes a, struct bytes b)
{
        const uint8_t *x = a.size > 0 ? memchr(a.data, '@', a.size) : NULL,
                      *y = b.size > 0 ? memchr(b.data, '@', b.size) : NULL;

        return x && y &&
               bytes_equal(BYTES(x, a.size - (size_t) (x - a.data)), BYTES(y, b.size - (size_t) (y - b.data)));
}

const struct device_place *device_place_beside(const struct device *d, struct bytes address)
{
        for (unsigned i = 1; i < d->place_count; i++) {
                if (same_hub(BYTES_STRING(d->places[i].address), address))
                        return &d->places[i];
        }
        return &d->places[0];
}

bool device_is_at(const struct device *d, struct bytes address)
{
        for (unsigned i = 0; i < d->place_count; i++) {
                if (bytes_equal(BYTES_STRING(d->places[i].address), address))
                        return true;
        }
        return false;
}

struct identity device_identity(const struct device *d, const struct device_place *place)
{
        static const uint8_t extension_types[] = {
                EXTENSION_CONVERSATION_PROFILE >> 8, EXTENSION_CONVERSATION_PROFILE & 0xff,
                EXTENSION_SEALING_KEY >> 8,          EXTENSION_SEALING_KEY & 0xff,
                EXTENSION_FURTHER_ADDRESSES >> 8,    EXTENSION_FURTHER_ADDRESSES & 0xff
        };

        return (struct identity){
                .suite = d->suite,
                .credential = { CREDENTIAL_BASIC, writer_bytes(&place->credential) },
                .signature_key = writer_bytes(&d->signature_key),
                .signature_private_key = d->signature_private_key,
                .extension_types = BYTES_OF(extension_types),
        };
}

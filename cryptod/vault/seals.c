/* What a vault stores under its keys: sealed values, tags and cells, in transactions. The part of vault.h about them.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/vault/vault_state.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

#define TABLE_INFO "visavis vault table v1"

/* Made once for an unlock: each value that is sealed or opened needs one. */
static const struct secret *table_key(const struct vault *v, const char *table)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        struct table_key *t = v->table_keys;

        for (; t < v->table_keys + TABLES_MAX && t->key; t++) {
                if (strcmp(t->table, table) == 0)
                        return t->key;
        }
        assert(t < v->table_keys + TABLES_MAX);
        write_fixed(&info, BYTES_STRING(TABLE_INFO));
        write_fixed(&info, BYTES_STRING(table));
        if (writer_finish(&info) < 0)
                abort();
        t->table = table;
        t->key = hkdf_sha512(secret_bytes(v->key), BYTES(NULL, 0), writer_bytes(&info), SEAL_KEY_SIZE);
        return t->key;
}

int vault_seal(const struct vault *v, const char *table, struct bytes row, struct bytes plain, struct writer *out)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, table);

        return seal(key, row, plain, out);
}

int vault_unseal(const struct vault *v, const char *table, struct bytes row, struct bytes sealed, struct secret **out)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, table);

        return unseal(key, row, sealed, out);
}

int vault_tag(const struct vault *v, const char *table, struct bytes value, uint8_t out[static VAULT_TAG_SIZE])
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, table);
        _cleanup_secret_ struct secret *tag =
                hkdf_sha512(secret_bytes(key), BYTES_STRING("visavis vault tag v1"), value, VAULT_TAG_SIZE);

        memcpy(out, tag->data, VAULT_TAG_SIZE);
        return 0;
}

int vault_purpose_key(const struct vault *v, const char *purpose, struct secret **out)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;

        if (!v->key)
                return -EKEYREVOKED;
        write_fixed(&info, BYTES_STRING("visavis vault key for "));
        write_fixed(&info, BYTES_STRING(purpose));
        write_fixed(&info, BYTES_STRING(" v1"));
        if (writer_finish(&info) < 0)
                abort();
        *out = hkdf_sha512(secret_bytes(v->key), BYTES(NULL, 0), writer_bytes(&info), SEAL_KEY_SIZE);
        return 0;
}

int vault_begin(struct vault *v)
{
        if (!v->key)
                return -EKEYREVOKED;
        return storage_begin(v->db);
}

int vault_commit(struct vault *v)
{
        int r = cells_sync(v->cells);

        if (r < 0) {
                vault_rollback(v);
                return r;
        }
        r = storage_commit(v->db);
        if (r < 0)
                storage_rollback(v->db);
        cells_settle(v->cells, r < 0 ? TRANSACTION_UNKNOWN : TRANSACTION_COMMITTED);
        if (r >= 0 && v->forget)
                vault_empty_log(v);
        v->forget = false;
        return r;
}

void vault_forget(struct vault *v)
{
        v->forget = true;
}

void vault_rollback(struct vault *v)
{
        v->forget = false;
        storage_rollback(v->db);
        cells_settle(v->cells, TRANSACTION_ROLLED_BACK);
}

int vault_cell_new(struct vault *v, struct bytes owner, struct bytes content, int64_t *id)
{
        int r = cells_new(v->cells, id);

        return r < 0 ? r : vault_cell_write(v, *id, owner, content);
}

int vault_cell_write(struct vault *v, int64_t id, struct bytes owner, struct bytes content)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, "cell");

        return cells_write(v->cells, key, id, owner, content);
}

int vault_cell_read(struct vault *v, int64_t id, struct bytes owner, struct secret **out)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, "cell");

        return cells_read(v->cells, key, id, owner, out);
}

int vault_cell_erase(struct vault *v, int64_t id)
{
        return cells_erase(v->cells, id);
}

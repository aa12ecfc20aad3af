/* See disk_thief.h. */
#include "disk_thief.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/mls/group_part.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"

enum { PLACE_SIZE = 512, CELL_KEY_SIZE = 32, KEYS_MAX = 4096 };

/* -- each block that there ever was -------------------------------------------------------------------------------- */

struct block {
        struct writer associated, sealed;
};

static struct block *blocks;
static size_t block_count;

int __real_seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out);
int __wrap_seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out);
int __wrap_seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out)
{
        size_t before = out->size;
        int r = __real_seal(key, associated, plain, out);

        blocks = reallocarray(blocks, block_count + 1, sizeof(*blocks));
        assert_non_null(blocks);
        blocks[block_count] = (struct block){ 0 };
        write_fixed(&blocks[block_count].associated, associated);
        write_fixed(&blocks[block_count].sealed, BYTES(out->data + before, out->size - before));
        block_count++;
        return r;
}

void thief_forget(void)
{
        for (size_t i = 0; i < block_count; i++) {
                writer_release(&blocks[i].associated);
                writer_release(&blocks[i].sealed);
        }
        free(blocks);
        blocks = NULL;
        block_count = 0;
}

/* -- the files ----------------------------------------------------------------------------------------------------- */

static void read_file(const struct person *p, const char *name, struct writer *out)
{
        char path[256];
        FILE *file;
        int c;

        snprintf(path, sizeof(path), "%s/%s/%s", p->directory, p->id, name);
        file = fopen(path, "r");
        assert_non_null(file);
        while ((c = fgetc(file)) != EOF)
                write_u8(out, (uint8_t) c);
        fclose(file);
}

/* -- the keys that can be made of them ----------------------------------------------------------------------------- */

struct key_ring {
        struct secret *keys[KEYS_MAX];
        size_t count;
};

static void ring_add(struct key_ring *k, struct secret *key)
{
        assert_true(k->count < KEYS_MAX);
        k->keys[k->count++] = key;
}

static struct secret *table_key(const struct person *p, const char *table)
{
        char info[128];

        snprintf(info, sizeof(info), "visavis vault table v1%s", table);
        return hkdf_sha512(secret_bytes(p->vault_key), BYTES(NULL, 0), BYTES_STRING(info), SEAL_KEY_SIZE);
}

static void add_table_keys(struct person *p, struct key_ring *k)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;

        assert_int_equal(storage_prepare(vault_database(p->vault), &s,
                                         "SELECT name FROM sqlite_master WHERE type = 'table'", ""),
                         0);
        while (storage_step(s) > 0)
                ring_add(k, table_key(p, (const char *) sqlite3_column_text(s, 0)));
}

/* Whatever stands where cell keys do. */
static void add_cell_keys(struct person *p, struct bytes file, struct key_ring *k)
{
        static const uint8_t none[CELL_KEY_SIZE];
        _cleanup_secret_ struct secret *salt = table_key(p, "cell");

        for (size_t at = 0; at + CELL_KEY_SIZE <= file.size; at += PLACE_SIZE)
                if (memcmp(file.data + at, none, CELL_KEY_SIZE) != 0)
                        ring_add(k, hkdf_sha512(BYTES(file.data + at, CELL_KEY_SIZE), secret_bytes(salt),
                                                BYTES_STRING("visavis cell v1"), SEAL_KEY_SIZE));
}

/* -- what they open ------------------------------------------------------------------------------------------------ */

static void add_key(struct loot *l, enum key_kind kind, uint64_t epoch, struct bytes key)
{
        if (key.size < 12)
                return; /* of a ratchet that is not there */
        l->keys = reallocarray(l->keys, l->count + 1, sizeof(*l->keys));
        assert_non_null(l->keys);
        l->keys[l->count++] = (struct loot_key){ kind, epoch, key };
}

static void search_key_package(struct loot *l, struct reader *r)
{
        (void) read_vector(r);
        add_key(l, KEY_INIT, 0, read_vector(r));
        add_key(l, KEY_PACKAGE_LEAF, 0, read_vector(r));
}

static void search_group(struct loot *l, struct reader *r)
{
        struct reader list;

        (void) read_fixed(r, 1 + 2 + 8 + 4);
        (void) read_vector(r); /* the device's signature key, which stays */
        list = read_vector_open(r);
        while (reader_more(&list)) {
                uint64_t epoch = read_u64(&list);

                add_key(l, KEY_RESUMPTION, epoch, read_vector(&list));
        }
        reader_close_vector(r, &list);
}

static void search_epoch(struct loot *l, struct reader *r, uint64_t epoch)
{
        uint32_t leaf;
        struct reader list;

        (void) read_fixed(r, 2 + 2);
        (void) read_vector(r);
        (void) read_u64(r);
        for (int i = 0; i < 3; i++)
                (void) read_vector(r);
        leaf = read_u32(r);
        list = read_vector_open(r);
        while (reader_more(&list)) {
                uint32_t node = read_u32(&list);

                add_key(l, node == 2 * leaf ? KEY_LEAF : KEY_PATH, epoch, read_vector(&list));
        }
        reader_close_vector(r, &list);
        for (unsigned kind = KEY_SENDER_DATA; kind <= KEY_EPOCH_INIT; kind++)
                if (read_optional(r))
                        add_key(l, (enum key_kind) kind, epoch, read_vector(r));
}

static void search_ratchets(struct loot *l, struct reader *r, uint64_t epoch)
{
        while (reader_more(r)) {
                add_key(l, KEY_RATCHET, epoch, read_vector(r));
                (void) read_u32(r);
                for (uint32_t kept = read_u32(r); kept > 0 && !r->error; kept--) {
                        (void) read_u32(r);
                        add_key(l, KEY_MESSAGE, epoch, read_vector(r));
                        (void) read_vector(r);
                }
        }
}

static void search_nodes(struct loot *l, struct reader *r, uint64_t epoch)
{
        while (reader_more(r)) {
                (void) read_u32(r);
                add_key(l, KEY_TREE_NODE, epoch, read_vector(r));
        }
}

/* @associated: struct { int64 cell; uint64 version; }, and for a part of a group  struct { int64 membership; part_id }
 */
static void search(struct loot *l, struct bytes associated, struct bytes content)
{
        struct reader place, r;
        struct part_id part;

        reader_init(&r, content);
        reader_init(&place, associated);
        (void) read_fixed(&place, 16);
        if (!reader_more(&place)) {
                search_key_package(l, &r);
        } else {
                (void) read_u64(&place);
                part_id_read(&place, &part);
                assert_int_equal(reader_finish(&place), 0);
                if (part.scope == PART_GROUP)
                        search_group(l, &r);
                else if (part.scope == PART_EPOCH && part.kind == EPOCH_STATE)
                        search_epoch(l, &r, part.epoch);
                else if (part.scope == PART_EPOCH && part.index % 2 == 0)
                        search_ratchets(l, &r, part.epoch);
                else if (part.scope == PART_EPOCH)
                        search_nodes(l, &r, part.epoch);
        }
        assert_int_equal(r.error, 0);
}

static bool opens(const struct key_ring *k, const struct block *b, size_t *index, struct secret **content)
{
        for (*index = 0; *index < k->count; ++*index)
                if (unseal(k->keys[*index], writer_bytes(&b->associated), writer_bytes(&b->sealed), content) == 0)
                        return true;
        return false;
}

/* The contents have to lie still before views into them are taken, so they are opened once to know how much it is. */
static void open_all(const struct key_ring *k, size_t tables, struct loot *out)
{
        for (size_t i = 0; i < block_count; i++) {
                _cleanup_secret_ struct secret *content = NULL;
                size_t key;

                if (!opens(k, &blocks[i], &key, &content))
                        continue;
                write_u64(&out->contents, key < tables ? UINT64_MAX : i);
                write_vector(&out->contents, secret_bytes(content));
        }
        assert_int_equal(writer_finish(&out->contents), 0);
}

/* The files, and the keys that can be made of them, those of tables first. */
static struct key_ring *break_in(struct person *p, struct writer *raw, size_t *tables)
{
        _cleanup_writer_ struct writer cell_keys = WRITER_INIT;
        struct key_ring *k = calloc(1, sizeof(*k));

        assert_non_null(k);
        read_file(p, "cell-keys", &cell_keys);
        read_file(p, "vault.db", raw);
        read_file(p, "vault.db-wal", raw);
        write_fixed(raw, writer_bytes(&cell_keys));
        add_table_keys(p, k);
        *tables = k->count;
        add_cell_keys(p, writer_bytes(&cell_keys), k);
        return k;
}

static void ring_free(struct key_ring *k)
{
        for (size_t i = 0; i < k->count; i++)
                secret_free(k->keys[i]);
        free(k);
}

static bool holds(const struct writer *w, struct bytes key)
{
        return memmem(w->data, w->size, key.data, key.size) != NULL;
}

bool thief_wins(struct person *p, struct bytes secret)
{
        enum { NONCE_SIZE = 12 }; /* without which a block is not opened; rows are longer than a page at times */
        _cleanup_writer_ struct writer raw = WRITER_INIT;
        size_t tables, key;
        struct key_ring *k = break_in(p, &raw, &tables);
        bool wins = holds(&raw, secret);

        for (size_t i = 0; !wins && i < block_count; i++) {
                _cleanup_secret_ struct secret *content = NULL;

                wins = holds(&raw, BYTES(blocks[i].sealed.data, NONCE_SIZE)) && opens(k, &blocks[i], &key, &content) &&
                       memmem(content->data, content->size, secret.data, secret.size);
        }
        ring_free(k);
        return wins;
}

void thief_rob(struct person *p, struct loot *out)
{
        struct key_ring *k;
        struct reader r;
        size_t tables;

        *out = (struct loot){ 0 };
        k = break_in(p, &out->raw, &tables);
        open_all(k, tables, out);
        reader_init(&r, writer_bytes(&out->contents));
        while (reader_more(&r)) {
                uint64_t block = read_u64(&r);
                struct bytes content = read_vector(&r);

                if (block != UINT64_MAX)
                        search(out, writer_bytes(&blocks[block].associated), content);
        }
        ring_free(k);
}

void loot_release(struct loot *l)
{
        writer_release(&l->contents);
        writer_release(&l->raw);
        free(l->keys);
}

static unsigned count(const struct loot *then, const struct loot *now, enum key_kind kind, uint64_t epoch)
{
        unsigned n = 0;

        for (size_t i = 0; i < then->count; i++) {
                const struct loot_key *k = &then->keys[i];

                if (k->kind == kind && (epoch == UINT64_MAX || k->epoch == epoch))
                        n += !now || (!holds(&now->contents, k->key) && !holds(&now->raw, k->key));
        }
        return n;
}

unsigned loot_count(const struct loot *then, enum key_kind kind, uint64_t epoch)
{
        return count(then, NULL, kind, epoch);
}

unsigned loot_gone(const struct loot *then, const struct loot *now, enum key_kind kind, uint64_t epoch)
{
        return count(then, now, kind, epoch);
}

/* What opens a vault, and what it sealed, is gone from memory when it is locked: every secret that its code has held is
 * noted as it is freed, and all of the process's memory is searched for them (memory_search.h), as the library leaves
 * it: without cryptod's own heap, which wipes all that is freed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/conversation/sealing_key.h"
#include "cryptod/files/cover.h"
#include "cryptod/files/legacy_envelope.h"
#include "cryptod/files/sealed_file.h"
#include "cryptod/vault/recovery_code.h"
#include "cryptod/vault/vault.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "tests/unit/memory_search.h"
#include "tests/unit/services/scratch.h"

static const struct argon2_parameters cheap = { ARGON2_MEMORY_MIN, 1, 1 };
static const struct vault_account alice = { .id = "0123456789abcdef0123456789abcdef",
                                            .uid = 1000,
                                            .address = "alice@hub.example.org:7843",
                                            .suite = "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
                                            .created = 1 };

struct person {
        struct secret *face_secret, *factor, *code;
        struct vault *vault;
        int64_t cell;
};

static void make_slot(enum slot_kind kind, const struct person *p, const struct secret *vault_key, struct writer *out)
{
        bool has_face = kind == SLOT_FACE_AND_FACTOR;

        assert_int_equal(slot_make(kind, BYTES_STRING(alice.id), BYTES_STRING("label"), 1, has_face ? &cheap : NULL,
                                   has_face ? p->face_secret : NULL, has_face ? p->factor : p->code, vault_key, out),
                         0);
}

static void sign_up(void *userdata)
{
        _cleanup_secret_ struct secret *vault_key = secret_random(VAULT_KEY_SIZE), *words = NULL, *read = NULL;
        _cleanup_writer_ struct writer face = WRITER_INIT, recovery = WRITER_INIT;
        struct person *p = userdata;
        unsigned number = 0;

        *p = (struct person){ secret_random(FACE_SECRET_SIZE), secret_random(20), secret_random(RECOVERY_CODE_SIZE),
                              NULL, 0 };
        make_slot(SLOT_FACE_AND_FACTOR, p, vault_key, &face);
        make_slot(SLOT_RECOVERY, p, vault_key, &recovery);
        assert_int_equal(
                vault_create(scratch, &alice, writer_bytes(&face), secret_copy(secret_bytes(vault_key)), &p->vault), 0);
        assert_int_equal(vault_slot_store(p->vault, &number, writer_bytes(&recovery)), 0);
        words = recovery_code_write(p->code);
        assert_int_equal(recovery_code_read(secret_bytes(words), &read), 0);
}

static void use(void *userdata)
{
        _cleanup_secret_ struct secret *content = secret_random(1000), *row = NULL, *cell = NULL;
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        struct bytes owner = BYTES_STRING("group");
        struct person *p = userdata;

        assert_int_equal(vault_seal(p->vault, "message", BYTES_STRING("1"), secret_bytes(content), &sealed), 0);
        assert_int_equal(vault_unseal(p->vault, "message", BYTES_STRING("1"), writer_bytes(&sealed), &row), 0);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(vault_begin(p->vault), 0);
                assert_int_equal(i == 0 ? vault_cell_new(p->vault, owner, secret_bytes(content), &p->cell)
                                        : vault_cell_write(p->vault, p->cell, owner, secret_bytes(content)),
                                 0);
                assert_int_equal(vault_commit(p->vault), 0);
        }
        assert_int_equal(vault_cell_read(p->vault, p->cell, owner, &cell), 0);
}

/* A file is sealed and opened, as a sealed one and as an older tool's envelope. */
static void seal_file(void *userdata)
{
        _cleanup_secret_ struct secret *content = secret_random(1000), *opened = secret_new(1000), *key = NULL,
                                       *passphrase = secret_random(20);
        _cleanup_sealed_file_ struct sealed_file *sealing = NULL, *opening = NULL;
        _cleanup_writer_ struct writer text = WRITER_INIT, plain = WRITER_INIT;
        uint8_t header[SEALED_FILE_HEADER_SIZE], sealed[1000 + SEALED_FILE_TAG_SIZE];
        struct sealed_file_header h;
        struct person *p = userdata;
        bool authenticated;

        assert_int_equal(vault_purpose_key(p->vault, "sealed files", &key), 0);
        sealing = sealed_file_new(key, SEALED_FILE_KEY_ACCOUNT, BYTES(NULL, 0), header);
        sealed_file_seal_chunk(sealing, 0, true, secret_bytes(content), sealed);
        assert_int_equal(sealed_file_header_read(BYTES_OF(header), &h), 0);
        assert_int_equal(sealed_file_open(key, &h, &opening), 0);
        assert_int_equal(sealed_file_open_chunk(opening, 0, true, BYTES_OF(sealed), opened->data), 0);
        assert_int_equal(legacy_envelope_write(passphrase, secret_bytes(content), &text), 0);
        assert_int_equal(legacy_envelope_read(passphrase, writer_bytes(&text), &plain, &authenticated), 0);
        explicit_bzero(header,
                       sizeof(header)); /* the commitment, which is derived with the key, but is for all to see */
}

/* A file's key goes to a contact and comes back. */
static void cover_file(void *userdata)
{
        static const uint8_t header[SEALED_FILE_HEADER_SIZE];
        const struct suite *s = suite_by_id(7);
        const struct bytes address = BYTES_STRING("alice@hub.example.org:7843");
        _cleanup_writer_ struct writer root_key = WRITER_INIT, sealing_key = WRITER_INIT, cover = WRITER_INIT;
        _cleanup_secret_ struct secret *root = suite_signature_generate(s, &root_key), *key = secret_random(32),
                                       *sealing = sealing_key_derive(s, root, &sealing_key);
        const struct cover_account account = { address, writer_bytes(&root_key) };
        const struct cover_request q = { .suite = s,
                                         .sealer = account,
                                         .receiver = account,
                                         .sealer_key = writer_bytes(&sealing_key),
                                         .receiver_key = writer_bytes(&sealing_key),
                                         .root_private_key = root,
                                         .header = BYTES_OF(header),
                                         .wrapping_key = key };
        _cleanup_(cover_content_release) struct cover_content c = { 0 };
        struct cover_key *k = cover_key_new(s, account, writer_bytes(&sealing_key), sealing);

        assert_int_equal(cover_write(&q, &cover), 0);
        assert_int_equal(cover_open(k, writer_bytes(&cover), BYTES_OF(header), &c), 0);
        assert_true(secret_equal(secret_bytes(c.wrapping_key), secret_bytes(key)));
        cover_key_free(k);
}

static void lock(void *userdata)
{
        vault_lock(((struct person *) userdata)->vault);
}

static int open_slot(struct person *p, unsigned number, const struct secret *factor, struct secret **key)
{
        struct reader r;
        struct slot s;

        reader_init(&r, vault_slot(p->vault, number));
        assert_int_equal(slot_read(&r, &s), 0);
        return slot_open(&s, BYTES_STRING(alice.id), number == 1 ? p->face_secret : NULL, factor, key);
}

static void unlock(void *userdata)
{
        _cleanup_secret_ struct secret *wrong = secret_random(20), *none = NULL, *recovered = NULL;
        struct person *p = userdata;
        struct secret *key;

        assert_int_equal(open_slot(p, 1, wrong, &none), -EKEYREJECTED);
        assert_int_equal(open_slot(p, 2, p->code, &recovered), 0);
        assert_int_equal(open_slot(p, 1, p->factor, &key), 0);
        assert_int_equal(vault_unlock(p->vault, key), 0);
}

static void forget(void *userdata)
{
        struct person *p = userdata;

        vault_free(p->vault);
        secret_free(p->face_secret);
        secret_free(p->factor);
        secret_free(p->code);
}

static void nothing_is_left_on_the_stack_and_in_the_end_nothing_at_all(void **state)
{
        void (*const operations[])(void *userdata) = { sign_up, use, seal_file, cover_file, lock, unlock, use, forget };
        struct person p;

        search_notes_freed = true;
        for (size_t i = 0; i < COUNT_OF(operations); i++) {
                search_deep(operations[i], &p);
                assert_int_equal(search_stack(), 0);
        }
        search_notes_freed = false;
        assert_true(search_notes() > 100);
        assert_int_equal(search(false), 0);
}

/* While it is unlocked, the same search finds the factors that the caller holds, and the keys that come of them. */
static void what_is_in_use_is_found(void **state)
{
        struct person p;

        sign_up(&p);
        search_forget();
        search_note(secret_bytes(p.factor), NULL);
        assert_true(search(true) > 0);
        search_forget();
        forget(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                scratch_test(what_is_in_use_is_found),
                scratch_test(nothing_is_left_on_the_stack_and_in_the_end_nothing_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

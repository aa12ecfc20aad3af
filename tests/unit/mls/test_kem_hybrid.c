/* The post-quantum hybrid suites: what NIST and the drafts say comes out of them, where OpenSSL has ML-KEM; and that
 * who lacks them is told so and can be talked into nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/mls/group.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/identity.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "services/cleanup.h"
#include "services/text.h"
#include "tests/unit/mls/kem_vectors.h"
#include "tests/unit/mls/ml_kem_vectors.h"

static const char *const names[] = {
        "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
        "MLS_128_MLKEM768P256_AES256GCM_SHA384_P256",
        "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384",
        "MLS_256_XWING_AES256GCM_SHA512_Ed25519",
};

static struct writer unhex(const char *hex)
{
        struct writer w = WRITER_INIT;

        assert_int_equal(hex_decode(hex, writer_append(&w, strlen(hex) / 2), strlen(hex) / 2), 0);
        return w;
}

static struct secret *unhex_secret(const char *hex)
{
        _cleanup_writer_ struct writer w = unhex(hex);

        return secret_copy(writer_bytes(&w));
}

static void assert_is(struct bytes b, const char *hex)
{
        _cleanup_writer_ struct writer expected = unhex(hex);

        assert_true(bytes_equal(b, writer_bytes(&expected)));
}

static void assert_digest_is(struct bytes b, const char *hex)
{
        uint8_t hash[HASH_SIZE_MAX];

        hash_digest(&hash_sha256, b, hash);
        assert_is(BYTES(hash, 32), hex);
}

/* Where a draft says what a key is derived of: that it is. The public key is then known; else it is computed. */
static void the_drafts_keys_and_secrets_come_out(void **state)
{
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
                const struct kem *k = vectors[i].kem;
                _cleanup_writer_ struct writer output = unhex(vectors[i].output), public_key = WRITER_INIT;
                _cleanup_secret_ struct secret *private_key = unhex_secret(vectors[i].private_key);

                if (vectors[i].ikm) {
                        _cleanup_secret_ struct secret *ikm = unhex_secret(vectors[i].ikm),
                                                       *derived = k->derive_key_pair(k, secret_bytes(ikm), &public_key);

                        assert_is(secret_bytes(derived), vectors[i].private_key);
                        assert_int_equal(public_key.size, k->public_size);
                        assert_digest_is(writer_bytes(&public_key), vectors[i].public_key_sha256);
                }
                for (unsigned known = 0; known <= (public_key.size > 0); known++) {
                        _cleanup_secret_ struct secret *shared = NULL;

                        assert_int_equal(k->decapsulate(k, private_key,
                                                        known ? writer_bytes(&public_key) : BYTES(NULL, 0),
                                                        writer_bytes(&output), &shared),
                                         0);
                        assert_is(secret_bytes(shared), vectors[i].shared_secret);
                }
        }
}

/* The ML-KEM that the hybrids stand on is that of FIPS 203, from the seed that they expand on. */
static void nists_keys_come_out(void **state)
{
        for (size_t i = 0; i < COUNT_OF(ml_kem_keys); i++) {
                _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context =
                        EVP_PKEY_CTX_new_from_name(NULL, ml_kem_keys[i].name, NULL);
                _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;
                _cleanup_writer_ struct writer seed = unhex(ml_kem_keys[i].seed);
                OSSL_PARAM parameters[] = { OSSL_PARAM_octet_string("seed", seed.data, seed.size), OSSL_PARAM_END };
                uint8_t bytes[4096];
                size_t size = sizeof(bytes);

                assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
                assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters), 1);
                assert_int_equal(EVP_PKEY_get_raw_public_key(key, bytes, &size), 1);
                assert_digest_is(BYTES(bytes, size), ml_kem_keys[i].public_key_sha256);
                size = sizeof(bytes);
                assert_int_equal(EVP_PKEY_get_raw_private_key(key, bytes, &size), 1);
                assert_digest_is(BYTES(bytes, size), ml_kem_keys[i].private_key_sha256);
        }
}

static void nists_secrets_come_out(void **state)
{
        for (size_t i = 0; i < COUNT_OF(ml_kem_secrets); i++) {
                _cleanup_writer_ struct writer private_key = unhex(ml_kem_secrets[i].private_key),
                                               m = unhex(ml_kem_secrets[i].m), output = unhex(ml_kem_secrets[i].output);
                size_t public_size = strcmp(ml_kem_secrets[i].name, "ML-KEM-768") == 0 ? 1184 : 1568;
                _cleanup_openssl_(EVP_PKEY) EVP_PKEY *own = EVP_PKEY_new_raw_private_key_ex(
                        NULL, ml_kem_secrets[i].name, NULL, private_key.data, private_key.size);
                _cleanup_openssl_(EVP_PKEY) EVP_PKEY *peer =
                        EVP_PKEY_new_raw_public_key_ex(NULL, ml_kem_secrets[i].name, NULL,
                                                       private_key.data + ml_kem_secrets[i].public_key_at, public_size);
                _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *sender = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL),
                                                             *receiver = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
                OSSL_PARAM parameters[] = { OSSL_PARAM_octet_string("ikme", m.data, m.size), OSSL_PARAM_END };
                uint8_t made[2048], shared[32];
                size_t made_size = sizeof(made), size = sizeof(shared);

                assert_int_equal(EVP_PKEY_encapsulate_init(sender, parameters), 1);
                assert_int_equal(EVP_PKEY_encapsulate(sender, made, &made_size, shared, &size), 1);
                assert_is(BYTES(made, made_size), ml_kem_secrets[i].output);
                assert_is(BYTES(shared, size), ml_kem_secrets[i].shared_secret);
                explicit_bzero(shared, sizeof(shared));
                assert_int_equal(EVP_PKEY_decapsulate_init(receiver, NULL), 1);
                assert_int_equal(EVP_PKEY_decapsulate(receiver, shared, &size, output.data, output.size), 1);
                assert_is(BYTES(shared, size), ml_kem_secrets[i].shared_secret);
        }
}

static void the_drafts_hpke_opens(void **state)
{
        const struct suite *s = suite_by_name(names[2]);
        _cleanup_writer_ struct writer private_key = unhex(vectors[COUNT_OF(vectors) - 1].private_key),
                                       output = unhex(vectors[COUNT_OF(vectors) - 1].output),
                                       info = unhex(hpke_vector.info), aad = unhex(hpke_vector.aad),
                                       expected = unhex(hpke_vector.plain), sealed = unhex(hpke_vector.ciphertext),
                                       plain = WRITER_INIT;
        _cleanup_secret_ struct secret *key = secret_copy(writer_bytes(&private_key));

        assert_ptr_equal(s->kem, vectors[COUNT_OF(vectors) - 1].kem);
        assert_int_equal(hpke_open(s, key, BYTES(NULL, 0), writer_bytes(&output), writer_bytes(&info),
                                   writer_bytes(&aad), writer_bytes(&sealed), &plain),
                         0);
        assert_true(bytes_equal(writer_bytes(&plain), writer_bytes(&expected)));
}

/* Every byte that travels counts: a changed output gives another secret or is refused, a key of another length is
 * none. */
static void what_was_changed_gives_nothing(void **state)
{
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
                const struct kem *k = vectors[i].kem;
                _cleanup_writer_ struct writer ikm = unhex(vectors[i].private_key), public_key = WRITER_INIT,
                                               output = WRITER_INIT, none = WRITER_INIT;
                _cleanup_secret_ struct secret *key = k->derive_key_pair(k, writer_bytes(&ikm), &public_key),
                                               *sent = NULL;

                assert_int_equal(k->encapsulate(k, writer_bytes(&public_key), &output, &sent), 0);
                assert_int_equal(output.size, k->output_size);
                for (size_t at = 0; at < output.size; at += 97) {
                        _cleanup_secret_ struct secret *received = NULL;

                        output.data[at] ^= 0x10;
                        int r = k->decapsulate(k, key, writer_bytes(&public_key), writer_bytes(&output), &received);
                        output.data[at] ^= 0x10;
                        assert_true(r == -EBADMSG ||
                                    (r == 0 && !bytes_equal(secret_bytes(sent), secret_bytes(received))));
                }
                for (int less = 0; less < 2; less++) {
                        struct bytes wrong = less ? BYTES(public_key.data, public_key.size - 1) : BYTES(NULL, 0);
                        struct secret *shared;

                        assert_int_equal(k->encapsulate(k, wrong, &none, &shared), -EBADMSG);
                        wrong = less ? BYTES(output.data, output.size - 1) : BYTES(NULL, 0);
                        assert_int_equal(k->decapsulate(k, key, BYTES(NULL, 0), wrong, &shared), -EBADMSG);
                }
        }
}

static void package_of(const struct suite *s, struct secret **signature_key, struct key_package_keys *keys,
                       struct writer *out)
{
        _cleanup_writer_ struct writer public_key = WRITER_INIT;
        struct identity i;

        *signature_key = suite_signature_generate(s, &public_key);
        i = (struct identity){
                .suite = s,
                .credential = { CREDENTIAL_BASIC, BYTES_STRING("somebody") },
                .signature_key = writer_bytes(&public_key),
                .signature_private_key = *signature_key,
        };
        assert_int_equal(identity_key_package(&i, 0, 1000, false, out, keys), 0);
}

/* A group's suite is fixed when it is made, and is part of every signature and key: a key package of another suite,
 * whatever its owner is able to, is refused. */
static void a_group_takes_nobody_of_another_suite(void **state)
{
        const struct suite *own = suite_default();

        for (unsigned n = 0; suite_at(n); n++) {
                _cleanup_writer_ struct writer mine = WRITER_INIT, theirs = WRITER_INIT, commit = WRITER_INIT,
                                               welcome = WRITER_INIT;
                _cleanup_(key_package_keys_release) struct key_package_keys my_keys = { 0 }, their_keys = { 0 };
                _cleanup_secret_ struct secret *my_key = NULL, *their_key = NULL;
                _cleanup_group_ struct group *g = NULL;
                struct bytes package;
                struct group_change change = { .add = &package, .add_count = 1 };
                struct key_package k;
                struct reader r;

                package_of(own, &my_key, &my_keys, &mine);
                package_of(suite_at(n), &their_key, &their_keys, &theirs);
                package = writer_bytes(&theirs);
                reader_init(&r, writer_bytes(&mine));
                key_package_read(&r, &k);
                assert_int_equal(group_create(own, BYTES_STRING("group"), k.leaf.encoded, TAKE(my_keys.leaf_key),
                                              TAKE(my_key), BYTES(NULL, 0), &g),
                                 0);
                int result = group_commit(g, &change, NULL, &commit, &welcome);

                assert_int_equal(result == 0, suite_at(n) == own);
                assert_int_equal(group_has_pending(g), suite_at(n) == own);
        }
}

/* The number of a suite in a key package is signed: to put another there in transit does not hold. */
static void the_suite_of_a_key_package_cannot_be_changed(void **state)
{
        _cleanup_writer_ struct writer package = WRITER_INIT;
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_secret_ struct secret *key = NULL;

        package_of(suite_default(), &key, &keys, &package);
        for (unsigned id = 0; id <= UINT16_MAX; id++) {
                struct key_package k;
                struct reader r;

                package.data[2] = (uint8_t) (id >> 8);
                package.data[3] = (uint8_t) id;
                reader_init(&r, writer_bytes(&package));
                key_package_read(&r, &k);
                assert_int_equal(key_package_check(&k, 1) == 0, id == suite_default()->id);
        }
}

/* Where ML-KEM is missing nothing pretends: no row, no number, no offer to others, and the default is another. */
static void a_machine_without_ml_kem_says_so(void **state)
{
        bool missing = suite_is_missing(names[0]);
        _cleanup_writer_ struct writer package = WRITER_INIT;
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_secret_ struct secret *key = NULL;
        static const uint16_t ids[] = { 0xf002, 0xf004, 0xf005, 83 };
        struct key_package k;
        struct reader r;

        package_of(suite_by_id(1), &key, &keys, &package);
        reader_init(&r, writer_bytes(&package));
        key_package_read(&r, &k);
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                assert_int_equal(suite_is_missing(names[i]), missing);
                assert_int_equal(suite_by_name(names[i]) == NULL, missing);
                assert_int_equal(suite_by_id(ids[i]) == NULL, missing);
                assert_int_equal(capability_listed(k.leaf.capabilities.cipher_suites, ids[i]), !missing);
        }
        assert_int_equal(suite_default()->id, missing ? 7 : 0xf005);
        assert_false(suite_is_missing("MLS_128_NO_SUCH_SUITE"));
        assert_false(suite_is_missing(suite_by_id(7)->name));
}

/* What needs ML-KEM runs where OpenSSL has it, which tests/system/trixie sees to. */
int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_group_takes_nobody_of_another_suite),
                cmocka_unit_test(the_suite_of_a_key_package_cannot_be_changed),
                cmocka_unit_test(a_machine_without_ml_kem_says_so),
        };
        const struct CMUnitTest all[] = {
                tests[0],
                tests[1],
                tests[2],
                cmocka_unit_test(nists_keys_come_out),
                cmocka_unit_test(nists_secrets_come_out),
                cmocka_unit_test(the_drafts_keys_and_secrets_come_out),
                cmocka_unit_test(the_drafts_hpke_opens),
                cmocka_unit_test(what_was_changed_gives_nothing),
        };

        if (!suite_is_missing(names[0]))
                return cmocka_run_group_tests(all, NULL, NULL);
        puts("# This OpenSSL has no ML-KEM: NIST's and the drafts' vectors are left to Debian 13 "
             "(tests/system/trixie).");
        return cmocka_run_group_tests(tests, NULL, NULL);
}

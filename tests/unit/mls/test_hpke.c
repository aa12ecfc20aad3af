/* HPKE in base mode gives what the appendix of RFC 9180 says, for each combination of KEM, KDF and AEAD that a suite of
 * MLS uses and the appendix has (X448 and P-384 do not stand there); and every suite opens what it sealed, and nothing
 * else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cryptod/mls/hpke.h"
#include "services/cleanup.h"
#include "services/text.h"

/* The same in all of the appendix. */
#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define PLAIN "4265617574792069732074727574682c20747275746820626561757479"
#define AAD "436f756e742d30" /* of the encryption with sequence number 0 */
enum { EXPORTED_SIZE = 32 };
static const char *const exporter_contexts[] = { "", "00", "54657374436f6e74657874" };

static const struct vector {
        uint16_t suite;
        const char *ikm_sender, *private_sender, *kem_output;
        const char *ikm_receiver, *private_receiver, *public_receiver;
        const char *ciphertext;
        const char *exported[3];
} vectors[] = {
        {
                /* A.1.1, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM */
                .suite = 1,
                .ikm_sender = "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
                .private_sender = "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
                .kem_output = "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
                .ikm_receiver = "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
                .private_receiver = "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
                .public_receiver = "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
                .ciphertext =
                        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
                .exported = { "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee",
                              "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5",
                              "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931" },
        },
        {
                /* A.2.1, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305 */
                .suite = 3,
                .ikm_sender = "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b",
                .private_sender = "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600",
                .kem_output = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
                .ikm_receiver = "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df",
                .private_receiver = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
                .public_receiver = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
                .ciphertext =
                        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
                .exported = { "4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e",
                              "8c1df14732580e5501b00f82b10a1647b40713191b7c1240ac80e2b68808ba69",
                              "5acb09211139c43b3090489a9da433e8a30ee7188ba8b0a9a1ccf0c229283e53" },
        },
        {
                /* A.3.1, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM */
                .suite = 2,
                .ikm_sender = "4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa22816ce860e",
                .private_sender = "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
                .kem_output = "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f"
                              "951c0900be863c403ce65c9bfcb9382657222d18c4",
                .ikm_receiver = "668b37171f1072f3cf12ea8a236a45df23fc13b82af3609ad1e354f6ef817550",
                .private_receiver = "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
                .public_receiver = "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e"
                                   "539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
                .ciphertext =
                        "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
                .exported = { "5e9bc3d236e1911d95e65b576a8a86d478fb827e8bdfe77b741b289890490d4d",
                              "6cff87658931bda83dc857e6353efe4987a201b849658d9b047aab4cf216e796",
                              "d8f1ea7942adbba7412c6d431c62d01371ea476b823eb697e1f6e6cae1dab85a" },
        },
        {
                /* A.6.1, DHKEM(P-521, HKDF-SHA512), HKDF-SHA512, AES-256-GCM */
                .suite = 5,
                .ikm_sender = "7f06ab8215105fc46aceeb2e3dc5028b44364f960426eb0d8e4026c2f8b5d7e7a986688f1591abf5ab753c35"
                              "7a5d6f0440414b4ed4ede71317772ac98d9239f70904",
                .private_sender = "014784c692da35df6ecde98ee43ac425dbdd0969c0c72b42f2e708ab9d535415a8569bdacfcc0a114c85"
                                  "b8e3f26acf4d68115f8c91a66178cdbd03b7bcc5291e374b",
                .kem_output =
                        "040138b385ca16bb0d5fa0c0665fbbd7e69e3ee29f63991d3e9b5fa740aab8900aaeed46ed73a49055758425a0ce36"
                        "507c54b29cc5b85a5cee6bae0cf1c21f2731ece2013dc3fb7c8d21654bb161b463962ca19e8c654ff24c94dd2898de"
                        "12051f1ed0692237fb02b2f8d1dc1c73e9b366b529eb436e98a996ee522aef863dd5739d2f29b0",
                .ikm_receiver = "2ad954bbe39b7122529f7dde780bff626cd97f850d0784a432784e69d86eccaade43b6c10a8ffdb94bf943"
                                "c6da479db137914ec835a7e715e36e45e29b587bab3bf1",
                .private_receiver = "01462680369ae375e4b3791070a7458ed527842f6a98a79ff5e0d4cbde83c27196a3916956655523a6"
                                    "a2556a7af62c5cadabe2ef9da3760bb21e005202f7b2462847",
                .public_receiver =
                        "0401b45498c1714e2dce167d3caf162e45e0642afc7ed435df7902ccae0e84ba0f7d373f646b7738bbbdca11ed91bd"
                        "eae3cdcba3301f2457be452f271fa6837580e661012af49583a62e48d44bed350c7118c0d8dc861c238c72a2bda17f"
                        "64704f464b57338e7f40b60959480c0e58e6559b190d81663ed816e523b6b6a418f66d2451ec64",
                .ciphertext =
                        "170f8beddfe949b75ef9c387e201baf4132fa7374593dfafa90768788b7b2b200aafcc6d80ea4c795a7c5b841a",
                .exported = { "05e2e5bd9f0c30832b80a279ff211cc65eceb0d97001524085d609ead60d0412",
                              "fca69744bb537f5b7a1596dbf34eaa8d84bf2e3ee7f1a155d41bd3624aa92b63",
                              "f389beaac6fcf6c0d9376e20f97e364f0609a88f1bc76d7328e9104df8477013" },
        },
};

static struct bytes from_hex(const char *hex, uint8_t *out)
{
        size_t size = strlen(hex) / 2;

        assert_int_equal(hex_decode(hex, out, size), 0);
        return BYTES(out, size);
}

static void assert_hex(struct bytes b, const char *hex)
{
        _cleanup_free_ char *text = hex_encode(b);

        assert_string_equal(text, hex);
}

#define FROM_HEX(hex) from_hex((hex), (uint8_t[SUITE_PUBLIC_KEY_MAX]){ 0 })

static struct secret *secret_from_hex(const char *hex)
{
        return secret_copy(FROM_HEX(hex));
}

static void key_pairs_are_derived(void **state)
{
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
                const struct vector *v = &vectors[i];
                const struct suite *s = suite_by_id(v->suite);
                _cleanup_writer_ struct writer sender = WRITER_INIT, receiver = WRITER_INIT;
                _cleanup_secret_ struct secret *private_sender =
                        hpke_derive_key_pair(s, FROM_HEX(v->ikm_sender), &sender);
                _cleanup_secret_ struct secret *private_receiver =
                        hpke_derive_key_pair(s, FROM_HEX(v->ikm_receiver), &receiver);

                assert_hex(secret_bytes(private_sender), v->private_sender);
                assert_hex(writer_bytes(&sender), v->kem_output);
                assert_hex(secret_bytes(private_receiver), v->private_receiver);
                assert_hex(writer_bytes(&receiver), v->public_receiver);
        }
}

static void the_first_encryption_opens(void **state)
{
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
                const struct vector *v = &vectors[i];
                _cleanup_secret_ struct secret *private_key = secret_from_hex(v->private_receiver);
                _cleanup_writer_ struct writer plain = WRITER_INIT;

                assert_int_equal(hpke_open(suite_by_id(v->suite), private_key, BYTES(NULL, 0), FROM_HEX(v->kem_output),
                                           FROM_HEX(INFO), FROM_HEX(AAD), FROM_HEX(v->ciphertext), &plain),
                                 0);
                assert_hex(writer_bytes(&plain), PLAIN);
        }
}

static void secrets_are_exported(void **state)
{
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
                const struct vector *v = &vectors[i];
                _cleanup_secret_ struct secret *private_key = secret_from_hex(v->private_receiver);

                for (size_t j = 0; j < COUNT_OF(exporter_contexts); j++) {
                        _cleanup_secret_ struct secret *exported = NULL;

                        assert_int_equal(hpke_receive_export(suite_by_id(v->suite), private_key, BYTES(NULL, 0),
                                                             FROM_HEX(v->kem_output), FROM_HEX(INFO),
                                                             FROM_HEX(exporter_contexts[j]), EXPORTED_SIZE, &exported),
                                         0);
                        assert_hex(secret_bytes(exported), v->exported[j]);
                }
        }
}

static void what_is_not_the_appendix_does_not_open(void **state)
{
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
                const struct vector *v = &vectors[i];
                const struct suite *s = suite_by_id(v->suite);
                _cleanup_secret_ struct secret *private_key = secret_from_hex(v->private_receiver);
                _cleanup_secret_ struct secret *another_key = secret_from_hex(v->private_sender);
                _cleanup_writer_ struct writer plain = WRITER_INIT;
                struct bytes kem_output = FROM_HEX(v->kem_output), info = FROM_HEX(INFO), aad = FROM_HEX(AAD),
                             ciphertext = FROM_HEX(v->ciphertext), none = BYTES(NULL, 0);

                assert_int_equal(hpke_open(s, another_key, BYTES(NULL, 0), kem_output, info, aad, ciphertext, &plain),
                                 -EBADMSG);
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), FROM_HEX(v->public_receiver), info, aad,
                                           ciphertext, &plain),
                                 -EBADMSG);
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), kem_output, none, aad, ciphertext, &plain),
                                 -EBADMSG);
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), kem_output, info, none, ciphertext, &plain),
                                 -EBADMSG);
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), kem_output, info, aad,
                                           BYTES(ciphertext.data, ciphertext.size - 1), &plain),
                                 -EBADMSG);
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), BYTES(kem_output.data, kem_output.size - 1),
                                           info, aad, ciphertext, &plain),
                                 -EBADMSG);
                assert_int_equal(plain.size, 0);
        }
}

static void every_suite_opens_what_it_sealed(void **state)
{
        const struct suite *s;

        for (unsigned i = 0; (s = suite_at(i)); i++) {
                _cleanup_writer_ struct writer public_key = WRITER_INIT, kem_output = WRITER_INIT,
                                               ciphertext = WRITER_INIT, plain = WRITER_INIT;
                _cleanup_secret_ struct secret *private_key =
                        hpke_derive_key_pair(s, BYTES_STRING("a suite's own key material"), &public_key);

                assert_int_equal(public_key.size, s->kem->public_size);
                assert_int_equal(private_key->size, s->kem->private_size);
                assert_int_equal(hpke_seal(s, writer_bytes(&public_key), FROM_HEX(INFO), FROM_HEX(AAD), FROM_HEX(PLAIN),
                                           &kem_output, &ciphertext),
                                 0);
                assert_int_equal(kem_output.size, s->kem->output_size);
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), writer_bytes(&kem_output), FROM_HEX(INFO),
                                           FROM_HEX(AAD), writer_bytes(&ciphertext), &plain),
                                 0);
                assert_hex(writer_bytes(&plain), PLAIN);
                ciphertext.data[0] ^= 1;
                assert_int_equal(hpke_open(s, private_key, BYTES(NULL, 0), writer_bytes(&kem_output), FROM_HEX(INFO),
                                           FROM_HEX(AAD), writer_bytes(&ciphertext), &plain),
                                 -EBADMSG);
        }
}

/* Zeroes are a point of small order on the X curves; on the NIST curves a point has to lie on the curve. */
static void keys_are_checked(void **state)
{
        const struct suite *s;

        for (unsigned i = 0; (s = suite_at(i)); i++) {
                _cleanup_writer_ struct writer public_key = WRITER_INIT;
                const uint8_t zeroes[KEM_PUBLIC_KEY_MAX] = { 0 };
                struct bytes key, shorter;

                secret_free(hpke_derive_key_pair(s, BYTES_STRING("a suite's own key material"), &public_key));
                key = shorter = writer_bytes(&public_key);
                shorter.size--;
                assert_int_equal(hpke_check_public_key(s, key), 0);
                assert_int_equal(hpke_check_public_key(s, shorter), -EBADMSG);
                assert_int_equal(hpke_check_public_key(s, BYTES(NULL, 0)), -EBADMSG);
                assert_int_equal(hpke_check_public_key(s, BYTES(zeroes, key.size)), -EBADMSG);
                if (s->kem->id < kem_x25519.id) { /* a NIST curve alone */
                        public_key.data[key.size - 1] ^= 1;
                        assert_int_equal(hpke_check_public_key(s, key), -EBADMSG);
                }
        }
}

static void assert_check_agrees(const struct kem *k, struct bytes key, unsigned *refused)
{
        _cleanup_writer_ struct writer output = WRITER_INIT;
        struct secret *shared = NULL;
        int r = k->encapsulate(k, key, &output, &shared);

        secret_free(shared);
        assert_int_equal(k->check_public_key(k, key), r);
        *refused += r < 0;
}

/* The check knows the points of small order by their encodings; what it says of the keys around them is what comes of
 * encapsulating to them. */
static void no_point_of_small_order_passes(void **state)
{
        static const char order_8[][65] = {
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        };
        static const uint8_t firsts[] = { 0x00, 0x01, 0x02, 0x12, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xfd, 0xfe, 0xff };
        static const uint8_t fills[] = { 0x00, 0xff }, turns[] = { 0x00, 0x7f, 0x80, 0xfe, 0xff };
        unsigned small25519 = 0, small448 = 0;
        uint8_t key[56];

        for (unsigned i = 0; i < 2 * COUNT_OF(order_8); i++) {
                assert_int_equal(hex_decode(order_8[i / 2], key, 32), 0);
                key[31] |= (uint8_t) (i % 2 << 7);
                assert_check_agrees(&kem_x25519, BYTES(key, 32), &small25519);
        }
        for (unsigned i = 0; i < COUNT_OF(firsts) * 2 * COUNT_OF(turns) * 2; i++) {
                uint8_t first = firsts[i / 20], low = fills[i / 10 % 2], turn = turns[i / 2 % 5], high = fills[i % 2];

                memset(key, low, sizeof(key));
                key[0] = first;
                key[31] = turn;
                if (high)
                        assert_check_agrees(&kem_x25519, BYTES(key, 32), &small25519);
                key[31] = high;
                memset(key + 28, high, 28);
                key[28] = turn;
                assert_check_agrees(&kem_x448, BYTES(key, 56), &small448);
        }
        /* 0, 1, p - 1 and two of order 8, with p and p + 1 as other ways to write 0 and 1, and with the bit that is
         * masked; X448 has no order 8 and masks nothing. */
        assert_int_equal(small25519, 14);
        assert_int_equal(small448, 5);
}

static void both_sides_export_the_same(void **state)
{
        const struct suite *s;

        for (unsigned i = 0; (s = suite_at(i)); i++) {
                _cleanup_writer_ struct writer public_key = WRITER_INIT, kem_output = WRITER_INIT;
                _cleanup_secret_ struct secret *private_key =
                        hpke_derive_key_pair(s, BYTES_STRING("a suite's own key material"), &public_key);
                _cleanup_secret_ struct secret *sent = NULL, *received = NULL, *other = NULL;

                assert_int_equal(hpke_send_export(s, writer_bytes(&public_key), FROM_HEX(INFO), BYTES_STRING("context"),
                                                  EXPORTED_SIZE, &kem_output, &sent),
                                 0);
                assert_int_equal(hpke_receive_export(s, private_key, BYTES(NULL, 0), writer_bytes(&kem_output),
                                                     FROM_HEX(INFO), BYTES_STRING("context"), EXPORTED_SIZE, &received),
                                 0);
                assert_int_equal(hpke_receive_export(s, private_key, BYTES(NULL, 0), writer_bytes(&kem_output),
                                                     FROM_HEX(INFO), BYTES_STRING("another"), EXPORTED_SIZE, &other),
                                 0);
                assert_true(secret_equal(secret_bytes(sent), secret_bytes(received)));
                assert_false(secret_equal(secret_bytes(sent), secret_bytes(other)));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(key_pairs_are_derived),
                cmocka_unit_test(the_first_encryption_opens),
                cmocka_unit_test(secrets_are_exported),
                cmocka_unit_test(what_is_not_the_appendix_does_not_open),
                cmocka_unit_test(every_suite_opens_what_it_sealed),
                cmocka_unit_test(both_sides_export_the_same),
                cmocka_unit_test(keys_are_checked),
                cmocka_unit_test(no_point_of_small_order_passes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* No jump and no address of this library depends on a secret: all that is drawn at random or agreed upon is secret, and
 * so is all that comes of it, from the first key package to a message in a group that was read back from disk.
 *
 * What everybody may know is said here, where it comes out (the functions that stand in for the library's):
 *
 *     public keys, signatures, KEM outputs and ciphertexts, membership and confirmation tags once they are sent;
 *     whether a comparison of secrets, an AEAD or a signature held;
 *     whether random bytes were a scalar of a NIST curve (RFC 9180 §7.1.3 draws again if not);
 *     what was decrypted, but for secrets in it and the text of a message: it has lengths and lists to be followed. So
 *     the time to take a message apart tells how much of it is padding, as the time to hash it for its signature does.
 */
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/public_message.h"
#include "cryptod/mls/sender_data.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "tests/unit/mls/people.h"
#include "tests/unit/taint.h"

static const char text[] = "a text that nobody but the members may know";

/* What is drawn and agreed upon is secret. */
struct secret *__real_secret_random(size_t size);
struct secret *__wrap_secret_random(size_t size);
struct secret *__wrap_secret_random(size_t size)
{
        struct secret *s = __real_secret_random(size);

        taint(s->data, s->size);
        return s;
}

/* Of what is drawn into open memory only the reuse guard is secret; the rest is GREASE and nonces that travel. */
void __real_random_fill(void *p, size_t size);
void __wrap_random_fill(void *p, size_t size);
void __wrap_random_fill(void *p, size_t size)
{
        __real_random_fill(p, size);
        if (size == REUSE_GUARD_SIZE)
                taint(p, size);
}

struct secret *__real_key_private(EVP_PKEY *key, size_t size);
struct secret *__wrap_key_private(EVP_PKEY *key, size_t size);
struct secret *__wrap_key_private(EVP_PKEY *key, size_t size)
{
        struct secret *s = __real_key_private(key, size);

        taint(s->data, s->size);
        return s;
}

int __real_key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out);
int __wrap_key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out);
int __wrap_key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out)
{
        int r = __real_key_agree(own, peer, size, out);

        if (r >= 0)
                taint((*out)->data, (*out)->size);
        return r;
}

int __real_EVP_PKEY_encapsulate(EVP_PKEY_CTX *context, unsigned char *output, size_t *output_size,
                                unsigned char *secret, size_t *size);
int __wrap_EVP_PKEY_encapsulate(EVP_PKEY_CTX *context, unsigned char *output, size_t *output_size,
                                unsigned char *secret, size_t *size);
int __wrap_EVP_PKEY_encapsulate(EVP_PKEY_CTX *context, unsigned char *output, size_t *output_size,
                                unsigned char *secret, size_t *size)
{
        int r = __real_EVP_PKEY_encapsulate(context, output, output_size, secret, size);

        taint(secret, *size);
        return r;
}

/* What OpenSSL hands out to everybody. */
int __real_EVP_PKEY_get_raw_public_key(const EVP_PKEY *key, unsigned char *out, size_t *size);
int __wrap_EVP_PKEY_get_raw_public_key(const EVP_PKEY *key, unsigned char *out, size_t *size);
int __wrap_EVP_PKEY_get_raw_public_key(const EVP_PKEY *key, unsigned char *out, size_t *size)
{
        int r = __real_EVP_PKEY_get_raw_public_key(key, out, size);

        untaint(out, *size);
        return r;
}

int __real_EVP_PKEY_get_octet_string_param(const EVP_PKEY *key, const char *name, unsigned char *out, size_t max,
                                           size_t *size);
int __wrap_EVP_PKEY_get_octet_string_param(const EVP_PKEY *key, const char *name, unsigned char *out, size_t max,
                                           size_t *size);
int __wrap_EVP_PKEY_get_octet_string_param(const EVP_PKEY *key, const char *name, unsigned char *out, size_t max,
                                           size_t *size)
{
        int r = __real_EVP_PKEY_get_octet_string_param(key, name, out, max, size);

        untaint(out, *size);
        return r;
}

int __real_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *size, const unsigned char *data,
                          size_t data_size);
int __wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *size, const unsigned char *data,
                          size_t data_size);
int __wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *size, const unsigned char *data,
                          size_t data_size)
{
        int r = __real_EVP_DigestSign(context, signature, size, data, data_size);

        untaint(size, sizeof(*size));
        untaint(signature, *size);
        return r;
}

int __real_EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t size, const unsigned char *data,
                            size_t data_size);
int __wrap_EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t size, const unsigned char *data,
                            size_t data_size);
int __wrap_EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t size, const unsigned char *data,
                            size_t data_size)
{
        return untainted(__real_EVP_DigestVerify(context, signature, size, data, data_size) == 1);
}

int __real_BN_is_zero(const BIGNUM *n);
int __wrap_BN_is_zero(const BIGNUM *n);
int __wrap_BN_is_zero(const BIGNUM *n)
{
        return untainted(__real_BN_is_zero(n));
}

bool __real_secret_equal(struct bytes a, struct bytes b);
bool __wrap_secret_equal(struct bytes a, struct bytes b);
bool __wrap_secret_equal(struct bytes a, struct bytes b)
{
        return untainted(__real_secret_equal(a, b));
}

int __real_suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes plain, struct writer *out);
int __wrap_suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes plain, struct writer *out);
int __wrap_suite_seal(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes plain, struct writer *out)
{
        int r = __real_suite_seal(s, key, nonce, aad, plain, out);

        untaint(out->data, out->size);
        return r;
}

int __real_suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes sealed, struct writer *out);
int __wrap_suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes sealed, struct writer *out);
int __wrap_suite_open(const struct suite *s, const struct secret *key, const struct secret *nonce, struct bytes aad,
                      struct bytes sealed, struct writer *out)
{
        int r = __real_suite_open(s, key, nonce, aad, sealed, out);
        uint8_t *found;

        untaint(out->data, out->size);
        found = out->size > 0 ? memmem(out->data, out->size, text, sizeof(text)) : NULL;
        if (found)
                taint(found, sizeof(text));
        return r;
}

/* The secrets that come encrypted: a path secret by itself; joiner secret and path secret within GroupSecrets. */
int __real_hpke_decrypt_with_label(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                                   const char *label, struct bytes context, struct bytes kem_output,
                                   struct bytes ciphertext, struct writer *plain);
int __wrap_hpke_decrypt_with_label(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                                   const char *label, struct bytes context, struct bytes kem_output,
                                   struct bytes ciphertext, struct writer *plain);
int __wrap_hpke_decrypt_with_label(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                                   const char *label, struct bytes context, struct bytes kem_output,
                                   struct bytes ciphertext, struct writer *plain)
{
        int r = __real_hpke_decrypt_with_label(s, private_key, public_key, label, context, kem_output, ciphertext,
                                               plain);
        struct bytes secret;
        struct reader reader;

        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(plain));
        if (strcmp(label, "Welcome") != 0) {
                taint(plain->data, plain->size);
                return r;
        }
        secret = read_vector(&reader);
        taint(secret.data, secret.size);
        if (read_optional(&reader)) {
                secret = read_vector(&reader);
                taint(secret.data, secret.size);
        }
        return r;
}

int __real_public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                                const struct authenticated_content *a, struct writer *out);
int __wrap_public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                                const struct authenticated_content *a, struct writer *out);
int __wrap_public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                                const struct authenticated_content *a, struct writer *out)
{
        int r = __real_public_message_write(s, membership_key, group_context, a, out);

        untaint(out->data, out->size);
        return r;
}

/* The confirmation tag is secret until it has been compared, and then in every transcript. */
int __real_epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);
int __wrap_epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);
int __wrap_epoch_complete(struct epoch *next, const struct secret *joiner_secret, const struct secret *psk_secret,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX])
{
        int r = __real_epoch_complete(next, joiner_secret, psk_secret, confirmation_tag, tag);

        untaint(tag, SUITE_HASH_MAX);
        untaint(next->interim_transcript_hash, SUITE_HASH_MAX);
        return r;
}

/* Kept from being computed where it is compiled. */
static volatile bool kept;
static volatile uint8_t table[256];

static void what_leaks_is_noticed(void)
{
        _cleanup_secret_ struct secret *a = secret_random(32), *b = secret_copy(secret_bytes(a));

        (void) bytes_equal(secret_bytes(a), secret_bytes(b));
        step_that_leaks("memcmp() of secrets is noticed");
        if (a->data[0] == 0)
                kept = true;
        step_that_leaks("a jump that depends on a secret is noticed");
        kept = table[a->data[1]];
        step_that_leaks("an address that depends on a secret is noticed");
}

static void secrets_are_compared_and_copied(void)
{
        _cleanup_secret_ struct secret *a = secret_random(32), *b = secret_copy(secret_bytes(a)),
                                       *large = secret_random(5000);
        bool good = secret_equal(secret_bytes(a), secret_bytes(b));

        for (size_t i = 0; i < a->size; i++) {
                b->data[i] ^= 0x80;
                good = good && !secret_equal(secret_bytes(a), secret_bytes(b));
                b->data[i] ^= 0x80;
        }
        b = secret_free(b);
        b = secret_copy(secret_bytes(large));
        step("secrets are compared, copied and freed", good && b->size == large->size);
}

static const struct secret *known_psk(void *userdata, const struct psk_id *id)
{
        return userdata;
}

static bool is_secret(const struct secret *s)
{
        return s && is_tainted(s->data, s->size);
}

static bool takes(struct person *to, const struct writer *message, const struct group_host *host)
{
        _cleanup_(received_release) struct received received = { 0 };

        return group_process(to->group, writer_bytes(message), host, &received) == 0;
}

static bool text_passes(struct person *from, struct person *to)
{
        _cleanup_secret_ struct secret *content = secret_copy(BYTES_OF(text));
        _cleanup_(received_release) struct received received = { 0 };
        _cleanup_writer_ struct writer message = WRITER_INIT;

        taint(content->data, content->size);
        return group_protect(from->group, secret_bytes(content), BYTES_STRING("aad"), 256, &message) == 0 &&
               group_process(to->group, writer_bytes(&message), NULL, &received) == 0 &&
               is_tainted(received.data.data, received.data.size);
}

/* A commit of @from's, which @to takes; who is added joins. */
static bool commit_passes(struct person *from, struct person *to, struct group_change change, struct person *added)
{
        _cleanup_secret_ struct secret *psk = secret_random(32);
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        struct bytes package = added ? writer_bytes(&added->package) : BYTES(NULL, 0);
        struct group_host host = { .psk = known_psk, .userdata = psk };

        if (added)
                change.add = &package, change.add_count = 1;
        if (group_commit(from->group, &change, &host, &commit, &welcome) < 0)
                return false;
        group_merge_pending(from->group);
        if (added)
                join(added, writer_bytes(&welcome));
        return !to || takes(to, &commit, &host);
}

static bool proposal_passes(struct person *from, struct person *to, bool public)
{
        struct group_framing framing = { .public = public, .pad_to = 64 };
        _cleanup_writer_ struct writer message = WRITER_INIT;

        return group_propose_update(from->group, NULL, BYTES(NULL, 0), &framing, &message) == 0 &&
               takes(to, &message, NULL);
}

static bool joins_from_outside(struct person *who, struct person *member)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, commit = WRITER_INIT;
        struct identity self = identity_of(who);
        struct external_join outside = { .self = &self, .resync = NODE_NONE };

        if (group_publish_info(member->group, true, &info) < 0)
                return false;
        outside.group_info = writer_bytes(&info);
        return group_join_external(&outside, NULL, &commit, &who->group) == 0 && takes(member, &commit, NULL);
}

static bool is_read_back(struct person *p)
{
        _cleanup_writer_ struct writer state = state_of(p);
        struct reader r;

        p->group = group_free(p->group);
        reader_init(&r, writer_bytes(&state));
        return group_read(&r, &p->group) == 0;
}

/* What has come out of all that is secret still, or nothing would have been looked at. */
static bool holds_secrets(const struct person *p)
{
        const struct epoch *e = group_epoch(p->group);
        _cleanup_secret_ struct secret *exported = group_export(p->group, "label", BYTES_OF(text), 32);

        return is_secret(exported) && is_secret(e->schedule.init_secret) && is_secret(e->schedule.membership_key) &&
               is_secret(e->schedule.confirmation_key) && is_secret(e->schedule.sender_data_secret) &&
               is_secret(private_keys_get(&e->keys, tree_leaf_node(e->keys.leaf)));
}

static void a_group_lives(const struct suite *s)
{
        struct person a, b, c, d;
        struct psk_id psk = { .type = PSK_EXTERNAL, .external_id = BYTES_STRING("psk") };

        printf("# %s\n", s->name);
        person_make(s, "alice", &a);
        person_make(s, "bob", &b);
        person_make(s, "carol", &c);
        person_make(s, "dave", &d);
        step("key packages", true);
        create(s, &a);
        step("a group is created", true);
        step("a member is added and joins", commit_passes(&a, NULL, (struct group_change){ 0 }, &b));
        step("texts pass", text_passes(&a, &b) && text_passes(&b, &a) && text_passes(&b, &a));
        step("an update is proposed in public, and the membership tag compared", proposal_passes(&a, &b, true));
        step("an update is proposed in private", proposal_passes(&b, &a, false));
        step("a commit to them with a PSK, and the confirmation tag compared",
             commit_passes(&a, &b, (struct group_change){ .cached = true, .psks = &psk, .psk_count = 1 }, NULL));
        step("a public commit, with a path and somebody who joins by it",
             commit_passes(&b, &a, (struct group_change){ .framing = { .public = true } }, &c));
        step("somebody joins from outside", joins_from_outside(&d, &a));
        step("a group is written and read back", is_read_back(&a) && is_read_back(&d));
        step("texts pass again", text_passes(&a, &d) && text_passes(&d, &a));
        step("what all have now is secret still", holds_secrets(&a) && holds_secrets(&b) && holds_secrets(&d));
        people_release((struct person[]){ a, b, c, d }, 4);
        step("all is freed", true);
}

int main(int argc, char **argv)
{
        static const char *const suites[] = { "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
                                              "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
                                              "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519" };

        taint_begin(argv, TAINT_SUPPRESSIONS);
        what_leaks_is_noticed();
        secrets_are_compared_and_copied();
        for (size_t i = 0; i < COUNT_OF(suites); i++)
                if (suite_by_name(suites[i]))
                        a_group_lives(suite_by_name(suites[i]));
        return taint_end();
}

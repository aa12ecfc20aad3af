/* Sealing what lies on disk, and the few primitives that authd, cryptod and relayd share, over OpenSSL's EVP.
 *
 * A sealed value is  version(1) ‖ nonce(12, random) ‖ AES-256-GCM ciphertext ‖ tag(16)  (NIST SP 800-38D). One key
 * seals at most 2^32 values: the bound for random nonces in SP 800-38D §8.3. */
#pragma once

#include "bytes.h"
#include "secret.h"

enum { SEAL_KEY_SIZE = 32, SEAL_OVERHEAD = 1 + 12 + 16 };

/* Appends the sealed @plain to @out. @key has SEAL_KEY_SIZE bytes; @associated binds the value to its place (table,
 * row). -EMSGSIZE if @plain is larger than SECRET_SIZE_MAX, or an error of @out. */
int seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out);

/* Opens a sealed value into locked memory. -EBADMSG if key, associated data or any bit is not the one sealed. */
int unseal(const struct secret *key, struct bytes associated, struct bytes sealed, struct secret **out);

/* HKDF-SHA-512 (RFC 5869), extract and expand; @size up to 255 * 64 bytes. */
struct secret *hkdf_sha512(struct bytes ikm, struct bytes salt, struct bytes info, size_t size);

/* SHAKE256 (FIPS 202): @size bytes made of @input, at most SECRET_SIZE_MAX. */
struct secret *shake256(struct bytes input, size_t size);

/* SHA-256 (FIPS 180-4). */
void sha256(struct bytes input, uint8_t out[static 32]);

/* Bytes of OpenSSL's private generator. Aborts if it fails: nothing sensible can follow. */
void random_fill(void *p, size_t size);
struct secret *secret_random(size_t size);

/* Opens a key of SEAL_KEY_SIZE random bytes kept in a file of mode 0600, made, synced and renamed into place at first
 * use. If $CREDENTIALS_DIRECTORY/@credential exists (systemd.exec(5)), that is the key instead and @path is not used. A
 * key of another size is refused with -EBADMSG; other errors are those of file_read_secret() and file_write(). A
 * sentence has been logged. */
int host_key_open(const char *path, const char *credential, struct secret **out);

/* What older chat tools wrote: base64 of a random IV and AES-256-CBC with PKCS#7, under the SHA-256 of a passphrase. It
 * can be read here for ever, but it is weak in two ways: a passphrase can be guessed as fast as SHA-256 goes, and
 * nothing shows that it was changed. So what is written here has a MAC behind it,
 *
 *     base64(IV ‖ ciphertext)                                              read only
 *     base64(IV ‖ ciphertext) "." base64(HMAC-SHA-256(mac key, IV ‖ ciphertext))     read and written
 *
 *     key = SHA-256(passphrase)      mac key = HMAC-SHA-256(key, "visavis legacy envelope MAC v1")
 *
 * (encrypt-then-MAC; H. Krawczyk, CRYPTO 2001). Whoever can cut off the MAC makes the first of the second, so a reader
 * has to be told which it was. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum {
        LEGACY_ENVELOPE_CONTENT_MAX = 16 * 1024 * 1024,
        LEGACY_ENVELOPE_TEXT_MAX = 24 * 1024 * 1024,
        LEGACY_ENVELOPE_PASSPHRASE_MAX = 1024,
};

/* Appends the envelope of @plain, one line without its newline, to @out. -EMSGSIZE if @plain is longer than
 * LEGACY_ENVELOPE_CONTENT_MAX, or an error of @out. */
int legacy_envelope_write(const struct secret *passphrase, struct bytes plain, struct writer *out);

/* The same with an IV of 16 bytes that is given, for test vectors. */
int legacy_envelope_write_fixed(const struct secret *passphrase, struct bytes iv, struct bytes plain,
                                struct writer *out);

/* Opens one; white space in it does not matter. Appends the content to @out, and says whether a MAC vouches for it.
 * -EBADMSG if it is no such envelope, -EKEYREJECTED if MAC or padding are wrong: another passphrase, or it was changed;
 * -EMSGSIZE; an error of @out. */
int legacy_envelope_read(const struct secret *passphrase, struct bytes text, struct writer *out, bool *authenticated);

/* A cover: what stands before a sealed file that is for a contact. It holds the file's wrapping key twice, once for the
 * contact and once for who sealed it, each encrypted (HPKE, RFC 9180, base mode) to the account's sealing key, and says
 * who sealed it for whom, signed with the sealer's root key.
 *
 *     struct {
 *         uint8 magic[8] = 89 56 56 4b 0d 0a 1a 0a;         "\x89VVK\r\n\x1a\n"
 *         uint8 version = 1;
 *         uint16 cipher_suite;                              RFC 9420 §17.1; of both accounts
 *         uint16 size;                                      of what follows, but for the check
 *         struct { opaque kem_output<V>; opaque ciphertext<V>; } keys[2];      the contact's, the sealer's
 *         uint8 check[16];                                  of SHA-256 over all before: against accidents alone
 *     } Cover;
 *
 *     ciphertext = EncryptWithLabel(sealing key, "Visavis sealed file", header, CoverContent)     (RFC 9420 §5.1.3)
 *
 *     struct {
 *         opaque sealer<V>, sealer_root_key<V>, receiver<V>, receiver_root_key<V>;
 *         opaque signature<V>;             SignWithLabel(sealer's root key, "Visavis sealed file", CoverTBS)
 *         opaque wrapping_key<V>;
 *     } CoverContent;
 *
 *     struct { opaque sealer<V>, sealer_root_key<V>, receiver<V>, receiver_root_key<V>; opaque header<V>; } CoverTBS;
 *
 * header is the sealed file's, with the commitment to its key. Who looks at a cover learns its suite and nothing of the
 * people. docs/decisions/a-file-for-a-contact.md argues it. */
#pragma once

#include "cryptod/files/sealed_file.h"
#include "cryptod/mls/suite.h"

enum { COVER_HEAD_SIZE = 8 + 1 + 2 + 2, COVER_CHECK_SIZE = 16 };

/* An account as a cover names it: its address (name@host:port) and its public root key, as views. */
struct cover_account {
        struct bytes address, root_key;
};

/* Appends a cover. The sealing keys are public. -EBADMSG if @receiver_key is no key of the suite. */
struct cover_request {
        const struct suite *suite;
        struct cover_account sealer, receiver;
        struct bytes sealer_key, receiver_key;
        const struct secret *root_private_key; /* the sealer's */
        struct bytes header;                   /* of the sealed file */
        const struct secret *wrapping_key;
};
int cover_write(const struct cover_request *q, struct writer *out);

/* What an account opens covers with; owned, so that a thread can have it. */
struct cover_key {
        const struct suite *suite;
        struct writer address, root_key, public_key;
        struct secret *private_key;
        struct writer from_address, from_root_key; /* who alone may have sealed it; empty: anybody */
};
struct cover_key *cover_key_new(const struct suite *s, struct cover_account account, struct bytes public_key,
                                const struct secret *private_key);
/* From now on it opens only what this account has sealed for it. */
void cover_key_expect(struct cover_key *k, struct cover_account from);
struct cover_key *cover_key_free(struct cover_key *k);

/* True if a file that begins with @input has a cover; then how large it is. */
bool cover_begins(struct bytes input);

/* 0 and the size of the whole cover whose first COVER_HEAD_SIZE bytes are @head, or a flaw (sealed_file.h). */
int cover_size(struct bytes head, size_t *size);

/* What a cover says, once it is opened. */
struct cover_content {
        struct writer bytes; /* what the views point into, without the key */
        struct cover_account sealer, receiver;
        struct secret *wrapping_key;
};
void cover_content_release(struct cover_content *c);

/* Opens a cover of the sealed file with this header. 0 if it is for @k's account or from it, and signed by who is named
 * as the sealer: whether that is somebody whom one knows remains to be seen. Else a flaw. */
int cover_open(const struct cover_key *k, struct bytes cover, struct bytes header, struct cover_content *out);

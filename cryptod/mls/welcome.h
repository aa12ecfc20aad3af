/* Welcome: what lets somebody with a key package into a group (RFC 9420 §12.4.3.1). The bytes here are what follows
 * version and wire format in an MLSMessage. */
#pragma once

#include "cryptod/mls/group_info.h"
#include "cryptod/mls/psk.h"

struct welcome {
        const struct suite *suite;
        struct bytes secrets; /* the content of EncryptedGroupSecrets secrets<V> */
        struct bytes encrypted_group_info;
};

/* What one new member is told, by itself. */
struct group_secrets {
        struct secret *joiner_secret;
        struct secret *path_secret; /* NULL if the commit had no path, or shares no node with the member */
        struct bytes psks;          /* the content of PreSharedKeyID psks<V>, in @plain */
        struct writer plain;
};

void group_secrets_release(struct group_secrets *g);

/* Reads one, as views. -EBADMSG, -EPROTONOSUPPORT */
int welcome_read(struct reader *r, struct welcome *out);

/* Finds and decrypts the secrets for the key package whose KeyPackageRef is @ref. -ENOENT if the welcome is not for it,
 * -EBADMSG. */
int welcome_open_secrets(const struct welcome *w, struct bytes ref, const struct secret *init_key,
                         struct group_secrets *out);

/* Decrypts and reads the GroupInfo, whose views point into @plain. Its signature has not been verified. -EBADMSG,
 * -EPROTONOSUPPORT */
int welcome_open_group_info(const struct welcome *w, const struct secret *joiner_secret,
                            const struct secret *psk_secret, struct writer *plain, struct group_info *out);

/* One new member: @psks as in group_secrets, @path_secret may be NULL. */
struct welcome_recipient {
        struct bytes key_package_ref, init_key; /* the public one */
        const struct secret *path_secret;
};

/* Appends a Welcome with an encoded GroupInfo for all recipients, sealed by at most @threads threads. */
int welcome_write(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                  struct bytes psks, struct bytes group_info, const struct welcome_recipient *recipients, size_t count,
                  unsigned threads, struct writer *out);

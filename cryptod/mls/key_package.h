/* Key packages: what somebody offers so that others can add them to groups (RFC 9420 §10). */
#pragma once

#include "cryptod/mls/leaf_node.h"

struct key_package {
        uint16_t version, cipher_suite;
        struct bytes init_key;
        struct leaf_node leaf;
        struct bytes extensions;
        struct bytes signature;
        struct bytes content; /* KeyPackageTBS: all that stands before the signature */
        struct bytes encoded;
};

/* Reads one, as views. */
void key_package_read(struct reader *r, struct key_package *out);

/* The checks of §10.1 that need no group: version and suite are known, the leaf's source is a key package, encryption
 * and init key differ, both signatures hold. @now (seconds since 1970) lies in the leaf's lifetime. -EBADMSG,
 * -EPROTONOSUPPORT, -ESTALE. */
int key_package_check(const struct key_package *k, uint64_t now);

/* KeyPackageRef (§5.2): Nh bytes. */
void key_package_ref(const struct suite *s, const struct key_package *k, uint8_t out[static SUITE_HASH_MAX]);

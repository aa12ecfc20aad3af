/* Leaf nodes: a member's keys, credential and abilities (RFC 9420 §7.2), as views into the bytes that they were read
 * from. */
#pragma once

#include "cryptod/mls/suite.h"

enum { PROTOCOL_MLS10 = 1 };
enum credential_type { CREDENTIAL_BASIC = 1, CREDENTIAL_X509 = 2 };
enum leaf_node_source { LEAF_NODE_KEY_PACKAGE = 1, LEAF_NODE_UPDATE = 2, LEAF_NODE_COMMIT = 3 };

/* A credential's content is one vector for both types: the identity, or the chain of certificates. */
struct credential {
        uint16_t type;
        struct bytes content;
};

struct capabilities {
        struct bytes versions, cipher_suites, extensions, proposals, credentials; /* each a list of uint16 */
};

struct leaf_node {
        struct bytes encryption_key, signature_key;
        struct credential credential;
        struct capabilities capabilities;
        enum leaf_node_source source;
        uint64_t not_before, not_after; /* LEAF_NODE_KEY_PACKAGE: seconds since 1970 */
        struct bytes parent_hash;       /* LEAF_NODE_COMMIT */
        struct bytes extensions;        /* the content of extensions<V> */
        struct bytes signature;
        struct bytes content; /* all that stands before the signature */
        struct bytes encoded; /* the whole */
};

/* Reads one leaf node; an unknown source, or a malformed list in it, is an error of @r. */
void leaf_node_read(struct reader *r, struct leaf_node *out);

/* True if a list of uint16 holds @value. */
bool capability_listed(struct bytes list, uint16_t value);

/* Numbers of 16 bits, for lists that are long: whoever sends a megabyte of them must not cost us the square of it. */
struct number_set {
        uint64_t bits[(UINT16_MAX + 1) / 64];
};
void number_set_add(struct number_set *s, uint16_t number);
bool number_set_has(const struct number_set *s, uint16_t number);

/* Looks an extension up in the content of extensions<V>. */
bool extension_find(struct bytes extensions, uint16_t type, struct bytes *data);

/* Checks that extensions are well-formed and no type stands twice. */
int extensions_check(struct bytes extensions);

/* What a leaf node is signed over (LeafNodeTBS): its content, and for sources other than key packages its place in the
 * group. */
void leaf_node_write_tbs(struct writer *w, const struct leaf_node *leaf, struct bytes group_id, uint32_t leaf_index);

/* Verifies the signature. -EBADMSG */
int leaf_node_verify(const struct suite *s, const struct leaf_node *leaf, struct bytes group_id, uint32_t leaf_index);

/* Appends @leaf, signed: all its fields but the views @signature, @content and @encoded, which are made. @group_id and
 * @leaf_index count for sources other than key packages. */
int leaf_node_write(const struct leaf_node *leaf, const struct signature_key *signature_key, struct bytes group_id,
                    uint32_t leaf_index, struct writer *out);

/* What every message has inside, whatever its wire format: framed content and its authentication (RFC 9420 §6, §6.1).
 */
#pragma once

#include "cryptod/mls/commit.h"

enum wire_format {
        WIRE_FORMAT_PUBLIC_MESSAGE = 1,
        WIRE_FORMAT_PRIVATE_MESSAGE = 2,
        WIRE_FORMAT_WELCOME = 3,
        WIRE_FORMAT_GROUP_INFO = 4,
        WIRE_FORMAT_KEY_PACKAGE = 5,
};

enum content_type { CONTENT_APPLICATION = 1, CONTENT_PROPOSAL = 2, CONTENT_COMMIT = 3 };
enum sender_type {
        SENDER_MEMBER = 1,
        SENDER_EXTERNAL = 2,
        SENDER_NEW_MEMBER_PROPOSAL = 3,
        SENDER_NEW_MEMBER_COMMIT = 4
};

struct framed_content {
        struct bytes group_id;
        uint64_t epoch;
        enum sender_type sender_type;
        uint32_t sender; /* leaf index of a member, or index of an external sender */
        struct bytes authenticated_data;
        enum content_type content_type;
        struct bytes body; /* application data, or the encoded proposal or commit */
};

struct framed_content_auth {
        struct bytes signature;
        struct bytes confirmation_tag; /* of a commit */
};

/* A content with its authentication, and the format that it travels in, which the signature covers. */
struct authenticated_content {
        enum wire_format wire_format;
        struct framed_content content;
        struct framed_content_auth auth;
};

void framed_content_read(struct reader *r, struct framed_content *out);
void framed_content_write(struct writer *w, const struct framed_content *c);

/* The body alone, as it stands in both kinds of messages: application data has a length, the others end by themselves.
 */
struct bytes framed_body_read(struct reader *r, enum content_type type);
void framed_body_write(struct writer *w, enum content_type type, struct bytes body);

void framed_content_auth_read(struct reader *r, enum content_type type, struct framed_content_auth *out);
void framed_content_auth_write(struct writer *w, enum content_type type, const struct framed_content_auth *auth);

void authenticated_content_read(struct reader *r, struct authenticated_content *out);
void authenticated_content_write(struct writer *w, const struct authenticated_content *a);

/* Signs: the signature is appended to @signature, which must outlive its use. Verifies: -EBADMSG. @group_context:
 * encoded. */
int authenticated_content_sign(const struct signature_key *key, struct bytes group_context,
                               const struct authenticated_content *a, struct writer *signature);
int authenticated_content_verify(const struct suite *s, struct bytes public_key, struct bytes group_context,
                                 const struct authenticated_content *a);

/* FramedContentTBS, for the signature and for the membership tag. */
void framed_content_write_tbs(struct writer *w, enum wire_format wire_format, const struct framed_content *c,
                              struct bytes group_context);

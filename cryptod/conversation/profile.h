/* What kind of conversation a group is, and its name: an extension of our own in the group context (RFC 9420 §13.4), so
 * that all members agree on it in every epoch, whoever joins knows it at once, and an old name cannot come back.
 *
 *     struct {
 *         uint8 version = 1;
 *         uint8 kind;          1: group, 2: room
 *         opaque name<V>;
 *     } ConversationProfile;   extension type 0xf101, of those for private use
 *
 * A group without it is the conversation of two. */
#pragma once

#include "services/bytes.h"

enum { EXTENSION_CONVERSATION_PROFILE = 0xf101, CONVERSATION_NAME_MAX = 128 };

enum conversation_kind { CONVERSATION_PERSON, CONVERSATION_GROUP, CONVERSATION_ROOM };

struct profile {
        enum conversation_kind kind;
        struct bytes name; /* of a group or a room: UTF-8 */
};

/* A name has 1 to CONVERSATION_NAME_MAX bytes of UTF-8, no control characters, no @ (so that it cannot be taken for
 * somebody's address), and does not begin with # (the mark of a room) or a space. */
bool profile_name_valid(struct bytes name);

/* Appends the extension, of a group or a room. */
void profile_write(const struct profile *p, struct writer *extensions);

/* From a group context's extensions, as views. -EBADMSG if it is malformed, -EPROTONOSUPPORT for another version or
 * kind. */
int profile_read(struct bytes extensions, struct profile *out);

/* What kind of conversation a group is, its name and picture, and who may change what: an extension of our own in the
 * group context (RFC 9420 §13.4), so that all members agree on it in every epoch, whoever joins knows it at once, and
 * an old one cannot come back.
 *
 *     struct {
 *         uint8 version;       2 or 3
 *         uint8 kind;          1: group, 2: room
 *         opaque name<V>;
 *         uint8 policy;        what members without a role may do: 1: add, 2: change name and picture
 *         Role roles<V>;       roles.h
 *         opaque picture<V>;   as it was given, at most 16 KiB; it is never looked into here
 *         Invitation invitations<V>;   invitation.h; version 3 alone, which it is if there are any
 *     } ConversationProfile;   extension type 0xf101, of those for private use
 *
 * Version 1 ended behind the name, and means what a new group of version 2 has: policy 3, no roles, no picture. A group
 * without the extension is the conversation of two. */
#pragma once

#include "services/bytes.h"

enum { EXTENSION_CONVERSATION_PROFILE = 0xf101, CONVERSATION_NAME_MAX = 128, CONVERSATION_PICTURE_MAX = 16 * 1024 };

enum {
        POLICY_MEMBERS_ADD = 1,
        POLICY_MEMBERS_EDIT = 2,
        POLICY_ALL = POLICY_MEMBERS_ADD | POLICY_MEMBERS_EDIT,
};

enum conversation_kind { CONVERSATION_PERSON, CONVERSATION_GROUP, CONVERSATION_ROOM };

struct profile {
        enum conversation_kind kind;
        struct bytes name; /* of a group or a room: UTF-8 */
        uint8_t policy;
        struct bytes roles; /* roles.h */
        struct bytes picture;
        struct bytes invitations; /* invitation.h */
};

/* A name has 1 to CONVERSATION_NAME_MAX bytes of UTF-8, no control characters, no @ (so that it cannot be taken for
 * somebody's address), and does not begin with # (the mark of a room) or a space. */
bool profile_name_valid(struct bytes name);

/* Appends the extension, of a group or a room. */
void profile_write(const struct profile *p, struct writer *extensions);

/* From a group context's extensions, as views. -EBADMSG if it is malformed, -EPROTONOSUPPORT for another version or
 * kind. */
int profile_read(struct bytes extensions, struct profile *out);

/* Appends the extensions of other types than this one. */
void profile_write_others(struct bytes extensions, struct writer *out);

/* What members of a group say inside of MLS's encryption, whose device a leaf claims to be, what an envelope holds,
 * what a group context says of the conversation, and to which key files can be sealed: the first byte of the input
 * chooses the decoder. What a messenger takes must be within its bounds and be written as the same bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "cryptod/conversation/contact_link.h"
#include "cryptod/conversation/content.h"
#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/description.h"
#include "cryptod/conversation/further_addresses.h"
#include "cryptod/conversation/invitation_link.h"
#include "cryptod/conversation/knock.h"
#include "cryptod/conversation/parcel.h"
#include "cryptod/conversation/profile.h"
#include "cryptod/conversation/roles.h"
#include "cryptod/conversation/room.h"
#include "cryptod/conversation/sealing_key.h"
#include "services/address.h"
#include "services/cleanup.h"
#include "services/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
        if (!good)
                abort();
}

static void check_mentions(const struct content *c)
{
        struct reader r;

        reader_init(&r, c->mentions);
        while (reader_more(&r)) {
                struct mention m = read_mention(&r);

                must((uint64_t) m.offset + m.length <= c->text.size);
        }
        must(reader_finish(&r) == 0);
}

static void fuzz_content(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct content c;

        if (content_read(input, &c) < 0)
                return;
        must(c.text.size <= CONTENT_TEXT_MAX && utf8_valid(c.text) && utf8_valid(c.fallback));
        must(c.version > 0 || (c.kind == 0 && content_is_shown(&c)));
        describe_content(&c, &w);
        must(writer_finish(&w) == 0 && (w.size > 0 || !content_is_shown(&c)));
        check_mentions(&c);
        if (c.version != 2)
                return;
        writer_release(&w);
        content_write(&w, &c);
        must(writer_finish(&w) == 0 && bytes_equal(writer_bytes(&w), input));
}

/* What was taken as address and root key is what stands in the credential, a signature stands behind it, and there is
 * no second spelling of the address. */
static void check_credential(const struct leaf_node *leaf, const struct device_credential *c)
{
        _cleanup_writer_ struct writer head = WRITER_INIT;
        char copy[ADDRESS_TEXT_MAX], canonical[ADDRESS_TEXT_MAX];
        struct address address;
        struct bytes content = leaf->credential.content;

        must(leaf->credential.type == CREDENTIAL_BASIC && c->address.size < sizeof(copy));
        (void) snprintf(copy, sizeof(copy), "%.*s", (int) c->address.size, (const char *) c->address.data);
        must(address_parse(copy, &address, NULL) == 0);
        address_format(&address, false, canonical);
        must(bytes_equal(c->address, BYTES_STRING(canonical)));
        write_u8(&head, 1);
        write_vector(&head, c->address);
        write_vector(&head, c->root_key);
        must(writer_finish(&head) == 0 && head.size < content.size &&
             bytes_equal(writer_bytes(&head), BYTES(content.data, head.size)));
}

static void fuzz_leaf(struct bytes input)
{
        const struct suite *s = suite_by_id(1);
        struct device_credential c;
        struct leaf_node leaf;
        struct reader r;

        reader_init(&r, input);
        leaf_node_read(&r, &leaf);
        if (reader_finish(&r) == 0 && device_credential_read(s, &leaf, &c) == 0)
                check_credential(&leaf, &c);
}

static void fuzz_parcel(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct parcel p;

        if (parcel_read(input, &p) < 0)
                return;
        must(p.message.size > 0);
        parcel_write(&p, &w);
        must(writer_finish(&w) == 0 && bytes_equal(writer_bytes(&w), input));
}

static void fuzz_profile(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct profile p, again;

        if (extensions_check(input) < 0 || profile_read(input, &p) < 0 || p.kind == CONVERSATION_PERSON)
                return;
        must(profile_name_valid(p.name) && p.kind <= CONVERSATION_ROOM);
        profile_write(&p, &w);
        must(roles_check(p.roles) == 0 && p.picture.size <= CONVERSATION_PICTURE_MAX);
        must(writer_finish(&w) == 0 && profile_read(writer_bytes(&w), &again) == 0 && again.kind == p.kind &&
             bytes_equal(again.name, p.name) && again.policy == p.policy && bytes_equal(again.roles, p.roles) &&
             bytes_equal(again.picture, p.picture) && bytes_equal(again.invitations, p.invitations) &&
             invitations_check(p.invitations) == 0);
}

/* Nobody has signed one with this root key. */
static void fuzz_sealing_key(struct bytes input)
{
        const struct suite *s = suite_by_id(1);
        static const uint8_t root_key[32] = { 9 };
        struct bytes key;

        if (extensions_check(input) == 0)
                must(sealing_key_read(s, input, BYTES_STRING("bob@hub.example.org:7843"), BYTES_OF(root_key), &key) <
                     0);
}

/* What is found is spelt as it should be, and on the hub where it was looked for. */
static void fuzz_further_addresses(struct bytes input)
{
        const struct leaf_node leaf = { .extensions = input };
        struct bytes beside = BYTES_STRING("bob@hub.example.org:7843"), found;

        if (extensions_check(input) == 0 && further_address_beside(&leaf, beside, &found))
                must(address_is_canonical(found) && same_hub(found, beside));
}

/* What a hub says of a room. */
static void fuzz_room(struct bytes input)
{
        _cleanup_writer_ struct writer entry = WRITER_INIT, state = WRITER_INIT;
        struct room_entry e;
        struct room_state s;

        if (room_entry_read(input, &e) == 0) {
                must(room_entry_is(input) && e.step <= ROOM_JOIN && (e.step == ROOM_JOIN) == (e.sender.size > 0));
                write_fixed(&entry, BYTES(input.data, 3));
                write_vector(&entry, e.sender);
                write_vector(&entry, e.payload);
                must(writer_finish(&entry) == 0 && bytes_equal(writer_bytes(&entry), input));
        }
        if (room_state_read(input, &s) == 0) {
                must((s.group.size == 0) == (s.group_info.size == 0));
                write_vector(&state, s.group);
                write_u64(&state, s.epoch);
                write_vector(&state, s.group_info);
                must(writer_finish(&state) == 0 && bytes_equal(writer_bytes(&state), input));
        }
}

/* The link of a contact, which is written as something that reads as the same. */
static void fuzz_link(struct bytes input)
{
        char text[CONTACT_LINK_MAX + 64], written[CONTACT_LINK_MAX];
        struct contact_link l, again;
        const char *reason = NULL;

        (void) snprintf(text, sizeof(text), "%.*s", (int) input.size, (const char *) input.data);
        if (contact_link_read(text, &l, &reason) < 0) {
                must(reason != NULL);
                return;
        }
        contact_link_write(&l, written);
        must(contact_link_read(written, &again, &reason) == 0 && address_equal(&l.address, &again.address) &&
             bytes_equal(BYTES_OF(l.pin), BYTES_OF(again.pin)) && l.address.has_key == again.address.has_key);
}

/* A link into a group, in the same manner. */
static void fuzz_invitation_link(struct bytes input)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 }, again = { 0 };
        char text[CONTACT_LINK_MAX + 64], written[CONTACT_LINK_MAX];
        const char *reason = NULL;

        (void) snprintf(text, sizeof(text), "%.*s", (int) input.size, (const char *) input.data);
        if (invitation_link_read(text, &l, &reason) < 0) {
                must(reason != NULL);
                return;
        }
        if (invitation_link_write(&l, written) == 0)
                must(invitation_link_read(written, &again, &reason) == 0 && again.expires == l.expires &&
                     bytes_equal(BYTES_OF(again.id), BYTES_OF(l.id)) &&
                     bytes_equal(secret_bytes(again.key), secret_bytes(l.key)));
}

static void fuzz_knock(struct bytes input)
{
        _cleanup_writer_ struct writer knocked = WRITER_INIT, opened = WRITER_INIT;
        struct opening o;
        struct knock k;

        if (knock_read(input, &k) == 0) {
                knock_write(&k, &knocked);
                must(writer_finish(&knocked) == 0 && bytes_equal(writer_bytes(&knocked), input));
        }
        if (opening_read(input, &o) == 0) {
                opening_write(&o, &opened);
                must(writer_finish(&opened) == 0 && bytes_equal(writer_bytes(&opened), input));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const decoders[])(struct bytes) = {
                fuzz_content,           fuzz_leaf, fuzz_parcel,          fuzz_profile, fuzz_sealing_key, fuzz_room,
                fuzz_further_addresses, fuzz_link, fuzz_invitation_link, fuzz_knock
        };

        if (size > 0)
                decoders[data[0] % COUNT_OF(decoders)](BYTES(data + 1, size - 1));
        return 0;
}

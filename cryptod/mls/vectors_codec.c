/* Vectors of encodings: deserialization (variable-size headers) and messages (every structure there is). */
#include <stdio.h>
#include <string.h>

#include "cryptod/mls/private_message.h"
#include "cryptod/mls/public_message.h"
#include "cryptod/mls/ratchet_tree.h"
#include "cryptod/mls/vectors.h"
#include "cryptod/mls/welcome.h"
#include "services/cleanup.h"

bool vector_deserialization(json_object *o)
{
        _cleanup_hex_ struct hex header = vector_hex(o, "vlbytes_header");
        _cleanup_writer_ struct writer again = WRITER_INIT;
        struct reader r;

        reader_init(&r, hex_bytes(&header));
        EXPECT(read_varint(&r) == vector_integer(o, "length"));
        EXPECT(reader_finish(&r) == 0);
        write_varint(&again, vector_number(o, "length"));
        EXPECT(vector_equals(o, "vlbytes_header", writer_bytes(&again)));
        return true;
}

/* Each decoder reads from @r and, where the structure is one that we also write, writes it again to @w. */
typedef bool (*codec_t)(struct reader *r, struct writer *w);

static bool welcome_codec(struct reader *r, struct writer *w)
{
        struct welcome m;

        return welcome_read(r, &m) == 0;
}

static bool group_info_codec(struct reader *r, struct writer *w)
{
        _cleanup_(group_info_release) struct group_info g = { 0 };

        if (group_info_read(r, &g) < 0)
                return false;
        write_fixed(w, group_context_bytes(&g.context));
        write_vector(w, g.extensions);
        write_vector(w, g.confirmation_tag);
        write_u32(w, g.signer);
        write_vector(w, g.signature);
        return true;
}

static bool key_package_codec(struct reader *r, struct writer *w)
{
        struct key_package k;

        key_package_read(r, &k);
        write_fixed(w, k.content);
        write_vector(w, k.signature);
        return true;
}

static bool tree_codec(struct reader *r, struct writer *w)
{
        /* The encoding does not depend on the suite. */
        _cleanup_(ratchet_tree_release) struct ratchet_tree t = { 0 };

        if (ratchet_tree_read(suite_at(0), r, &t) < 0)
                return false;
        ratchet_tree_write(&t, w);
        return true;
}

static bool group_secrets_codec(struct reader *r, struct writer *w)
{
        struct bytes psks;
        struct reader list;

        write_vector(w, read_vector(r));
        bool has_path = read_optional(r);

        write_optional(w, has_path);
        if (has_path)
                write_vector(w, read_vector(r));
        list = read_vector_open(r);
        psks = list.rest;
        while (reader_more(&list)) {
                struct psk_id id;

                psk_id_read(&list, &id);
        }
        reader_close_vector(r, &list);
        write_vector(w, psks);
        return true;
}

static bool commit_codec(struct reader *r, struct writer *w)
{
        struct commit c;

        commit_read(r, &c);
        return true;
}

static bool public_codec(struct reader *r, struct writer *w)
{
        struct authenticated_content a;
        struct bytes tag;

        if (public_message_read(r, &a, &tag) < 0)
                return false;
        framed_content_write(w, &a.content);
        framed_content_auth_write(w, a.content.content_type, &a.auth);
        if (a.content.sender_type == SENDER_MEMBER)
                write_vector(w, tag);
        return true;
}

static bool private_codec(struct reader *r, struct writer *w)
{
        struct private_message m;

        if (private_message_read(r, &m) < 0)
                return false;
        write_vector(w, m.group_id);
        write_u64(w, m.epoch);
        write_u8(w, (uint8_t) m.content_type);
        write_vector(w, m.authenticated_data);
        write_vector(w, m.encrypted_sender_data);
        write_vector(w, m.ciphertext);
        return true;
}

/* Decodes a member whole, @head bytes of it by the caller, and compares what was written again. */
static bool decodes(json_object *o, const char *name, uint16_t wire_format, codec_t codec)
{
        _cleanup_hex_ struct hex h = vector_hex(o, name);
        _cleanup_writer_ struct writer again = WRITER_INIT;
        struct reader r;

        reader_init(&r, hex_bytes(&h));
        if (wire_format) {
                EXPECT(read_u16(&r) == PROTOCOL_MLS10 && read_u16(&r) == wire_format);
                write_u16(&again, PROTOCOL_MLS10);
                write_u16(&again, wire_format);
        }

        size_t head = again.size;

        EXPECT(codec(&r, &again));
        EXPECT(reader_finish(&r) == 0);
        if (again.size > head)
                EXPECT(bytes_equal(hex_bytes(&h), writer_bytes(&again)));
        return true;
}

/* A proposal stands there without its type. */
static bool proposal_decodes(json_object *o, const char *name, enum proposal_type type)
{
        _cleanup_hex_ struct hex h = vector_hex(o, name);
        _cleanup_writer_ struct writer whole = WRITER_INIT;
        struct proposal p;
        struct reader r;

        write_u16(&whole, (uint16_t) type);
        write_fixed(&whole, hex_bytes(&h));
        reader_init(&r, writer_bytes(&whole));
        proposal_read(&r, &p);
        EXPECT(reader_finish(&r) == 0 && p.type == type && bytes_equal(p.encoded, writer_bytes(&whole)));
        return true;
}

bool vector_messages(json_object *o)
{
        return decodes(o, "mls_welcome", WIRE_FORMAT_WELCOME, welcome_codec) &&
               decodes(o, "mls_group_info", WIRE_FORMAT_GROUP_INFO, group_info_codec) &&
               decodes(o, "mls_key_package", WIRE_FORMAT_KEY_PACKAGE, key_package_codec) &&
               decodes(o, "ratchet_tree", 0, tree_codec) && decodes(o, "group_secrets", 0, group_secrets_codec) &&
               proposal_decodes(o, "add_proposal", PROPOSAL_ADD) &&
               proposal_decodes(o, "update_proposal", PROPOSAL_UPDATE) &&
               proposal_decodes(o, "remove_proposal", PROPOSAL_REMOVE) &&
               proposal_decodes(o, "pre_shared_key_proposal", PROPOSAL_PSK) &&
               proposal_decodes(o, "re_init_proposal", PROPOSAL_REINIT) &&
               proposal_decodes(o, "external_init_proposal", PROPOSAL_EXTERNAL_INIT) &&
               proposal_decodes(o, "group_context_extensions_proposal", PROPOSAL_GROUP_CONTEXT_EXTENSIONS) &&
               decodes(o, "commit", 0, commit_codec) &&
               decodes(o, "public_message_application", WIRE_FORMAT_PUBLIC_MESSAGE, public_codec) &&
               decodes(o, "public_message_proposal", WIRE_FORMAT_PUBLIC_MESSAGE, public_codec) &&
               decodes(o, "public_message_commit", WIRE_FORMAT_PUBLIC_MESSAGE, public_codec) &&
               decodes(o, "private_message", WIRE_FORMAT_PRIVATE_MESSAGE, private_codec);
}

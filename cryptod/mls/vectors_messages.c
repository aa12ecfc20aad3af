/* Vectors of messages: message-protection, transcript-hashes. */
#include <errno.h>
#include <stdio.h>

#include "cryptod/mls/private_message.h"
#include "cryptod/mls/public_message.h"
#include "cryptod/mls/transcript.h"
#include "cryptod/mls/vectors.h"
#include "services/cleanup.h"

enum { SENDER_LEAF = 1, LEAVES = 2 };

struct protection {
        const struct suite *suite;
        struct hex group_id, signature_pub;
        uint64_t epoch;
        struct signature_key *signature_priv;
        struct secret *encryption_secret, *sender_data_secret, *membership_key;
        struct writer group_context;
};

static void protection_release(struct protection *p)
{
        hex_release(&p->group_id);
        hex_release(&p->signature_pub);
        signature_key_free(p->signature_priv);
        secret_free(p->encryption_secret);
        secret_free(p->sender_data_secret);
        secret_free(p->membership_key);
        writer_release(&p->group_context);
}

static void tree_release(struct secret_tree **t)
{
        secret_tree_free(*t);
}

static struct secret_tree *new_tree(const struct protection *p)
{
        return secret_tree_new(p->suite, secret_copy(secret_bytes(p->encryption_secret)), LEAVES);
}

/* Skips version and wire format of an MLSMessage, which must be the expected ones. */
static bool open_message(struct reader *r, struct bytes message, enum wire_format format)
{
        reader_init(r, message);
        return read_u16(r) == PROTOCOL_MLS10 && read_u16(r) == format;
}

static bool check_public(const struct protection *p, struct bytes body, struct bytes raw)
{
        struct authenticated_content a;
        struct bytes tag;
        struct reader r;

        reader_init(&r, body);
        EXPECT(public_message_read(&r, &a, &tag) == 0);
        EXPECT(public_message_check_membership(p->suite, p->membership_key, writer_bytes(&p->group_context), &a, tag) ==
               0);
        EXPECT(authenticated_content_verify(p->suite, hex_bytes(&p->signature_pub), writer_bytes(&p->group_context),
                                            &a) == 0);
        EXPECT(bytes_equal(a.content.body, raw));
        return true;
}

static bool check_private(const struct protection *p, struct bytes body, struct bytes raw)
{
        _cleanup_(tree_release) struct secret_tree *tree = new_tree(p);
        struct private_message m;
        struct opened_message opened;
        struct reader r;
        bool verified, same;

        reader_init(&r, body);
        EXPECT(private_message_read(&r, &m) == 0);
        EXPECT(private_message_open(p->suite, tree, p->sender_data_secret, &m, &opened) == 0);
        verified = authenticated_content_verify(p->suite, hex_bytes(&p->signature_pub), writer_bytes(&p->group_context),
                                                &opened.content) == 0;
        same = bytes_equal(opened.content.content.body, raw);
        private_message_consume(tree, &opened);
        writer_release(&opened.plain);
        EXPECT(verified && same);
        EXPECT(private_message_open(p->suite, tree, p->sender_data_secret, &m, &opened) == -EALREADY);
        return true;
}

static struct authenticated_content own_content(const struct protection *p, enum wire_format format,
                                                enum content_type type, struct bytes raw, struct bytes tag)
{
        return (struct authenticated_content){
                .wire_format = format,
                .content = { .group_id = hex_bytes(&p->group_id),
                             .epoch = p->epoch,
                             .sender_type = SENDER_MEMBER,
                             .sender = SENDER_LEAF,
                             .content_type = type,
                             .body = raw },
                .auth = { .confirmation_tag = tag },
        };
}

/* What is protected here must open again. */
static bool own_messages(const struct protection *p, enum content_type type, struct bytes raw)
{
        _cleanup_(tree_release) struct secret_tree *tree = new_tree(p);
        _cleanup_writer_ struct writer signature = WRITER_INIT, message = WRITER_INIT, private_signature = WRITER_INIT,
                                       private = WRITER_INIT;
        static const uint8_t tag[32] = { 0 };
        struct authenticated_content a = own_content(p, WIRE_FORMAT_PUBLIC_MESSAGE, type, raw, BYTES_OF(tag));

        EXPECT(authenticated_content_sign(p->signature_priv, writer_bytes(&p->group_context), &a, &signature) == 0);
        a.auth.signature = writer_bytes(&signature);
        if (type == CONTENT_APPLICATION) {
                EXPECT(public_message_write(p->suite, p->membership_key, writer_bytes(&p->group_context), &a,
                                            &message) < 0);
        } else {
                EXPECT(public_message_write(p->suite, p->membership_key, writer_bytes(&p->group_context), &a,
                                            &message) == 0);
                EXPECT(check_public(p, writer_bytes(&message), raw));
        }
        a = own_content(p, WIRE_FORMAT_PRIVATE_MESSAGE, type, raw, BYTES_OF(tag));
        EXPECT(authenticated_content_sign(p->signature_priv, writer_bytes(&p->group_context), &a, &private_signature) ==
               0);
        a.auth.signature = writer_bytes(&private_signature);
        EXPECT(private_message_seal(p->suite, tree, p->sender_data_secret, &a, 256, &private) == 0);
        EXPECT(check_private(p, writer_bytes(&private), raw));
        return true;
}

static bool protected_both_ways(const struct protection *p, json_object *o, enum content_type type,
                                const char *raw_name, const char *public_name, const char *private_name)
{
        _cleanup_hex_ struct hex raw = vector_hex(o, raw_name), private = vector_hex(o, private_name);
        struct reader r;

        if (public_name) {
                _cleanup_hex_ struct hex public = vector_hex(o, public_name);

                EXPECT(open_message(&r, hex_bytes(&public), WIRE_FORMAT_PUBLIC_MESSAGE));
                EXPECT(check_public(p, r.rest, hex_bytes(&raw)));
        }
        EXPECT(open_message(&r, hex_bytes(&private), WIRE_FORMAT_PRIVATE_MESSAGE));
        EXPECT(check_private(p, r.rest, hex_bytes(&raw)));
        return own_messages(p, type, hex_bytes(&raw));
}

bool vector_message_protection(json_object *o)
{
        _cleanup_(protection_release) struct protection p = {
                .suite = vector_suite(o),
                .group_id = vector_hex(o, "group_id"),
                .signature_pub = vector_hex(o, "signature_pub"),
                .epoch = vector_integer(o, "epoch"),
                .encryption_secret = vector_secret(o, "encryption_secret"),
                .sender_data_secret = vector_secret(o, "sender_data_secret"),
                .membership_key = vector_secret(o, "membership_key"),
        };
        _cleanup_hex_ struct hex tree_hash = vector_hex(o, "tree_hash"),
                                 transcript = vector_hex(o, "confirmed_transcript_hash");
        _cleanup_secret_ struct secret *signature_priv = vector_secret(o, "signature_priv");

        EXPECT(signature_key_new(p.suite, signature_priv, &p.signature_priv) == 0);
        vector_write_group_context(&p.group_context, p.suite, hex_bytes(&p.group_id), p.epoch, hex_bytes(&tree_hash),
                                   hex_bytes(&transcript));
        return protected_both_ways(&p, o, CONTENT_PROPOSAL, "proposal", "proposal_pub", "proposal_priv") &&
               protected_both_ways(&p, o, CONTENT_COMMIT, "commit", "commit_pub", "commit_priv") &&
               protected_both_ways(&p, o, CONTENT_APPLICATION, "application", NULL, "application_priv");
}

bool vector_transcript_hashes(json_object *o)
{
        const struct suite *s = vector_suite(o);
        _cleanup_hex_ struct hex content = vector_hex(o, "authenticated_content"),
                                 before = vector_hex(o, "interim_transcript_hash_before");
        _cleanup_secret_ struct secret *confirmation_key = vector_secret(o, "confirmation_key");
        uint8_t confirmed[SUITE_HASH_MAX], interim[SUITE_HASH_MAX], tag[SUITE_HASH_MAX];
        struct authenticated_content a;
        struct reader r;

        reader_init(&r, hex_bytes(&content));
        authenticated_content_read(&r, &a);
        EXPECT(reader_finish(&r) == 0);
        EXPECT(transcript_confirm(s, hex_bytes(&before), &a, confirmed) == 0);
        EXPECT(vector_equals(o, "confirmed_transcript_hash_after", BYTES(confirmed, s->hash_size)));
        suite_mac(s, secret_bytes(confirmation_key), BYTES(confirmed, s->hash_size), tag);
        EXPECT(secret_equal(BYTES(tag, s->hash_size), a.auth.confirmation_tag));
        EXPECT(transcript_interim(s, BYTES(confirmed, s->hash_size), a.auth.confirmation_tag, interim) == 0);
        EXPECT(vector_equals(o, "interim_transcript_hash_after", BYTES(interim, s->hash_size)));
        return true;
}

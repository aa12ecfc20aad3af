/* Every structure that reaches cryptod/mls from outside: the first byte of the input chooses the decoder. What is taken
 * and can be written must come out as the same bytes; what a group is given without its keys must leave it as it was.
 */
#include <stdlib.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/hpke.h"
#include "cryptod/mls/identity.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "cryptod/mls/private_message.h"
#include "cryptod/mls/public_message.h"
#include "services/cleanup.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct group *group;

static void expect(const struct writer *w, struct bytes input)
{
        if (writer_finish(w) < 0 || !bytes_equal(writer_bytes(w), input))
                abort();
}

/* A group of one, to which messages are given. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        const struct suite *s = suite_by_id(1);
        _cleanup_writer_ struct writer public_key = WRITER_INIT, package = WRITER_INIT;
        _cleanup_secret_ struct secret *private_key = suite_signature_generate(s, &public_key);
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        struct identity i = {
                .suite = s,
                .credential = { CREDENTIAL_BASIC, BYTES_STRING("alice") },
                .signature_key = writer_bytes(&public_key),
                .signature_private_key = private_key,
        };
        struct key_package k;
        struct reader r;

        if (identity_key_package(&i, 0, 1, false, &package, &keys) < 0)
                abort();
        reader_init(&r, writer_bytes(&package));
        key_package_read(&r, &k);
        if (group_create(s, BYTES_STRING("group"), k.leaf.encoded, TAKE(keys.leaf_key), TAKE(private_key),
                         BYTES(NULL, 0), &group) < 0)
                abort();
        return 0;
}

static void fuzz_process(struct bytes input)
{
        _cleanup_(received_release) struct received received = { 0 };

        if (group_process(group, input, NULL, &received) >= 0 || group_epoch(group)->context.epoch != 0)
                abort();
}

static void fuzz_key_package(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct key_package k;
        struct reader r;

        reader_init(&r, input);
        key_package_read(&r, &k);
        if (reader_finish(&r) < 0)
                return;
        write_fixed(&w, k.content);
        write_vector(&w, k.signature);
        expect(&w, input);
        key_package_check(&k, k.leaf.not_before);
}

static void fuzz_welcome(struct bytes input)
{
        struct group *joined;
        static const uint8_t zeroes[32];
        _cleanup_secret_ struct secret *key = secret_copy(BYTES_OF(zeroes));
        struct joiner joiner = { input, key, key };

        if (group_join(input, &joiner, BYTES(NULL, 0), secret_new(32), NULL, &joined) >= 0)
                abort();
}

/* The input is what an inviter has encrypted to us. */
static void fuzz_group_secrets(struct bytes input)
{
        const struct suite *s = suite_by_id(1);
        _cleanup_writer_ struct writer public_key = WRITER_INIT, kem_output = WRITER_INIT, sealed = WRITER_INIT,
                                       list = WRITER_INIT, again = WRITER_INIT;
        _cleanup_secret_ struct secret *key = hpke_derive_key_pair(s, BYTES_STRING("bob"), &public_key);
        _cleanup_(group_secrets_release) struct group_secrets secrets = { 0 };
        struct bytes ref = BYTES_STRING("reference");

        if (hpke_encrypt_with_label(s, writer_bytes(&public_key), "Welcome", BYTES(NULL, 0), input, &kem_output,
                                    &sealed) < 0)
                abort();
        write_vector(&list, ref);
        write_vector(&list, writer_bytes(&kem_output));
        write_vector(&list, writer_bytes(&sealed));
        if (writer_finish(&list) < 0 ||
            welcome_open_secrets(&(struct welcome){ .suite = s, .secrets = writer_bytes(&list) }, ref, key, &secrets) <
                    0)
                return;
        write_vector(&again, secret_bytes(secrets.joiner_secret));
        write_optional(&again, secrets.path_secret != NULL);
        if (secrets.path_secret)
                write_vector(&again, secret_bytes(secrets.path_secret));
        write_vector(&again, secrets.psks);
        expect(&again, input);
}

static void fuzz_group_info(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct group_info g;
        struct reader r;

        reader_init(&r, input);
        if (group_info_read(&r, &g) < 0)
                return;
        if (reader_finish(&r) >= 0) {
                write_fixed(&w, group_context_bytes(&g.context));
                write_vector(&w, g.extensions);
                write_vector(&w, g.confirmation_tag);
                write_u32(&w, g.signer);
                write_vector(&w, g.signature);
                expect(&w, input);
        }
        group_info_release(&g);
}

static void fuzz_tree(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct ratchet_tree t;
        struct reader r;

        reader_init(&r, input);
        if (ratchet_tree_read(suite_by_id(1), &r, &t) < 0)
                return;
        if (reader_finish(&r) >= 0) {
                ratchet_tree_write(&t, &w);
                expect(&w, input);
                ratchet_tree_validate(&t, BYTES_STRING("group"), 1);
        }
        ratchet_tree_release(&t);
}

static void fuzz_content(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct authenticated_content a;
        struct reader r;

        reader_init(&r, input);
        authenticated_content_read(&r, &a);
        if (reader_finish(&r) < 0)
                return;
        authenticated_content_write(&w, &a);
        expect(&w, input);
}

static void fuzz_state(struct bytes input)
{
        _cleanup_group_ struct group *g = NULL;
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;

        reader_init(&r, input);
        if (group_read(&r, &g) < 0 || reader_finish(&r) < 0)
                return;
        group_write(g, &w);
        expect(&w, input);
}

/* The input is the extensions of a group, the protocol's own among them (§13.3, §12.1.8.1): what they demand of its
 * member, and who may propose from outside. */
static void fuzz_extensions(struct bytes input)
{
        const struct epoch *e = group_epoch(group);
        struct epoch other = *e;
        struct group outer = { .current = &other };
        _cleanup_writer_ struct writer proposal = WRITER_INIT, message = WRITER_INIT;
        _cleanup_(received_release) struct received received = { 0 };
        struct authenticated_content a = { .wire_format = WIRE_FORMAT_PUBLIC_MESSAGE };

        group_extensions_validate(&e->tree, input);
        if (group_context_make(e->context.suite, e->context.group_id, 0, e->context.tree_hash,
                               e->context.confirmed_transcript_hash, input, &other.context) < 0)
                return;
        proposal_write_remove(&proposal, 0);
        a.content = (struct framed_content){ .group_id = e->context.group_id,
                                             .sender_type = SENDER_EXTERNAL,
                                             .sender = input.size % 3,
                                             .content_type = CONTENT_PROPOSAL,
                                             .body = writer_bytes(&proposal) };
        a.auth.signature = BYTES_STRING("none");
        write_u16(&message, PROTOCOL_MLS10);
        write_u16(&message, WIRE_FORMAT_PUBLIC_MESSAGE);
        if (public_message_write(e->context.suite, NULL, BYTES(NULL, 0), &a, &message) < 0 ||
            group_process(&outer, writer_bytes(&message), NULL, &received) >= 0)
                abort();
        group_context_release(&other.context);
}

/* The input is the external_pub extension of a GroupInfo that the group's member has signed. */
static void fuzz_external_pub(struct bytes input)
{
        const struct epoch *e = group_epoch(group);
        _cleanup_writer_ struct writer extensions = WRITER_INIT, tree = WRITER_INIT, info = WRITER_INIT,
                                       public_key = WRITER_INIT, commit = WRITER_INIT;
        _cleanup_secret_ struct secret *private_key = suite_signature_generate(e->context.suite, &public_key);
        _cleanup_group_ struct group *joined = NULL;
        const struct identity bob = { .suite = e->context.suite,
                                      .credential = { CREDENTIAL_BASIC, BYTES_STRING("bob") },
                                      .signature_key = writer_bytes(&public_key),
                                      .signature_private_key = private_key };
        const uint8_t tag[SUITE_HASH_MAX] = { 0 };

        ratchet_tree_write(&e->tree, &tree);
        write_u16(&extensions, EXTENSION_EXTERNAL_PUB);
        write_vector(&extensions, input);
        write_u16(&info, PROTOCOL_MLS10);
        write_u16(&info, WIRE_FORMAT_GROUP_INFO);
        if (group_info_write(&e->context, writer_bytes(&extensions), BYTES(tag, e->context.suite->hash_size), 0,
                             group->signature_key, &info) < 0)
                abort();
        group_join_external(&(struct external_join){ .group_info = writer_bytes(&info),
                                                     .tree = writer_bytes(&tree),
                                                     .self = &bob,
                                                     .resync = NODE_NONE },
                            NULL, &commit, &joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const decoders[])(struct bytes) = {
                fuzz_process, fuzz_key_package, fuzz_welcome,       fuzz_group_info, fuzz_tree,
                fuzz_content, fuzz_state,       fuzz_group_secrets, fuzz_extensions, fuzz_external_pub,
        };

        if (size > 0)
                decoders[data[0] % COUNT_OF(decoders)](BYTES(data + 1, size - 1));
        return 0;
}

/* Vectors of joining: welcome. */
#include <stdio.h>

#include "cryptod/mls/framing.h"
#include "cryptod/mls/key_package.h"
#include "cryptod/mls/key_schedule.h"
#include "cryptod/mls/vectors.h"
#include "cryptod/mls/welcome.h"
#include "services/cleanup.h"

/* Reads the head of an MLSMessage. */
static bool is_message(struct reader *r, enum wire_format format)
{
        return read_u16(r) == PROTOCOL_MLS10 && read_u16(r) == (uint16_t) format;
}

bool vector_welcome(json_object *o)
{
        const struct suite *s = vector_suite(o);
        _cleanup_secret_ struct secret *init_key = vector_secret(o, "init_priv"), *psk = psk_secret(s, NULL, 0);
        _cleanup_hex_ struct hex signer = vector_hex(o, "signer_pub");
        _cleanup_hex_ struct hex package_bytes = vector_hex(o, "key_package"), welcome_bytes = vector_hex(o, "welcome");
        _cleanup_(group_secrets_release) struct group_secrets secrets = { 0 };
        _cleanup_(group_info_release) struct group_info info = { 0 };
        _cleanup_(key_schedule_release) struct key_schedule schedule = { 0 };
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        uint8_t ref[SUITE_HASH_MAX], tag[SUITE_HASH_MAX];
        struct key_package package;
        struct welcome welcome;
        struct reader r;

        reader_init(&r, hex_bytes(&package_bytes));
        EXPECT(is_message(&r, WIRE_FORMAT_KEY_PACKAGE));
        key_package_read(&r, &package);
        EXPECT(reader_finish(&r) == 0);
        reader_init(&r, hex_bytes(&welcome_bytes));
        EXPECT(is_message(&r, WIRE_FORMAT_WELCOME));
        EXPECT(welcome_read(&r, &welcome) == 0 && reader_finish(&r) == 0 && welcome.suite == s);

        key_package_ref(s, &package, ref);
        EXPECT(welcome_open_secrets(&welcome, BYTES(ref, s->hash_size), init_key, &secrets) == 0);
        EXPECT(welcome_open_group_info(&welcome, secrets.joiner_secret, psk, &plain, &info) == 0);
        EXPECT(group_info_verify(&info, hex_bytes(&signer)) == 0);
        key_schedule_epoch(s, secrets.joiner_secret, psk, group_context_bytes(&info.context), &schedule);
        suite_mac(s, secret_bytes(schedule.confirmation_key), info.context.confirmed_transcript_hash, tag);
        EXPECT(secret_equal(BYTES(tag, s->hash_size), info.confirmation_tag));
        return true;
}

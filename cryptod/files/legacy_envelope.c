/* See legacy_envelope.h. */
#include "cryptod/files/legacy_envelope.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/files/aes_cbc.h"
#include "cryptod/files/pkcs7.h"
#include "services/cleanup.h"
#include "services/seal.h"

#define MAC_INFO "visavis legacy envelope MAC v1"

enum { MAC_SIZE = 32 };

static struct secret *hmac(const struct secret *key, struct bytes input)
{
        struct secret *mac = secret_new(MAC_SIZE);

        if (!HMAC(EVP_sha256(), key->data, (int) key->size, input.data, input.size, mac->data, NULL))
                abort(); /* no memory, or a broken installation */
        return mac;
}

static struct secret *key_of(const struct secret *passphrase)
{
        struct secret *key = secret_new(AES_CBC_KEY_SIZE);

        sha256(secret_bytes(passphrase), key->data);
        return key;
}

static struct secret *mac_of(const struct secret *key, struct bytes sealed)
{
        _cleanup_secret_ struct secret *mac_key = hmac(key, BYTES_STRING(MAC_INFO));

        return hmac(mac_key, sealed);
}

/* -- base64 (RFC 4648 §4) ------------------------------------------------------------------------------------------ */

static void write_base64(struct writer *out, struct bytes b)
{
        size_t size = (b.size + 2) / 3 * 4;
        uint8_t *text = writer_append(out, size + 1);

        if (!text)
                return;
        EVP_EncodeBlock(text, b.data, (int) b.size);
        out->size--; /* its NUL */
}

static int digit(uint8_t c)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *found = c ? memchr(digits, c, sizeof(digits) - 1) : NULL;

        return found ? (int) (found - digits) : -1;
}

static bool is_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Reads up to the end or a full stop, which is taken. */
static int read_base64(struct reader *r, struct writer *out, bool *stopped)
{
        uint32_t bits = 0;
        unsigned digits = 0, fill = 0;

        *stopped = false;
        while (reader_more(r) && !*stopped) {
                uint8_t c = read_u8(r);

                if (is_space(c))
                        continue;
                *stopped = c == '.';
                if (*stopped)
                        break;
                if (c == '=')
                        fill++;
                else if (digit(c) < 0 || fill > 0)
                        return -EBADMSG;
                bits = bits << 6 | (c == '=' ? 0 : (uint32_t) digit(c));
                digits++;
                if (digits % 4 > 0)
                        continue;
                if (fill > 2 || (fill == 1 && bits & 0xff) || (fill == 2 && bits & 0xffff))
                        return -EBADMSG;
                for (unsigned i = 0; i < 3 - fill; i++)
                        write_u8(out, (uint8_t) (bits >> (16 - 8 * i)));
        }
        return digits % 4 || fill > 2 ? -EBADMSG : writer_finish(out);
}

/* -- the envelope -------------------------------------------------------------------------------------------------- */

int legacy_envelope_write_fixed(const struct secret *passphrase, struct bytes iv, struct bytes plain,
                                struct writer *out)
{
        _cleanup_secret_ struct secret *key = key_of(passphrase), *mac = NULL;
        _cleanup_writer_ struct writer sealed = WRITER_INIT;

        assert(iv.size == AES_CBC_BLOCK_SIZE);
        if (plain.size > LEGACY_ENVELOPE_CONTENT_MAX)
                return -EMSGSIZE;
        writer_reserve(&sealed, iv.size + plain.size + PKCS7_BLOCK_SIZE);
        write_fixed(&sealed, iv);
        write_fixed(&sealed, plain);
        pkcs7_pad(plain.size, &sealed);
        if (writer_finish(&sealed) < 0)
                return writer_finish(&sealed);
        aes_cbc(key, true, iv, BYTES(sealed.data + iv.size, sealed.size - iv.size), sealed.data + iv.size);
        mac = mac_of(key, writer_bytes(&sealed));
        write_base64(out, writer_bytes(&sealed));
        write_u8(out, '.');
        write_base64(out, secret_bytes(mac));
        return writer_finish(out);
}

int legacy_envelope_write(const struct secret *passphrase, struct bytes plain, struct writer *out)
{
        uint8_t iv[AES_CBC_BLOCK_SIZE];

        random_fill(iv, sizeof(iv));
        return legacy_envelope_write_fixed(passphrase, BYTES_OF(iv), plain, out);
}

/* Decrypts, and takes the padding off. */
static int decrypt(const struct secret *key, struct bytes sealed, struct writer *out)
{
        struct reader r;
        size_t before = out->size;
        uint32_t good;

        reader_init(&r, sealed);
        struct bytes iv = read_fixed(&r, AES_CBC_BLOCK_SIZE), text = read_fixed(&r, sealed.size - AES_CBC_BLOCK_SIZE);
        uint8_t *plain = writer_append(out, text.size);
        if (!plain)
                return writer_finish(out);
        aes_cbc(key, false, iv, text, plain);
        size_t size = pkcs7_unpad(BYTES(plain, text.size), &good);
        if (!good) {
                explicit_bzero(plain, text.size);
                out->size = before;
                return -EKEYREJECTED;
        }
        explicit_bzero(plain + size, text.size - size);
        out->size = before + size;
        return 0;
}

int legacy_envelope_read(const struct secret *passphrase, struct bytes text, struct writer *out, bool *authenticated)
{
        _cleanup_secret_ struct secret *key = key_of(passphrase), *expected = NULL;
        _cleanup_writer_ struct writer sealed = WRITER_INIT, mac = WRITER_INIT;
        bool has_mac, more = false;
        struct reader r;
        int result;

        if (text.size > LEGACY_ENVELOPE_TEXT_MAX)
                return -EMSGSIZE;
        reader_init(&r, text);
        result = read_base64(&r, &sealed, &has_mac);
        if (result >= 0 && has_mac)
                result = read_base64(&r, &mac, &more);
        if (result < 0)
                return result;
        if (more || sealed.size < 2 * AES_CBC_BLOCK_SIZE || sealed.size % AES_CBC_BLOCK_SIZE ||
            (has_mac && mac.size != MAC_SIZE))
                return -EBADMSG;
        expected = mac_of(key, writer_bytes(&sealed));
        if (has_mac && !secret_equal(secret_bytes(expected), writer_bytes(&mac)))
                return -EKEYREJECTED;
        result = decrypt(key, writer_bytes(&sealed), out);
        if (result >= 0)
                *authenticated = has_mac;
        return result;
}

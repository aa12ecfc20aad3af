/* See credential.h. */
#include "cryptod/conversation/credential.h"

#include <errno.h>
#include <string.h>

#include "services/address.h"

enum { VERSION = 1 };

#define LABEL "Visavis device"

static int write_tbs(struct bytes address, struct bytes signature_key, struct writer *w)
{
        write_vector(w, address);
        write_vector(w, signature_key);
        return writer_finish(w);
}

int device_credential_write(const struct suite *s, struct bytes address, struct bytes root_key,
                            const struct secret *root_private_key, struct bytes signature_key, struct writer *out)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT, signature = WRITER_INIT;
        int r = write_tbs(address, signature_key, &tbs);

        if (r >= 0)
                r = suite_sign_with_label(s, root_private_key, LABEL, writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_u8(out, VERSION);
        write_vector(out, address);
        write_vector(out, root_key);
        write_vector(out, writer_bytes(&signature));
        return writer_finish(out);
}

bool address_is_canonical(struct bytes text)
{
        char copy[ADDRESS_TEXT_MAX], canonical[ADDRESS_TEXT_MAX];
        struct address a;

        if (text.size == 0 || text.size >= sizeof(copy))
                return false;
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        if (address_parse(copy, &a, NULL) < 0)
                return false;
        address_format(&a, false, canonical);
        return bytes_equal(text, BYTES_STRING(canonical));
}

static int read_content(const struct leaf_node *leaf, struct device_credential *out, struct bytes *signature)
{
        struct device_credential c;
        struct reader r;

        if (leaf->credential.type != CREDENTIAL_BASIC)
                return -EPROTONOSUPPORT;
        reader_init(&r, leaf->credential.content);
        if (read_u8(&r) != VERSION)
                return -EPROTONOSUPPORT;
        c.address = read_vector(&r);
        c.root_key = read_vector(&r);
        *signature = read_vector(&r);
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        *out = c;
        return 0;
}

int device_credential_peek(const struct leaf_node *leaf, struct device_credential *out)
{
        struct bytes signature;

        return read_content(leaf, out, &signature);
}

int device_credential_read(const struct suite *s, const struct leaf_node *leaf, struct device_credential *out)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT;
        struct bytes signature;
        int r = read_content(leaf, out, &signature);

        if (r >= 0 && !address_is_canonical(out->address))
                r = -EBADMSG;
        if (r >= 0)
                r = write_tbs(out->address, leaf->signature_key, &tbs);
        return r < 0 ? r : suite_verify_with_label(s, out->root_key, LABEL, writer_bytes(&tbs), signature);
}

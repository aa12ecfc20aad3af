/* Which devices are believed to be whose. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cryptod/conversation/credential.h"
#include "services/cleanup.h"

/* A leaf as far as a credential goes: what @root signed for a device of @address, with the device's signature key. */
struct device_leaf {
        struct writer root_key, signature_key, credential;
        struct leaf_node leaf;
};

static const struct suite *suite;

static void device_leaf_release(struct device_leaf *d)
{
        writer_release(&d->root_key);
        writer_release(&d->signature_key);
        writer_release(&d->credential);
}

static void make_leaf(struct bytes address, struct device_leaf *d)
{
        _cleanup_secret_ struct secret *root = NULL, *device = NULL;

        suite = suite_by_id(1);
        *d = (struct device_leaf){ 0 };
        root = suite_signature_generate(suite, &d->root_key);
        device = suite_signature_generate(suite, &d->signature_key);
        assert_int_equal(device_credential_write(suite, address, writer_bytes(&d->root_key), root,
                                                 writer_bytes(&d->signature_key), &d->credential),
                         0);
        d->leaf.signature_key = writer_bytes(&d->signature_key);
        d->leaf.credential = (struct credential){ CREDENTIAL_BASIC, writer_bytes(&d->credential) };
}

static void a_device_is_its_accounts(void **state)
{
        _cleanup_(device_leaf_release) struct device_leaf d;
        struct device_credential c;

        make_leaf(BYTES_STRING("alice@hub.example.org:7843"), &d);
        assert_int_equal(device_credential_read(suite, &d.leaf, &c), 0);
        assert_true(bytes_equal(c.address, BYTES_STRING("alice@hub.example.org:7843")));
        assert_true(bytes_equal(c.root_key, writer_bytes(&d.root_key)));
}

/* Another spelling would be a contact of its own, beside the one whose root key is known. */
static void an_address_has_one_spelling(void **state)
{
        static const char nul[] = "alice@hub.example.org:7843";
        const struct bytes spellings[] = {
                BYTES_STRING("Alice@hub.example.org:7843"),
                BYTES_STRING("alice@HUB.example.org:7843"),
                BYTES_STRING("alice@hub.example.org"),
                BYTES_STRING("alice@hub.example.org:7843#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
                BYTES_STRING("alice@[2001:db8:0::1]:7843"),
                BYTES_STRING("alice"),
                BYTES_STRING(""),
                BYTES(nul, sizeof(nul)),
        };

        for (size_t i = 0; i < COUNT_OF(spellings); i++) {
                _cleanup_(device_leaf_release) struct device_leaf d;
                struct device_credential c;

                make_leaf(spellings[i], &d);
                assert_int_equal(device_credential_read(suite, &d.leaf, &c), -EBADMSG);
        }
}

static void another_key_is_another_device(void **state)
{
        _cleanup_(device_leaf_release) struct device_leaf d, other;
        struct device_credential c;

        make_leaf(BYTES_STRING("alice@hub.example.org:7843"), &d);
        make_leaf(BYTES_STRING("alice@hub.example.org:7843"), &other);
        d.leaf.signature_key = other.leaf.signature_key;
        assert_int_equal(device_credential_read(suite, &d.leaf, &c), -EBADMSG);
}

static void no_byte_can_be_changed(void **state)
{
        _cleanup_(device_leaf_release) struct device_leaf d;
        struct device_credential c;

        make_leaf(BYTES_STRING("alice@hub.example.org:7843"), &d);
        for (size_t i = 0; i < d.credential.size; i++) {
                d.credential.data[i] ^= 1;
                assert_true(device_credential_read(suite, &d.leaf, &c) < 0);
                d.credential.data[i] ^= 1;
        }
        assert_int_equal(device_credential_read(suite, &d.leaf, &c), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_device_is_its_accounts),
                cmocka_unit_test(an_address_has_one_spelling),
                cmocka_unit_test(another_key_is_another_device),
                cmocka_unit_test(no_byte_can_be_changed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The address of a person: name@host:port#key.
 *
 *     alice@hub.example.org:7843#p0Z…    key: base64url of SHA-256 over the hub's SubjectPublicKeyInfo (43 characters)
 *     alice@[2001:db8::1]:7843            IPv6 in brackets; port 7843 if left out; key optional
 *
 * name: 1 to 64 of a-z 0-9 . _ -, starting with a letter or digit. host: as in a URI, at most 253 characters.
 * A hub's own address is the part behind the @. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_PORT_DEFAULT = 7843, ADDRESS_KEY_SIZE = 32, ADDRESS_TEXT_MAX = 64 + 1 + 255 + 1 + 5 + 1 + 43 + 1 };

struct address {
        char name[65]; /* empty for a hub's own address */
        char host[254];
        uint16_t port;
        bool has_key;
        uint8_t key[ADDRESS_KEY_SIZE];
};

/* -EINVAL, and *reason (if given) is set to a constant sentence that says what is wrong. Upper case in name and host
 * becomes lower case. */
int address_parse(const char *text, struct address *out, const char **reason);
int address_parse_hub(const char *text, struct address *out, const char **reason);

/* Writes the canonical text, NUL-terminated; with the key only if @with_key and there is one. The port is always
 * written. */
void address_format(const struct address *a, bool with_key, char out[static ADDRESS_TEXT_MAX]);

/* Same name, host and port; keys are not compared. */
bool address_equal(const struct address *a, const struct address *b);

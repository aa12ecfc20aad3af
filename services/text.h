/* Bytes as text and back: lower-case hex (ids) and base64url without padding (RFC 4648 §5; keys in addresses). */
#pragma once

#include "bytes.h"

/* New strings, owned by the caller; NULL when memory is exhausted. */
char *hex_encode(struct bytes b);
char *base64url_encode(struct bytes b);

/* Decode exactly @size bytes. -EINVAL if @s has another length, or a character or bit that does not belong. */
int hex_decode(const char *s, uint8_t *out, size_t size);
int base64url_decode(const char *s, uint8_t *out, size_t size);

/* True for valid UTF-8 (RFC 3629) without NUL. */
bool utf8_valid(struct bytes b);

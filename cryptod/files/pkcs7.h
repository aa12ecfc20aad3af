/* The padding of PKCS#7 (RFC 5652 §6.3) to blocks of 16 bytes: n bytes of value n, from 1 to 16. */
#pragma once

#include "services/bytes.h"

enum { PKCS7_BLOCK_SIZE = 16 };

/* Appends the padding of a content of @size bytes. */
void pkcs7_pad(size_t size, struct writer *out);

/* The size of the content of @padded without its padding, and in @good whether the padding is right (1; else 0, and the
 * size is that of @padded). The time that it takes and the addresses that it touches depend on @padded's size alone:
 * what is inside, how long the padding is and whether it is right do not show. @padded is a multiple of
 * PKCS7_BLOCK_SIZE, and not empty. */
size_t pkcs7_unpad(struct bytes padded, uint32_t *good);

/* AES-256-CBC (NIST SP 800-38A) over whole blocks, for what older tools have written. Alone it protects nothing from
 * being changed. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum { AES_CBC_KEY_SIZE = 32, AES_CBC_BLOCK_SIZE = 16 };

/* Encrypts or decrypts @input, a multiple of AES_CBC_BLOCK_SIZE, into as many bytes of @out, which may be the same
 * place. @key has AES_CBC_KEY_SIZE bytes, @iv one block. */
void aes_cbc(const struct secret *key, bool encrypts, struct bytes iv, struct bytes input, uint8_t *out);

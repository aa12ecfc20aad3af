/* A text as a QR code (ISO/IEC 18004), for a camera that looks at a screen. */
#pragma once

#include <stdint.h>

/* The code as lines of UTF-8, two rows of modules in a line, black on white whatever the terminal's colours are, with
 * the quiet zone of four modules around it that the standard asks for. Owned by the caller; NULL if memory is exhausted
 * or the text is too long for a code (2331 bytes). */
char *qr_code_for_terminal(const char *text);

/* The code as @width rows of @width modules, a byte each, 1 for a dark one, with the same quiet zone. @out is owned by
 * the caller. -ENOMEM, or -EMSGSIZE for a text that is too long. */
int qr_code_modules(const char *text, uint8_t **out, unsigned *width);

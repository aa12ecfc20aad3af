/* See qr_code.h. */
#include "qr_code.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"

enum { QUIET = 4 };

#define BLACK_ON_WHITE "\033[0;30;107m"
#define AS_BEFORE "\033[0m"

static bool is_dark(const QRcode *code, int x, int y)
{
        return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1);
}

static void draw(FILE *f, const QRcode *code)
{
        static const char *const blocks[] = { " ", "▀", "▄", "█" };

        for (int y = -QUIET; y < code->width + QUIET; y += 2) {
                fputs(BLACK_ON_WHITE, f);
                for (int x = -QUIET; x < code->width + QUIET; x++)
                        fputs(blocks[is_dark(code, x, y) + 2 * is_dark(code, x, y + 1)], f);
                fputs(AS_BEFORE "\n", f);
        }
}

char *qr_code_for_terminal(const char *text)
{
        QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
        char *out = NULL;
        size_t size;
        FILE *f = code ? open_memstream(&out, &size) : NULL;

        if (f) {
                draw(f, code);
                if (fclose(f) != 0) {
                        free(out);
                        out = NULL;
                }
        }
        QRcode_free(code);
        return out;
}

int qr_code_modules(const char *text, uint8_t **out, unsigned *width)
{
        QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
        int size = code ? code->width + 2 * QUIET : 0;
        uint8_t *modules = code ? malloc((size_t) size * (size_t) size) : NULL;
        int r = modules ? 0 : code || errno == ENOMEM ? -ENOMEM : -EMSGSIZE;

        for (int i = 0; modules && i < size * size; i++)
                modules[i] = is_dark(code, i % size - QUIET, i / size - QUIET);
        QRcode_free(code);
        if (r < 0)
                return r;
        *out = modules;
        *width = (unsigned) size;
        return 0;
}

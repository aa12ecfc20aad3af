/* A gallery from a hostile disk: what is taken is written as the same bytes. The input is the header and the first
 * bytes of each histogram: 16384 bytes a picture would tell a fuzzer nothing. */
#include <stdlib.h>
#include <string.h>

#include "authd/gallery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 3, SHOWN = 8, PICTURES_MAX = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t file[HEADER + PICTURES_MAX * HISTOGRAM_SIZE + SHOWN];
        _cleanup_writer_ struct writer w = WRITER_INIT;
        static struct gallery gallery;
        size_t filled = size < HEADER ? size : HEADER;
        struct reader r;

        memset(file, 0, sizeof(file));
        memcpy(file, data, filled);
        for (size_t at = HEADER; at < size && filled <= sizeof(file) - HISTOGRAM_SIZE; at += SHOWN) {
                size_t n = size - at < SHOWN ? size - at : SHOWN;

                memcpy(file + filled, data + at, n);
                filled += n < SHOWN ? n : HISTOGRAM_SIZE;
        }
        reader_init(&r, BYTES(file, filled));
        gallery_read(&r, &gallery);
        if (reader_finish(&r) < 0)
                return 0;
        gallery_write(&gallery, &w);
        if (gallery.count < 1 || gallery.count > GALLERY_MAX || !bytes_equal(writer_bytes(&w), BYTES(file, filled)))
                abort();
        return 0;
}

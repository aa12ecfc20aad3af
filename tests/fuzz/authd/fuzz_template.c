/* A template from a hostile disk: what is taken is written as the same bytes, if it is of the newest version, and
 * compares within bounds. */
#include <stdlib.h>

#include "authd/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct template t = { 0 };
        struct reader r;

        reader_init(&r, BYTES(data, size));
        template_read(&r, &t);
        if (reader_finish(&r) < 0)
                return 0;
        template_write(&t, &w);
        if (t.count < 1 || t.count > TEMPLATE_MAX ||
            (data[0] == 2 && !bytes_equal(writer_bytes(&w), BYTES(data, size))))
                abort();
        double score = template_score(&t, t.embedding[0]);

        if (!(score > 0.99 && score < 1.01))
                abort();
        return 0;
}

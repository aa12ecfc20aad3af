/* What a message says of its file. What is taken has a name that can do no harm and as many chunks as its size needs.
 */
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/file_part.h"
#include "services/cleanup.h"
#include "services/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
        if (!good)
                abort();
}

static void check_name(struct bytes name)
{
        char safe[FILE_NAME_MAX + 1];

        file_part_safe_name(name, safe);
        must(safe[0] != '\0' && safe[0] != '.' && !strpbrk(safe, "/\\\n\x1b"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct file_part p, again;

        if (size <= FILE_NAME_MAX)
                check_name(BYTES(data, size));
        if (file_part_read(BYTES(data, size), &p) < 0)
                return 0;
        must(utf8_valid(p.name) && p.chunks.size / FILE_CHUNK_NAME_SIZE == file_part_chunks(p.size));
        check_name(p.name);
        file_part_write(&p, &w);
        must(writer_finish(&w) == 0 && file_part_read(writer_bytes(&w), &again) == 0 && again.size == p.size &&
             bytes_equal(again.thumbnail, p.thumbnail) && again.voice == p.voice &&
             bytes_equal(again.levels, p.levels));
        return 0;
}

#include "cryptod/mls/transcript.h"

#include <errno.h>

int transcript_confirm(const struct suite *s, struct bytes interim, const struct authenticated_content *commit,
                       uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer input = WRITER_INIT;
        int r;

        if (commit->content.content_type != CONTENT_COMMIT)
                return -EBADMSG;
        write_fixed(&input, interim);
        write_u16(&input, (uint16_t) commit->wire_format);
        framed_content_write(&input, &commit->content);
        write_vector(&input, commit->auth.signature);
        r = writer_finish(&input);
        if (r < 0)
                return r;
        suite_hash(s, writer_bytes(&input), out);
        return 0;
}

int transcript_interim(const struct suite *s, struct bytes confirmed, struct bytes confirmation_tag,
                       uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer input = WRITER_INIT;
        int r;

        write_fixed(&input, confirmed);
        write_vector(&input, confirmation_tag);
        r = writer_finish(&input);
        if (r < 0)
                return r;
        suite_hash(s, writer_bytes(&input), out);
        return 0;
}

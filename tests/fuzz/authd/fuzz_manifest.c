/* A manifest from whoever may write it: it is refused with a sentence, or all that it says is within bounds. */
#include <stdlib.h>
#include <string.h>

#include "authd/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(const struct model_entry *m)
{
        if (!memchr(m->file, '\0', sizeof(m->file)) || m->file[0] == '\0' || m->file[0] == '.' ||
            (m->file[0] != '/' && strchr(m->file, '/')) || !memchr(m->licence, '\0', sizeof(m->licence)) ||
            m->input.width < 8 || m->input.width > 1024 || m->input.height < 8 || m->input.height > 1024 ||
            m->input.channels > CHANNELS_GREY)
                abort();
        for (unsigned i = 0; i < 3; i++)
                if (!(m->input.mean[i] >= -1e4 && m->input.mean[i] <= 1e4 && m->input.scale[i] >= -1e4 &&
                      m->input.scale[i] <= 1e4))
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char error[MANIFEST_ERROR_MAX] = "";
        struct manifest m;
        int r = manifest_parse(BYTES(data, size), &m, error);

        if (r < 0) {
                if (error[0] == '\0' || !memchr(error, '\0', sizeof(error)))
                        abort();
                return 0;
        }
        const double figures[] = {
                m.score, m.overlap, m.thresholds.match, m.thresholds.same, m.thresholds.hopeless, m.thresholds.doubtful
        };

        for (unsigned i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
                if (!(figures[i] >= 0 && figures[i] <= 1))
                        abort();
        for (unsigned i = 0; i < MODEL_COUNT; i++)
                check_model(&m.model[i]);
        return 0;
}

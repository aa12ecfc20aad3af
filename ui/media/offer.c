/* See offer.h. */
#include "ui/media/offer.h"

#include <errno.h>

#include "services/cleanup.h"

static int append_number(sd_bus_message *m, const char *name, uint32_t number)
{
        return number > 0 ? sd_bus_message_append(m, "{sv}", name, "u", number) : 0;
}

static int append_bytes(sd_bus_message *m, const char *name, struct bytes bytes)
{
        int r = sd_bus_message_open_container(m, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', bytes.data, bytes.size);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_thumbnail(sd_bus_message *m, const struct finding *f)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u8(&w, (uint8_t) f->shown_width);
        write_u8(&w, (uint8_t) f->shown_height);
        write_fixed(&w, BYTES(f->pixels, (size_t) 3 * f->shown_width * f->shown_height));
        return writer_finish(&w) < 0 ? -ENOMEM : append_bytes(m, "thumbnail", writer_bytes(&w));
}

int offer_append(sd_bus_message *m, const struct finding *f, bool voice)
{
        int r = append_number(m, "width", f->width);

        if (r >= 0)
                r = append_number(m, "height", f->height);
        if (r >= 0)
                r = append_number(m, "duration", f->duration);
        if (r >= 0 && f->pixels)
                r = append_thumbnail(m, f);
        return r < 0 || !voice ? r : append_bytes(m, "voice", BYTES(f->levels, f->level_count));
}

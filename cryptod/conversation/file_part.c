/* See file_part.h. */
#include "cryptod/conversation/file_part.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cryptod/files/sealed_file.h"
#include "services/text.h"

enum { EXTENSION_VOICE = 1 };

static_assert((int) FILE_KEY_SIZE == (int) SEALED_FILE_KEY_SIZE, "it is the sealed file's wrapping key");

uint64_t file_part_chunks(uint64_t size)
{
        return (sealed_file_size(size) + SEALED_FILE_CHUNK_SIZE - 1) / SEALED_FILE_CHUNK_SIZE;
}

static bool media_type_valid(struct bytes type)
{
        unsigned slashes = 0;

        for (size_t i = 0; i < type.size; i++) {
                slashes += type.data[i] == '/';
                if (type.data[i] <= ' ' || type.data[i] >= 0x7f)
                        return false;
        }
        return type.size <= FILE_MEDIA_TYPE_MAX && (type.size == 0 || slashes == 1);
}

static bool thumbnail_valid(struct bytes t)
{
        if (t.size == 0)
                return true;
        return t.size > 2 && t.data[0] > 0 && t.data[0] <= FILE_THUMBNAIL_SIDE_MAX && t.data[1] > 0 &&
               t.data[1] <= FILE_THUMBNAIL_SIDE_MAX && t.size == 2 + 3 * (size_t) t.data[0] * t.data[1];
}

/* What a sender says of a file is as it has to be. */
static bool is_valid(const struct file_part *p)
{
        return p->name.size > 0 && p->name.size <= FILE_NAME_MAX && utf8_valid(p->name) &&
               media_type_valid(p->media_type) && thumbnail_valid(p->thumbnail) && p->levels.size <= FILE_LEVELS_MAX;
}

/* How many bytes at @at are a character that must not stand in a file's name: one that steers a terminal, or with
 * which the end of the name can be shown somewhere else (Unicode's controls of direction). 0: none. */
static size_t steering(const uint8_t *at, size_t size)
{
        if (at[0] < 0x20 || at[0] == 0x7f)
                return 1;
        if (size >= 2 && ((at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c)))
                return 2;
        if (size >= 3 && at[0] == 0xe2 &&
            ((at[1] == 0x80 && ((at[2] >= 0x8b && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
             (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf)))
                return 3;
        return 0;
}

void file_part_safe_name(struct bytes name, char out[static FILE_NAME_MAX + 1])
{
        size_t used = 0;

        for (size_t i = 0; i < name.size && used < FILE_NAME_MAX;) {
                size_t skipped = steering(name.data + i, name.size - i);
                uint8_t c = name.data[i];

                i += skipped > 0 ? skipped : 1;
                if (c == '/' || c == '\\')
                        used = 0;
                else if (skipped == 0 && !(used == 0 && (c == '.' || c == ' ' || c == '-')))
                        out[used++] = (char) c;
        }
        while (used > 0 && !utf8_valid(BYTES((uint8_t *) out, used))) /* cut within a character */
                used--;
        out[used] = '\0';
        if (used == 0)
                (void) snprintf(out, FILE_NAME_MAX + 1, "file");
}

void file_part_write(const struct file_part *p, struct writer *w)
{
        size_t mark;

        write_vector(w, p->name);
        write_vector(w, p->media_type);
        write_u64(w, p->size);
        write_vector(w, p->key);
        write_vector(w, p->chunks);
        write_u32(w, p->width);
        write_u32(w, p->height);
        write_u32(w, p->duration);
        write_vector(w, p->thumbnail);
        mark = writer_open_vector(w);
        if (p->voice) {
                write_u16(w, EXTENSION_VOICE);
                write_vector(w, p->levels);
        }
        writer_close_vector(w, mark);
}

static void read_extensions(struct reader *r, struct file_part *p)
{
        struct reader extensions = read_vector_open(r);

        while (reader_more(&extensions)) {
                const uint16_t type = read_u16(&extensions);
                const struct bytes value = read_vector(&extensions);

                if (type == EXTENSION_VOICE) {
                        p->voice = true;
                        p->levels = value;
                }
        }
        reader_close_vector(r, &extensions);
}

int file_part_read_draft(struct bytes input, struct file_part *out)
{
        struct file_part p = { 0 };
        struct reader r;

        reader_init(&r, input);
        p.name = read_vector(&r);
        p.media_type = read_vector(&r);
        p.size = read_u64(&r);
        p.key = read_vector(&r);
        p.chunks = read_vector(&r);
        p.width = read_u32(&r);
        p.height = read_u32(&r);
        p.duration = read_u32(&r);
        p.thumbnail = read_vector(&r);
        read_extensions(&r, &p);
        if (reader_finish(&r) < 0 || !is_valid(&p) || p.key.size != FILE_KEY_SIZE)
                return -EBADMSG;
        *out = p;
        return 0;
}

int file_part_read(struct bytes input, struct file_part *out)
{
        struct file_part p;
        int r = file_part_read_draft(input, &p);

        if (r < 0)
                return r;
        if (p.size > (uint64_t) FILE_CHUNKS_MAX * SEALED_FILE_CHUNK_SIZE ||
            p.chunks.size != file_part_chunks(p.size) * FILE_CHUNK_NAME_SIZE ||
            p.chunks.size > (size_t) FILE_CHUNKS_MAX * FILE_CHUNK_NAME_SIZE)
                return -EBADMSG;
        *out = p;
        return 0;
}

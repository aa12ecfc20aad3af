/* A file that a message carries: what is said of it, and what is needed to fetch and to open it (after ExternalPart of
 * draft-ietf-mimi-content). The file itself is a sealed file (docs/sealed-files.md) under the key here, padded, and
 * lies on the hub in chunks, whose names are their SHA-256.
 *
 *     struct {
 *         opaque name<V>;          UTF-8, 1 to 255 bytes: a file's name without a path
 *         opaque media_type<V>;    RFC 6838: type/subtype; may be empty
 *         uint64 size;             of the content
 *         opaque key<V>;           32 bytes
 *         opaque chunks<V>;        their names, 32 bytes each, in order
 *         uint32 width;            of a picture or a video, in pixels; 0: not known
 *         uint32 height;
 *         uint32 duration;         of a recording or a video, in milliseconds; 0: not known
 *         opaque thumbnail<V>;     empty, or uint8 width, uint8 height (1 to 64 each), and 3 bytes (R, G, B) a pixel
 *         FileExtension extensions<V>;    types that are not known are ignored
 *     } FilePart;
 *
 *     struct { uint16 type; opaque value<V>; } FileExtension;
 *
 *     type 1     it is a voice message; value: how loud it is, up to 64 levels from its beginning to its end, 255 the
 *                loudest; none: not known
 *
 * A thumbnail is raw pixels, so that nobody has to decode what somebody else has made. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "services/bytes.h"

enum {
        FILE_NAME_MAX = 255,
        FILE_MEDIA_TYPE_MAX = 127,
        FILE_KEY_SIZE = 32,
        FILE_CHUNK_NAME_SIZE = 32,
        FILE_CHUNKS_MAX = 24000, /* their names have to fit an envelope: files up to 5.8 GiB */
        FILE_LEVELS_MAX = 64,
        FILE_THUMBNAIL_SIDE_MAX = 64,
        FILE_THUMBNAIL_MAX = 2 + 3 * FILE_THUMBNAIL_SIDE_MAX * FILE_THUMBNAIL_SIDE_MAX,
};

struct file_part {
        struct bytes name, media_type;
        uint64_t size;
        struct bytes key, chunks;
        uint32_t width, height, duration;
        struct bytes thumbnail;
        bool voice; /* a voice message, whose levels these are */
        struct bytes levels;
};

/* How many chunks a file with @size bytes of content has. */
uint64_t file_part_chunks(uint64_t size);

/* The file's name as it may be used for one: without a path, control characters, direction marks of Unicode or a
 * leading dot; "file" if nothing is left. */
void file_part_safe_name(struct bytes name, char out[static FILE_NAME_MAX + 1]);

void file_part_write(const struct file_part *p, struct writer *w);

/* As views. -EBADMSG if anything is not as above, or @size does not fit the number of chunks. */
int file_part_read(struct bytes input, struct file_part *out);

/* The same for one that is not on the hub yet: nothing is demanded of its size and chunks. */
int file_part_read_draft(struct bytes input, struct file_part *out);

/* A file that appears under its name when it is whole, and not before, whatever happens meanwhile. */
#pragma once

#include <stdbool.h>

struct output_file {
        int fd;           /* to be written to */
        char *path;       /* its name in the end; NULL: standard output */
        char *temporary;  /* its name until then, where the file system can make no file without one */
        bool may_replace; /* what is there under that name */
};

/* Begins one; @path "-" is standard output. -EEXIST if there is a file of that name and it may not be replaced; what
 * open(2) says. Ended with output_file_release() in any case. */
int output_file_begin(const char *path, bool may_replace, struct output_file *out);

/* All has been written: syncs it and gives it its name. -EEXIST; what fsync(2), linkat(2) and rename(2) say. */
int output_file_finish(struct output_file *o);

/* Throws away what has not been finished. */
void output_file_release(struct output_file *o);

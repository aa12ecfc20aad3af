/* Copying from one descriptor to another up to the end, in a thread that another one can stop. What is copied does not
 * stay in this process's memory. */
#pragma once

#include <stdint.h>

struct copy_stream;

/* The descriptors are duplicated. fcntl(2)'s and eventfd(2)'s errors. */
int copy_stream_new(int input, int output, struct copy_stream **out);
struct copy_stream *copy_stream_free(struct copy_stream *s);

/* 0, -ECANCELED, what read(2) and write(2) say. */
int copy_stream_run(struct copy_stream *s);

/* From another thread: has it end with -ECANCELED. */
void copy_stream_stop(struct copy_stream *s);

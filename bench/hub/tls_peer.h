/* TLS 1.3 alone, over loopback: what moves bytes from one process to another and does nothing else with them. */
#pragma once

#include <stdint.h>

/* Seconds for @bytes of the contents of @chunk, again and again, until the other side has read them all. A key goes to
 * @directory. To *@cpu is added the processor time of both sides, in ns. */
double tls_peer(const char *directory, const uint8_t *chunk, uint64_t bytes, uint64_t *cpu);

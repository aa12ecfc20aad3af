/* Configuration files with drop-ins, as systemd programs have them.
 *
 * NAME.conf is looked for in each of the configuration directories (default: /usr/lib/visavis then /etc/visavis), then
 * NAME.conf.d/ *.conf of all of them in the order of their file names; what is read later wins, key by key. The format
 * is INI:
 * "[section]" or "[section name]", "key = value", "#" comments. An unknown section or key is an error that names the
 * file and the line, so that no misspelt setting is silently ignored. "key =" goes back to the key's fallback. A
 * comment has a line to itself, since an address holds a "#". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;

/* What a program understands; the list ends with {NULL}. @key NULL ends a section's own list. */
struct config_key {
        const char *section; /* "hub", or "camera" for every "[camera NAME]" */
        const char *key;
        const char *fallback; /* value if it is not set; may be NULL */
};

/* Reads all files of @name. @directories is a colon-separated list, or NULL for the default. On error the reason, with
 * file and line, has been logged, and -EINVAL or an errno of open(2) is returned. No file at all is no error. */
int config_load(const char *name, const char *directories, const struct config_key *keys, struct config **out);
struct config *config_free(struct config *c);

/* The value, or the key's fallback (asking for a key that was not declared is a programmer's error). @instance is the
 * NAME of
 * "[section NAME]", NULL for plain sections. The string belongs to @c. */
const char *config_string(const struct config *c, const char *section, const char *instance, const char *key);

/* A whole number between @min and @max, a yes/no, a time ("30s", "5min", "2h", or a sum of them; a number alone is
 * seconds; the result is in microseconds). Errors have been logged with file and line: -EINVAL (also if there is
 * neither a value nor a fallback), -ERANGE. */
int config_integer(const struct config *c, const char *section, const char *instance, const char *key, int64_t min,
                   int64_t max, int64_t *out);
int config_boolean(const struct config *c, const char *section, const char *instance, const char *key, bool *out);
int config_duration(const struct config *c, const char *section, const char *instance, const char *key,
                    uint64_t *out_usec);

/* The same time, wherever it is written: -EINVAL, -ERANGE. */
int config_parse_duration(const char *text, uint64_t *out_usec);

/* The instances of a section ("[camera NAME]"), in the order of appearance: NULL after the last. */
const char *config_instance(const struct config *c, const char *section, unsigned index);
